package drivertest

import (
	"fmt"
	"io"
)

func resumeRules() []rule {
	return []rule{
		{"RESU-01", Must, "An upload that was closed goes on at Size through append, and Commit yields all of it.", resumeOnce, 0},
		{"RESU-02", Must, "Append to a committed empty object works.", resumeEmpty, 0},
		{"RESU-03", Must, "Three resumes, of small and of large pieces, join up.", resumeThrice, 0},
		{"RESU-04", Must, "Twenty resumes of mixed sizes join up.", resumeOften, 0},
		{"RESU-05", Must, "Resumed content has no piece swapped, repeated or lost.", resumeVerified, 0},
		{"RESU-06", Must, "Append on a missing path is path-not-found, or starts an upload where declared, and leaves nothing behind.", resumeMissing, 0},
		{"RESU-07", Must, "An upload goes on through another handle.", resumeElsewhere, 0},
		{"RESU-08", Must, "An older upload that was abandoned at the path never comes back.", resumeOlder, 0},
		{"RESU-09", Must, "After Delete or Cancel, append brings no bytes back.", resumeDead, 0},
		{"RESU-10", Must, "An upload of more than a thousand parts can be resumed.", resumeManyParts, 0},
		{"RESU-11", Should, "Among a thousand unfinished uploads the right one is resumed.", resumeAmongMany, 0},
		{"RESU-12", Should, "Append to committed content appends or is refused; it never cuts it off silently.", resumeCommitted, 0},
		{"RESU-13", Should, "A resume after no bytes at all works, and so does one that commits at once.", resumeNothing, 0},
		{"RESU-14", Must, "After a Write that failed, a resume has exactly the bytes that were acknowledged.", resumeAfterFailure, 0},
	}
}

// pieces uploads c in as many sessions as there are ends.
func (x *trial) pieces(p string, d *traced, ends ...int64) *upload {
	u := x.start(p, ends[len(ends)-1])
	for i, to := range ends {
		if i > 0 {
			u.resume(d, p)
		}
		for x.ok() && u.off < to {
			u.write(min(u.off+1<<20, to))
		}
		u.sizeIs("after Write")
		if i < len(ends)-1 {
			u.close()
		}
	}
	u.commit()
	u.close()
	x.holds(p, u.c)
	x.isFile(p, u.c.size)
	return u
}

func resumeOnce(x *trial) {
	x.pieces(x.p("dir/object"), x.d, 5000, 12345)
	x.lists(x.p("dir"), "object")
	x.each("over an object", func(x *trial) {
		x.put(x.p("object"), 777)
		x.pieces(x.p("object"), x.d, 5000, 12345)
	})
}

func resumeEmpty(x *trial) {
	for name, make := range map[string]func(*trial, string){
		"PutContent": func(x *trial, p string) { x.put(p, 0) },
		"Writer":     func(x *trial, p string) { x.write(p, 0) },
	} {
		x.each(name, func(x *trial) {
			p := x.p("object")
			make(x, p)
			u := &upload{x: x, c: x.content(p, 3000)}
			u.resume(x.d, p)
			u.write(3000)
			u.commit()
			u.close()
			x.holds(p, u.c)
		})
	}
}

func resumeThrice(x *trial) {
	x.pieces(x.p("small"), x.d, 32, 64, 96)
	const piece = 5 << 20
	x.pieces(x.p("large"), x.d, piece, 2*piece, 3*piece)
	x.drop("large")
	if x.cfg.Budget > Quick {
		x.pieces(x.p("large"), x.d, 2*piece, 4*piece, 6*piece)
		x.drop("large")
	}
}

func resumeOften(x *trial) {
	var ends []int64
	at := int64(0)
	for i := range 20 {
		at += 1 + x.rng.Int64N([]int64{1, 100, 5000, 100000}[i%4])
		ends = append(ends, at)
	}
	x.pieces(x.p("object"), x.d, ends...)
}

func resumeVerified(x *trial) {
	for _, ends := range [][]int64{{64, 128, 192}, {8, 16, 24, 32}, {100000, 200000, 300000}, {1 << 20, 1<<20 + 8, 2 << 20}} {
		x.each(fmt.Sprint(ends), func(x *trial) { x.pieces(x.p("object"), x.d, ends...) })
	}
}

