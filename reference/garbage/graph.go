package garbage

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// A graph is the manifests of a repository and what they refer to.
type graph struct {
	nodes map[digest.Digest]*node // by canonical digest
	order []digest.Digest
}

type node struct {
	references []digest.Digest
	subject    digest.Digest // as the manifest has it
	target     digest.Digest // the canonical one of the same
	referrers  []*node
	aliases    []digest.Digest // other digests that lead to it
	live       bool
}

// graph reads the manifests of the repository and marks those that stay.
func (c *collector) graph(name registry.Name) (*graph, error) {
	p, err := c.r.Repository(c.ctx, name)
	if err != nil {
		return nil, err
	}
	aliases, err := c.aliases(name)
	if err != nil {
		return nil, err
	}
	g := &graph{nodes: map[digest.Digest]*node{}}
	for dgst, err := range p.Manifests().All(c.ctx) {
		if err != nil {
			return nil, fmt.Errorf("manifests of %s: %w", name, err)
		}
		m, err := p.Manifests().Get(c.ctx, dgst)
		if ctxErr := c.ctx.Err(); ctxErr != nil {
			return nil, ctxErr
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUnreadable, err)
		}
		n := &node{live: !c.o.Untagged, aliases: aliases[dgst]}
		for _, desc := range m.References() {
			n.references = append(n.references, desc.Digest)
			if canonical, err := c.canonical(name, desc.Digest); err != nil {
				return nil, err
			} else if canonical != desc.Digest {
				n.references = append(n.references, canonical)
			}
		}
		if s := m.Subject(); s != nil {
			n.subject = s.Digest
			if n.target, err = c.canonical(name, s.Digest); err != nil {
				return nil, err
			}
			if err := c.index(name, s.Digest, dgst); err != nil {
				return nil, fmt.Errorf("index of referrers of %s: %w", name, err)
			}
		}
		g.nodes[dgst] = n
		g.order = append(g.order, dgst)
	}
	if !c.o.Untagged {
		return g, nil
	}
	return g, c.roots(name, p, g)
}

// index adds a manifest with a subject to an index of referrers that says that it
// is complete, and lacks it.
func (c *collector) index(name registry.Name, subject, dgst digest.Digest) error {
	entry := layout.Link(layout.ReferrersOf(name, subject), dgst)
	if _, err := c.d.Stat(c.ctx, entry); !absent(err) {
		return err
	}
	if _, err := c.d.Stat(c.ctx, layout.ReferrersComplete(name)); err != nil {
		return ignoreAbsent(err) // it will be found when it is asked for
	}
	if !c.o.DryRun {
		if err := c.d.PutContent(c.ctx, entry, []byte(dgst)); err != nil {
			return err
		}
	}
	return c.report(Item{Kind: Indexed, Repository: name.String(), Name: dgst.String()})
}

// aliases returns the digests of other algorithms that lead to manifests of the
// repository, by the canonical digest of those.
func (c *collector) aliases(name registry.Name) (map[digest.Digest][]digest.Digest, error) {
	all := map[digest.Digest][]digest.Digest{}
	algorithms, err := c.d.List(c.ctx, layout.Revisions(name))
	for _, algorithm := range algorithms {
		if path.Base(algorithm) == digest.Canonical.String() {
			continue
		}
		folders, err := c.d.List(c.ctx, algorithm)
		if err = ignoreAbsent(err); err != nil {
			return nil, fmt.Errorf("list aliases of %s: %w", name, err)
		}
		for _, folder := range folders {
			alias, ok := layout.DigestOf(folder)
			if !ok {
				continue
			}
			target, err := c.canonical(name, alias)
			if err != nil {
				return nil, err
			}
			all[target] = append(all[target], alias)
		}
	}
	if err = ignoreAbsent(err); err != nil {
		return nil, fmt.Errorf("list aliases of %s: %w", name, err)
	}
	return all, nil
}

// canonical returns the digest of the manifest to which dgst leads in the
// repository, dgst itself if to none.
func (c *collector) canonical(name registry.Name, dgst digest.Digest) (digest.Digest, error) {
	if dgst.Algorithm() == digest.Canonical {
		return dgst, nil
	}
	content, err := c.d.GetContent(c.ctx, layout.Link(layout.Revisions(name), dgst))
	if err = ignoreAbsent(err); err != nil {
		return "", fmt.Errorf("link %s of %s: %w", dgst, name, err)
	}
	if target, err := digest.Parse(strings.TrimSpace(string(content))); err == nil {
		return target, nil
	}
	return dgst, nil
}

// roots marks what tags name, what pushes rely on and what is young, and all
// that follows.
func (c *collector) roots(name registry.Name, p registry.Repository, g *graph) error {
	for _, n := range g.nodes {
		if s := g.nodes[n.target]; s != nil {
			s.referrers = append(s.referrers, n)
		}
	}
	for _, dgst := range g.order {
		if n := g.nodes[dgst]; c.used(dgst) || slices.ContainsFunc(n.aliases, c.used) {
			g.keep(n)
			continue
		}
		info, err := c.d.Stat(c.ctx, layout.Link(layout.Revisions(name), dgst))
		if absent(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("age of manifest %s of %s: %w", dgst, name, err)
		}
		if c.young(info) {
			g.keep(g.nodes[dgst])
		}
	}
	for tag, err := range p.Tags().All(c.ctx, registry.Tag{}) {
		if errors.Is(err, registry.ErrNameUnknown) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("tags of %s: %w", name, err)
		}
		desc, err := p.Tags().Get(c.ctx, tag)
		if errors.Is(err, registry.ErrManifestUnknown) {
			continue // it was deleted, or half of it
		}
		if err != nil {
			return fmt.Errorf("%w: tag %s: %w", errUnreadable, tag, err)
		}
		g.keep(g.nodes[desc.Digest])
	}
	return nil
}

// keep marks n, what it refers to, and what refers to it as a subject.
func (g *graph) keep(n *node) {
	for work := []*node{n}; len(work) > 0; {
		n, work = work[len(work)-1], work[:len(work)-1]
		if n == nil || n.live {
			continue
		}
		n.live = true
		for _, dgst := range n.references {
			work = append(work, g.nodes[dgst])
		}
		work = append(work, n.referrers...)
	}
}

// needed returns the digests that the manifests which stay refer to.
func (g *graph) needed() map[digest.Digest]bool {
	needed := map[digest.Digest]bool{}
	for _, n := range g.nodes {
		for _, dgst := range n.references {
			needed[dgst] = needed[dgst] || n.live
		}
	}
	return needed
}

// dead returns the manifests that go, parents before their children.
func (g *graph) dead() []digest.Digest {
	parents := map[digest.Digest]int{}
	for _, n := range g.nodes {
		for _, dgst := range n.references {
			if !n.live {
				parents[dgst]++
			}
		}
	}
	var ready []digest.Digest
	for _, dgst := range g.order {
		if !g.nodes[dgst].live && parents[dgst] == 0 {
			ready = append(ready, dgst)
		}
	}
	var all []digest.Digest
	for ; len(ready) > 0; ready = ready[1:] {
		n := g.nodes[ready[0]]
		all = append(all, ready[0])
		for _, dgst := range n.references {
			parents[dgst]--
			if child := g.nodes[dgst]; child != nil && !child.live && parents[dgst] == 0 {
				ready = append(ready, dgst)
			}
		}
	}
	return all
}
