package storage

import (
	"context"
	"errors"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// maxUnknown bounds how many unknown references one answer names.
const maxUnknown = 64

// unknownReferences returns an error for each reference of x that the
// repository lacks and must not, once for each digest, and for each that no
// registry could take. The second result is a failure to find out.
func (m *manifests) unknownReferences(ctx context.Context, x registry.Manifest) ([]error, error) {
	mediaType, _ := x.Payload()
	index := m.r.options.Manifests.IsIndex(mediaType)
	var wrong []error
	seen := map[digest.Digest]bool{}
	for _, desc := range x.References() {
		if len(wrong) == maxUnknown {
			break
		}
		elsewhere, err := m.elsewhere(desc, index)
		if err != nil {
			wrong = append(wrong, registry.ErrManifestInvalid.Wrap(err))
		}
		if elsewhere || err != nil || seen[desc.Digest] {
			continue
		}
		seen[desc.Digest] = true
		switch err := m.lookFor(ctx, desc, index); {
		case errors.Is(err, registry.ErrBlobUnknown), errors.Is(err, registry.ErrManifestUnknown):
			wrong = append(wrong, registry.ErrManifestBlobUnknown.With(map[string]string{"digest": desc.Digest.String()}))
		case err != nil:
			return nil, err
		}
	}
	return wrong, nil
}

// elsewhere reports whether desc need not be here.
func (m *manifests) elsewhere(desc registry.Descriptor, index bool) (bool, error) {
	if index {
		return !m.r.options.References.Platforms.Demands(desc), nil
	}
	return m.r.options.References.Elsewhere(desc)
}

// lookFor fails if the repository lacks what desc names. A child of an index
// is a manifest; one whose media type is that of no manifest may be a blob.
func (m *manifests) lookFor(ctx context.Context, desc registry.Descriptor, index bool) error {
	if index {
		_, err := m.revision(ctx, desc.Digest)
		if !errors.Is(err, registry.ErrManifestUnknown) || m.r.options.Manifests.IsManifest(desc.MediaType) {
			return err
		}
	}
	_, _, err := (&blobs{m.repository}).confirm(ctx, desc.Digest)
	return err
}
