package storage

import (
	"errors"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// A Guard lets a collector remove content while the registry is at work: it
// tells what was linked since it was taken, and stops all that publishes for
// as long as a removal takes. Take one with [Registry.Guard].
type Guard struct {
	r *Registry

	mu      sync.Mutex
	linked  map[digest.Digest]struct{}
	changes map[string]int // by repository
}

// ErrGuarded says that another collector is at work.
var ErrGuarded = errors.New("another collection is under way")

// Guard returns a guard, or [ErrGuarded] while there is another. What it
// remembers grows with what is pushed until [Guard.Release].
func (r *Registry) Guard() (*Guard, error) {
	g := &Guard{r: r, linked: map[digest.Digest]struct{}{}, changes: map[string]int{}}
	if !r.guard.CompareAndSwap(nil, g) {
		return nil, ErrGuarded
	}
	// Who began to publish before now, unseen, has ended after this.
	return g, g.Exclusively(func() error { return nil })
}

// Release ends the guard.
func (g *Guard) Release() { g.r.guard.CompareAndSwap(g, nil) }

// Linked reports whether a link to dgst was written since the guard was taken.
func (g *Guard) Linked(dgst digest.Digest) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.linked[dgst]
	return ok
}

// Changes counts the links and tags that were written in the repository since
// the guard was taken.
func (g *Guard) Changes(name registry.Name) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changes[name.String()]
}

// Exclusively calls f while nothing is published or deleted through the
// registry. Reading goes on. f must not publish or delete through it.
func (g *Guard) Exclusively(f func() error) error {
	for i := range g.r.locks {
		g.r.locks[i].Lock()
		defer g.r.locks[i].Unlock()
	}
	return f()
}

// note remembers a link that is about to be written.
func (g *Guard) note(file string, canonical digest.Digest) {
	name, _, _ := strings.Cut(strings.TrimPrefix(file, layout.Repositories+"/"), "/_")
	g.mu.Lock()
	defer g.mu.Unlock()
	g.linked[canonical] = struct{}{}
	g.changes[name]++
}

// publishing runs f, which makes content that no link leads to yet visible in
// the repository, apart from any collector's removals.
func (p *repository) publishing(f func() error) error {
	p.lock.RLock()
	defer p.lock.RUnlock()
	return f()
}
