package broken

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"time"
)

// errRaw is an error of the system that a driver passes on as it is.
var errRaw = errors.New("not a directory")

// endless is a context that the end of ctx doesn't reach.
func endless(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

func pathShoulds() []Wrong {
	return []Wrong{
		renamed("a path that is too long is cut off", "PATH-06", func(p string) (string, error) {
			parts := strings.Split(p, "/")
			for i := range parts {
				parts[i] = parts[i][:min(len(parts[i]), 255)]
			}
			p = strings.Join(parts, "/")
			return p[:min(len(p), 4096)], nil
		}),
		listing("listed paths are relative", "PATH-11", func(_ *Memory, _ string, l []string, err error) ([]string, error) {
			for i := range l {
				l[i] = strings.TrimPrefix(l[i], "/")
			}
			return l, err
		}),
		renamed("a name of 64 digits is refused", "PATH-12", refuse(func(p string) bool {
			for c := range strings.SplitSeq(p, "/") {
				if len(c) == 64 {
					return true
				}
			}
			return false
		})),
	}
}

func contentShoulds() []Wrong {
	var mu sync.Mutex
	seen := map[string]bool{}
	return []Wrong{
		one("the content of a directory is the system's error", "CONT-09", func(m *Memory) override {
			return override{get: func(ctx context.Context, p string) ([]byte, error) {
				if m.isDirNow(p) {
					return nil, errRaw
				}
				return m.GetContent(ctx, p)
			}}
		}),
		one("the same content is refused the second time", "CONT-10", func(m *Memory) override {
			return override{put: func(ctx context.Context, p string, b []byte) error {
				mu.Lock()
				defer mu.Unlock()
				if k := p + "\x00" + string(b); len(b) > 0 && seen[k] {
					return failed(errors.New("precondition failed"))
				} else if len(b) < 1<<16 {
					seen[k] = true
				}
				return m.PutContent(ctx, p, b)
			}}
		}),
		one("old content comes back at times", "CONS-04", func(m *Memory) override {
			var mu sync.Mutex
			before := map[string][]byte{}
			n := 0
			return override{
				put: func(ctx context.Context, p string, b []byte) error {
					old, err := m.GetContent(ctx, p)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						before[p] = old
					}
					return m.PutContent(ctx, p, b)
				},
				get: func(ctx context.Context, p string) ([]byte, error) {
					mu.Lock()
					defer mu.Unlock()
					if n++; n%3 == 0 && before[p] != nil {
						return bytes.Clone(before[p]), nil
					}
					return m.GetContent(ctx, p)
				},
			}
		}),
	}
}

// live reads the object as it is at each Read, not as it was when the reader was opened.
type live struct {
	m   *Memory
	ctx context.Context
	p   string
	off int64
}

func (l *live) Read(b []byte) (int, error) {
	content, err := l.m.GetContent(l.ctx, l.p)
	if err != nil || l.off >= int64(len(content)) {
		return 0, io.EOF
	}
	n := copy(b, content[l.off:])
	l.off += int64(n)
	return n, nil
}

func (*live) Close() error { return nil }

func openLive(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
	r, err := m.Reader(ctx, p, off)
	if err != nil {
		return r, err
	}
	return &live{m, ctx, p, off}, nil
}

// unending is a reader that Close does not end.
type unending struct{ io.Reader }

func (unending) Close() error { return nil }

func readerShoulds() []Wrong {
	return []Wrong{
		reading("a closed reader reads on", "READ-08", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			r, err := m.Reader(ctx, p, off)
			if err != nil {
				return nil, err
			}
			return unending{r}, nil
		}),
		reading("a reader follows what is written", "READ-10", openLive),
		reading("a reader ends with its object", "READ-11", openLive),
		reading("a reader of a directory is empty", "READ-14", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			if m.isDirNow(p) {
				return io.NopCloser(strings.NewReader("")), nil
			}
			return m.Reader(ctx, p, off)
		}),
		reading("a reader ends when its object is moved", "MOVE-11", openLive),
		reading("readers of one object share where they are", "CONC-13", sharedReaders()),
	}
}

// sharedReaders opens readers that go on where the last one of the object was.
func sharedReaders() func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
	var mu sync.Mutex
	at := map[string]*int64{}
	return func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
		b, err := m.GetContent(ctx, p)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		if at[p] == nil {
			at[p] = new(int64)
		}
		*at[p] = off
		return &sharedReader{&mu, at[p], b}, nil
	}
}

type sharedReader struct {
	mu *sync.Mutex
	at *int64
	b  []byte
}

func (r *sharedReader) Read(p []byte) (int, error) {
	pause()
	r.mu.Lock()
	defer r.mu.Unlock()
	if *r.at >= int64(len(r.b)) {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1000)], r.b[*r.at:])
	*r.at += int64(n)
	return n, nil
}

