package inmemory

import (
	"context"
	"errors"

	"github.com/registryconform/conform/reference/driver"
)

// writer is a [driver.FileWriter].
type writer struct {
	d     *Driver
	path  string
	p     *pending
	size  int64
	ended error // why nothing but Close may follow
	shut  bool
}

var _ driver.Mover = (*writer)(nil)

var (
	errClosed    = errors.New("the writer is closed")
	errCommitted = errors.New("the writer is committed")
	errCancelled = errors.New("the writer is cancelled")
	errDiscarded = error(driver.DiscardedError{DriverName: name})
	errGoneOn    = error(driver.BusyError{DriverName: name})
)

// Uncommitted implements [driver.Peeker].
func (d *Driver) Uncommitted(ctx context.Context, path string) (int64, error) {
	if err := check(ctx, path, false); err != nil {
		return 0, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	p := d.pending[path]
	switch {
	case p == nil:
		return 0, notFound(path)
	case p.open:
		return 0, driver.BusyError{Path: path, DriverName: name}
	}
	return p.content.size, nil
}

// Writer implements [driver.Driver].
func (d *Driver) Writer(ctx context.Context, path string, append bool) (driver.FileWriter, error) {
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root.missing(path) < 0 {
		return nil, driver.Error{DriverName: name, Detail: errIsDirectory}
	}
	p := d.pending[path]
	if n := d.root.find(path); append && p == nil && n != nil && n.content.size > 0 {
		return nil, driver.CommittedError{Path: path, DriverName: name}
	}
	if p != nil && append && p.open {
		return nil, driver.BusyError{Path: path, DriverName: name}
	}
	if p != nil && !append {
		d.discard(path, p)
		p = nil
	}
	if p == nil {
		if err := d.reserve(nodeCost); err != nil {
			return nil, err
		}
		p = &pending{}
		d.pending[path] = p
	}
	p.open = true
	return &writer{d: d, path: path, p: p, size: p.content.size}, nil
}

// discard forgets uncommitted content. The lock must be held.
func (d *Driver) discard(path string, p *pending) {
	if p.dropped {
		return
	}
	p.dropped = true
	delete(d.pending, path)
	d.used -= p.counted + nodeCost
}

// usable reports why the writer takes no more calls, as a driver's error.
func (w *writer) usable() error {
	err := w.ended
	if w.shut {
		err = errClosed
	}
	if err == nil {
		return nil
	}
	return driver.Error{DriverName: name, Detail: err}
}

func (w *writer) Write(b []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	if err := w.d.grow(w.p, int64(len(b))); err != nil {
		return 0, err
	}
	w.p.content.append(b)
	w.size = w.p.content.size
	return len(b), nil
}

// grow counts n more bytes of p.
func (d *Driver) grow(p *pending, n int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.dropped {
		return errDiscarded
	}
	if err := d.reserve(n); err != nil {
		return err
	}
	p.counted += n
	return nil
}

func (w *writer) Size() int64 { return w.size }

func (w *writer) Commit(ctx context.Context) error {
	if err := w.usable(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return driver.Error{DriverName: name, Detail: err}
	}
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if w.p.dropped {
		return errDiscarded
	}
	w.p.content.trim()
	if err := w.d.publish(w.path, &w.p.content, -nodeCost); err != nil {
		return err
	}
	w.p.dropped = true
	delete(w.d.pending, w.path)
	w.ended = errCommitted
	return nil
}

// MoveTo implements [driver.Mover].
func (w *writer) MoveTo(ctx context.Context, path string) error {
	if err := check(ctx, path, false); err != nil {
		return err
	}
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	n := w.d.root.find(w.path)
	switch {
	case w.ended != errCommitted || n == nil || n.content != &w.p.content:
		return driver.Error{DriverName: name, Detail: errDiscarded}
	case w.path == path:
		return nil
	}
	return w.d.move(w.path, n.content, path)
}

func (w *writer) Cancel(context.Context) error {
	if w.ended != nil {
		return driver.Error{DriverName: name, Detail: w.ended}
	}
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if w.shut && !w.p.dropped && w.p.counted != w.size {
		return errGoneOn
	}
	w.d.discard(w.path, w.p)
	w.ended = errCancelled
	return nil
}

func (w *writer) Close() error {
	if !w.shut {
		w.shut = true
		w.d.mu.Lock()
		defer w.d.mu.Unlock()
		w.p.open = false
	}
	return nil
}
