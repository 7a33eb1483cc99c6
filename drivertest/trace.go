package drivertest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

const keptOps = 96

// oplog remembers the last operations of one goroutine of a rule, and those in flight. Each
// goroutine has its own, so that the log orders nothing that the race detector should see.
type oplog struct {
	mu      sync.Mutex
	ops     []*op
	dropped int
	flying  map[*op]struct{}
}

type op struct {
	text  string
	begun time.Time
	done  bool
	err   error
}

func newLog() *oplog { return &oplog{flying: map[*op]struct{}{}} }

func (l *oplog) begin(text string) *op {
	o := &op{text: text, begun: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ops) == keptOps {
		l.ops = append(l.ops[:0], l.ops[keptOps/3:]...)
		l.dropped += keptOps / 3
	}
	l.ops = append(l.ops, o)
	l.flying[o] = struct{}{}
	return o
}

func (l *oplog) end(o *op, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.done, o.err = true, err
	delete(l.flying, o)
}

// oldest returns the operation that has been in flight for longest.
func (l *oplog) oldest() (text string, age time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for o := range l.flying {
		if d := time.Since(o.begun); d > age {
			text, age = o.text, d
		}
	}
	return text, age
}

// lines returns the operations as Go statements, each with what it returned.
func (l *oplog) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	if l.dropped > 0 {
		out = append(out, fmt.Sprintf("// … %d operations before", l.dropped))
	}
	for _, o := range l.ops {
		switch {
		case !o.done:
			out = append(out, o.text+" // has not returned")
		case o.err != nil:
			text, _, _ := strings.Cut(brief(o.err), "\n")
			out = append(out, o.text+" // "+text)
		default:
			out = append(out, o.text)
		}
	}
	return out
}

// traced is a handle that logs each call as Go, catches panics and remembers what to close.
type traced struct {
	h    handle
	as   string
	log  *oplog
	open *openSet
}

// openSet holds readers and writers that a rule has not closed yet.
type openSet struct {
	mu sync.Mutex
	n  int
	m  map[io.Closer]struct{}
}

func (s *openSet) add(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[c] = struct{}{}
}

// next numbers the writers of a rule.
func (s *openSet) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return s.n
}

func (s *openSet) remove(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, c)
}

func (s *openSet) closeAll() {
	s.mu.Lock()
	left := s.m
	s.m = map[io.Closer]struct{}{}
	s.mu.Unlock()
	for c := range left {
		_ = guard(c.Close)
	}
}

func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			stack := string(debug.Stack())
			if len(stack) > 3000 {
				stack = stack[:3000]
			}
			err = &panicked{value: v, stack: stack}
		}
	}()
	return f()
}

func (t *traced) call(text string, f func() error) error {
	o := t.log.begin(text)
	err := guard(f)
	t.log.end(o, err)
	return err
}

func (t *traced) name() (s string, err error) {
	err = t.call(t.as+".Name()", func() error { s = t.h.name(); return nil })
	return s, err
}

func (t *traced) get(ctx context.Context, path string) (b []byte, err error) {
	err = t.call(fmt.Sprintf("%s.GetContent(ctx, %q)", t.as, path), func() (err error) {
		b, err = t.h.get(ctx, path)
		return err
	})
	return b, err
}

func (t *traced) put(ctx context.Context, path string, c content) error {
	return t.call(fmt.Sprintf("%s.PutContent(ctx, %q, %v)", t.as, path, c), func() error {
		return t.h.put(ctx, path, c.bytes())
	})
}

func (t *traced) putBytes(ctx context.Context, path string, b []byte) error {
	return t.call(fmt.Sprintf("%s.PutContent(ctx, %q, %s)", t.as, path, literal(b)), func() error {
		return t.h.put(ctx, path, b)
	})
}

func literal(b []byte) string {
	if len(b) > 32 {
		return fmt.Sprintf("append([]byte(%q), make([]byte, %d)...)", b[:32], len(b)-32)
	}
	return fmt.Sprintf("[]byte(%q)", b)
}

func (t *traced) reader(ctx context.Context, path string, off int64) (io.ReadCloser, error) {
	var r *tracedReader
	err := t.call(fmt.Sprintf("r, _ := %s.Reader(ctx, %q, %d)", t.as, path, off), func() error {
		rc, err := t.h.reader(ctx, path, off)
		if rc != nil {
			r = &tracedReader{r: rc, t: t}
			t.open.add(r)
		}
		return err
	})
	if r == nil {
		return nil, err
	}
	return r, err
}

type tracedReader struct {
	r io.ReadCloser
	t *traced
}

