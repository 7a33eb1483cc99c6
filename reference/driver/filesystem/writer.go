package filesystem

import (
	"context"
	"crypto/rand"
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
	open := openAppend
	if !append {
		open = startOver
	}
	file, err := open(temp)
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

// startOver makes a file of its own in place of one that may be there: two
// writers that start over at once never share one.
func startOver(full string) (*os.File, error) {
	for range maxTries {
		if err := os.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		file, err := openFile(full, os.O_EXCL)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
	return nil, errRaced
}

// openAppend opens a file at its end, and makes it with its directories.
func openAppend(full string) (*os.File, error) { return openFile(full, 0) }

func openFile(full string, flag int) (*os.File, error) {
	for range maxTries {
		file, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_APPEND|flag, 0o666)
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
	own, err := w.take()
	if err != nil {
		return failure(err)
	}
	if err := w.d.place(own, w.path); err != nil {
		return failure(errors.Join(err, putBack(own, w.temp)))
	}
	w.ended = errCommitted
	w.d.prune(filepath.Dir(w.temp), w.d.staged("open"))
	return failure(w.file.Close())
}

// take gives the staged file a name that nobody else uses, and returns it. It
// fails unless the file is that of this writer. From then on no other writer
// of the path can come between.
func (w *writer) take() (string, error) {
	mine, err := w.file.Stat()
	if err != nil {
		return "", err
	}
	own := w.d.staged("new", rand.Text())
	if err := os.Rename(w.temp, own); errors.Is(err, fs.ErrNotExist) {
		return "", errDiscarded
	} else if err != nil {
		return "", err
	}
	there, err := os.Lstat(own)
	if err == nil && !os.SameFile(mine, there) {
		err = errDiscarded
	}
	if err != nil {
		return "", errors.Join(err, putBack(own, w.temp))
	}
	return own, nil
}

// putBack returns a file to its writer, unless another has started over.
func putBack(own, temp string) error {
	err := os.Link(own, temp)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(own))
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
