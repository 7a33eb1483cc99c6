package filesystem

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/registryconform/conform/reference/driver"
)

// data is the name of uncommitted content in the folder of its path. No
// component can be called so.
const data = "~data"

// writer is a [driver.FileWriter]. Its file lies in the staging folder.
type writer struct {
	d     *Driver
	path  string
	temp  string
	file  *os.File
	size  int64
	dirty bool  // written to since it was opened
	ended error // why nothing but Close may follow
	shut  bool
}

var (
	errClosed    = errors.New("the writer is closed")
	errCommitted = errors.New("the writer is committed")
	errCancelled = errors.New("the writer is cancelled")
	errDiscarded = errors.New("what the writer wrote was deleted")
)

// uncommitted returns the folder of what is uncommitted at path and below.
func (d *Driver) uncommitted(path string) string { return d.staged("open", path) }

// Writer implements [driver.Driver].
func (d *Driver) Writer(ctx context.Context, path string, append bool) (driver.FileWriter, error) {
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	temp := filepath.Join(d.uncommitted(path), data)
	if !append {
		if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, failure(err)
		}
	}
	file, err := openAppend(temp)
	if err != nil {
		return nil, failure(err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, failure(err)
	}
	return &writer{d: d, path: path, temp: temp, file: file, size: info.Size(), dirty: info.Size() == 0}, nil
}

// openAppend opens a file at its end, and makes it with its directories.
func openAppend(full string) (*os.File, error) {
	for range maxTries {
		file, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
		if err := mkdirAll(filepath.Dir(full)); err != nil {
			return nil, err
		}
	}
	return nil, errRaced
}

// dropUncommitted discards what is uncommitted at path and below, and reports
// whether there was anything.
func (d *Driver) dropUncommitted(path string) (bool, error) {
	dir := d.uncommitted(path)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	err := os.RemoveAll(dir)
	d.prune(filepath.Dir(dir), d.staged("open"))
	return true, err
}

func (w *writer) usable() error {
	switch {
	case w.shut:
		return failure(errClosed)
	case w.ended != nil:
		return failure(w.ended)
	}
	return nil
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	w.dirty = true
	n, err := w.file.Write(p)
	w.size += int64(n)
	return n, failure(err)
}

func (w *writer) Size() int64 { return w.size }

func (w *writer) Commit(ctx context.Context) error {
	if err := w.usable(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return failure(err)
	}
	if err := w.d.sync(w.file); err != nil {
		return failure(err)
	}
	if err := w.current(); err != nil {
		return failure(err)
	}
	if err := w.d.place(w.temp, w.path); err != nil {
		return failure(err)
	}
	w.ended = errCommitted
	w.d.prune(filepath.Dir(w.temp), w.d.staged("open"))
	return failure(w.file.Close())
}

// current fails unless the staged file is that of this writer: a delete, or a
// writer that started over, may have taken it away.
func (w *writer) current() error {
	mine, err := w.file.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Lstat(w.temp); err != nil || !os.SameFile(mine, there) {
		return errDiscarded
	}
	return nil
}

func (w *writer) Cancel(context.Context) error {
	if err := w.usable(); err != nil {
		return err
	}
	w.ended = errCancelled
	err := w.current()
	if err == nil {
		err = os.Remove(w.temp)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDiscarded) {
		err = nil
	}
	w.d.prune(filepath.Dir(w.temp), w.d.staged("open"))
	return failure(errors.Join(err, w.file.Close()))
}

func (w *writer) Close() error {
	if w.shut {
		return failure(errClosed)
	}
	w.shut = true
	if w.ended != nil {
		return nil
	}
	err := w.keep()
	return failure(errors.Join(err, w.file.Close()))
}

// keep makes what was written last.
func (w *writer) keep() error {
	if !w.dirty {
		return nil
	}
	if err := w.d.sync(w.file); err != nil {
		return err
	}
	top := w.d.staged()
	for dir := filepath.Dir(w.temp); len(dir) >= len(top); dir = filepath.Dir(dir) {
		if err := w.d.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}
