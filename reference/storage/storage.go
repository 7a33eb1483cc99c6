// Package storage is a registry.Registry over a storage driver: blobs, upload
// sessions, manifests, tags and referrers in the layout of the distribution
// registry (see internal/layout for the map).
//
// Three rules carry it. A repository sees the content to which it has a link.
// A link holds the canonical digest, whatever digest its path names. Nothing
// but links is ever deleted here: content goes by a collector alone.
//
// What is read is checked against the links each time, and what is pushed is
// kept apart from collections through the store (see [Collection]), so that
// several processes may work on one store. Deletes are kept apart from pushes by one
// process alone: while one deletes a manifest, a tag that another sets to it, or away
// from it, at that moment can be left naming nothing, or be deleted. It does not
// authenticate, know HTTP beyond the answer to a pull, or send events.
package storage

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
)

// Options are the settings of a [Registry]. The zero value has every feature on.
type Options struct {
	// Manifests is the table of accepted media types; nil is
	// [manifest.Default], which takes no manifests of schema 1.
	Manifests *manifest.Table
	// References says which references of a manifest must be here.
	References manifest.Policy
	// DisableDelete refuses every delete with [registry.ErrUnsupported].
	DisableDelete bool
	// DisableMount refuses every mount with [registry.ErrUnsupported].
	DisableMount bool
	// DisableAnonymousMount refuses a mount that names no repository. It
	// must be set where callers may not read every repository.
	DisableAnonymousMount bool
	// DisableRedirect serves blobs from here though the driver has a URL.
	DisableRedirect bool
	// Cache, if set, is asked for a blob before the links are. What it knows
	// changes no answer, unless somebody deletes from the store who does not
	// share it: a blob that is gone can then be found for as long as an entry
	// lives, but never be read, nor be relied on by what is stored.
	Cache registry.DescriptorCache
	// DisableHashState reads an upload back at its end, rather than keep
	// the running hash with the session.
	DisableHashState bool
	// Exclusive says that no other process serves the store. Uploads that have no
	// content are then remembered and not stored, so that the end of this
	// process ends them.
	Exclusive bool
	// ManifestLinksAmongLayers reads manifests whose links lie among those of
	// blobs, where distribution 2.1.0 put them. A blob that is a manifest can
	// be pulled as one then. Such a store must not be collected.
	ManifestLinksAmongLayers bool
}

// A Registry is a [registry.Registry] over a driver. Make one with [New].
type Registry struct {
	driver  driver.Driver
	options Options
	seed    maphash.Seed
	locks   [64]sync.RWMutex // by repository; see repository.lock
	recent  recent
	rooms   sync.Pool // of *[]byte: for what uploads keep in memory

	mu       sync.Mutex
	sessions map[string]*upload   // by path: the sessions with a writer here
	idle     map[string]time.Time // by path: the start of those that have nothing in the store
	swept    time.Time            // when idle was last rid of what is old
}

var _ registry.Registry = (*Registry)(nil)

// New returns the registry whose content lies in d.
func New(d driver.Driver, o Options) *Registry {
	if o.Manifests == nil {
		o.Manifests = manifest.Default()
	}
	return &Registry{
		driver: d, options: o, seed: maphash.MakeSeed(), recent: newRecent(),
		rooms:    sync.Pool{New: func() any { return new([]byte) }},
		sessions: map[string]*upload{}, idle: map[string]time.Time{},
	}
}

// Repository implements [registry.Registry].
func (r *Registry) Repository(_ context.Context, name registry.Name) (registry.Repository, error) {
	if name.IsZero() {
		return nil, registry.ErrNameInvalid.With("the name is empty")
	}
	return r.repository(name), nil
}

func (r *Registry) repository(name registry.Name) *repository {
	hash := maphash.String(r.seed, name.String())
	return &repository{r: r, name: name, lock: &r.locks[hash%uint64(len(r.locks))]}
}

