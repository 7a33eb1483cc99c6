package storage_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	goredis "github.com/redis/go-redis/v9"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/reference/cache"
	"github.com/registryconform/conform/reference/cache/redis"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// A history is a sequence of calls that is made to replicas over one store, and
// to a registry of its own without a cache. Each answer must be the same.
type history struct {
	t        *testing.T
	rand     *rand.Rand
	replicas []*storage.Registry
	model    *storage.Registry
	hits     func() uint64
}

func newHistory(t *testing.T, seed uint64, caches ...registry.DescriptorCache) *history {
	t.Helper()
	h := &history{t: t, rand: rand.New(rand.NewPCG(seed, 1)), model: storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{})}
	store := inmemory.New(inmemory.Parameters{})
	var counted []*cache.Counted
	for _, c := range caches {
		counted = append(counted, cache.Count(c))
		h.replicas = append(h.replicas, storage.New(store, storage.Options{Cache: counted[len(counted)-1]}))
	}
	h.hits = func() (n uint64) {
		for _, c := range counted {
			n += c.Metrics().Hits
		}
		return n
	}
	return h
}

// run makes n calls.
func (h *history) run(n int) {
	h.t.Helper()
	for range n {
		op := operations[h.rand.IntN(len(operations))]
		c := choice{
			name:    []string{"a", "a/b"}[h.rand.IntN(2)],
			from:    []string{"a", "a/b"}[h.rand.IntN(2)],
			content: []byte(strings.Repeat("x", h.rand.IntN(5))),
			alias:   h.rand.IntN(4) == 0,
		}
		want := op.call(h.t, h.model, c)
		if got := op.call(h.t, h.replicas[h.rand.IntN(len(h.replicas))], c); got != want {
			h.t.Fatalf("%s %+v: %s, without a cache %s", op.name, c, got, want)
		}
	}
}

// A choice is what a call is about.
type choice struct {
	name, from string
	content    []byte
	alias      bool
}

func (c choice) digest() digest.Digest {
	if c.alias {
		return digest.SHA512.FromBytes(c.content)
	}
	return digest.FromBytes(c.content)
}

var operations = []struct {
	name string
	call func(*testing.T, *storage.Registry, choice) string
}{
	{"push", func(t *testing.T, r *storage.Registry, c choice) string {
		w, err := repository(t, r, c.name).Blobs().Create(t.Context())
		must(t, err)
		_, err = w.Write(c.content)
		must(t, err)
		desc, err := w.Commit(t.Context(), registry.Descriptor{Digest: c.digest()})
		return told(desc, err)
	}},
	{"stat", stat},
	{"stat", stat},
	{"open", func(t *testing.T, r *storage.Registry, c choice) string {
		content, err := repository(t, r, c.name).Blobs().Open(t.Context(), c.digest())
		if err != nil {
			return told(nil, err)
		}
		defer content.Close()
		b, err := io.ReadAll(content)
		return told(string(b), err)
	}},
	{"GET", func(t *testing.T, r *storage.Registry, c choice) string { return served(t, r, c, http.MethodGet) }},
	{"HEAD", func(t *testing.T, r *storage.Registry, c choice) string { return served(t, r, c, http.MethodHead) }},
	{"mount", func(t *testing.T, r *storage.Registry, c choice) string {
		from := repository(t, r, c.from).Name()
		if c.alias {
			from = registry.Name{}
		}
		desc, err := repository(t, r, c.name).Blobs().Mount(t.Context(), from, digest.FromBytes(c.content))
		return told(desc, err)
	}},
	{"delete", func(t *testing.T, r *storage.Registry, c choice) string {
		return told(nil, repository(t, r, c.name).Blobs().Delete(t.Context(), c.digest()))
	}},
	{"manifest", func(t *testing.T, r *storage.Registry, c choice) string {
		desc, err := repository(t, r, c.name).Manifests().Put(t.Context(), image(t, describe(c.content), ""), registry.PutOptions{})
		return told(desc, err)
	}},
}

func stat(t *testing.T, r *storage.Registry, c choice) string {
	desc, err := repository(t, r, c.name).Blobs().Stat(t.Context(), c.digest())
	return told(desc, err)
}

func served(t *testing.T, r *storage.Registry, c choice, method string) string {
	w := httptest.NewRecorder()
	err := repository(t, r, c.name).Blobs().(registry.BlobServer).ServeBlob(t.Context(), w, httptest.NewRequest(method, "/", nil), c.digest())
	return told(fmt.Sprint(w.Code, w.Header(), w.Body), err)
}

// told is what a caller learns.
func told(value any, err error) string {
	if err == nil {
		return fmt.Sprintf("%+v", value)
	}
	codes := registry.Errors(err)
	if len(codes) == 0 {
		return "failure: " + err.Error()
	}
	return errors.Join(err).Error()
}

