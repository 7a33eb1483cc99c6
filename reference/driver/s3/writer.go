package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/registryconform/conform/reference/driver"
)

var (
	errClosed    = errors.New("the writer is closed")
	errCommitted = errors.New("the writer is committed")
	errCancelled = errors.New("the writer is cancelled")
	errGoneOn    = error(driver.BusyError{DriverName: name})
	errIsDir     = errors.New("is a directory")
	errDiscarded = error(driver.DiscardedError{DriverName: name})
	errTooLong   = fmt.Errorf("an object has %d parts at most: a larger chunksize makes room", maxParts)
)

// writer is a [driver.FileWriter] over a multipart upload.
type writer struct {
	d     *Driver
	ctx   context.Context // for writes, which have none; never done
	path  string
	u     upload // none: it is made with the first part or tail
	parts []types.CompletedPart
	sent  int64  // bytes in parts
	buf   []byte // what comes behind them, a part at most
	saved int64  // what the server had in full when the writer was opened
	tail  bool   // the server has a tail, this or an older one
	ended error  // why nothing but Close may follow
	shut  bool
	print string  // the fingerprint, once it is closed
	tag   *string // the entity tag of the object, once it is committed
}

var (
	_ driver.Fingerprinter = (*writer)(nil)
	_ driver.Mover         = (*writer)(nil)
)

