package driver

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Walk is [Driver].Walk of a path that was checked. It lists flat and tells
// directories from the keys.
func (s *FlatStore) Walk(ctx context.Context, path string, f WalkFunc, options ...func(*WalkOptions)) error {
	w := flatWalk{store: s, f: f}
	for _, set := range options {
		set(&w.options)
	}
	found, err := w.tree(ctx, s.Below(path), false)
	if errors.Is(err, ErrFilledBuffer) {
		return nil
	}
	if err != nil || found || path == "/" {
		return err
	}
	// All that is there may lie before the hint.
	any, err := s.Exists(ctx, s.Below(path))
	if err == nil && !any {
		err = PathNotFoundError{Path: path, DriverName: s.DriverName}
	}
	return err
}

// A flatWalk turns the order of a listing, that of bytes, into that of a walk, in
// which a slash is the lowest byte. The two differ where a name goes on with
// '-' or '.' after that of a directory: a-b comes before a/c in a listing, and
// after it in a walk. So when a-b turns up the directory a/ is walked first.
type flatWalk struct {
	store   *FlatStore
	f       WalkFunc
	options WalkOptions
}

const (
	// afterName stands behind all of a name, and before what goes on with
	// '-', '.' or '/'.
	afterName = "!"
	// afterAll stands behind all that a name can begin with.
	afterAll = "~"
)

// tree walks all below prefix, which is empty or ends in a slash, and reports
// whether there was anything. With self it calls f for the directory as well.
func (w *flatWalk) tree(ctx context.Context, prefix string, self bool) (found bool, err error) {
	level := flatTree{flatWalk: w, pages: w.store.Pages(prefix, ""), open: prefix, early: map[string]bool{}}
	level.startAt(prefix)
	for {
		if err := ctx.Err(); err != nil {
			return found, Failure(ctx, w.store.DriverName, err)
		}
		o, ok, err := level.pages.Next(ctx)
		if err != nil || !ok {
			return found, err
		}
		if !found && self {
			if descend, err := w.enter(prefix); !descend {
				return true, err
			}
		}
		found = true
		if err := level.visit(ctx, o); err != nil {
			return found, err
		}
	}
}

// passed reports whether the hint covers path and all below.
func (w *flatWalk) passed(path string) bool {
	after := w.options.StartAfterHint
	return after != "" && ComparePaths(path, after) < 0 && !strings.HasPrefix(after, path+"/")
}

// call calls f, unless the hint covers the path.
func (w *flatWalk) call(i flatInfo) error {
	if after := w.options.StartAfterHint; after != "" && ComparePaths(i.path, after) <= 0 {
		return nil
	}
	return w.f(i)
}

// enter calls f for the directory at key, and reports whether to walk it.
func (w *flatWalk) enter(key string) (descend bool, err error) {
	path, _ := w.store.Path(key)
	if w.passed(path) {
		return false, nil
	}
	err = w.call(flatInfo{path: path, dir: true})
	if errors.Is(err, ErrSkipDir) {
		return false, nil
	}
	return err == nil, err
}

// A flatTree is the walk of what one listing has.
type flatTree struct {
	*flatWalk
	pages *FlatPages
	open  string          // the directory that the walk is in: a prefix of keys
	early map[string]bool // directories that were walked, or are known not to be, before the listing came to them
}

// startAt leaves out what the hint covers in the directory dir.
func (t *flatTree) startAt(dir string) {
	after := t.options.StartAfterHint
	if after == "" {
		return
	}
	rest, ok := strings.CutPrefix(t.store.Root+strings.TrimPrefix(after, "/"), dir)
	if base, _, _ := strings.Cut(rest, "/"); ok && base != "" {
		t.pages.skipTo(dir + base + afterName)
	}
}

// visit calls f for an object and for the directories that come into view
// with it.
func (t *flatTree) visit(ctx context.Context, o FlatEntry) error {
	if _, ok := t.store.Path(o.Key); !ok && o.Key != t.open {
		return nil
	}
	for !strings.HasPrefix(o.Key, t.open) {
		t.leave()
	}
	for {
		base, _, deeper := strings.Cut(o.Key[len(t.open):], "/")
		dir := t.open + base + "/"
		if deeper && t.early[dir] {
			t.pages.skipTo(dir + afterAll)
			return nil
		}
		if err := t.before(ctx, base); err != nil {
			return err
		}
		if !deeper {
			return t.file(o, base)
		}
		descend, err := t.enter(dir)
		if err != nil {
			return err
		}
		if !descend {
			t.pages.skipTo(dir + afterAll)
			return nil
		}
		t.open = dir
		t.startAt(dir)
		if o.Key <= t.pages.after {
			return nil
		}
	}
}

// leave goes from a directory to the one that holds it.
func (t *flatTree) leave() {
	for dir := range t.early {
		if strings.HasPrefix(dir, t.open) {
			delete(t.early, dir)
		}
	}
	t.open = t.open[:strings.LastIndexByte(t.open[:len(t.open)-1], '/')+1]
}

// before walks the directories that come before base and after it in the
// listing.
func (t *flatTree) before(ctx context.Context, base string) error {
	for i := 1; i < len(base); i++ {
		if base[i] != '-' && base[i] != '.' {
			continue
		}
		dir := t.open + base[:i] + "/"
		path, ok := t.store.Path(dir)
		if !ok || t.early[dir] || t.passed(path) {
			continue
		}
		t.early[dir] = true
		if holds, known := t.pages.holds(dir); known && !holds {
			continue
		}
		if _, err := t.tree(ctx, dir, true); err != nil {
			return err
		}
	}
	return nil
}

// file calls f for a file. An object whose key ends in a slash stands for a
// directory, of which f knows by now.
func (t *flatTree) file(o FlatEntry, base string) error {
	if base == "" {
		return nil
	}
	path, _ := t.store.Path(o.Key)
	err := t.call(flatInfo{path: path, size: o.Size, modified: o.ModTime})
	if errors.Is(err, ErrSkipDir) {
		return nil
	}
	return err
}

// flatInfo is a [FileInfo].
type flatInfo struct {
	path     string
	size     int64
	modified time.Time
	dir      bool
}

func (i flatInfo) Path() string       { return i.path }
func (i flatInfo) Size() int64        { return i.size }
func (i flatInfo) ModTime() time.Time { return i.modified }
func (i flatInfo) IsDir() bool        { return i.dir }
