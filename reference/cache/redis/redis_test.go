package redis_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/reference/cache/internal/suite"
	"github.com/registryconform/conform/reference/cache/redis"
	"github.com/registryconform/conform/reference/registry"
)

func TestMain(m *testing.M) {
	logging.Disable()
	goleak.VerifyTestMain(m)
}

// patient is a time-out that a busy machine does not reach.
const patient = 20 * time.Second

func open(t *testing.T, o redis.Options) *redis.Cache {
	t.Helper()
	c := redis.New(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func raw(t *testing.T, r *backends.Redis) *goredis.Client {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Network: "unix", Addr: r.Socket})
	t.Cleanup(func() { c.Close() })
	return c
}

var blob = registry.Descriptor{MediaType: "application/octet-stream", Digest: digest.FromString("blob"), Size: 4}

func name(t *testing.T) registry.Name {
	t.Helper()
	n, err := registry.ParseName("a/b")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill makes the blob known to c.
func fill(t *testing.T, c *redis.Cache) {
	t.Helper()
	answer, err := c.Get(t.Context(), name(t), blob.Digest)
	must(t, err)
	must(t, c.Set(t.Context(), name(t), blob.Digest, blob, answer.Token))
	if !known(t, c) {
		t.Fatal("what was set is not known")
	}
}

// known reports whether c knows the blob, and ends the test if c fails.
func known(t *testing.T, c *redis.Cache) bool {
	t.Helper()
	answer, err := c.Get(t.Context(), name(t), blob.Digest)
	must(t, err)
	if answer.Known && (answer.Descriptor.Digest != blob.Digest || answer.Descriptor.Size != blob.Size) {
		t.Fatalf("%+v", answer)
	}
	return answer.Known
}

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 3000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(what)
}

// S-063, S-064, S-065, S-067, K-110
func TestRedis(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t)
	suite.Run(t, func(t *testing.T) registry.DescriptorCache {
		return open(t, redis.Options{Addr: server.Socket, Namespace: strings.ReplaceAll(t.Name(), "/", "."), Timeout: patient})
	})
}

func TestEntriesExpire(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t)
	c := open(t, redis.Options{Addr: server.Socket, TTL: time.Minute, Timeout: patient})
	client := raw(t, server)
	ttl := func() time.Duration {
		keys, err := client.Keys(t.Context(), "conform:*").Result()
		if err != nil || len(keys) != 1 {
			t.Fatalf("keys %v, %v", keys, err)
		}
		left, err := client.PTTL(t.Context(), keys[0]).Result()
		must(t, err)
		return left
	}
	if known(t, c) {
		t.Fatal("known before it was set")
	}
	if left := ttl(); left <= 0 || left > 10*time.Second {
		t.Fatalf("a lease lives for %v", left)
	}
	fill(t, c)
	if left := ttl(); left <= 0 || left > time.Minute {
		t.Fatalf("an entry lives for %v", left)
	}
	short := open(t, redis.Options{Addr: server.Socket, Namespace: "short", TTL: time.Second, Timeout: patient})
	fill(t, short)
	eventually(t, "an entry outlives its time", func() bool { return !known(t, short) })
}

// Two installations on one server don't see each other's entries.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t)
	one := open(t, redis.Options{Addr: server.Socket, Namespace: "one", Timeout: patient})
	two := open(t, redis.Options{Addr: server.Socket, Namespace: "two", Timeout: patient})
	again := open(t, redis.Options{Addr: server.Socket, Namespace: "one", Timeout: patient})
	stranger := open(t, redis.Options{Addr: server.Socket, Namespace: "one", Secret: []byte("other"), Timeout: patient})
	fill(t, one)
	if known(t, two) {
		t.Fatal("another namespace knows the entry")
	}
	if !known(t, again) {
		t.Fatal("a replica does not know the entry")
	}
	if _, err := stranger.Get(t.Context(), name(t), blob.Digest); err == nil {
		t.Fatal("an entry that was signed with another secret counts")
	}
}

// A server that comes back with an older state of its own starts empty: what
// was cleared meanwhile is not known again.
func TestRestartWithAnOldState(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t)
	c := open(t, redis.Options{Addr: server.Socket, Timeout: patient})
	other := open(t, redis.Options{Addr: server.Socket, Timeout: patient})
	fill(t, c)
	must(t, raw(t, server).Save(t.Context()).Err())
	must(t, other.Clear(t.Context(), name(t), blob.Digest))
	server.Kill(t)
	server.Start(t)
	if keys, err := raw(t, server).Keys(t.Context(), "*").Result(); err != nil || len(keys) == 0 {
		t.Fatalf("the server has not loaded its old state: %v, %v", keys, err)
	}
	for _, c := range []*redis.Cache{c, other} {
		eventually(t, "the cache does not come back", func() bool {
			answer, err := c.Get(t.Context(), name(t), blob.Digest)
			if answer.Known {
				t.Fatal("what was cleared is known again")
			}
			return err == nil
		})
	}
	fill(t, other)
	if !known(t, c) {
		t.Fatal("the cache is not shared after the restart")
	}
}

