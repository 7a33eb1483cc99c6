// Package garbage removes from a store what no repository needs: links to
// blobs that no manifest refers to, manifests without a tag where that is
// wanted, content without a link, and upload sessions that were given up.
//
// It marks and sweeps while the registry of the same process is at work: a
// [storage.Guard] tells it of every link that is written meanwhile, and keeps
// publishing apart from each removal. Another process must not push to the
// store during a collection; reading is free.
package garbage

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// Options are the settings of [Collect].
type Options struct {
	// DryRun removes nothing, and reports what would be removed.
	DryRun bool
	// Untagged removes manifests that no tag, no index that stays and no
	// subject that stays leads to.
	Untagged bool
	// Grace is the age below which nothing is removed. It gives a client
	// time between the push of a blob and of the manifest that needs it.
	Grace time.Duration
	// Now is the time that ages count from; nil is [time.Now].
	Now func() time.Time
}

// A Kind is a kind of thing that is removed.
type Kind string

// The kinds.
const (
	Manifest Kind = "manifest"
	Layer    Kind = "layer" // the link of a repository to a blob
	Content  Kind = "content"
	Upload   Kind = "upload"
	// Skipped is a repository that was left alone, for the reason given.
	Skipped Kind = "skipped"
)

// An Item is something removed, or that a dry run would remove.
type Item struct {
	Kind       Kind   `json:"kind"`
	Repository string `json:"repository,omitempty"`
	// Name is a digest, or the id of an upload.
	Name  string `json:"name,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
	// Reason tells why a repository was left alone.
	Reason string `json:"reason,omitempty"`
}

type collector struct {
	ctx    context.Context
	r      *storage.Registry
	d      driver.Driver
	o      Options
	guard  *storage.Guard
	report func(Item) error
	// deadLinks are those that a dry run would have removed.
	deadLinks map[string]bool
}

// Collect removes what is not needed from the store d, which r serves, and
// reports each removal; report must not push to r. A repository with a manifest that can't be read is
// left alone as it is, and so is content that it links to. An error of report
// ends the collection, as does a failure of the driver; what was removed up to
// then was not needed. It fails with [storage.ErrGuarded] while another
// collection is under way. Memory grows with the number of contents.
func Collect(ctx context.Context, r *storage.Registry, d driver.Driver, o Options, report func(Item) error) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	guard, err := r.Guard()
	if err != nil {
		return err
	}
	defer guard.Release()
	c := &collector{ctx: ctx, r: r, d: d, o: o, guard: guard, report: report, deadLinks: map[string]bool{}}
	if err := names(ctx, d, c.repository); err != nil {
		return err
	}
	marked, err := c.mark()
	if err != nil {
		return err
	}
	return c.sweep(marked)
}

// names calls f for each folder that has the name of a repository and holds a
// folder of the layout, and so for those whose last manifest is gone, too.
func names(ctx context.Context, d driver.Driver, f func(registry.Name) error) error {
	var all []registry.Name
	err := d.Walk(ctx, layout.Repositories, func(info driver.FileInfo) error {
		if !info.IsDir() || !strings.HasPrefix(path.Base(info.Path()), "_") {
			return nil
		}
		name, err := registry.ParseName(strings.TrimPrefix(path.Dir(info.Path()), layout.Repositories+"/"))
		if err == nil && (len(all) == 0 || all[len(all)-1] != name) {
			all = append(all, name)
		}
		return driver.ErrSkipDir
	})
	if err != nil && !absent(err) {
		return fmt.Errorf("list repositories: %w", err)
	}
	seen := map[registry.Name]bool{}
	for _, name := range all {
		if seen[name] {
			continue
		}
		seen[name] = true
		if err := f(name); err != nil {
			return err
		}
	}
	return nil
}

// mark returns the digests that any link of blobs, manifests or signatures
// leads to. A link that can't be read keeps what its path names.
func (c *collector) mark() (map[digest.Digest]struct{}, error) {
	marked := map[digest.Digest]struct{}{}
	err := c.d.Walk(c.ctx, layout.Repositories, func(info driver.FileInfo) error {
		p := info.Path()
		if info.IsDir() {
			if base := path.Base(p); base == "_uploads" || base == "_referrers" || strings.HasSuffix(p, "/_manifests/tags") {
				return driver.ErrSkipDir
			}
			return nil
		}
		if path.Base(p) != layout.LinkFile || c.deadLinks[p] {
			return nil
		}
		if dgst, ok := layout.DigestOf(p); ok {
			marked[dgst] = struct{}{}
		}
		content, err := c.d.GetContent(c.ctx, p)
		if absent(err) {
			return nil
		}
		if dgst, parseErr := digest.Parse(strings.TrimSpace(string(content))); parseErr == nil {
			marked[dgst] = struct{}{}
		}
		return err
	})
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("mark content: %w", err)
	}
	return marked, nil
}

// sweep removes the content that is neither marked, nor linked since, nor
// young.
func (c *collector) sweep(marked map[digest.Digest]struct{}) error {
	var garbage []digest.Digest
	err := c.d.Walk(c.ctx, layout.Blobs, func(info driver.FileInfo) error {
		if info.IsDir() || path.Base(info.Path()) != "data" {
			return nil
		}
		dgst, ok := layout.DigestOf(path.Dir(path.Dir(path.Dir(info.Path()))) + "/" + path.Base(path.Dir(info.Path())))
		if _, live := marked[dgst]; ok && !live && !c.young(info) {
			garbage = append(garbage, dgst)
		}
		return nil
	})
	if err != nil && !absent(err) {
		return fmt.Errorf("list content: %w", err)
	}
	for _, dgst := range garbage {
		if err := c.removeContent(dgst); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) removeContent(dgst digest.Digest) error {
	file, removed := layout.Blob(dgst), false
	var size int64
	err := c.guard.Exclusively(func() error {
		info, err := c.d.Stat(c.ctx, file)
		if err != nil || c.guard.Linked(dgst) || c.young(info) {
			return ignoreAbsent(err)
		}
		size, removed = info.Size(), true
		return c.remove(path.Dir(file))
	})
	if err != nil {
		return fmt.Errorf("remove content %s: %w", dgst, err)
	}
	if !removed {
		return nil
	}
	return c.report(Item{Kind: Content, Name: dgst.String(), Bytes: size})
}

// young reports whether the file is younger than the grace period. One whose
// age is not known is, if there is such a period.
func (c *collector) young(info driver.FileInfo) bool {
	return c.o.Grace > 0 && (info.ModTime().IsZero() || c.o.Now().Sub(info.ModTime()) < c.o.Grace)
}

// remove deletes what is at p, but in a dry run.
func (c *collector) remove(p string) error {
	if c.o.DryRun {
		return nil
	}
	return ignoreAbsent(c.d.Delete(c.ctx, p))
}

func ignoreAbsent(err error) error {
	if absent(err) {
		return nil
	}
	return err
}

func absent(err error) bool {
	_, ok := errors.AsType[driver.PathNotFoundError](err)
	return ok
}
