package drivertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing/iotest"
	"time"
)

func faultRules() []rule {
	return []rule{
		{"FALT-01", Must, "A PutContent that runs out of space fails, keeps the old content and leaves nothing behind.", putNoSpace, 0},
		{"FALT-02", Must, "A Writer that runs out of space fails at Write or Commit, and nothing new shows.", writeNoSpace, 0},
		{"FALT-03", Must, "A failure of the back-end surfaces; no call returns nil with a wrong result.", faultSurfaces, 0},
		{"FALT-04", Must, "A body that ends early is an error, never a short success.", truncatedBody, 0},
		{"FALT-05", Should, "Two failures followed by success make a success; failure for ever is an error in bounded time.", flakyBackend, 0},
		{"FALT-06", Must, "When a reply is lost and the call repeated, no byte is doubled and none is lost.", lostReply, 0},
		{"FALT-07", Should, "Without descriptors calls fail, and work again when there are some.", noDescriptors, 0},
		{"FALT-08", Must, "When a later page of a listing fails, List, Walk and Delete fail too.", secondPage, 0},
		{"FALT-09", Should, "A slow server and a deadline make a deadline error.", slowServer, 0},
		{"FALT-10", Should, "A store that refuses makes errors that are neither path-not-found nor a panic.", refusing, 0},
		{"FALT-11", Should, "When flushing to stable storage fails, Commit fails.", syncFails, 0},
		{"FALT-12", Should, "A byte that was corrupted in transit is noticed where the back-end offers checksums.", corruptByte, 0},
		{"FALT-13", Must, "A source that fails or ends early, followed by Cancel, leaves nothing visible.", brokenSource, 0},
	}
}

// faulty moves the trial to a store whose back-end can fail. Without one the rule is
// inconclusive.
func (x *trial) faulty(kind Fault) (Faulty, bool) {
	if !x.needs(x.cfg.Hooks.Fault != nil, "Hooks.Fault") {
		return Faulty{}, false
	}
	f, err := x.cfg.Hooks.Fault(kind)
	if errors.Is(err, errors.ErrUnsupported) {
		x.inconclusive("the fault %q can't be produced here", kind)
		return f, false
	}
	if !x.noErr(err, "Hooks.Fault") {
		return f, false
	}
	if f.Close != nil {
		x.shared.open.add(&closer{f.Close})
	}
	x.d = x.handleTo(f.Target)
	x.target = f.Target
	return f, true
}

type closer struct{ f func() }

func (c *closer) Close() error { c.f(); return nil }

// enough is more than a small full disk takes.
const enough = 24 << 20

func putNoSpace(x *trial) {
	f, ok := x.faulty(NoSpace)
	if !ok {
		return
	}
	p := x.p("dir/object")
	old := x.put(p, 3000)
	f.Arm()
	err := x.d.put(x.ctx, p, old.next(enough))
	f.Disarm()
	x.anErr(err, "PutContent without space")
	x.holds(p, old)
	x.isFile(p, old.size)
	x.lists(x.p("dir"), "object")
	x.recovers()
}

// recovers demands that the store takes content again.
func (x *trial) recovers() {
	c := x.put(x.p("later/object"), 3000)
	x.holds(x.p("later/object"), c)
}

func writeNoSpace(x *trial) {
	x.each("cancelled", func(x *trial) {
		x.writeUntilFull(func(u *upload) { x.harmless(u.w.cancel(x.ctx), "Cancel without space") })
	})
	x.each("closed", func(x *trial) {
		if x.sem.EarlyVisible && x.cfg.Semantics.EarlyVisible {
			x.notef("bytes are declared to be visible before Commit")
			return
		}
		x.writeUntilFull(func(*upload) {})
	})
}

// writeUntilFull uploads more than there is space for, ends the upload by end and Close, and
// demands that nothing of it shows.
func (x *trial) writeUntilFull(end func(u *upload)) {
	f, ok := x.faulty(NoSpace)
	if !ok {
		return
	}
	p := x.p("dir/object")
	x.puts("dir/keep")
	u := x.start(p, enough)
	if !x.ok() {
		return
	}
	f.Arm()
	var err error
	for u.off < enough && err == nil {
		_, err = u.w.write(u.c, u.off, u.off+1<<20)
		u.off += 1 << 20
	}
	if err == nil {
		err = u.w.commit(x.ctx)
	}
	if err != nil {
		end(u)
	}
	x.harmless(u.w.Close(), "Close without space")
	f.Disarm()
	x.anErr(err, "an upload without space")
	x.absent(p)
	x.lists(x.p("dir"), "keep")
	_ = x.d.del(x.ctx, p)
	x.recovers()
}

