package broken

import (
	"context"
	"errors"
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

// marked is a driver that takes the markers of other tools for objects.
func marked() Wrong {
	var store *Memory
	return Wrong{
		Fault: "the marker of a directory is listed in it", Rule: "LIST-13",
		Open: func(m *Memory) func() Driver { store = m; return func() Driver { return m } },
		Marker: func(p string) error {
			store.mu.Lock()
			defer store.mu.Unlock()
			store.set(p+"/", object{})
			return nil
		},
	}
}

func listFaults() []Wrong {
	return []Wrong{
		marked(),
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
