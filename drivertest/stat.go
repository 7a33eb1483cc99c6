package drivertest

import "time"

func statRules() []rule {
	return []rule{
		{"STAT-01", Must, "Stat of an object gives its path, its size and that it is no directory.", statFile, 0},
		{"STAT-02", Must, "Stat of a missing path is a path-not-found error without info.", statMissing, 0},
		{"STAT-03", Must, "An empty object is there, has size 0 and is no directory.", statEmpty, 0},
		{"STAT-04", Must, "Stat of a directory says so, with size 0 and the path that was asked for.", statDirectory, 0},
		{"STAT-05", Must, "A missing path is not found, whatever siblings begin with its name.", statNoSibling, 0},
		{"STAT-06", Must, "A directory is one, whatever siblings begin with its name.", statDirSibling, 0},
		{"STAT-07", Should, "ModTime is near the time of the write and does not go back.", statTime, 0},
		{"STAT-08", Must, "Stat of the root succeeds or is path-not-found.", statRoot, rootLevel},
		{"STAT-09", Must, "Stat, List, Walk and Reader agree after any operation.", statAgrees, 0},
		{"STAT-10", Should, "Stat below an object is a path-not-found error.", statBelow, 0},
		{"STAT-11", Must, "The size that Stat gives is the number of bytes that can be read.", statReadable, 0},
	}
}

func statFile(x *trial) {
	for _, size := range []int64{1, 100, 70001} {
		x.put(x.p("dir/put"), size)
		x.isFile(x.p("dir/put"), size)
		x.write(x.p("dir/written"), size)
		x.isFile(x.p("dir/written"), size)
	}
}

func statMissing(x *trial) {
	x.puts("dir/file")
	for _, n := range []string{"none", "dir/none", "dir/fil", "di", "dir/file0"} {
		e, err := x.d.stat(x.ctx, x.p(n))
		if x.isNotFound(err, x.p(n), "Stat of "+quote(x.p(n))) && e != nil {
			x.failf("Stat of the missing %q returns an info beside its error", x.p(n))
		}
	}
}

func statEmpty(x *trial) {
	x.put(x.p("put"), 0)
	x.isFile(x.p("put"), 0)
	x.write(x.p("written"), 0)
	x.isFile(x.p("written"), 0)
}

func statDirectory(x *trial) {
	x.puts("a/b/file", "a/c")
	x.isDir(x.p("a"))
	x.isDir(x.p("a/b"))
	x.isDir(x.root)
}

// siblings begin with a name and sort on either side of a slash.
var siblings = []string{"b", "-b", ".b", "_b", "0", "A", "-", ".", "_", "-/x", ".d/x", "b/x"}

func statNoSibling(x *trial) {
	for _, s := range siblings {
		x.each("a"+s, func(x *trial) {
			x.puts("dir/a" + s)
			x.absent(x.p("dir/a"))
		})
	}
	x.each("all", func(x *trial) {
		for _, s := range siblings[:6] {
			x.puts("dir/a" + s)
		}
		x.absent(x.p("dir/a"))
	})
}

func statDirSibling(x *trial) {
	for _, s := range siblings {
		x.each("a"+s, func(x *trial) {
			x.puts("a/file", "a"+s)
			x.isDir(x.p("a"))
		})
	}
}

func statTime(x *trial) {
	const skew = 3 * time.Minute
	p := x.p("object")
	var last time.Time
	for range 3 {
		before := time.Now()
		x.put(p, 10)
		e, err := x.d.stat(x.ctx, p)
		if !x.noErr(err, "Stat") {
			return
		}
		switch {
		case e.mod.Before(before.Add(-skew)) || e.mod.After(time.Now().Add(skew)):
			x.failf("ModTime is %s; it was written at %s", e.mod, before)
		case e.mod.Before(last):
			x.failf("ModTime went back from %s to %s", last, e.mod)
		}
		last = e.mod
	}
}

func statRoot(x *trial) {
	for range 2 {
		e, err := x.d.stat(x.ctx, "/")
		switch {
		case !x.ok():
			return
		case err != nil:
			x.isNotFound(err, "/", "Stat of the root")
		case !e.dir:
			x.failf("Stat says that the root is an object")
		}
		x.puts("file")
	}
	if e, err := x.d.stat(x.ctx, "/"); x.ok() && err == nil && !e.dir {
		x.failf("Stat says that the root is an object")
	}
}

func statAgrees(x *trial) {
	m := newModel(x)
	for range x.n(60, 300, 300) {
		if !x.ok() {
			return
		}
		m.step(x, m.random(x.rng))
		p := m.paths[x.rng.IntN(len(m.paths))]
		x.agree(x.p(p))
	}
}

// agree compares what the methods say of one path.
func (x *trial) agree(p string) {
	if !x.ok() {
		return
	}
	e, err := x.d.stat(x.ctx, p)
	b, gerr := x.d.get(x.ctx, p)
	isFile := err == nil && !e.dir
	switch {
	case isFile && gerr != nil:
		x.failf("Stat shows the object %q, GetContent fails: %s", p, brief(gerr))
	case isFile && int64(len(b)) != e.size:
		x.failf("Stat says %d bytes of %q, GetContent gives %d", e.size, p, len(b))
	case err != nil && gerr == nil:
		x.failf("GetContent reads %q, Stat fails: %s", p, brief(err))
	}
	listed := x.childOf(p)
	if x.ok() && (err == nil) != listed {
		x.failf("Stat of %q: %s; whether List shows it: %t", p, brief(err), listed)
	}
	seen := false
	werr := x.d.walk(x.ctx, x.root, func(e entry) error { seen = seen || e.path == p; return nil })
	if x.ok() && werr == nil && seen != (err == nil) {
		x.failf("Stat of %q: %s; whether Walk visits it: %t", p, brief(err), seen)
	}
	if rerr := x.tryRead(p); x.ok() && (rerr == nil) != (gerr == nil) {
		x.failf("GetContent of %q: %s; Reader: %s", p, brief(gerr), brief(rerr))
	}
}

// childOf tells whether List of p's parent shows p.
func (x *trial) childOf(p string) bool {
	i := len(p) - 1
	for p[i] != '/' {
		i--
	}
	l, err := x.d.list(x.ctx, p[:i])
	if err != nil {
		return false
	}
	for _, c := range l {
		if c == p {
			return true
		}
	}
	return false
}

func statBelow(x *trial) {
	x.puts("file")
	for _, n := range []string{"file/below", "file/far/below"} {
		_, err := x.d.stat(x.ctx, x.p(n))
		x.isNotFound(err, x.p(n), "Stat below an object")
	}
}

func statReadable(x *trial) {
	for _, size := range boundarySizes() {
		p := x.p("object")
		c := x.put(p, size)
		x.isFile(p, size)
		x.reads(p, c, 0)
		if size <= 64<<10+1 {
			c = x.write(p, size)
			x.isFile(p, size)
			x.reads(p, c, 0)
		}
	}
	x.drop("object")
}
