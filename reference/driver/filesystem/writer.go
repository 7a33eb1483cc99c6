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
	file, err := openStaged(temp, append)
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

// openStaged opens a staged file at its end, or one of its own in its place,
// and makes the directories.
func openStaged(full string, append bool) (*os.File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if !append {
		flags |= os.O_EXCL
	}
	for range maxTries {
		if !append {
			if err := os.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		file, err := os.OpenFile(full, flags, 0o666)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if err := mkdirAll(filepath.Dir(full)); err != nil {
				return nil, err
			}
		case errors.Is(err, fs.ErrExist): // another started over just now
		default:
			return file, err
		}
	}
	return nil, errRaced
}

// dropUncommitted discards what is uncommitted at path and below.
func (d *Driver) dropUncommitted(path string) error {
	dir := d.uncommitted(path)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := os.RemoveAll(dir)
	d.prune(filepath.Dir(dir), d.staged("open"))
	return err
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
	taken, err := w.take()
	if err != nil {
		return failure(err)
	}
	if err := w.d.place(w.file, taken, w.path); err != nil {
		return failure(errors.Join(err, putBack(taken, w.temp)))
	}
	w.ended = errCommitted
	w.d.prune(filepath.Dir(w.temp), w.d.staged("open"))
	return failure(w.file.Close())
}

// take gives the file of this writer a name that nobody else knows. It fails
// if the file has gone: a delete, or a writer that started over, may have
// taken it away, and what lies in its place is another's.
func (w *writer) take() (string, error) {
	taken := w.d.staged("new", rand.Text())
	err := os.Rename(w.temp, taken)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errDiscarded
	}
	if err != nil {
		return "", err
	}
	if !w.isMine(taken) {
		return "", errors.Join(errDiscarded, putBack(taken, w.temp))
	}
	return taken, nil
}

// putBack returns a file to where a writer can go on with it, unless another
// has started over there.
func putBack(taken, temp string) error {
	if err := mkdirAll(filepath.Dir(temp)); err != nil {
		return err
	}
	err := os.Link(taken, temp)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(taken))
}

// isMine reports whether the name is one of this writer's file.
func (w *writer) isMine(full string) bool {
	mine, err := w.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(full)
	return err == nil && os.SameFile(mine, there)
}

func (w *writer) Cancel(context.Context) error {
	if err := w.usable(); err != nil {
		return err
	}
	w.ended = errCancelled
	var err error
	if w.isMine(w.temp) {
		err = os.Remove(w.temp)
	}
	if errors.Is(err, fs.ErrNotExist) {
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