// Repositories implements [registry.Registry].
func (r *Registry) Repositories(ctx context.Context, after registry.Name) iter.Seq2[registry.Name, error] {
	return func(yield func(registry.Name, error) bool) {
		err := r.folders(ctx, layout.Repositories, after, func(name registry.Name) error {
			held, err := r.repository(name).holdsManifest(ctx)
			if err == nil && held && !yield(name, nil) {
				err = errStop
			}
			return err
		})
		if err != nil && err != errStop {
			yield(registry.Name{}, err)
		}
	}
}

// errStop ends a walk whose caller has enough.
var errStop = errors.New("stop")

// folders calls f for each folder below dir that could be a repository, in the
// order of names, beginning after the given name. A parent comes before its
// children, whatever byte they begin with.
func (r *Registry) folders(ctx context.Context, dir string, after registry.Name, f func(registry.Name) error) error {
	hint := ""
	if !after.IsZero() {
		hint = layout.Repository(after)
	}
	var stopped error
	err := r.driver.Walk(ctx, dir, func(info driver.FileInfo) error {
		if !info.IsDir() {
			return nil
		}
		name, err := registry.ParseName(strings.TrimPrefix(info.Path(), layout.Repositories+"/"))
		if err != nil {
			return driver.ErrSkipDir // a folder of the layout, or not ours
		}
		if name.Compare(after) > 0 {
			stopped = f(name)
		}
		return stopped
	}, driver.WithStartAfterHint(hint))
	if stopped != nil {
		return stopped
	}
	if err != nil && !absent(err) {
		return fmt.Errorf("list repositories: %w", err)
	}
	return nil
}

// A repository is a [registry.Repository]: the name, and where to find the rest.
type repository struct {
	r    *Registry
	name registry.Name
	// lock is held shared to link a blob or manifest or set a tag, and alone
	// to delete, so that no tag is set to a manifest that goes meanwhile. It
	// is shared with other repositories: nobody may hold two.
	lock *sync.RWMutex
}

var _ registry.Repository = (*repository)(nil)

func (p *repository) Name() registry.Name           { return p.name }
func (p *repository) Blobs() registry.Blobs         { return &blobs{p} }
func (p *repository) Manifests() registry.Manifests { return &manifests{p} }
func (p *repository) Tags() registry.Tags           { return &tags{p} }

// holdsManifest reports whether there is a link to a manifest.
func (p *repository) holdsManifest(ctx context.Context) (bool, error) {
	return p.r.holdsLink(ctx, layout.Revisions(p.name))
}

// holdsAnything reports whether there is a link to a manifest or a blob.
func (p *repository) holdsAnything(ctx context.Context) (bool, error) {
	held, err := p.holdsManifest(ctx)
	if held || err != nil {
		return held, err
	}
	return p.r.holdsLink(ctx, layout.Layers(p.name))
}

// holdsLink reports whether there is a link below the folder, other than to a
// signature, which counts for nothing by itself.
func (r *Registry) holdsLink(ctx context.Context, folder string) (bool, error) {
	held := false
	err := r.driver.Walk(ctx, folder, func(info driver.FileInfo) error {
		if info.IsDir() || path.Base(info.Path()) != layout.LinkFile || isSignature(strings.TrimPrefix(info.Path(), folder)) {
			return nil
		}
		held = true
		return driver.ErrFilledBuffer
	})
	if err != nil && !absent(err) {
		return false, fmt.Errorf("look for links: %w", err)
	}
	return held, nil
}

// children calls f for the name of each child of a folder, in the order of their
// bytes, beginning after the given one ("": at the start). There are none if the
// folder is absent. Memory does not grow with their number.
func (r *Registry) children(ctx context.Context, folder, after string, f func(name string) error) error {
	var stopped error
	err := driver.Children(ctx, r.driver, folder, after, func(name string) error {
		stopped = f(name)
		return stopped
	})
	if stopped == nil && absent(err) {
		return nil
	}
	return err
}

