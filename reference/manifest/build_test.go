package manifest_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/list"
	"github.com/registryconform/conform/reference/manifest/oci"
	"github.com/registryconform/conform/reference/manifest/schema2"
	"github.com/registryconform/conform/reference/registry"
)

type builder interface {
	Build() (registry.Manifest, error)
}

// A sample is a builder, complete, and what it refers to.
type sample struct {
	builder
	references []registry.Descriptor
}

// samples returns one for each type.
func samples() map[string]sample {
	s := fixtures.New("builders")
	img := s.Image(fixtures.InlineData())
	config := img.Config.Descriptor()
	layers := []v1.Descriptor{img.Layers[0].Descriptor(), s.Layer(fixtures.MediaTypeDockerForeignLayer, 3).Descriptor()}
	child := img.Descriptor()
	child.Platform = &v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7", OSFeatures: []string{"x"}}
	subject := s.Missing(v1.MediaTypeImageManifest)
	notes := map[string]string{"b": "<2>", "a": "1"}
	parts, children := append([]v1.Descriptor{config}, layers...), []v1.Descriptor{child, child}
	return map[string]sample{
		v1.MediaTypeImageManifest: {oci.ImageBuilder{Config: config, Layers: layers, ArtifactType: "a/b", Subject: &subject, Annotations: notes}, parts},
		v1.MediaTypeImageIndex:    {oci.IndexBuilder{Manifests: children, ArtifactType: "a/b", Subject: &subject, Annotations: notes}, children},
		schema2.MediaType:         {schema2.Builder{Config: config, Layers: layers}, parts},
		list.MediaType:            {list.Builder{Manifests: children}, children},
	}
}

// S-290: there is a builder for each type, and what it builds is read back as
// what was put in, as the same bytes each time.
func TestBuilders(t *testing.T) {
	t.Parallel()
	table, all := manifest.Default(), samples()
	for _, mediaType := range table.MediaTypes() {
		b, ok := all[mediaType]
		if !ok {
			t.Fatalf("%s has no builder", mediaType)
		}
		built, err := b.Build()
		must(t, err)
		got, content := built.Payload()
		again, err := table.Parse(mediaType, bytes.Clone(content))
		must(t, err)
		if got != mediaType || !reflect.DeepEqual(again, built) {
			t.Errorf("%s: built %s as %s, read %+v", mediaType, content, got, again)
		}
		twice, err := b.Build()
		must(t, err)
		if _, c := twice.Payload(); !bytes.Equal(c, content) {
			t.Errorf("%s: not the same bytes again: %s", mediaType, c)
		}
		if !reflect.DeepEqual(built.References(), b.references) {
			t.Errorf("%s: references %+v, want %+v", mediaType, built.References(), b.references)
		}
		if strings.Contains(mediaType, "oci") && (built.Subject() == nil || built.ArtifactType() != "a/b" || built.Annotations()["b"] != "<2>") {
			t.Errorf("%s: %+v", mediaType, built)
		}
	}
}

// A builder builds nothing that the table refuses; lists are never null.
func TestBuildersRefuse(t *testing.T) {
	t.Parallel()
	good := v1.Descriptor{MediaType: "a/b", Digest: digest.FromString(""), Size: 0}
	bad := good
	bad.Digest = "sha256:x"
	for what, b := range map[string]builder{
		"image config":   oci.ImageBuilder{},
		"image layer":    oci.ImageBuilder{Config: good, Layers: []v1.Descriptor{bad}},
		"image subject":  oci.ImageBuilder{Config: good, Subject: &bad},
		"index child":    oci.IndexBuilder{Manifests: []v1.Descriptor{bad}},
		"schema2 config": schema2.Builder{Layers: []v1.Descriptor{good}},
		"schema2 layer":  schema2.Builder{Config: good, Layers: []v1.Descriptor{bad}},
		"list child":     list.Builder{Manifests: []v1.Descriptor{good, bad}},
	} {
		if m, err := b.Build(); err == nil {
			t.Errorf("%s: built %v", what, m)
		}
	}
	for _, b := range []builder{oci.ImageBuilder{Config: good}, oci.IndexBuilder{}, schema2.Builder{Config: good}, list.Builder{}} {
		m, err := b.Build()
		must(t, err)
		if _, content := m.Payload(); bytes.Contains(content, []byte("null")) || !slices.Contains(manifest.Default().MediaTypes(), mediaTypeOf(m)) {
			t.Errorf("%T: %s", b, content)
		}
	}
}

func mediaTypeOf(m registry.Manifest) string {
	mediaType, _ := m.Payload()
	return mediaType
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
