package redis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

const (
	// firstPause is how long the server is left alone after a failure; each
	// further one doubles it, up to longestPause.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// maxPending bounds what waits to be cleared. What doesn't wait expires.
	maxPending = 10_000
)

// A breaker keeps calls from a server that fails.
type breaker struct {
	mu    sync.Mutex
	pause time.Duration // 0: all is well
	until time.Time
}

// allow reports whether to call. After a pause one call tries for all, which
// takes no longer than the time-out.
func (b *breaker) allow(timeout time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause == 0 {
		return true
	}
	now := time.Now()
	if now.Before(b.until) {
		return false
	}
	b.until = now.Add(timeout)
	return true
}

// ended tells how a call of ctx went. One that its caller broke off tells
// nothing; a server that is full, or holds what can't be read, answers.
func (b *breaker) ended(ctx context.Context, err error) {
	if err != nil && ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil || isFull(err) || errors.Is(err, errMalformed) {
		b.pause = 0
		return
	}
	b.pause = min(max(2*b.pause, firstPause), longestPause)
	b.until = time.Now().Add(b.pause)
}

// An entry names what is cached.
type entry struct {
	name   registry.Name
	digest digest.Digest
}

// pending is what could not be cleared yet, and until when that matters.
type pending struct {
	mu      sync.Mutex
	entries map[entry]time.Time
	running bool
	closed  bool
}

func (p *pending) has(e entry) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.entries[e]
	return ok && time.Now().Before(until)
}

// add notes e, and calls work if nobody is at work.
func (p *pending) add(e entry, until time.Time, work func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.entries) >= maxPending {
		return
	}
	if p.entries == nil {
		p.entries = map[entry]time.Time{}
	}
	p.entries[e] = until
	if !p.running {
		p.running = true
		work()
	}
}

// all returns what still matters, and forgets the rest.
func (p *pending) all(now time.Time) []entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []entry
	for e, until := range p.entries {
		if now.Before(until) {
			all = append(all, e)
		} else {
			delete(p.entries, e)
		}
	}
	return all
}

func (p *pending) remove(e entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.entries, e)
}

// done reports whether nothing is left, and takes note that nobody works then.
func (p *pending) done() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = len(p.entries) > 0
	return !p.running
}

func (p *pending) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}
