package broken

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// stating replaces Stat.
func stating(fault, rule string, f func(m *Memory, p string, i Info, err error) (Info, error)) Wrong {
	return one(fault, rule, func(m *Memory) override {
		return override{stat: func(ctx context.Context, p string) (Info, error) {
			i, err := m.Stat(ctx, p)
			return f(m, p, i, err)
		}}
	})
}

// keysWith returns, in order, the paths of objects that begin with a string.
func (m *Memory) keysWith(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for p := range m.objects {
		if strings.HasPrefix(p, prefix) {
			keys = append(keys, p)
		}
	}
	slices.Sort(keys)
	return keys
}

func statFaults() []Wrong {
	var mu sync.Mutex
	seen := map[string]Info{}
	return []Wrong{
		stating("sizes are one too large", "STAT-01", func(_ *Memory, _ string, i Info, err error) (Info, error) {
			if err == nil && !i.IsDir() {
				i = info{i.Path(), i.Size() + 1, i.ModTime(), false}
			}
			return i, err
		}),
		stating("a missing path is neither info nor error", "STAT-02", func(_ *Memory, _ string, i Info, err error) (Info, error) {
			if notFound(err) {
				return nil, nil
			}
			return i, err
		}),
		stating("a missing path is a directory", "STAT-02", func(_ *Memory, p string, i Info, err error) (Info, error) {
			if notFound(err) {
				return info{path: p, dir: true}, nil
			}
			return i, err
		}),
		stating("an empty object is a directory", "STAT-03", func(_ *Memory, p string, i Info, err error) (Info, error) {
			if err == nil && i.Size() == 0 {
				return info{path: p, dir: true}, nil
			}
			return i, err
		}),
		stating("a directory's path ends in a slash", "STAT-04", func(_ *Memory, p string, i Info, err error) (Info, error) {
			if err == nil && i.IsDir() {
				return info{path: p + "/", dir: true}, nil
			}
			return i, err
		}),
		stating("whatever begins alike makes a directory", "STAT-05", func(m *Memory, p string, i Info, err error) (Info, error) {
			if notFound(err) && len(m.keysWith(p)) > 0 {
				return info{path: p, dir: true}, nil
			}
			return i, err
		}),
		stating("a sibling that sorts first hides a directory", "STAT-06", func(m *Memory, p string, i Info, err error) (Info, error) {
			if keys := m.keysWith(p); err == nil && i.IsDir() && p != "/" && len(keys) > 0 && !below(p, keys[0]) {
				return nil, PathNotFoundError{p, Name}
			}
			return i, err
		}),
		stating("the root is some failure", "STAT-08", func(_ *Memory, p string, i Info, err error) (Info, error) {
			if p == "/" {
				return nil, failed(errors.New("empty key"))
			}
			return i, err
		}),
		stating("infos are remembered", "STAT-09", func(_ *Memory, p string, i Info, err error) (Info, error) {
			mu.Lock()
			defer mu.Unlock()
			if old, ok := seen[p]; ok {
				return old, nil
			}
			if err == nil {
				seen[p] = i
			}
			return i, err
		}),
		stating("large sizes are rounded to blocks", "STAT-11", func(_ *Memory, p string, i Info, err error) (Info, error) {
			if err == nil && i.Size() > 1<<20 {
				i = info{p, (i.Size() + 511) &^ 511, i.ModTime(), false}
			}
			return i, err
		}),
	}
}

// listing replaces List.
func listing(fault, rule string, f func(m *Memory, p string, l []string, err error) ([]string, error)) Wrong {
	return one(fault, rule, func(m *Memory) override {
		return override{list: func(ctx context.Context, p string) ([]string, error) {
			l, err := m.List(ctx, p)
			return f(m, p, l, err)
		}}
	})
}

func truncated(l []string, n int) []string { return l[:min(len(l), n)] }

