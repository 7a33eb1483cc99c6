package drivertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

func walkRules() []rule {
	return []rule{
		{"WALK-01", Must, "Walk visits every object and directory below its start exactly once.", walkAll, 0},
		{"WALK-02", Must, "Walk visits a directory before what is in it.", walkParents, 0},
		{"WALK-03", Must, "Walk does not visit its start.", walkStart, 0},
		{"WALK-04", Must, "Walk copes with trees whose names begin alike.", walkAdversarial, 0},
		{"WALK-05", Should, "Walk goes component by component: a/b comes before a-b.", walkOrder, 0},
		{"WALK-06", Must, "The skip sentinel on a directory leaves out what is in it.", walkSkip, 0},
		{"WALK-07", Must, "The skip sentinel leaves out nothing but that directory.", walkSkipOnly, 0},
		{"WALK-08", Should, "The skip sentinel on an object skips that object alone.", walkSkipFile, 0},
		{"WALK-09", Must, "The filled sentinel ends the walk at once, at any depth, and Walk returns nil.", walkFilled, 0},
		{"WALK-10", Must, "Any other error of the callback ends the walk and comes back, so that errors.Is finds it.", walkError, 0},
		{"WALK-11", Must, "Entries and directories that vanish during the walk don't end it.", walkVanish, 0},
		{"WALK-12", Must, "Walk of a missing path is a path-not-found error.", walkMissing, 0},
		{"WALK-13", Should, "Walk of an empty root behaves like List of it.", walkEmptyRoot, rootLevel},
		{"WALK-14", Must, "Walk with a hint visits everything after the hint.", walkHint, 0},
		{"WALK-15", Must, "A hint may be empty, the start, an ancestor, missing, beyond the last entry or outside the tree.", walkHints, 0},
		{"WALK-16", Must, "Walk never visits a path with an empty last component.", walkNoEmptyName, 0},
		{"WALK-17", Must, "A hint may name an object.", walkHintFile, 0},
		{"WALK-18", Must, "Walk visits all of more entries than fit on a page, skipping included.", walkPages, 0},
		{"WALK-19", Must, "What Walk says of an entry is what Stat says of it.", walkInfo, 0},
		{"WALK-20", Should, "Writes during a walk never disturb it.", walkWrites, 0},
		{"WALK-21", Must, "Walk is the same as List and Stat all the way down.", walkIsList, 0},
		{"WALK-22", Should, "The callback may call any method of the driver.", walkReentrant, 0},
		{"WALK-23", Should, "Paging by hints, with pages of any size, gives everything once.", walkPaged, 0},
	}
}

// adversarial names begin alike and sort on either side of a slash.
var adversarial = []string{
	"a/b", "a/c/d", "a-b/x", "a.b", "ab/x", "a0", "a_", "aa/aa/aa", "b", "b-", "c/c", "c/c-c/c", "c/c.c", "c/cc", "d/e/f/g/h/i", "A/b", "A-b", "-/-", "_/x", "z",
}

// tree stores an object at each name and returns the paths that a walk must visit.
func (x *trial) tree(names []string) []string {
	x.puts(names...)
	want := map[string]bool{}
	for _, n := range names {
		for i, c := range n {
			if c == '/' {
				want[x.p(n[:i])] = true
			}
		}
		want[x.p(n)] = true
	}
	all := make([]string, 0, len(want))
	for p := range want {
		all = append(all, p)
	}
	slices.SortFunc(all, comparePaths)
	return all
}

