package broken

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
)

// Failing is the sound driver over a back-end that fails while it is armed. It stays sound: what
// fails is an error and changes nothing.
type Failing struct {
	*Memory
	// Kind is the fault, one of those of the suite. Under flaky a sound driver tries again and
	// nothing is seen of it.
	Kind  string
	armed atomic.Bool
	calls atomic.Int64
}

// NewFailing returns an empty store with a fault, unarmed.
func NewFailing(kind string) *Failing { return &Failing{Memory: New(), Kind: kind} }

// Arm starts the fault, Disarm ends it.
func (f *Failing) Arm() { f.armed.Store(true) }

// Disarm ends the fault.
func (f *Failing) Disarm() { f.armed.Store(false) }

var errBackend = errors.New("the back-end fails")

// fails tells whether a call fails: all of them, or those that write.
func (f *Failing) fails(write bool) error {
	if !f.armed.Load() {
		return nil
	}
	switch f.Kind {
	case "unavailable", "forbidden", "corrupt", "no-descriptors":
		return failed(errBackend)
	case "no-space", "read-only", "sync-fails":
		if write {
			return failed(errBackend)
		}
	}
	return nil
}

// lost tells whether the reply to a call that was applied is lost.
func (f *Failing) lost() error {
	if f.armed.Load() && f.Kind == "lost-reply" && f.calls.Add(1)%2 == 1 {
		return failed(errBackend)
	}
	return nil
}

// waits lets the end of the context come first, where the back-end is too slow.
func (f *Failing) waits(ctx context.Context) error {
	if !f.armed.Load() || f.Kind != "stalled" && f.Kind != "slow" {
		return nil
	}
	<-ctx.Done()
	return failed(ctx.Err())
}

// stalling is a reader over a back-end that may stall.
type stalling struct {
	io.ReadCloser
	f   *Failing
	ctx context.Context
}

func (s stalling) Read(p []byte) (int, error) {
	if err := s.f.waits(s.ctx); err != nil {
		return 0, err
	}
	return s.ReadCloser.Read(p)
}

func (f *Failing) cut() bool { return f.armed.Load() && f.Kind == "truncated" }

func (f *Failing) paged(n int) error {
	if f.armed.Load() && f.Kind == "second-page" && n > 1000 {
		return failed(errBackend)
	}
	return nil
}

// GetContent implements Driver.
func (f *Failing) GetContent(ctx context.Context, p string) ([]byte, error) {
	if err := errors.Join(f.fails(false), f.waits(ctx)); err != nil {
		return nil, err
	}
	if f.cut() {
		return nil, failed(io.ErrUnexpectedEOF)
	}
	return f.Memory.GetContent(ctx, p)
}

// PutContent implements Driver.
func (f *Failing) PutContent(ctx context.Context, p string, b []byte) error {
	if err := f.fails(true); err != nil {
		return err
	}
	return errors.Join(f.Memory.PutContent(ctx, p, b), f.lost())
}

// Reader implements Driver.
func (f *Failing) Reader(ctx context.Context, p string, off int64) (io.ReadCloser, error) {
	if err := f.fails(false); err != nil {
		return nil, err
	}
	if f.cut() {
		return nil, failed(io.ErrUnexpectedEOF)
	}
	r, err := f.Memory.Reader(ctx, p, off)
	if err != nil {
		return nil, err
	}
	return stalling{r, f, ctx}, nil
}

// Writer implements Driver.
func (f *Failing) Writer(ctx context.Context, p string, app bool) (Writer, error) {
	if err := f.fails(true); err != nil {
		return nil, err
	}
	w, err := f.Memory.Writer(ctx, p, app)
	if err != nil {
		return nil, err
	}
	return &overWriter{
		Writer: w,
		write: func(b []byte) (int, error) {
			if err := f.fails(true); err != nil {
				return 0, err
			}
			return w.Write(b)
		},
		commit: func(ctx context.Context) error {
			if err := f.fails(true); err != nil {
				return err
			}
			return errors.Join(w.Commit(ctx), f.lost())
		},
	}, nil
}