// A clear while the server is away is made good by itself, and the cache itself
// never finds the entry meanwhile.
func TestClearIsTriedAgain(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t)
	gate := backends.NewGate(t, server.Socket, nil)
	c := open(t, redis.Options{Addr: gate.Addr, Timeout: 100 * time.Millisecond})
	other := open(t, redis.Options{Addr: server.Socket, Timeout: patient})
	fill(t, other)
	gate.Shut()
	if err := c.Clear(t.Context(), name(t), blob.Digest); err == nil {
		t.Error("a clear that can't be made succeeds")
	}
	gate.Open()
	for range 20 {
		if answer, _ := c.Get(t.Context(), name(t), blob.Digest); answer.Known {
			t.Error("what was cleared is found")
		}
	}
	eventually(t, "the clear is not made good", func() bool { return !known(t, other) })
}

// While the server is stalled, calls fail, and all but a few don't wait.
func TestStalledServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t)
	gate := backends.NewGate(t, server.Socket, nil)
	c := open(t, redis.Options{Addr: gate.Addr, Timeout: 500 * time.Millisecond})
	eventually(t, "no connection", func() bool { _, err := c.Get(t.Context(), name(t), blob.Digest); return err == nil })
	gate.Shut()
	paused := 0
	for range 100 {
		_, err := c.Get(t.Context(), name(t), blob.Digest)
		if err == nil {
			t.Error("a stalled server answers")
		} else if strings.Contains(err.Error(), "a moment ago") {
			paused++
		}
	}
	gate.Open()
	if paused < 80 {
		t.Errorf("%d of 100 calls waited", 100-paused)
	}
	eventually(t, "the cache does not come back", func() bool { _, err := c.Get(t.Context(), name(t), blob.Digest); return err == nil })
}

// A caller who gives up tells nothing about the server.
func TestCancelledCallerDoesNotPause(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t)
	c := open(t, redis.Options{Addr: server.Socket, Timeout: patient})
	fill(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, name(t), blob.Digest); err == nil {
		t.Fatal("a cancelled call succeeds")
	}
	if !known(t, c) {
		t.Fatal("forgotten")
	}
}

func TestPoison(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t)
	c := open(t, redis.Options{Addr: server.Socket, Secret: []byte("s"), Timeout: patient})
	client := raw(t, server)
	fill(t, c)
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	good, err := client.Get(t.Context(), keys[0]).Result()
	must(t, err)
	for _, bad := range []any{
		"", "entry ", "entry  {}", "null", "{}", strings.Repeat("x", 1<<20), good[:len(good)-1], good + " ",
		strings.Replace(good, `"size":4`, `"size":5`, 1), strings.ToUpper(good),
		[]string{"a", "list"},
	} {
		must(t, client.Del(t.Context(), keys[0]).Err())
		if list, ok := bad.([]string); ok {
			must(t, client.LPush(t.Context(), keys[0], list).Err())
		} else {
			must(t, client.Set(t.Context(), keys[0], bad, 0).Err())
		}
		if answer, err := c.Get(t.Context(), name(t), blob.Digest); err == nil || answer.Known || answer.Token != "" {
			t.Fatalf("%.100q: %+v, %v", bad, answer, err)
		}
		fill(t, c)
	}
}

func TestFullServer(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t, "--maxmemory-policy", "noeviction")
	c := open(t, redis.Options{Addr: server.Socket, Timeout: patient})
	fill(t, c)
	must(t, raw(t, server).ConfigSet(t.Context(), "maxmemory", "1").Err())
	if !known(t, c) {
		t.Fatal("a full server does not tell what it holds")
	}
	other := registry.Descriptor{MediaType: "a/b", Digest: digest.FromString("other"), Size: 5}
	answer, err := c.Get(t.Context(), name(t), other.Digest)
	if err != nil || answer.Known || answer.Token != "" {
		t.Fatalf("%+v, %v", answer, err)
	}
	must(t, c.Clear(t.Context(), name(t), blob.Digest))
	if known(t, c) {
		t.Fatal("cleared, and known")
	}
}

func TestLoginAndTLS(t *testing.T) {
	t.Parallel()
	server := backends.StartRedis(t, "--user", "cache", "on", ">let-me-in", "~*", "&*", "+@all", "--user", "default", "off")
	config, roots := certificate(t)
	gate := backends.NewGate(t, server.Socket, config)
	good := redis.Options{Addr: gate.Addr, Username: "cache", Password: "let-me-in", TLS: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, Timeout: patient}
	fill(t, open(t, good))
	for what, change := range map[string]func(*redis.Options){
		"password":    func(o *redis.Options) { o.Password = "let-me-out" },
		"user":        func(o *redis.Options) { o.Username = "default" },
		"certificate": func(o *redis.Options) { o.TLS = &tls.Config{} },
	} {
		bad := good
		change(&bad)
		_, err := open(t, bad).Get(t.Context(), name(t), blob.Digest)
		if err == nil || strings.Contains(err.Error(), bad.Password) {
			t.Errorf("wrong %s: %v", what, err)
		}
	}
}

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

func TestServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	c := open(t, redis.Options{Addr: t.TempDir() + "/none"})
	if _, err := os.Stat(t.TempDir() + "/none"); err == nil {
		t.Fatal("it is there")
	}
	for range 3 {
		if _, err := c.Get(t.Context(), name(t), blob.Digest); err == nil {
			t.Fatal("a server that is not there answers")
		}
		if c.Clear(t.Context(), name(t), blob.Digest) == nil {
			t.Fatal("a server that is not there clears")
		}
	}
}
