package filesystem

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

// data is the name of uncommitted content in the folder of its path. No
// component can be called so.
const data = "~data"

// How often, and how long between, a lock is tried for that another holds.
const (
	lockTries = 25
	lockPause = 10 * time.Millisecond
)

// writer is a [driver.FileWriter]. Its file lies in the staging folder.
type writer struct {
	d     *Driver
	path  string
	temp  string
	file  *os.File
	size  int64
	dirty bool        // written to since it was opened
	ended error       // why nothing but Close may follow
	shut  bool        // closed
	left  fs.FileInfo // how Close left the file, nil if that isn't known
}

var (
	errClosed    = errors.New("the writer is closed")
	errCommitted = errors.New("the writer is committed")
	errCancelled = errors.New("the writer is cancelled")
	errDiscarded = errors.New("what the writer wrote was deleted")
	errGoneOn    = errors.New("another writer has gone on with the upload")
)

// uncommitted returns the folder of what is uncommitted at path and below.
func (d *Driver) uncommitted(path string) string { return d.staged("open", path) }

// Writer implements [driver.Driver].
func (d *Driver) Writer(ctx context.Context, path string, append bool) (driver.FileWriter, error) {
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	w := &writer{d: d, path: path, temp: filepath.Join(d.uncommitted(path), data)}
	for range maxTries {
		if append && d.isFinal(path, w.temp) {
			return nil, driver.CommittedError{Path: path, DriverName: name}
		}
		if err := w.open(append); err != errRaced {
			return orFailure(w, err)
		}
	}
	return nil, failure(errRaced)
}

func orFailure(w *writer, err error) (driver.FileWriter, error) {
	if err == nil {
		return w, nil
	}
	if busy, ok := errors.AsType[driver.BusyError](err); ok {
		return nil, busy
	}
	return nil, failure(err)
}

// open opens the staged file and locks it, so that no other process writes to it
// too. It fails with errRaced if the file went elsewhere meanwhile.
func (w *writer) open(append bool) error {
	file, err := openStaged(w.temp, append)
	if err != nil {
		return err
	}
	w.file = file
	if err = lock(file); errors.Is(err, syscall.EWOULDBLOCK) {
		err = driver.BusyError{Path: w.path, DriverName: name}
	} else if err == nil && !w.isMine(w.temp) {
		err = errRaced
	}
	info, statErr := file.Stat()
	if err == nil {
		err = statErr
	}
	if err != nil {
		file.Close()
		return err
	}
	w.size, w.dirty = info.Size(), info.Size() == 0
	return nil
}

// lock locks the file until it is closed, or the process ends. It waits for
// others no longer than it takes them to look at the file.
func lock(file *os.File) error {
	for i := 0; ; i++ {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || i == lockTries {
			return err
		}
		time.Sleep(lockPause)
	}
}

// isFinal reports whether there is committed content at path and nothing
// uncommitted, which would lie at temp.
func (d *Driver) isFinal(path, temp string) bool {
	if _, err := os.Lstat(temp); err == nil {
		return false
	}
	info, err := os.Stat(d.full(path))
	return err == nil && !info.IsDir() && info.Size() > 0
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
	switch {
	case w.ended != nil:
		return failure(w.ended)
	case w.shut:
		return failure(w.cancelClosed())
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

// cancelClosed discards what Close has kept. The system may have given the
// number of a file that has gone to another's, so it is ours only if it is as
// Close left it.
func (w *writer) cancelClosed() error {
	there, err := os.Lstat(w.temp)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.ended = errCancelled
		return nil
	case err != nil:
		return err
	case w.left == nil || !os.SameFile(w.left, there) || w.left.Size() != there.Size() ||
		!w.left.ModTime().Equal(there.ModTime()):
		return errGoneOn
	}
	if err := os.Remove(w.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w.ended = errCancelled
	w.d.prune(filepath.Dir(w.temp), w.d.staged("open"))
	return nil
}

func (w *writer) Close() error {
	if w.shut {
		return nil
	}
	w.shut = true
	if w.ended != nil {
		return nil
	}
	err := w.keep()
	if info, statErr := w.file.Stat(); statErr == nil {
		w.left = info
	}
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
