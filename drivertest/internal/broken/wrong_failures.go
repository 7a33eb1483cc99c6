package broken

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"
	"time"
)

// walkError is an error that no other can be found in.
type walkError struct{ text string }

func (e walkError) Error() string { return Name + ": " + e.text }

// secret is an error that shows nothing of itself in JSON.
type secret struct{ PathNotFoundError }

func (secret) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

func errorShoulds() []Wrong {
	return []Wrong{
		walking("the callback's error is put into words", "ERRS-04", func(m *Memory, ctx context.Context, p, hint string, v WalkFunc) error {
			err := m.Walk(ctx, p, v, hinted(hint))
			if err != nil && !notFound(err) {
				return walkError{err.Error()}
			}
			return err
		}),
		stating("errors are empty in JSON", "ERRS-05", func(_ *Memory, p string, i Info, err error) (Info, error) {
			if notFound(err) {
				return nil, secret{PathNotFoundError{p, Name}}
			}
			return i, err
		}),
		stating("errors show the key", "ERRS-06", func(_ *Memory, p string, i Info, err error) (Info, error) {
			if notFound(err) {
				return nil, errors.Join(err, errors.New("request of AKIA with hunter2"))
			}
			return i, err
		}),
		failingWrong("the error of a put without space is that of its clean-up", "ERRS-07", func(f *Failing) Driver {
			return override{Driver: f, put: func(ctx context.Context, p string, b []byte) error {
				if err := f.PutContent(ctx, p, b); err != nil {
					return errors.Join(err, PathNotFoundError{p + ".tmp", Name})
				}
				return nil
			}}
		}),
		failingWrong("a read from a server that stalled waits for ever", "CTXT-05", func(f *Failing) Driver {
			return override{Driver: f, reader: func(ctx context.Context, p string, off int64) (io.ReadCloser, error) {
				return f.Reader(endless(ctx), p, off)
			}}
		}),
		failingWrong("a retry goes on past the deadline", "CTXT-08", func(f *Failing) Driver {
			return override{Driver: f, get: func(ctx context.Context, p string) ([]byte, error) {
				b, err := f.GetContent(ctx, p)
				if errors.Is(err, errBackend) {
					time.Sleep(6 * time.Second)
				}
				return b, err
			}}
		}),
		{Fault: "a root that isn't there is empty", Rule: "FAC-04", Misplaced: func() Driver { return New() }},
		{Fault: "a limit of none is a limit of none", Rule: "FAC-05", Limited: func(m *Memory, limit int) Driver {
			if limit > 0 {
				return m
			}
			return override{Driver: m, put: func(ctx context.Context, _ string, _ []byte) error { <-ctx.Done(); return failed(ctx.Err()) }}
		}},
	}
}

// leftovers are faults of what stays behind.
func leftovers() []Wrong {
	stay := func() { go time.Sleep(20 * time.Second) }
	return []Wrong{
		stating("a call whose context has ended leaves a goroutine", "LEAK-04", func(_ *Memory, _ string, i Info, err error) (Info, error) {
			if errors.Is(err, context.Canceled) {
				stay()
			}
			return i, err
		}),
		{Fault: "what was cancelled stays in the back-end", Rule: "LEAK-05", Residue: func() func() ([]string, error) {
			n := 0
			return func() ([]string, error) {
				n++
				return make([]string, n), nil
			}
		}},
		one("a put starts what never ends", "LEAK-08", func(m *Memory) override {
			return override{put: func(ctx context.Context, p string, b []byte) error {
				for range 40 {
					stay()
				}
				return m.PutContent(ctx, p, b)
			}}
		}),
		{Fault: "what a crash left is listed", Rule: "CRSH-03", Crashed: func(m *Memory) Driver {
			return override{Driver: m, list: func(ctx context.Context, p string) ([]string, error) {
				l, err := m.List(ctx, p)
				m.mu.Lock()
				defer m.mu.Unlock()
				for q := range m.pending {
					if path.Dir(q) == p {
						l, err = append(l, q+".tmp"), nil
					}
				}
				return l, err
			}}
		}},
		{Fault: "a move is not flushed", Rule: "CRSH-06", Journal: func(j *Journal) { j.Unflushed = "move" }},
		{Fault: "what a crash left is resumed as zeros", Rule: "CRSH-09", Crashed: func(m *Memory) Driver {
			return override{Driver: m, writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				m.mu.Lock()
				if u := m.pending[p]; u != nil && app {
					for i := range u.content {
						u.content[i] = 0
					}
				}
				m.mu.Unlock()
				return m.Writer(ctx, p, app)
			}}
		}},
		{Fault: "files are for their owner alone", Rule: "CRSH-08", Journal: func(j *Journal) { j.Mode = 0o600 }},
	}
}

