package storage

import (
	"container/list"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

const (
	// recentBound is how many bytes the manifests that are kept may take.
	recentBound = 4 << 20
	// parsedFactor is what a parsed manifest takes, at most, of memory for
	// each byte of its content: a descriptor is longer than its text.
	parsedFactor = 8
	// keptOverhead is what an entry takes beside its content.
	keptOverhead = 512
)

// recent keeps the manifests that were read or stored last. A manifest never
// changes, and the links are looked at before it is asked for one, so that an
// answer from here is always right.
type recent struct {
	mu    sync.Mutex
	used  int
	order list.List // of *recentEntry, the latest in front
	byKey map[digest.Digest]*list.Element
}

// kept is what is known of a manifest; manifest is nil until it was parsed.
type kept struct {
	payload  registry.Payload
	manifest registry.Manifest
}

func parsed(m registry.Manifest) kept { return kept{registry.PayloadOf(m), m} }

type recentEntry struct {
	key digest.Digest
	kept
	cost int
}

// get returns what is known of a manifest, if anything is.
func (c *recent) get(key digest.Digest) (kept, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return kept{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*recentEntry).kept, true
}

// put keeps k, unless that is much, or no more than is kept already.
func (c *recent) put(key digest.Digest, k kept) {
	cost := len(k.payload.Content) + keptOverhead
	if k.manifest != nil {
		cost += len(k.payload.Content) * parsedFactor
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if cost > recentBound/4 {
		return
	}
	if e := c.byKey[key]; e != nil {
		if k.manifest == nil || e.Value.(*recentEntry).manifest != nil {
			return
		}
		c.drop(e)
	}
	if c.byKey == nil {
		c.byKey = map[digest.Digest]*list.Element{}
	}
	c.byKey[key] = c.order.PushFront(&recentEntry{key, k, cost})
	for c.used += cost; c.used > recentBound; {
		c.drop(c.order.Back())
	}
}

func (c *recent) drop(e *list.Element) {
	last := c.order.Remove(e).(*recentEntry)
	delete(c.byKey, last.key)
	c.used -= last.cost
}
