package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// beginUpload answers POST: a mount, a whole blob, or a new session (sections
// "Pushing blobs" and "Mounting a blob from another repository").
func (c *call) beginUpload() error {
	q := c.query()
	if c.algorithm = digest.Algorithm(q.Get("digest-algorithm")); c.algorithm != "" && !c.algorithm.Available() {
		return registry.ErrDigestInvalid.With(fmt.Sprintf("the digest algorithm %.100q is not known", c.algorithm))
	}
	if q.Has("mount") {
		if mounted, err := c.mount(q); mounted || err != nil {
			return err
		}
	} else if q.Has("digest") {
		return c.pushWhole(q.Get("digest"))
	}
	w, err := c.repo.Blobs().Create(c.ctx)
	if err != nil {
		return err
	}
	up := w.Upload()
	if err := w.Close(); err != nil {
		return fmt.Errorf("close upload %s: %w", up.ID, err)
	}
	if n := c.server.options.ChunkMinLength; n > 0 {
		c.w.Header().Set("OCI-Chunk-Min-Length", strconv.FormatInt(n, 10))
	}
	c.sessionHeaders(up)
	return c.empty(http.StatusAccepted)
}

// mount answers a mount that succeeds. Any other that is the client's business
// becomes an ordinary upload, as the specification wants it.
func (c *call) mount(q url.Values) (bool, error) {
	dgst, err := registry.ParseDigest(q.Get("mount"))
	if err != nil {
		return false, nil
	}
	var from registry.Name
	if s := q.Get("from"); s != "" {
		if from, err = registry.ParseName(s); err != nil {
			return false, nil
		}
	}
	if _, err := c.repo.Blobs().Mount(c.ctx, from, dgst); err != nil {
		if len(registry.Errors(err)) == 0 || registry.Errors(err)[0].Status >= 500 {
			return false, err
		}
		return false, nil
	}
	return true, c.created("blobs", dgst)
}

// pushWhole takes a blob from the body of one POST.
func (c *call) pushWhole(query string) error {
	dgst, err := registry.ParseDigest(query)
	if err != nil {
		return err
	}
	w, err := c.repo.Blobs().Create(c.ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	w.Expect(dgst.Algorithm())
	// Nobody knows the id of this session, so it can't be resumed.
	defer w.Cancel(context.WithoutCancel(c.ctx))
	if err := c.receive(w, nil); err != nil {
		return err
	}
	if _, err := w.Commit(c.ctx, registry.Descriptor{Digest: dgst, Size: w.Upload().Size}); err != nil {
		return err
	}
	return c.created("blobs", dgst)
}

// uploadStatus answers GET and HEAD of a session.
func (c *call) uploadStatus() error {
	up, err := c.session()
	if err != nil {
		return err
	}
	c.sessionHeaders(up)
	return c.empty(http.StatusNoContent)
}

// cancelUpload answers DELETE of a session.
func (c *call) cancelUpload() error {
	w, _, err := c.resume()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Cancel(c.ctx); err != nil {
		c.sessionHeaders(w.Upload())
		return fmt.Errorf("cancel upload %s: %w", c.arg, err)
	}
	c.w.Header().Set("Docker-Upload-Uuid", c.arg)
	return c.empty(http.StatusNoContent)
}

// patchUpload answers PATCH: a chunk, or a stream without a Content-Range.
func (c *call) patchUpload() error {
	if t := c.r.Header.Get("Content-Type"); t != "" {
		if mediaType, _, err := mime.ParseMediaType(t); err != nil || mediaType != contentBlob {
			return errContentType.With(fmt.Sprintf("the Content-Type is %.200q", t))
		}
	}
	w, told, err := c.resume()
	if err != nil {
		return err
	}
	if err := c.receiveChunk(w, told); err != nil {
		c.sessionHeaders(w.Upload())
		return errors.Join(err, w.Close())
	}
	up := w.Upload()
	if err := w.Close(); err != nil {
		return fmt.Errorf("close upload %s: %w", up.ID, err)
	}
	c.sessionHeaders(up)
	return c.empty(http.StatusAccepted)
}

// putUpload answers PUT: the end of a session, with or without its last chunk.
func (c *call) putUpload() error {
	w, told, err := c.resume()
	if err != nil {
		return err
	}
	defer w.Close()
	dgst, err := c.finish(w, told)
	if err != nil {
		c.sessionHeaders(w.Upload())
		return err
	}
	return c.created("blobs", dgst)
}

// finish adds the last chunk, if there is one, and commits. A session whose digest
// can't be one lives on, for a PUT with a better one.
func (c *call) finish(w registry.BlobWriter, told *uploadState) (digest.Digest, error) {
	dgst, err := registry.ParseDigest(c.query().Get("digest"))
	if err != nil {
		return "", err
	}
	w.Expect(dgst.Algorithm())
	if err := c.receiveChunk(w, told); err != nil {
		return "", err
	}
	_, err = w.Commit(c.ctx, registry.Descriptor{Digest: dgst, Size: w.Upload().Size})
	return dgst, err
}

// told returns what the _state of the URL says of the session of the call, nil
// without one.
func (c *call) told() (*uploadState, error) {
	value := c.query().Get("_state")
	if value == "" {
		return nil, nil
	}
	s, err := openState(c.server.options.Secret, value)
	if err == nil && (s.Name != c.name.String() || s.UUID != c.arg) {
		err = registry.ErrBlobUploadUnknown
	}
	c.algorithm = s.Algorithm
	return &s, err
}

// session returns the state of the session of the call.
func (c *call) session() (registry.Upload, error) {
	if _, err := c.told(); err != nil {
		return registry.Upload{}, err
	}
	return c.repo.Blobs().Upload(c.ctx, c.arg)
}

// resume returns a writer of the session of the call, which the caller ends,
// and what the _state of its URL says. Any answer about a session that lives,
// be it an error, is to say in its headers how far it has come.
func (c *call) resume() (registry.BlobWriter, *uploadState, error) {
	told, err := c.told()
	if err != nil {
		return nil, nil, err
	}
	w, err := c.repo.Blobs().Resume(c.ctx, c.arg)
	if err != nil {
		if up, upErr := c.repo.Blobs().Upload(c.ctx, c.arg); upErr == nil {
			c.sessionHeaders(up)
		}
		return nil, nil, err
	}
	w.Expect(c.algorithm)
	return w, told, nil
}

// receiveChunk adds the body of the call to its session. On error the session
// stands where it stood, or after what came of the body.
func (c *call) receiveChunk(w registry.BlobWriter, told *uploadState) error {
	span, err := contentRange(c.r.Header)
	if err != nil {
		return err
	}
	size := w.Upload().Size
	switch length := c.r.ContentLength; {
	case span != nil && span.start != size:
		return registry.ErrRangeInvalid.With(fmt.Sprintf("the upload has %d bytes, the chunk begins at %d", size, span.start))
	case span != nil && length >= 0 && length != span.length():
		return registry.ErrSizeInvalid.With(fmt.Sprintf("Content-Range has %d bytes, Content-Length is %d", span.length(), length))
	case span == nil && told != nil && told.Offset != size && length != 0:
		return registry.ErrRangeInvalid.With(fmt.Sprintf("the upload has %d bytes, this Location stands for %d", size, told.Offset))
	}
	return c.receive(w, span)
}

// receive writes the body of the call to w. With a span it takes exactly that
// many bytes.
func (c *call) receive(w io.Writer, span *byteSpan) error {
	from := io.Reader(c.r.Body)
	if span != nil {
		from = io.LimitReader(from, span.length())
	}
	buffer := c.server.buffers.Get().(*[]byte)
	defer c.server.buffers.Put(buffer)
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, from, *buffer)
	if err != nil {
		return err
	}
	if span == nil {
		return nil
	}
	if extra, _ := io.ReadFull(c.r.Body, make([]byte, 1)); n != span.length() || extra > 0 {
		return registry.ErrSizeInvalid.With(fmt.Sprintf("Content-Range has %d bytes, the body has not", span.length()))
	}
	return nil
}

