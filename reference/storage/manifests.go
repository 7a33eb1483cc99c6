package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// maxAmongLayers is the size of the largest blob that is taken for a manifest.
const maxAmongLayers = 4 << 20

// manifests are the [registry.Manifests] of a repository.
type manifests struct{ *repository }

var _ registry.Manifests = (*manifests)(nil)

// revision returns the canonical digest of the manifest dgst, if the
// repository has a link to it.
func (m *manifests) revision(ctx context.Context, dgst digest.Digest) (digest.Digest, error) {
	canonical, err := m.r.readLink(ctx, layout.Link(layout.Revisions(m.name), dgst))
	if err == nil && canonical == "" && m.r.options.ManifestLinksAmongLayers {
		canonical, err = m.amongLayers(ctx, dgst)
	}
	if err == nil && canonical == "" {
		err = registry.ErrManifestUnknown.With(dgst.String())
	}
	return canonical, err
}

// amongLayers returns the canonical digest of the blob dgst if it is a manifest,
// or "".
func (m *manifests) amongLayers(ctx context.Context, dgst digest.Digest) (digest.Digest, error) {
	canonical, size, err := (&blobs{m.repository}).resolve(ctx, dgst)
	if errors.Is(err, registry.ErrBlobUnknown) || err == nil && size > maxAmongLayers {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	content, err := m.r.driver.GetContent(ctx, layout.Blob(canonical))
	if err != nil {
		return "", fmt.Errorf("read blob %s: %w", canonical, err)
	}
	if _, err := m.r.options.Manifests.ParseStored(content); err != nil {
		return "", nil
	}
	return canonical, nil
}

// payload reads a manifest as it is stored, without a look at the links. Bytes
// that are not those of the digest are never returned.
func (r *Registry) payload(ctx context.Context, canonical digest.Digest) (registry.Payload, error) {
	if e, ok := r.recent.get(canonical); ok {
		return e.payload, nil
	}
	content, err := r.driver.GetContent(ctx, layout.Blob(canonical))
	if absent(err) {
		return registry.Payload{}, registry.ErrManifestUnknown.With(canonical.String())
	}
	if err != nil {
		return registry.Payload{}, fmt.Errorf("read manifest %s: %w", canonical, err)
	}
	if canonical.Algorithm().FromBytes(content) != canonical {
		return registry.Payload{}, fmt.Errorf("manifest %s: the stored bytes have another digest", canonical)
	}
	mediaType, err := r.options.Manifests.Detect(content)
	if err != nil {
		return registry.Payload{}, fmt.Errorf("manifest %s: %w", canonical, err)
	}
	p := registry.Payload{MediaType: mediaType, Content: content, Digest: canonical}
	r.recent.put(canonical, kept{payload: p})
	return p, nil
}

// load reads and parses a manifest as it is stored, without a look at the links.
func (r *Registry) load(ctx context.Context, canonical digest.Digest) (registry.Manifest, error) {
	if e, _ := r.recent.get(canonical); e.manifest != nil {
		return e.manifest, nil
	}
	p, err := r.payload(ctx, canonical)
	if err != nil {
		return nil, err
	}
	m, err := r.options.Manifests.ParseStored(p.Content)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", canonical, err)
	}
	r.recent.put(canonical, kept{payload: p, manifest: m})
	return m, nil
}

// Get implements [registry.Manifests].
func (m *manifests) Get(ctx context.Context, dgst digest.Digest) (registry.Manifest, error) {
	canonical, err := m.revision(ctx, dgst)
	if err != nil {
		return nil, err
	}
	p, err := m.r.payload(ctx, canonical)
	if err != nil {
		return nil, err
	}
	if !m.r.options.Manifests.IsSigned(p.MediaType) {
		return m.r.load(ctx, canonical)
	}
	joined, err := m.signed(ctx, canonical)
	return joined.manifest, err
}

// Content implements [registry.Manifests]. A manifest that has signatures is
// parsed where it was not served lately: it is stored apart from them.
func (m *manifests) Content(ctx context.Context, dgst digest.Digest) (registry.Payload, error) {
	canonical, err := m.revision(ctx, dgst)
	if err != nil {
		return registry.Payload{}, err
	}
	p, err := m.r.payload(ctx, canonical)
	if err != nil || !m.r.options.Manifests.IsSigned(p.MediaType) {
		return p, err
	}
	joined, err := m.signed(ctx, canonical)
	return joined.payload, err
}

// Stat implements [registry.Manifests].
func (m *manifests) Stat(ctx context.Context, dgst digest.Digest) (registry.Descriptor, error) {
	p, err := m.Content(ctx, dgst)
	if err != nil {
		return registry.Descriptor{}, err
	}
	return p.Describe(dgst), nil
}

// Put implements [registry.Manifests].
func (m *manifests) Put(ctx context.Context, x registry.Manifest, opts registry.PutOptions) (registry.Descriptor, error) {
	dgst, wrong := m.validate(x, opts)
	canonical := digest.Canonical.FromBytes(identity(x))
	on, err := m.reliesOn(ctx, x, canonical, dgst)
	if err != nil {
		return registry.Descriptor{}, err
	}
	before := tagsBefore{}
	err = m.r.relying(ctx, on, func() error {
		m.lock.RLock()
		defer m.lock.RUnlock()
		if err := m.complete(ctx, x, opts, wrong); err != nil {
			return err
		}
		tags, err := m.tagLinks(ctx, opts.Tags, canonical, before)
		if err != nil {
			return err
		}
		return m.publish(ctx, x, canonical, dgst, tags)
	})
	if err := m.restoreTags(ctx, err, canonical, before); err != nil {
		return registry.Descriptor{}, err
	}
	m.keep(canonical, x)
	return registry.PayloadOf(x).Describe(dgst), nil
}

