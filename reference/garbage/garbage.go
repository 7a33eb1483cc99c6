// Package garbage removes from a store what no repository needs: links to
// blobs that no manifest refers to, manifests without a tag where that is
// wanted, content without a link, and upload sessions that were given up.
//
// It works while servers push to the store, be they in this process or in
// others. What keeps the two apart lies in the store itself:
//
//   - A collector puts a state that says "active", under an id that no other
//     collection has, before it looks at anything, and one that says "over" at
//     its end.
//   - Before it removes something it puts the digests of that, a batch at a
//     time, into the state; then it reads the uses that pushes have put, and
//     leaves out what is used; then it removes the rest, and takes the digests
//     out of the state.
//   - A push reads the state before it looks for what it relies on. If a
//     collection is active, it puts the digests that it relies on as a use,
//     and then reads the state until none of them is being removed.
//   - A push reads the state again when all that it writes is in view. If a
//     collection has begun since it first looked, it does everything again,
//     beginning with the use, before it acknowledges.
//
// Why nothing is lost of which the push was acknowledged. Let P be the last
// attempt of a push, which relies on X, and C a collection that removes X. No
// other collection began while P went on. If C was active as P began, P put its
// use. Either C read it before it removed X, and left X out; or P put it later,
// thus read the state after C had put X there, and waited until X was gone. P
// then found X missing as it looked for it, or wrote it again. If C was not
// active, either it had ended before, with the same result; or it began when all
// of P was in view, and so finds P's links and does not take X for garbage. What
// X leads to in turn is as safe as X: what is removed goes from the top down, and
// what a use names counts as needed together with all that it leads to.
//
// A push that finds something missing in a second attempt is refused. Its tags
// name again what they did, but the manifest may stay in view without what it
// refers to. A collector gives pushes a moment to end before it removes anything,
// so that only one that is slower than that comes to this.
//
// The grace period is not needed for any of this. It gives clients time
// between the push of a blob and of the manifest that needs it.
//
// One collector is at work at a time: each puts a sign of life under its id
// and then looks for those of others, so that of two that begin at once at least
// one gives way. One that has given none for two minutes counts as dead; it
// stops by itself after one, should it still live.
//
// What it needs of the driver: a read or list that begins after a put, move or
// delete has ended shows it, to every process. What it needs of the machines:
// clocks that differ by less than a minute, and no process that stands still
// for more than a minute between two steps while another collects. What it needs
// of those who push: that they are this registry. Others don't know of the state,
// and must not push during a collection.
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
	// DryRun removes nothing, and reports what would be removed. It writes
	// nothing to the store.
	DryRun bool
	// Untagged removes manifests that no tag, no index that stays and no
	// subject that stays leads to.
	Untagged bool
	// Grace is the age below which nothing is removed. It gives a client
	// time between the push of a blob and of the manifest that needs it.
	Grace time.Duration
	// Settle is the time that pushes which are under way at the beginning
	// have to end before anything is removed.
	Settle time.Duration
}

// A Kind is a kind of thing that is removed.
type Kind string

// The kinds.
const (
	Manifest Kind = "manifest"
	Layer    Kind = "layer" // the link of a repository to a blob
	Content  Kind = "content"
	Upload   Kind = "upload"
	// Indexed is a manifest with a subject that the index of referrers lacked,
	// and that was added: one that another registry has pushed.
	Indexed Kind = "indexed"
	// Skipped is a repository that was left alone, for the reason given.
	Skipped Kind = "skipped"
)

// An Item is something removed or added, or that a dry run would have.
type Item struct {
	Kind       Kind   `json:"kind"`
	Repository string `json:"repository,omitempty"`
	// Name is a digest, or the id of an upload.
	Name  string `json:"name,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
	// Reason tells why a repository was left alone.
	Reason string `json:"reason,omitempty"`
}

// batch is how many things are removed at a time; pushes that rely on one of
// them wait for all.
const batch = 64

type collector struct {
	ctx        context.Context
	r          *storage.Registry
	d          driver.Driver
	o          Options
	collection *storage.Collection // nil in a dry run
	report     func(Item) error
	// gone are the folders that a dry run would have removed.
	gone map[string]bool
}

// Collect removes what is not needed from the store d, by the manifests as r,
// a registry over it, reads them, and reports each removal. As it reads all
// manifests, it completes the indexes of referrers of those that registries
// without such an index have pushed. A repository with a
// manifest that can't be read is left alone as it is, and so is content that it
// links to. An error of report ends the collection, as does a failure of the
// driver; what was removed up to then was not needed. It fails with
// [storage.ErrCollecting] while another collection is under way. Memory grows
// with the number of contents.
func Collect(ctx context.Context, r *storage.Registry, d driver.Driver, o Options, report func(Item) error) (err error) {
	c := &collector{ctx: ctx, r: r, d: d, o: o, report: report, gone: map[string]bool{}}
	if !o.DryRun {
		if c.collection, err = storage.BeginCollection(ctx, d, o.Settle); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.collection.End(ctx)) }()
	}
	if err := names(ctx, d, c.repository); err != nil {
		return err
	}
	marked, err := c.mark()
	if err != nil {
		return err
	}
	return c.sweep(marked)
}

// used reports whether a push relies on dgst, as far as is known.
func (c *collector) used(dgst digest.Digest) bool {
	return c.collection != nil && c.collection.Used(dgst)
}

// removing calls f while pushes that rely on any of the digests wait.
func (c *collector) removing(digests []digest.Digest, f func() error) error {
	if c.o.DryRun {
		return f()
	}
	return c.collection.Remove(c.ctx, digests, f)
}

// remove deletes what is at p, but in a dry run.
func (c *collector) remove(p string) error {
	if c.o.DryRun {
		return nil
	}
	if err := c.collection.Held(); err != nil {
		return err
	}
	return ignoreAbsent(c.d.Delete(c.ctx, p))
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
