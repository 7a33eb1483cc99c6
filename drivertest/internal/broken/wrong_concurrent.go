package broken

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// halves is a put in two steps.
func halves(m *Memory) override {
	return override{put: func(ctx context.Context, p string, b []byte) error {
		if err := m.PutContent(ctx, p, b[:len(b)/2]); err != nil {
			return err
		}
		pause()
		return m.PutContent(ctx, p, b)
	}}
}

// appended is a put as an append in two blocks.
func appended(m *Memory) override {
	return override{put: func(ctx context.Context, p string, b []byte) error {
		if err := m.PutContent(ctx, p, nil); err != nil {
			return err
		}
		for _, part := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
			pause()
			m.mu.Lock()
			o := m.objects[p]
			m.set(p, object{append(bytes.Clone(o.content), part...), time.Now()})
			m.mu.Unlock()
		}
		return nil
	}}
}

func concurrencyFaults() []Wrong {
	return []Wrong{
		one("a put is in two steps", "CONC-01", halves),
		one("a put is an append", "CONC-02", appended),
		one("writers share a buffer", "CONC-03", sharedBuffer),
		one("writers of a path share an upload", "CONC-04", sharedUpload),
		one("a lock stays locked after an error", "CONC-05", func(m *Memory) override {
			lock := make(chan struct{}, 1)
			return override{stat: func(ctx context.Context, p string) (Info, error) {
				lock <- struct{}{}
				i, err := m.Stat(ctx, p)
				if err == nil || !strings.HasSuffix(p, "/c/1") {
					<-lock
				}
				return i, err
			}}
		}),
		deleting("a delete that comes too late is some failure", "CONC-06", func(m *Memory, ctx context.Context, p string) error {
			_, err := m.Stat(ctx, p)
			if err != nil {
				return m.Delete(ctx, p)
			}
			pause()
			if err := m.Delete(ctx, p); notFound(err) {
				return failed(errors.New("directory not empty"))
			} else if err != nil {
				return err
			}
			return nil
		}),
		one("moves to one destination share a temporary file", "CONC-07", sharedTemporary),
		one("commit doesn't notice that the upload has gone", "CONC-08", blindCommit),
		one("a put fails when a delete comes between", "CONC-09", disturbedPut),
		each("a handle remembers sizes of uploads", "CONC-10", func(m *Memory) override {
			sizes := map[string]int64{}
			return override{writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				w, err := m.Writer(ctx, p, app)
				if err != nil {
					return nil, err
				}
				u := w.(*writer)
				if n, ok := sizes[p]; app && ok {
					u.size = n
					u.u.content = u.u.content[:n]
				}
				return &overWriter{Writer: w, close: func() error { sizes[p] = w.Size(); return w.Close() }}, nil
			}}
		}),
		{Fault: "a walk takes two of the slots", Rule: "CONC-11", Limited: doubleWalk},
	}
}

// sharedTemporary moves by way of one temporary file for each destination.
func sharedTemporary(m *Memory) override {
	var mu sync.Mutex
	temp := map[string][]byte{}
	return override{move: func(ctx context.Context, from, to string) error {
		b, err := m.GetContent(ctx, from)
		if err != nil {
			return err
		}
		for _, part := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
			mu.Lock()
			temp[to] = append(temp[to], part...)
			mu.Unlock()
			pause()
		}
		mu.Lock()
		defer mu.Unlock()
		if err := m.PutContent(ctx, to, temp[to]); err != nil {
			return err
		}
		delete(temp, to)
		return m.Delete(ctx, from)
	}}
}

// blindCommit reports a commit of what a delete has taken away.
func blindCommit(m *Memory) override {
	var cleared atomic.Int64
	return override{
		del: func(ctx context.Context, p string) error { cleared.Add(1); return m.Delete(ctx, p) },
		writer: func(ctx context.Context, p string, app bool) (Writer, error) {
			w, err := m.Writer(ctx, p, app)
			if err != nil {
				return nil, err
			}
			before := cleared.Load()
			return &overWriter{Writer: w, commit: func(ctx context.Context) error {
				if cleared.Load() != before {
					return w.Cancel(ctx)
				}
				return w.Commit(ctx)
			}}, nil
		},
	}
}

// disturbedPut is a put that fails if a delete comes between.
func disturbedPut(m *Memory) override {
	var deletes atomic.Int64
	return override{
		put: func(ctx context.Context, p string, b []byte) error {
			before := deletes.Load()
			pause()
			if deletes.Load() != before {
				return failed(errors.New("no such directory"))
			}
			return m.PutContent(ctx, p, b)
		},
		del: func(ctx context.Context, p string) error { deletes.Add(1); return m.Delete(ctx, p) },
	}
}

// doubleWalk is a walk that takes two of the slots.
func doubleWalk(m *Memory, limit int) Driver {
	slots := make(chan struct{}, limit)
	enter := func() func() {
		slots <- struct{}{}
		return func() { <-slots }
	}
	return override{
		Driver: m,
		stat: func(ctx context.Context, p string) (Info, error) {
			defer enter()()
			return m.Stat(ctx, p)
		},
		walk: func(ctx context.Context, p string, v WalkFunc, _ ...func(*WalkOptions)) error {
			defer enter()()
			defer enter()()
			return m.Walk(ctx, p, v)
		},
	}
}

// sharedBuffer passes what writers write through one buffer for all.
func sharedBuffer(m *Memory) override {
	var mu sync.Mutex
	buffer := make([]byte, 1<<20)
	return override{writer: func(ctx context.Context, p string, app bool) (Writer, error) {
		w, err := m.Writer(ctx, p, app)
		if err != nil {
			return nil, err
		}
		return &overWriter{Writer: w, write: func(b []byte) (int, error) {
			mu.Lock()
			n := copy(buffer, b)
			mu.Unlock()
			pause()
			mu.Lock()
			defer mu.Unlock()
			return w.Write(buffer[:n])
		}}, nil
	}}
}

// sharedUpload gives all writers of a path the same upload.
func sharedUpload(m *Memory) override {
	var mu sync.Mutex
	open := map[string]*upload{}
	return override{writer: func(ctx context.Context, p string, app bool) (Writer, error) {
		w, err := m.Writer(ctx, p, app)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		u := w.(*writer)
		if open[p] == nil {
			open[p] = u.u
		}
		u.u = open[p]
		done := func() {
			mu.Lock()
			defer mu.Unlock()
			delete(open, p)
		}
		return &overWriter{Writer: w, close: func() error { done(); return w.Close() }}, nil
	}}
}