// canonical calls f for each canonical digest that has a folder in a folder of
// links, in order, beginning after the given one ("": at the start).
func (r *Registry) canonical(ctx context.Context, folder string, after digest.Digest, f func(digest.Digest) error) error {
	from := ""
	if after != "" && after.Algorithm() == digest.Canonical {
		from = after.Encoded()
	}
	return r.children(ctx, folder+"/"+digest.Canonical.String(), from, func(name string) error {
		dgst, ok := layout.DigestOf(digest.Canonical.String() + "/" + name)
		if !ok || dgst <= after {
			return nil
		}
		return f(dgst)
	})
}

// list returns the children of a folder, none if it is absent.
func (r *Registry) list(ctx context.Context, folder string) ([]string, error) {
	children, err := r.driver.List(ctx, folder)
	if absent(err) {
		return nil, nil
	}
	return children, err
}

// link returns a link to the canonical digest, to be published.
func link(file string, canonical digest.Digest) driver.File {
	return driver.File{Path: file, Content: []byte(canonical)}
}

// links returns the links in a folder to the canonical digest: the one that
// belongs to the alias first, if that is another.
func links(folder string, canonical, alias digest.Digest) []driver.File {
	own := link(layout.Link(folder, canonical), canonical)
	if alias == canonical {
		return []driver.File{own}
	}
	return []driver.File{link(layout.Link(folder, alias), canonical), own}
}

// publish puts files in order: none is there before those on which it rests.
func (r *Registry) publish(ctx context.Context, what string, files ...driver.File) error {
	return mapped(what, driver.Publish(ctx, r.driver, files...))
}

// readLink returns the canonical digest that the link holds, or "" if there
// is no link.
func (r *Registry) readLink(ctx context.Context, file string) (digest.Digest, error) {
	content, err := r.driver.GetContent(ctx, file)
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read link: %w", err)
	}
	dgst, err := digest.Parse(strings.TrimSpace(string(content)))
	if err != nil {
		return "", fmt.Errorf("link %s: %w", file, err)
	}
	return dgst, nil
}

// unlink removes the folder of every link below folder that leads to
// canonical. The link of the canonical digest itself goes last.
func (r *Registry) unlink(ctx context.Context, folder string, canonical digest.Digest) error {
	own := folder + "/" + canonical.Algorithm().String()
	err := r.driver.Walk(ctx, folder, func(info driver.FileInfo) error {
		if info.Path() == own {
			return driver.ErrSkipDir
		}
		if info.IsDir() || path.Base(info.Path()) != layout.LinkFile {
			return nil
		}
		target, err := r.readLink(ctx, info.Path())
		if err == nil && target == canonical {
			err = r.remove(ctx, path.Dir(info.Path()))
		}
		return err
	})
	if err != nil && !absent(err) {
		return fmt.Errorf("remove aliases: %w", err)
	}
	return r.remove(ctx, layout.Under(folder, canonical))
}

// remove deletes what is at p; that it is absent is no failure.
func (r *Registry) remove(ctx context.Context, p string) error {
	if err := r.driver.Delete(ctx, p); err != nil && !absent(err) {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// absent reports whether err says that there is nothing at a path.
func absent(err error) bool {
	_, ok := errors.AsType[driver.PathNotFoundError](err)
	return ok
}

// mapped wraps a driver's failure to write with what was tried; that the
// medium is full, the upload gone, or another at work, gets its code.
func mapped(what string, err error) error {
	if err == nil {
		return nil
	}
	if _, full := errors.AsType[driver.FullError](err); full {
		return fmt.Errorf("%s: %w: %w", what, registry.ErrStorageFull, err)
	}
	if _, gone := errors.AsType[driver.DiscardedError](err); gone {
		return fmt.Errorf("%s: %w: %w", what, registry.ErrBlobUploadUnknown, err)
	}
	if _, busy := errors.AsType[driver.BusyError](err); busy {
		return fmt.Errorf("%s: %w: %w", what, errBusy(), err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
