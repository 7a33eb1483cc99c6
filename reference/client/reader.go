package client

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// A reader reads a blob, and goes on where a connection broke off.
type reader struct {
	// The reader stands for one call, whose context it keeps.
	ctx  context.Context
	b    *blobs
	dgst digest.Digest
	size int64 // -1: not known yet

	offset int64         // of what is read next
	body   io.ReadCloser // nil: to be opened
	at     int64         // where body is
	failed int           // attempts since the last byte

	// hash is over the first hashed bytes; hashed is -1 once something else was
	// read in between.
	hash   hash.Hash
	hashed int64
	broken error // the content is wrong
	closed bool
}

var errMismatch = errors.New("the bytes are not those of the digest")

// open asks for the content from offset on.
func (r *reader) open() error {
	q := r.b.blob(http.MethodGet, r.dgst)
	if r.offset > 0 {
		q.header.Set("Range", fmt.Sprintf("bytes=%d-", r.offset))
	}
	a, err := r.b.r.want(r.ctx, q, registry.ErrBlobUnknown.With(r.dgst.String()), http.StatusOK, http.StatusPartialContent)
	if err != nil {
		return err
	}
	if err := r.take(a); err != nil {
		a.Body.Close()
		return q.failed(err)
	}
	r.body, r.at = a.Body, r.offset
	return nil
}

// take reads the head of an answer, and brings its body to offset.
func (r *reader) take(a *http.Response) error {
	if err := agree(a, r.dgst); err != nil {
		return err
	}
	start, total := int64(0), a.ContentLength
	if a.StatusCode == http.StatusPartialContent {
		var err error
		if start, total, err = contentRange(a.Header.Get("Content-Range")); err != nil {
			return err
		}
		if start != r.offset {
			return fmt.Errorf("the answer begins at %d, not at %d", start, r.offset)
		}
	}
	if r.size < 0 {
		r.size = total
	} else if total >= 0 && total != r.size {
		return fmt.Errorf("the blob has %d bytes, and had %d", total, r.size)
	}
	// A registry without ranges sends all of it.
	_, err := io.CopyN(io.Discard, a.Body, r.offset-start)
	return err
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	switch {
	case r.closed:
		return 0, errors.New("read of a closed blob")
	case r.broken != nil:
		return 0, r.broken
	case r.offset >= r.size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	for {
		n, err := r.piece(p[:min(int64(len(p)), r.size-r.offset)])
		if n > 0 {
			r.failed = 0
			return r.got(p[:n])
		}
		r.failed++
		if r.failed >= r.b.r.options.Attempts || r.ctx.Err() != nil || errors.Is(err, errRefused) || len(registry.Errors(err)) > 0 {
			return 0, err
		}
		if err := r.b.r.options.Wait(r.ctx, backoff(r.failed)); err != nil {
			return 0, err
		}
	}
}

// piece reads some bytes, or says why there are none. What was read before a
// failure counts; the next piece finds the failure out.
func (r *reader) piece(p []byte) (int, error) {
	if r.body != nil && r.at != r.offset {
		r.drop()
	}
	if r.body == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	n, err := r.body.Read(p)
	r.at += int64(n)
	if err != nil {
		r.drop()
	}
	if n == 0 && (err == nil || err == io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// got counts the bytes, and holds them back if they are the last of a whole
// that is not what it should be.
func (r *reader) got(p []byte) (int, error) {
	switch {
	case r.offset == 0:
		r.hash.Reset()
		r.hashed = 0
	case r.offset != r.hashed:
		r.hashed = -1
	}
	if r.hashed >= 0 {
		r.hash.Write(p)
		r.hashed += int64(len(p))
	}
	if r.hashed == r.size && !r.verified() {
		return 0, r.broken
	}
	r.offset += int64(len(p))
	return len(p), nil
}

func (r *reader) verified() bool {
	if digest.NewDigest(r.dgst.Algorithm(), r.hash) == r.dgst {
		return true
	}
	r.broken = fmt.Errorf("blob %s of %s: %w", r.dgst, r.b.name, errMismatch)
	return false
}

func (r *reader) drop() {
	r.body.Close()
	r.body = nil
}

// Seek implements [io.Seeker].
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, errors.New("seek: invalid whence")
	}
	if offset < 0 {
		return 0, errors.New("seek: negative position")
	}
	r.offset = offset
	return offset, nil
}

// Close implements [io.Closer].
func (r *reader) Close() error {
	r.closed = true
	if r.body != nil {
		r.drop()
	}
	return nil
}
