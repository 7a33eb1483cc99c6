package drivertest_test

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/drivertest/internal/broken"
)

// lagging is a driver whose changes show a moment after they were made: what is put is missing, and
// what is deleted is still listed.
type lagging struct {
	broken.Driver
	mu      sync.Mutex
	put     map[string]time.Time
	deleted map[string]time.Time
}

const lag = 15 * time.Millisecond

func newLagging() *lagging {
	return &lagging{Driver: broken.New(), put: map[string]time.Time{}, deleted: map[string]time.Time{}}
}

func (l *lagging) fresh(changes map[string]time.Time, path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(changes[path]) < lag
}

func (l *lagging) PutContent(ctx context.Context, path string, b []byte) error {
	l.mu.Lock()
	l.put[path] = time.Now()
	l.mu.Unlock()
	return l.Driver.PutContent(ctx, path, b)
}

func (l *lagging) Delete(ctx context.Context, path string) error {
	l.mu.Lock()
	l.deleted[path] = time.Now()
	l.mu.Unlock()
	return l.Driver.Delete(ctx, path)
}

func (l *lagging) missing(path string) error {
	if l.fresh(l.put, path) {
		return broken.PathNotFoundError{Path: path, DriverName: broken.Name}
	}
	return nil
}

func (l *lagging) GetContent(ctx context.Context, path string) ([]byte, error) {
	if err := l.missing(path); err != nil {
		return nil, err
	}
	return l.Driver.GetContent(ctx, path)
}

func (l *lagging) Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if err := l.missing(path); err != nil {
		return nil, err
	}
	return l.Driver.Reader(ctx, path, offset)
}

func (l *lagging) Stat(ctx context.Context, path string) (broken.Info, error) {
	if err := l.missing(path); err != nil {
		return nil, err
	}
	return l.Driver.Stat(ctx, path)
}

func (l *lagging) List(ctx context.Context, path string) ([]string, error) {
	all, err := l.Driver.List(ctx, path)
	all = slices.DeleteFunc(all, func(p string) bool { return l.fresh(l.put, p) })
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, at := range l.deleted {
		if time.Since(at) < lag && err == nil && len(p) > len(path) && p[:len(path)+1] == path+"/" {
			all = append(all, p)
		}
	}
	return all, err
}

// TestConsistencyWindows judges a driver that lags: within the windows that are declared it is
// sound, and without them each rule notices.
func TestConsistencyWindows(t *testing.T) {
	t.Parallel()
	const window = 5 * time.Second
	for rule, declared := range map[string]drivertest.Consistency{
		"CONS-01": {Write: window},
		"CONS-02": {Write: window, List: window},
		"CONS-03": {Write: window, Delete: window},
	} {
		for _, windows := range []drivertest.Consistency{declared, {}} {
			rep := check(t, newLagging(), drivertest.Config{Only: []string{rule}, Consistency: windows})
			res := outcome(t, rep, rule)
			if sound := windows != (drivertest.Consistency{}); (res.Outcome == drivertest.Passed) != sound {
				t.Errorf("windows %+v: %s", windows, res)
			}
		}
	}
}
