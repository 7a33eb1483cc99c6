package drivertest

import (
	"errors"
	"io"
	"testing/iotest"
)

func writerRules() []rule {
	return []rule{
		{"WRIT-01", Must, "What was written is readable after Commit and Close, with the right size.", writeCommit, 0},
		{"WRIT-02", Must, "Before Commit every read method shows the state before the upload.", writeInvisible, relaxed},
		{"WRIT-03", Must, "Commit without a Write makes an empty object.", writeNothing, 0},
		{"WRIT-04", Must, "Opening a Writer without append leaves what is there untouched until Commit.", writeUntouched, relaxed},
		{"WRIT-05", Must, "A Writer replaces what PutContent stored, and PutContent what a Writer stored.", writeOverPut, 0},
		{"WRIT-06", Must, "Size is the number of bytes accepted, at any time.", writerSize, 0},
		{"WRIT-07", Must, "Size stays right after Commit and Close.", writerSizeLater, 0},
		{"WRIT-08", Must, "Cancel leaves nothing at a path that was empty.", cancelFresh, 0},
		{"WRIT-09", Must, "Cancel over an object leaves that object as it was.", cancelOver, relaxed},
		{"WRIT-10", Must, "Cancel touches neither siblings nor parents.", cancelAside, 0},
		{"WRIT-11", Should, "Cancel works after Close without Commit; after Commit it is an error and the object stays.", cancelLate, 0},
		{"WRIT-12", Must, "Write after Commit, Close or Cancel is an error and changes nothing.", writeLate, 0},
		{"WRIT-13", Must, "A second Commit is an error or does nothing.", commitTwice, 0},
		{"WRIT-14", Must, "Close twice, Close after Commit and Commit after Close never panic and never change content.", closeTwice, 0},
		{"WRIT-15", Should, "A second Close returns nil; calls in a wrong state give an error that names it.", closeTwiceNil, 0},
		{"WRIT-16", Must, "How the bytes are cut into Writes makes no difference.", writeChunks, 0},
		{"WRIT-17", Must, "Write does not keep the caller's buffer.", writeRetains, 0},
		{"WRIT-18", Must, "Write returns the full length exactly if it returns no error.", writeCount, 0},
		{"WRIT-19", Must, "Copying from any reader works, and ReadFrom, where there is one, does the same as Write.", writeCopy, 0},
		{"WRIT-20", Must, "After a source that fails midway nothing is committed, be it by Cancel or by Close alone.", writeBroken, 0},
		{"WRIT-21", Should, "A Writer that was left open does not keep a new one from the path.", writeAbandoned, 0},
	}
}

func writeCommit(x *trial) {
	for _, size := range []int64{1, 100, 32 << 10, 1<<20 + 1, 5<<20 + 3} {
		p := x.p("a/object")
		c := x.write(p, size)
		x.holds(p, c)
		x.isFile(p, size)
		x.reads(p, c, size/2)
		x.lists(x.p("a"), "object")
	}
}

// writeInvisible judges an open upload, and one that was closed without Commit.
func writeInvisible(x *trial) {
	x.each("nothing before", func(x *trial) {
		u := x.start(x.p("dir/object"), 200000)
		u.write(150000)
		x.unseen(x.p("dir/object"), "while the Writer is open")
		u.write(200000)
		u.close()
		x.unseen(x.p("dir/object"), "after Close without Commit")
	})
	x.each("an object before", func(x *trial) {
		old := x.put(x.p("dir/object"), 1000)
		u := x.start(x.p("dir/object"), 200000)
		u.write(150000)
		x.shows(x.p("dir/object"), old)
		u.close()
		x.shows(x.p("dir/object"), old)
	})
}

// unseen demands that no method sees an object at p or its directory.
func (x *trial) unseen(p, when string) {
	if !x.ok() {
		return
	}
	if _, err := x.d.stat(x.ctx, p); err == nil {
		x.failf("%s Stat sees %q", when, p)
	}
	if b, err := x.d.get(x.ctx, p); err == nil {
		x.failf("%s GetContent reads %d bytes of %q", when, len(b), p)
	}
	if err := x.tryRead(p); err == nil {
		x.failf("%s a Reader reads %q", when, p)
	}
	l, _ := x.d.list(x.ctx, x.root)
	if l2, err := x.d.list(x.ctx, p[:len(p)-len("/object")]); err == nil {
		l = append(l, l2...)
	}
	for _, got := range l {
		if got == p {
			x.failf("%s List shows %q", when, got)
		}
	}
	_ = x.d.walk(x.ctx, x.root, func(e entry) error {
		if !e.dir {
			x.failf("%s Walk visits %q", when, e.path)
		}
		return nil
	})
}

// shows demands that every method sees c at p.
func (x *trial) shows(p string, c content) {
	x.holds(p, c)
	x.reads(p, c, 0)
	x.isFile(p, c.size)
	x.lists(p[:len(p)-len("/object")], "object")
	for _, e := range x.walked(x.root) {
		if e.path == p && e.size != c.size {
			x.failf("Walk says %d bytes of %q, not %d", e.size, p, c.size)
		}
	}
}