func listFaults() []Wrong {
	return []Wrong{
		listing("everything below is listed", "LIST-01", func(m *Memory, p string, l []string, err error) ([]string, error) {
			if err == nil {
				return m.keysWith(strings.TrimSuffix(p, "/") + "/"), nil
			}
			return l, err
		}),
		listing("the root's children begin with two slashes", "LIST-02", func(_ *Memory, p string, l []string, err error) ([]string, error) {
			for i := range l {
				if p == "/" {
					l[i] = "/" + l[i]
				}
			}
			return l, err
		}),
		listing("a missing directory is empty", "LIST-03", func(_ *Memory, _ string, l []string, err error) ([]string, error) {
			if notFound(err) {
				return nil, nil
			}
			return l, err
		}),
		listing("siblings that begin alike are listed", "LIST-04", func(m *Memory, p string, l []string, err error) ([]string, error) {
			for _, k := range m.keysWith(p) {
				if err == nil && !below(p, k) && k != p {
					l = append(l, k)
				}
			}
			return l, err
		}),
		listing("a directory is listed once an entry", "LIST-05", func(m *Memory, p string, l []string, err error) ([]string, error) {
			for _, c := range l {
				if len(m.keysWith(c+"/")) > 1 {
					l = append(l, c)
				}
			}
			return l, err
		}),
		listing("the directory itself is listed", "LIST-06", func(_ *Memory, p string, l []string, err error) ([]string, error) {
			if err == nil && p != "/" {
				l = append(l, p+"/")
			}
			return l, err
		}),
		listing("one page is all there is", "LIST-07", func(_ *Memory, _ string, l []string, err error) ([]string, error) {
			return truncated(l, 1000), err
		}),
		listing("a directory at the end of a page is lost", "LIST-08", func(m *Memory, _ string, l []string, err error) ([]string, error) {
			if len(l) > 1000 && m.isDirNow(l[999]) {
				l = slices.Delete(l, 999, 1000)
			}
			return l, err
		}),
		listing("a directory across two pages is listed twice", "LIST-09", func(m *Memory, p string, l []string, err error) ([]string, error) {
			if keys := m.keysWith(p + "/"); err == nil && len(keys) > 1000 {
				for _, c := range l {
					if below(c, keys[999]) && below(c, keys[1000]) {
						return append(l, c), nil
					}
				}
			}
			return l, err
		}),
		one("a put shows under a temporary name", "LIST-12", func(m *Memory) override {
			return override{put: func(ctx context.Context, p string, b []byte) error {
				if err := m.PutContent(ctx, p+".tmp", b); err != nil {
					return err
				}
				pause()
				return m.Move(ctx, p+".tmp", p)
			}}
		}),
		written("an upload shows under a temporary name", "LIST-12", func(m *Memory, w Writer, p string, _ bool) Writer {
			bg := context.Background()
			_ = m.PutContent(bg, p+".part", nil)
			return &overWriter{Writer: w, close: func() error { _ = m.Delete(bg, p+".part"); return w.Close() }}
		}),
	}
}

func (m *Memory) isDirNow(p string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.isDir(p)
}

// moving replaces Move.
func moving(fault, rule string, f func(m *Memory, ctx context.Context, from, to string) error) Wrong {
	return one(fault, rule, func(m *Memory) override {
		return override{move: func(ctx context.Context, from, to string) error { return f(m, ctx, from, to) }}
	})
}

// linked is a move that leaves the bytes where they were: they go when the old parent goes.
func linked(fault, rule string) Wrong {
	return one(fault, rule, func(m *Memory) override {
		var mu sync.Mutex
		links := map[string]string{}
		return override{
			move: func(ctx context.Context, from, to string) error {
				err := m.Move(ctx, from, to)
				if err == nil {
					mu.Lock()
					links[to] = from
					mu.Unlock()
				}
				return err
			},
			del: func(ctx context.Context, p string) error {
				mu.Lock()
				for to, from := range links {
					if below(p, from) {
						_ = m.Delete(ctx, to)
					}
				}
				mu.Unlock()
				return m.Delete(ctx, p)
			},
		}
	})
}

// copying is a move by get, put and delete.
func copying(m Driver, ctx context.Context, from, to string, change func([]byte) []byte) error {
	b, err := m.GetContent(ctx, from)
	if err != nil {
		return err
	}
	if err := m.PutContent(ctx, to, change(b)); err != nil {
		return err
	}
	return m.Delete(ctx, from)
}

func moveFaults() []Wrong {
	return []Wrong{
		moving("the source stays", "MOVE-01", func(m *Memory, ctx context.Context, from, to string) error {
			b, err := m.GetContent(ctx, from)
			if err != nil {
				return err
			}
			return m.PutContent(ctx, to, b)
		}),
		moving("the destination is deleted first", "MOVE-02", func(m *Memory, ctx context.Context, from, to string) error {
			if _, err := m.GetContent(ctx, from); err == nil {
				_ = m.Delete(ctx, to)
				pause()
			}
			return m.Move(ctx, from, to)
		}),
		moving("the error names the destination", "MOVE-03", func(m *Memory, ctx context.Context, from, to string) error {
			err := m.Move(ctx, from, to)
			if notFound(err) {
				return PathNotFoundError{to, Name}
			}
			return err
		}),
		moving("a missing source empties the destination", "MOVE-03", func(m *Memory, ctx context.Context, from, to string) error {
			err := m.Move(ctx, from, to)
			if notFound(err) {
				_ = m.Delete(ctx, to)
			}
			return err
		}),
		moving("the parent must be there", "MOVE-04", func(m *Memory, ctx context.Context, from, to string) error {
			if _, err := m.Stat(ctx, to[:max(strings.LastIndexByte(to, '/'), 1)]); err != nil {
				return err
			}
			return m.Move(ctx, from, to)
		}),
		moving("a move to itself deletes", "MOVE-05", moveToSelfDeletes),
		moving("eight mebibytes are copied", "MOVE-06", func(m *Memory, ctx context.Context, from, to string) error {
			if i, err := m.Stat(ctx, from); err == nil && !i.IsDir() {
				return copying(m, ctx, from, to, func(b []byte) []byte { return b[:min(len(b), 8<<20)] })
			}
			return m.Move(ctx, from, to)
		}),
		linked("the bytes stay with the old parent", "MOVE-07"),
		moving("a directory moves without its contents", "MOVE-09", func(m *Memory, ctx context.Context, from, to string) error {
			if i, err := m.Stat(ctx, from); err == nil && i.IsDir() {
				return m.Delete(ctx, from)
			}
			return m.Move(ctx, from, to)
		}),
		moving("a directory in the way is replaced", "MOVE-10", func(m *Memory, ctx context.Context, from, to string) error {
			if i, err := m.Stat(ctx, to); err == nil && i.IsDir() {
				_ = m.Delete(ctx, to)
			}
			return m.Move(ctx, from, to)
		}),
		moving("an empty object has nothing to move", "MOVE-12", func(m *Memory, ctx context.Context, from, to string) error {
			if i, err := m.Stat(ctx, from); err == nil && !i.IsDir() && i.Size() == 0 {
				return m.Delete(ctx, from)
			}
			return m.Move(ctx, from, to)
		}),
	}
}

