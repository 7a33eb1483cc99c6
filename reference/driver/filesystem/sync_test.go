package filesystem

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSyncsAreShared has calls come while a sync runs: all of them share the
// next, and none takes the one that began before it came.
func TestSyncsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var began []time.Time
		fail := errors.New("fail")
		s := newSyncer(func(string) error {
			mu.Lock()
			began = append(began, time.Now())
			second := len(began) == 2
			mu.Unlock()
			time.Sleep(time.Second)
			if second {
				return fail
			}
			return nil
		})
		var wg sync.WaitGroup
		var failed atomic.Int32
		for i := range 9 {
			wg.Go(func() {
				// The first comes alone, the rest while its sync runs.
				if i > 0 {
					time.Sleep(500 * time.Millisecond)
				}
				came := time.Now()
				err := s.one("/a")
				mu.Lock()
				defer mu.Unlock()
				if begin := began[len(began)-1]; begin.Before(came) {
					t.Errorf("call %d took a sync that began %v before it", i, came.Sub(begin))
				}
				if errors.Is(err, fail) {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		if len(began) != 2 || failed.Load() != 8 {
			t.Errorf("%d syncs, %d calls share the failed one", len(began), failed.Load())
		}
		if len(s.turns) != 0 {
			t.Errorf("%d directories are kept", len(s.turns))
		}
	})
}
