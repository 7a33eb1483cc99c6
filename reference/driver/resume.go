package driver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const (
	// attempts is how often the connection of a reader may break before a
	// byte comes.
	attempts = 4
	// maxGrow bounds the memory that is set aside for a size that a server
	// tells.
	maxGrow = 64 << 20
)

var (
	errReaderClosed = errors.New("the reader is closed")
	errReplaced     = errors.New("the object was replaced while it was being read")
)

// A Version is the content of one version of an object, from some offset on.
type Version struct {
	Body io.ReadCloser
	// Tag tells the version from others; "" if the server has none.
	Tag string
	// Size is that of the whole object, -1 if it is not known.
	Size int64
	// Whole says that Body is the whole object, whatever was asked for.
	Whole bool
}

// What an Opener fails with if there is no byte at the offset, and if the version
// is no more.
var (
	ErrPastEnd  = errors.New("there is nothing at the offset")
	ErrReplaced = errors.New("there is no such version")
)

// An Opener opens an object at an offset, in the version of that tag unless it
// is "". Its errors but for [ErrPastEnd] and [ErrReplaced] go to the caller as
// they are.
type Opener func(offset int64, tag string) (Version, error)

// NewVersionReader returns the reader of one version of the object at path, from
// an offset on. A connection that breaks is made anew, as long as the object is
// the same. The context is that of the call that asked for it.
func NewVersionReader(ctx context.Context, name, path string, offset int64, open Opener) (io.ReadCloser, error) {
	r := &versionReader{ctx: ctx, name: name, path: path, opener: open, at: offset, end: -1}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

type versionReader struct {
	ctx    context.Context
	name   string
	path   string
	opener Opener

	body  io.ReadCloser
	at    int64  // where body is
	end   int64  // the size of the object; -1: not known
	tag   string // the version
	tries int    // connections that broke since a byte was read
	shut  bool
}

// open asks for the content from where the reader is.
func (r *versionReader) open() error {
	v, err := r.opener(r.at, r.tag)
	switch {
	case errors.Is(err, ErrPastEnd) && r.isEnd():
		r.body, r.end = http.NoBody, r.at
		return nil
	case errors.Is(err, ErrReplaced), errors.Is(err, ErrPastEnd):
		return Failure(r.ctx, r.name, errReplaced)
	case err != nil:
		return err
	case r.tag != "" && v.Tag != r.tag:
		// The server takes no notice of the version that it is asked for.
		return errors.Join(Failure(r.ctx, r.name, errReplaced), v.Body.Close())
	}
	r.body, r.tag, r.end = v.Body, v.Tag, v.Size
	if v.Whole && r.at > 0 {
		return r.discard()
	}
	return nil
}

// isEnd reports whether the version ends where the reader is, of which the server
// says that there is nothing. It may say so of another version; and it may have told
// a size that was too large.
func (r *versionReader) isEnd() bool {
	if r.tag == "" || r.at == r.end || r.at == 0 {
		return true
	}
	last, err := r.opener(r.at-1, r.tag)
	if err != nil {
		return false
	}
	last.Body.Close()
	return last.Tag == r.tag
}

// discard leaves out what was not asked for, for a server without ranges.
func (r *versionReader) discard() error {
	_, err := io.CopyN(io.Discard, r.body, r.at)
	if errors.Is(err, io.EOF) {
		r.end = r.at
		return nil
	}
	if err != nil {
		r.body.Close()
	}
	return Failure(r.ctx, r.name, err)
}

func (r *versionReader) Read(p []byte) (int, error) {
	if r.shut {
		return 0, Failure(r.ctx, r.name, errReaderClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := r.body.Read(p)
		r.at += int64(n)
		if n > 0 {
			r.tries = 0
		}
		switch {
		case errors.Is(err, io.EOF) && r.at >= r.end:
			return n, io.EOF
		case n > 0:
			return n, nil
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			continue
		}
		if again := r.again(err); again != nil {
			return 0, again
		}
	}
}

// again makes the connection anew after err, or says why not.
func (r *versionReader) again(err error) error {
	r.tries++
	if r.tries >= attempts || r.tag == "" || r.ctx.Err() != nil {
		return Failure(r.ctx, r.name, fmt.Errorf("read %s at %d: %w", r.path, r.at, err))
	}
	r.body.Close()
	return r.open()
}

func (r *versionReader) Close() error {
	if r.shut {
		return nil
	}
	r.shut = true
	return Failure(context.WithoutCancel(r.ctx), r.name, r.body.Close())
}

// ReadAll returns what a reader of NewVersionReader has, and closes it.
func ReadAll(r io.ReadCloser) ([]byte, error) {
	defer r.Close()
	var b bytes.Buffer
	if v, ok := r.(*versionReader); ok && v.end > 0 {
		// One byte more, or the buffer grows to find the end.
		b.Grow(int(min(v.end+bytes.MinRead, maxGrow)))
	}
	if _, err := io.Copy(&b, r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
