package clients_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/fixtures"
)

// content returns an image and an index over two images, for seed.
func content(seed string) (image, index fixtures.Manifest) {
	s := fixtures.New(seed)
	amd64 := s.Image(fixtures.Layers(3), fixtures.LayerSize(200<<10), fixtures.Platform("linux", "amd64")).Manifest
	arm64 := s.Image(fixtures.Layers(2), fixtures.LayerSize(1<<10), fixtures.Platform("linux", "arm64")).Manifest
	return s.Image(fixtures.LayerSize(64<<10), fixtures.Platform("linux", "amd64")).Manifest,
		s.Index([]fixtures.Manifest{amd64, arm64})
}

// blobs returns the manifest and all that belongs to it, by digest.
func blobs(m fixtures.Manifest) map[string][]byte {
	all := map[string][]byte{m.Digest.String(): m.Content}
	for _, b := range m.Blobs {
		all[b.Digest.String()] = b.Content
	}
	for _, child := range m.Children {
		maps.Copy(all, blobs(child))
	}
	return all
}

// writeLayout writes an OCI image layout with m, named tag, and returns its
// folder.
func writeLayout(t *testing.T, m fixtures.Manifest, tag string) string {
	t.Helper()
	dir := t.TempDir()
	descriptor := m.Descriptor()
	descriptor.Annotations = map[string]string{v1.AnnotationRefName: tag}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []v1.Descriptor{descriptor}})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{v1.ImageLayoutFile: []byte(`{"imageLayoutVersion":"1.0.0"}`), v1.ImageIndexFile: index}
	for digest, b := range blobs(m) {
		files[filepath.Join("blobs", strings.Replace(digest, ":", "/", 1))] = b
	}
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sameLayout demands that the layout in dir holds m with all that belongs to
// it, byte for byte, nothing else, and that its index names m.
func sameLayout(t *testing.T, dir string, m fixtures.Manifest) {
	t.Helper()
	want, got := blobs(m), map[string][]byte{}
	paths, err := filepath.Glob(filepath.Join(dir, "blobs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(filepath.Dir(path))+":"+filepath.Base(path)] = b
	}
	if !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("the layout holds %q, want the bytes of %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	text, err := os.ReadFile(filepath.Join(dir, v1.ImageIndexFile))
	if err != nil {
		t.Fatal(err)
	}
	var index v1.Index
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	named := func(d v1.Descriptor) bool { return d.Digest == m.Digest && d.MediaType == m.MediaType }
	if !slices.ContainsFunc(index.Manifests, named) {
		t.Errorf("the layout's index is %s, want %s in it", text, m.Digest)
	}
}
