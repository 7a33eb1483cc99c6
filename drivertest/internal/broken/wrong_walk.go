package broken

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// walking replaces Walk. The options are applied before f sees them.
func walking(fault, rule string, f func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error) Wrong {
	return one(fault, rule, func(m *Memory) override {
		return override{walk: func(ctx context.Context, p string, v WalkFunc, options ...func(*WalkOptions)) error {
			var o WalkOptions
			for _, set := range options {
				set(&o)
			}
			return f(m, ctx, p, o.StartAfterHint, v)
		}}
	})
}

func hinted(hint string) func(*WalkOptions) { return func(o *WalkOptions) { o.StartAfterHint = hint } }

// dropping walks without the entries that drop names.
func dropping(fault, rule string, drop func(m *Memory, n int, i Info) bool) Wrong {
	return walking(fault, rule, func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
		n := 0
		return m.Walk(ctx, p, func(i Info) error {
			if n++; drop(m, n, i) {
				return nil
			}
			return v(i)
		}, hinted(hint))
	})
}

// fragile ends a walk at an entry that has gone since its directory was listed.
func fragile(m *Memory, ctx context.Context, p, _ string, v WalkFunc) error {
	l, err := m.List(ctx, p)
	if err != nil {
		return err
	}
	for _, c := range l {
		pause()
		i, err := m.Stat(ctx, c)
		if err != nil {
			return err
		}
		if err := v(i); errors.Is(err, ErrSkipDir) {
			continue
		} else if err != nil {
			return err
		}
		if i.IsDir() {
			if err := fragile(m, ctx, c, "", v); err != nil {
				return err
			}
		}
	}
	return nil
}

// skipAlike takes a skipped directory for a string that others may begin with.
func skipAlike(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
	skip := ""
	return m.Walk(ctx, p, func(i Info) error {
		if skip != "" && strings.HasPrefix(i.Path(), skip) {
			return nil
		}
		err := v(i)
		if errors.Is(err, ErrSkipDir) {
			skip = i.Path()
			return nil
		}
		return err
	}, hinted(hint))
}

func walkFaults() []Wrong {
	return []Wrong{
		dropping("deep objects are left out", "WALK-01", func(m *Memory, _ int, i Info) bool { return strings.HasSuffix(i.Path(), "/deep") }),
		walking("a directory comes after its contents", "WALK-02", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			var all []Info
			err := m.Walk(ctx, p, func(i Info) error { all = append(all, i); return nil }, hinted(hint))
			for i := len(all) - 1; i >= 0 && err == nil; i-- {
				err = v(all[i])
			}
			return err
		}),
		walking("the start is visited", "WALK-03", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			if i, err := m.Stat(ctx, p); err == nil && p != "/" {
				if err := v(i); err != nil {
					return err
				}
			}
			return m.Walk(ctx, p, v, hinted(hint))
		}),
		dropping("what begins like its predecessor is left out", "WALK-04", func(m *Memory, _ int, i Info) bool {
			return strings.HasSuffix(i.Path(), "/a-b") || strings.HasSuffix(i.Path(), "/c.c")
		}),
		walking("a skipped directory is entered", "WALK-06", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			return m.Walk(ctx, p, func(i Info) error {
				if err := v(i); !errors.Is(err, ErrSkipDir) {
					return err
				}
				return nil
			}, hinted(hint))
		}),
		walking("what begins like a skipped directory is skipped", "WALK-07", skipAlike),
		walking("the filled sentinel escapes", "WALK-09", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			var last error
			_ = m.Walk(ctx, p, func(i Info) error { last = v(i); return last }, hinted(hint))
			return last
		}),
		walking("a callback's error is lost", "WALK-10", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			err := m.Walk(ctx, p, v, hinted(hint))
			if notFound(err) {
				return err
			}
			return nil
		}),
		walking("a vanished entry ends it", "WALK-11", fragile),
		walking("a missing start is an empty walk", "WALK-12", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			err := m.Walk(ctx, p, v, hinted(hint))
			if notFound(err) {
				return nil
			}
			return err
		}),
		walking("what comes right after the hint is lost", "WALK-14", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			n := 0
			return m.Walk(ctx, p, func(i Info) error {
				if n++; n == 1 && hint != "" {
					return nil
				}
				return v(i)
			}, hinted(hint))
		}),
		walking("a hint outside the tree finds nothing", "WALK-15", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			if hint != "" && hint != p && !below(p, hint) {
				return nil
			}
			return m.Walk(ctx, p, v, hinted(hint))
		}),
		walking("a directory shows as a key that ends in a slash, too", "WALK-16", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			return m.Walk(ctx, p, func(i Info) error {
				err := v(i)
				if err == nil && i.IsDir() {
					err = v(info{path: i.Path() + "/"})
				}
				return err
			}, hinted(hint))
		}),
		walking("a hint must name a directory", "WALK-17", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			if i, err := m.Stat(ctx, hint); err == nil && !i.IsDir() {
				return failed(errors.New("not a directory"))
			}
			return m.Walk(ctx, p, v, hinted(hint))
		}),
		dropping("one page is all there is", "WALK-18", func(_ *Memory, n int, _ Info) bool { return n > 1000 }),
		walking("sizes are left out", "WALK-19", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			return m.Walk(ctx, p, func(i Info) error { return v(info{i.Path(), 0, i.ModTime(), i.IsDir()}) }, hinted(hint))
		}),
		dropping("directories of directories are left out", "WALK-21", func(m *Memory, _ int, i Info) bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, c := range m.children(i.Path()) {
				if !m.isDir(c) {
					return false
				}
			}
			return i.IsDir()
		}),
	}
}

