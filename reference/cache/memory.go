package cache

import (
	"context"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/internal/lru"
	"github.com/registryconform/conform/reference/registry"
)

// DefaultTTL is how long an entry lives unless told otherwise.
const DefaultTTL = 5 * time.Minute

const (
	defaultEntries = 100_000
	defaultBytes   = 16 << 20
	// overhead is what an entry takes beside its strings: the node, the map's
	// cell, the list's element.
	overhead = 400
)

// MemoryOptions are the settings of a [Memory]. The zero value works.
type MemoryOptions struct {
	// TTL is how long an entry lives. 0: [DefaultTTL].
	TTL time.Duration
	// MaxEntries and MaxBytes bound the cache; what was used least goes
	// first. 0: 100,000 entries in 16 MiB.
	MaxEntries int
	MaxBytes   int
	// Now tells the time. nil: [time.Now].
	Now func() time.Time
}

// A Memory is a [registry.DescriptorCache] in the memory of the process,
// bounded, and safe for concurrent use. Make one with [NewMemory].
type Memory struct {
	options MemoryOptions
	seed    maphash.Seed

	mu      sync.Mutex
	entries lru.Cache[key, *entry]
	// cleared counts, by a part of the hash of the key, what was cleared. It
	// is the token of a fill, which an unrelated clear may void: that costs
	// no more than asking the store again.
	cleared [256]uint64
}

type key struct {
	name   string
	digest digest.Digest
}

type entry struct {
	desc    registry.Descriptor
	expires time.Time
}

var _ registry.DescriptorCache = (*Memory)(nil)

// NewMemory returns an empty cache.
func NewMemory(o MemoryOptions) *Memory {
	if o.TTL <= 0 {
		o.TTL = DefaultTTL
	}
	if o.MaxEntries <= 0 {
		o.MaxEntries = defaultEntries
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Memory{options: o, seed: maphash.MakeSeed(), entries: lru.Cache[key, *entry]{Bound: o.MaxBytes}}
}

// generation returns the count of what was cleared beside k.
func (m *Memory) generation(k key) *uint64 {
	return &m.cleared[maphash.Comparable(m.seed, k)%uint64(len(m.cleared))]
}

// Get implements [registry.DescriptorCache].
func (m *Memory) Get(_ context.Context, name registry.Name, dgst digest.Digest) (registry.CacheAnswer, error) {
	if err := CheckKey(name, dgst); err != nil {
		return registry.CacheAnswer{}, err
	}
	k := key{name.String(), dgst}
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, ok := m.entries.Get(k); ok {
		if m.options.Now().Before(found.expires) {
			return registry.CacheAnswer{Known: true, Descriptor: found.desc}, nil
		}
		m.entries.Delete(k)
	}
	return registry.CacheAnswer{Token: token(*m.generation(k))}, nil
}

func token(generation uint64) registry.CacheToken {
	return registry.CacheToken(strconv.FormatUint(generation, 10))
}

// Set implements [registry.DescriptorCache].
func (m *Memory) Set(_ context.Context, name registry.Name, dgst digest.Digest, desc registry.Descriptor, t registry.CacheToken) error {
	if err := Check(name, dgst, desc); err != nil {
		return err
	}
	// What is kept is bounded: the three facts that a blob's descriptor has, and
	// no part of a longer string, such as the line of a request.
	k := key{strings.Clone(name.String()), digest.Digest(strings.Clone(dgst.String()))}
	e := &entry{desc: registry.Descriptor{
		MediaType: strings.Clone(desc.MediaType), Digest: digest.Digest(strings.Clone(desc.Digest.String())), Size: desc.Size,
	}}
	e.expires = m.options.Now().Add(m.options.TTL)
	cost := overhead + len(k.name) + len(dgst) + len(desc.Digest) + len(desc.MediaType)
	m.mu.Lock()
	defer m.mu.Unlock()
	if t != token(*m.generation(k)) || cost > m.options.MaxBytes {
		return nil
	}
	m.entries.Put(k, e, cost)
	for m.entries.Len() > m.options.MaxEntries {
		m.entries.DropOldest()
	}
	return nil
}

// Clear implements [registry.DescriptorCache]. It never fails for a valid key.
func (m *Memory) Clear(_ context.Context, name registry.Name, dgst digest.Digest) error {
	if err := CheckKey(name, dgst); err != nil {
		return err
	}
	k := key{name.String(), dgst}
	m.mu.Lock()
	defer m.mu.Unlock()
	*m.generation(k)++
	m.entries.Delete(k)
	return nil
}

// Len returns how many entries there are, and the bytes that they count for.
func (m *Memory) Len() (entries, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries.Len(), m.entries.Cost()
}
