package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// manifests are the [registry.Manifests] of a repository.
type manifests struct{ *repository }

var _ registry.Manifests = (*manifests)(nil)

// manifest returns a request about a manifest.
func (p *repository) manifest(method string, ref registry.Reference) *request {
	q := p.request(method, "manifests/"+ref.String())
	if method == http.MethodGet || method == http.MethodHead {
		q.header.Set("Accept", strings.Join(p.r.options.Manifests.MediaTypes(), ", "))
	}
	return q
}

// head asks for the descriptor; its digest is empty where the registry doesn't
// tell one.
func (m *manifests) head(ctx context.Context, ref registry.Reference) (registry.Descriptor, error) {
	a, err := m.r.want(ctx, m.manifest(http.MethodHead, ref), registry.ErrManifestUnknown.With(ref.String()), http.StatusOK)
	if err != nil {
		return registry.Descriptor{}, err
	}
	discard(a)
	mediaType, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	desc := registry.Descriptor{MediaType: mediaType, Size: a.ContentLength}
	if told, err := registry.ParseDigest(a.Header.Get("Docker-Content-Digest")); err == nil {
		desc.Digest = told
	}
	if dgst, ok := ref.Digest(); ok {
		if err := agree(a, dgst); err != nil {
			return registry.Descriptor{}, err
		}
		desc.Digest = dgst
	}
	return desc, nil
}

// Stat implements [registry.Manifests]. The bytes are looked at only where the
// answer lacks the media type or the size.
func (m *manifests) Stat(ctx context.Context, dgst digest.Digest) (registry.Descriptor, error) {
	desc, err := m.head(ctx, registry.ByDigest(dgst))
	if err != nil || desc.Size >= 0 && m.r.options.Manifests.IsManifest(desc.MediaType) {
		return desc, err
	}
	p, err := m.Content(ctx, dgst)
	if err != nil {
		return registry.Descriptor{}, err
	}
	return p.Describe(dgst), nil
}

// identity returns the bytes that the digest of a manifest is of.
func identity(m registry.Manifest) []byte {
	if signed, ok := m.(registry.SignedManifest); ok {
		return signed.Canonical()
	}
	_, content := m.Payload()
	return content
}

func canonical(m registry.Manifest) digest.Digest { return digest.FromBytes(identity(m)) }

// Get implements [registry.Manifests]. Bytes that are not those of the digest
// are an error of the registry.
func (m *manifests) Get(ctx context.Context, dgst digest.Digest) (registry.Manifest, error) {
	x, err := m.fetch(ctx, registry.ByDigest(dgst))
	if err != nil {
		return nil, err
	}
	if dgst.Algorithm().FromBytes(identity(x)) != dgst {
		return nil, fmt.Errorf("manifest %s of %s: %w", dgst, m.name, errMismatch)
	}
	return x, nil
}

// Content implements [registry.Manifests]. What comes from elsewhere is verified
// as Get does.
func (m *manifests) Content(ctx context.Context, dgst digest.Digest) (registry.Payload, error) {
	x, err := m.Get(ctx, dgst)
	if err != nil {
		return registry.Payload{}, err
	}
	return registry.PayloadOf(x), nil
}

// fetch reads and parses a manifest, of no matter which digest.
func (m *manifests) fetch(ctx context.Context, ref registry.Reference) (registry.Manifest, error) {
	q := m.manifest(http.MethodGet, ref)
	a, err := m.r.want(ctx, q, registry.ErrManifestUnknown.With(ref.String()), http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer discard(a)
	content, err := readAll(a, m.r.options.MaxManifestBytes)
	if err != nil {
		return nil, q.failed(err)
	}
	mediaType, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	if !m.r.options.Manifests.Accepts(mediaType) {
		mediaType = "" // some registries tell application/json, or nothing
	}
	x, err := m.r.options.Manifests.Parse(mediaType, content)
	if err != nil {
		return nil, q.failed(plain(err))
	}
	return x, nil
}

// Put implements [registry.Manifests]. With a digest, or with several tags, the
// manifest is pushed by digest with the tags as parameters, and once more by
// each tag that the registry has not set so.
func (m *manifests) Put(ctx context.Context, x registry.Manifest, opts registry.PutOptions) (registry.Descriptor, error) {
	dgst := opts.Digest
	if dgst == "" {
		dgst = canonical(x)
	}
	if err := dgst.Validate(); err != nil {
		return registry.Descriptor{}, registry.ErrDigestInvalid.Wrap(err)
	}
	var err error
	if rest := opts.Tags; opts.Digest == "" && len(rest) == 1 {
		_, err = m.put(ctx, x, registry.ByTag(rest[0]), nil)
	} else {
		var set []string
		set, err = m.put(ctx, x, registry.ByDigest(dgst), rest)
		for _, tag := range rest {
			if err == nil && !slices.Contains(set, tag.String()) {
				_, err = m.put(ctx, x, registry.ByTag(tag), nil)
			}
		}
	}
	if err != nil {
		return registry.Descriptor{}, err
	}
	return registry.PayloadOf(x).Describe(dgst), nil
}

// put pushes a manifest and returns the tags that the registry says it has set
// by parameters.
func (m *manifests) put(ctx context.Context, x registry.Manifest, ref registry.Reference, params []registry.Tag) ([]string, error) {
	q := m.manifest(http.MethodPut, ref)
	mediaType, content := x.Payload()
	q.header.Set("Content-Type", mediaType)
	q.body = content
	query := url.Values{}
	for _, tag := range params {
		query.Add("tag", tag.String())
	}
	q.url.RawQuery = query.Encode()
	a, err := m.r.want(ctx, q, nil, http.StatusCreated, http.StatusAccepted, http.StatusOK)
	if err != nil {
		return nil, err
	}
	discard(a)
	want, ok := ref.Digest()
	if !ok {
		want = canonical(x)
	}
	if err := agree(a, want); err != nil {
		return nil, q.failed(err)
	}
	if subject := x.Subject(); subject != nil && a.Header.Get("OCI-Subject") == "" {
		if err := m.refer(ctx, x, subject.Digest); err != nil {
			return nil, err
		}
	}
	return a.Header.Values("OCI-Tag"), nil
}

// Delete implements [registry.Manifests]. Where the registry keeps no list of
// referrers, the manifest is taken off the one of its subject.
func (m *manifests) Delete(ctx context.Context, dgst digest.Digest) error {
	absent := registry.ErrManifestUnknown.With(dgst.String())
	x, err := m.Get(ctx, dgst)
	if errors.Is(err, registry.ErrManifestUnknown) {
		return absent
	}
	if err := m.remove(ctx, m.manifest(http.MethodDelete, registry.ByDigest(dgst)), absent); err != nil {
		return err
	}
	if err != nil || x.Subject() == nil {
		return nil // what can't be read is gone, and refers to nothing
	}
	return m.unrefer(ctx, canonical(x), x.Subject().Digest)
}

// All implements [registry.Manifests]: HTTP has no such list.
func (m *manifests) All(context.Context) iter.Seq2[digest.Digest, error] {
	return func(yield func(digest.Digest, error) bool) {
		yield("", registry.ErrUnsupported.With("HTTP has no list of all manifests"))
	}
}