func resumeMissing(x *trial) {
	p := x.p("dir/object")
	x.puts("dir/object2")
	w, err := x.d.writer(x.ctx, p, true)
	switch {
	case !x.ok():
		return
	case err != nil:
		x.isNotFound(err, p, "Writer with append on a missing path")
	case !x.cfg.Semantics.AppendCreates:
		x.failf("Writer with append on a missing path starts an upload; that is not declared (Semantics.AppendCreates)")
	default:
		if n := w.size(); n != 0 {
			x.failf("an upload that append started on a missing path has size %d", n)
		}
		x.noErr(w.cancel(x.ctx), "Cancel")
		x.harmless(w.Close(), "Close")
	}
	x.absent(p)
	x.lists(x.p("dir"), "object2")
}

func resumeElsewhere(x *trial) {
	x.pieces(x.p("small"), x.second(), 32, 64, 96)
	x.pieces(x.p("larger"), x.second(), 100000, 200001, 200002)
	for range 3 {
		if !x.ok() {
			return
		}
		u := x.start(x.p("object"), 9000)
		u.write(3000)
		u.close()
		u.resume(x.second(), x.p("object"))
		u.write(6000)
		u.close()
		u.resume(x.second(), x.p("object"))
		u.write(9000)
		u.commit()
		u.close()
		x.holds(x.p("object"), u.c)
	}
}

func resumeOlder(x *trial) {
	x.each("published", olderPublished)
	x.each("resumed", olderResumed)
}

// olderPublished goes by content alone, whatever Size says.
func olderPublished(x *trial) {
	p := x.p("object")
	for _, first := range []int64{3000, 6 << 20} {
		old := x.start(p, first)
		old.writeAll(1 << 20)
		old.close()
		u := x.start(p, 2500)
		u.write(2000)
		u.close()
		w, ok := x.openWriter(p, true)
		if !ok {
			return
		}
		_, err := w.write(u.c, 2000, 2500)
		x.noErr(err, "Write")
		x.noErr(w.commit(x.ctx), "Commit")
		x.noErr(w.Close(), "Close")
		x.holds(p, u.c)
		x.drop("object")
	}
}

func olderResumed(x *trial) {
	p := x.p("object")
	for _, first := range []int64{3000, 6 << 20} {
		old := x.start(p, first)
		old.writeAll(1 << 20)
		old.close()
		x.pieces(p, x.d, 2000, 2500)
		x.drop("object")
	}
	old := x.start(p, 3000)
	old.write(3000)
	old.close()
	c := x.write(p, 100)
	x.holds(p, c)
	w, err := x.d.writer(x.ctx, p, true)
	if err == nil && x.ok() {
		if n := w.size(); n != 0 && n != c.size {
			x.failf("append after a newer Commit resumes something of %d bytes, the abandoned upload perhaps", n)
		}
		_ = w.cancel(x.ctx)
		_ = w.Close()
	}
}

func resumeDead(x *trial) {
	for name, kill := range map[string]func(x *trial, u *upload){
		"Cancel": func(x *trial, u *upload) { u.cancel(); u.closeAnyhow() },
		"Delete": func(x *trial, u *upload) {
			u.close()
			if x.ok() {
				err := x.d.del(x.ctx, x.p("dir"))
				if err != nil && !x.missing(err) {
					x.noErr(err, "Delete")
				}
			}
		},
	} {
		x.each(name, func(x *trial) {
			x.puts("dir/sibling")
			p := x.p("dir/object")
			u := x.start(p, 70000)
			u.write(60000)
			kill(x, u)
			w, err := x.d.writer(x.ctx, p, true)
			if !x.ok() {
				return
			}
			if err != nil {
				if !x.missing(err) {
					x.failf("append after %s: %s", name, brief(err))
				}
				return
			}
			if n := w.size(); n != 0 {
				x.failf("append after %s resumes %d bytes", name, n)
			}
			_ = w.cancel(x.ctx)
			_ = w.Close()
		})
	}
}