// comparePaths is the order component by component: the slash sorts before anything else.
func comparePaths(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

// visits compares a walk with what it must visit, in any order.
func (x *trial) visits(start string, want []string) []entry {
	var got []entry
	x.settle(x.cfg.Consistency.List, func() string {
		got = nil
		err := x.d.walk(x.ctx, start, func(e entry) error { got = append(got, e); return nil })
		if err != nil {
			return "Walk of " + quote(start) + " failed: " + brief(err)
		}
		if s := difference(paths(got), want); s != "" {
			return "Walk of " + quote(start) + ": " + s
		}
		return ""
	})
	return got
}

func walkAll(x *trial) {
	want := x.tree([]string{"dir/one", "dir/two", "dir/sub/three", "file", "x/y/z/deep"})
	x.visits(x.root, want)
	x.visits(x.p("dir"), []string{x.p("dir/one"), x.p("dir/two"), x.p("dir/sub"), x.p("dir/sub/three")})
}

func walkParents(x *trial) {
	x.tree(adversarial)
	seen := map[string]bool{x.root: true}
	for _, e := range x.walked(x.root) {
		parent := e.path[:strings.LastIndexByte(e.path, '/')]
		if x.ok() && !seen[parent] {
			x.failf("Walk visits %q before %q", e.path, parent)
		}
		seen[e.path] = true
	}
	if x.ok() && len(seen) < 10 {
		x.failf("Walk visits only %d entries", len(seen)-1)
	}
}

func walkStart(x *trial) {
	x.tree([]string{"dir/file", "dir/dir/dir", "dir/sub/file"})
	for _, start := range []string{x.root, x.p("dir"), x.p("dir/dir")} {
		for _, e := range x.walked(start) {
			if x.ok() && e.path == start {
				x.failf("Walk of %q visits its start", start)
			}
		}
	}
}

func walkAdversarial(x *trial) {
	want := x.tree(adversarial)
	x.visits(x.root, want)
	for _, start := range []string{"a", "c", "A", "aa", "-"} {
		var below []string
		for _, p := range want {
			if strings.HasPrefix(p, x.p(start)+"/") {
				below = append(below, p)
			}
		}
		x.visits(x.p(start), below)
	}
}

func walkOrder(x *trial) {
	if x.sem.ByteOrder != x.cfg.Semantics.ByteOrder {
		x.failf("Walk sorts whole paths by byte, so that a-b comes before a/b; that is not declared (Semantics.ByteOrder)")
		return
	}
	x.tree(adversarial)
	got := paths(x.walked(x.root))
	compare := comparePaths
	if x.sem.ByteOrder {
		compare = strings.Compare
	}
	for i := 1; i < len(got) && x.ok(); i++ {
		if compare(got[i-1], got[i]) > 0 {
			x.failf("Walk visits %q before %q", got[i-1], got[i])
		}
	}
}

// needsSkip makes the rule inconclusive without the skip sentinel.
func (x *trial) needsSkip() bool { return x.needs(x.cfg.SkipDir != nil, "Config.SkipDir") }

// skipping walks and skips the given path.
func (x *trial) skipping(start, skip string) []string {
	var got []string
	if !x.ok() {
		return nil
	}
	err := x.d.walk(x.ctx, start, func(e entry) error {
		got = append(got, e.path)
		if e.path == skip {
			return x.cfg.SkipDir
		}
		return nil
	})
	x.noErr(err, "Walk whose callback returns the skip sentinel")
	return got
}

func walkSkip(x *trial) {
	if !x.needsSkip() {
		return
	}
	x.tree([]string{"a/1", "b/1", "b/2/3", "c/1"})
	for _, n := range []string{"a", "b", "c", "b/2"} {
		for _, p := range x.skipping(x.root, x.p(n)) {
			if x.ok() && strings.HasPrefix(p, x.p(n)+"/") {
				x.failf("the directory %q was skipped, and %q was visited", x.p(n), p)
			}
		}
	}
}

func walkSkipOnly(x *trial) {
	if !x.needsSkip() {
		return
	}
	want := x.tree(adversarial)
	for _, skip := range want {
		if !slices.ContainsFunc(want, func(p string) bool { return strings.HasPrefix(p, skip+"/") }) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(want), func(p string) bool { return strings.HasPrefix(p, skip+"/") })
		if s := difference(x.skipping(x.root, skip), rest); x.ok() && s != "" {
			x.failf("Walk that skips %q: %s", skip, s)
		}
	}
}

func walkSkipFile(x *trial) {
	if !x.needsSkip() {
		return
	}
	want := x.tree([]string{"a/1", "a/2", "b", "c/1"})
	for _, skip := range []string{x.p("a/1"), x.p("b")} {
		if s := difference(x.skipping(x.root, skip), want); x.ok() && s != "" {
			x.failf("Walk that skips the object %q: %s", skip, s)
		}
	}
}

func walkFilled(x *trial) {
	if !x.needs(x.cfg.FilledBuffer != nil, "Config.FilledBuffer") {
		return
	}
	all := x.tree(adversarial)
	for _, hint := range all {
		x.filledAfter(hint)
	}
	for stop := 1; stop <= len(all) && x.ok(); stop++ {
		n := 0
		err := x.d.walk(x.ctx, x.root, func(entry) error {
			if n++; n >= stop {
				return x.cfg.FilledBuffer
			}
			return nil
		})
		x.noErr(err, fmt.Sprintf("Walk whose callback returns the filled sentinel at entry %d", stop))
		if x.ok() && n != stop {
			x.failf("the callback returned the filled sentinel at entry %d, and was called %d times", stop, n)
		}
	}
}

// filledAfter ends a walk with a hint at its first entry.
func (x *trial) filledAfter(hint string) {
	if !x.ok() {
		return
	}
	n := 0
	err := x.d.walk(x.ctx, x.root, func(entry) error { n++; return x.cfg.FilledBuffer }, hint)
	if errors.Is(err, errNoHint) {
		return
	}
	x.noErr(err, "Walk with a hint whose callback returns the filled sentinel")
	if x.ok() && n > 1 {
		x.failf("the callback of a Walk with hint %q returned the filled sentinel at the first entry, and was called %d times", hint, n)
	}
}

