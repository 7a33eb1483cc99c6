package broken

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// pause lets others come between.
func pause() { time.Sleep(100 * time.Microsecond) }

// nameless is an error without the driver's name.
type nameless struct{ error }

func (nameless) Error() string { return "something failed" }
func (n nameless) Unwrap() error {
	return n.error
}

func errorFaults() []Wrong {
	return []Wrong{
		listing("a missing directory is some failure", "ERRS-01", func(_ *Memory, _ string, l []string, err error) ([]string, error) {
			if notFound(err) {
				return nil, failed(errors.New("no such key"))
			}
			return l, err
		}),
		failingWrong("a failure is an absence", "ERRS-02", func(f *Failing) Driver {
			return override{Driver: f, stat: func(ctx context.Context, p string) (Info, error) {
				i, err := f.Stat(ctx, p)
				if errors.Is(err, errBackend) {
					return nil, PathNotFoundError{p, Name}
				}
				return i, err
			}}
		}),
		stating("errors don't say whose they are", "ERRS-03", func(_ *Memory, _ string, i Info, err error) (Info, error) {
			if err != nil {
				return nil, nameless{err}
			}
			return i, nil
		}),
	}
}

func contextFaults() []Wrong {
	return []Wrong{
		one("a put that is cancelled leaves half", "CTXT-03", func(m *Memory) override {
			return override{put: func(ctx context.Context, p string, b []byte) error {
				if err := m.PutContent(ctx, p, b[:len(b)/2]); err != nil {
					return err
				}
				time.Sleep(200 * time.Microsecond)
				return m.PutContent(ctx, p, b)
			}}
		}),
		one("cancel with an ended context keeps the lock", "CTXT-07", func(m *Memory) override {
			var mu sync.Mutex
			busy := map[string]bool{}
			free := func(p string) {
				mu.Lock()
				defer mu.Unlock()
				delete(busy, p)
			}
			return override{writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				mu.Lock()
				defer mu.Unlock()
				if busy[p] {
					return nil, failed(errors.New("another upload is at work"))
				}
				w, err := m.Writer(ctx, p, app)
				if err != nil {
					return nil, err
				}
				busy[p] = true
				return &overWriter{
					Writer: w,
					commit: func(ctx context.Context) error { free(p); return w.Commit(ctx) },
					cancel: func(ctx context.Context) error {
						if err := ctx.Err(); err != nil {
							return failed(err)
						}
						free(p)
						return w.Cancel(ctx)
					},
				}, nil
			}}
		}),
	}
}

// caching remembers what Stat and GetContent said, a handle each.
func caching(m *Memory) override {
	var mu sync.Mutex
	infos, contents := map[string]Info{}, map[string][]byte{}
	forget := func(p string) {
		mu.Lock()
		defer mu.Unlock()
		for q := range infos {
			if q == p || below(p, q) || below(q, p) {
				delete(infos, q)
			}
		}
		for q := range contents {
			if q == p || below(p, q) {
				delete(contents, q)
			}
		}
	}
	return override{
		stat: func(ctx context.Context, p string) (Info, error) {
			mu.Lock()
			defer mu.Unlock()
			if i, ok := infos[p]; ok {
				return i, nil
			}
			i, err := m.Stat(ctx, p)
			if err == nil {
				infos[p] = i
			}
			return i, err
		},
		get: func(ctx context.Context, p string) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			if b, ok := contents[p]; ok {
				return bytes.Clone(b), nil
			}
			b, err := m.GetContent(ctx, p)
			if err == nil {
				contents[p] = bytes.Clone(b)
			}
			return b, err
		},
		put: func(ctx context.Context, p string, b []byte) error { defer forget(p); return m.PutContent(ctx, p, b) },
		del: func(ctx context.Context, p string) error { defer forget(p); return m.Delete(ctx, p) },
		move: func(ctx context.Context, a, b string) error {
			defer forget(a)
			defer forget(b)
			return m.Move(ctx, a, b)
		},
	}
}

// late makes the first look at a path after a change see the state before it.
func late(m *Memory) override {
	var mu sync.Mutex
	stale := map[string]bool{}
	return override{
		put: func(ctx context.Context, p string, b []byte) error {
			mu.Lock()
			stale[p] = true
			mu.Unlock()
			return m.PutContent(ctx, p, b)
		},
		stat: func(ctx context.Context, p string) (Info, error) {
			mu.Lock()
			defer mu.Unlock()
			if stale[p] {
				delete(stale, p)
				return nil, PathNotFoundError{p, Name}
			}
			return m.Stat(ctx, p)
		},
	}
}

