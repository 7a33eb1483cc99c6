package garbage

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// attempts is how often a repository is marked while it changes, before
// publishing is stopped for as long as that takes.
const attempts = 3

// errUnreadable says that it isn't known what a repository needs.
var errUnreadable = errors.New("a manifest can't be read")

// A plan is what a repository does not need.
type plan struct {
	manifests []dead // parents before their children
	layers    []link
}

type dead struct {
	digest  digest.Digest
	subject digest.Digest
}

// A link leads from a folder to the canonical digest.
type link struct {
	folder string
	target digest.Digest
	young  bool
}

// repository removes what the repository does not need, provided that nothing
// was linked since that was found out.
func (c *collector) repository(name registry.Name) error {
	for i := 1; ; i++ {
		var before int
		if err := c.guard.Exclusively(func() error { before = c.guard.Changes(name); return nil }); err != nil {
			return err
		}
		p, err := plan{}, error(nil)
		if i < attempts {
			p, err = c.plan(name)
		}
		done := false
		if err == nil {
			err = c.guard.Exclusively(func() (err error) {
				if i < attempts && c.guard.Changes(name) != before {
					return nil
				}
				done = true
				if i == attempts {
					if p, err = c.plan(name); err != nil {
						return err
					}
				}
				return c.carryOut(name, p)
			})
		}
		if errors.Is(err, errUnreadable) {
			return c.report(Item{Kind: Skipped, Repository: name.String(), Reason: err.Error()})
		}
		if err != nil || done {
			return err
		}
	}
}

// plan finds out what the repository does not need.
func (c *collector) plan(name registry.Name) (plan, error) {
	g, err := c.graph(name)
	if err != nil {
		return plan{}, err
	}
	p := plan{manifests: g.dead()}
	if p.layers, err = c.unneeded(name, g.needed()); err != nil {
		return plan{}, fmt.Errorf("list layers of %s: %w", name, err)
	}
	return p, nil
}

// unneeded returns the links to blobs that no digest of needed leads to, under
// any alias, and of which none is young.
func (c *collector) unneeded(name registry.Name, needed map[digest.Digest]bool) ([]link, error) {
	var all []link
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
		l := link{folder: path.Dir(info.Path()), target: target, young: c.young(info)}
		if l.young || needed[own] || needed[target] {
			keep[target] = true
		}
		all = append(all, l)
		return nil
	})
	if err = ignoreAbsent(err); err != nil {
		return nil, err
	}
	var rest []link
	for _, l := range all {
		if !keep[l.target] {
			rest = append(rest, l)
		}
	}
	return rest, nil
}

// carryOut removes what the plan names: manifests before what they need, so
// that an interruption leaves none without it.
func (c *collector) carryOut(name registry.Name, p plan) error {
	for _, m := range p.manifests {
		if err := c.removeManifest(name, m); err != nil {
			return fmt.Errorf("remove manifest %s of %s: %w", m.digest, name, err)
		}
	}
	for _, l := range p.layers {
		c.skip(l.folder + "/" + layout.LinkFile)
		if err := c.remove(l.folder); err != nil {
			return fmt.Errorf("remove link to %s of %s: %w", l.target, name, err)
		}
		if err := c.report(Item{Kind: Layer, Repository: name.String(), Name: l.target.String()}); err != nil {
			return err
		}
	}
	return nil
}

// skip lets a dry run take the link for removed.
func (c *collector) skip(file string) {
	if c.o.DryRun {
		c.deadLinks[file] = true
	}
}

// removeManifest removes the links to a manifest and to its signatures, the
// canonical one last, and its entry in the index of referrers.
func (c *collector) removeManifest(name registry.Name, m dead) error {
	folders, own := []string{}, layout.Under(layout.Revisions(name), m.digest)
	err := c.d.Walk(c.ctx, layout.Revisions(name), func(info driver.FileInfo) error {
		p := info.Path()
		if info.IsDir() || path.Base(p) != layout.LinkFile {
			return nil
		}
		if strings.HasPrefix(p, own+"/") {
			c.skip(p)
			return nil
		}
		content, err := c.d.GetContent(c.ctx, p)
		if err == nil && strings.TrimSpace(string(content)) == m.digest.String() && !strings.Contains(p, "/"+layout.SignaturesFolder+"/") {
			folders = append(folders, path.Dir(p))
			c.skip(p)
		}
		return ignoreAbsent(err)
	})
	folders = append(folders, own)
	if m.subject != "" {
		folders = append(folders, layout.Under(layout.ReferrersOf(name, m.subject), m.digest))
	}
	for _, folder := range folders {
		if err == nil {
			err = c.remove(folder)
		}
	}
	if err != nil {
		return err
	}
	return c.report(Item{Kind: Manifest, Repository: name.String(), Name: m.digest.String()})
}
