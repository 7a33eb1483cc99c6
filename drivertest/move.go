package drivertest

import (
	"bytes"
	"errors"
	"io"
	"path"
)

func moveRules() []rule {
	return []rule{
		{"MOVE-01", Must, "Move takes content and size to the destination; the source is gone.", moveFile, 0},
		{"MOVE-02", Must, "Move replaces the destination at once: a reader sees the old object or the new one.", moveOver, 0},
		{"MOVE-03", Must, "Move of a missing source is a path-not-found error that names the source; the destination stays.", moveMissing, 0},
		{"MOVE-04", Must, "Move creates the parents of the destination.", moveParents, 0},
		{"MOVE-05", Must, "Move of a path to itself keeps the object.", moveSelf, 0},
		{"MOVE-06", Must, "Objects too large for one copy of the back-end move whole.", moveLarge, 0},
		{"MOVE-07", Must, "After a Move, deleting the old parent does the moved object no harm.", moveThenDelete, 0},
		{"MOVE-08", Should, "Move between two file systems of one store works or fails cleanly.", moveAcross, 0},
		{"MOVE-09", Must, "Move of a directory takes all of it, or is refused and changes nothing.", moveDirectory, 0},
		{"MOVE-10", Must, "Move onto a directory or below an object is refused or kept beside it as declared; nothing that was there is lost.", moveConflict, 0},
		{"MOVE-11", Should, "Move works while a Reader is open on the source.", moveWhileRead, 0},
		{"MOVE-12", Must, "An empty object moves.", moveEmpty, 0},
		{"MOVE-13", Should, "After a Move that failed, source or destination is whole.", moveFailed, 0},
	}
}

func (x *trial) move(from, to string) {
	if x.ok() {
		x.noErr(x.d.move(x.ctx, from, to), "Move of "+quote(from)+" to "+quote(to))
	}
}

func moveFile(x *trial) {
	for _, size := range []int64{1, 5000, 2<<20 + 1} {
		from, to := x.p("a/from"), x.p("a/to")
		c := x.put(from, size)
		x.move(from, to)
		x.holds(to, c)
		x.isFile(to, size)
		x.gone(from)
		x.lists(x.p("a"), "to")
		c = x.write(from, size+7)
		x.move(from, to)
		x.holds(to, c)
		x.isFile(to, size+7)
		x.absent(from)
	}
}

func moveOver(x *trial) {
	from, to := x.p("from"), x.p("to")
	old := x.put(to, 300000)
	stop := make(chan struct{})
	x.parallel(2, func(x *trial, i int) {
		if i == 0 {
			defer close(stop)
			for n := range x.n(20, 200, 1000) {
				x.putc(from, old.next(200000+int64(n)))
				x.move(from, to)
			}
			return
		}
		for x.ok() {
			select {
			case <-stop:
				return
			default:
			}
			b, err := x.d.get(x.ctx, to)
			if x.noErr(err, "GetContent of a destination that is being replaced") {
				x.wholeVersion(old, b, "GetContent of a destination that is being replaced")
			}
		}
	})
	x.absent(from)
}

// wholeVersion demands that b is some version of the object, as a whole. It reads the size from
// b, so that a version that was cut off must be known by sizes: each has its own.
func (x *trial) wholeVersion(c content, b []byte, what string) {
	if !x.ok() || len(b) < 2*word {
		if x.ok() {
			x.failf("%s: %d bytes, fewer than any version", what, len(b))
		}
		return
	}
	from, off, ok := identify(b)
	if !ok || from.object != c.object || off != 0 {
		x.failf("%s: the content does not begin like a version: %s", what, x.explain(errors.New(c.decode(b, 0))))
		return
	}
	v := content{object: c.object, version: from.version, size: int64(len(b))}
	if err := v.verify(bytes.NewReader(b), 0); err != nil {
		x.failf("%s: %s", what, x.explain(err))
	}
}

