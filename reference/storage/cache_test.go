package storage_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/redis/go-redis/v9/logging"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/reference/cache"
	"github.com/registryconform/conform/reference/cache/redis"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// caches are those that the tests run over.
var caches = map[string]func(*testing.T) registry.DescriptorCache{
	"memory": func(*testing.T) registry.DescriptorCache { return cache.NewMemory(cache.MemoryOptions{}) },
	"redis": func(t *testing.T) registry.DescriptorCache {
		c := redis.New(redis.Options{Addr: backends.StartRedis(t).Socket, Secret: []byte("secret")})
		t.Cleanup(func() { c.Close() })
		return c
	},
}

func TestMain(m *testing.M) {
	logging.Disable() // of the client of Redis
	os.Exit(m.Run())
}

// A registry with a cache keeps the contract of one without.
func TestContractWithCache(t *testing.T) {
	t.Parallel()
	for name, open := range caches {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract.Run(t, contract.Limits{}, func(t *testing.T) registry.Registry {
				return storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{Cache: open(t)})
			})
		})
	}
}

// A trace lists what is asked of a cache and of a driver, in order.
type trace struct {
	registry.DescriptorCache
	mu    sync.Mutex
	calls []string
}

func (c *trace) note(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, s)
}

func (c *trace) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

func (c *trace) hook(op faulty.Op, p string) error {
	c.note(string(op) + " " + path.Base(p))
	return nil
}

func (c *trace) Get(ctx context.Context, name registry.Name, dgst digest.Digest) (registry.CacheAnswer, error) {
	c.note("cache get")
	return c.DescriptorCache.Get(ctx, name, dgst)
}

func (c *trace) Set(ctx context.Context, name registry.Name, dgst digest.Digest, desc registry.Descriptor, token registry.CacheToken) error {
	c.note("cache set")
	return c.DescriptorCache.Set(ctx, name, dgst, desc, token)
}

func (c *trace) Clear(ctx context.Context, name registry.Name, dgst digest.Digest) error {
	c.note("cache clear")
	return c.DescriptorCache.Clear(ctx, name, dgst)
}

// S-042, S-057, S-066: a look-up asks the cache, then the link, then the
// content; a warm one asks the driver for the bytes alone. A pull asks once.
func TestS057CacheThenLinkThenContent(t *testing.T) {
	t.Parallel()
	for name, open := range caches {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &trace{DescriptorCache: open(t)}
			d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), c.hook)
			p := repository(t, storage.New(d, storage.Options{Cache: c}), "a/b")
			desc := push(t, p, []byte("content"))
			serve := func(method string) {
				t.Helper()
				w := httptest.NewRecorder()
				must(t, p.Blobs().(registry.BlobServer).ServeBlob(t.Context(), w, httptest.NewRequest(method, "/", nil), desc.Digest))
				if w.Code != http.StatusOK || method == http.MethodGet && w.Body.String() != "content" || w.Header().Get("Content-Length") != "7" {
					t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
				}
			}
			want := func(what string, calls ...string) {
				t.Helper()
				got := slices.DeleteFunc(c.take(), func(s string) bool { return strings.HasPrefix(s, "Read ") })
				if !slices.Equal(got, calls) {
					t.Errorf("%s: %q, want %q", what, got, calls)
				}
			}
			c.take()
			serve(http.MethodGet)
			want("cold GET", "cache get", "GetContent link", "Stat data", "cache set", "RedirectURL data", "Reader data")
			serve(http.MethodGet)
			want("warm GET", "cache get", "RedirectURL data", "Reader data")
			serve(http.MethodHead)
			want("warm HEAD", "cache get", "RedirectURL data")
			_, err := p.Blobs().Stat(t.Context(), desc.Digest)
			must(t, err)
			want("warm Stat", "cache get")
			read(t, p, desc.Digest)
			want("warm Open", "cache get", "Reader data")
			_, err = repository(t, storage.New(d, storage.Options{Cache: c}), "c").Blobs().Stat(t.Context(), desc.Digest)
			wantError(t, err, registry.ErrBlobUnknown)
			want("another repository", "cache get", "GetContent link")
		})
	}
}

