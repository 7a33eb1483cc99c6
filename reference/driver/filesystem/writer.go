package filesystem

import (
	"context"
	"errors"
	"io"
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
	file  *os.File // nil: it is made with the first byte
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
	errDiscarded = error(driver.DiscardedError{DriverName: name})
	errGoneOn    = error(driver.BusyError{DriverName: name})
)

// uncommitted returns the folder of what is uncommitted at path and below.
func (d *Driver) uncommitted(path string) string { return d.staged("open", path) }

// Writer implements [driver.Driver].
func (d *Driver) Writer(ctx context.Context, path string, append bool) (driver.FileWriter, error) {
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	w := &writer{d: d, path: path, temp: filepath.Join(d.uncommitted(path), data)}
	flags := os.O_CREATE | os.O_EXCL
	if append {
		flags = 0
	}
	err := w.open(flags)
	if append && errors.Is(err, fs.ErrNotExist) {
		if d.isFinal(path) {
			return nil, driver.CommittedError{Path: path, DriverName: name}
		}
		err = nil
	}
	if err != nil {
		return nil, failure(err)
	}
	return w, nil
}

// Uncommitted implements [driver.Peeker].
func (d *Driver) Uncommitted(ctx context.Context, path string) (int64, error) {
	if err := check(ctx, path, false); err != nil {
		return 0, err
	}
	full := filepath.Join(d.uncommitted(path), data)
	if isLocked(full) {
		return 0, driver.BusyError{Path: path, DriverName: name}
	}
	info, err := os.Stat(full)
	if err != nil {
		return 0, typed(path, err)
	}
	return info.Size(), nil
}

// open opens the staged file and locks it, so that no other process writes to it
// too.
func (w *writer) open(flags int) error {
	for range maxTries {
		if err := w.tryOpen(flags); err != errRaced {
			return err
		}
	}
	return errRaced
}

// tryOpen fails with errRaced if the file went elsewhere meanwhile.
func (w *writer) tryOpen(flags int) error {
	file, err := openStaged(w.temp, os.O_RDWR|os.O_APPEND|flags)
	if err != nil {
		return err
	}
	var info fs.FileInfo
	if err = lock(file); errors.Is(err, syscall.EWOULDBLOCK) {
		err = driver.BusyError{Path: w.path, DriverName: name}
	} else if err == nil {
		info, err = sameFile(file, w.temp)
	}
	switch {
	case err == nil && info == nil:
		err = errRaced
	case err == nil && flags == os.O_CREATE && info.Size() > 0:
		// There was none when this writer began.
		err = driver.BusyError{Path: w.path, DriverName: name}
	}
	if err != nil {
		file.Close()
		return err
	}
	w.file, w.size, w.dirty = file, info.Size(), info.Size() == 0
	return nil
}

// sameFile describes the file, or returns nil if the name is not one of it.
func sameFile(file *os.File, full string) (fs.FileInfo, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if there, err := os.Lstat(full); err != nil || !os.SameFile(info, there) {
		return nil, nil
	}
	return info, nil
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

// isFinal reports whether there is committed content at path.
func (d *Driver) isFinal(path string) bool {
	info, err := os.Stat(d.full(path))
	return err == nil && !info.IsDir() && info.Size() > 0
}

// openStaged opens a staged file, and makes the directories. With O_EXCL it
// takes the place of one that is there.
func openStaged(full string, flags int) (*os.File, error) {
	for range maxTries {
		file, err := openFile(full, flags)
		switch {
		case errors.Is(err, fs.ErrNotExist) && flags&os.O_CREATE != 0:
			err = mkdirAll(filepath.Dir(full), func(string) {})
		case errors.Is(err, fs.ErrExist):
			err = unlink(full)
		default:
			return file, err
		}
		if err != nil {
			return nil, err
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
	err := removeAll(dir)
	d.prune(filepath.Dir(dir))
	return err
}

// left says that a staged file has gone. Its directory stays for the next one
// of the path, for a while.
func (d *Driver) left(temp string) {
	dir := filepath.Dir(temp)
	if err := d.hold(dir); err != nil {
		d.prune(dir)
		return
	}
	d.release(dir)
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
	if w.file == nil {
		if err := w.open(os.O_CREATE); err != nil {
			return 0, failure(err)
		}
	}
	w.dirty = true
	n, err := w.file.Write(p)
	w.size += int64(n)
	return n, failure(err)
}

func (w *writer) Size() int64 { return w.size }

// ReadAt implements [io.ReaderAt] over what was written and is not committed.
func (w *writer) ReadAt(p []byte, offset int64) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	if w.file == nil {
		return 0, io.EOF
	}
	n, err := w.file.ReadAt(p, offset)
	if err == io.EOF {
		return n, err
	}
	return n, failure(err)
}

func (w *writer) Commit(ctx context.Context) error {
	return w.d.Publish(ctx, driver.File{Path: w.path, Writer: w})
}

// committed ends the writer, whose content has its name.
func (w *writer) committed() error {
	w.ended = errCommitted
	w.d.left(w.temp)
	return w.file.Close()
}

// Sync brings what was written so far to stable storage, so that Commit has
// less to wait for.
func (w *writer) Sync() error {
	if w.file == nil || w.d.noSync {
		return nil
	}
	return failure(w.file.Sync())
}

// take gives the file of this writer a name that nobody else knows. It fails
// if the file has gone: a delete, or a writer that started over, may have
// taken it away, and what lies in its place is another's.
func (w *writer) take() (string, error) {
	if w.file == nil {
		if err := w.open(os.O_CREATE); err != nil {
			return "", err
		}
	}
	taken := w.d.unnamed("new")
	err := rename(w.temp, taken)
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
	if err := mkdirAll(filepath.Dir(temp), func(string) {}); err != nil {
		return err
	}
	err := os.Link(taken, temp)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, unlink(taken))
}

// isMine reports whether the name is one of this writer's file.
func (w *writer) isMine(full string) bool {
	info, err := sameFile(w.file, full)
	return err == nil && info != nil
}

func (w *writer) Cancel(context.Context) error {
	switch {
	case w.ended != nil:
		return failure(w.ended)
	case w.shut:
		return failure(w.cancelClosed())
	}
	w.ended = errCancelled
	if w.file == nil {
		return nil
	}
	var err error
	if w.isMine(w.temp) {
		err = unlink(w.temp)
	}
	w.d.left(w.temp)
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
	if err := unlink(w.temp); err != nil {
		return err
	}
	w.ended = errCancelled
	w.d.left(w.temp)
	return nil
}

func (w *writer) Close() error {
	if w.shut {
		return nil
	}
	w.shut = true
	if w.ended != nil || w.file == nil {
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
	if !w.dirty || w.d.noSync {
		return nil
	}
	g := together{w.file.Sync}
	top := w.d.staged()
	for dir := filepath.Dir(w.temp); len(dir) >= len(top); dir = filepath.Dir(dir) {
		g.add(func() error { return syncDir(dir) })
	}
	return g.run()
}
