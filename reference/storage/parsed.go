package storage

import (
	"container/list"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

const (
	// parsedBound is how many bytes of manifests are kept parsed.
	parsedBound = 4 << 20
	// parsedFactor is what a parsed manifest takes, at most, of memory for
	// each byte of its content: a descriptor is longer than its text.
	parsedFactor = 8
)

// parsed keeps the manifests that were read last. A manifest never changes,
// and the links are looked at before it is asked for one, so that an answer
// from here is always right.
type parsed struct {
	mu    sync.Mutex
	used  int
	order list.List // of *parsedEntry, the latest in front
	byKey map[digest.Digest]*list.Element
}

type parsedEntry struct {
	key      digest.Digest
	manifest registry.Manifest
	cost     int
}

func (c *parsed) get(key digest.Digest) registry.Manifest {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*parsedEntry).manifest
}

func (c *parsed) put(key digest.Digest, m registry.Manifest) {
	_, content := m.Payload()
	cost := len(content) * parsedFactor
	c.mu.Lock()
	defer c.mu.Unlock()
	if cost > parsedBound/4 || c.byKey[key] != nil {
		return
	}
	if c.byKey == nil {
		c.byKey = map[digest.Digest]*list.Element{}
	}
	c.byKey[key] = c.order.PushFront(&parsedEntry{key, m, cost})
	for c.used += cost; c.used > parsedBound; {
		last := c.order.Remove(c.order.Back()).(*parsedEntry)
		delete(c.byKey, last.key)
		c.used -= last.cost
	}
}