func faultSurfaces(x *trial) {
	f, ok := x.faulty(Unavailable)
	if !ok {
		return
	}
	p := x.p("dir/object")
	c := x.put(p, 5000)
	f.Arm()
	b, err := x.d.get(x.ctx, p)
	x.noLie("GetContent", err, func() error { return c.verify(bytes.NewReader(b), 0) })
	r, err := x.d.reader(x.ctx, p, 0)
	if err == nil {
		rerr := c.verify(r, 0)
		var m *mismatch
		if errors.As(rerr, &m) {
			x.failf("a Reader ended without an error while the back-end failed: %s", rerr)
		}
		_ = r.Close()
	}
	e, err := x.d.stat(x.ctx, p)
	x.noLie("Stat", err, func() error {
		if e.size != c.size {
			return errors.New("the size is wrong")
		}
		return nil
	})
	l, err := x.d.list(x.ctx, x.p("dir"))
	x.noLie("List", err, func() error {
		if len(l) != 1 {
			return errors.New("an entry is missing")
		}
		return nil
	})
	n := 0
	err = x.d.walk(x.ctx, x.p("dir"), func(entry) error { n++; return nil })
	x.noLie("Walk", err, func() error {
		if n != 1 {
			return errors.New("an entry was not visited")
		}
		return nil
	})
	now := c.next(6000)
	perr := x.d.put(x.ctx, p, now)
	derr := x.writeUnder(x.ctx, x.p("dir/other"), x.content(x.p("dir/other"), 7000))
	f.Disarm()
	x.noLie("PutContent", perr, func() error { return objection(x.contentObjection(p, now)) })
	x.noLie("an upload", derr, func() error { return objection(x.fileObjection(x.p("dir/other"), 7000)) })
}

func objection(s string) error {
	if s == "" {
		return nil
	}
	return errors.New(s)
}

// noLie objects to a nil error with a wrong result.
func (x *trial) noLie(what string, err error, judge func() error) {
	x.harmless(err, what)
	if err != nil || !x.ok() {
		return
	}
	if jerr := judge(); jerr != nil {
		x.failf("%s returned nil while the back-end failed, and the result is wrong: %s", what, brief(jerr))
	}
}

func truncatedBody(x *trial) {
	f, ok := x.faulty(Truncated)
	if !ok {
		return
	}
	p := x.p("object")
	c := x.put(p, 200000)
	f.Arm()
	defer f.Disarm()
	b, err := x.d.get(x.ctx, p)
	x.noLie("GetContent", err, func() error { return c.verify(bytes.NewReader(b), 0) })
	r, err := x.d.reader(x.ctx, p, 100)
	if err != nil {
		return
	}
	rerr := c.verify(r, 100)
	var m *mismatch
	if errors.As(rerr, &m) {
		x.failf("a Reader ended without an error although its body was cut off: %s", rerr)
	}
	_ = r.Close()
}

func flakyBackend(x *trial) {
	x.each("two failures", func(x *trial) {
		f, ok := x.faulty(Flaky)
		if !ok {
			return
		}
		c := x.put(x.p("object"), 500)
		f.Arm()
		defer f.Disarm()
		x.holds(x.p("object"), c)
		x.isFile(x.p("object"), c.size)
		x.put(x.p("other"), 600)
	})
	x.each("for ever", func(x *trial) {
		f, ok := x.faulty(Unavailable)
		if !ok {
			return
		}
		x.put(x.p("object"), 500)
		f.Arm()
		defer f.Disarm()
		_, err := x.d.get(x.ctx, x.p("object"))
		x.anErr(err, "GetContent from a back-end that fails for ever")
	})
}

func lostReply(x *trial) {
	f, ok := x.faulty(LostReply)
	if !ok {
		return
	}
	for i := range x.n(4, 20, 100) {
		p := x.p("object")
		c := x.content(p, int64(100000+i))
		f.Arm()
		err := x.d.put(x.ctx, p, c)
		f.Disarm()
		x.harmless(err, "PutContent")
		if err == nil {
			x.holds(p, c)
		}
		v := x.content(p, int64(300000+i))
		f.Arm()
		err = x.writeUnder(x.ctx, p, v)
		f.Disarm()
		x.harmless(err, "an upload")
		if err == nil {
			x.holds(p, v)
			x.isFile(p, v.size)
		}
	}
}

func noDescriptors(x *trial) {
	f, ok := x.faulty(NoDescriptors)
	if !ok {
		return
	}
	c := x.put(x.p("object"), 500)
	f.Arm()
	_, err := x.d.get(x.ctx, x.p("object"))
	x.harmless(err, "GetContent without descriptors")
	if err != nil && x.missing(err) {
		x.failf("GetContent without descriptors says path-not-found: %s", brief(err))
	}
	f.Disarm()
	x.holds(x.p("object"), c)
}