// Writer implements [driver.Driver]. What the writer sends does not end with
// ctx; Commit and Cancel have their own.
func (d *Driver) Writer(ctx context.Context, path string, append bool) (driver.FileWriter, error) {
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	switch any, err := d.store.Exists(ctx, d.below(path)); {
	case err != nil:
		return nil, err
	case any:
		return nil, failure(ctx, fmt.Errorf("%s: %w", path, errIsDir))
	}
	w := &writer{d: d, ctx: context.WithoutCancel(ctx), path: path, u: upload{key: d.key(path)}}
	earlier, err := d.uploadsOf(ctx, d.key(path))
	if err != nil {
		return nil, err
	}
	if append {
		err = w.resume(ctx, earlier)
		if err == nil && w.u.id == "" {
			err = d.addable(ctx, path)
		}
	} else {
		for _, u := range earlier {
			err = errors.Join(err, d.abort(ctx, u))
		}
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// addable refuses committed content with any bytes in it.
func (d *Driver) addable(ctx context.Context, path string) error {
	file, err := d.head(ctx, path)
	switch {
	case err == nil && file.size > 0:
		return driver.CommittedError{Path: path, DriverName: name}
	case err != nil && !isNotFound(err):
		return err
	}
	return nil
}

// Uncommitted implements [driver.Peeker].
func (d *Driver) Uncommitted(ctx context.Context, path string) (int64, error) {
	if err := check(ctx, path, false); err != nil {
		return 0, err
	}
	all, err := d.uploadsOf(ctx, d.key(path))
	if err != nil {
		return 0, err
	}
	w, _, err := d.newest(ctx, path, all)
	switch {
	case err != nil:
		return 0, err
	case w == nil:
		return 0, driver.PathNotFoundError{Path: path, DriverName: name}
	}
	return w.Size(), nil
}

// resume goes on with the newest of some uploads of one key. The others are
// aborted: they are what a lost answer or a crash left.
func (w *writer) resume(ctx context.Context, all []upload) error {
	newest, losers, err := w.d.newest(ctx, w.path, all)
	if newest != nil {
		newest.ctx = w.ctx
		*w = *newest
	}
	for _, u := range losers {
		err = errors.Join(err, w.d.abort(ctx, u))
	}
	return err
}

// newest returns the writer of the newest of some uploads of one key, nil if there
// is none, and the others. It changes nothing.
func (d *Driver) newest(ctx context.Context, path string, all []upload) (w *writer, losers []upload, err error) {
	for _, u := range all {
		c := &writer{d: d, ctx: ctx, path: path, u: u}
		mine, err := c.load(ctx)
		switch {
		case isGone(err):
		case err != nil:
			return nil, nil, err
		case !mine:
		case w == nil:
			w = c
		case c.newer(w):
			w, losers = c, append(losers, w.u)
		default:
			losers = append(losers, c.u)
		}
	}
	return w, losers, nil
}

// newer reports whether w began after v, or, as far as the clock tells, at the
// same time and has more.
func (w *writer) newer(v *writer) bool {
	if !w.u.initiated.Equal(v.u.initiated) {
		return w.u.initiated.After(v.u.initiated)
	}
	return w.Size() > v.Size()
}

// load reads what the server has of the upload, and reports whether it is one
// of a writer.
func (w *writer) load(ctx context.Context) (mine bool, err error) {
	offset, tail, err := w.d.loadTail(ctx, w.u)
	if err != nil || offset == notForWriters {
		return false, err
	}
	parts, err := w.d.parts(ctx, w.u)
	if err != nil {
		return false, err
	}
	for i, p := range parts {
		// A commit that failed has left the last part, to which nothing can be
		// added. Its bytes are in the tail.
		isLast := i == len(parts)-1 && p.size < w.d.p.ChunkSize
		if isLast && (p.size == 0 || offset == w.sent && int64(len(tail)) >= p.size) {
			break
		}
		w.parts = append(w.parts, types.CompletedPart{PartNumber: aws.Int32(p.number), ETag: aws.String(p.etag)})
		w.sent += p.size
	}
	switch {
	case offset > w.sent:
		return false, failure(ctx, fmt.Errorf("upload of %s: %d bytes are missing before its tail", w.u.key, offset-w.sent))
	case offset == w.sent && tail != nil:
		w.buf = tail
	}
	w.saved, w.tail = w.Size(), tail != nil
	return true, nil
}

// usable reports why the writer takes no more calls.
func (w *writer) usable() error {
	switch {
	case w.shut:
		return failure(w.ctx, errClosed)
	case w.ended != nil:
		return failure(w.ctx, w.ended)
	}
	return nil
}

func (w *writer) Size() int64 { return w.sent + int64(len(w.buf)) }

func (w *writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	written := 0
	for len(p) > 0 {
		room := int(w.d.p.ChunkSize) - len(w.buf)
		if room <= 0 {
			ctx, cancel := lasting(w.ctx, len(w.buf))
			err := w.send(ctx)
			cancel()
			if err != nil {
				return written, err
			}
			continue
		}
		n := min(room, len(p))
		w.buf = append(w.buf, p[:n]...)
		p, written = p[n:], written+n
	}
	return written, nil
}

// begin makes the upload, if there is none.
func (w *writer) begin(ctx context.Context) (err error) {
	if w.u.id == "" {
		w.u, err = w.d.create(ctx, w.u.key)
	}
	return err
}

// send makes a part of the buffer. After a failure it can be called again.
func (w *writer) send(ctx context.Context) error {
	if len(w.parts) == maxParts {
		return failure(ctx, errTooLong)
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	number := aws.Int32(int32(len(w.parts) + 1))
	out, err := w.d.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &w.d.p.Bucket, Key: &w.u.key, UploadId: &w.u.id, PartNumber: number, Body: bytes.NewReader(w.buf),
	})
	if err != nil {
		if isGone(err) || status(err) == 0 && w.gone(ctx) {
			err = errors.Join(errDiscarded, err)
		}
		return failure(ctx, err)
	}
	w.parts = append(w.parts, types.CompletedPart{PartNumber: number, ETag: out.ETag})
	w.sent += int64(len(w.buf))
	w.buf = w.buf[:0]
	return nil
}

// gone reports whether the server has the upload no more. One that says so to a
// part that it has not read yet may be cut short by that.
func (w *writer) gone(ctx context.Context) bool {
	_, err := w.d.parts(ctx, w.u)
	return isGone(err)
}

func (w *writer) Commit(ctx context.Context) error {
	if err := w.usable(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return failure(ctx, err)
	}
	// An upload needs a part, and be it an empty one.
	parts, sent, rest := w.parts, w.sent, w.buf
	if len(w.buf) > 0 || len(w.parts) == 0 {
		if err := w.send(ctx); err != nil {
			return err
		}
	}
	tag, err := w.d.complete(ctx, w.u, w.parts, w.sent)
	if err != nil {
		// What comes next is to be added to the rest, not to the part of it.
		w.parts, w.sent, w.buf = parts, sent, rest
		return err
	}
	w.ended, w.buf, w.tag = errCommitted, nil, tag
	if w.tail {
		clean, cancel := lasting(ctx, 0)
		defer cancel()
		// The content is published: what stays behind is an orphan.
		w.d.deleteKeys(clean, []string{w.d.tailKey(w.u)})
	}
	return nil
}

// Cancel goes on although ctx is done: the server keeps uploads for ever.
func (w *writer) Cancel(ctx context.Context) error {
	if w.ended != nil {
		return failure(ctx, w.ended)
	}
	clean, cancel := lasting(ctx, 0)
	defer cancel()
	if w.shut {
		if err := w.goneOn(clean); err != nil {
			return err
		}
	}
	w.ended = errCancelled
	w.sent, w.buf = w.Size(), nil
	if w.u.id == "" {
		return nil
	}
	return w.d.abort(clean, w.u)
}

// goneOn fails if another writer has gone on with what this one has closed.
func (w *writer) goneOn(ctx context.Context) error {
	if w.u.id == "" {
		others, err := w.d.uploadsOf(ctx, w.u.key)
		if err == nil && len(others) > 0 {
			err = failure(ctx, errGoneOn)
		}
		return err
	}
	now := &writer{d: w.d, ctx: w.ctx, u: w.u}
	switch _, err := now.load(ctx); {
	case isGone(err):
		return nil
	case err != nil:
		return err
	case now.Size() > w.Size():
		return failure(ctx, errGoneOn)
	}
	return nil
}

func (w *writer) Close() error {
	if w.shut || w.ended != nil {
		w.shut = true
		return nil
	}
	w.shut = true
	ctx, cancel := lasting(w.ctx, len(w.buf))
	defer cancel()
	err := w.keep(ctx)
	w.print = w.fingerprint()
	w.sent, w.buf = w.Size(), nil
	return err
}

// Fingerprint implements [driver.Fingerprinter].
func (w *writer) Fingerprint() string {
	if w.shut {
		return w.print
	}
	return w.fingerprint()
}

// fingerprint is that of the entity tags of the parts, and of the tail.
func (w *writer) fingerprint() string {
	return driver.PrintParts(func(yield func(string) bool) {
		for _, p := range w.parts {
			if !yield(strings.Trim(aws.ToString(p.ETag), `"`)) {
				return
			}
		}
	}, w.buf)
}

// keep gives the server what it doesn't have yet.
func (w *writer) keep(ctx context.Context) error {
	switch {
	case len(w.buf) == 0 || w.Size() == w.saved:
		return nil
	case int64(len(w.buf)) >= w.d.p.ChunkSize:
		return w.send(ctx)
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	return w.d.saveTail(ctx, w.u, w.sent, w.buf)
}