func consistencyFaults() []Wrong {
	return []Wrong{
		one("Stat sees a write at the second look", "CONS-01", late),
		one("List sees a write at the second look", "CONS-02", func(m *Memory) override {
			var mu sync.Mutex
			last := map[string][]string{}
			return override{list: func(ctx context.Context, p string) ([]string, error) {
				l, err := m.List(ctx, p)
				mu.Lock()
				defer mu.Unlock()
				old, ok := last[p]
				last[p] = l
				if ok && err == nil {
					return old, nil
				}
				return l, err
			}}
		}),
		one("Stat sees a delete at the second look", "CONS-03", func(m *Memory) override {
			var mu sync.Mutex
			ghosts := map[string]Info{}
			return override{
				del: func(ctx context.Context, p string) error {
					if i, err := m.Stat(ctx, p); err == nil {
						mu.Lock()
						ghosts[p] = i
						mu.Unlock()
					}
					return m.Delete(ctx, p)
				},
				stat: func(ctx context.Context, p string) (Info, error) {
					mu.Lock()
					defer mu.Unlock()
					if i, ok := ghosts[p]; ok {
						delete(ghosts, p)
						return i, nil
					}
					return m.Stat(ctx, p)
				},
			}
		}),
		each("a handle remembers what it saw", "CONS-05", func(m *Memory) override {
			o := caching(m)
			put := o.put
			o.put = func(ctx context.Context, p string, b []byte) error {
				err := put(ctx, p, b)
				_, _ = o.stat(ctx, p)
				return err
			}
			return o
		}),
	}
}

func modelFaults() []Wrong {
	return []Wrong{
		dropping("a walk loses a child with its parent's name", "MODL-01", func(_ *Memory, _ int, i Info) bool {
			parts := strings.Split(i.Path(), "/")
			n := len(parts)
			return n > 1 && parts[n-1] == parts[n-2]
		}),
		each("a new handle remembers what it saw", "MODL-02", caching),
		each("each of two handles remembers what it saw", "MODL-03", caching),
		moving("a move changes a byte of a larger object", "MODL-05", func(m *Memory, ctx context.Context, from, to string) error {
			if i, err := m.Stat(ctx, from); err != nil || i.IsDir() || from == to || i.Size() < 40000 {
				return m.Move(ctx, from, to)
			}
			return copying(m, ctx, from, to, func(b []byte) []byte { b[39999]++; return b })
		}),
		moving("a move to itself deletes", "MODL-06", moveToSelfDeletes),
	}
}

func linearFaults() []Wrong {
	return []Wrong{
		one("now and then the version before is read", "LINZ-01", func(m *Memory) override {
			var mu sync.Mutex
			before := map[string][]byte{}
			n := 0
			return override{
				put: func(ctx context.Context, p string, b []byte) error {
					mu.Lock()
					defer mu.Unlock()
					old, err := m.GetContent(ctx, p)
					if err == nil {
						before[p] = old
					}
					return m.PutContent(ctx, p, b)
				},
				get: func(ctx context.Context, p string) ([]byte, error) {
					mu.Lock()
					defer mu.Unlock()
					if n++; n%4 == 0 && before[p] != nil {
						return bytes.Clone(before[p]), nil
					}
					return m.GetContent(ctx, p)
				},
			}
		}),
		written("a commit deletes first", "LINZ-02", func(m *Memory, w Writer, p string, _ bool) Writer {
			return &overWriter{Writer: w, commit: func(ctx context.Context) error {
				m.mu.Lock()
				m.unset(p)
				m.mu.Unlock()
				time.Sleep(300 * time.Microsecond)
				return w.Commit(ctx)
			}}
		}),
		moving("a move is a copy and, later, a delete", "LINZ-03", func(m *Memory, ctx context.Context, from, to string) error {
			b, err := m.GetContent(ctx, from)
			if err != nil {
				return err
			}
			if err := m.PutContent(ctx, to, b); err != nil {
				return err
			}
			time.Sleep(300 * time.Microsecond)
			return m.Delete(ctx, from)
		}),
	}
}

