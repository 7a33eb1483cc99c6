// Package redis is a [registry.DescriptorCache] in a Redis server, which the
// replicas of a registry share.
//
// Nothing waits for a server that is down or slow longer than the time-out, and
// after a failure it is left alone for a while. What it can't tell is asked of
// the store.
//
// An entry is filled by a lease: who finds nothing leaves a random token in its
// place, and the entry is set only where that token still stands. A clear
// removes entry and token alike, so that no fill that began before it succeeds
// after it; and what Redis itself forgets, by eviction or by expiry, makes a
// fill fail, never succeed.
//
// Keys bear the id of the run of the server: one that comes back with an older
// state of its own, or another that takes over, starts empty.
package redis

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/registryconform/conform/reference/cache"
	"github.com/registryconform/conform/reference/registry"
)

const (
	// DefaultTimeout bounds a call unless told otherwise.
	DefaultTimeout = 250 * time.Millisecond
	// DefaultNamespace begins every key unless told otherwise.
	DefaultNamespace = "conform"
	// leaseTTL is how long a fill may take.
	leaseTTL = 10 * time.Second
)

// Options are the settings of a [Cache]. The zero value is a server on this
// machine.
type Options struct {
	// Addr is HOST:PORT, or the path of a socket. "": 127.0.0.1:6379.
	Addr string
	// Username and Password, if set, log in.
	Username, Password string
	// DB is the number of the database.
	DB int
	// TLS, if set, encrypts the connections.
	TLS *tls.Config
	// Namespace begins every key. Registries that do not share a store must
	// not share it. "": [DefaultNamespace].
	Namespace string
	// Secret, which replicas share, signs what is stored, so that nobody else
	// who can write to the server can plant an entry of his own making.
	// Without it entries are protected against damage alone.
	Secret []byte
	// TTL is how long an entry lives. 0: [cache.DefaultTTL].
	TTL time.Duration
	// Timeout bounds each call. 0: [DefaultTimeout].
	Timeout time.Duration
}

// A Cache is a [registry.DescriptorCache] in a Redis server, safe for
// concurrent use. Make one with [New], and close it.
type Cache struct {
	options Options
	client  *redis.Client
	run     atomic.Pointer[string] // the id of the server's run
	breaker breaker
	pending pending
	stop    context.CancelFunc // ends retries
	stopped context.Context
	retries sync.WaitGroup
}

var _ registry.DescriptorCache = (*Cache)(nil)

// New returns a cache. It does not connect: a server that is not there is one
// that is down.
func New(o Options) *Cache {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:6379"
	}
	if o.Namespace == "" {
		o.Namespace = DefaultNamespace
	}
	if o.TTL <= 0 {
		o.TTL = cache.DefaultTTL
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	c := &Cache{options: o}
	c.stopped, c.stop = context.WithCancel(context.Background())
	network := "tcp"
	if strings.HasPrefix(o.Addr, "/") {
		network = "unix"
	}
	c.client = redis.NewClient(&redis.Options{
		Network: network, Addr: o.Addr, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLS,
		OnConnect: c.connected, Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		// A call that failed is not tried again: the store is the other way.
		MaxRetries: -1, DialerRetries: 1,
		DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout,
		ContextTimeoutEnabled: true,
	})
	return c
}

// Close ends all connections, and what is still tried to be cleared.
func (c *Cache) Close() error {
	c.stop()
	c.pending.close()
	c.retries.Wait()
	if err := c.client.Close(); err != nil {
		return fmt.Errorf("close redis: %w", err)
	}
	return nil
}

// connected learns which run of the server a new connection leads to.
func (c *Cache) connected(ctx context.Context, conn *redis.Conn) error {
	info, err := conn.Info(ctx, "server").Result()
	if err != nil {
		return fmt.Errorf("ask redis for its run: %w", err)
	}
	for line := range strings.Lines(info) {
		if id, ok := strings.CutPrefix(line, "run_id:"); ok {
			id = strings.TrimSpace(id)
			c.run.Store(&id)
			return nil
		}
	}
	return errors.New("redis does not tell the id of its run")
}

var (
	errPaused    = errors.New("redis failed a moment ago")
	errRestarted = errors.New("redis was started anew")
	errMalformed = errors.New("redis holds what no cache has put there")
	errClearing  = errors.New("the entry could not be cleared yet")
)

// call runs f with the key of an entry, within the time-out. What f found in
// one run of the server is void if there is another now.
func (c *Cache) call(ctx context.Context, name registry.Name, dgst digest.Digest, f func(ctx context.Context, key string) error) error {
	bounded, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	run := c.run.Load()
	if run == nil {
		if err := c.client.Ping(bounded).Err(); err != nil {
			return err
		}
		if run = c.run.Load(); run == nil {
			return errRestarted
		}
	}
	err := f(bounded, c.options.Namespace+":"+*run+":"+name.String()+"@"+dgst.String())
	if now := c.run.Load(); *now != *run {
		return errRestarted
	}
	return err
}

