package broken

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"strings"
	"sync"
	"sync/atomic"
)

func factoryFaults() []Wrong {
	stores := func(fault, rule string) Wrong {
		return Wrong{Fault: fault, Rule: rule, Open: func(m *Memory) func() Driver {
			var opened atomic.Int64
			return func() Driver {
				if opened.Add(1) == 1 {
					return m
				}
				return New()
			}
		}}
	}
	var calls atomic.Int64
	return []Wrong{
		stores("every handle has a store of its own", "FAC-01"),
		stores("a new handle starts empty", "FAC-03"),
		one("the name is empty", "FAC-02", func(*Memory) override { return override{name: func() string { return "" }} }),
		one("the name changes", "FAC-02", func(*Memory) override {
			return override{name: func() string { return Name + strings.Repeat("x", int(calls.Add(1)%2)) }}
		}),
	}
}

// renamed takes every path through f before the sound driver sees it.
func renamed(fault, rule string, f func(p string) (string, error)) Wrong {
	return one(fault, rule, func(m *Memory) override { return through(m, f) })
}

func through(m Driver, f func(p string) (string, error)) override {
	return override{
		Driver: m,
		get: func(ctx context.Context, p string) ([]byte, error) {
			p, err := f(p)
			if err != nil {
				return nil, err
			}
			return m.GetContent(ctx, p)
		},
		put: func(ctx context.Context, p string, b []byte) error {
			p, err := f(p)
			if err != nil {
				return err
			}
			return m.PutContent(ctx, p, b)
		},
		reader: func(ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			p, err := f(p)
			if err != nil {
				return nil, err
			}
			return m.Reader(ctx, p, off)
		},
		writer: func(ctx context.Context, p string, app bool) (Writer, error) {
			p, err := f(p)
			if err != nil {
				return nil, err
			}
			return m.Writer(ctx, p, app)
		},
		stat: func(ctx context.Context, p string) (Info, error) {
			p, err := f(p)
			if err != nil {
				return nil, err
			}
			return m.Stat(ctx, p)
		},
		list: func(ctx context.Context, p string) ([]string, error) {
			p, err := f(p)
			if err != nil {
				return nil, err
			}
			return m.List(ctx, p)
		},
		move: func(ctx context.Context, a, b string) error {
			a, err := f(a)
			if err != nil {
				return err
			}
			if b, err = f(b); err != nil {
				return err
			}
			return m.Move(ctx, a, b)
		},
		del: func(ctx context.Context, p string) error {
			p, err := f(p)
			if err != nil {
				return err
			}
			return m.Delete(ctx, p)
		},
	}
}

func longest(p string) int {
	n := 0
	for c := range strings.SplitSeq(p, "/") {
		n = max(n, len(c))
	}
	return n
}

func refuse(when func(p string) bool) func(string) (string, error) {
	return func(p string) (string, error) {
		if when(p) {
			return p, failed(errors.New("not a name for this driver"))
		}
		return p, nil
	}
}

func pathFaults() []Wrong {
	return []Wrong{
		renamed("names with two dots are refused", "PATH-01", refuse(func(p string) bool { return strings.Contains(p, "a..b") })),
		renamed("a trailing slash is cut off", "PATH-02", func(p string) (string, error) {
			return "/" + strings.Trim(p, "/"), nil
		}),
		renamed("a percent sign is decoded", "PATH-02", func(p string) (string, error) { return strings.ReplaceAll(p, "%2f", "/"), nil }),
		renamed("dots are resolved", "PATH-03", func(p string) (string, error) {
			if strings.HasPrefix(p, "/") && strings.Contains(p, "/.") {
				return path.Clean(p), nil
			}
			return p, nil
		}),
		renamed("an invalid path is not named", "PATH-04", func(p string) (string, error) {
			if validPath(p, true) != nil {
				return p, InvalidPathError{"", Name}
			}
			return p, nil
		}),
		renamed("components of more than 128 bytes are refused", "PATH-05", refuse(func(p string) bool { return longest(p) > 128 })),
		renamed("paths of more than sixteen components are refused", "PATH-07", refuse(func(p string) bool { return strings.Count(p, "/") > 16 })),
		renamed("a child with its parent's name is the parent", "PATH-08", func(p string) (string, error) {
			return strings.ReplaceAll(p, "/n/n", "/n"), nil
		}),
		renamed("case is folded", "PATH-09", func(p string) (string, error) { return strings.ToLower(p), nil }),
		renamed("strange bytes make it panic", "PATH-10", func(p string) (string, error) {
			if strings.ContainsAny(p, "\x00~\\") {
				panic("cannot encode " + p)
			}
			return p, nil
		}),
		one("a put onto a directory replaces the tree", "PATH-13", func(m *Memory) override {
			return override{put: func(ctx context.Context, p string, b []byte) error {
				if i, err := m.Stat(ctx, p); err == nil && i.IsDir() {
					_ = m.Delete(ctx, p)
				}
				return m.PutContent(ctx, p, b)
			}}
		}),
	}
}

// putting replaces the bytes of a put.
func putting(fault, rule string, f func(b []byte) []byte) Wrong {
	return one(fault, rule, func(m *Memory) override {
		return override{put: func(ctx context.Context, p string, b []byte) error { return m.PutContent(ctx, p, f(b)) }}
	})
}