// resumeManyParts needs a small part size, by declaration or by hook.
func resumeManyParts(x *trial) {
	part := x.cfg.Limits.MinPart
	if x.cfg.Hooks.Chunked != nil {
		part = max(part, 1024)
		t, err := x.cfg.Hooks.Chunked(part)
		if !x.noErr(err, "Hooks.Chunked") {
			return
		}
		x.d = x.handleTo(t)
	}
	if !x.needs(part > 0, "Hooks.Chunked or Limits.MinPart") {
		return
	}
	if part > 64<<10 && !x.long() {
		return
	}
	p := x.p("object")
	u := x.start(p, 1010*part+77)
	for x.ok() && u.off < 1005*part {
		u.write(u.off + part)
	}
	u.close()
	u.resume(x.d, p)
	u.writeAll(part)
	u.commit()
	u.close()
	x.reads(p, u.c, 0)
}

func resumeAmongMany(x *trial) {
	n := x.n(40, 1010, 1010)
	var all []*upload
	for i := range n {
		u := x.start(x.p(fmt.Sprintf("u%d/data", i)), 300)
		u.write(int64(100 + i%50))
		u.close()
		all = append(all, u)
	}
	for _, i := range []int{0, n / 2, n - 1, 7} {
		if !x.ok() {
			return
		}
		p := x.p(fmt.Sprintf("u%d/data", i))
		all[i].resume(x.d, p)
		all[i].write(300)
		all[i].commit()
		all[i].close()
		x.holds(p, all[i].c)
	}
}

func resumeCommitted(x *trial) {
	p := x.p("object")
	c := x.put(p, 3000)
	w, err := x.d.writer(x.ctx, p, true)
	if err != nil {
		x.harmless(err, "Writer with append on committed content")
		x.holds(p, c)
		return
	}
	longer := content{object: c.object, version: c.version, size: 5000}
	_, err = w.write(longer, 3000, 5000)
	if err == nil {
		err = w.commit(x.ctx)
	}
	_ = w.Close()
	if err != nil {
		x.holds(p, c)
		return
	}
	x.holds(p, longer)
}

func resumeNothing(x *trial) {
	x.pieces(x.p("nothing"), x.d, 0, 3000)
	x.pieces(x.p("at-once"), x.d, 3000, 3000)
	x.pieces(x.p("never"), x.d, 0, 0)
}

func resumeAfterFailure(x *trial) {
	f, ok := x.faulty(Unavailable)
	if !ok {
		return
	}
	p := x.p("object")
	u := x.start(p, 40<<20)
	u.write(1 << 20)
	if !x.ok() {
		return
	}
	f.Arm()
	acked, failed := u.off, false
	for u.off < 32<<20 && !failed {
		n, err := u.w.write(u.c, u.off, u.off+1<<20)
		failed = err != nil
		if err == nil && n != 1<<20 {
			x.failf("Write of 1 MiB returned %d and no error", n)
			return
		}
		if err == nil {
			u.off += int64(n)
			acked = u.off
		}
	}
	if err := u.w.Close(); err != nil {
		acked = 0 // the tail may be gone; the prefix must be right
	}
	f.Disarm()
	w, err := x.d.writer(x.ctx, p, true)
	if err != nil {
		if acked > 0 && !failed {
			x.failf("resume after Close without an error: %s", brief(err))
		}
		return
	}
	size := w.size()
	if acked > 0 && size < acked {
		x.failf("%d bytes were acknowledged; the resumed upload has %d", acked, size)
	}
	x.noErr(w.commit(x.ctx), "Commit")
	_ = w.Close()
	x.resumedPrefix(p, u.c, size)
}

func (x *trial) resumedPrefix(p string, c content, size int64) {
	if !x.ok() {
		return
	}
	if size > c.size {
		x.failf("the resumed upload has %d bytes, more than were ever written", size)
		return
	}
	r, err := x.d.reader(x.ctx, p, 0)
	if !x.noErr(err, "Reader") {
		return
	}
	part := content{object: c.object, version: c.version, size: size}
	if err := part.verify(io.LimitReader(r, size+1), 0); err != nil {
		x.failf("after the resume: %s", x.explain(err))
	}
	_ = r.Close()
}
