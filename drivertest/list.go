package drivertest

import (
	"fmt"
	"slices"
	"strings"
)

func listRules() []rule {
	return []rule{
		{"LIST-01", Must, "List shows the direct children only, objects and directories, as absolute paths.", listChildren, 0},
		{"LIST-02", Must, "List of the root shows the top level; of an empty store it is empty or path-not-found.", listRoot, rootLevel},
		{"LIST-03", Must, "List of a missing path is a path-not-found error that names it.", listMissing, 0},
		{"LIST-04", Must, "List of a directory shows nothing of its siblings, whatever their names begin with.", listSiblings, 0},
		{"LIST-05", Must, "List shows nothing twice.", listOnce, 0},
		{"LIST-06", Must, "List shows neither the path itself nor one that ends in a slash.", listSelf, 0},
		{"LIST-07", Must, "List shows all children, below, at and above the size of a page.", listPages, 0},
		{"LIST-08", Must, "A page that ends in a directory loses nothing.", listMixedPages, 0},
		{"LIST-09", Must, "Nothing is lost or repeated where one page follows another.", listPageEdges, 0},
		{"LIST-10", Should, "A directory that holds an object ten levels down shows once.", listDeep, 0},
		{"LIST-11", Should, "List of an object is a path-not-found error.", listFile, 0},
		{"LIST-12", Must, "List never shows a name that the driver made up, during or after a write.", listTemporary, 0},
		{"LIST-13", Should, "A zero-byte object that other tools put in place of a directory breaks neither List nor Walk.", listMarkers, 0},
		{"LIST-14", Should, "A directory whose last entry is gone goes too, or stays for every method as declared.", listGhosts, 0},
	}
}

func listChildren(x *trial) {
	x.puts("a/file", "a/sub/one", "a/sub/two", "a/sub/deep/three", "b")
	x.lists(x.root, "a", "b")
	x.lists(x.p("a"), "file", "sub")
	x.lists(x.p("a/sub"), "deep", "one", "two")
	x.lists(x.p("a/sub/deep"), "three")
}

func listRoot(x *trial) {
	l, err := x.d.list(x.ctx, "/")
	if err != nil {
		x.isNotFound(err, "/", "List of an empty root")
	} else if len(l) > 0 && x.ok() {
		x.failf("List of an empty root shows %s", some(l))
	}
	top := "/" + strings.SplitN(x.root, "/", 3)[1]
	x.puts("file")
	x.noErr(x.d.put(x.ctx, top+"2", x.content(top+"2", 5)), "PutContent")
	x.settle(x.cfg.Consistency.List, func() string { return x.listObjection("/", []string{top[1:], top[1:] + "2"}) })
	if x.ok() {
		_ = x.d.del(x.ctx, top+"2")
	}
}

func listMissing(x *trial) {
	x.puts("dir/file")
	for _, n := range []string{"none", "dir/none", "di", "none/none"} {
		_, err := x.d.list(x.ctx, x.p(n))
		x.isNotFound(err, x.p(n), "List of "+quote(x.p(n)))
	}
}

func listSiblings(x *trial) {
	for _, s := range siblings {
		x.each("a"+s, func(x *trial) {
			x.puts("a/file", "a/z/file", "a"+s)
			x.lists(x.p("a"), "file", "z")
		})
	}
}

func listOnce(x *trial) {
	for i := range 40 {
		x.puts(fmt.Sprintf("d%d/one", i%5), fmt.Sprintf("d%d/sub/f%d", i%5, i))
	}
	x.lists(x.root, "d0", "d1", "d2", "d3", "d4")
	for i := range 5 {
		x.lists(x.p(fmt.Sprintf("d%d", i)), "one", "sub")
	}
}

