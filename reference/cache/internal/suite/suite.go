// Package suite is a test of what every descriptor cache must do. Only tests
// import it.
package suite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

const (
	octets = "application/octet-stream"
	text   = "application/json"
)

// Run tests caches from open, each of which is empty and has no store behind it.
// S-063, S-064
func Run(t *testing.T, open func(*testing.T) registry.DescriptorCache) {
	for name, run := range map[string]func(*testing.T, cache){
		"empty":       testEmpty,
		"invalid":     testInvalid,
		"alias":       testAlias,
		"scope":       testScope,
		"clear":       testClear,
		"stale fill":  testStaleFill,
		"concurrency": testConcurrency,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, cache{open(t)})
		})
	}
}

// A cache is what is tested, with what tests say often.
type cache struct{ registry.DescriptorCache }

func (c cache) get(t *testing.T, name registry.Name, dgst digest.Digest) registry.CacheAnswer {
	t.Helper()
	answer, err := c.Get(t.Context(), name, dgst)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (c cache) unknown(t *testing.T, name registry.Name, dgst digest.Digest) registry.CacheToken {
	t.Helper()
	answer := c.get(t, name, dgst)
	if answer.Known || answer.Descriptor.Digest != "" {
		t.Fatalf("%s knows %+v of %s", name, answer.Descriptor, dgst)
	}
	return answer.Token
}

func (c cache) known(t *testing.T, name registry.Name, dgst digest.Digest, want registry.Descriptor) {
	t.Helper()
	answer := c.get(t, name, dgst)
	if got := answer.Descriptor; !answer.Known || got.Digest != want.Digest || got.Size != want.Size || got.MediaType != want.MediaType {
		t.Fatalf("%s knows %+v of %s, want %+v", name, answer, dgst, want)
	}
}

func (c cache) set(t *testing.T, name registry.Name, dgst digest.Digest, desc registry.Descriptor, token registry.CacheToken) {
	t.Helper()
	if err := c.Set(t.Context(), name, dgst, desc, token); err != nil {
		t.Fatal(err)
	}
}

func (c cache) clear(t *testing.T, name registry.Name, dgst digest.Digest) {
	t.Helper()
	if err := c.Clear(t.Context(), name, dgst); err != nil {
		t.Fatal(err)
	}
}

func name(t *testing.T, s string) registry.Name {
	t.Helper()
	n, err := registry.ParseName(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func descriptor(content, mediaType string) registry.Descriptor {
	return registry.Descriptor{MediaType: mediaType, Digest: digest.FromString(content), Size: int64(len(content))}
}

func testEmpty(t *testing.T, c cache) {
	d := descriptor("empty", octets)
	token := c.unknown(t, name(t, "a/b"), d.Digest)
	if token == "" {
		t.Fatal("what is unknown can't be filled")
	}
	c.set(t, name(t, "a/b"), d.Digest, d, token)
	c.known(t, name(t, "a/b"), d.Digest, d)
}

func testInvalid(t *testing.T, c cache) {
	n, d := name(t, "a"), descriptor("x", octets)
	for what, f := range map[string]func(registry.Name, digest.Digest) error{
		"get":   func(n registry.Name, dgst digest.Digest) error { _, err := c.Get(t.Context(), n, dgst); return err },
		"set":   func(n registry.Name, dgst digest.Digest) error { return c.Set(t.Context(), n, dgst, d, "0") },
		"clear": func(n registry.Name, dgst digest.Digest) error { return c.Clear(t.Context(), n, dgst) },
	} {
		if err := f(registry.Name{}, d.Digest); !errors.Is(err, registry.ErrNameInvalid) {
			t.Errorf("%s without a name: %v", what, err)
		}
		for _, bad := range []digest.Digest{"", "sha256:abc", "x"} {
			if err := f(n, bad); !errors.Is(err, registry.ErrDigestInvalid) {
				t.Errorf("%s of %q: %v", what, bad, err)
			}
		}
	}
	token := c.unknown(t, n, d.Digest)
	for _, bad := range []registry.Descriptor{
		{},
		{MediaType: octets, Size: 1},
		{MediaType: octets, Digest: d.Digest, Size: -1},
		{Digest: d.Digest, Size: 1},
	} {
		if err := c.Set(t.Context(), n, d.Digest, bad, token); !errors.Is(err, registry.ErrDigestInvalid) {
			t.Errorf("set of %+v: %v", bad, err)
		}
	}
	c.unknown(t, n, d.Digest)
	for _, token := range []registry.CacheToken{"", "x", "lease x"} {
		c.set(t, n, d.Digest, d, token)
	}
	c.unknown(t, n, d.Digest)
}

func testAlias(t *testing.T, c cache) {
	n, d := name(t, "a"), descriptor("alias", octets)
	for _, alias := range []digest.Digest{digest.SHA384.FromString("alias"), digest.SHA512.FromString("alias")} {
		c.set(t, n, alias, d, c.unknown(t, n, alias))
		c.known(t, n, alias, d)
	}
	c.unknown(t, n, d.Digest)
}

// S-065, S-067: what one repository says, its media type as well, no other
// does.
func testScope(t *testing.T, c cache) {
	x, y, below := name(t, "x"), name(t, "y"), name(t, "x/y")
	one, two := descriptor("scope", octets), descriptor("scope", text)
	c.set(t, x, one.Digest, one, c.unknown(t, x, one.Digest))
	c.unknown(t, below, one.Digest)
	c.set(t, y, two.Digest, two, c.unknown(t, y, two.Digest))
	c.known(t, x, one.Digest, one)
	c.known(t, y, two.Digest, two)
	c.clear(t, y, two.Digest)
	c.known(t, x, one.Digest, one)
	c.set(t, y, one.Digest, one, c.unknown(t, y, one.Digest))
	c.known(t, y, one.Digest, one)
}

// K-110: what is cleared is gone, all of it, and can be set again.
func testClear(t *testing.T, c cache) {
	n, d := name(t, "a"), descriptor("clear", octets)
	c.clear(t, n, d.Digest)
	for range 3 {
		c.set(t, n, d.Digest, d, c.unknown(t, n, d.Digest))
		c.known(t, n, d.Digest, d)
		c.clear(t, n, d.Digest)
		c.clear(t, n, d.Digest)
	}
	c.unknown(t, n, d.Digest)
}

// What was found out before a clear is not set after it.
func testStaleFill(t *testing.T, c cache) {
	n, d := name(t, "a"), descriptor("stale", octets)
	before := c.unknown(t, n, d.Digest)
	c.clear(t, n, d.Digest)
	c.set(t, n, d.Digest, d, before)
	after := c.unknown(t, n, d.Digest)
	c.set(t, n, d.Digest, d, before)
	c.unknown(t, n, d.Digest)
	c.set(t, n, d.Digest, d, after)
	c.known(t, n, d.Digest, d)
}

func testConcurrency(t *testing.T, c cache) {
	n := name(t, "a")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 50 {
				if err := c.use(t.Context(), n, descriptor(fmt.Sprint(k%7), octets), i == 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func (c cache) use(ctx context.Context, n registry.Name, d registry.Descriptor, clear bool) error {
	answer, err := c.Get(ctx, n, d.Digest)
	switch {
	case err != nil:
		return err
	case answer.Known && answer.Descriptor.Digest != d.Digest:
		return fmt.Errorf("got %s for %s", answer.Descriptor.Digest, d.Digest)
	case answer.Known && clear:
		return c.Clear(ctx, n, d.Digest)
	case answer.Known:
		return nil
	}
	return c.Set(ctx, n, d.Digest, d, answer.Token)
}