func moveMissing(x *trial) {
	dest := x.put(x.p("to"), 100)
	x.puts("from2", "dir/x")
	for _, n := range []string{"from", "dir/from", "none/from"} {
		x.isNotFound(x.d.move(x.ctx, x.p(n), x.p("to")), x.p(n), "Move of the missing "+quote(x.p(n)))
		x.holds(x.p("to"), dest)
		x.isNotFound(x.d.move(x.ctx, x.p(n), x.p("new/to")), x.p(n), "Move of the missing "+quote(x.p(n)))
		x.absent(x.p("new/to"))
	}
}

func moveParents(x *trial) {
	c := x.put(x.p("from"), 100)
	x.move(x.p("from"), x.p("a/b/c/to"))
	x.holds(x.p("a/b/c/to"), c)
	x.isDir(x.p("a"))
	x.isDir(x.p("a/b/c"))
	x.lists(x.p("a/b"), "c")
}

func moveSelf(x *trial) {
	p := x.p("dir/object")
	c := x.put(p, 5000)
	err := x.d.move(x.ctx, p, p)
	x.harmless(err, "Move of a path to itself")
	x.holds(p, c)
	x.isFile(p, c.size)
	x.lists(x.p("dir"), "object")
	if err != nil && x.missing(err) {
		x.failf("Move of an object to itself says that it is missing: %s", brief(err))
	}
}

func moveLarge(x *trial) {
	size := int64(x.n(10<<20+1, 70<<20+1, 70<<20+1))
	c := x.stream(x.p("a/from"), size)
	x.move(x.p("a/from"), x.p("b/to"))
	x.isFile(x.p("b/to"), size)
	x.reads(x.p("b/to"), c, 0)
	x.absent(x.p("a/from"))
}

func moveThenDelete(x *trial) {
	c := x.write(x.p("uploads/1/data"), 100000)
	x.puts("uploads/1/startedat", "uploads/2/startedat")
	x.move(x.p("uploads/1/data"), x.p("blobs/data"))
	x.drop("uploads/1")
	x.holds(x.p("blobs/data"), c)
	x.drop("uploads")
	x.reads(x.p("blobs/data"), c, 50000)
	x.isFile(x.p("blobs/data"), c.size)
}

func moveDirectory(x *trial) {
	kept := x.puts("dir/file", "dir/sub/one", "dir/sub/two", "dir2/file")
	err := x.d.move(x.ctx, x.p("dir"), x.p("new/dir"))
	x.harmless(err, "Move of a directory")
	for n, c := range map[string]content{"file": kept[x.p("dir/file")], "sub/one": kept[x.p("dir/sub/one")], "sub/two": kept[x.p("dir/sub/two")]} {
		if err == nil {
			x.holds(x.p("new/dir/"+n), c)
			x.absent(x.p("dir/" + n))
		} else {
			x.holds(x.p("dir/"+n), c)
			x.absent(x.p("new/dir/" + n))
		}
	}
	if err == nil {
		x.lists(x.p("new/dir"), "file", "sub")
	} else {
		x.lists(x.p("dir"), "file", "sub")
	}
	x.holds(x.p("dir2/file"), kept[x.p("dir2/file")])
}

func moveConflict(x *trial) {
	x.each("onto a directory", func(x *trial) {
		kept := x.puts("from", "dir/a", "dir/sub/b")
		x.judgeMove(x.p("dir"), kept)
	})
	x.each("below an object", func(x *trial) {
		kept := x.puts("from", "file")
		x.judgeMove(x.p("file/below"), kept)
	})
	x.each("into itself", func(x *trial) {
		kept := x.puts("from")
		x.judgeMove(x.p("from/below"), kept)
	})
	x.each("a directory onto an object", func(x *trial) {
		from := x.put(x.p("dir/file"), 30)
		over := x.put(x.p("over"), 31)
		err := x.d.move(x.ctx, x.p("dir"), x.p("over"))
		x.harmless(err, "Move of a directory onto an object")
		if err != nil {
			x.holds(x.p("dir/file"), from)
			x.holds(x.p("over"), over)
			return
		}
		x.holds(x.p("over/file"), from)
	})
}