func secondPage(x *trial) {
	x.patience(4)
	f, ok := x.faulty(SecondPage)
	if !ok {
		return
	}
	n := x.cfg.Limits.PageSize + 50
	dir := x.p("dir")
	x.fillDir(dir, n, numbered)
	f.Arm()
	l, err := x.d.list(x.ctx, dir)
	seen := 0
	werr := x.d.walk(x.ctx, dir, func(entry) error { seen++; return nil })
	derr := x.d.del(x.ctx, dir)
	f.Disarm()
	x.noLie("List", err, func() error { return complete(len(l), n) })
	x.noLie("Walk", werr, func() error { return complete(seen, n) })
	x.harmless(derr, "Delete")
	if derr == nil {
		x.vanished(dir)
	}
}

func complete(got, want int) error {
	if got < want {
		return errors.New("only " + count(int64(got), "name") + " of " + count(int64(want), "name"))
	}
	return nil
}

func slowServer(x *trial) {
	f, ok := x.faulty(Slow)
	if !ok {
		return
	}
	x.put(x.p("object"), 1<<20)
	f.Arm()
	defer f.Disarm()
	ctx, cancel := context.WithTimeout(x.ctx, 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := x.d.get(ctx, x.p("object"))
	x.anErr(err, "GetContent of 1 MiB at 1 KiB/s with a deadline of 300 ms")
	if x.ok() && !errors.Is(err, context.DeadlineExceeded) {
		x.failf("context.DeadlineExceeded can't be found in %q", brief(err))
	}
	if d := time.Since(began); x.ok() && d > soon {
		x.failf("GetContent with a deadline of 300 ms returned after %s", d)
	}
}

func refusing(x *trial) {
	judged := false
	for _, kind := range []Fault{Forbidden, ReadOnly} {
		x.each(string(kind), func(x *trial) {
			f, ok := x.faulty(kind)
			if !ok {
				x.reason = ""
				return
			}
			judged = true
			x.put(x.p("dir/object"), 500)
			f.Arm()
			defer f.Disarm()
			for _, m := range methods() {
				err := m.call(x, x.p(m.of("dir", "object")))
				x.harmless(err, m.name)
				if m.name == "Move to" || m.name == "Move from" || err == nil {
					continue // the other path may really be missing, or the fault is elsewhere
				}
				if x.ok() && x.missing(err) {
					x.failf("%s says path-not-found while the back-end is %s: %s", m.name, kind, brief(err))
				}
			}
		})
	}
	if !judged {
		x.inconclusive("needs Hooks.Fault for %s or %s", Forbidden, ReadOnly)
	}
}

func syncFails(x *trial) {
	f, ok := x.faulty(SyncFails)
	if !ok {
		return
	}
	p := x.p("object")
	old := x.put(p, 500)
	u := x.start(p, 5000)
	u.write(5000)
	f.Arm()
	if x.ok() {
		x.anErr(u.w.commit(x.ctx), "Commit whose flush fails")
		x.harmless(u.w.Close(), "Close")
	}
	f.Disarm()
	x.holds(p, old)
}

func corruptByte(x *trial) {
	f, ok := x.faulty(Corrupt)
	if !ok {
		return
	}
	p := x.p("object")
	c := x.put(p, 100000)
	f.Arm()
	defer f.Disarm()
	b, err := x.d.get(x.ctx, p)
	x.noLie("GetContent", err, func() error { return c.verify(bytes.NewReader(b), 0) })
	now := x.content(p, 90000)
	err = x.d.put(x.ctx, p, now)
	f.Disarm()
	x.noLie("PutContent", err, func() error { return objection(x.contentObjection(p, now)) })
}

func brokenSource(x *trial) {
	sources := map[string]func(c content) io.Reader{
		"fails":         func(c content) io.Reader { return io.MultiReader(c.reader(0, 70000), iotest.ErrReader(errSource)) },
		"fails at once": func(content) io.Reader { return iotest.ErrReader(errSource) },
		"ends early":    func(c content) io.Reader { return iotest.HalfReader(c.reader(0, 70000)) },
		"times out":     func(c content) io.Reader { return iotest.TimeoutReader(c.reader(0, 70000)) },
		"unexpected end": func(c content) io.Reader {
			return io.MultiReader(c.reader(0, 9), iotest.ErrReader(io.ErrUnexpectedEOF))
		},
	}
	for name, source := range sources {
		x.each("a source that "+name, func(x *trial) {
			p := x.p("dir/object")
			x.puts("dir/keep")
			c := x.content(p, 100000)
			w, ok := x.openWriter(p, false)
			if !ok {
				return
			}
			n, err := w.readFrom(plainReader{source(c)})
			if name != "ends early" && err == nil && x.ok() {
				x.failf("io.Copy copied %d bytes from it and returned nil", n)
			}
			x.noErr(w.cancel(x.ctx), "Cancel")
			x.harmless(w.Close(), "Close")
			x.absent(p)
			x.lists(x.p("dir"), "keep")
		})
	}
}
