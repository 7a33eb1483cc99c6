package filesystem

import (
	"io/fs"
	"sync"
	"syscall"
	"time"

	"github.com/registryconform/conform/reference/internal/lru"
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
	mu     sync.Mutex
	byPath lru.Cache[string, memory[V]]
}

type memory[V any] struct {
	of    identity // of the file, before it was read
	value V
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

// newKnown returns one that remembers as many bytes.
func newKnown[V any](bound int) *known[V] {
	return &known[V]{byPath: lru.Cache[string, memory[V]]{Bound: bound}}
}

// has reports whether there is a value for a path, be it an old one.
func (k *known[V]) has(path string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.byPath.Has(path)
}

// get returns the value of the file at path that info describes now, if it is
// known. It must not be changed.
func (k *known[V]) get(path string, info fs.FileInfo) (value V, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m, ok := k.byPath.Get(path)
	if ok && m.of != identityOf(info) {
		k.byPath.Delete(path)
		return value, false
	}
	return m.value, ok
}

// put remembers the value of the file at path, which info described before it was
// read, as one that [isSettled].
func (k *known[V]) put(path string, info fs.FileInfo, value V, cost int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byPath.Put(path, memory[V]{identityOf(info), value}, cost)
}