// Stat implements Driver.
func (f *Failing) Stat(ctx context.Context, p string) (Info, error) {
	if err := f.fails(false); err != nil {
		return nil, err
	}
	return f.Memory.Stat(ctx, p)
}

// List implements Driver.
func (f *Failing) List(ctx context.Context, p string) ([]string, error) {
	if err := f.fails(false); err != nil {
		return nil, err
	}
	l, err := f.Memory.List(ctx, p)
	return l, errors.Join(err, f.paged(len(l)))
}

// Move implements Driver.
func (f *Failing) Move(ctx context.Context, from, to string) error {
	if err := f.fails(true); err != nil {
		return err
	}
	if err := f.Memory.Move(ctx, from, to); err != nil {
		return err
	}
	return f.lost()
}

// Delete implements Driver.
func (f *Failing) Delete(ctx context.Context, p string) error {
	if err := errors.Join(f.fails(true), f.paged(len(f.keysWith(p)))); err != nil {
		return err
	}
	if err := f.Memory.Delete(ctx, p); err != nil {
		return err
	}
	return f.lost()
}

// Walk implements Driver.
func (f *Failing) Walk(ctx context.Context, p string, v WalkFunc, options ...func(*WalkOptions)) error {
	if err := f.fails(false); err != nil {
		return err
	}
	if err := f.paged(len(f.keysWith(p))); err != nil {
		return err
	}
	return f.Memory.Walk(ctx, p, v, options...)
}

func failingWrong(fault, rule string, wrap func(f *Failing) Driver) Wrong {
	return Wrong{Fault: fault, Rule: rule, Failing: wrap}
}

// swallowed is what a driver returns that takes no notice of the back-end's failure.
func swallowed(err error) error {
	if errors.Is(err, errBackend) {
		return nil
	}
	return err
}

func backendFaults() []Wrong {
	return []Wrong{
		failingWrong("a put without space leaves half", "FALT-01", func(f *Failing) Driver {
			return override{Driver: f, put: func(ctx context.Context, p string, b []byte) error {
				err := f.PutContent(ctx, p, b)
				if errors.Is(err, errBackend) {
					_ = f.Memory.PutContent(ctx, p, b[:len(b)/2])
				}
				return err
			}}
		}),
		failingWrong("an upload without space is committed short", "FALT-02", func(f *Failing) Driver {
			return override{Driver: f, writer: func(ctx context.Context, p string, app bool) (Writer, error) {
				w, err := f.Memory.Writer(ctx, p, app)
				if err != nil {
					return nil, err
				}
				return &overWriter{Writer: w, write: func(b []byte) (int, error) {
					if f.fails(true) != nil {
						return len(b), nil
					}
					return w.Write(b)
				}}, nil
			}}
		}),
		failingWrong("a listing that failed is empty", "FALT-03", func(f *Failing) Driver {
			return override{Driver: f, list: func(ctx context.Context, p string) ([]string, error) {
				l, err := f.List(ctx, p)
				return l, swallowed(err)
			}}
		}),
		failingWrong("a body that ends early is the content", "FALT-04", func(f *Failing) Driver {
			return override{Driver: f, get: func(ctx context.Context, p string) ([]byte, error) {
				b, err := f.Memory.GetContent(ctx, p)
				if f.cut() {
					b = b[:len(b)/2]
				}
				return b, err
			}}
		}),
		failingWrong("an append whose reply is lost is repeated", "FALT-06", func(f *Failing) Driver {
			return override{Driver: f, put: func(ctx context.Context, p string, b []byte) error {
				err := f.PutContent(ctx, p, b)
				if errors.Is(err, errBackend) {
					return f.Memory.PutContent(ctx, p, append(append([]byte(nil), b...), b...))
				}
				return err
			}}
		}),
		failingWrong("a listing ends where a page fails", "FALT-08", func(f *Failing) Driver {
			return override{Driver: f, list: func(ctx context.Context, p string) ([]string, error) {
				l, err := f.Memory.List(ctx, p)
				if err == nil && f.paged(len(l)) != nil {
					l = l[:1000]
				}
				return l, err
			}}
		}),
		written("cancel commits what came before the failure", "FALT-13", cancelCommits),
	}
}