func (*sharedReader) Close() error { return nil }

func writerShoulds() []Wrong {
	return []Wrong{
		written("cancel after commit deletes the object", "WRIT-11", func(m *Memory, w Writer, p string, _ bool) Writer {
			return &overWriter{Writer: w, cancel: func(ctx context.Context) error {
				err := w.Cancel(ctx)
				if errors.Is(err, errCommitted) {
					return m.Delete(ctx, p)
				}
				return err
			}}
		}),
		written("the second close is an error", "WRIT-15", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			closed := false
			return &overWriter{Writer: w, close: func() error {
				if closed {
					return errClosed
				}
				closed = true
				return w.Close()
			}}
		}),
		one("an abandoned writer keeps others out", "WRIT-21", func(m *Memory) override {
			var mu sync.Mutex
			busy := map[string]bool{}
			return override{writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				mu.Lock()
				defer mu.Unlock()
				w, err := m.Writer(ctx, p, app)
				if err == nil && busy[p] {
					return nil, failed(errors.New("another upload is at work"))
				} else if err != nil {
					return nil, err
				}
				busy[p] = true
				return &overWriter{Writer: w, close: func() error {
					mu.Lock()
					defer mu.Unlock()
					delete(busy, p)
					return w.Close()
				}}, nil
			}}
		}),
		resuming("the thousandth upload is resumed as another", "RESU-11", func(m *Memory, ctx context.Context, w Writer, p string, err error) (Writer, error) {
			m.mu.Lock()
			n := len(m.pending)
			m.mu.Unlock()
			if err == nil && n > 30 {
				_ = w.Cancel(ctx)
				return m.Writer(ctx, p, false)
			}
			return w, err
		}),
		resuming("append to what is committed begins anew", "RESU-12", func(m *Memory, ctx context.Context, w Writer, p string, err error) (Writer, error) {
			if _, serr := m.Stat(ctx, p); serr == nil && err == nil {
				return m.Writer(ctx, p, false)
			}
			return w, err
		}),
		resuming("an upload without bytes can't be resumed", "RESU-13", func(_ *Memory, _ context.Context, w Writer, p string, err error) (Writer, error) {
			if err == nil && w.Size() == 0 {
				return nil, failed(errors.New("there is no part"))
			}
			return w, err
		}),
	}
}

func treeShoulds() []Wrong {
	start := time.Now()
	return []Wrong{
		stating("times go backwards", "STAT-07", func(_ *Memory, _ string, i Info, err error) (Info, error) {
			if err != nil || i.IsDir() {
				return i, err
			}
			return info{i.Path(), i.Size(), start.Add(-time.Since(start)), false}, nil
		}),
		stating("what lies below an object is the system's error", "STAT-10", func(m *Memory, p string, i Info, err error) (Info, error) {
			if _, gerr := m.GetContent(context.Background(), path.Dir(p)); gerr == nil && err != nil {
				return nil, errRaw
			}
			return i, err
		}),
		listing("a deep directory is listed for each object in it", "LIST-10", func(m *Memory, p string, l []string, err error) ([]string, error) {
			for _, c := range l {
				for _, k := range m.keysWith(c + "/") {
					if strings.Count(k, "/")-strings.Count(p, "/") > 10 {
						return append(l, c), err
					}
				}
			}
			return l, err
		}),
		listing("an object lists itself", "LIST-11", func(m *Memory, p string, l []string, err error) ([]string, error) {
			if _, serr := m.Stat(context.Background(), p); serr == nil && err != nil {
				return []string{p}, nil
			}
			return l, err
		}),
		one("an emptied directory stays in lists alone", "LIST-14", func(m *Memory) override {
			var mu sync.Mutex
			ghosts := map[string]bool{}
			return override{
				del: func(ctx context.Context, p string) error {
					err := m.Delete(ctx, p)
					mu.Lock()
					defer mu.Unlock()
					if dir := path.Dir(p); err == nil && !m.isDirNow(dir) {
						ghosts[dir] = true
					}
					return err
				},
				list: func(ctx context.Context, p string) ([]string, error) {
					l, err := m.List(ctx, p)
					mu.Lock()
					defer mu.Unlock()
					if ghosts[p] && notFound(err) {
						return []string{}, nil
					}
					return l, err
				},
			}
		}),
	}
}

