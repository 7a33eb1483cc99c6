package storage

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// maxUnknown bounds how many unknown references one answer names.
const maxUnknown = 64

// unknownReferences returns an error for each reference of x that the
// repository lacks, once for each digest. The second result is a failure to
// find out.
func (m *manifests) unknownReferences(ctx context.Context, x registry.Manifest) ([]error, error) {
	mediaType, _ := x.Payload()
	index := m.r.options.Manifests.IsIndex(mediaType)
	var unknown []error
	seen := map[digest.Digest]bool{}
	for _, desc := range x.References() {
		if seen[desc.Digest] {
			continue
		}
		seen[desc.Digest] = true
		err := m.lookFor(ctx, desc, index)
		switch {
		case errors.Is(err, registry.ErrBlobUnknown), errors.Is(err, registry.ErrManifestUnknown):
			unknown = append(unknown, registry.ErrManifestBlobUnknown.With(map[string]string{"digest": desc.Digest.String()}))
		case err != nil:
			return nil, err
		}
		if len(unknown) == maxUnknown {
			break
		}
	}
	return unknown, nil
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
	_, _, err := (&blobs{m.repository}).resolve(ctx, desc.Digest)
	if errors.Is(err, registry.ErrBlobUnknown) && isElsewhere(desc) {
		return nil
	}
	return err
}

// isElsewhere reports whether desc is a layer that need not be here, since it
// may not be distributed and tells where to get it.
func isElsewhere(desc registry.Descriptor) bool {
	switch desc.MediaType {
	case "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
	default:
		return false
	}
	return len(desc.URLs) > 0 && !slices.ContainsFunc(desc.URLs, func(s string) bool {
		u, err := url.Parse(s)
		return err != nil || u.Host == "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https"
	})
}
