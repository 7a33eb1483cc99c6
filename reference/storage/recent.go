package storage

import (
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/internal/lru"
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
	byKey lru.Cache[digest.Digest, kept]
}

// kept is what is known of a manifest; manifest is nil until it was parsed.
type kept struct {
	payload  registry.Payload
	manifest registry.Manifest
}

func newRecent() recent { return recent{byKey: lru.Cache[digest.Digest, kept]{Bound: recentBound}} }

func parsed(m registry.Manifest) kept { return kept{registry.PayloadOf(m), m} }

// get returns what is known of a manifest, if anything is.
func (c *recent) get(key digest.Digest) (kept, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byKey.Get(key)
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
	if before, ok := c.byKey.Get(key); ok && (k.manifest == nil || before.manifest != nil) {
		return
	}
	c.byKey.Put(key, k, cost)
}