// S-237, K-111: a delete that comes between a look-up of the link and the set of the
// cache leaves nothing in the cache, be it by this replica or by another.
func TestS237DeleteDuringLookUp(t *testing.T) {
	t.Parallel()
	for name, open := range caches {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared, inner := open(t), inmemory.New(inmemory.Parameters{})
			other := repository(t, storage.New(inner, storage.Options{Cache: shared}), "a")
			between := func() {}
			d := faulty.Wrap(inner, func(op faulty.Op, p string) error {
				if op == faulty.Stat && path.Base(p) == "data" {
					f := between
					between = func() {}
					f()
				}
				return nil
			})
			reader := repository(t, storage.New(d, storage.Options{Cache: shared}), "a")
			for _, deleter := range []registry.Repository{other, repository(t, storage.New(inner, storage.Options{Cache: shared}), "a")} {
				desc := push(t, other, []byte("x"))
				// The link has been read, the content not yet looked for.
				between = func() { must(t, deleter.Blobs().Delete(t.Context(), desc.Digest)) }
				if _, err := reader.Blobs().Stat(t.Context(), desc.Digest); err != nil {
					t.Fatalf("a look-up that began before the delete: %v", err)
				}
				for _, p := range []registry.Repository{reader, other} {
					_, err := p.Blobs().Stat(t.Context(), desc.Digest)
					wantError(t, err, registry.ErrBlobUnknown)
					_, err = p.Blobs().Open(t.Context(), desc.Digest)
					wantError(t, err, registry.ErrBlobUnknown)
				}
			}
		})
	}
}

// An alias has no entry that outlives a delete of the canonical digest.
func TestDeleteClearsAliases(t *testing.T) {
	t.Parallel()
	for name, open := range caches {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := repository(t, storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{Cache: open(t)}), "a")
			content := []byte("alias")
			all := []digest.Digest{digest.FromBytes(content), digest.SHA512.FromBytes(content)}
			for _, gone := range all {
				for _, dgst := range all {
					w, err := p.Blobs().Create(t.Context())
					must(t, err)
					_, err = w.Write(content)
					must(t, err)
					_, err = w.Commit(t.Context(), registry.Descriptor{Digest: dgst})
					must(t, err)
					_, err = p.Blobs().Stat(t.Context(), dgst)
					must(t, err)
				}
				must(t, p.Blobs().Delete(t.Context(), gone))
				for _, dgst := range all {
					_, err := p.Blobs().Stat(t.Context(), dgst)
					wantError(t, err, registry.ErrBlobUnknown)
				}
			}
		})
	}
}

// K-56, K-111: content or link was removed by somebody who does not share the
// cache. What is read or relied on is told right all the same, and the first
// that finds out makes the cache forget.
func TestCacheIsNotReliedOn(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(registry.Repository, *inmemory.Driver, digest.Digest) error{
		"link": func(p registry.Repository, _ *inmemory.Driver, dgst digest.Digest) error {
			return p.Blobs().Delete(context.Background(), dgst)
		},
		"link and content": func(p registry.Repository, d *inmemory.Driver, dgst digest.Digest) error {
			return errors.Join(p.Blobs().Delete(context.Background(), dgst),
				d.Delete(context.Background(), "/docker/registry/v2/blobs/sha256/"+dgst.Encoded()[:2]+"/"+dgst.Encoded()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := inmemory.New(inmemory.Parameters{})
			stranger := repository(t, storage.New(d, storage.Options{}), "a")
			r := storage.New(d, storage.Options{Cache: cache.NewMemory(cache.MemoryOptions{})})
			p := repository(t, r, "a")
			content := []byte("content")
			desc := describe(content)
			known := func() bool {
				t.Helper()
				_, err := p.Blobs().Stat(t.Context(), desc.Digest)
				if err != nil {
					wantError(t, err, registry.ErrBlobUnknown)
				}
				return err == nil
			}
			for what, f := range map[string]func() error{
				"manifest": func() error {
					_, err := p.Manifests().Put(t.Context(), image(t, desc, ""), registry.PutOptions{})
					if !errors.Is(err, registry.ErrManifestBlobUnknown) {
						t.Errorf("put: %v", err)
					}
					return registry.ErrBlobUnknown
				},
				"mount": func() error {
					_, err := repository(t, r, "to").Blobs().Mount(t.Context(), p.Name(), desc.Digest)
					return err
				},
				"delete": func() error { return p.Blobs().Delete(t.Context(), desc.Digest) },
				"open": func() error {
					if name == "link" {
						return registry.ErrBlobUnknown // the content can still be read
					}
					_, err := p.Blobs().Open(t.Context(), desc.Digest)
					return err
				},
			} {
				push(t, p, content)
				known()
				must(t, remove(stranger, d, desc.Digest))
				if !known() {
					t.Fatal("the cache is not used: the test shows nothing")
				}
				wantError(t, f(), registry.ErrBlobUnknown)
				if known() && (what != "open" || name != "link") {
					t.Errorf("after %s the cache knows the blob", what)
				}
				if what == "open" && name == "link" {
					wantError(t, p.Blobs().Delete(t.Context(), desc.Digest), registry.ErrBlobUnknown)
				}
			}
			push(t, p, content)
			if !bytes.Equal(read(t, p, desc.Digest), content) {
				t.Error("content differs")
			}
		})
	}
}
