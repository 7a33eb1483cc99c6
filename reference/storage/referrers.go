package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// referrerLink returns the entry in the index that the manifest has the
// subject. Each has a file of its own, so that concurrent pushes lose nothing.
func (m *manifests) referrerLink(subject, canonical digest.Digest) driver.File {
	return link(layout.Link(layout.ReferrersOf(m.name, subject), canonical), canonical)
}

// Referrers implements [registry.Manifests].
func (m *manifests) Referrers(ctx context.Context, subject, after digest.Digest) iter.Seq2[registry.Descriptor, error] {
	return func(yield func(registry.Descriptor, error) bool) {
		if err := m.completeIndex(ctx); err != nil {
			yield(registry.Descriptor{}, err)
			return
		}
		err := m.r.canonical(ctx, layout.ReferrersOf(m.name, subject), after, func(dgst digest.Digest) error {
			desc, err := m.referrer(ctx, dgst, subject)
			if errors.Is(err, registry.ErrManifestUnknown) {
				return nil // an entry whose manifest has gone
			}
			if err == nil && !yield(desc, nil) {
				err = errStop
			}
			return err
		})
		if err != nil && err != errStop {
			yield(registry.Descriptor{}, fmt.Errorf("list referrers: %w", err))
		}
	}
}

// referrer describes the manifest dgst for a list of referrers. It is unknown
// if it has no link, or another subject.
func (m *manifests) referrer(ctx context.Context, dgst, subject digest.Digest) (registry.Descriptor, error) {
	x, err := m.Get(ctx, dgst)
	if err != nil {
		return registry.Descriptor{}, err
	}
	if s := x.Subject(); s == nil || s.Digest != subject {
		return registry.Descriptor{}, registry.ErrManifestUnknown.With(dgst.String())
	}
	desc := registry.PayloadOf(x).Describe(dgst)
	desc.ArtifactType, desc.Annotations = x.ArtifactType(), x.Annotations()
	return desc, nil
}

// completeIndex builds the index of a repository whose manifests were pushed
// before there was one. Pushes meanwhile add their own entries.
func (m *manifests) completeIndex(ctx context.Context) error {
	marker := layout.ReferrersComplete(m.name)
	_, err := m.r.driver.Stat(ctx, marker)
	if err == nil {
		return nil
	}
	if !absent(err) {
		return fmt.Errorf("stat index of referrers: %w", err)
	}
	empty := true
	for dgst, err := range m.All(ctx) {
		if err != nil {
			return err
		}
		empty = false
		if err := m.index(ctx, dgst); err != nil {
			return err
		}
	}
	if empty {
		return nil // nothing is written for a repository that isn't there
	}
	return mapped("mark index of referrers", m.r.driver.PutContent(ctx, marker, nil))
}

func (m *manifests) index(ctx context.Context, dgst digest.Digest) error {
	x, err := m.r.load(ctx, dgst)
	if errors.Is(err, registry.ErrManifestUnknown) {
		return nil
	}
	if err != nil || x.Subject() == nil {
		return err
	}
	return m.r.publish(ctx, "index referrer", m.referrerLink(x.Subject().Digest, dgst))
}
