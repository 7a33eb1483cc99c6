package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// ServeBlob implements [registry.BlobServer].
func (b *blobs) ServeBlob(ctx context.Context, w http.ResponseWriter, r *http.Request, dgst digest.Digest) error {
	return b.opening(ctx, dgst, func(canonical digest.Digest, size int64) error {
		return b.serve(ctx, w, r, dgst, canonical, size)
	})
}

// serve answers with content that the repository holds. If there is none, it
// has written nothing.
func (b *blobs) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, dgst, canonical digest.Digest, size int64) (err error) {
	if !b.r.options.DisableRedirect {
		url, err := b.r.driver.RedirectURL(r, layout.Blob(canonical))
		if err != nil {
			return fmt.Errorf("redirect to blob %s: %w", dgst, err)
		}
		if url != "" {
			w.Header().Set("Location", url)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return nil
		}
	}
	var content io.ReadSeekCloser
	if r.Method == http.MethodHead {
		// The answer needs the size alone.
		content = &seeker{ctx: ctx, r: b.r, canonical: canonical, size: size}
	} else if content, err = b.r.open(ctx, canonical, size); err != nil {
		return err
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", mediaTypeBlob)
	h.Set("Docker-Content-Digest", dgst.String())
	h.Set("ETag", `"`+dgst.String()+`"`)
	catch := &rangeCatcher{ResponseWriter: w}
	http.ServeContent(catch, r, "", time.Time{}, content)
	if catch.unsatisfiable {
		for _, key := range []string{"Content-Type", "Content-Length", "X-Content-Type-Options", "Etag", "Docker-Content-Digest"} {
			h.Del(key)
		}
		return registry.ErrRangeUnsatisfiable.With(fmt.Sprintf("the blob has %d bytes", size))
	}
	return nil
}

// A rangeCatcher holds back an answer that the range can't be satisfied, which
// [http.ServeContent] would write as plain text.
type rangeCatcher struct {
	http.ResponseWriter
	unsatisfiable bool
}

func (c *rangeCatcher) WriteHeader(status int) {
	if status == http.StatusRequestedRangeNotSatisfiable {
		c.unsatisfiable = true
		return
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *rangeCatcher) Write(p []byte) (int, error) {
	if c.unsatisfiable {
		return len(p), nil
	}
	return c.ResponseWriter.Write(p)
}

// ReadFrom lets the connection take the bytes from a file by itself, and gives it
// those that are in memory as they lie there.
func (c *rangeCatcher) ReadFrom(r io.Reader) (int64, error) {
	if c.unsatisfiable {
		return io.Copy(io.Discard, r)
	}
	if part, ok := r.(*io.LimitedReader); ok {
		if chunks, ok := part.R.(driver.ChunkReader); ok {
			return driver.WriteChunks(c.ResponseWriter, chunks, part.N)
		}
	}
	return io.Copy(c.ResponseWriter, r)
}

// Unwrap serves [http.ResponseController].
func (c *rangeCatcher) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// open returns a reader of stored content: the driver's own where that can
// seek, so that a file stays a file.
func (r *Registry) open(ctx context.Context, canonical digest.Digest, size int64) (io.ReadSeekCloser, error) {
	s := &seeker{ctx: ctx, r: r, canonical: canonical, size: size}
	if err := s.reopen(); err != nil {
		return nil, err
	}
	if own, ok := s.body.(io.ReadSeekCloser); ok {
		return own, nil
	}
	return s, nil
}

// A seeker reads content by a driver's reader that can't seek: it opens
// another at the new offset if that is read from.
type seeker struct {
	// The reader stands for one call, whose context it keeps.
	ctx       context.Context
	r         *Registry
	canonical digest.Digest
	size      int64

	offset int64
	body   io.ReadCloser // nil: to be opened at offset
	at     int64         // where body is
	closed bool
}

func (s *seeker) reopen() error {
	body, err := s.r.driver.Reader(s.ctx, layout.Blob(s.canonical), s.offset)
	if err != nil {
		return fmt.Errorf("open content %s: %w", s.canonical, err)
	}
	s.body, s.at = body, s.offset
	return nil
}

func (s *seeker) Read(p []byte) (int, error) {
	if s.closed {
		return 0, errors.New("read of a closed blob")
	}
	if s.offset >= s.size {
		return 0, io.EOF
	}
	if s.body != nil && s.at != s.offset {
		if err := s.body.Close(); err != nil {
			return 0, fmt.Errorf("close content %s: %w", s.canonical, err)
		}
		s.body = nil
	}
	if s.body == nil {
		if err := s.reopen(); err != nil {
			return 0, err
		}
	}
	n, err := s.body.Read(p)
	s.offset += int64(n)
	s.at = s.offset
	if err == io.EOF && s.offset < s.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += s.offset
	case io.SeekEnd:
		offset += s.size
	default:
		return 0, errors.New("seek: invalid whence")
	}
	if offset < 0 {
		return 0, errors.New("seek: negative position")
	}
	s.offset = offset
	return offset, nil
}

func (s *seeker) Close() error {
	s.closed = true
	if s.body == nil {
		return nil
	}
	body := s.body
	s.body = nil
	return body.Close()
}