// sessionHeaders tells the client where to go on, and from where.
func (c *call) sessionHeaders(up registry.Upload) {
	state := uploadState{Name: c.name.String(), UUID: up.ID, Offset: up.Size, StartedAt: up.StartedAt, Algorithm: c.algorithm}
	h := c.w.Header()
	h.Set("Location", "/v2/"+c.name.String()+"/blobs/uploads/"+url.PathEscape(up.ID)+"?_state="+state.sign(c.server.options.Secret))
	h.Set("Range", "0-"+strconv.FormatInt(max(up.Size-1, 0), 10))
	h.Set("Docker-Upload-Uuid", up.ID)
}

// created answers that content is stored; kind is the segment of its path.
func (c *call) created(kind string, dgst digest.Digest) error {
	h := c.w.Header()
	h.Set("Location", "/v2/"+c.name.String()+"/"+kind+"/"+dgst.String())
	h.Set("Docker-Content-Digest", dgst.String())
	return c.empty(http.StatusCreated)
}

// A byteSpan is the Content-Range of a chunk; both ends belong to it.
type byteSpan struct{ start, end int64 }

func (s *byteSpan) length() int64 { return s.end - s.start + 1 }

// contentRange reads the Content-Range of a chunk, whose form is start-end,
// unlike that of RFC 9110. Without one the span is nil. What has another form,
// or ends before it begins, gives [registry.ErrRangeInvalid], as Docker's API has
// it (section "Chunked upload").
func contentRange(h http.Header) (*byteSpan, error) {
	values := h.Values("Content-Range")
	if len(values) == 0 {
		return nil, nil
	}
	malformed := registry.ErrRangeInvalid.With(fmt.Sprintf("Content-Range %.100q has not the form start-end", values[0]))
	first, last, ok := strings.Cut(values[0], "-")
	if !ok || len(values) > 1 || !digits(first) || !digits(last) {
		return nil, malformed
	}
	start, err1 := strconv.ParseInt(first, 10, 64)
	end, err2 := strconv.ParseInt(last, 10, 64)
	if err1 != nil || err2 != nil || end == math.MaxInt64 {
		return nil, malformed
	}
	if end < start {
		return nil, registry.ErrRangeInvalid.With(fmt.Sprintf("Content-Range %.100q ends before it begins", values[0]))
	}
	return &byteSpan{start, end}, nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
