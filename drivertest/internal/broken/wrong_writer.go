package broken

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
)

// writeFaults are faults of Write, and of what it was given.
func writeFaults() []Wrong {
	bg := context.Background()
	return []Wrong{
		written("the last byte is not flushed", "WRIT-01", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			return &overWriter{Writer: w, write: func(p []byte) (int, error) {
				n, err := w.Write(p[:max(len(p)-1, 0)])
				return n + boolInt(len(p) > 0), err
			}, size: func() int64 { return w.Size() + 1 }}
		}),
		written("every write is visible at once", "WRIT-02", func(m *Memory, w Writer, p string, _ bool) Writer {
			var all []byte
			return &overWriter{Writer: w, write: func(b []byte) (int, error) {
				all = append(all, b...)
				_ = m.PutContent(bg, p, all)
				return w.Write(b)
			}}
		}),
		written("the size leaves out what is buffered", "WRIT-06", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			return &overWriter{Writer: w, size: func() int64 { return w.Size() &^ 0xffff }}
		}),
		written("a late write is swallowed", "WRIT-12", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			return &overWriter{Writer: w, write: func(p []byte) (int, error) {
				if _, err := w.Write(p); err != nil {
					return len(p), nil
				}
				return len(p), nil
			}}
		}),
		written("tiny writes lose a byte", "WRIT-16", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			return &overWriter{Writer: w, write: func(p []byte) (int, error) {
				if len(p) == 7 {
					_, err := w.Write(p[1:])
					return 7, err
				}
				return w.Write(p)
			}}
		}),
		written("the caller's buffer is kept", "WRIT-17", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			var kept [][]byte
			return &overWriter{
				Writer: w,
				write:  func(p []byte) (int, error) { kept = append(kept, p); return len(p), nil },
				commit: func(ctx context.Context) error {
					for _, p := range kept {
						_, _ = w.Write(p)
					}
					return w.Commit(ctx)
				},
			}
		}),
		written("the count is of whole blocks", "WRIT-18", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			return &overWriter{Writer: w, write: func(p []byte) (int, error) {
				n, err := w.Write(p)
				if len(p) > 512 {
					n -= n % 512
				}
				return n, err
			}}
		}),
		written("ReadFrom loses what comes with the end", "WRIT-19", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			return hasty{&overWriter{Writer: w}}
		}),
	}
}

// writerFaults are faults of how a Writer begins and ends.
func writerFaults() []Wrong {
	bg := context.Background()
	return []Wrong{
		written("nothing written is nothing committed", "WRIT-03", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			return &overWriter{Writer: w, commit: func(ctx context.Context) error {
				if w.Size() == 0 {
					return w.Cancel(ctx)
				}
				return w.Commit(ctx)
			}}
		}),
		written("opening empties the object", "WRIT-04", func(m *Memory, w Writer, p string, app bool) Writer {
			if _, err := m.GetContent(bg, p); err == nil && !app {
				_ = m.PutContent(bg, p, nil)
			}
			return w
		}),
		written("an object that was put is appended to", "WRIT-05", func(m *Memory, w Writer, p string, app bool) Writer {
			if b, err := m.GetContent(bg, p); err == nil && !app && w.Size() == 0 {
				_, _ = w.Write(b)
			}
			return w
		}),
		written("a closed writer has no size", "WRIT-07", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			o := &overWriter{Writer: w}
			o.close = func() error { o.size = func() int64 { return 0 }; return w.Close() }
			return o
		}),
		written("cancel commits", "WRIT-08", cancelCommits),
		written("cancel deletes the path", "WRIT-09", func(m *Memory, w Writer, p string, _ bool) Writer {
			return &overWriter{Writer: w, cancel: func(ctx context.Context) error { _ = m.Delete(ctx, p); return w.Cancel(ctx) }}
		}),
		written("cancel deletes whatever begins alike", "WRIT-10", func(m *Memory, w Writer, p string, _ bool) Writer {
			return &overWriter{Writer: w, cancel: func(ctx context.Context) error { m.deletePrefix(p); return w.Cancel(ctx) }}
		}),
		written("a second commit publishes an empty object", "WRIT-13", func(m *Memory, w Writer, p string, _ bool) Writer {
			done := false
			return &overWriter{Writer: w, commit: func(ctx context.Context) error {
				if done {
					return m.PutContent(ctx, p, nil)
				}
				done = true
				return w.Commit(ctx)
			}}
		}),
		written("a second close panics", "WRIT-14", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			closed := make(chan struct{})
			return &overWriter{Writer: w, close: func() error { close(closed); return w.Close() }}
		}),
		written("close commits", "WRIT-20", func(_ *Memory, w Writer, _ string, _ bool) Writer {
			return &overWriter{Writer: w, close: func() error { _ = w.Commit(bg); return w.Close() }}
		}),
	}
}

func cancelCommits(_ *Memory, w Writer, _ string, _ bool) Writer {
	return &overWriter{Writer: w, cancel: w.Commit}
}