// validate returns the digest under which x is pushed, and what is wrong with
// x by itself.
func (m *manifests) validate(x registry.Manifest, opts registry.PutOptions) (digest.Digest, []error) {
	mediaType, _ := x.Payload()
	content := identity(x)
	dgst := digest.Canonical.FromBytes(content)
	var wrong []error
	if !m.r.options.Manifests.Accepts(mediaType) {
		wrong = append(wrong, registry.ErrManifestInvalid.With(fmt.Sprintf("manifests of the media type %q are not accepted", mediaType)))
	}
	if opts.Digest != "" {
		if err := opts.Digest.Validate(); err != nil {
			wrong = append(wrong, registry.ErrDigestInvalid.Wrap(err))
		} else if dgst = opts.Digest; dgst.Algorithm().FromBytes(content) != dgst {
			wrong = append(wrong, registry.ErrDigestInvalid.With(dgst.String()))
		}
	}
	return dgst, append(wrong, m.check(x, opts.Tags))
}

// complete joins what is wrong with x by itself and what the repository lacks
// of it.
func (m *manifests) complete(ctx context.Context, x registry.Manifest, opts registry.PutOptions, wrong []error) error {
	if opts.SkipReferences {
		return errors.Join(wrong...)
	}
	unknown, err := m.unknownReferences(ctx, x)
	if err != nil {
		return err
	}
	return errors.Join(slices.Concat(wrong, unknown)...)
}

// reliesOn returns the digests of what a push of x relies on.
func (m *manifests) reliesOn(ctx context.Context, x registry.Manifest, canonical, alias digest.Digest) ([]digest.Digest, error) {
	on := []digest.Digest{canonical, alias}
	for _, desc := range x.References() {
		on = append(on, desc.Digest)
		if desc.Digest.Algorithm() == digest.Canonical {
			continue
		}
		for _, folder := range []string{layout.Revisions(m.name), layout.Layers(m.name)} {
			target, err := m.r.readLink(ctx, layout.Link(folder, desc.Digest))
			if err != nil {
				return nil, err
			}
			on = append(on, target)
		}
	}
	if signed, ok := x.(registry.SignedManifest); ok {
		for _, content := range signed.Signatures() {
			on = append(on, digest.Canonical.FromBytes(content))
		}
	}
	return on, nil
}

// publish stores the signatures, which count for nothing without the link, then
// the content, the entry in the index of referrers, the links and the tags.
func (m *manifests) publish(ctx context.Context, x registry.Manifest, canonical, alias digest.Digest, tags []driver.File) error {
	if err := m.addSignatures(ctx, canonical, x); err != nil {
		return err
	}
	files := []driver.File{{Path: layout.Blob(canonical), Content: identity(x)}}
	if subject := x.Subject(); subject != nil {
		files = append(files, m.referrerLink(subject.Digest, canonical))
	}
	files = append(files, links(layout.Revisions(m.name), canonical, alias)...)
	return m.r.publish(ctx, "store manifest", append(files, tags...)...)
}

// Delete implements [registry.Manifests].
func (m *manifests) Delete(ctx context.Context, dgst digest.Digest) error {
	if m.r.options.DisableDelete {
		return registry.ErrUnsupported.With("deletes are off")
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	canonical, err := m.revision(ctx, dgst)
	if err != nil {
		return err
	}
	for tag, err := range (&tags{m.repository}).Lookup(ctx, canonical) {
		if err == nil {
			err = m.r.remove(ctx, layout.Tag(m.name, tag))
		}
		if err != nil {
			return err
		}
	}
	// A manifest that can't be read leaves a dead entry at most.
	x, loadErr := m.r.load(ctx, canonical)
	folders := []string{layout.Revisions(m.name)}
	if m.r.options.ManifestLinksAmongLayers {
		folders = append(folders, layout.Layers(m.name))
	}
	for _, folder := range folders {
		if err := m.r.unlink(ctx, folder, canonical); err != nil {
			return err
		}
	}
	if loadErr != nil || x.Subject() == nil {
		return nil
	}
	subject := x.Subject().Digest
	if err := m.r.remove(ctx, layout.Under(layout.ReferrersOf(m.name, subject), canonical)); err != nil {
		return err
	}
	// Another replica may have pushed it again meanwhile.
	_, err = m.revision(ctx, canonical)
	if errors.Is(err, registry.ErrManifestUnknown) {
		return nil
	}
	if err == nil {
		err = m.r.publish(ctx, "store referrer", m.referrerLink(subject, canonical))
	}
	return err
}

// All implements [registry.Manifests].
func (m *manifests) All(ctx context.Context) iter.Seq2[digest.Digest, error] {
	return func(yield func(digest.Digest, error) bool) {
		revisions := layout.Revisions(m.name)
		err := m.r.canonical(ctx, revisions, "", func(dgst digest.Digest) error {
			canonical, err := m.r.readLink(ctx, layout.Link(revisions, dgst))
			// The folder alone may be left.
			if err == nil && canonical != "" && !yield(canonical, nil) {
				err = errStop
			}
			return err
		})
		if err != nil && err != errStop {
			yield("", fmt.Errorf("list manifests: %w", err))
		}
	}
}
