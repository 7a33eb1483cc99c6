package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

const mediaTypeBlob = "application/octet-stream"

// blobs are the [registry.Blobs] of a repository.
type blobs struct{ *repository }

var _ registry.Blobs = (*blobs)(nil)

func (b *blobs) blob(method string, dgst digest.Digest) *request {
	return b.request(method, "blobs/"+dgst.String())
}

// Stat implements [registry.Blobs]. The bytes are not looked at.
func (b *blobs) Stat(ctx context.Context, dgst digest.Digest) (registry.Descriptor, error) {
	absent := registry.ErrBlobUnknown.With(dgst.String())
	a, err := b.r.want(ctx, b.blob(http.MethodHead, dgst), absent, http.StatusOK)
	if err != nil {
		return registry.Descriptor{}, err
	}
	discard(a)
	if err := agree(a, dgst); err != nil {
		return registry.Descriptor{}, err
	}
	size := a.ContentLength
	if size < 0 {
		if size, err = b.measure(ctx, dgst, absent); err != nil {
			return registry.Descriptor{}, err
		}
	}
	return registry.Descriptor{MediaType: mediaTypeBlob, Digest: dgst, Size: size}, nil
}

// measure asks for the size by way of a range.
func (b *blobs) measure(ctx context.Context, dgst digest.Digest, absent error) (int64, error) {
	q := b.blob(http.MethodGet, dgst)
	q.header.Set("Range", "bytes=0-0")
	a, err := b.r.want(ctx, q, absent, http.StatusOK, http.StatusPartialContent)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close() // it may be a whole blob
	if _, total, err := contentRange(a.Header.Get("Content-Range")); err == nil && a.StatusCode == http.StatusPartialContent {
		return total, nil
	}
	if a.StatusCode == http.StatusOK && a.ContentLength >= 0 {
		return a.ContentLength, nil
	}
	return 0, q.failed(errors.New("the answer does not tell the size"))
}

// agree checks that the digest of an answer, where it is of the same algorithm,
// is the one asked for.
func agree(a *http.Response, dgst digest.Digest) error {
	told := digest.Digest(a.Header.Get("Docker-Content-Digest"))
	if told == "" || told == dgst || told.Validate() != nil || told.Algorithm() != dgst.Algorithm() {
		return nil
	}
	return fmt.Errorf("the registry answered with %s for %s", told, dgst)
}

// contentRange reads where a part begins, and the size of the whole (RFC 9110
// §14.4).
func contentRange(s string) (start, total int64, err error) {
	span, ok := strings.CutPrefix(s, "bytes ")
	first, rest, found := strings.Cut(span, "-")
	last, size, cut := strings.Cut(rest, "/")
	start, err1 := strconv.ParseInt(first, 10, 64)
	end, err2 := strconv.ParseInt(last, 10, 64)
	total, err3 := strconv.ParseInt(size, 10, 64)
	if !ok || !found || !cut || errors.Join(err1, err2, err3) != nil || start < 0 || start > end || end >= total {
		return 0, 0, fmt.Errorf("Content-Range %.100q can't be read", s)
	}
	return start, total, nil
}

// Open implements [registry.Blobs]. What is read from the beginning to the end
// is held against the digest, and the last bytes of what differs are never
// given out. A part that is read by itself can't be.
func (b *blobs) Open(ctx context.Context, dgst digest.Digest) (io.ReadSeekCloser, error) {
	r := &reader{ctx: ctx, b: b, dgst: dgst, size: -1, hash: dgst.Algorithm().Hash()}
	if err := r.open(); err != nil {
		return nil, err
	}
	if r.size < 0 {
		desc, err := b.Stat(ctx, dgst)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.size = desc.Size
	}
	if r.size == 0 && !r.verified() {
		// Nobody has to read what is empty.
		return nil, errors.Join(r.broken, r.Close())
	}
	return r, nil
}

// Delete implements [registry.Blobs].
func (b *blobs) Delete(ctx context.Context, dgst digest.Digest) error {
	return b.remove(ctx, b.blob(http.MethodDelete, dgst), registry.ErrBlobUnknown.With(dgst.String()))
}

// remove makes a DELETE. That there is nothing any more after an attempt whose
// end is unknown is what was wanted.
func (p *repository) remove(ctx context.Context, q *request, absent error) error {
	a, err := p.r.want(ctx, q, absent, http.StatusAccepted, http.StatusOK, http.StatusNoContent)
	if err != nil {
		if q.repeated && errors.Is(err, absent) {
			return nil
		}
		return err
	}
	discard(a)
	return nil
}

// Mount implements [registry.Blobs].
func (b *blobs) Mount(ctx context.Context, from registry.Name, dgst digest.Digest) (registry.Descriptor, error) {
	query := url.Values{"mount": {dgst.String()}}
	if !from.IsZero() {
		query.Set("from", from.String())
	}
	q := b.request(http.MethodPost, "blobs/uploads/")
	q.url.RawQuery, q.once = query.Encode(), true
	a, err := b.r.want(ctx, q, nil, http.StatusCreated, http.StatusAccepted)
	if err != nil {
		return registry.Descriptor{}, err
	}
	discard(a)
	if a.StatusCode == http.StatusCreated {
		return b.Stat(ctx, dgst)
	}
	// An upload was begun instead, which nobody wants.
	u := &upload{b: b, ctx: ctx}
	if err := u.moved(a); err == nil {
		_ = u.abandon(ctx)
	}
	return registry.Descriptor{}, registry.ErrBlobUnknown.With(dgst.String())
}