// deletePrefix removes whatever begins with p but p itself.
func (m *Memory) deletePrefix(p string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for q := range m.objects {
		if q != p && strings.HasPrefix(q, p) {
			m.unset(q)
		}
	}
}

type hasty struct{ *overWriter }

func (h hasty) ReadFrom(r io.Reader) (int64, error) {
	total := int64(0)
	for b := make([]byte, 4096); ; {
		n, err := r.Read(b)
		total += int64(n)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if _, err := h.Write(b[:n]); err != nil {
			return total, err
		}
	}
}

// resuming replaces writers that append.
func resuming(fault, rule string, f func(m *Memory, ctx context.Context, w Writer, p string, err error) (Writer, error)) Wrong {
	return one(fault, rule, func(m *Memory) override {
		return override{writer: func(ctx context.Context, p string, app bool) (Writer, error) {
			w, err := m.Writer(ctx, p, app)
			if !app {
				return w, err
			}
			return f(m, ctx, w, p, err)
		}}
	})
}

// forgetful loses what came before from the n-th resume of a path on.
func forgetful(fault, rule string, n int) Wrong {
	var mu sync.Mutex
	resumes := map[string]int{}
	return resuming(fault, rule, func(m *Memory, ctx context.Context, w Writer, p string, err error) (Writer, error) {
		mu.Lock()
		defer mu.Unlock()
		if resumes[p]++; err == nil && resumes[p] >= n {
			size := w.Size()
			_ = w.Cancel(ctx)
			w, err = m.Writer(ctx, p, false)
			if err == nil {
				return &overWriter{Writer: w, size: func() int64 { return size + w.Size() }}, nil
			}
		}
		return w, err
	})
}

func resumeFaults() []Wrong {
	return []Wrong{
		resuming("append starts over", "RESU-01", func(m *Memory, ctx context.Context, w Writer, p string, err error) (Writer, error) {
			if err != nil {
				return nil, err
			}
			_ = w.Cancel(ctx)
			return m.Writer(ctx, p, false)
		}),
		resuming("an empty object can't be appended to", "RESU-02", func(m *Memory, ctx context.Context, w Writer, p string, err error) (Writer, error) {
			if b, gerr := m.GetContent(ctx, p); gerr == nil && len(b) == 0 && err == nil && w.Size() == 0 {
				_ = w.Cancel(ctx)
				return nil, PathNotFoundError{p, Name}
			}
			return w, err
		}),
		forgetful("the second resume loses what came before", "RESU-03", 2),
		forgetful("the tenth resume loses what came before", "RESU-04", 10),
		resuming("what is resumed goes to the front", "RESU-05", func(m *Memory, ctx context.Context, w Writer, p string, err error) (Writer, error) {
			if err != nil {
				return nil, err
			}
			u := w.(*writer)
			return &overWriter{Writer: w, write: func(b []byte) (int, error) {
				m.mu.Lock()
				defer m.mu.Unlock()
				u.u.content = append(bytes.Clone(b), u.u.content...)
				u.size += int64(len(b))
				return len(b), nil
			}}, nil
		}),
		resuming("append on nothing leaves an empty object", "RESU-06", func(m *Memory, ctx context.Context, w Writer, p string, err error) (Writer, error) {
			if notFound(err) {
				_ = m.PutContent(ctx, p, nil)
			}
			return w, err
		}),
		ownUploads("an upload is known to its handle alone", "RESU-07"),
		older(),
		undead("cancel leaves the upload to be resumed", "RESU-09"),
		manyParts(),
		failingWrong("a write that fails takes the upload with it", "RESU-14", func(f *Failing) Driver {
			return override{Driver: f, writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				w, err := f.Writer(ctx, p, app)
				if err != nil {
					return nil, err
				}
				return &overWriter{Writer: w, write: func(b []byte) (int, error) {
					n, err := w.Write(b)
					if err != nil {
						in := f.Memory
						in.mu.Lock()
						w.(*overWriter).Writer.(*writer).u.content = []byte("junk")
						in.mu.Unlock()
					}
					return n, err
				}}, nil
			}}
		}),
	}
}

// ownUploads resumes through the handle that wrote, and through no other.
func ownUploads(fault, rule string) Wrong {
	return each(fault, rule, func(m *Memory) override {
		mine := map[string]bool{}
		return override{writer: func(ctx context.Context, p string, app bool) (Writer, error) {
			if app && !mine[p] {
				return nil, PathNotFoundError{p, Name}
			}
			mine[p] = true
			return m.Writer(ctx, p, app)
		}}
	})
}

// older keeps every upload of a path and resumes the first.
func older() Wrong {
	return one("the oldest upload is resumed", "RESU-08", func(m *Memory) override {
		first := map[string]*upload{}
		return override{writer: func(ctx context.Context, p string, app bool) (Writer, error) {
			m.mu.Lock()
			if u := m.pending[p]; u != nil && first[p] == nil {
				first[p] = &upload{content: bytes.Clone(u.content)}
			}
			if app && first[p] != nil {
				m.pending[p] = first[p]
			}
			m.mu.Unlock()
			return m.Writer(ctx, p, app)
		}}
	})
}

