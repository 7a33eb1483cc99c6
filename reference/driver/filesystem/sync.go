package filesystem

import (
	"cmp"
	"sync"

	"golang.org/x/sync/errgroup"
)

// A syncer makes the names in directories last. Calls for one directory that
// wait at the same time share one sync: one that begins after all of them came.
type syncer struct {
	sync func(dir string) error

	mu    sync.Mutex
	turns map[string]*turns
}

// turns are the syncs of one directory, of which one runs at a time.
type turns struct {
	last    *turn // the one that began last
	next    *turn // the one that has not begun; nil if nobody waits for one
	callers int
}

type turn struct {
	done chan struct{}
	err  error
}

func newSyncer(f func(dir string) error) *syncer {
	return &syncer{sync: f, turns: map[string]*turns{}}
}

// all syncs the directories, at once.
func (s *syncer) all(dirs map[string]bool) error {
	var g together
	for dir := range dirs {
		g.add(func() error { return s.one(dir) })
	}
	return g.run()
}

func (s *syncer) one(dir string) error {
	s.mu.Lock()
	of := s.turns[dir]
	if of == nil {
		of = &turns{}
		s.turns[dir] = of
	}
	of.callers++
	mine, last := of.next, of.last
	first := mine == nil
	if first {
		mine = &turn{done: make(chan struct{})}
		of.next = mine
	}
	s.mu.Unlock()

	if first {
		if last != nil {
			<-last.done
		}
		s.mu.Lock()
		// Who comes from now on may have named something too late for it.
		of.last, of.next = mine, nil
		s.mu.Unlock()
		mine.err = s.sync(dir)
		close(mine.done)
	}
	<-mine.done
	s.mu.Lock()
	defer s.mu.Unlock()
	if of.callers--; of.callers == 0 {
		delete(s.turns, dir)
	}
	return mine.err
}

// together are calls that are made at once.
type together []func() error

func (t *together) add(f func() error) { *t = append(*t, f) }

// run makes the calls, one of them here, and returns the first error.
func (t together) run() error {
	if len(t) == 0 {
		return nil
	}
	var g errgroup.Group
	for _, f := range t[1:] {
		g.Go(f)
	}
	return cmp.Or(t[0](), g.Wait())
}
