package filesystem

import (
	"container/list"
	"io/fs"
	"sync"
	"syscall"
	"time"
)

// settled is the age from which the time of a file or directory is sure to change
// with it: more than the grain of time of any file system.
const settled = 3 * time.Second

// isSettled reports whether a file has not changed for a while. One that has might
// again without a trace in its time.
func isSettled(info fs.FileInfo) bool { return time.Since(info.ModTime()) > settled }

// known remembers what files or directories hold for as long as they don't
// change, bounded. It is safe for concurrent use.
type known[V any] struct {
	bound int // of the costs, in bytes

	mu     sync.Mutex
	used   int
	order  list.List // of *memory[V], the latest in front
	byPath map[string]*list.Element
}

type memory[V any] struct {
	path  string
	of    identity // of the file, before it was read
	value V
	cost  int
}

// An identity differs when a file is another or has changed, if it [isSettled].
type identity struct {
	device, inode uint64
	changed       time.Time
	size          int64
}

func identityOf(info fs.FileInfo) identity {
	i := identity{changed: info.ModTime(), size: info.Size()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		i.device, i.inode = uint64(stat.Dev), stat.Ino
	}
	return i
}

// has reports whether there is a value for a path, be it an old one.
func (k *known[V]) has(path string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.byPath[path] != nil
}

// get returns the value of the file at path that info describes now, if it is
// known. It must not be changed.
func (k *known[V]) get(path string, info fs.FileInfo) (value V, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.byPath[path]
	if e == nil {
		return value, false
	}
	m := e.Value.(*memory[V])
	if m.of != identityOf(info) {
		k.drop(e)
		return value, false
	}
	k.order.MoveToFront(e)
	return m.value, true
}

// put remembers the value of the file at path, which info described before it was
// read, as one that [isSettled].
func (k *known[V]) put(path string, info fs.FileInfo, value V, cost int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byPath == nil {
		k.byPath = map[string]*list.Element{}
	}
	if e := k.byPath[path]; e != nil {
		k.drop(e)
	}
	k.byPath[path] = k.order.PushFront(&memory[V]{path, identityOf(info), value, cost})
	for k.used += cost; k.used > k.bound; {
		k.drop(k.order.Back())
	}
}

// drop forgets a value. The lock must be held.
func (k *known[V]) drop(e *list.Element) {
	m := k.order.Remove(e).(*memory[V])
	delete(k.byPath, m.path)
	k.used -= m.cost
}