func moveToSelfDeletes(m *Memory, ctx context.Context, from, to string) error {
	if from == to {
		return m.Delete(ctx, from)
	}
	return m.Move(ctx, from, to)
}

// deleting replaces Delete.
func deleting(fault, rule string, f func(m *Memory, ctx context.Context, p string) error) Wrong {
	return one(fault, rule, func(m *Memory) override {
		return override{del: func(ctx context.Context, p string) error { return f(m, ctx, p) }}
	})
}

func prefixDelete(m *Memory, ctx context.Context, p string) error {
	err := m.Delete(ctx, p)
	if err == nil {
		m.deletePrefix(p)
	}
	return err
}

func deleteFaults() []Wrong {
	return []Wrong{
		deleting("an object stays", "DELE-01", func(m *Memory, ctx context.Context, p string) error {
			if _, err := m.GetContent(ctx, p); err == nil {
				return nil
			}
			return m.Delete(ctx, p)
		}),
		deleting("only direct children go", "DELE-02", func(m *Memory, ctx context.Context, p string) error {
			l, err := m.List(ctx, p)
			if err != nil {
				return m.Delete(ctx, p)
			}
			for _, c := range l {
				if !m.isDirNow(c) {
					err = errors.Join(err, m.Delete(ctx, c))
				}
			}
			return err
		}),
		deleting("whatever begins alike goes too", "DELE-03", prefixDelete),
		deleting("a sibling that sorts first ends it", "DELE-04", func(m *Memory, ctx context.Context, p string) error {
			if keys := m.keysWith(p); len(keys) > 0 && keys[0] != p && !below(p, keys[0]) && m.isDirNow(p) {
				return nil
			}
			return m.Delete(ctx, p)
		}),
		deleting("a missing path with siblings that begin alike is deleted", "DELE-05", func(m *Memory, ctx context.Context, p string) error {
			err := m.Delete(ctx, p)
			if notFound(err) && len(m.keysWith(p)) > 0 {
				return nil
			}
			return err
		}),
		deleting("the same name further down goes too", "DELE-06", func(m *Memory, ctx context.Context, p string) error {
			err := m.Delete(ctx, p)
			i := strings.LastIndexByte(p, '/')
			for _, k := range m.keysWith(p[:i+1]) {
				if strings.HasSuffix(k, p[i:]) {
					_ = m.Delete(ctx, k)
				}
			}
			return err
		}),
		deleting("one page is deleted", "DELE-07", func(m *Memory, ctx context.Context, p string) error {
			keys := m.keysWith(p + "/")
			if len(keys) <= 1000 {
				return m.Delete(ctx, p)
			}
			for _, k := range keys[:1000] {
				_ = m.Delete(ctx, k)
			}
			return nil
		}),
		deleting("the root is deleted in name only", "DELE-09", func(m *Memory, ctx context.Context, p string) error {
			if p == "/" {
				return nil
			}
			return m.Delete(ctx, p)
		}),
		deleting("uploads stay", "DELE-10", func(m *Memory, ctx context.Context, p string) error {
			m.mu.Lock()
			kept := map[string]*upload{}
			for q, u := range m.pending {
				if below(p, q) {
					kept[q] = &upload{content: u.content}
				}
			}
			m.mu.Unlock()
			err := m.Delete(ctx, p)
			m.mu.Lock()
			defer m.mu.Unlock()
			for q, u := range kept {
				m.pending[q] = u
			}
			return err
		}),
	}
}

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
	}
}
