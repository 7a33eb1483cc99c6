package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
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
	m := &manifests{t.repository}
	canonical, err := m.revision(ctx, desc.Digest)
	if err != nil {
		return err
	}
	before := tagsBefore{}
	err = t.r.relying(ctx, []digest.Digest{canonical, desc.Digest}, func() error {
		t.lock.RLock()
		defer t.lock.RUnlock()
		if _, err := m.revision(ctx, desc.Digest); err != nil {
			return err
		}
		links, err := t.tagLinks(ctx, []registry.Tag{tag}, canonical, before)
		if err != nil {
			return err
		}
		return t.r.publish(ctx, "set tag", links...)
	})
	return t.restoreTags(ctx, err, canonical, before)
}

// tagsBefore are the links of tags as they were before a push, nil where there
// was none.
type tagsBefore map[registry.Tag][]byte

// tagLinks returns the links that let the tags name a manifest which the
// repository holds, and notes what they named before. What a tag names comes
// before its history, so that a crash leaves no tag without one.
func (p *repository) tagLinks(ctx context.Context, all []registry.Tag, canonical digest.Digest, before tagsBefore) ([]driver.File, error) {
	var links []driver.File
	for _, tag := range all {
		current := layout.TagCurrent(p.name, tag)
		if _, again := before[tag]; !again {
			content, err := p.r.driver.GetContent(ctx, current)
			if err != nil && !absent(err) {
				return nil, fmt.Errorf("read tag: %w", err)
			}
			before[tag] = content
		}
		links = append(links, link(current, canonical), link(layout.Link(layout.TagIndex(p.name, tag), canonical), canonical))
	}
	return links, nil
}

// restoreTags returns err. If a push is refused with it because what it needs was
// collected while it went on, tags that it had set name again what they did, if that
// is still there.
func (p *repository) restoreTags(ctx context.Context, err error, canonical digest.Digest, before tagsBefore) error {
	if err == nil || len(registry.Errors(err)) == 0 {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	for tag, content := range before {
		now, readErr := p.r.readLink(ctx, layout.TagCurrent(p.name, tag))
		switch {
		case readErr != nil:
			err = errors.Join(err, readErr)
		case now != canonical:
		case !p.holds(ctx, content):
			err = errors.Join(err, p.r.remove(ctx, layout.Tag(p.name, tag)))
		default:
			err = errors.Join(err, p.r.driver.PutContent(ctx, layout.TagCurrent(p.name, tag), content))
		}
	}
	return err
}

// holds reports whether the repository has the manifest to which a link leads, so
// far as can be told.
func (p *repository) holds(ctx context.Context, link []byte) bool {
	dgst, err := digest.Parse(strings.TrimSpace(string(link)))
	if err != nil {
		return false
	}
	_, err = (&manifests{p}).revision(ctx, dgst)
	return !errors.Is(err, registry.ErrManifestUnknown)
}

// Delete implements [registry.Tags].
func (t *tags) Delete(ctx context.Context, tag registry.Tag) error {
	if t.r.options.DisableDelete {
		return registry.ErrUnsupported.With("deletes are off")
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	_, err := t.Get(ctx, tag)
	if errors.Is(err, registry.ErrManifestUnknown) {
		// What the tag has named may be there still, if this was cut short.
		if _, statErr := t.r.driver.Stat(ctx, layout.Tag(t.name, tag)); !absent(statErr) {
			err = statErr
		}
	}
	if err != nil {
		return err
	}
	return t.r.remove(ctx, layout.Tag(t.name, tag))
}

// All implements [registry.Tags].
func (t *tags) All(ctx context.Context, after registry.Tag) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		found := false
		err := t.names(ctx, after, func(tag registry.Tag) error {
			if found = true; !yield(tag, nil) {
				return errStop
			}
			return nil
		})
		if err == nil && !found {
			err = t.known(ctx, after)
		}
		if err != nil && err != errStop {
			yield(registry.Tag{}, err)
		}
	}
}

// names calls f for each tag, in order.
func (t *tags) names(ctx context.Context, after registry.Tag, f func(registry.Tag) error) error {
	err := t.r.children(ctx, layout.Tags(t.name), after.String(), func(name string) error {
		tag, err := registry.ParseTag(name)
		if err != nil {
			return nil // a folder that is none of a tag
		}
		return f(tag)
	})
	if err != nil && err != errStop {
		return fmt.Errorf("list tags: %w", err)
	}
	return err
}

// known fails with [registry.ErrNameUnknown] if the repository holds nothing.
func (t *tags) known(ctx context.Context, after registry.Tag) error {
	if !after.IsZero() {
		err := t.names(ctx, registry.Tag{}, func(registry.Tag) error { return errStop })
		if err == errStop {
			return nil
		}
		if err != nil {
			return err
		}
	}
	held, err := t.holdsAnything(ctx)
	if err == nil && !held {
		err = registry.ErrNameUnknown.With(t.name.String())
	}
	return err
}

// Lookup implements [registry.Tags].
func (t *tags) Lookup(ctx context.Context, dgst digest.Digest) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		canonical, err := t.r.readLink(ctx, layout.Link(layout.Revisions(t.name), dgst))
		if canonical == "" {
			canonical = dgst
		}
		if err == nil {
			err = t.names(ctx, registry.Tag{}, func(tag registry.Tag) error {
				current, err := t.r.readLink(ctx, layout.TagCurrent(t.name, tag))
				if err == nil && current == canonical && !yield(tag, nil) {
					err = errStop
				}
				return err
			})
		}
		if err != nil && err != errStop {
			yield(registry.Tag{}, err)
		}
	}
}