type callbackError struct{ n int }

func (e callbackError) Error() string { return fmt.Sprintf("the callback refuses entry %d", e.n) }

func walkError(x *trial) {
	total := len(x.tree(adversarial))
	for stop := 1; stop <= total && x.ok(); stop += 3 {
		n := 0
		want := callbackError{stop}
		err := x.d.walk(x.ctx, x.root, func(entry) error {
			if n++; n >= stop {
				return want
			}
			return nil
		})
		switch {
		case n != stop:
			x.failf("the callback failed at entry %d, and was called %d times", stop, n)
		case err == nil:
			x.failf("the callback failed at entry %d, and Walk returned nil", stop)
		case !errors.Is(err, want):
			x.failf("errors.Is doesn't find the callback's error in %q", brief(err))
		}
	}
}

func walkVanish(x *trial) {
	x.each("directories, as they are visited", func(x *trial) {
		x.tree([]string{"a/1", "a/2", "b", "c/x/y", "d/z", "e"})
		var seen []string
		err := x.d.walk(x.ctx, x.root, func(e entry) error {
			seen = append(seen, e.path)
			if e.dir {
				_ = x.d.del(x.ctx, e.path)
			}
			return nil
		})
		x.noErr(err, "Walk that deletes each directory that it visits")
		for _, last := range []string{"b", "e"} {
			if x.ok() && !slices.Contains(seen, x.p(last)) {
				x.failf("Walk that deletes each directory that it visits ended early: it visited %s", some(seen))
			}
		}
	})
	for name, victims := range map[string][]string{
		"later object": {"b"}, "later directory": {"c"}, "own directory": {"a"}, "everything visited": {"a/1", "a/2", "a"}, "emptied": {"c/x/y"},
	} {
		x.each(name, func(x *trial) {
			x.tree([]string{"a/1", "a/2", "b", "c/x/y", "c/z", "d/last"})
			n := 0
			var seen []string
			err := x.d.walk(x.ctx, x.root, func(e entry) error {
				if n++; n == 2 {
					for _, v := range victims {
						_ = x.d.del(x.ctx, x.p(v))
					}
				}
				seen = append(seen, e.path)
				return nil
			})
			x.noErr(err, "Walk of a tree from which entries vanish")
			if x.ok() && !slices.Contains(seen, x.p("d/last")) {
				x.failf("Walk of a tree from which entries vanish ended early: it visited %s", some(seen))
			}
		})
	}
}

func walkMissing(x *trial) {
	x.puts("dir/file")
	for _, n := range []string{"none", "di", "dir/none"} {
		called := false
		err := x.d.walk(x.ctx, x.p(n), func(entry) error { called = true; return nil })
		x.isNotFound(err, x.p(n), "Walk of "+quote(x.p(n)))
		if x.ok() && called {
			x.failf("Walk of the missing %q called back", x.p(n))
		}
	}
}

func walkEmptyRoot(x *trial) {
	_, lerr := x.d.list(x.ctx, "/")
	werr := x.d.walk(x.ctx, "/", func(e entry) error {
		x.failf("Walk of an empty root visits %q", e.path)
		return nil
	})
	if x.ok() && (lerr == nil) != (werr == nil) {
		x.failf("List of an empty root: %s; Walk: %s", brief(lerr), brief(werr))
	}
}

func walkNoEmptyName(x *trial) {
	x.tree(adversarial)
	if x.cfg.Hooks.Marker != nil {
		for _, n := range []string{"a", "marked", "c/c-c"} {
			x.noErr(x.cfg.Hooks.Marker(x.p(n)), "Hooks.Marker")
		}
	}
	for _, start := range []string{x.root, x.p("a"), x.p("c")} {
		for _, e := range x.walked(start) {
			if x.ok() && (strings.HasSuffix(e.path, "/") || strings.Contains(e.path, "//") || !strings.HasPrefix(e.path, start+"/")) {
				x.failf("Walk of %q visits %q", start, e.path)
			}
		}
	}
}

func walkHintFile(x *trial) {
	all := x.tree([]string{"a/1", "a/2", "b", "c/1", "c/2/3", "d"})
	for _, n := range []string{"a/1", "a/2", "b", "c/1", "c/2/3", "d"} {
		x.hinted(x.root, x.p(n), all)
	}
}

