package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// tags are the [registry.Tags] of a repository.
type tags struct{ *repository }

var _ registry.Tags = (*tags)(nil)

// Get implements [registry.Tags].
func (t *tags) Get(ctx context.Context, tag registry.Tag) (registry.Descriptor, error) {
	m := &manifests{t.repository}
	desc, err := m.head(ctx, registry.ByTag(tag))
	if err != nil || desc.Digest != "" {
		return desc, err
	}
	// The registry does not tell the digest: the bytes do.
	x, err := m.fetch(ctx, registry.ByTag(tag))
	if err != nil {
		return registry.Descriptor{}, err
	}
	return registry.PayloadOf(x).Describe(canonical(x)), nil
}

// Set implements [registry.Tags]: the manifest is read and pushed again.
func (t *tags) Set(ctx context.Context, tag registry.Tag, desc registry.Descriptor) error {
	m := &manifests{t.repository}
	x, err := m.Get(ctx, desc.Digest)
	if err != nil {
		return err
	}
	_, err = m.put(ctx, x, registry.ByTag(tag), nil)
	return err
}

// Delete implements [registry.Tags].
func (t *tags) Delete(ctx context.Context, tag registry.Tag) error {
	return t.remove(ctx, t.manifest(http.MethodDelete, registry.ByTag(tag)), registry.ErrManifestUnknown.With(tag.String()))
}

// All implements [registry.Tags]. Every call reads the whole list.
func (t *tags) All(ctx context.Context, after registry.Tag) iter.Seq2[registry.Tag, error] {
	return ordered(func() ([]registry.Tag, error) { return t.all(ctx) }, compareTags, after)
}

func compareTags(x, y registry.Tag) int { return strings.Compare(x.String(), y.String()) }

func (t *tags) all(ctx context.Context) ([]registry.Tag, error) {
	var all []registry.Tag
	err := t.r.pages(ctx, t.request(http.MethodGet, "tags/list"), registry.ErrNameUnknown.With(t.name.String()), func(body []byte) error {
		var page struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return errors.New("the tags can't be read")
		}
		for _, s := range page.Tags {
			tag, err := registry.ParseTag(s)
			if err != nil {
				return fmt.Errorf("the tags: %w", plain(err))
			}
			all = append(all, tag)
		}
		return nil
	})
	return all, err
}

// Lookup implements [registry.Tags]. HTTP has no such question: every tag is
// looked up.
func (t *tags) Lookup(ctx context.Context, dgst digest.Digest) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		want := dgst
		if dgst.Algorithm() != digest.Canonical {
			x, err := (&manifests{t.repository}).Get(ctx, dgst)
			if errors.Is(err, registry.ErrManifestUnknown) {
				return
			}
			if err != nil {
				yield(registry.Tag{}, err)
				return
			}
			want = canonical(x)
		}
		for tag, err := range t.All(ctx, registry.Tag{}) {
			var desc registry.Descriptor
			if err == nil {
				desc, err = t.Get(ctx, tag)
			}
			if errors.Is(err, registry.ErrNameUnknown) || errors.Is(err, registry.ErrManifestUnknown) {
				continue // gone, or none
			}
			if err != nil || desc.Digest == want {
				if !yield(tag, err) || err != nil {
					return
				}
			}
		}
	}
}