func (x *trial) judgeMove(to string, kept map[string]content) {
	err := x.d.move(x.ctx, x.p("from"), to)
	x.harmless(err, "Move")
	moved := kept[x.p("from")]
	if err == nil {
		if x.ok() && !x.sem.Coexist {
			x.failf("Move to %q, which is in the way of another path, succeeded", to)
		}
		delete(kept, x.p("from"))
		x.holds(to, moved)
	}
	for p, c := range kept {
		x.holds(p, c)
	}
}

func moveWhileRead(x *trial) {
	c := x.put(x.p("from"), 400000)
	r, err := x.d.reader(x.ctx, x.p("from"), 0)
	if !x.noErr(err, "Reader") {
		return
	}
	head := make([]byte, 1000)
	_, err = io.ReadFull(r, head)
	x.noErr(err, "Read")
	x.move(x.p("from"), x.p("to"))
	x.holds(x.p("to"), c)
	rest, err := io.ReadAll(r)
	_ = r.Close()
	if err == nil && x.ok() {
		if e := c.verify(bytes.NewReader(append(head, rest...)), 0); e != nil {
			x.failf("a Reader that was open during a Move ended without an error: %s", x.explain(e))
		}
	}
}

func moveEmpty(x *trial) {
	c := x.put(x.p("from"), 0)
	x.move(x.p("from"), x.p("dir/to"))
	x.holds(x.p("dir/to"), c)
	x.isFile(x.p("dir/to"), 0)
	x.absent(x.p("from"))
	c = x.write(x.p("from"), 0)
	x.move(x.p("from"), x.p("dir/to"))
	x.holds(x.p("dir/to"), c)
}

func moveFailed(x *trial) {
	f, ok := x.faulty(LostReply)
	if !ok {
		return
	}
	for range 5 {
		from, to := x.p("from"), x.p("to")
		c := x.put(from, 5000)
		if !x.ok() {
			return
		}
		f.Arm()
		err := x.d.move(x.ctx, from, to)
		f.Disarm()
		x.harmless(err, "Move")
		a, b := x.contentObjection(from, c), x.contentObjection(to, c)
		if x.ok() && a != "" && b != "" {
			x.failf("Move returned %s; neither source nor destination is whole: %s; %s", brief(err), a, b)
		}
		_ = x.d.del(x.ctx, to)
	}
}

// moveAcross moves between two file systems, either way. A store that takes nothing on the other
// side but by Move is judged by that alone.
func moveAcross(x *trial) {
	if !x.needs(x.cfg.Hooks.Spread != nil, "Hooks.Spread") {
		return
	}
	for _, size := range []int64{0, 5000, 3 << 20} {
		x.each(count(size, "byte"), func(x *trial) {
			near, far := x.p("near/object"), x.p("far/object")
			t, err := x.cfg.Hooks.Spread(x.p("far"))
			if !x.given(err, "Hooks.Spread", "a store can't be spread over two file systems here") {
				return
			}
			x.enter(t, nil)
			old := x.content(far, 77)
			if err := x.d.put(x.ctx, far, old); err != nil {
				x.notef("PutContent to another file system: %s", brief(err))
				x.judgeAcross(near, far, x.put(near, size), nil)
				return
			}
			x.judgeAcross(near, far, x.put(near, size), &old)
			x.judgeAcross(far, near, x.put(far, size), nil)
		})
	}
}

// judgeAcross demands that a Move works, or fails and changes nothing. old is what the destination
// holds, if anything.
func (x *trial) judgeAcross(from, to string, c content, old *content) {
	if !x.ok() {
		return
	}
	err := x.d.move(x.ctx, from, to)
	x.harmless(err, "Move to another file system")
	if err == nil {
		x.holds(to, c)
		x.isFile(to, c.size)
		x.absent(from)
		x.lists(path.Dir(to), path.Base(to))
		_ = x.d.del(x.ctx, to)
		return
	}
	x.notef("Move to another file system: %s", brief(err))
	if x.missing(err) && x.ok() {
		x.failf("Move to another file system says path-not-found: %s", brief(err))
	}
	x.holds(from, c)
	x.lists(path.Dir(from), path.Base(from))
	if old != nil {
		x.holds(to, *old)
	} else {
		x.absent(to)
	}
	_ = x.d.del(x.ctx, from)
}
