package conformance

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// An uploadKind is a way to bring a blob to the PUT that closes its session.
type uploadKind struct {
	// name completes "a blob sent …".
	name string
	// created is broken by a target that refuses the closing PUT.
	created requirement.Requirement
	// send sends content but for the rest, which the closing PUT brings
	// with the edits.
	send func(u *Upload, content []byte, size int) (rest []byte, edits []func(*wire.Request))
}

// A closing is an upload that lacks its closing PUT only.
type closing struct {
	*Upload
	blob  fixtures.Blob
	size  int // of the chunks, if it has some: two
	rest  []byte
	edits []func(*wire.Request)
}

// bring opens a session for a blob of two chunks, and brings it to the closing
// PUT.
func (k uploadKind) bring(r *Repo) *closing {
	ginkgo.GinkgoHelper()
	u := r.GivenUpload()
	size := u.MinChunk(64)
	blob := r.c.Content.Blob(2 * size)
	rest, edits := k.send(u, blob.Content, size)
	return &closing{Upload: u, blob: blob, size: size, rest: rest, edits: edits}
}

// GivenUnpublished blocks the spec if a blob is served before the upload that
// brings it is closed.
func (c *closing) GivenUnpublished(digests ...digest.Digest) {
	ginkgo.GinkgoHelper()
	c.repo.GivenAbsent(c.repo.c.Content.Blob(64).Digest)
	for _, d := range append(digests, c.blob.Digest) {
		c.repo.c.Given(requirement.ChunkedPutCloses, c.repo.Get(blobPath(d)), haveNothing())
	}
}

// given blocks the spec unless the target takes blobs in this way at all.
func (k uploadKind) given(r *Repo) {
	ginkgo.GinkgoHelper()
	up := k.bring(r)
	r.c.Given(k.created, up.put(up.blob.Digest), wire.HaveSuccess())
}

// put closes the upload under d.
func (c *closing) put(d digest.Digest) *wire.Exchange { return c.Put(d, c.rest, c.edits...) }

// putWhole sends nothing before the closing PUT.
func putWhole() uploadKind {
	return uploadKind{
		"whole in the PUT", requirement.PushBlobCreated,
		func(_ *Upload, content []byte, _ int) ([]byte, []func(*wire.Request)) { return content, nil },
	}
}

// putStreamed sends one PATCH without Content-Range, where the target takes it:
// the text tells of none, clients send it.
func putStreamed() uploadKind {
	return uploadKind{
		"in a stream", requirement.ChunkedPutCreated,
		func(u *Upload, content []byte, _ int) ([]byte, []func(*wire.Request)) {
			ginkgo.GinkgoHelper()
			if x := u.Stream(content); x.Status/100 != 2 {
				*u = *u.repo.GivenUpload()
				u.GivenPatch(0, content)
			}
			return nil, nil
		},
	}
}

// putChunks sends every chunk by PATCH.
func putChunks() uploadKind {
	return uploadKind{
		"in chunks", requirement.ChunkedPutCreated,
		func(u *Upload, content []byte, size int) ([]byte, []func(*wire.Request)) {
			ginkgo.GinkgoHelper()
			u.GivenPatch(0, content[:size])
			u.GivenPatch(size, content[size:])
			return nil, nil
		},
	}
}

// putLastChunk sends the last chunk within the closing PUT.
func putLastChunk() uploadKind {
	return uploadKind{
		"in chunks, the last of them in the PUT", requirement.ChunkedPutLastChunk,
		func(u *Upload, content []byte, size int) ([]byte, []func(*wire.Request)) {
			ginkgo.GinkgoHelper()
			u.GivenPatch(0, content[:size])
			return content[size:], []func(*wire.Request){header("Content-Range", spanOf(size, len(content)-size))}
		},
	}
}

// chunkedKinds are the ways to upload that use PATCH.
func chunkedKinds() []uploadKind { return []uploadKind{putStreamed(), putChunks(), putLastChunk()} }

// uploadKinds are all ways to upload within a session.
func uploadKinds() []uploadKind { return append([]uploadKind{putWhole()}, chunkedKinds()...) }

