package drivertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// wholeLimit is the largest object that is read by GetContent rather than streamed.
const wholeLimit = 6 << 20

// noErr objects to an error.
func (x *trial) noErr(err error, what string) bool {
	if err != nil && x.ok() {
		x.failf("%s failed: %s", what, x.explain(err))
	}
	return err == nil && x.ok()
}

// anErr objects to success, and to a panic.
func (x *trial) anErr(err error, what string) bool {
	if !x.ok() {
		return false
	}
	if err == nil {
		x.failf("%s succeeded; an error was due", what)
	} else if isPanic(err) {
		x.failf("%s: %s", what, brief(err))
	}
	return x.ok()
}

// harmless objects to a panic alone.
func (x *trial) harmless(err error, what string) {
	if isPanic(err) && x.ok() {
		x.failf("%s: %s", what, brief(err))
	}
}

// isNotFound demands a path-not-found error. A path that the error names must be p.
func (x *trial) isNotFound(err error, p, what string) bool {
	if x.ok() {
		if s := x.notFoundObjection(err, p, what); s != "" {
			x.failf("%s", s)
		}
	}
	return x.ok()
}

func (x *trial) notFoundObjection(err error, p, what string) string {
	k := x.cfg.Errors.classify(err)
	switch {
	case err == nil:
		return what + " succeeded; a path-not-found error was due"
	case isPanic(err):
		return what + ": " + brief(err)
	case k.name != notFound:
		return what + ": the error is not a path-not-found error: " + brief(err)
	case k.path != p:
		return what + ": the path-not-found error names " + quote(k.path) + ", not " + quote(p)
	}
	return ""
}

func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return `"` + s + `"`
}

// isInvalidPath demands an invalid-path error that names p.
func (x *trial) isInvalidPath(err error, p, what string) {
	if !x.ok() {
		return
	}
	k := x.cfg.Errors.classify(err)
	switch {
	case err == nil:
		x.failf("%s succeeded; an invalid-path error was due", what)
	case isPanic(err):
		x.failf("%s: %s", what, brief(err))
	case k.name != invalidPath:
		x.failf("%s: the error is not an invalid-path error: %s", what, brief(err))
	}
}

func (x *trial) missing(err error) bool { return x.cfg.Errors.classify(err).name == notFound }

// put stores new content by PutContent.
func (x *trial) put(p string, size int64) content {
	c := x.content(p, size)
	x.putc(p, c)
	return c
}

func (x *trial) putc(p string, c content) {
	if x.ok() {
		x.noErr(x.d.put(x.ctx, p, c), "PutContent of "+quote(p))
	}
}

// puts stores one small object at each name below the rule's directory.
func (x *trial) puts(names ...string) map[string]content {
	m := make(map[string]content, len(names))
	for _, n := range names {
		m[x.p(n)] = x.put(x.p(n), 24)
	}
	return m
}

// upload is an open writer and what it is to hold.
type upload struct {
	x   *trial
	w   *tracedWriter
	c   content
	off int64
}

// start opens a writer with append=false for new content of the given size.
func (x *trial) start(p string, size int64) *upload {
	u := &upload{x: x, c: x.content(p, size)}
	if x.ok() {
		u.w, _ = x.openWriter(p, false)
	}
	return u
}

func (x *trial) openWriter(p string, app bool) (*tracedWriter, bool) {
	if !x.ok() {
		return nil, false
	}
	w, err := x.d.writer(x.ctx, p, app)
	what := "Writer on "
	if app {
		what = "Writer with append on "
	}
	return w, x.noErr(err, what+quote(p))
}

// resume opens a writer with append=true and demands that it goes on where u ended.
func (u *upload) resume(d *traced, p string) {
	if !u.x.ok() {
		return
	}
	w, err := d.writer(u.x.ctx, p, true)
	if !u.x.noErr(err, "Writer with append on "+quote(p)) {
		return
	}
	u.w = w
	u.sizeIs("after resuming")
}

func (u *upload) sizeIs(when string) {
	if u.x.ok() {
		if n := u.w.size(); n != u.off {
			u.x.failf("Size() %s is %d; %d bytes were accepted", when, n, u.off)
		}
	}
}

// write sends the bytes up to offset to in one call.
func (u *upload) write(to int64) {
	if !u.x.ok() || to == u.off {
		return
	}
	n, err := u.w.write(u.c, u.off, to)
	if u.x.noErr(err, "Write") && int64(n) != to-u.off {
		u.x.failf("Write of %d bytes returned %d and no error", to-u.off, n)
	}
	u.off = to
}

