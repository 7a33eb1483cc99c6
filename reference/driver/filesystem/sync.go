package filesystem

import (
	"errors"
	"io/fs"
	"os"
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
	var g errgroup.Group
	for dir := range dirs {
		g.Go(func() error { return s.one(dir) })
	}
	return g.Wait()
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

// syncDir makes the names in a directory last. One that has gone meanwhile has
// no names to keep.
func syncDir(full string) error {
	dir, err := openFile(full, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
