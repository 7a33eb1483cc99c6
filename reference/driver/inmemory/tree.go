package inmemory

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A node is a file (content set) or a directory that has a file below.
type node struct {
	content  *content
	modified time.Time
	children map[string]*node
	// sorted are the names of the children, once somebody asked for them
	// and until one comes or goes.
	sorted atomic.Pointer[[]string]
}

func (n *node) isDir() bool { return n.content == nil }

// names returns the names of the children, sorted. They must not be changed.
func (n *node) names() []string {
	if sorted := n.sorted.Load(); sorted != nil {
		return *sorted
	}
	names := slices.Sorted(maps.Keys(n.children))
	n.sorted.Store(&names)
	return names
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

func components(path string) []string {
	if path == "/" {
		return nil
	}
	return strings.Split(path[1:], "/")
}

// find returns the node at path, or nil.
func (n *node) find(path string) *node {
	for _, c := range components(path) {
		if n = n.children[c]; n == nil {
			return nil
		}
	}
	return n
}

// missing returns how many nodes a file at path would add. It is -1 if the
// path is a directory, or leads through a file.
func (n *node) missing(path string) int {
	parts := components(path)
	for i, c := range parts {
		if !n.isDir() {
			return -1
		}
		child := n.children[c]
		if child == nil {
			return len(parts) - i
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
	for _, part := range components(path) {
		if n.children == nil {
			n.children = map[string]*node{}
		}
		child := n.children[part]
		if child == nil {
			child = n.add(part)
		}
		n = child
	}
	n.content, n.modified = c, at
}

// remove takes the node at path out, with the directories that are empty
// then, and returns the bytes and nodes that went. It returns false if there
// is nothing at path.
func (n *node) remove(path string) (bytes int64, nodes int, ok bool) {
	return n.removeParts(components(path))
}

func (n *node) removeParts(parts []string) (bytes int64, nodes int, ok bool) {
	child := n.children[parts[0]]
	if child == nil {
		return 0, 0, false
	}
	if len(parts) == 1 {
		bytes, nodes = child.weight()
		n.drop(parts[0])
		return bytes, nodes, true
	}
	bytes, nodes, ok = child.removeParts(parts[1:])
	if ok && child.isDir() && len(child.children) == 0 {
		n.drop(parts[0])
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