func walkPages(x *trial) {
	x.patience(4)
	n := x.cfg.Limits.PageSize*x.n(1, 2, 2) + x.cfg.Limits.PageSize/4
	x.fillDir(x.root, n, func(i int) string { return fmt.Sprintf("dir/g%03d/%s", i/100, numbered(i)) })
	want := map[string]bool{}
	for i := range n {
		want[fmt.Sprintf("%s/g%03d", x.p("dir"), i/100)] = true
		want[fmt.Sprintf("%s/g%03d/%s", x.p("dir"), i/100, numbered(i))] = true
	}
	all := make([]string, 0, len(want))
	for p := range want {
		all = append(all, p)
	}
	x.visits(x.p("dir"), all)
	if x.cfg.SkipDir == nil {
		return
	}
	skip := fmt.Sprintf("%s/g%03d", x.p("dir"), x.cfg.Limits.PageSize/100-1)
	rest := slices.DeleteFunc(all, func(p string) bool { return strings.HasPrefix(p, skip+"/") })
	if s := difference(x.skipping(x.p("dir"), skip), rest); x.ok() && s != "" {
		x.failf("Walk that skips %q at the end of a page: %s", skip, s)
	}
}

func walkInfo(x *trial) {
	x.tree(adversarial)
	x.put(x.p("empty"), 0)
	x.put(x.p("larger"), 100000)
	for _, e := range x.walked(x.root) {
		s, err := x.d.stat(x.ctx, e.path)
		if !x.noErr(err, "Stat of a visited path") {
			return
		}
		if s.size != e.size || s.dir != e.dir || !e.dir && s.mod.Unix() != e.mod.Unix() {
			x.failf("of %q Walk says size %d, directory %t, time %s; Stat says %d, %t, %s", e.path, e.size, e.dir, e.mod, s.size, s.dir, s.mod)
		}
	}
}

func walkWrites(x *trial) {
	want := x.tree(adversarial)
	n := 0
	seen := map[string]int{}
	err := x.d.walk(x.ctx, x.root, func(e entry) error {
		seen[e.path]++
		if n++; n < 20 {
			_ = x.d.putBytes(x.ctx, x.p(fmt.Sprintf("c/new%d/x", n)), []byte("new"))
			_ = x.d.putBytes(x.ctx, x.p(fmt.Sprintf("new%d", n)), []byte("new"))
		}
		if n > 1000 {
			return errors.New("the walk does not end")
		}
		return nil
	})
	x.noErr(err, "Walk during writes")
	for _, p := range want {
		if x.ok() && seen[p] != 1 {
			x.failf("during writes Walk visits %q %d times", p, seen[p])
		}
	}
}

func walkIsList(x *trial) {
	for range x.n(8, 50, 50) {
		x.each("generated tree", func(x *trial) {
			m := newModel(x)
			var names []string
			for _, p := range m.paths {
				if x.rng.IntN(2) == 0 && !conflicts(names, p) {
					names = append(names, p)
				}
			}
			if len(names) == 0 {
				return
			}
			want := x.tree(names)
			got := x.visits(x.root, want)
			var listed []string
			x.listDown(x.root, &listed)
			if s := difference(paths(got), listed); x.ok() && s != "" {
				x.failf("Walk differs from List all the way down: %s", s)
			}
		})
	}
}

// conflicts tells whether p is above or below one of names.
func conflicts(names []string, p string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return n == p || strings.HasPrefix(n, p+"/") || strings.HasPrefix(p, n+"/")
	})
}

func (x *trial) listDown(dir string, all *[]string) {
	l, err := x.d.list(x.ctx, dir)
	if !x.noErr(err, "List of "+quote(dir)) {
		return
	}
	for _, p := range l {
		*all = append(*all, p)
		e, err := x.d.stat(x.ctx, p)
		if x.noErr(err, "Stat of "+quote(p)) && e.dir {
			x.listDown(p, all)
		}
	}
}

func walkReentrant(x *trial) {
	x.tree([]string{"a/1", "b/1", "c"})
	err := x.d.walk(x.ctx, x.root, func(e entry) error {
		if _, err := x.d.stat(x.ctx, e.path); err != nil {
			return fmt.Errorf("Stat within Walk: %w", err)
		}
		if !e.dir {
			if _, err := x.d.get(x.ctx, e.path); err != nil {
				return fmt.Errorf("GetContent within Walk: %w", err)
			}
		}
		if _, err := x.d.list(x.ctx, x.root); err != nil {
			return fmt.Errorf("List within Walk: %w", err)
		}
		if err := x.d.putBytes(x.ctx, x.p("a/1"), []byte("again")); err != nil {
			return fmt.Errorf("PutContent within Walk: %w", err)
		}
		return x.d.walk(x.ctx, x.p("b"), func(entry) error { return nil })
	})
	x.noErr(err, "Walk whose callback uses the driver")
}
