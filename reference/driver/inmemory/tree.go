package inmemory

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

// A node is a file (content set) or a directory that has a file below.
type node struct {
	content  *content
	modified time.Time
	children map[string]*node
	// sorted are the children, once somebody asked for them
	// and until one comes or goes.
	sorted atomic.Pointer[[]driver.Entry]
}

func (n *node) isDir() bool { return n.content == nil }

// entries returns the children, sorted. They must not be changed.
func (n *node) entries() []driver.Entry {
	if sorted := n.sorted.Load(); sorted != nil {
		return *sorted
	}
	entries := make([]driver.Entry, 0, len(n.children))
	for name, child := range n.children {
		entries = append(entries, driver.Entry{Name: name, IsDir: child.isDir()})
	}
	slices.SortFunc(entries, driver.CompareEntries)
	n.sorted.Store(&entries)
	return entries
}

// add makes a new child.
func (n *node) add(name string) *node {
	child := &node{}
	n.children[name] = child
	n.sorted.Store(nil)
	return child
}

// drop takes a child out.
func (n *node) drop(name string) {
	delete(n.children, name)
	n.sorted.Store(nil)
}

// find returns the node at path, or nil.
func (n *node) find(path string) *node {
	var name string
	for rest := path[1:]; rest != ""; {
		name, rest, _ = strings.Cut(rest, "/")
		if n = n.children[name]; n == nil {
			return nil
		}
	}
	return n
}

// missing returns how many nodes a file at path would add. It is -1 if the
// path is a directory, or leads through a file.
func (n *node) missing(path string) int {
	var name string
	for rest := path[1:]; rest != ""; {
		if !n.isDir() {
			return -1
		}
		below := rest
		name, rest, _ = strings.Cut(below, "/")
		child := n.children[name]
		if child == nil {
			return 1 + strings.Count(below, "/")
		}
		n = child
	}
	if n.isDir() {
		return -1
	}
	return 0
}

// put makes path a file with the content. missing has said that it can be.
func (n *node) put(path string, c *content, at time.Time) {
	var name string
	for rest := path[1:]; rest != ""; {
		name, rest, _ = strings.Cut(rest, "/")
		if n.children == nil {
			n.children = map[string]*node{}
		}
		child := n.children[name]
		if child == nil {
			child = n.add(name)
		}
		n = child
	}
	n.content, n.modified = c, at
}

// remove takes the node at path out, with the directories that are empty
// then, and returns the bytes and nodes that went. It returns false if there
// is nothing at path.
func (n *node) remove(path string) (bytes int64, nodes int, ok bool) {
	name, _, more := strings.Cut(path[1:], "/")
	child := n.children[name]
	if child == nil {
		return 0, 0, false
	}
	if !more {
		bytes, nodes = child.weight()
		n.drop(name)
		return bytes, nodes, true
	}
	bytes, nodes, ok = child.remove(path[1+len(name):])
	if ok && child.isDir() && len(child.children) == 0 {
		n.drop(name)
		nodes++
	}
	return bytes, nodes, ok
}

func (n *node) weight() (bytes int64, nodes int) {
	nodes = 1
	if n.content != nil {
		bytes = n.content.size
	}
	for _, child := range n.children {
		b, k := child.weight()
		bytes, nodes = bytes+b, nodes+k
	}
	return bytes, nodes
}