// writeAll sends the rest in calls of at most chunk bytes.
func (u *upload) writeAll(chunk int64) {
	for u.x.ok() && u.off < u.c.size {
		u.write(min(u.off+chunk, u.c.size))
	}
}

func (u *upload) commit() {
	if u.x.ok() {
		u.x.noErr(u.w.commit(u.x.ctx), "Commit")
	}
}

func (u *upload) close() {
	if u.x.ok() {
		u.x.noErr(u.w.Close(), "Close")
	}
}

func (u *upload) cancel() {
	if u.x.ok() {
		u.x.noErr(u.w.cancel(u.x.ctx), "Cancel")
	}
}

// write stores new content by a Writer.
func (x *trial) write(p string, size int64) content {
	u := x.start(p, size)
	u.writeAll(1 << 20)
	u.commit()
	u.close()
	return u.c
}

// holds demands that the object at p is exactly c, by GetContent or, for large ones, by Reader.
func (x *trial) holds(p string, c content) {
	x.settle(x.cfg.Consistency.Write, func() string { return x.contentObjection(p, c) })
}

func (x *trial) contentObjection(p string, c content) string {
	if c.size > wholeLimit {
		return x.readObjection(p, c, 0)
	}
	b, err := x.d.get(x.ctx, p)
	if err != nil {
		return "GetContent of " + quote(p) + " failed: " + brief(err)
	}
	if err := c.verify(bytes.NewReader(b), 0); err != nil {
		return "GetContent of " + quote(p) + ": " + x.explain(err)
	}
	return ""
}

// reads demands that a Reader from off on delivers exactly the rest of c.
func (x *trial) reads(p string, c content, off int64) {
	x.settle(x.cfg.Consistency.Write, func() string { return x.readObjection(p, c, off) })
}

func (x *trial) readObjection(p string, c content, off int64) string {
	r, err := x.d.reader(x.ctx, p, off)
	if err != nil {
		return "Reader of " + quote(p) + " failed: " + brief(err)
	}
	err = c.verify(r, off)
	if cerr := r.Close(); err == nil && cerr != nil {
		return "Close of a Reader of " + quote(p) + " failed: " + brief(cerr)
	}
	if err != nil {
		return "Reader of " + quote(p) + ": " + x.explain(err)
	}
	return ""
}

// isFile demands that Stat shows an object of the given size.
func (x *trial) isFile(p string, size int64) {
	x.settle(x.cfg.Consistency.Write, func() string { return x.fileObjection(p, size) })
}

func (x *trial) fileObjection(p string, size int64) string {
	e, err := x.d.stat(x.ctx, p)
	switch {
	case err != nil:
		return "Stat of " + quote(p) + " failed: " + brief(err)
	case e.dir:
		return "Stat says that the object " + quote(p) + " is a directory"
	case e.path != p:
		return "Stat of " + quote(p) + " names " + quote(e.path)
	case e.size != size:
		return "Stat of " + quote(p) + " says " + count(e.size, "byte") + ", not " + count(size, "byte")
	}
	return ""
}

// isDir demands that Stat shows a directory.
func (x *trial) isDir(p string) {
	x.settle(x.cfg.Consistency.List, func() string {
		e, err := x.d.stat(x.ctx, p)
		switch {
		case err != nil:
			return "Stat of the directory " + quote(p) + " failed: " + brief(err)
		case !e.dir:
			return "Stat says that the directory " + quote(p) + " is an object"
		case e.path != p:
			return "Stat of " + quote(p) + " names " + quote(e.path)
		case e.size != 0:
			return "Stat of the directory " + quote(p) + " says " + count(e.size, "byte") + ", not 0"
		}
		return ""
	})
}

// absent demands that Stat and GetContent find nothing at p.
func (x *trial) absent(p string) {
	x.settle(x.cfg.Consistency.Delete, func() string {
		_, err := x.d.stat(x.ctx, p)
		if s := x.notFoundObjection(err, p, "Stat of "+quote(p)); s != "" {
			return s
		}
		_, err = x.d.get(x.ctx, p)
		return x.notFoundObjection(err, p, "GetContent of "+quote(p))
	})
}

