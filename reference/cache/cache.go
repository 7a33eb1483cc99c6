// Package cache holds the [registry.DescriptorCache] of one process, [Memory],
// and what every cache has in common; package redis below holds the one that
// replicas share.
//
// A cache knows no store: it is the store that asks its cache first and fills
// it. Nothing here goes stale by itself but in one way, that somebody who does
// not share the cache deletes; that lasts as long as the TTL at most.
package cache

import (
	"context"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// Check returns why desc can't be remembered for dgst in name, as
// [registry.ErrNameInvalid] or [registry.ErrDigestInvalid]; nil if it can.
func Check(name registry.Name, dgst digest.Digest, desc registry.Descriptor) error {
	if err := CheckKey(name, dgst); err != nil {
		return err
	}
	if err := registry.CheckDescriptor(desc); err != nil {
		return registry.ErrDigestInvalid.Wrap(err)
	}
	return nil
}

// CheckKey returns why nothing can be known of dgst in name, as [Check] does.
func CheckKey(name registry.Name, dgst digest.Digest) error {
	if name.IsZero() {
		return registry.ErrNameInvalid.With("the name is empty")
	}
	_, err := registry.ParseDigest(dgst.String())
	return err
}

// Metrics are counts since the start. Each request is a hit or a miss; one that
// failed is a miss.
type Metrics struct {
	Requests, Hits, Misses uint64
}

// A Counted cache counts the requests to another. Make one with [Count].
type Counted struct {
	registry.DescriptorCache
	hits, misses atomic.Uint64
}

// Count returns inner with counters.
func Count(inner registry.DescriptorCache) *Counted { return &Counted{DescriptorCache: inner} }

// Get implements [registry.DescriptorCache].
func (c *Counted) Get(ctx context.Context, name registry.Name, dgst digest.Digest) (registry.CacheAnswer, error) {
	answer, err := c.DescriptorCache.Get(ctx, name, dgst)
	if err == nil && answer.Known {
		c.hits.Add(1)
	} else {
		c.misses.Add(1)
	}
	return answer, err
}

// Metrics returns the counts. It is safe for concurrent use.
func (c *Counted) Metrics() Metrics {
	hits, misses := c.hits.Load(), c.misses.Load()
	return Metrics{Requests: hits + misses, Hits: hits, Misses: misses}
}