func (r *tracedReader) Read(p []byte) (n int, err error) {
	o := r.t.log.fly("r.Read")
	err = guard(func() (err error) { n, err = r.r.Read(p); return err })
	r.t.log.end(o, err)
	return n, err
}

func (r *tracedReader) Close() error {
	r.t.open.remove(r)
	return guard(r.r.Close)
}

// fly marks an operation as in flight without remembering it afterwards.
func (l *oplog) fly(text string) *op {
	o := &op{text: text, begun: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying[o] = struct{}{}
	return o
}

func (t *traced) writer(ctx context.Context, path string, app bool) (w *tracedWriter, err error) {
	as := fmt.Sprintf("w%d", t.open.next())
	err = t.call(fmt.Sprintf("%s, _ := %s.Writer(ctx, %q, %t)", as, t.as, path, app), func() error {
		fw, err := t.h.writer(ctx, path, app)
		if fw != nil {
			w = &tracedWriter{w: fw, t: t, as: as}
			t.open.add(w)
		}
		return err
	})
	return w, err
}

// tracedWriter is an upload whose calls are logged.
type tracedWriter struct {
	w  FileWriter
	t  *traced
	as string
}

func (w *tracedWriter) Write(p []byte) (n int, err error) {
	err = w.t.call(fmt.Sprintf("%s.Write(%s)", w.as, literal(p)), func() (err error) {
		n, err = w.w.Write(p)
		return err
	})
	return n, err
}

// write sends the bytes from, inclusive, to, exclusive, in one call.
func (w *tracedWriter) write(c content, from, to int64) (n int, err error) {
	text := fmt.Sprintf("%s.Write(%v)", w.as, c)
	if from != 0 || to != c.size {
		text = fmt.Sprintf("%s.Write(%v[%d:%d])", w.as, c, from, to)
	}
	err = w.t.call(text, func() (err error) {
		n, err = w.w.Write(c.slice(from, to))
		return err
	})
	return n, err
}

func (w *tracedWriter) readFrom(r io.Reader) (n int64, err error) {
	err = w.t.call(fmt.Sprintf("io.Copy(%s, source)", w.as), func() (err error) {
		n, err = io.Copy(w.w, r)
		return err
	})
	return n, err
}

func (w *tracedWriter) size() (n int64) {
	_ = w.t.call(w.as+".Size()", func() error { n = w.w.Size(); return nil })
	return n
}

func (w *tracedWriter) Close() error {
	w.t.open.remove(w)
	return w.t.call(w.as+".Close()", w.w.Close)
}

func (w *tracedWriter) cancel(ctx context.Context) error {
	return w.t.call(w.as+".Cancel(ctx)", func() error { return w.w.Cancel(ctx) })
}

func (w *tracedWriter) commit(ctx context.Context) error {
	return w.t.call(w.as+".Commit(ctx)", func() error { return w.w.Commit(ctx) })
}

func (t *traced) stat(ctx context.Context, path string) (e *entry, err error) {
	err = t.call(fmt.Sprintf("%s.Stat(ctx, %q)", t.as, path), func() (err error) {
		e, err = t.h.stat(ctx, path)
		return err
	})
	return e, err
}

func (t *traced) list(ctx context.Context, path string) (l []string, err error) {
	err = t.call(fmt.Sprintf("%s.List(ctx, %q)", t.as, path), func() (err error) {
		l, err = t.h.list(ctx, path)
		return err
	})
	return l, err
}

func (t *traced) move(ctx context.Context, from, to string) error {
	return t.call(fmt.Sprintf("%s.Move(ctx, %q, %q)", t.as, from, to), func() error { return t.h.move(ctx, from, to) })
}

func (t *traced) del(ctx context.Context, path string) error {
	return t.call(fmt.Sprintf("%s.Delete(ctx, %q)", t.as, path), func() error { return t.h.del(ctx, path) })
}

func (t *traced) redirect(r *http.Request, path string) (u string, err error) {
	err = t.call(fmt.Sprintf("%s.RedirectURL(httptest.NewRequest(%q, \"/\", nil), %q)", t.as, r.Method, path), func() (err error) {
		u, err = t.h.redirect(r, path)
		return err
	})
	return u, err
}

func (t *traced) walk(ctx context.Context, path string, fn func(entry) error, hint ...string) error {
	text := fmt.Sprintf("%s.Walk(ctx, %q, visit)", t.as, path)
	if len(hint) > 0 {
		text = fmt.Sprintf("%s.Walk(ctx, %q, visit, func(o *driver.WalkOptions) { o.StartAfterHint = %q })", t.as, path, hint[0])
	}
	return t.call(text, func() error { return t.h.walk(ctx, path, fn, hint...) })
}
