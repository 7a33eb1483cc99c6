package storage

import (
	"context"
	"errors"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// The order of a look-up is cache, link, content. The cache is asked for what
// is read alone. What is written, be it a manifest that refers to a blob, a
// mount or a delete, relies on the links. An alias is looked up by its link:
// aliases are few, and the entry of the canonical digest is all that a delete
// has to clear. A failing cache is one that knows nothing.

// find is resolve by way of the cache. The last result tells that the cache
// knew, so that the content may have gone.
func (b *blobs) find(ctx context.Context, dgst digest.Digest) (canonical digest.Digest, size int64, known bool, err error) {
	cache := b.r.options.Cache
	if cache == nil || dgst.Algorithm() != digest.Canonical {
		canonical, size, err = b.resolve(ctx, dgst)
		return canonical, size, false, err
	}
	answer, err := cache.Get(ctx, b.name, dgst)
	if err != nil {
		answer = registry.CacheAnswer{}
	}
	if answer.Known && answer.Descriptor.Digest == dgst {
		return dgst, answer.Descriptor.Size, true, nil
	}
	canonical, size, err = b.resolve(ctx, dgst)
	if err == nil && canonical == dgst && answer.Token != "" {
		desc := registry.Descriptor{MediaType: mediaTypeBlob, Digest: dgst, Size: size}
		_ = cache.Set(ctx, b.name, dgst, desc, answer.Token)
	}
	return canonical, size, false, err
}

// opening calls f with what find tells. If f finds that content which the cache
// knew has gone, the cache forgets it, and f is called with what the links tell.
func (b *blobs) opening(ctx context.Context, dgst digest.Digest, f func(canonical digest.Digest, size int64) error) error {
	canonical, size, known, err := b.find(ctx, dgst)
	if err == nil {
		err = f(canonical, size)
	}
	if !known || !absent(err) {
		return err
	}
	b.r.Forget(ctx, b.name, dgst)
	if canonical, size, err = b.resolve(ctx, dgst); err != nil {
		return err
	}
	return f(canonical, size)
}

// confirm is resolve for what is about to be written. That a blob is unknown it
// tells the cache, so that who asks again is not told otherwise.
func (b *blobs) confirm(ctx context.Context, dgst digest.Digest) (digest.Digest, int64, error) {
	canonical, size, err := b.resolve(ctx, dgst)
	if errors.Is(err, registry.ErrBlobUnknown) {
		b.r.Forget(ctx, b.name, dgst)
	}
	return canonical, size, err
}

// Forget tells the cache, if there is one, that the link to a blob has gone. It
// is for a collector, which removes links itself. That the cache can't be told
// is no reason to keep what is gone: its entries expire.
func (r *Registry) Forget(ctx context.Context, name registry.Name, canonical digest.Digest) {
	if r.options.Cache != nil {
		_ = r.options.Cache.Clear(context.WithoutCancel(ctx), name, canonical)
	}
}
