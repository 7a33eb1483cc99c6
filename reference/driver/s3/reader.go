package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/registryconform/conform/reference/driver"
)

// Reader implements [driver.Driver]. A connection that breaks is made anew, as
// long as the object is the same.
func (d *Driver) Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if err := driver.CheckPath(name, path, false); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, driver.InvalidOffsetError{Path: path, Offset: offset, DriverName: name}
	}
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	r := &reader{d: d, ctx: ctx, path: path, at: offset, end: -1}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

var (
	errReaderClosed = errors.New("the reader is closed")
	errReplaced     = errors.New("the object was replaced while it was being read")
)

// A reader reads one version of an object.
type reader struct {
	d    *Driver
	ctx  context.Context
	path string

	body  io.ReadCloser
	at    int64  // where body is
	end   int64  // the size of the object; -1: not known
	etag  string // the version
	tries int    // connections that broke since a byte was read
	shut  bool
}

// open asks for the content from where the reader is.
func (r *reader) open() error {
	in := &s3.GetObjectInput{Bucket: &r.d.p.Bucket, Key: aws.String(r.d.key(r.path))}
	if r.at > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", r.at))
	}
	if r.etag != "" {
		in.IfMatch = &r.etag
	}
	out, err := r.d.client.GetObject(r.ctx, in)
	switch {
	case err != nil && (code(err) == "InvalidRange" || status(err) == http.StatusRequestedRangeNotSatisfiable):
		r.body, r.end = http.NoBody, r.at
		return nil
	case err != nil && r.etag != "" && (isAbsent(err) || status(err) == http.StatusPreconditionFailed):
		return failure(r.ctx, errReplaced)
	case err != nil:
		return typed(r.ctx, r.path, err)
	}
	r.body, r.etag = out.Body, aws.ToString(out.ETag)
	whole := r.at > 0 && out.ContentRange == nil
	if out.ContentLength != nil {
		r.end = *out.ContentLength
		if !whole {
			r.end += r.at
		}
	}
	if whole {
		return r.discard()
	}
	return nil
}

// discard leaves out what was not asked for, for a server without ranges.
func (r *reader) discard() error {
	_, err := io.CopyN(io.Discard, r.body, r.at)
	if errors.Is(err, io.EOF) {
		r.end = r.at
		return nil
	}
	if err != nil {
		r.body.Close()
	}
	return failure(r.ctx, err)
}

func (r *reader) Read(p []byte) (int, error) {
	if r.shut {
		return 0, failure(r.ctx, errReaderClosed)
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
func (r *reader) again(err error) error {
	r.tries++
	if r.tries >= attempts || r.etag == "" || r.ctx.Err() != nil {
		return failure(r.ctx, fmt.Errorf("read %s at %d: %w", r.path, r.at, err))
	}
	r.body.Close()
	return r.open()
}

func (r *reader) Close() error {
	if r.shut {
		return nil
	}
	r.shut = true
	return failure(context.WithoutCancel(r.ctx), r.body.Close())
}