func walkShoulds() []Wrong {
	return []Wrong{
		walking("a walk goes backwards", "WALK-05", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			var all []Info
			if err := m.Walk(ctx, p, func(i Info) error { all = append(all, i); return nil }, hinted(hint)); err != nil {
				return err
			}
			if hint == "" {
				all = append([]Info{}, all...)
				for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
					if !all[i].IsDir() && !all[j].IsDir() {
						all[i], all[j] = all[j], all[i]
					}
				}
			}
			for _, i := range all {
				if err := v(i); err != nil {
					return err
				}
			}
			return nil
		}),
		walking("skipping an object skips its directory", "WALK-08", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			skipped := ""
			return m.Walk(ctx, p, func(i Info) error {
				if skipped != "" && below(skipped, i.Path()) {
					return nil
				}
				err := v(i)
				if errors.Is(err, ErrSkipDir) && !i.IsDir() {
					skipped = path.Dir(i.Path())
				}
				return err
			}, hinted(hint))
		}),
		walking("a walk of an empty root finds no path", "WALK-13", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			if p == "/" && len(m.keysWith("/")) == 0 {
				return PathNotFoundError{p, Name}
			}
			return m.Walk(ctx, p, v, hinted(hint))
		}),
		walking("a walk ends where something is written", "WALK-20", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			n := len(m.keysWith(p))
			return m.Walk(ctx, p, func(i Info) error {
				if now := len(m.keysWith(p)); now > n {
					return failed(errors.New("the listing has changed"))
				}
				return v(i)
			}, hinted(hint))
		}),
		one("a walk holds the lock", "WALK-22", func(m *Memory) override {
			var mu sync.RWMutex
			return override{
				put: func(ctx context.Context, p string, b []byte) error {
					mu.Lock()
					defer mu.Unlock()
					return m.PutContent(ctx, p, b)
				},
				walk: func(ctx context.Context, p string, f WalkFunc, o ...func(*WalkOptions)) error {
					mu.RLock()
					defer mu.RUnlock()
					return m.Walk(ctx, p, f, o...)
				},
			}
		}),
		walking("a hint leaves out the directory that it is in", "WALK-23", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			return m.Walk(ctx, p, func(i Info) error {
				if hint != "" && path.Dir(hint) != p && below(path.Dir(hint), i.Path()) {
					return nil
				}
				return v(i)
			}, hinted(hint))
		}),
	}
}

// torn keeps half of what is put, for a while.
func torn(m *Memory) override {
	return override{put: func(ctx context.Context, p string, b []byte) error {
		if path.Base(p) == "link" {
			_ = m.PutContent(ctx, p, b[:len(b)/2])
			pause()
		}
		return m.PutContent(ctx, p, b)
	}}
}

func contextShoulds() []Wrong {
	return []Wrong{
		one("a put goes on without its context", "CTXT-01", func(m *Memory) override {
			return override{put: func(ctx context.Context, p string, b []byte) error { return m.PutContent(endless(ctx), p, b) }}
		}),
		stating("the error of a context is lost", "CTXT-02", func(_ *Memory, _ string, i Info, err error) (Info, error) {
			if errors.Is(err, context.Canceled) {
				return nil, failed(errors.New("something failed"))
			}
			return i, err
		}),
		walking("a walk goes on without its context", "CTXT-04", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			return m.Walk(endless(ctx), p, v, hinted(hint))
		}),
		one("a writer ends with the context that opened it", "CTXT-06", func(m *Memory) override {
			return override{writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				w, err := m.Writer(ctx, p, app)
				if err != nil {
					return nil, err
				}
				return &overWriter{Writer: w, write: func(b []byte) (int, error) {
					if err := ctx.Err(); err != nil {
						return 0, failed(err)
					}
					return w.Write(b)
				}}, nil
			}}
		}),
		one("an upload holds up everything else", "CONC-12", func(m *Memory) override {
			var mu sync.Mutex
			return override{
				put: func(ctx context.Context, p string, b []byte) error {
					mu.Lock()
					defer mu.Unlock()
					return m.PutContent(ctx, p, b)
				},
				writer: func(ctx context.Context, p string, app bool) (Writer, error) {
					w, err := m.Writer(ctx, p, app)
					if err != nil {
						return nil, err
					}
					mu.Lock()
					return &overWriter{Writer: w, close: func() error { mu.Unlock(); return w.Close() }}, nil
				},
			}
		}),
		one("a link is written in two steps", "REGI-07", torn),
		one("a fifth of the looks through a second handle are old", "LINZ-04", func(m *Memory) override {
			var mu sync.Mutex
			last := map[string]Info{}
			return override{stat: func(ctx context.Context, p string) (Info, error) {
				i, err := m.Stat(ctx, p)
				mu.Lock()
				defer mu.Unlock()
				old := last[p]
				if err == nil {
					last[p] = i
				}
				if old != nil && rand.IntN(5) == 0 {
					return old, nil
				}
				return i, err
			}}
		}),
		dropping("a walk loses what is called as its directory", "MODL-07", func(_ *Memory, _ int, i Info) bool {
			return path.Base(i.Path()) == path.Base(path.Dir(i.Path()))
		}),
	}
}
