package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/registry"
)

// Referrers implements [registry.Manifests]. Every call reads the whole list:
// from the registry, or, where that has none, from the index under the fallback
// tag (specification, "Referrers Tag Schema").
func (m *manifests) Referrers(ctx context.Context, subject, after digest.Digest) iter.Seq2[registry.Descriptor, error] {
	return func(yield func(registry.Descriptor, error) bool) {
		all, kept, err := m.listed(ctx, subject)
		if err == nil && !kept {
			all, err = m.tagged(ctx, subject)
		}
		if err != nil {
			yield(registry.Descriptor{}, err)
			return
		}
		slices.SortFunc(all, func(x, y registry.Descriptor) int { return strings.Compare(string(x.Digest), string(y.Digest)) })
		all = slices.CompactFunc(all, func(x, y registry.Descriptor) bool { return x.Digest == y.Digest })
		for _, desc := range all {
			if desc.Digest > after && !yield(desc, nil) {
				return
			}
		}
	}
}

// listed returns what the registry lists, and whether it keeps such lists.
func (m *manifests) listed(ctx context.Context, subject digest.Digest) ([]registry.Descriptor, bool, error) {
	q := m.request(http.MethodGet, "referrers/"+subject.String())
	q.header.Set("Accept", v1.MediaTypeImageIndex)
	var all []registry.Descriptor
	err := m.r.pages(ctx, q, errNoReferrers, func(body []byte) error {
		page, err := index(body)
		all = append(all, page...)
		return err
	})
	if errors.Is(err, errNoReferrers) {
		return nil, false, nil
	}
	return all, true, err
}

var errNoReferrers = errors.New("the registry has no list of referrers")

// index reads the descriptors of an image index.
func index(body []byte) ([]registry.Descriptor, error) {
	var doc v1.Index
	if err := json.Unmarshal(body, &doc); err != nil || doc.MediaType != "" && doc.MediaType != v1.MediaTypeImageIndex {
		return nil, errors.New("the list of referrers is no image index")
	}
	for _, desc := range doc.Manifests {
		if err := registry.CheckDescriptor(desc); err != nil {
			return nil, err
		}
	}
	return doc.Manifests, nil
}

// fallbackTag returns the tag that stands for the referrers of a subject.
func fallbackTag(subject digest.Digest) (registry.Tag, error) {
	algorithm, encoded := subject.Algorithm().String(), subject.Encoded()
	tag, err := registry.ParseTag(algorithm[:min(len(algorithm), 32)] + "-" + encoded[:min(len(encoded), 64)])
	if err != nil {
		return tag, fmt.Errorf("referrers of %s: %w", subject, plain(err))
	}
	return tag, nil
}

// tagged returns what the index under the fallback tag lists. What is no index is
// no list.
func (m *manifests) tagged(ctx context.Context, subject digest.Digest) ([]registry.Descriptor, error) {
	tag, err := fallbackTag(subject)
	if err != nil {
		return nil, err
	}
	x, err := m.fetch(ctx, registry.ByTag(tag))
	if errors.Is(err, registry.ErrManifestUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	mediaType, content := x.Payload()
	if mediaType != v1.MediaTypeImageIndex {
		return nil, nil
	}
	all, err := index(content)
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", tag, err)
	}
	return all, nil
}

// refer adds x to the referrers of the subject, where the registry does not do so
// itself.
func (m *manifests) refer(ctx context.Context, x registry.Manifest, subject digest.Digest) error {
	desc := registry.PayloadOf(x).Describe(canonical(x))
	desc.ArtifactType, desc.Annotations = x.ArtifactType(), x.Annotations()
	return m.rewrite(ctx, subject, func(all []registry.Descriptor) []registry.Descriptor {
		if slices.ContainsFunc(all, func(d registry.Descriptor) bool { return d.Digest == desc.Digest }) {
			return all
		}
		return append(all, desc)
	})
}

// unrefer takes a manifest off the referrers of the subject.
func (m *manifests) unrefer(ctx context.Context, dgst, subject digest.Digest) error {
	return m.rewrite(ctx, subject, func(all []registry.Descriptor) []registry.Descriptor {
		return slices.DeleteFunc(all, func(d registry.Descriptor) bool { return d.Digest == dgst })
	})
}

// rewrite changes the index under the fallback tag, unless the registry keeps
// lists. Other clients may do the same at the same time: the specification has
// nothing against that, and the last one wins.
func (m *manifests) rewrite(ctx context.Context, subject digest.Digest, change func([]registry.Descriptor) []registry.Descriptor) error {
	m.r.fallback.Lock()
	defer m.r.fallback.Unlock()
	_, kept, err := m.listed(ctx, subject)
	if err != nil || kept {
		return err
	}
	tag, err := fallbackTag(subject)
	if err != nil {
		return err
	}
	old, err := m.tagged(ctx, subject)
	if err != nil {
		return err
	}
	changed := change(slices.Clone(old))
	if len(changed) == len(old) {
		return nil
	}
	doc := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: changed}
	doc.SchemaVersion = 2
	if doc.Manifests == nil {
		doc.Manifests = []registry.Descriptor{}
	}
	content, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("referrers of %s: %w", subject, err)
	}
	x, err := m.r.options.Manifests.Parse(v1.MediaTypeImageIndex, content)
	if err != nil {
		return fmt.Errorf("referrers of %s: %w", subject, plain(err))
	}
	_, err = m.put(ctx, x, registry.ByTag(tag), nil)
	return err
}
