// Package faulty decorates a storage driver so that a test can count its
// calls, fail or slow them, and tear writes. It is for tests alone.
package faulty

import (
	"context"
	"io"
	"net/http"

	"github.com/registryconform/conform/reference/driver"
)

// An Op names a call of a driver or of what it returned.
type Op string

// The calls that a [Hook] sees.
const (
	GetContent  Op = "GetContent"
	PutContent  Op = "PutContent"
	Reader      Op = "Reader"
	Read        Op = "Read"
	Writer      Op = "Writer"
	Write       Op = "Write"
	Commit      Op = "Commit"
	Cancel      Op = "Cancel"
	Close       Op = "Close" // of a writer
	Stat        Op = "Stat"
	List        Op = "List"
	Move        Op = "Move"
	Delete      Op = "Delete"
	RedirectURL Op = "RedirectURL"
	Walk        Op = "Walk"
	Uncommitted Op = "Uncommitted"
)

// A Hook runs before each call, in the caller's goroutine; path is that of the
// call (for Move: the source). If it returns an error, the call fails with
// that and does nothing, but that a Write takes the first half of its bytes
// and a Close closes.
type Hook func(op Op, path string) error

// A Driver is a [driver.Driver] before which a hook runs.
type Driver struct {
	inner driver.Driver
	hook  Hook
}

var _ driver.Driver = (*Driver)(nil)

// Wrap returns inner with the hook, which must be safe for concurrent use.
func Wrap(inner driver.Driver, hook Hook) *Driver { return &Driver{inner: inner, hook: hook} }

// Name implements [driver.Driver]; no hook runs.
func (d *Driver) Name() string { return d.inner.Name() }

// GetContent implements [driver.Driver].
func (d *Driver) GetContent(ctx context.Context, path string) ([]byte, error) {
	if err := d.hook(GetContent, path); err != nil {
		return nil, err
	}
	return d.inner.GetContent(ctx, path)
}

// PutContent implements [driver.Driver].
func (d *Driver) PutContent(ctx context.Context, path string, content []byte) error {
	if err := d.hook(PutContent, path); err != nil {
		return err
	}
	return d.inner.PutContent(ctx, path, content)
}

// Reader implements [driver.Driver]. What it returns can't seek.
func (d *Driver) Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if err := d.hook(Reader, path); err != nil {
		return nil, err
	}
	r, err := d.inner.Reader(ctx, path, offset)
	if err != nil {
		return nil, err
	}
	return &reader{d, path, r}, nil
}

// Writer implements [driver.Driver].
func (d *Driver) Writer(ctx context.Context, path string, append bool) (driver.FileWriter, error) {
	if err := d.hook(Writer, path); err != nil {
		return nil, err
	}
	w, err := d.inner.Writer(ctx, path, append)
	if err != nil {
		return nil, err
	}
	return &writer{d, path, w}, nil
}

// Uncommitted implements [driver.Peeker], as well as the inner driver can.
func (d *Driver) Uncommitted(ctx context.Context, path string) (int64, error) {
	if err := d.hook(Uncommitted, path); err != nil {
		return 0, err
	}
	return driver.Uncommitted(ctx, d.inner, path)
}

// Stat implements [driver.Driver].
func (d *Driver) Stat(ctx context.Context, path string) (driver.FileInfo, error) {
	if err := d.hook(Stat, path); err != nil {
		return nil, err
	}
	return d.inner.Stat(ctx, path)
}

// List implements [driver.Driver].
func (d *Driver) List(ctx context.Context, path string) ([]string, error) {
	if err := d.hook(List, path); err != nil {
		return nil, err
	}
	return d.inner.List(ctx, path)
}

// Move implements [driver.Driver].
func (d *Driver) Move(ctx context.Context, src, dst string) error {
	if err := d.hook(Move, src); err != nil {
		return err
	}
	return d.inner.Move(ctx, src, dst)
}

// Delete implements [driver.Driver].
func (d *Driver) Delete(ctx context.Context, path string) error {
	if err := d.hook(Delete, path); err != nil {
		return err
	}
	return d.inner.Delete(ctx, path)
}

// RedirectURL implements [driver.Driver].
func (d *Driver) RedirectURL(r *http.Request, path string) (string, error) {
	if err := d.hook(RedirectURL, path); err != nil {
		return "", err
	}
	return d.inner.RedirectURL(r, path)
}

// Walk implements [driver.Driver].
func (d *Driver) Walk(ctx context.Context, path string, f driver.WalkFunc, options ...func(*driver.WalkOptions)) error {
	if err := d.hook(Walk, path); err != nil {
		return err
	}
	return d.inner.Walk(ctx, path, f, options...)
}

type reader struct {
	d    *Driver
	path string
	io.ReadCloser
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.d.hook(Read, r.path); err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p)
}

type writer struct {
	d    *Driver
	path string
	driver.FileWriter
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.d.hook(Write, w.path); err != nil {
		n, tornErr := w.FileWriter.Write(p[:len(p)/2])
		if tornErr != nil {
			err = tornErr
		}
		return n, err
	}
	return w.FileWriter.Write(p)
}

func (w *writer) Commit(ctx context.Context) error {
	if err := w.d.hook(Commit, w.path); err != nil {
		return err
	}
	return w.FileWriter.Commit(ctx)
}

// MoveTo implements [driver.Mover], as well as the inner writer can.
func (w *writer) MoveTo(ctx context.Context, path string) error {
	if err := w.d.hook(Move, w.path); err != nil {
		return err
	}
	if m, ok := w.FileWriter.(driver.Mover); ok {
		return m.MoveTo(ctx, path)
	}
	return w.d.inner.Move(ctx, w.path, path)
}

func (w *writer) Cancel(ctx context.Context) error {
	if err := w.d.hook(Cancel, w.path); err != nil {
		return err
	}
	return w.FileWriter.Cancel(ctx)
}

func (w *writer) Close() error {
	err := w.d.hook(Close, w.path)
	if closeErr := w.FileWriter.Close(); err == nil {
		err = closeErr
	}
	return err
}
