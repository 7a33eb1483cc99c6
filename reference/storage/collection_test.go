package storage_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/storage"
)

// TestOneCollector lets many begin at once: no two are at work at a time.
func TestOneCollector(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	var working, began atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				c, err := storage.BeginCollection(t.Context(), d, 0)
				if errors.Is(err, storage.ErrCollecting) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := working.Add(1); n != 1 {
					t.Errorf("%d collectors are at work", n)
				}
				began.Add(1)
				working.Add(-1)
				if err := c.End(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if began.Load() == 0 {
		t.Error("none began")
	}
}

// TestDeadCollector lets a collector die in the middle of a removal: for two
// minutes pushes wait for it and others give way; then it is as if it had ended.
func TestDeadCollector(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := inmemory.New(inmemory.Parameters{})
		dead := errors.New("dead")
		var died atomic.Bool
		uses := 0
		hooked := faulty.Wrap(d, func(op faulty.Op, path string) error {
			if op == faulty.PutContent && strings.Contains(path, "/_garbage/uses/") {
				uses++
			}
			return nil
		})
		mortal := faulty.Wrap(d, func(faulty.Op, string) error {
			if died.Load() {
				return dead
			}
			return nil
		})
		c, err := storage.BeginCollection(t.Context(), mortal, 0)
		must(t, err)
		err = c.Remove(t.Context(), []digest.Digest{digest.FromString("x")}, func() error { died.Store(true); return nil })
		if !errors.Is(err, dead) {
			t.Errorf("a removal without a driver gives %v", err)
		}
		if err := c.End(t.Context()); !errors.Is(err, dead) {
			t.Errorf("an end without a driver gives %v", err)
		}
		if _, err := storage.BeginCollection(t.Context(), d, 0); !errors.Is(err, storage.ErrCollecting) {
			t.Errorf("beside a collector that may live another gets %v", err)
		}
		p := repository(t, storage.New(hooked, storage.Options{}), "app")
		push(t, p, []byte("y"))
		if uses != 1 {
			t.Errorf("during a collection a push puts %d uses", uses)
		}
		begin := time.Now()
		w, err := p.Blobs().Create(t.Context())
		must(t, err)
		_, err = w.Write([]byte("x"))
		must(t, err)
		if _, err = w.Commit(t.Context(), describe([]byte("x"))); err == nil || time.Since(begin) < 10*time.Second {
			t.Errorf("a push of what may be going was not kept waiting: %v after %v", err, time.Since(begin))
		}
		must(t, w.Cancel(t.Context()))
		time.Sleep(3 * time.Minute)
		uses = 0
		push(t, p, []byte("x"))
		if uses != 0 {
			t.Error("a push minds a dead collector")
		}
		next, err := storage.BeginCollection(t.Context(), d, 0)
		must(t, err)
		must(t, next.End(t.Context()))
	})
}

// TestLapsedCollector holds a collector up: it removes nothing more.
func TestLapsedCollector(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cut atomic.Bool
		d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), func(_ faulty.Op, path string) error {
			if cut.Load() && strings.Contains(path, "/collectors/") {
				return errMedium
			}
			return nil
		})
		c, err := storage.BeginCollection(t.Context(), d, 0)
		must(t, err)
		time.Sleep(time.Hour) // it gives signs of life meanwhile
		removed := 0
		remove := func() error { removed++; return c.Held() }
		must(t, c.Remove(t.Context(), nil, remove))
		cut.Store(true)
		time.Sleep(90 * time.Second)
		if err := c.Remove(t.Context(), nil, remove); err == nil || removed != 1 {
			t.Errorf("it went on: %v", err)
		}
		cut.Store(false)
		if c.End(t.Context()) == nil {
			t.Error("it ends as if it had been there all the time")
		}
	})
}

// TestSettle lets nothing be removed before the time that was asked for.
func TestSettle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		c, err := storage.BeginCollection(t.Context(), inmemory.New(inmemory.Parameters{}), 5*time.Second)
		must(t, err)
		must(t, c.Remove(t.Context(), nil, func() error { return nil }))
		if waited := time.Since(begin); waited != 5*time.Second {
			t.Errorf("the first removal came after %v", waited)
		}
		must(t, c.Remove(t.Context(), nil, func() error { return nil }))
		if waited := time.Since(begin); waited != 5*time.Second {
			t.Errorf("the second removal came after %v", waited)
		}
		must(t, c.End(t.Context()))
	})
}
