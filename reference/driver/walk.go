package driver

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// A Lister is a driver that lists a directory in pieces, so that nobody needs
// to hold all of a large one.
type Lister interface {
	Driver

	// ListAfter returns the first children of a directory whose names sort
	// after the given one ("": all do), sorted, so many at most. If there
	// are fewer, these are the last. They must not be changed. It fails with
	// [PathNotFoundError].
	ListAfter(ctx context.Context, path, after string, most int) ([]Entry, error)
}

// An Entry is a child of a directory.
type Entry struct {
	Name string
	// IsDir says that it is a directory; if not, that is to be found out.
	IsDir bool
}

// CompareEntries orders entries by name.
func CompareEntries(a, b Entry) int { return strings.Compare(a.Name, b.Name) }

// EntryPaths returns the paths of children of a directory.
func EntryPaths(dir string, entries []Entry) []string {
	paths := make([]string, len(entries))
	for i, e := range entries {
		paths[i] = e.Name
	}
	JoinPaths(dir, paths)
	return paths
}

// EntriesAfter returns what ListAfter does of all children of a directory, sorted.
func EntriesAfter(all []Entry, after string, most int) []Entry {
	i, found := slices.BinarySearchFunc(all, after, func(e Entry, name string) int { return strings.Compare(e.Name, name) })
	if found {
		i++
	}
	return all[i:min(i+most, len(all))]
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
		hinted := below + after
		if err := w.visit(ctx, &hinted, false); err != nil {
			return err
		}
	}
	var stopped error
	err := pieces(ctx, w.d, dir, after, func(entries []Entry) error {
		paths := EntryPaths(dir, entries)
		for i, e := range entries {
			if stopped = w.visit(ctx, &paths[i], e.IsDir); stopped != nil {
				return stopped
			}
		}
		return nil
	})
	if stopped != nil {
		return stopped
	}
	return unlessNotFound(err)
}

// pieces calls f for pieces of the children of a directory whose names sort after
// the given one.
func pieces(ctx context.Context, d Lister, dir, after string, f func([]Entry) error) error {
	for most := firstPiece; ; most = largePiece {
		entries, err := d.ListAfter(ctx, dir, after, most)
		if err == nil {
			err = f(entries)
		}
		if err != nil || len(entries) < most {
			return err
		}
		after = entries[most-1].Name
	}
}

// Children calls f for the name of each child of a directory that sorts after the
// given one ("": all do), in order, until f fails, which it returns. Where the driver
// is a [Lister], memory does not grow with their number. It fails with
// [PathNotFoundError].
func Children(ctx context.Context, d Driver, dir, after string, f func(name string) error) error {
	if l, ok := d.(Lister); ok {
		return pieces(ctx, l, dir, after, func(entries []Entry) error {
			for _, e := range entries {
				if err := f(e.Name); err != nil {
					return err
				}
			}
			return nil
		})
	}
	hint, below := "", below(dir)
	if after != "" {
		hint = below + after
	}
	return d.Walk(ctx, dir, func(info FileInfo) error {
		name, ok := strings.CutPrefix(info.Path(), below)
		// A driver may tell again what the hint says is known.
		if ok && name > after && !strings.Contains(name, "/") {
			if err := f(name); err != nil {
				return err
			}
		}
		if info.IsDir() {
			return ErrSkipDir
		}
		return nil
	}, WithStartAfterHint(hint))
}

// visit calls f for what is at path, and descends. That it is a directory may be
// known.
func (w *walk) visit(ctx context.Context, path *string, isDir bool) error {
	if err := ctx.Err(); err != nil {
		return Failure(ctx, w.d.Name(), err)
	}
	info := FileInfo((*directory)(path))
	if !isDir {
		var err error
		if info, err = w.d.Stat(ctx, *path); err != nil {
			return unlessNotFound(err)
		}
	}
	switch err := w.f(info); {
	case errors.Is(err, ErrSkipDir):
		return nil
	case err != nil || !info.IsDir():
		return err
	}
	return w.children(ctx, *path)
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
