package garbage

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

var (
	// errUnreadable says that it isn't known what a repository needs.
	errUnreadable = errors.New("a manifest can't be read")
	// errUsed says that a push relies on what was to be removed.
	errUsed = errors.New("a push relies on it")
)

// A removal is something that a repository does not need.
type removal struct {
	item Item
	// digests are all by which a push may rely on it.
	digests []digest.Digest
	// folders go in this order.
	folders []string
}

// repository removes what the repository does not need. Where a push turns out
// to rely on some of that, it finds out anew what is needed.
func (c *collector) repository(name registry.Name) error {
	for {
		rest, err := c.plan(name)
		for err == nil && len(rest) > 0 {
			n := min(batch, len(rest))
			err = c.carryOut(name, rest[:n], rest)
			rest = rest[n:]
		}
		switch {
		case errors.Is(err, errUsed):
		case errors.Is(err, errUnreadable):
			return c.report(Item{Kind: Skipped, Repository: name.String(), Reason: err.Error()})
		default:
			return err
		}
	}
}

// plan finds out what the repository does not need: manifests come before what
// they refer to, so that an interruption leaves none without it, and all of
// them before blobs.
func (c *collector) plan(name registry.Name) ([]removal, error) {
	g, err := c.graph(name)
	if err != nil {
		return nil, err
	}
	var all []removal
	for _, dgst := range g.dead() {
		all = append(all, manifestRemoval(name, dgst, g.nodes[dgst]))
	}
	layers, err := c.unneeded(name, g.needed())
	if err != nil {
		return nil, fmt.Errorf("list layers of %s: %w", name, err)
	}
	return append(all, layers...), nil
}

// manifestRemoval removes the links to a manifest and to its signatures, the
// canonical one last, and its entry in the index of referrers.
func manifestRemoval(name registry.Name, dgst digest.Digest, n *node) removal {
	m := removal{
		item:    Item{Kind: Manifest, Repository: name.String(), Name: dgst.String()},
		digests: append(slices.Clone(n.aliases), dgst),
	}
	for _, d := range m.digests {
		m.folders = append(m.folders, layout.Under(layout.Revisions(name), d))
	}
	if n.subject != "" {
		m.folders = append(m.folders, layout.Under(layout.ReferrersOf(name, n.subject), dgst))
	}
	return m
}

// unneeded returns the links to blobs that no digest of needed leads to, under
// any alias, on which no push relies, and of which none is young.
func (c *collector) unneeded(name registry.Name, needed map[digest.Digest]bool) ([]removal, error) {
	var all []removal
	keep := map[digest.Digest]bool{}
	err := c.d.Walk(c.ctx, layout.Layers(name), func(info driver.FileInfo) error {
		own, ok := layout.DigestOf(info.Path())
		if info.IsDir() || path.Base(info.Path()) != layout.LinkFile || !ok {
			return nil
		}
		content, err := c.d.GetContent(c.ctx, info.Path())
		if absent(err) {
			return nil
		}
		target, parseErr := digest.Parse(strings.TrimSpace(string(content)))
		if err != nil || parseErr != nil {
			return err // a broken link is for a checker, and stays
		}
		if c.young(info) || needed[own] || needed[target] || c.used(own) || c.used(target) {
			keep[target] = true
			return nil
		}
		all = append(all, removal{
			item:    Item{Kind: Layer, Repository: name.String(), Name: target.String()},
			digests: []digest.Digest{own, target},
			folders: []string{path.Dir(info.Path())},
		})
		return nil
	})
	if err = ignoreAbsent(err); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(l removal) bool { return keep[l.digests[1]] }), nil
}

// carryOut removes the first of what is left of a plan. It fails with errUsed,
// and removes nothing, if a push relies on any of the rest.
func (c *collector) carryOut(name registry.Name, first, rest []removal) error {
	var digests []digest.Digest
	for _, r := range first {
		digests = append(digests, r.digests...)
	}
	var removed []Item
	err := c.removing(digests, func() error {
		for _, r := range rest {
			if slices.ContainsFunc(r.digests, c.used) {
				return errUsed
			}
		}
		for _, r := range first {
			err := c.removeFolders(r.folders)
			if r.item.Kind == Layer && !c.o.DryRun {
				c.r.Forget(c.ctx, name, r.digests[1])
			}
			if err != nil {
				return fmt.Errorf("remove %s %s of %s: %w", r.item.Kind, r.item.Name, r.item.Repository, err)
			}
			removed = append(removed, r.item)
		}
		return nil
	})
	return c.tell(removed, err)
}

func (c *collector) removeFolders(folders []string) error {
	for _, folder := range folders {
		if c.o.DryRun {
			c.gone[folder] = true
		}
		if err := c.remove(folder); err != nil {
			return err
		}
	}
	return nil
}