// GivenChunkedUpload uploads a blob in two chunks, and blocks the spec if that
// does not work at all.
func (r *Repo) GivenChunkedUpload() {
	ginkgo.GinkgoHelper()
	putChunks().given(r)
}

// spanOf returns the Content-Range of n bytes from offset on.
func spanOf(offset, n int) string { return fmt.Sprintf("%d-%d", offset, offset+n-1) }

// neverOpened returns the path of an upload session that nobody has opened.
func (c *Case) neverOpened() string {
	token := c.Content.Token()
	return uploadsPath + fmt.Sprintf("0a1b2c3d-0000-4000-8000-%s", token[:12])
}

// through returns the URL of the session as one of other, or false if the
// Location does not tell of the repository, so that there is no such URL.
func (u *Upload) through(other *Repo) (string, bool) {
	to, err := url.Parse(u.Location)
	if err != nil || !strings.Contains(to.Path, u.repo.URL("")) {
		return "", false
	}
	to.Path, to.RawPath = strings.Replace(to.Path, u.repo.URL(""), other.URL(""), 1), ""
	return to.String(), true
}

// A sessionRequest is a request to an upload session.
type sessionRequest struct {
	name string
	// verb is the text of its use: "a PATCH to".
	verb string
	// unknown is what the answer is judged by if there is no such session.
	unknown requirement.Requirement
	do      func(c *Case, target string) *wire.Exchange
}

func requestGet() sessionRequest {
	return sessionRequest{http.MethodGet, "a GET of", requirement.ChunkedSessionStatusUnknown, func(c *Case, target string) *wire.Exchange {
		return c.Do(wire.Request{Method: http.MethodGet, URL: target})
	}}
}

func requestDelete() sessionRequest {
	return sessionRequest{http.MethodDelete, "a DELETE of", requirement.DockerUploadUnknown, func(c *Case, target string) *wire.Exchange {
		return c.Do(wire.Request{Method: http.MethodDelete, URL: target})
	}}
}

func requestPatch() sessionRequest {
	return sessionRequest{http.MethodPatch, "a PATCH to", requirement.ChunkedSessionPatchUnknown, func(c *Case, target string) *wire.Exchange {
		b := c.Content.Blob(64)
		r := wire.Request{Method: http.MethodPatch, URL: target, Header: http.Header{}}
		body(octetStream, b.Content)(&r)
		header("Content-Range", spanOf(0, len(b.Content)))(&r)
		return c.Do(r)
	}}
}

func requestPut() sessionRequest {
	return sessionRequest{http.MethodPut, "a PUT to", requirement.PushSessionPutUnknown, func(c *Case, target string) *wire.Exchange {
		b := c.Content.Blob(64)
		r := wire.Request{Method: http.MethodPut, URL: target, Header: http.Header{}}
		body(octetStream, b.Content)(&r)
		query("digest", b.Digest.String())(&r)
		return c.Do(r)
	}}
}

var rangeForm = regexp.MustCompile(`^(bytes=)?0-(-1|[0-9]+)$`)

// rangeEnd returns the last position that the Range of x names.
func rangeEnd(x *wire.Exchange) (int, bool) {
	parts := rangeForm.FindStringSubmatch(x.Header().Get("Range"))
	if parts == nil {
		return 0, false
	}
	end, err := strconv.Atoi(parts[2])
	return end, err == nil
}

// haveRange wants Range: 0-N with one of the given ends.
func haveRange(ends ...int) wire.Matcher { return rangeMatcher(false, ends) }

// haveDockerRange is haveRange, with or without "bytes=".
func haveDockerRange(ends ...int) wire.Matcher { return rangeMatcher(true, ends) }

func rangeMatcher(unit bool, ends []int) wire.Matcher {
	return wire.NewMatcher(fmt.Sprintf("Range: 0-%d", ends[0]), func(x *wire.Exchange) string {
		value := x.Header().Get("Range")
		if value == "" {
			return "no Range header"
		}
		end, ok := rangeEnd(x)
		if !ok || !slices.Contains(ends, end) || (!unit && strings.HasPrefix(value, "bytes=")) {
			return "Range: " + value
		}
		return ""
	})
}
