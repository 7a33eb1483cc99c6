package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/cache"
	"github.com/registryconform/conform/reference/cache/internal/suite"
	"github.com/registryconform/conform/reference/registry"
)

// S-063, S-064, S-065, S-067
func TestMemory(t *testing.T) {
	t.Parallel()
	suite.Run(t, func(*testing.T) registry.DescriptorCache { return cache.NewMemory(cache.MemoryOptions{}) })
}

func blob(i int) registry.Descriptor {
	return registry.Descriptor{MediaType: "application/octet-stream", Digest: digest.FromString(fmt.Sprint(i)), Size: int64(i)}
}

func fill(t *testing.T, c registry.DescriptorCache, name registry.Name, d registry.Descriptor) {
	t.Helper()
	answer, err := c.Get(t.Context(), name, d.Digest)
	if err == nil && !answer.Known {
		err = c.Set(t.Context(), name, d.Digest, d, answer.Token)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func knows(t *testing.T, c registry.DescriptorCache, name registry.Name, d registry.Descriptor) bool {
	t.Helper()
	answer, err := c.Get(t.Context(), name, d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Known
}

func parse(t *testing.T, s string) registry.Name {
	t.Helper()
	n, err := registry.ParseName(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// An entry lives as long as the TTL, however often it is asked for.
func TestMemoryTTL(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	c := cache.NewMemory(cache.MemoryOptions{TTL: time.Minute, Now: func() time.Time { return now }})
	n, d := parse(t, "a"), blob(1)
	fill(t, c, n, d)
	for _, after := range []time.Duration{0, 30 * time.Second, time.Minute - 1} {
		now = time.Unix(0, 0).Add(after)
		if !knows(t, c, n, d) {
			t.Fatalf("forgotten after %v", after)
		}
	}
	now = time.Unix(60, 0)
	if knows(t, c, n, d) {
		t.Fatal("known after a minute")
	}
	if entries, bytes := c.Len(); entries != 0 || bytes != 0 {
		t.Fatalf("%d entries of %d bytes are left", entries, bytes)
	}
}

// S-067, K-32: the cache has a bounded size, and forgets what was used least.
func TestMemoryBounds(t *testing.T) {
	t.Parallel()
	n := parse(t, "a")
	for what, o := range map[string]cache.MemoryOptions{
		"entries": {MaxEntries: 10},
		"bytes":   {MaxBytes: 6000},
	} {
		c := cache.NewMemory(o)
		for i := range 100 {
			fill(t, c, n, blob(i))
			if !knows(t, c, n, blob(0)) {
				t.Fatalf("%s: what was used last is forgotten after %d", what, i)
			}
		}
		entries, bytes := c.Len()
		if o.MaxEntries > 0 && entries != 10 || o.MaxBytes > 0 && (bytes > o.MaxBytes || entries < 5) {
			t.Errorf("%s: %d entries, %d bytes", what, entries, bytes)
		}
		if knows(t, c, n, blob(1)) || !knows(t, c, n, blob(99)) {
			t.Errorf("%s: the wrong ones are kept", what)
		}
		huge := blob(1)
		huge.MediaType = "a/" + strings.Repeat("x", 10_000)
		fill(t, c, n, huge)
		if o.MaxBytes > 0 && knows(t, c, n, huge) {
			t.Error("one entry is larger than the cache")
		}
	}
}

// broken is a cache that fails.
type broken struct{ registry.DescriptorCache }

func (broken) Get(context.Context, registry.Name, digest.Digest) (registry.CacheAnswer, error) {
	return registry.CacheAnswer{}, errors.New("broken")
}

// TestMemoryFilledTwice: those who have missed at the same time fill one entry.
func TestMemoryFilledTwice(t *testing.T) {
	t.Parallel()
	m := cache.NewMemory(cache.MemoryOptions{})
	name := parse(t, "a/b")
	answer, err := m.Get(t.Context(), name, blob(1).Digest)
	if err != nil {
		t.Fatal(err)
	}
	var once int
	for i := range 3 {
		if err := m.Set(t.Context(), name, blob(1).Digest, blob(1), answer.Token); err != nil {
			t.Fatal(err)
		}
		entries, bytes := m.Len()
		if i == 0 {
			once = bytes
		}
		if entries != 1 || bytes != once {
			t.Errorf("filled %d times: %d entries, %d bytes, want 1 and %d", i+1, entries, bytes, once)
		}
	}
}

// S-059: requests, hits and misses are counted, and nothing else.
func TestMetrics(t *testing.T) {
	t.Parallel()
	n, d := parse(t, "a"), blob(1)
	c := cache.Count(cache.NewMemory(cache.MemoryOptions{}))
	fill(t, c, n, d)
	for range 3 {
		knows(t, c, n, d)
	}
	if got := c.Metrics(); got != (cache.Metrics{Requests: 4, Hits: 3, Misses: 1}) {
		t.Errorf("%+v", got)
	}
	c = cache.Count(broken{})
	if _, err := c.Get(t.Context(), n, d.Digest); err == nil {
		t.Error("the failure is lost")
	}
	if got := c.Metrics(); got != (cache.Metrics{Requests: 1, Misses: 1}) {
		t.Errorf("%+v", got)
	}
}