// weatherFaults are faults of a driver under faults of its back-end that only SHOULDs are about.
func weatherFaults() []Wrong {
	failing := func(fault, rule string, get func(ctx context.Context, f *Failing, p string) ([]byte, error)) Wrong {
		return failingWrong(fault, rule, func(f *Failing) Driver {
			return override{Driver: f, get: func(ctx context.Context, p string) ([]byte, error) { return get(ctx, f, p) }}
		})
	}
	return []Wrong{
		failing("nothing is tried again", "FALT-05", func(ctx context.Context, f *Failing, p string) ([]byte, error) {
			if f.armed.Load() && f.Kind == "flaky" && f.calls.Add(1)%3 != 0 {
				return nil, failed(errBackend)
			}
			return f.GetContent(ctx, p)
		}),
		failing("without descriptors nothing is there", "FALT-07", func(ctx context.Context, f *Failing, p string) ([]byte, error) {
			b, err := f.GetContent(ctx, p)
			if errors.Is(err, errBackend) {
				return nil, PathNotFoundError{p, Name}
			}
			return b, err
		}),
		failing("a slow server is waited for", "FALT-09", func(ctx context.Context, f *Failing, p string) ([]byte, error) {
			return f.GetContent(endless(ctx), p)
		}),
		failing("what is forbidden is absent", "FALT-10", func(ctx context.Context, f *Failing, p string) ([]byte, error) {
			b, err := f.GetContent(ctx, p)
			if errors.Is(err, errBackend) {
				return nil, PathNotFoundError{p, Name}
			}
			return b, err
		}),
		failingWrong("a flush that failed is no failure", "FALT-11", func(f *Failing) Driver {
			return override{Driver: f, writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				return f.Memory.Writer(ctx, p, app)
			}}
		}),
		failing("a byte that was flipped is handed on", "FALT-12", func(ctx context.Context, f *Failing, p string) ([]byte, error) {
			b, err := f.Memory.GetContent(ctx, p)
			if f.armed.Load() && len(b) > 0 {
				b[len(b)/2] ^= 1
			}
			return b, err
		}),
		failingWrong("a move whose reply was lost deletes both", "MOVE-13", func(f *Failing) Driver {
			return override{Driver: f, move: func(ctx context.Context, from, to string) error {
				err := f.Move(ctx, from, to)
				if errors.Is(err, errBackend) {
					_ = f.Memory.Delete(ctx, to)
				}
				return err
			}}
		}),
		failingWrong("a delete that failed has succeeded", "DELE-11", func(f *Failing) Driver {
			return override{Driver: f, del: func(ctx context.Context, p string) error { return swallowed(f.Delete(ctx, p)) }}
		}),
		failingWrong("a put whose reply was lost is undone, and succeeds", "LINZ-05", undoes),
		failingWrong("a put whose reply was lost is undone, and succeeds", "MODL-04", undoes),
	}
}

// undoes takes the loss of a reply for the failure of the call, and tells nobody.
func undoes(f *Failing) Driver {
	return override{Driver: f, put: func(ctx context.Context, p string, b []byte) error {
		err := f.PutContent(ctx, p, b)
		if errors.Is(err, errBackend) {
			_ = f.Memory.Delete(ctx, p)
			return nil
		}
		return err
	}}
}

func wrapperShoulds() []Wrong {
	return []Wrong{
		{Fault: "middleware turns what is missing into nothing", Rule: "WRAP-03", Wrapped: func(d Driver) Driver {
			return override{Driver: d, get: func(ctx context.Context, p string) ([]byte, error) {
				b, err := d.GetContent(ctx, p)
				if notFound(err) {
					return nil, nil
				}
				return b, err
			}}
		}},
		renamed("a tree of more than 150 levels is refused", "LARG-06", refuse(func(p string) bool { return strings.Count(p, "/") > 150 })),
	}
}
