package storage

import (
	"context"
	"fmt"
	"iter"
	"path"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// tags are the [registry.Tags] of a repository.
type tags struct{ *repository }

var _ registry.Tags = (*tags)(nil)

// Get implements [registry.Tags]. The descriptor bears the digest alone.
func (t *tags) Get(ctx context.Context, tag registry.Tag) (registry.Descriptor, error) {
	dgst, err := t.r.readLink(ctx, layout.TagCurrent(t.name, tag))
	if err == nil && dgst == "" {
		err = registry.ErrManifestUnknown.With(tag.String())
	}
	return registry.Descriptor{Digest: dgst}, err
}

// Set implements [registry.Tags].
func (t *tags) Set(ctx context.Context, tag registry.Tag, desc registry.Descriptor) error {
	t.lock.RLock()
	defer t.lock.RUnlock()
	canonical, err := (&manifests{t.repository}).revision(ctx, desc.Digest)
	if err != nil {
		return err
	}
	return t.setTag(ctx, tag, canonical)
}

// setTag lets the tag name a manifest that the repository holds. What the tag
// names comes before its history, so that a crash leaves no tag without one.
func (p *repository) setTag(ctx context.Context, tag registry.Tag, canonical digest.Digest) error {
	if err := p.r.link(ctx, layout.TagCurrent(p.name, tag), canonical); err != nil {
		return err
	}
	return p.r.link(ctx, layout.Link(layout.TagIndex(p.name, tag), canonical), canonical)
}

// Delete implements [registry.Tags].
func (t *tags) Delete(ctx context.Context, tag registry.Tag) error {
	if t.r.options.DisableDelete {
		return registry.ErrUnsupported.With("deletes are off")
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if _, err := t.Get(ctx, tag); err != nil {
		return err
	}
	return t.r.remove(ctx, layout.Tag(t.name, tag))
}

// All implements [registry.Tags].
func (t *tags) All(ctx context.Context, after registry.Tag) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		folders, err := t.r.list(ctx, layout.Tags(t.name))
		if err != nil {
			yield(registry.Tag{}, fmt.Errorf("list tags: %w", err))
			return
		}
		if len(folders) == 0 {
			if held, err := t.holdsAnything(ctx); err != nil {
				yield(registry.Tag{}, err)
			} else if !held {
				yield(registry.Tag{}, registry.ErrNameUnknown.With(t.name.String()))
			}
			return
		}
		for _, folder := range folders {
			tag, err := registry.ParseTag(path.Base(folder))
			if err != nil || tag.String() <= after.String() {
				continue
			}
			if !yield(tag, nil) {
				return
			}
		}
	}
}

// Lookup implements [registry.Tags].
func (t *tags) Lookup(ctx context.Context, dgst digest.Digest) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		folders, err := t.r.list(ctx, layout.Tags(t.name))
		if err != nil {
			yield(registry.Tag{}, fmt.Errorf("list tags: %w", err))
			return
		}
		canonical, err := t.r.readLink(ctx, layout.Link(layout.Revisions(t.name), dgst))
		if canonical == "" {
			canonical = dgst
		}
		for _, folder := range folders {
			if err != nil {
				yield(registry.Tag{}, err)
				return
			}
			var tag registry.Tag
			if tag, err = registry.ParseTag(path.Base(folder)); err != nil {
				err = nil
				continue
			}
			var current digest.Digest
			current, err = t.r.readLink(ctx, layout.TagCurrent(t.name, tag))
			if err == nil && current == canonical && !yield(tag, nil) {
				return
			}
		}
		if err != nil {
			yield(registry.Tag{}, err)
		}
	}
}
