//go:build linux

package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A load is one kind of request, or of a sequence of them, that workers repeat
// until the time or the count of a round is over.
type load struct {
	name    string
	workers int
	count   int   // of operations in a round at most, of prepared blobs; 0: as many as the time allows
	bytes   int64 // that an operation moves, where that is the point
	once    func(w *worker) error
}

// A worker puts a load on a server, over a connection of its own.
type worker struct {
	*conn
	content *content
	host    string
	// round and id make what it pushes its own; n counts its operations.
	round, id, n uint32
	request      []byte // of a load that repeats the same
	prepared     []blob // what is to be pushed, if that takes long to make
}

func loads(c *content) []load {
	blobs := func(method string, of func(*content) blob) func(*worker) error {
		return same(method, func(c *content) string { return "blobs/" + of(c).digest })
	}
	small := func(c *content) blob { return c.small }
	mid := func(c *content) blob { return c.mid }
	large := func(c *content) blob { return c.large }
	byTag := func(*content) string { return "manifests/t000" }
	byDigest := func(c *content) string { return "manifests/" + c.image.digest }
	return []load{
		{"HEAD of a blob", 16, 0, 0, blobs("HEAD", small)},
		{"GET of a blob of 4 KiB", 16, 0, 0, blobs("GET", small)},
		{"HEAD of a manifest by tag", 16, 0, 0, same("HEAD", byTag)},
		{"GET of a manifest by tag", 16, 0, 0, same("GET", byTag)},
		{"GET of a manifest by digest", 16, 0, 0, same("GET", byDigest)},
		{"list of 100 tags", 16, 0, 0, same("GET", func(*content) string { return "tags/list" })},
		{"pull of 1 MiB", 8, 0, miB, blobs("GET", mid)},
		{"pull of 128 MiB", 2, 0, int64(c.large.size()), blobs("GET", large)},
		{"push of 4 KiB", 16, 0, 0, (*worker).pushSmall},
		{"push of a small image", 16, 0, 0, (*worker).pushImage},
		{"push of 64 MiB in one", 2, 4, int64(c.upload), (*worker).pushLarge},
		{"push of 64 MiB in chunks of 8", 2, 4, int64(c.upload), (*worker).pushChunks},
	}
}

// same returns the load that asks for one thing again and again.
func same(method string, what func(*content) string) func(*worker) error {
	return func(w *worker) error {
		if w.request == nil {
			w.request = w.head(method, "/v2/"+repository+"/"+what(w.content), "Accept: "+mediaType)
		}
		_, err := w.do(http.StatusOK, w.request)
		return err
	}
}

func (w *worker) head(method, target string, fields ...string) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, w.host)
	for _, f := range fields {
		b = append(append(b, f...), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

func length(n int) string { return fmt.Sprintf("Content-Length: %d", n) }

// begin begins an upload and returns where it goes on.
func (w *worker) begin() (string, error) {
	r, err := w.do(http.StatusAccepted, w.head("POST", "/v2/"+repository+"/blobs/uploads/", length(0)))
	return target(r.location), err
}

// target returns the path and the query of a Location.
func target(location string) string {
	if u, err := url.Parse(location); err == nil && u.IsAbs() {
		return u.RequestURI()
	}
	return location
}

// end returns the target that ends an upload.
func end(target, digest string) string {
	if strings.Contains(target, "?") {
		return target + "&digest=" + digest
	}
	return target + "?digest=" + digest
}

func (w *worker) push(b blob) error {
	at, err := w.begin()
	if err != nil {
		return err
	}
	_, err = w.do(http.StatusCreated, w.head("PUT", end(at, b.digest), length(b.size()), "Content-Type: application/octet-stream"), b.head, b.tail)
	return err
}

func (w *worker) pushManifest(manifest []byte, tag string) error {
	_, err := w.do(http.StatusCreated, w.head("PUT", "/v2/"+repository+"/manifests/"+tag, length(len(manifest)), "Content-Type: "+mediaType), manifest)
	return err
}

func (w *worker) pushSmall() error { return w.push(w.content.blob(4*kiB, w.round, w.id, 4*w.n+3)) }

func (w *worker) pushImage() error {
	i := w.content.newImage(w.round, w.id, w.n)
	return w.pushWhole(i, fmt.Sprintf("w%d-%d", w.id, w.n))
}

func (w *worker) pushWhole(i image, tag string) error {
	for _, b := range i.blobs {
		if err := w.push(b); err != nil {
			return err
		}
	}
	return w.pushManifest(i.manifest, tag)
}

func (w *worker) pushLarge() error { return w.push(w.prepared[w.n]) }

func (w *worker) pushChunks() error {
	b := w.prepared[w.n]
	at, err := w.begin()
	if err != nil {
		return err
	}
	head := b.head
	for from := 0; from < b.size(); {
		to := min(from+w.content.chunk, b.size())
		tail := b.tail[from+len(head)-len(b.head) : to-len(b.head)]
		r, err := w.do(http.StatusAccepted, w.head("PATCH", at, length(to-from), fmt.Sprintf("Content-Range: %d-%d", from, to-1), "Content-Type: application/octet-stream"), head, tail)
		if err != nil {
			return err
		}
		at, from, head = target(r.location), to, nil
	}
	_, err = w.do(http.StatusCreated, w.head("PUT", end(at, b.digest), length(0)))
	return err
}

// preload pushes what the loads pull.
func (w *worker) preload() error {
	for _, b := range []blob{w.content.small, w.content.mid, w.content.large} {
		if err := w.push(b); err != nil {
			return err
		}
	}
	for i := range w.content.tags {
		if err := w.pushWholeOnce(i); err != nil {
			return err
		}
	}
	return nil
}

// pushWholeOnce tags the image; the first time it pushes what it is made of.
func (w *worker) pushWholeOnce(i int) error {
	tag := fmt.Sprintf("t%03d", i)
	if i == 0 {
		return w.pushWhole(w.content.image, tag)
	}
	return w.pushManifest(w.content.image.manifest, tag)
}