func crashFaults() []Wrong {
	return []Wrong{
		{Fault: "puts are acknowledged before they are written", Rule: "CRSH-01", Journal: func(j *Journal) { j.Late = map[string]int{"put": 40} }},
		{Fault: "opening a writer deletes the object", Rule: "CRSH-02", Crashed: func(m *Memory) Driver {
			return override{Driver: m, writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				if !app {
					_ = m.Delete(ctx, p)
				}
				return m.Writer(ctx, p, app)
			}}
		}},
		{Fault: "a move deletes before it stores", Rule: "CRSH-04", Crashed: func(m *Memory) Driver {
			return override{Driver: m, move: func(ctx context.Context, from, to string) error {
				b, err := m.GetContent(ctx, from)
				if err != nil {
					return err
				}
				if err := m.Delete(ctx, from); err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
				return m.PutContent(ctx, to, b)
			}}
		}},
		{Fault: "nothing is flushed", Rule: "CRSH-05", Journal: func(j *Journal) { j.NoSync = true }},
		{Fault: "deletes are acknowledged before they are written", Rule: "CRSH-07", Journal: func(j *Journal) { j.Late = map[string]int{"delete": 60} }},
	}
}

func leakFaults() []Wrong {
	stay := func() { go time.Sleep(20 * time.Second) }
	var mu sync.Mutex
	var files []*os.File
	return []Wrong{
		reading("a reader leaves a goroutine", "LEAK-01", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			stay()
			return m.Reader(ctx, p, off)
		}),
		reading("a reader leaves a descriptor", "LEAK-02", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			f, err := os.Open(os.DevNull)
			if err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			if files = append(files, f); len(files) > 300 {
				for _, f := range files {
					_ = f.Close()
				}
				files = nil
			}
			return m.Reader(ctx, p, off)
		}),
		stating("a failure leaves a goroutine", "LEAK-03", func(_ *Memory, _ string, i Info, err error) (Info, error) {
			if err != nil {
				stay()
			}
			return i, err
		}),
	}
}

func largeFaults() []Wrong {
	return []Wrong{
		written("twenty mebibytes are kept of an upload", "LARG-01", func(m *Memory, w Writer, p string, _ bool) Writer {
			return &overWriter{Writer: w, commit: func(ctx context.Context) error {
				u := w.(*writer)
				m.mu.Lock()
				u.u.content = u.u.content[:min(len(u.u.content), 20<<20)]
				m.mu.Unlock()
				return w.Commit(ctx)
			}}
		}),
		listing("a listing ends at 1200", "LARG-05", func(_ *Memory, _ string, l []string, err error) ([]string, error) {
			return truncated(l, 1200), err
		}),
	}
}

func wrapperFaults() []Wrong {
	return []Wrong{
		{Fault: "a root that ends in a slash is not cut from listings", Rule: "WRAP-01", Rooted: func(m *Memory, root string) Driver {
			d := Rooted(m, root)
			if !strings.HasSuffix(root, "/") || root == "/" {
				return d
			}
			return override{Driver: d, list: func(ctx context.Context, p string) ([]string, error) {
				l, err := d.List(ctx, p)
				for i := range l {
					l[i] = "/" + l[i]
				}
				return l, err
			}}
		}},
		{Fault: "a root is a string that others may begin with", Rule: "WRAP-02", Rooted: func(m *Memory, root string) Driver {
			d := Rooted(m, root)
			return override{Driver: d, del: func(ctx context.Context, p string) error {
				err := d.Delete(ctx, p)
				for _, k := range m.keysWith("/" + strings.Trim(root, "/")) {
					if strings.Contains(k, p) {
						_ = m.Delete(ctx, k)
					}
				}
				return err
			}}
		}},
	}
}

func registryFaults() []Wrong {
	return []Wrong{
		linked("a moved blob goes with its upload", "REGI-01"),
		walking("a page skips what begins like a repository it has shown", "REGI-02", skipAlike),
		moving("a move onto a blob that is there fails", "REGI-03", func(m *Memory, ctx context.Context, from, to string) error {
			if _, err := m.GetContent(ctx, to); err == nil {
				return failed(errors.New("already there"))
			}
			return m.Move(ctx, from, to)
		}),
		walking("a purge ends at what it has purged", "REGI-04", fragile),
		walking("a mark ends at what has vanished", "REGI-05", fragile),
		deleting("deleting a repository deletes others that begin alike", "REGI-06", prefixDelete),
	}
}
