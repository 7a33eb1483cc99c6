package broken

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"time"
)

// Generator makes the suite's content, so that an object of many gigabytes needs no memory.
type Generator interface {
	// Identify says which stream begins with b.
	Identify(b []byte) (object, version uint64, ok bool)
	// Fill writes the bytes of a stream at an offset.
	Fill(object, version uint64, p []byte, off int64)
}

// vastFrom is the size from which an upload is remembered as a stream, not as bytes.
const vastFrom = 8 << 20

// stream is a vast object: of the suite's own content, or of zeros.
type stream struct {
	object, version uint64
	size            int64
	zeros           bool
}

// Vast is the sound driver, but that it keeps vast objects of the suite's own content as a few
// numbers. Every byte that is written is compared with what it must be.
type Vast struct {
	override
	gen  Generator
	mu   sync.Mutex
	vast map[string]stream
	// Limit is the size at which a faulty store cuts objects off, 0 for a sound one; Offset maps
	// the offsets of readers, MoveLimit cuts off what is moved.
	Limit, MoveLimit int64
	Offset           func(int64) int64
}

// NewVast returns an empty store.
func NewVast(m *Memory, gen Generator) *Vast {
	v := &Vast{gen: gen, vast: map[string]stream{}}
	v.override = override{Driver: m, writer: v.write, reader: v.read, stat: v.info, move: v.rename, del: v.remove}
	return v
}

// sparse places an object of zeros.
func (v *Vast) sparse(p string, size int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.vast[p] = stream{size: size, zeros: true}
}

func (v *Vast) find(p string) (stream, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.vast[p]
	return s, ok
}

func (v *Vast) info(ctx context.Context, p string) (Info, error) {
	if s, ok := v.find(p); ok {
		return info{p, s.size, time.Now(), false}, nil
	}
	return v.Driver.Stat(ctx, p)
}

func (v *Vast) rename(ctx context.Context, from, to string) error {
	s, ok := v.find(from)
	if !ok {
		return v.Driver.Move(ctx, from, to)
	}
	if v.MoveLimit > 0 {
		s.size = min(s.size, v.MoveLimit)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.vast, from)
	v.vast[to] = s
	return nil
}

func (v *Vast) remove(ctx context.Context, p string) error {
	found := false
	v.mu.Lock()
	for q := range v.vast {
		if q == p || below(p, q) {
			delete(v.vast, q)
			found = true
		}
	}
	v.mu.Unlock()
	if err := v.Driver.Delete(ctx, p); !found || !notFound(err) {
		return err
	}
	return nil
}

func (v *Vast) read(ctx context.Context, p string, off int64) (io.ReadCloser, error) {
	s, ok := v.find(p)
	if !ok {
		return v.Driver.Reader(ctx, p, off)
	}
	if v.Offset != nil {
		off = v.Offset(off)
	}
	return io.NopCloser(&vastReader{v.gen, s, off}), nil
}

type vastReader struct {
	gen Generator
	s   stream
	off int64
}

func (r *vastReader) Read(p []byte) (int, error) {
	if r.off >= r.s.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.s.size-r.off)]
	if r.s.zeros {
		clear(p)
	} else {
		r.gen.Fill(r.s.object, r.s.version, p, r.off)
	}
	r.off += int64(len(p))
	return len(p), nil
}

// write keeps the first bytes like any other store; from vastFrom on it compares and counts.
func (v *Vast) write(ctx context.Context, p string, app bool) (Writer, error) {
	w, err := v.Driver.Writer(ctx, p, app)
	if err != nil {
		return nil, err
	}
	var s stream
	var head, scratch []byte
	known := false
	return &overWriter{
		Writer: w,
		size:   func() int64 { return s.size },
		write: func(b []byte) (int, error) {
			if s.size == 0 {
				s.object, s.version, known = v.gen.Identify(b)
			}
			if s.size < vastFrom {
				head = append(head, b...)
			} else if head != nil {
				head = nil
			}
			scratch = append(scratch[:0], b...)
			v.gen.Fill(s.object, s.version, scratch, s.size)
			if known = known && bytes.Equal(scratch, b); !known && head == nil {
				return 0, failed(errors.New("no content of the suite"))
			}
			s.size += int64(len(b))
			return len(b), nil
		},
		commit: func(ctx context.Context) error {
			if s.size < vastFrom {
				if _, err := w.Write(head); err != nil {
					return err
				}
				return w.Commit(ctx)
			}
			v.mu.Lock()
			defer v.mu.Unlock()
			if v.Limit > 0 {
				s.size = min(s.size, v.Limit)
			}
			v.vast[p] = s
			return w.Cancel(ctx)
		},
	}, nil
}

// SoundVast is a sound store of vast objects.
func SoundVast(gen Generator) Wrong { return vast(gen, "", "", func(*Vast) {}) }

// vast makes a Wrong over a store of vast objects.
func vast(gen Generator, fault, rule string, spoil func(*Vast)) Wrong {
	var store *Vast
	return Wrong{
		Fault: fault, Rule: rule,
		Open: func(m *Memory) func() Driver {
			store = NewVast(m, gen)
			spoil(store)
			return func() Driver { return store }
		},
		Sparse: func(p string, size int64) error { store.sparse(p, size); return nil },
	}
}

// VastDrivers returns the wrong drivers for the rules about objects of many gigabytes.
func VastDrivers(gen Generator) []Wrong {
	return []Wrong{
		vast(gen, "offsets have 32 bits", "READ-09", func(v *Vast) { v.Offset = func(off int64) int64 { return off & (1<<32 - 1) } }),
		vast(gen, "objects end at 5 GiB", "LARG-02", func(v *Vast) { v.Limit = 5 << 30 }),
		vast(gen, "objects end at 6 GiB", "LARG-03", func(v *Vast) { v.Limit = 6 << 30 }),
		vast(gen, "one copy takes 5 GiB", "LARG-04", func(v *Vast) { v.MoveLimit = 5 << 30 }),
		vast(gen, "a move copies", "LARG-07", func(v *Vast) { v.move = v.copyAway }),
		vast(gen, "a stream is held until it is committed", "LEAK-06", func(v *Vast) { v.writer = v.hold }),
		vast(gen, "a delete keeps what it deletes in memory", "DELE-08", func(v *Vast) { v.del = v.collect }),
	}
}

// copyAway moves an object by reading it and writing it again, to where nobody looks.
func (v *Vast) copyAway(ctx context.Context, from, to string) error {
	r, err := v.read(ctx, from, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return failed(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return failed(err)
	}
	return v.rename(ctx, from, to)
}

// hold opens a Writer that keeps much of what it was given until it is closed.
func (v *Vast) hold(ctx context.Context, p string, app bool) (Writer, error) {
	w, err := v.write(ctx, p, app)
	if err != nil {
		return nil, err
	}
	var held [][]byte
	return &overWriter{
		Writer: w,
		write: func(b []byte) (int, error) {
			if w.Size() < 90<<20 {
				held = append(held, bytes.Clone(b))
			}
			return w.Write(b)
		},
		close: func() error { held = nil; return w.Close() },
	}, nil
}

// collect has a kilobyte for each entry in memory while it deletes them.
func (v *Vast) collect(ctx context.Context, p string) error {
	var entries [][]byte
	for _, k := range v.Driver.(*Memory).keysWith(p + "/") {
		entries = append(entries, append(make([]byte, 0, 1000), k...))
	}
	defer runtime.KeepAlive(entries)
	return v.remove(ctx, p)
}
