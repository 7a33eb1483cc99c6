package filesystem

import (
	"bytes"
	"errors"
	"hash/maphash"
	"sync"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/lru"
)

const (
	// factsBound is how many bytes the facts of one kind may take, and factCost
	// what one takes beside its path and content.
	factsBound = 8 << 20
	factCost   = 512
)

// An exclusive is what the driver of a root that nobody else changes knows of its
// files. Nil is told of changes and knows nothing.
type exclusive struct {
	contents *facts[content]
	infos    *facts[driver.FileInfo]
}

// A content is that of a file, or says that there is no file.
type content struct {
	bytes  []byte
	absent bool
}

func newExclusive() *exclusive {
	return &exclusive{newFacts[content](), newFacts[driver.FileInfo]()}
}

// change says that the file of a path changes, until the function that it returns
// is called.
func (e *exclusive) change(path string) func() { return e.changes(path, false) }

// removal says that the file of a path, or all files below it, go, until the
// function that it returns is called.
func (e *exclusive) removal(path string) func() { return e.changes(path, true) }

func (e *exclusive) changes(path string, below bool) func() {
	if e == nil {
		return func() {}
	}
	e.contents.begin(path, below)
	e.infos.begin(path, below)
	return func() {
		e.contents.end(path, below)
		e.infos.end(path, below)
	}
}

// getContent returns the content of a file, which read returns if it is not known.
func (e *exclusive) getContent(path string, read func(path string) ([]byte, error)) ([]byte, error) {
	c, err := e.contents.get(path, func() (content, int, error) {
		b, err := read(path)
		if _, absent := errors.AsType[driver.PathNotFoundError](err); absent {
			return content{absent: true}, 0, nil
		}
		if len(b) > keptSize {
			return content{bytes: b}, tooMuch, err
		}
		return content{bytes: b}, len(b), err
	})
	switch {
	case err != nil:
		return nil, err
	case c.absent:
		return nil, driver.PathNotFoundError{Path: path, DriverName: name}
	case len(c.bytes) > keptSize:
		return c.bytes, nil
	}
	return bytes.Clone(c.bytes), nil
}

// stat describes a file or directory, as read does; files are remembered.
func (e *exclusive) stat(path string, read func(path string) (driver.FileInfo, error)) (driver.FileInfo, error) {
	return e.infos.get(path, func() (driver.FileInfo, int, error) {
		info, err := read(path)
		if err != nil || info.IsDir() {
			return info, tooMuch, err
		}
		return info, 0, nil
	})
}

// facts remembers one thing of each path, bounded, until it changes. What is read
// while it changes is not remembered. It is safe for concurrent use.
type facts[V any] struct {
	seed maphash.Seed

	mu       sync.Mutex
	known    lru.Cache[string, fact[V]]
	reads    map[string]*reading
	changing map[string]int // how many changes of the path are under way
	// removals counts those of a path, in a place by its hash, so that what is
	// known below it need not be looked for. That others are in the same place
	// makes them be asked for again.
	removals [4096]struct{ begun, active uint32 }
}

type fact[V any] struct {
	value V
	stamp uint64 // of the path, when it was read
}

// A reading is of all who read one path at the same time.
type reading struct {
	users int
	stale bool // the path has changed since it began
}

func newFacts[V any]() *facts[V] {
	return &facts[V]{
		seed: maphash.MakeSeed(), known: lru.Cache[string, fact[V]]{Bound: factsBound},
		reads: map[string]*reading{}, changing: map[string]int{},
	}
}

// tooMuch is the cost of what is not to be remembered.
const tooMuch = -1

// get returns what is known of a path. If nothing is, it is what read returns, with
// its cost, which is remembered.
func (f *facts[V]) get(path string, read func() (value V, cost int, err error)) (V, error) {
	f.mu.Lock()
	stamp, stays := f.stamp(path)
	if k, ok := f.known.Get(path); ok && k.stamp == stamp {
		f.mu.Unlock()
		return k.value, nil
	}
	r := f.join(path)
	f.mu.Unlock()
	value, cost, err := read()
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.users--; r.users == 0 && f.reads[path] == r {
		delete(f.reads, path)
	}
	// If it was removed meanwhile, its stamp is another by now.
	if err == nil && cost != tooMuch && !r.stale && stays {
		f.known.Put(path, fact[V]{value, stamp}, cost+len(path)+factCost)
	}
	return value, err
}

// stamp returns a number that grows with each removal of the path, or of a path
// above it, and whether none is under way. The lock must be held.
func (f *facts[V]) stamp(path string) (stamp uint64, stays bool) {
	stays = true
	for i := 1; i <= len(path); i++ {
		if i == len(path) || path[i] == '/' {
			r := f.removals[f.place(path[:i])]
			stamp += uint64(r.begun)
			stays = stays && r.active == 0
		}
	}
	return stamp, stays
}

func (f *facts[V]) place(path string) uint64 {
	return maphash.String(f.seed, path) % uint64(len(f.removals))
}

// join returns the reading of a path that begins now. The lock must be held.
func (f *facts[V]) join(path string) *reading {
	r := f.reads[path]
	switch {
	case f.changing[path] > 0:
		return &reading{users: 1, stale: true}
	case r == nil:
		r = &reading{}
		f.reads[path] = r
	}
	r.users++
	return r
}

// begin says that a path is going to change, and with below, all below it.
func (f *facts[V]) begin(path string, below bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changing[path]++
	f.known.Delete(path)
	if r := f.reads[path]; r != nil {
		r.stale = true
		delete(f.reads, path)
	}
	if below {
		r := &f.removals[f.place(path)]
		r.begun++
		r.active++
	}
}

// end says that what begin said is done.
func (f *facts[V]) end(path string, below bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changing[path]--; f.changing[path] == 0 {
		delete(f.changing, path)
	}
	if below {
		f.removals[f.place(path)].active--
	}
}