func seeds(t *testing.T, n uint64, f func(*testing.T, uint64)) {
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f(t, seed)
		})
	}
}

// The same calls have the same answers with and without a cache in memory, even
// one that has room for two.
func TestHistoryWithMemory(t *testing.T) {
	t.Parallel()
	seeds(t, 4, func(t *testing.T, seed uint64) {
		c := cache.NewMemory(cache.MemoryOptions{MaxEntries: 2 + 100*int(seed%2)})
		h := newHistory(t, seed, c, c)
		h.run(3000)
		if h.hits() == 0 {
			t.Error("the cache was not used")
		}
	})
}

// The same calls have the same answers with and without a Redis server that two
// replicas share, whatever becomes of it meanwhile.
// It shows S-315, K-17.
func TestHistoryWithRedis(t *testing.T) {
	t.Parallel()
	seeds(t, 2, func(t *testing.T, seed uint64) {
		server := backends.StartRedis(t, "--maxmemory-policy", []string{"noeviction", "allkeys-random"}[seed%2])
		gate := backends.NewGate(t, server.Socket, nil)
		open := func(addr, namespace string, timeout time.Duration) *redis.Cache {
			c := redis.New(redis.Options{Addr: addr, Namespace: namespace, Secret: []byte("secret"), Timeout: timeout})
			t.Cleanup(func() { c.Close() })
			return c
		}
		// What is stalled is stalled for both: see TestStalledForOne.
		slow := open(gate.Addr, "slow", 30*time.Millisecond)
		h := newHistory(t, seed, open(server.Socket, "", 20*time.Second), open(server.Socket, "", 20*time.Second))
		stalled := newHistory(t, seed, slow, slow)
		client := goredis.NewClient(&goredis.Options{Network: "unix", Addr: server.Socket})
		defer client.Close()
		h.run(300)
		for _, step := range []func(){
			func() { must(t, client.Save(t.Context()).Err()); h.run(50); server.Kill(t) },
			func() { server.Start(t) },
			func() { poison(t, client, h) },
			func() { must(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err()) },
			func() { must(t, client.ConfigSet(t.Context(), "maxmemory", "0").Err()) },
		} {
			step()
			h.run(150)
			stalled.run(50)
		}
		gate.Shut()
		stalled.run(150)
		gate.Open()
		stalled.run(300)
		// The replicas leave a server that failed alone for five seconds at most.
		before, end := h.hits(), time.Now().Add(30*time.Second)
		for h.hits() == before {
			if time.Now().After(end) {
				t.Fatal("the cache is not used in the end")
			}
			h.run(50)
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// poison changes every value while calls go on.
func poison(t *testing.T, client *goredis.Client, h *history) {
	t.Helper()
	h.run(100)
	keys, err := client.Keys(t.Context(), "*").Result()
	must(t, err)
	values := map[string]string{}
	for _, key := range keys {
		if values[key], err = client.Get(t.Context(), key).Result(); err != nil && !errors.Is(err, goredis.Nil) {
			must(t, err)
		}
	}
	for i, key := range keys {
		other := values[keys[(i+1)%len(keys)]]
		bad := []string{"garbage", "", other, strings.Replace(values[key], `"size":`, `"size":9`, 1)}[i%4]
		if strings.HasPrefix(bad, "lease ") || bad == values[key] {
			bad = "entry"
		}
		must(t, client.Set(t.Context(), key, bad, 0).Err())
	}
}

// A replica that can't reach the server can't tell the other of a delete; it
// does so as soon as it can.
func TestStalledForOne(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t)
	gate := backends.NewGate(t, server.Socket, nil)
	far := redis.New(redis.Options{Addr: gate.Addr, Timeout: 100 * time.Millisecond})
	near := redis.New(redis.Options{Addr: server.Socket, Timeout: 20 * time.Second})
	t.Cleanup(func() { far.Close(); near.Close() })
	d := inmemory.New(inmemory.Parameters{})
	p := repository(t, storage.New(d, storage.Options{Cache: far}), "a")
	q := repository(t, storage.New(d, storage.Options{Cache: near}), "a")
	desc := push(t, p, []byte("x"))
	_, err := q.Blobs().Stat(t.Context(), desc.Digest)
	must(t, err)
	gate.Shut()
	err = p.Blobs().Delete(t.Context(), desc.Digest)
	_, own := p.Blobs().Stat(t.Context(), desc.Digest)
	gate.Open()
	must(t, err)
	wantError(t, own, registry.ErrBlobUnknown)
	for range 3000 {
		if _, err = q.Blobs().Stat(t.Context(), desc.Digest); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	wantError(t, err, registry.ErrBlobUnknown)
}