// Get implements [registry.DescriptorCache].
func (c *Cache) Get(ctx context.Context, name registry.Name, dgst digest.Digest) (registry.CacheAnswer, error) {
	if err := cache.CheckKey(name, dgst); err != nil {
		return registry.CacheAnswer{}, err
	}
	if c.pending.has(entry{name, dgst}) {
		return registry.CacheAnswer{}, errClearing
	}
	if !c.breaker.allow(c.options.Timeout) {
		return registry.CacheAnswer{}, errPaused
	}
	var answer registry.CacheAnswer
	err := c.call(ctx, name, dgst, func(ctx context.Context, key string) (err error) {
		answer, err = c.get(ctx, key, name, dgst)
		return err
	})
	c.breaker.ended(ctx, err)
	if err != nil {
		return registry.CacheAnswer{}, fmt.Errorf("ask redis: %w", err)
	}
	return answer, nil
}

// get leaves a lease where nothing is, and reads what is there, in one go.
func (c *Cache) get(ctx context.Context, key string, name registry.Name, dgst digest.Digest) (registry.CacheAnswer, error) {
	pipe := c.client.Pipeline()
	lease := pipe.SetArgs(ctx, key, leaseMark+rand.Text(), redis.SetArgs{Mode: "NX", TTL: leaseTTL})
	found := pipe.Get(ctx, key)
	_, _ = pipe.Exec(ctx) // the error of the first that failed
	if err := lease.Err(); err != nil && !errors.Is(err, redis.Nil) && !isFull(err) {
		return registry.CacheAnswer{}, err
	}
	value, err := found.Result()
	switch {
	case errors.Is(err, redis.Nil):
		return registry.CacheAnswer{}, nil // gone meanwhile, or full
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		err = errMalformed
	case err != nil:
		return registry.CacheAnswer{}, err
	case strings.HasPrefix(value, leaseMark):
		return registry.CacheAnswer{Token: registry.CacheToken(value)}, nil
	default:
		var desc registry.Descriptor
		if desc, err = c.open(value, name, dgst); err == nil {
			return registry.CacheAnswer{Known: true, Descriptor: desc}, nil
		}
	}
	return registry.CacheAnswer{}, errors.Join(err, c.client.Del(ctx, key).Err())
}

// isFull reports whether the server has no room, which is no reason to leave it
// alone: what it holds it still tells.
func isFull(err error) bool { return redis.HasErrorPrefix(err, "OOM") }

// fill sets KEYS[1] from the lease ARGV[1] to ARGV[2], for ARGV[3] milliseconds.
const fill = `if redis.call('GET', KEYS[1]) == ARGV[1] then
	redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1`

// Set implements [registry.DescriptorCache].
func (c *Cache) Set(ctx context.Context, name registry.Name, dgst digest.Digest, desc registry.Descriptor, token registry.CacheToken) error {
	if err := cache.Check(name, dgst, desc); err != nil {
		return err
	}
	if !strings.HasPrefix(string(token), leaseMark) {
		return nil
	}
	if !c.breaker.allow(c.options.Timeout) {
		return errPaused
	}
	value, err := c.seal(name, dgst, desc)
	if err != nil {
		return err
	}
	err = c.call(ctx, name, dgst, func(ctx context.Context, key string) error {
		return redis.NewScript(fill).Run(ctx, c.client, []string{key}, string(token), value, c.options.TTL.Milliseconds()).Err()
	})
	c.breaker.ended(ctx, err)
	if err != nil {
		return fmt.Errorf("fill redis: %w", err)
	}
	return nil
}

// Clear implements [registry.DescriptorCache]. What can't be cleared is not
// found by this cache any more, and is tried again in the background until it
// would have expired.
func (c *Cache) Clear(ctx context.Context, name registry.Name, dgst digest.Digest) error {
	if err := cache.CheckKey(name, dgst); err != nil {
		return err
	}
	err := c.clear(ctx, name, dgst)
	if err == nil {
		return nil
	}
	c.pending.add(entry{name, dgst}, time.Now().Add(max(c.options.TTL, leaseTTL)), func() { c.retries.Go(c.retry) })
	return fmt.Errorf("clear redis: %w", err)
}

func (c *Cache) clear(ctx context.Context, name registry.Name, dgst digest.Digest) error {
	del := func(ctx context.Context, key string) error { return c.client.Del(ctx, key).Err() }
	err := c.call(ctx, name, dgst, del)
	if timeout := net.Error(nil); err != nil && ctx.Err() == nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
		// The first call after a restart finds the old connections broken.
		err = c.call(ctx, name, dgst, del)
	}
	c.breaker.ended(ctx, err)
	return err
}

// retry clears what could not be cleared, until nothing of it is left.
func (c *Cache) retry() {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		select {
		case <-c.stopped.Done():
			return
		case <-time.After(pause):
		}
		for _, e := range c.pending.all(time.Now()) {
			if c.clear(c.stopped, e.name, e.digest) != nil {
				break
			}
			c.pending.remove(e)
		}
		if c.pending.done() {
			return
		}
	}
}