func writeNothing(x *trial) {
	c := x.write(x.p("fresh"), 0)
	x.holds(x.p("fresh"), c)
	x.isFile(x.p("fresh"), 0)
	x.put(x.p("over"), 100)
	c = x.write(x.p("over"), 0)
	x.holds(x.p("over"), c)
}

func writeUntouched(x *trial) {
	x.each("an object", func(x *trial) {
		p := x.p("dir/object")
		old := x.put(p, 3000)
		u := x.start(p, 5000)
		x.shows(p, old)
		u.commit()
		u.close()
		x.holds(p, content{object: u.c.object, version: 1, size: 0})
	})
	x.each("an object that is put meanwhile", putMeanwhile)
}

// putMeanwhile accepts that the Writer is refused, but no mix of the two.
func putMeanwhile(x *trial) {
	p := x.p("dir/object")
	x.put(p, 3000)
	u := x.start(p, 5000)
	u.write(2500)
	now := x.put(p, 700)
	x.shows(p, now)
	if !x.ok() {
		return
	}
	_, err := u.w.write(u.c, 2500, 5000)
	if err == nil {
		err = u.w.commit(x.ctx)
	}
	x.harmless(err, "an upload that a PutContent overtook")
	u.closeAnyhow()
	if err == nil {
		now = u.c
	}
	x.holds(p, now)
	x.isFile(p, now.size)
}

func writeOverPut(x *trial) {
	p := x.p("object")
	for range 3 {
		x.holds(p, x.put(p, 3000))
		x.holds(p, x.write(p, 2000))
		x.holds(p, x.write(p, 9000))
		x.holds(p, x.put(p, 100))
		x.isFile(p, 100)
	}
}

func writerSize(x *trial) {
	u := x.start(x.p("object"), 3<<20)
	u.sizeIs("before any Write")
	for _, to := range []int64{1, 2, 1000, 70000, 1 << 20, 2<<20 + 1, 3 << 20} {
		u.write(to)
		u.sizeIs("after Write")
	}
	u.commit()
	u.close()
}

func writerSizeLater(x *trial) {
	u := x.start(x.p("object"), 70001)
	u.writeAll(10000)
	u.commit()
	u.sizeIs("after Commit")
	u.close()
	u.sizeIs("after Close")
	v := x.start(x.p("unfinished"), 70001)
	v.writeAll(10000)
	v.close()
	v.sizeIs("after Close without Commit")
}

func cancelFresh(x *trial) {
	for _, size := range []int64{0, 10, 100000, 6 << 20} {
		p := x.p("object")
		u := x.start(p, size)
		u.writeAll(1 << 20)
		u.cancel()
		u.closeAnyhow()
		x.absent(p)
		c := x.write(p, 50)
		x.holds(p, c)
		x.drop("object")
	}
}

// closeAnyhow closes a writer whose state leaves open what Close returns.
func (u *upload) closeAnyhow() {
	if u.x.ok() {
		u.x.harmless(u.w.Close(), "Close")
	}
}

func cancelOver(x *trial) {
	p := x.p("dir/object")
	old := x.put(p, 3000)
	u := x.start(p, 100000)
	u.writeAll(50000)
	u.cancel()
	u.closeAnyhow()
	x.shows(p, old)
}

func cancelAside(x *trial) {
	kept := x.puts("dir/object2", "dir/objec", "dir/object-", "dir/object.x", "dir/sub/object", "other")
	u := x.start(x.p("dir/object"), 100000)
	u.writeAll(50000)
	u.cancel()
	u.closeAnyhow()
	for p, c := range kept {
		x.holds(p, c)
	}
	x.lists(x.p("dir"), "objec", "object-", "object.x", "object2", "sub")
}

func cancelLate(x *trial) {
	p := x.p("object")
	u := x.start(p, 5000)
	u.write(5000)
	u.close()
	u.cancel()
	x.absent(p)
	v := x.start(p, 6000)
	v.write(6000)
	v.commit()
	if x.ok() {
		x.anErr(v.w.cancel(x.ctx), "Cancel after Commit")
	}
	x.holds(p, v.c)
	v.close()
	x.holds(p, v.c)
}

func writeLate(x *trial) {
	for name, end := range map[string]func(*upload){
		"Commit":           func(u *upload) { u.commit() },
		"Commit and Close": func(u *upload) { u.commit(); u.close() },
		"Close":            func(u *upload) { u.close() },
		"Cancel":           func(u *upload) { u.cancel() },
	} {
		x.each(name, func(x *trial) {
			p := x.p("object")
			u := x.start(p, 5000)
			u.write(5000)
			end(u)
			if !x.ok() {
				return
			}
			_, err := u.w.Write([]byte("too late"))
			x.anErr(err, "Write after "+name)
			if name == "Commit" || name == "Commit and Close" {
				x.harmless(u.w.Close(), "Close")
				x.holds(p, u.c)
				return
			}
			x.harmless(u.w.Close(), "Close")
			if !x.sem.EarlyVisible {
				x.absent(p)
			}
		})
	}
}