func listSelf(x *trial) {
	x.puts("dir/file", "dir/sub/file", "dir/dir/dir")
	for _, dir := range []string{x.p("dir"), x.p("dir/sub"), x.p("dir/dir")} {
		l, err := x.d.list(x.ctx, dir)
		x.noErr(err, "List")
		for _, p := range l {
			if x.ok() && (p == dir || strings.HasSuffix(p, "/") || !strings.HasPrefix(p, dir+"/")) {
				x.failf("List of %q shows %q", dir, p)
			}
		}
	}
}

// fillDir stores n small objects f000000, f000001, … below dir, several at a time.
func (x *trial) fillDir(dir string, n int, name func(i int) string) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = name(i)
	}
	const workers = 8
	x.parallel(workers, func(x *trial, w int) {
		for i := w; i < n && x.ok(); i += workers {
			x.noErr(x.d.putBytes(x.ctx, dir+"/"+names[i], []byte("x")), "PutContent")
		}
	})
	return names
}

func numbered(i int) string { return fmt.Sprintf("f%06d", i) }

// pageCounts are numbers of entries around the size of a page.
func (x *trial) pageCounts() []int {
	p := x.cfg.Limits.PageSize
	all := []int{1, p - 1, p, p + 1, 2*p + p/2}
	if x.cfg.Budget == Quick {
		return []int{1, p, p + 1}
	}
	return all
}

func listPages(x *trial) {
	x.patience(4)
	dir := x.p("dir")
	have := 0
	for _, n := range x.pageCounts() {
		from := have
		x.fillDir(dir, n-have, func(i int) string { return numbered(from + i) })
		have = n
		names := make([]string, n)
		for i := range names {
			names[i] = numbered(i)
		}
		x.lists(dir, names...)
	}
}

func listMixedPages(x *trial) {
	x.patience(4)
	n := x.cfg.Limits.PageSize + 7
	names := x.fillDir(x.p("dir"), n, func(i int) string {
		if i%2 == 1 {
			return numbered(i) + "/below"
		}
		return numbered(i)
	})
	for i := range names {
		names[i] = numbered(i)
	}
	x.lists(x.p("dir"), names...)
}

// listPageEdges puts a directory with many entries across the end of a page.
func listPageEdges(x *trial) {
	x.patience(4)
	p := x.cfg.Limits.PageSize
	x.fillDir(x.root, p-3, func(i int) string { return "dir/a" + numbered(i) })
	x.fillDir(x.root, 8, func(i int) string { return "dir/b/" + numbered(i) })
	x.fillDir(x.root, 6, func(i int) string { return "dir/c" + numbered(i) })
	var want []string
	for i := range p - 3 {
		want = append(want, "a"+numbered(i))
	}
	want = append(want, "b")
	for i := range 6 {
		want = append(want, "c"+numbered(i))
	}
	x.lists(x.p("dir"), want...)
	x.lists(x.p("dir/b"), numbered(0), numbered(1), numbered(2), numbered(3), numbered(4), numbered(5), numbered(6), numbered(7))
}

func listDeep(x *trial) {
	x.puts("top/1/2/3/4/5/6/7/8/9/10/11/file", "top/1/2/3/4/5/6/7/8/9/10/11/12/file", "top/other")
	x.lists(x.p("top"), "1", "other")
	x.lists(x.p("top/1/2/3/4/5"), "6")
}

func listFile(x *trial) {
	x.puts("dir/file")
	_, err := x.d.list(x.ctx, x.p("dir/file"))
	x.isNotFound(err, x.p("dir/file"), "List of an object")
}