// gone demands that every read method finds nothing at p.
func (x *trial) gone(p string) {
	x.absent(p)
	x.settle(x.cfg.Consistency.Delete, func() string {
		if s := x.notFoundObjection(x.tryRead(p), p, "Reader of "+quote(p)); s != "" {
			return s
		}
		_, err := x.d.list(x.ctx, p)
		if s := x.notFoundObjection(err, p, "List of "+quote(p)); s != "" {
			return s
		}
		err = x.d.walk(x.ctx, p, func(entry) error { return nil })
		return x.notFoundObjection(err, p, "Walk of "+quote(p))
	})
}

// vanished demands that the directory p, whose last entry has gone, is gone too or empty.
func (x *trial) vanished(p string) {
	x.settle(x.cfg.Consistency.Delete, func() string {
		l, err := x.d.list(x.ctx, p)
		if err != nil {
			return x.notFoundObjection(err, p, "List of "+quote(p))
		}
		if len(l) > 0 {
			return "List of " + quote(p) + " shows " + some(l) + "; nothing ought to be left"
		}
		return ""
	})
}

// tryRead opens a Reader at 0 and reads it out.
func (x *trial) tryRead(p string) error {
	r, err := x.d.reader(x.ctx, p, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// lists demands that List of dir shows exactly the given names.
func (x *trial) lists(dir string, names ...string) {
	x.settle(x.cfg.Consistency.List, func() string { return x.listObjection(dir, names) })
}

func (x *trial) listObjection(dir string, names []string) string {
	got, err := x.d.list(x.ctx, dir)
	if err != nil {
		return "List of " + quote(dir) + " failed: " + brief(err)
	}
	want := make([]string, len(names))
	for i, n := range names {
		want[i] = strings.TrimSuffix(dir, "/") + "/" + n
	}
	if s := difference(got, want); s != "" {
		return "List of " + quote(dir) + ": " + s
	}
	return ""
}

// difference compares two sets; a duplicate is a difference.
func difference(got, want []string) string {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	var extra, lost []string
	i, j := 0, 0
	for i < len(got) || j < len(want) {
		switch {
		case j == len(want) || i < len(got) && got[i] < want[j]:
			extra = append(extra, got[i])
			i++
		case i == len(got) || want[j] < got[i]:
			lost = append(lost, want[j])
			j++
		default:
			i, j = i+1, j+1
		}
	}
	var parts []string
	if len(lost) > 0 {
		parts = append(parts, "missing "+some(lost))
	}
	if len(extra) > 0 {
		parts = append(parts, "unexpected or repeated "+some(extra))
	}
	return strings.Join(parts, "; ")
}

// some shows the first few of many.
func some(l []string) string {
	quoted := make([]string, 0, 4)
	for i, s := range l {
		if i == 3 {
			quoted = append(quoted, "and "+count(int64(len(l)-3), "more"))
			break
		}
		quoted = append(quoted, quote(s))
	}
	return strings.Join(quoted, ", ")
}

// walked returns what Walk visits below p, in order.
func (x *trial) walked(p string, hint ...string) []entry {
	var got []entry
	if !x.ok() {
		return nil
	}
	err := x.d.walk(x.ctx, p, func(e entry) error { got = append(got, e); return nil }, hint...)
	if errors.Is(err, errNoHint) {
		x.inconclusive("%v", errNoHint)
		return nil
	}
	x.noErr(err, "Walk of "+quote(p))
	return got
}

func paths(l []entry) []string {
	out := make([]string, len(l))
	for i, e := range l {
		out[i] = e.path
	}
	return out
}

// with runs f over another handle.
func (x *trial) with(d *traced, f func(*trial)) {
	if !x.ok() {
		return
	}
	sub := x.over(d)
	f(sub)
	x.adopt(sub)
}

// cleanup removes the rule's directory and closes what it left open. It waits no longer than for
// any other call, so that a driver that hangs does not hang the suite.
func (x *trial) cleanup() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.shared.open.closeAll()
		ctx, cancel := detached(x.ctx)
		defer cancel()
		_ = guard(func() error { return x.d.h.del(ctx, x.root) })
	}()
	select {
	case <-done:
	case <-time.After(x.cfg.CallTimeout * time.Duration(x.shared.patience.Load())):
	}
}

func (x *trial) ended() context.Context {
	ctx, cancel := context.WithCancel(x.ctx)
	cancel()
	return ctx
}
