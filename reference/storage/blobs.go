package storage

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// mediaTypeBlob is the type of every blob: the store keeps no other.
const mediaTypeBlob = "application/octet-stream"

// blobs are the [registry.Blobs] of a repository.
type blobs struct{ *repository }

var (
	_ registry.Blobs      = (*blobs)(nil)
	_ registry.BlobServer = (*blobs)(nil)
)

// resolve returns the canonical digest and the size of a blob. A link without
// content counts as no blob.
func (b *blobs) resolve(ctx context.Context, dgst digest.Digest) (digest.Digest, int64, error) {
	canonical, err := b.r.readLink(ctx, layout.Link(layout.Layers(b.name), dgst))
	if err != nil {
		return "", 0, err
	}
	if canonical == "" {
		return "", 0, registry.ErrBlobUnknown.With(dgst.String())
	}
	size, err := b.r.contentSize(ctx, canonical)
	if errors.Is(err, errNoContent) {
		return "", 0, registry.ErrBlobUnknown.With(dgst.String())
	}
	return canonical, size, err
}

var errNoContent = errors.New("no such content")

// contentSize returns the length of stored content, or errNoContent.
func (r *Registry) contentSize(ctx context.Context, canonical digest.Digest) (int64, error) {
	info, err := r.driver.Stat(ctx, layout.Blob(canonical))
	switch {
	case absent(err) || err == nil && info.IsDir():
		return 0, errNoContent
	case err != nil:
		return 0, fmt.Errorf("stat content %s: %w", canonical, err)
	}
	return info.Size(), nil
}

// Stat implements [registry.Blobs].
func (b *blobs) Stat(ctx context.Context, dgst digest.Digest) (registry.Descriptor, error) {
	_, size, _, err := b.find(ctx, dgst)
	if err != nil {
		return registry.Descriptor{}, err
	}
	return registry.Descriptor{MediaType: mediaTypeBlob, Digest: dgst, Size: size}, nil
}

// Open implements [registry.Blobs].
func (b *blobs) Open(ctx context.Context, dgst digest.Digest) (io.ReadSeekCloser, error) {
	var content io.ReadSeekCloser
	err := b.opening(ctx, dgst, func(canonical digest.Digest, size int64) (err error) {
		content, err = b.r.open(ctx, canonical, size)
		return err
	})
	return content, err
}

// Mount implements [registry.Blobs].
func (b *blobs) Mount(ctx context.Context, from registry.Name, dgst digest.Digest) (registry.Descriptor, error) {
	if b.r.options.DisableMount || from.IsZero() && b.r.options.DisableAnonymousMount {
		return registry.Descriptor{}, registry.ErrUnsupported.With("mounting is off")
	}
	source := &blobs{b.r.repository(from)}
	if from.IsZero() {
		var err error
		if source, err = b.r.holder(ctx, dgst); err != nil {
			return registry.Descriptor{}, err
		}
	}
	canonical, size, err := source.confirm(ctx, dgst)
	if err == nil {
		err = b.linking(ctx, canonical, dgst, func() error {
			if _, _, err := source.confirm(ctx, dgst); err != nil {
				return err
			}
			return b.r.publish(ctx, "link blob", links(layout.Layers(b.name), canonical, dgst)...)
		})
	}
	if err != nil {
		return registry.Descriptor{}, err
	}
	return registry.Descriptor{MediaType: mediaTypeBlob, Digest: dgst, Size: size}, nil
}

// linking runs f, which links content into the repository, apart from
// deletions and collections.
func (b *blobs) linking(ctx context.Context, canonical, alias digest.Digest, f func() error) error {
	return b.r.relying(ctx, []digest.Digest{canonical, alias}, func() error {
		b.lock.RLock()
		defer b.lock.RUnlock()
		return f()
	})
}

// holder returns the blobs of a repository that has a link to dgst.
func (r *Registry) holder(ctx context.Context, dgst digest.Digest) (*blobs, error) {
	if dgst.Algorithm() == digest.Canonical {
		// Most digests asked for are of no repository at all.
		if _, err := r.contentSize(ctx, dgst); errors.Is(err, errNoContent) {
			return nil, registry.ErrBlobUnknown.With(dgst.String())
		}
	}
	var found *blobs
	err := r.folders(ctx, layout.Repositories, registry.Name{}, func(name registry.Name) error {
		canonical, err := r.readLink(ctx, layout.Link(layout.Layers(name), dgst))
		if err == nil && canonical != "" {
			found, err = &blobs{r.repository(name)}, errStop
		}
		return err
	})
	switch {
	case found != nil:
		return found, nil
	case err != nil:
		return nil, err
	}
	return nil, registry.ErrBlobUnknown.With(dgst.String())
}

// Delete implements [registry.Blobs].
func (b *blobs) Delete(ctx context.Context, dgst digest.Digest) error {
	if b.r.options.DisableDelete {
		return registry.ErrUnsupported.With("deletes are off")
	}
	b.lock.Lock()
	defer b.lock.Unlock()
	canonical, _, err := b.confirm(ctx, dgst)
	if err != nil {
		return err
	}
	// Even a delete that fails half-way may have removed a link.
	defer b.r.Forget(ctx, b.name, canonical)
	return b.r.unlink(ctx, layout.Layers(b.name), canonical)
}