func redirectFaults() []Wrong {
	const nowhere = "http://127.0.0.1:1/nothing"
	redirecting := func(fault, rule string, f func(m *Memory, method, p string) (string, error)) Wrong {
		return one(fault, rule, func(m *Memory) override {
			return override{redirect: func(r *http.Request, p string) (string, error) {
				if r == nil {
					return "", nil
				}
				return f(m, r.Method, p)
			}}
		})
	}
	return []Wrong{
		redirecting("the URL leads nowhere", "REDR-01", func(_ *Memory, method, _ string) (string, error) {
			if method == http.MethodGet {
				return nowhere, nil
			}
			return "", nil
		}),
		redirecting("the URL for HEAD leads nowhere", "REDR-02", func(_ *Memory, method, _ string) (string, error) {
			if method == http.MethodHead {
				return nowhere, nil
			}
			return "", nil
		}),
		redirecting("an odd method gets a URL", "REDR-07", func(_ *Memory, method, _ string) (string, error) {
			if method == http.MethodPut {
				return nowhere, nil
			}
			return "", nil
		}),
		redirecting("DELETE deletes", "REDR-07", func(m *Memory, method, p string) (string, error) {
			if method == http.MethodDelete {
				_ = m.Delete(context.Background(), p)
			}
			return "", nil
		}),
		presigned("a range is ignored", "REDR-03", func(_ *Memory, r *http.Request) int {
			r.Header.Del("Range")
			return 0
		}),
		presigned("what is missing is forbidden", "REDR-04", func(m *Memory, r *http.Request) int {
			if _, err := m.Stat(r.Context(), r.URL.Path); err != nil {
				return http.StatusForbidden
			}
			return 0
		}),
		presigned("an underscore is not signed", "REDR-05", func(_ *Memory, r *http.Request) int {
			if strings.Contains(r.URL.Path, "_") {
				return http.StatusForbidden
			}
			return 0
		}),
	}
}

// Presigned is a sound driver whose redirects lead to a server.
func Presigned() Wrong { return presigned("", "", func(*Memory, *http.Request) int { return 0 }) }

// presigned makes a Wrong whose redirects lead to a server that spoils a request, or answers it
// with a status alone.
func presigned(fault, rule string, spoil func(m *Memory, r *http.Request) (status int)) Wrong {
	var store *Memory
	return Wrong{
		Fault: fault, Rule: rule,
		Open: func(m *Memory) func() Driver {
			store = m
			d := override{Driver: m, redirect: func(r *http.Request, p string) (string, error) {
				if r == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
					return "", nil
				}
				return "http://store.test" + p, nil
			}}
			return func() Driver { return d }
		},
		Fetch: func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if status := spoil(store, r); status != 0 {
				w.WriteHeader(status)
			} else if b, err := store.GetContent(r.Context(), r.URL.Path); err != nil {
				w.WriteHeader(http.StatusNotFound)
			} else {
				http.ServeContent(w, r, "object", time.Time{}, bytes.NewReader(b))
			}
			return w.Result(), nil
		},
	}
}