// listTemporary looks at a directory while it is written to.
func listTemporary(x *trial) {
	mine := func(when string) {
		l, err := x.d.list(x.ctx, x.p("dir"))
		if err != nil && !x.missing(err) {
			x.noErr(err, "List")
		}
		for _, p := range l {
			if x.ok() && !slices.Contains([]string{"object", "put", "keep"}, p[strings.LastIndexByte(p, '/')+1:]) {
				x.failf("%s List shows %q", when, p)
			}
		}
		_ = x.d.walk(x.ctx, x.root, func(e entry) error {
			if n := e.path[strings.LastIndexByte(e.path, '/')+1:]; x.ok() && !slices.Contains([]string{"object", "put", "keep", "dir"}, n) {
				x.failf("%s Walk visits %q", when, e.path)
			}
			return nil
		})
	}
	x.puts("dir/keep")
	u := x.start(x.p("dir/object"), 300000)
	mine("after opening a Writer")
	u.write(150000)
	mine("after Write")
	u.close()
	mine("after Close without Commit")
	u.resume(x.d, x.p("dir/object"))
	u.write(300000)
	mine("during a resumed upload")
	u.commit()
	mine("after Commit")
	u.close()
	mine("after Close")
	stop := make(chan struct{})
	x.parallel(2, func(x *trial, i int) {
		if i == 0 {
			defer close(stop)
			for range x.n(40, 300, 1000) {
				x.put(x.p("dir/put"), 20000)
			}
			return
		}
		x.watchNames(stop)
	})
}

func (x *trial) watchNames(stop <-chan struct{}) {
	for x.ok() {
		select {
		case <-stop:
			return
		default:
		}
		l, err := x.d.list(x.ctx, x.p("dir"))
		if err != nil {
			continue
		}
		for _, p := range l {
			if n := p[strings.LastIndexByte(p, '/')+1:]; x.ok() && n != "object" && n != "put" && n != "keep" {
				x.failf("during PutContent List shows %q", p)
			}
		}
	}
}

func listMarkers(x *trial) {
	if !x.needs(x.cfg.Hooks.Marker != nil, "Hooks.Marker") {
		return
	}
	x.puts("dir/file", "dir/sub/file")
	for _, n := range []string{"dir", "dir/sub", "empty"} {
		x.noErr(x.cfg.Hooks.Marker(x.p(n)), "Hooks.Marker")
	}
	x.lists(x.p("dir"), "file", "sub")
	x.lists(x.p("dir/sub"), "file")
	if !x.ok() {
		return
	}
	l, err := x.d.list(x.ctx, x.root)
	x.noErr(err, "List")
	for _, p := range l {
		if x.ok() && hasEmptyComponent(p) {
			x.failf("List shows %q", p)
		}
	}
	l, err = x.d.list(x.ctx, x.p("empty"))
	x.harmless(err, "List of a directory that is a marker alone")
	if x.ok() && err == nil && len(l) > 0 {
		x.failf("List of a directory that is a marker alone shows %s", some(l))
	}
	for _, e := range x.walked(x.root) {
		if x.ok() && hasEmptyComponent(e.path) {
			x.failf("Walk visits %q", e.path)
		}
	}
}

// hasEmptyComponent tells whether a path has a component that is empty.
func hasEmptyComponent(p string) bool { return strings.HasSuffix(p, "/") || strings.Contains(p, "//") }

func listGhosts(x *trial) {
	if x.sem.GhostDirs != x.cfg.Semantics.GhostDirs {
		x.failf("a directory stays after its last entry is gone; that is not declared (Semantics.GhostDirs)")
		return
	}
	x.puts("deleted/a/file", "moved/a/file")
	x.drop("deleted/a/file")
	if x.ok() {
		x.noErr(x.d.move(x.ctx, x.p("moved/a/file"), x.p("file")), "Move")
	}
	for _, n := range []string{"deleted/a", "moved/a"} {
		if !x.ok() {
			return
		}
		p := x.p(n)
		_, serr := x.d.stat(x.ctx, p)
		_, lerr := x.d.list(x.ctx, p)
		werr := x.d.walk(x.ctx, p, func(entry) error { return nil })
		if (serr == nil) != (lerr == nil) || (serr == nil) != (werr == nil) {
			x.failf("the methods disagree on the emptied directory %q: Stat %s; List %s; Walk %s", p, brief(serr), brief(lerr), brief(werr))
		}
		if serr == nil && !x.sem.GhostDirs {
			x.failf("the emptied directory %q stays", p)
		}
	}
}
