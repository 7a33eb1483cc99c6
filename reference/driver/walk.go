package driver

import (
	"context"
	"errors"
	"strings"
	"time"
)

// A Lister is a driver that lists a directory in pieces, so that nobody needs
// to hold all of a large one.
type Lister interface {
	Driver

	// ListAfter returns the first children of a directory whose names sort
	// after the given one ("": all do), sorted, so many at most. If there
	// are fewer, these are the last. It fails with [PathNotFoundError].
	ListAfter(ctx context.Context, path, after string, most int) ([]Entry, error)
}

// An Entry is a child of a directory.
type Entry struct {
	Path string
	// IsDir says that it is a directory; if not, that is to be found out.
	IsDir bool
}

// WalkByListing is a [Driver].Walk for drivers that have no faster way than to
// list one directory after the other. No lock of the caller's may be held.
func WalkByListing(ctx context.Context, d Lister, path string, f WalkFunc, options ...func(*WalkOptions)) error {
	w := walk{d: d, f: f}
	for _, set := range options {
		set(&w.options)
	}
	info, err := d.Stat(ctx, path)
	if err == nil && !info.IsDir() {
		err = PathNotFoundError{Path: path, DriverName: d.Name()}
	}
	if err != nil || w.seen(path) {
		return err
	}
	if err := w.children(ctx, path); !errors.Is(err, ErrFilledBuffer) {
		return err
	}
	return nil
}

type walk struct {
	d       Lister
	f       WalkFunc
	options WalkOptions
}

// seen reports whether the hint covers path and all below.
func (w *walk) seen(path string) bool {
	after := w.options.StartAfterHint
	return after != "" && after != path && ComparePaths(path, after) < 0 && !strings.HasPrefix(after, below(path))
}

// below returns what the paths of all below path begin with.
func below(path string) string { return strings.TrimSuffix(path, "/") + "/" }

// A walk lists a directory in a small piece first, since its caller may have
// enough soon, and then in large ones.
const (
	firstPiece = 256
	largePiece = 16 << 10
)

// children visits what the hint leaves of the children of a directory.
func (w *walk) children(ctx context.Context, dir string) error {
	after, below := "", below(dir)
	if rest, ok := strings.CutPrefix(w.options.StartAfterHint, below); ok && rest != "" {
		after, _, _ = strings.Cut(rest, "/")
		if err := w.visit(ctx, &Entry{Path: below + after}); err != nil {
			return err
		}
	}
	for most := firstPiece; ; most = largePiece {
		entries, err := w.d.ListAfter(ctx, dir, after, most)
		if err != nil {
			return unlessNotFound(err)
		}
		for i := range entries {
			if err := w.visit(ctx, &entries[i]); err != nil {
				return err
			}
			after = strings.TrimPrefix(entries[i].Path, below)
		}
		if len(entries) < most {
			return nil
		}
	}
}

// visit calls f for the child of a directory, and descends.
func (w *walk) visit(ctx context.Context, e *Entry) error {
	if err := ctx.Err(); err != nil {
		return Failure(ctx, w.d.Name(), err)
	}
	info := FileInfo((*directory)(&e.Path))
	if !e.IsDir {
		var err error
		if info, err = w.d.Stat(ctx, e.Path); err != nil {
			return unlessNotFound(err)
		}
	}
	switch err := w.f(info); {
	case errors.Is(err, ErrSkipDir):
		return nil
	case err != nil || !info.IsDir():
		return err
	}
	return w.children(ctx, e.Path)
}

// unlessNotFound takes it for no failure that something went during the walk.
func unlessNotFound(err error) error {
	if _, ok := errors.AsType[PathNotFoundError](err); ok {
		return nil
	}
	return err
}

// directory is the [FileInfo] of a directory of that path.
type directory string

func (d *directory) Path() string     { return string(*d) }
func (*directory) Size() int64        { return 0 }
func (*directory) ModTime() time.Time { return time.Time{} }
func (*directory) IsDir() bool        { return true }
