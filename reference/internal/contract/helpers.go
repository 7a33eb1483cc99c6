package contract

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
)

// Repository returns the repository of the name, which must be valid.
func Repository(t *testing.T, r registry.Registry, name string) registry.Repository {
	t.Helper()
	n, err := registry.ParseName(name)
	Must(t, err)
	p, err := r.Repository(t.Context(), n)
	Must(t, err)
	return p
}

// Must ends the test unless err is nil.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// WantError ends the test unless err is want.
func WantError(t *testing.T, err error, want *registry.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// Describe returns the descriptor of a blob.
func Describe(content []byte) registry.Descriptor {
	return registry.Descriptor{MediaType: "application/octet-stream", Digest: digest.FromBytes(content), Size: int64(len(content))}
}

// Push uploads a blob in one go.
func Push(t *testing.T, p registry.Repository, content []byte) registry.Descriptor {
	t.Helper()
	w, err := p.Blobs().Create(t.Context())
	Must(t, err)
	defer w.Cancel(t.Context())
	_, err = w.Write(content)
	Must(t, err)
	desc, err := w.Commit(t.Context(), Describe(content))
	Must(t, err)
	return desc
}

// Read returns the content of a blob.
func Read(t *testing.T, p registry.Repository, dgst digest.Digest) []byte {
	t.Helper()
	r, err := p.Blobs().Open(t.Context(), dgst)
	Must(t, err)
	b, err := io.ReadAll(r)
	Must(t, err)
	Must(t, r.Close())
	return b
}

// Collect returns what seq yields, which must be no error.
func Collect[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for x, err := range seq {
		Must(t, err)
		all = append(all, x)
	}
	return all
}

// Tag returns the tag that s spells, and panics if it spells none.
func Tag(s string) registry.Tag {
	t, err := registry.ParseTag(s)
	if err != nil {
		panic(err)
	}
	return t
}

// Image returns an image manifest over blobs, with any further fields.
func Image(t *testing.T, config registry.Descriptor, extra string, layers ...registry.Descriptor) registry.Manifest {
	t.Helper()
	var list []string
	for _, l := range layers {
		list = append(list, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, v1.MediaTypeImageLayerGzip, l.Digest, l.Size))
	}
	return Parse(t, v1.MediaTypeImageManifest, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[%s]%s}`,
		v1.MediaTypeImageManifest, v1.MediaTypeImageConfig, config.Digest, config.Size, strings.Join(list, ","), extra))
}

// Parse returns the manifest that body spells.
func Parse(t *testing.T, mediaType, body string) registry.Manifest {
	t.Helper()
	m, err := manifest.Default().Parse(mediaType, []byte(body))
	Must(t, err)
	return m
}