// undead leaves what was cancelled.
func undead(fault, rule string) Wrong {
	return written(fault, rule, func(m *Memory, w Writer, p string, _ bool) Writer {
		u := w.(*writer)
		return &overWriter{Writer: w, cancel: func(ctx context.Context) error {
			left := u.u
			err := w.Cancel(ctx)
			m.mu.Lock()
			defer m.mu.Unlock()
			m.pending[p] = left
			return err
		}}
	})
}

// manyParts knows no more than a thousand parts of an upload that it resumes.
func manyParts() Wrong {
	return Wrong{Fault: "a resume knows a thousand parts only", Rule: "RESU-10", Chunked: func(m *Memory, part int64) Driver {
		return override{Driver: m, writer: func(ctx context.Context, p string, app bool) (Writer, error) {
			w, err := m.Writer(ctx, p, app)
			if err != nil {
				return nil, err
			}
			if u := w.(*writer); app && u.size > 1000*part {
				u.u.content = u.u.content[:1000*part]
				u.size = 1000 * part
			}
			return w, nil
		}}
	}}
}

// parts commits an upload as parts of a given size, which join puts together.
func parts(fault, rule string, join func(all [][]byte, part int64) ([]byte, error)) Wrong {
	return Wrong{Fault: fault, Rule: rule, Chunked: func(m *Memory, part int64) Driver {
		return override{Driver: m, writer: func(ctx context.Context, p string, app bool) (Writer, error) {
			w, err := m.Writer(ctx, p, app)
			if err != nil {
				return nil, err
			}
			u := w.(*writer)
			return &overWriter{Writer: w, commit: func(ctx context.Context) error {
				m.mu.Lock()
				var all [][]byte
				for b := u.u.content; len(b) > 0; {
					n := min(int64(len(b)), part)
					all = append(all, b[:n])
					b = b[n:]
				}
				joined, err := join(all, part)
				if err == nil {
					u.u.content = joined
				}
				m.mu.Unlock()
				if err != nil {
					return err
				}
				return w.Commit(ctx)
			}}, nil
		}}
	}}
}

func partFaults() []Wrong {
	return []Wrong{
		parts("a tail of one byte is lost", "CHNK-01", func(all [][]byte, _ int64) ([]byte, error) {
			if n := len(all); n > 1 && len(all[n-1]) == 1 {
				all = all[:n-1]
			}
			return bytes.Join(all, nil), nil
		}),
		parts("the last part of an exact multiple is lost", "CHNK-02", func(all [][]byte, part int64) ([]byte, error) {
			if n := len(all); n > 1 && int64(len(all[n-1])) == part {
				all = all[:n-1]
			}
			return bytes.Join(all, nil), nil
		}),
		{Fault: "what a resume leaves becomes a part that is too small", Rule: "CHNK-03", Chunked: smallParts},
		parts("ten comes before two", "CHNK-05", func(all [][]byte, _ int64) ([]byte, error) {
			if len(all) > 10 {
				all[1], all[9] = all[9], all[1]
			}
			return bytes.Join(all, nil), nil
		}),
		parts("parts are joined as they finish", "CHNK-06", func(all [][]byte, _ int64) ([]byte, error) {
			if len(all) == 10 {
				all[3], all[4] = all[4], all[3]
			}
			return bytes.Join(all, nil), nil
		}),
		unequalParts(),
	}
}

// unequalParts is a driver that sends what a session has left as a part of its own.
func unequalParts() Wrong {
	var mu sync.Mutex
	sent := map[string][]int64{}
	return Wrong{
		Fault: "what a session leaves becomes a part of its own", Rule: "CHNK-04",
		Chunked: func(m *Memory, part int64) Driver {
			return override{Driver: m, writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				w, err := m.Writer(ctx, p, app)
				if err != nil {
					return nil, err
				}
				began := w.Size()
				mu.Lock()
				defer mu.Unlock()
				if !app {
					delete(sent, p)
				}
				return &overWriter{Writer: w, close: func() error {
					mu.Lock()
					defer mu.Unlock()
					for left := w.Size() - began; left > 0; left -= part {
						sent[p] = append(sent[p], min(left, part))
					}
					return w.Close()
				}}, nil
			}}
		},
		Parts: func(p string) ([]int64, error) {
			mu.Lock()
			defer mu.Unlock()
			return sent[p], nil
		},
	}
}

// smallParts refuses a commit one of whose sessions, but for the last, ended on a part that is
// too small.
func smallParts(m *Memory, part int64) Driver {
	var mu sync.Mutex
	small := map[string]bool{}
	return override{Driver: m, writer: func(ctx context.Context, p string, app bool) (Writer, error) {
		w, err := m.Writer(ctx, p, app)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		small[p] = app && (small[p] || w.Size()%part != 0)
		return &overWriter{Writer: w, commit: func(ctx context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			if small[p] {
				return failed(errors.New("a part is too small"))
			}
			return w.Commit(ctx)
		}}, nil
	}}
}