func contentFaults() []Wrong {
	return []Wrong{
		putting("the last byte of a full block is lost", "CONT-01", func(b []byte) []byte { return b[:len(b)-boolInt(len(b) == 4096)] }),
		one("a shorter content keeps the old tail", "CONT-02", func(m *Memory) override {
			return override{put: func(ctx context.Context, p string, b []byte) error {
				if old, err := m.GetContent(ctx, p); err == nil && len(old) > len(b) {
					b = append(bytes.Clone(b), old[len(b):]...)
				}
				return m.PutContent(ctx, p, b)
			}}
		}),
		one("an empty put does nothing", "CONT-03", func(m *Memory) override {
			return override{put: func(ctx context.Context, p string, b []byte) error {
				if len(b) == 0 {
					return nil
				}
				return m.PutContent(ctx, p, b)
			}}
		}),
		one("a missing object reads as empty", "CONT-04", func(m *Memory) override {
			return override{get: func(ctx context.Context, p string) ([]byte, error) {
				b, err := m.GetContent(ctx, p)
				if notFound(err) {
					return nil, nil
				}
				return b, err
			}}
		}),
		putting("some sizes lose a byte to a flip", "CONT-05", func(b []byte) []byte {
			if len(b) > 8 && len(b)%5 == 3 {
				b = bytes.Clone(b)
				b[7] ^= 1
			}
			return b
		}),
		putting("half of a put is stored", "CONT-06", func(b []byte) []byte {
			if len(b) > 4999 {
				return b[:len(b)/2]
			}
			return b
		}),
		putting("line ends are converted", "CONT-07", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }),
		putting("trailing zeros are cut off", "CONT-07", func(b []byte) []byte { return bytes.TrimRight(b, "\x00") }),
		one("the caller's slice is kept", "CONT-08", func(m *Memory) override {
			return override{put: func(ctx context.Context, p string, b []byte) error {
				if err := m.enter(ctx, p, false); err != nil {
					return err
				}
				defer m.mu.Unlock()
				return m.store(p, b)
			}}
		}),
		one("directories don't show", "CONT-11", func(m *Memory) override {
			return override{stat: func(ctx context.Context, p string) (Info, error) {
				i, err := m.Stat(ctx, p)
				if err == nil && i.IsDir() {
					return nil, PathNotFoundError{p, Name}
				}
				return i, err
			}}
		}),
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func notFound(err error) bool {
	var e PathNotFoundError
	return errors.As(err, &e)
}

// reading replaces what a Reader does.
func reading(fault, rule string, f func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error)) Wrong {
	return one(fault, rule, func(m *Memory) override {
		return override{reader: func(ctx context.Context, p string, off int64) (io.ReadCloser, error) { return f(m, ctx, p, off) }}
	})
}

// stutter loses a byte whenever it is read byte by byte.
type stutter struct{ io.ReadCloser }

func (s stutter) Read(p []byte) (int, error) {
	if len(p) == 1 {
		if n, err := s.ReadCloser.Read(p); err != nil {
			return n, err
		}
	}
	return s.ReadCloser.Read(p)
}

func readerFaults() []Wrong {
	var mu sync.Mutex
	closes := map[*Memory]int{}
	return []Wrong{
		reading("offsets are one too low", "READ-01", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			return m.Reader(ctx, p, max(off-1, min(off, 0)))
		}),
		reading("the end of an object is an error", "READ-02", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			if i, err := m.Stat(ctx, p); err == nil && off == i.Size() && off > 0 {
				return nil, failed(errors.New("range not satisfiable"))
			}
			return m.Reader(ctx, p, off)
		}),
		reading("a negative offset is the beginning", "READ-03", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			return m.Reader(ctx, p, max(off, 0))
		}),
		reading("a missing object is some failure", "READ-04", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			r, err := m.Reader(ctx, p, off)
			if notFound(err) {
				return nil, failed(errors.New("404"))
			}
			return r, err
		}),
		reading("byte by byte it loses some", "READ-05", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			r, err := m.Reader(ctx, p, off)
			if err != nil {
				return nil, err
			}
			return stutter{r}, nil
		}),
		reading("beyond the end it begins again", "READ-06", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			if i, err := m.Stat(ctx, p); err == nil && off > i.Size() {
				off = 0
			}
			return m.Reader(ctx, p, off)
		}),
		reading("sixty readers are all there are", "READ-07", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			mu.Lock()
			defer mu.Unlock()
			if closes[m]++; closes[m] > 60 {
				return nil, failed(errors.New("no connection left"))
			}
			return m.Reader(ctx, p, off)
		}),
		reading("an empty object has no reader", "READ-12", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			if i, err := m.Stat(ctx, p); err == nil && !i.IsDir() && i.Size() == 0 {
				return nil, failed(errors.New("range not satisfiable"))
			}
			return m.Reader(ctx, p, off)
		}),
		reading("far offsets are rounded down to a block", "READ-13", func(m *Memory, ctx context.Context, p string, off int64) (io.ReadCloser, error) {
			if off > 1<<20 {
				off -= off % 512
			}
			return m.Reader(ctx, p, off)
		}),
	}
}