func commitTwice(x *trial) {
	p := x.p("object")
	u := x.start(p, 5000)
	u.write(5000)
	u.commit()
	x.holds(p, u.c)
	if x.ok() {
		x.harmless(u.w.commit(x.ctx), "a second Commit")
	}
	x.holds(p, u.c)
	u.closeAnyhow()
	if x.ok() {
		x.harmless(u.w.commit(x.ctx), "Commit after Commit and Close")
	}
	x.holds(p, u.c)
	x.isFile(p, 5000)
}

func closeTwice(x *trial) {
	p := x.p("object")
	u := x.start(p, 5000)
	u.write(5000)
	u.commit()
	u.close()
	u.closeAnyhow()
	x.holds(p, u.c)

	q := x.p("unfinished")
	v := x.start(q, 6000)
	v.write(6000)
	v.close()
	v.closeAnyhow()
	if !x.ok() {
		return
	}
	err := v.w.commit(x.ctx)
	x.harmless(err, "Commit after Close")
	if err == nil {
		x.holds(q, v.c)
	} else if !x.sem.EarlyVisible {
		x.absent(q)
	}
	x.holds(p, u.c)
}

func closeTwiceNil(x *trial) {
	u := x.start(x.p("object"), 500)
	u.write(500)
	u.commit()
	u.close()
	if x.ok() {
		x.noErr(u.w.Close(), "a second Close")
	}
	if x.ok() {
		_, err := u.w.Write([]byte("late"))
		if x.anErr(err, "Write after Close") && err.Error() == "" {
			x.failf("Write after Close gives an error without text")
		}
	}
}

func writeChunks(x *trial) {
	for _, chunk := range []int64{1, 7, 4095, 32 << 10, 1 << 20, 3<<20 + 9} {
		size := min(3<<20+9, chunk*600)
		p := x.p("object")
		u := x.start(p, size)
		u.writeAll(chunk)
		u.commit()
		u.close()
		x.holds(p, u.c)
		x.isFile(p, size)
	}
}

func writeRetains(x *trial) {
	p := x.p("object")
	c := x.content(p, 300000)
	w, ok := x.openWriter(p, false)
	if !ok {
		return
	}
	b := make([]byte, 10000)
	for off := int64(0); off < c.size; off += int64(len(b)) {
		c.fill(b, off)
		_, err := w.Write(b)
		x.noErr(err, "Write")
		clear(b)
	}
	x.noErr(w.commit(x.ctx), "Commit")
	x.noErr(w.Close(), "Close")
	x.holds(p, c)
}

func writeCount(x *trial) {
	u := x.start(x.p("object"), 2<<20)
	if !x.ok() {
		return
	}
	n, err := u.w.Write(nil)
	if n != 0 || err != nil {
		x.failf("Write of nothing returned %d, %s", n, brief(err))
	}
	for _, to := range []int64{1, 100, 5000, 1 << 20, 2 << 20} {
		if !x.ok() {
			return
		}
		n, err := u.w.write(u.c, u.off, to)
		if full := int64(n) == to-u.off; full != (err == nil) {
			x.failf("Write of %d bytes returned %d, %s", to-u.off, n, brief(err))
		}
		u.off = to
	}
	u.commit()
	u.close()
	x.holds(x.p("object"), u.c)
}

func writeCopy(x *trial) {
	const size = 20000
	wraps := map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with the end": iotest.DataErrReader,
		"whole": func(r io.Reader) io.Reader { return r },
	}
	for name, wrap := range wraps {
		x.each(name, func(x *trial) {
			p := x.p("object")
			c := x.content(p, size)
			w, ok := x.openWriter(p, false)
			if !ok {
				return
			}
			n, err := w.readFrom(plainReader{wrap(c.reader(0, size))})
			if x.noErr(err, "io.Copy") && (n != size || w.size() != size) {
				x.failf("io.Copy of %d bytes copied %d, and Size is %d", size, n, w.size())
			}
			x.noErr(w.commit(x.ctx), "Commit")
			x.noErr(w.Close(), "Close")
			x.holds(p, c)
		})
	}
}

var errSource = errors.New("the source of the upload failed")

func writeBroken(x *trial) {
	for name, end := range map[string]func(*tracedWriter) error{
		"Cancel": func(w *tracedWriter) error { return w.cancel(x.ctx) },
		"Close":  func(w *tracedWriter) error { return w.Close() },
	} {
		x.each(name, func(x *trial) {
			p := x.p("object")
			c := x.content(p, 100000)
			w, ok := x.openWriter(p, false)
			if !ok {
				return
			}
			_, err := w.readFrom(io.MultiReader(c.reader(0, 60000), iotest.ErrReader(errSource)))
			if x.ok() && !errors.Is(err, errSource) {
				x.failf("io.Copy from a source that fails returned %s", brief(err))
			}
			x.noErr(end(w), name)
			if x.cfg.Semantics.EarlyVisible && name == "Close" {
				return
			}
			x.absent(p)
		})
	}
}

func writeAbandoned(x *trial) {
	p := x.p("object")
	u := x.start(p, 5000)
	u.write(2500)
	v := x.start(p, 6000)
	v.writeAll(1000)
	v.commit()
	v.close()
	x.holds(p, v.c)
}
