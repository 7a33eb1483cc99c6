package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
)

// ErrCollecting says that another collector is at work.
var ErrCollecting = errors.New("another collection is under way")

// errLapsed says that a collector was held up for so long that others may take
// it for dead.
var errLapsed = errors.New("the collector was held up for too long")

const (
	// renewal is the time between a collector's signs of life.
	renewal = collectorTTL / 6
	// held is how long after the last one it may go on.
	held = collectorTTL / 2
)

// A Collection is the collector's side of what keeps collector and pushes
// apart, over the store alone, so that they may be in different processes. It
// is for one goroutine. Make one with [BeginCollection].
type Collection struct {
	d      driver.Driver
	run    string
	settle time.Time // nothing is removed before

	used map[digest.Digest]struct{}
	read map[string]struct{} // the files of uses that were read

	stop func()
	mu   sync.Mutex
	sign time.Time // the last sign of life
}

// BeginCollection makes the caller the one collector of the store, or fails
// with [ErrCollecting]. Pushes that were under way have the time settle to end
// before anything is removed; one that takes longer may be refused, none is
// accepted and lost. [Collection.End] must be called.
func BeginCollection(ctx context.Context, d driver.Driver, settle time.Duration) (*Collection, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("new id: %w", err)
	}
	c := &Collection{
		d: d, run: id.String(),
		used: map[digest.Digest]struct{}{}, read: map[string]struct{}{},
	}
	if err := c.claim(ctx); err != nil {
		return nil, errors.Join(err, c.withdraw(ctx))
	}
	if err := c.put(ctx, collectionState{Run: c.run, Active: true}); err != nil {
		return nil, errors.Join(err, c.withdraw(ctx))
	}
	c.settle = time.Now().Add(settle)
	c.keepAlive(ctx)
	if err := c.forget(ctx); err != nil {
		return nil, errors.Join(err, c.End(ctx))
	}
	return c, nil
}

// claim says that this collector is at work, and then looks for others: of two
// that do so at the same time, one at least sees the other.
func (c *Collection) claim(ctx context.Context) error {
	if err := c.renew(ctx); err != nil {
		return err
	}
	claims, err := c.list(ctx, layout.Collectors)
	if err != nil {
		return fmt.Errorf("look for collectors: %w", err)
	}
	for _, claim := range claims {
		if path.Base(claim) == c.run {
			continue
		}
		sign, err := c.d.GetContent(ctx, claim)
		switch {
		case absent(err):
		case err != nil:
			return fmt.Errorf("look for collectors: %w", err)
		case alive(sign):
			return ErrCollecting
		default:
			if err := c.remove(ctx, claim); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Collection) withdraw(ctx context.Context) error {
	return c.remove(context.WithoutCancel(ctx), layout.Collector(c.run))
}

// renew gives a sign of life, unless the last one is so old that others may
// have acted on it.
func (c *Collection) renew(ctx context.Context) error {
	if err := c.Held(); err != nil {
		return err
	}
	now := time.Now()
	err := c.d.PutContent(ctx, layout.Collector(c.run), []byte(now.UTC().Format(time.RFC3339Nano)))
	if err != nil {
		return mapped("give sign of life", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sign = now
	return nil
}

// Held fails once this collector may count as dead: it must remove nothing more.
func (c *Collection) Held() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.sign.IsZero() && time.Since(c.sign) > held {
		return errLapsed
	}
	return nil
}

// keepAlive renews the claim until the end.
func (c *Collection) keepAlive(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(renewal):
				_ = c.renew(ctx) // Held tells of it
			}
		}
	})
	c.stop = func() { cancel(); done.Wait() }
}

// forget removes what pushes told earlier collections.
func (c *Collection) forget(ctx context.Context) error {
	runs, err := c.list(ctx, layout.Uses)
	if err != nil {
		return fmt.Errorf("list uses: %w", err)
	}
	for _, run := range runs {
		if path.Base(run) == c.run {
			continue
		}
		if err := c.remove(ctx, run); err != nil {
			return err
		}
	}
	return nil
}

// Used reports whether a push has told that it relies on dgst, as far as was
// known at the last [Collection.Remove].
func (c *Collection) Used(dgst digest.Digest) bool {
	_, ok := c.used[dgst]
	return ok
}

// Remove says that what the digests name is being removed, finds out what
// pushes rely on, and calls f, which must not remove what is [Collection.Used].
// Pushes that rely on any of it wait meanwhile.
func (c *Collection) Remove(ctx context.Context, digests []digest.Digest, f func() error) (err error) {
	if rest := time.Until(c.settle); rest > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rest):
		}
	}
	if err := c.Held(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, c.put(context.WithoutCancel(ctx), collectionState{Run: c.run, Active: true}))
	}()
	if err := c.put(ctx, collectionState{Run: c.run, Active: true, Removing: digests}); err != nil {
		return err
	}
	if err := c.readUses(ctx); err != nil {
		return fmt.Errorf("read uses: %w", err)
	}
	return f()
}

// readUses reads what pushes have told since it was called last.
func (c *Collection) readUses(ctx context.Context) error {
	files, err := c.list(ctx, layout.UsesDuring(c.run))
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, ok := c.read[file]; ok {
			continue
		}
		text, err := c.d.GetContent(ctx, file)
		if err != nil {
			return err
		}
		for _, line := range strings.Fields(string(text)) {
			c.used[digest.Digest(line)] = struct{}{}
		}
		c.read[file] = struct{}{}
	}
	return nil
}

// End ends the collection, though ctx be done. Pushes pay no heed to it then.
func (c *Collection) End(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	c.stop()
	return errors.Join(
		c.put(ctx, collectionState{Run: c.run}),
		c.remove(ctx, layout.UsesDuring(c.run)),
		c.withdraw(ctx),
	)
}

// put writes the state, unless another collector may have taken over.
func (c *Collection) put(ctx context.Context, s collectionState) error {
	if err := c.Held(); err != nil {
		return err
	}
	content, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("state of collection: %w", err)
	}
	return mapped("write state of collection", c.d.PutContent(ctx, layout.CollectionState, content))
}

func (c *Collection) list(ctx context.Context, folder string) ([]string, error) {
	all, err := c.d.List(ctx, folder)
	if absent(err) {
		return nil, nil
	}
	return all, err
}

func (c *Collection) remove(ctx context.Context, p string) error {
	if err := c.d.Delete(ctx, p); err != nil && !absent(err) {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}
