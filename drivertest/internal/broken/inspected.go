package broken

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Meter is the sound driver over a back-end that counts calls: each call of the driver is one.
type Meter struct {
	override
	slots chan struct{}

	mu               sync.Mutex
	calls, now, peak int
}

// NewMeter returns an empty store of which limit calls may be under way at once; 0: any number.
func NewMeter(limit int) *Meter {
	t := &Meter{}
	if limit > 0 {
		t.slots = make(chan struct{}, limit)
	}
	m := New()
	t.override = override{
		Driver: m,
		get: func(ctx context.Context, p string) ([]byte, error) {
			defer t.Call()()
			pause()
			return m.GetContent(ctx, p)
		},
		put: func(ctx context.Context, p string, b []byte) error {
			defer t.Call()()
			pause()
			return m.PutContent(ctx, p, b)
		},
		stat: func(ctx context.Context, p string) (Info, error) { defer t.Call()(); return m.Stat(ctx, p) },
		list: func(ctx context.Context, p string) ([]string, error) { defer t.Call()(); return m.List(ctx, p) },
		del:  func(ctx context.Context, p string) error { defer t.Call()(); return m.Delete(ctx, p) },
		walk: func(ctx context.Context, p string, f WalkFunc, o ...func(*WalkOptions)) error {
			t.Call()()
			return m.Walk(ctx, p, f, o...)
		},
	}
	return t
}

// Call begins a call to the back-end and returns what ends it.
func (t *Meter) Call() (done func()) {
	if t.slots != nil {
		t.slots <- struct{}{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	t.now++
	t.peak = max(t.peak, t.now)
	return func() {
		t.mu.Lock()
		t.now--
		t.mu.Unlock()
		if t.slots != nil {
			<-t.slots
		}
	}
}

// Count returns the calls since it was called last, and how many were under way at once.
func (t *Meter) Count() (calls, peak int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls, peak = t.calls, t.peak
	t.calls, t.peak = 0, t.now
	return calls, peak
}

// Keys lists where the content of the sound driver is: objects and open uploads under their path.
func (m *Memory) Keys() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for p := range m.pending {
		keys = append(keys, "uploads"+p)
	}
	return append(keys, slices.Collect(maps.Keys(m.objects))...), nil
}

// Cut returns the store that a power cut leaves of one that [Reopen] opened: what was flushed.
func (m *Memory) Cut(dir string) (*Memory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := os.ReadFile(m.journal.f.Name())
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "journal"), b[:m.journal.flushed], 0o666); err != nil {
		return nil, fmt.Errorf("writing what is left of the journal: %w", err)
	}
	return Reopen(dir, nil)
}

var errTwoSystems = errors.New("source and destination are on two file systems")

// Spread is the sound driver with a directory on another file system: no object can be moved there,
// or back.
func Spread(m *Memory, far string) Driver {
	return override{Driver: m, move: func(ctx context.Context, from, to string) error {
		if _, err := m.Stat(ctx, from); err != nil {
			return err
		}
		if below(far, from) != below(far, to) {
			return failed(errTwoSystems)
		}
		return m.Move(ctx, from, to)
	}}
}

func inspectedFaults() []Wrong {
	return []Wrong{
		{Fault: "the limit of calls is forgotten", Rule: "LEAK-07", Metered: func(int) *Meter { return NewMeter(0) }},
		{Fault: "Stat asks four times", Rule: "PERF-06", Metered: func(limit int) *Meter {
			t := NewMeter(limit)
			stat := t.stat
			t.stat = func(ctx context.Context, p string) (Info, error) {
				for range 3 {
					t.Call()()
				}
				return stat(ctx, p)
			}
			return t
		}},
		{Fault: "all uploads lie in one directory", Rule: "PERF-09", Keys: func(m *Memory) ([]string, error) {
			all, err := m.Keys()
			for i := range all {
				all[i] = fmt.Sprintf("segments/%x", all[i])
			}
			return all, err
		}},
		{Fault: "what was acknowledged was not flushed", Rule: "CRSH-10", Journal: func(j *Journal) { j.NoSync = true }},
		{Fault: "a move to another file system deletes first", Rule: "MOVE-08", Spread: func(m *Memory, far string) Driver {
			d := Spread(m, far)
			return override{Driver: d, move: func(ctx context.Context, from, to string) error {
				_ = m.Delete(ctx, to)
				return d.Move(ctx, from, to)
			}}
		}},
		{Fault: "a move to another file system says that the source is missing", Rule: "MOVE-08", Spread: func(m *Memory, far string) Driver {
			d := Spread(m, far)
			return override{Driver: d, move: func(ctx context.Context, from, to string) error {
				if err := d.Move(ctx, from, to); errors.Is(err, errTwoSystems) {
					return PathNotFoundError{from, Name}
				}
				return nil
			}}
		}},
	}
}
