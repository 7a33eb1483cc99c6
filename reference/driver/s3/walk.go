package s3

import (
	"context"
	"errors"
	"strings"

	"github.com/registryconform/conform/reference/driver"
)

// Walk implements [driver.Driver]. It lists flat, a thousand keys a request,
// and tells directories from the keys.
func (d *Driver) Walk(ctx context.Context, path string, f driver.WalkFunc, options ...func(*driver.WalkOptions)) error {
	if err := check(ctx, path, true); err != nil {
		return err
	}
	w := walk{d: d, f: f}
	for _, set := range options {
		set(&w.options)
	}
	found, err := w.tree(ctx, d.below(path), false)
	if errors.Is(err, driver.ErrFilledBuffer) {
		return nil
	}
	if err != nil || found || path == "/" {
		return err
	}
	// All that is there may lie before the hint.
	any, err := d.exists(ctx, d.below(path))
	if err == nil && !any {
		err = notFound(path)
	}
	return err
}

// A walk turns the order of a listing, that of bytes, into that of a walk, in
// which a slash is the lowest byte. The two differ where a name goes on with
// '-' or '.' after that of a directory: a-b comes before a/c in a listing, and
// after it in a walk. So when a-b turns up the directory a/ is walked first.
type walk struct {
	d       *Driver
	f       driver.WalkFunc
	options driver.WalkOptions
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
func (w *walk) tree(ctx context.Context, prefix string, self bool) (found bool, err error) {
	level := tree{walk: w, pages: w.d.pages(prefix, ""), open: prefix, early: map[string]bool{}}
	level.startAt(prefix)
	for {
		if err := ctx.Err(); err != nil {
			return found, failure(ctx, err)
		}
		o, ok, err := level.pages.next(ctx)
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

// path returns the path of a key without its slash at the end, and whether it
// is one.
func (w *walk) path(key string) (string, bool) {
	path := "/" + strings.TrimSuffix(strings.TrimPrefix(key, w.d.root), "/")
	return path, driver.CheckPath(name, path, false) == nil
}

// passed reports whether the hint covers path and all below.
func (w *walk) passed(path string) bool {
	after := w.options.StartAfterHint
	return after != "" && driver.ComparePaths(path, after) < 0 && !strings.HasPrefix(after, path+"/")
}

// call calls f, unless the hint covers the path.
func (w *walk) call(i info) error {
	if after := w.options.StartAfterHint; after != "" && driver.ComparePaths(i.path, after) <= 0 {
		return nil
	}
	return w.f(i)
}

// enter calls f for the directory at key, and reports whether to walk it.
func (w *walk) enter(key string) (descend bool, err error) {
	path, _ := w.path(key)
	if w.passed(path) {
		return false, nil
	}
	err = w.call(info{path: path, dir: true})
	if errors.Is(err, driver.ErrSkipDir) {
		return false, nil
	}
	return err == nil, err
}

// A tree is the walk of what one listing has.
type tree struct {
	*walk
	pages *pages
	open  string          // the directory that the walk is in: a prefix of keys
	early map[string]bool // directories that were walked, or are known not to be, before the listing came to them
}

// startAt leaves out what the hint covers in the directory dir.
func (t *tree) startAt(dir string) {
	after := t.options.StartAfterHint
	if after == "" {
		return
	}
	rest, ok := strings.CutPrefix(t.d.root+strings.TrimPrefix(after, "/"), dir)
	if base, _, _ := strings.Cut(rest, "/"); ok && base != "" {
		t.pages.skipTo(dir + base + afterName)
	}
}

// visit calls f for an object and for the directories that come into view
// with it.
func (t *tree) visit(ctx context.Context, o object) error {
	if _, ok := t.path(o.key); !ok && o.key != t.open {
		return nil
	}
	for !strings.HasPrefix(o.key, t.open) {
		t.leave()
	}
	for {
		base, _, deeper := strings.Cut(o.key[len(t.open):], "/")
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
		if o.key <= t.pages.after {
			return nil
		}
	}
}

// leave goes from a directory to the one that holds it.
func (t *tree) leave() {
	for dir := range t.early {
		if strings.HasPrefix(dir, t.open) {
			delete(t.early, dir)
		}
	}
	t.open = t.open[:strings.LastIndexByte(t.open[:len(t.open)-1], '/')+1]
}

// before walks the directories that come before base and after it in the
// listing.
func (t *tree) before(ctx context.Context, base string) error {
	for i := 1; i < len(base); i++ {
		if base[i] != '-' && base[i] != '.' {
			continue
		}
		dir := t.open + base[:i] + "/"
		path, ok := t.path(dir)
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
func (t *tree) file(o object, base string) error {
	if base == "" {
		return nil
	}
	path, _ := t.path(o.key)
	err := t.call(info{path: path, size: o.size, modified: o.modified})
	if errors.Is(err, driver.ErrSkipDir) {
		return nil
	}
	return err
}
