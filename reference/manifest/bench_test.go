package manifest_test

import (
	"encoding/json"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/manifest"
)

// BenchmarkManifest times what is done to a manifest, by type: parse as a push
// does, read as a pull that has not kept it does, and build, for images of ten
// layers and indexes of ten children. decode is package json alone, which
// refuses none of what parse does. Signing and verifying: see package schema1.
func BenchmarkManifest(b *testing.B) {
	s := fixtures.New("bench")
	img, docker := s.Image(fixtures.Layers(10)), s.DockerImage(fixtures.Layers(10))
	var children, dockerChildren []fixtures.Manifest
	for range 10 {
		children, dockerChildren = append(children, img.Manifest), append(dockerChildren, docker.Manifest)
	}
	all := map[string]fixtures.Manifest{
		"image": img.Manifest, "index": s.Index(children), "schema2": docker.Manifest, "list": s.DockerList(dockerChildren),
		"artifact": s.Artifact("a/b", fixtures.Subject(img.Descriptor())),
	}
	table, builders := manifest.Default(), samples()
	for kind, x := range all {
		bench := func(what string, f func() error) {
			b.Run(what+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(x.Size())
				for b.Loop() {
					must(b, f())
				}
			})
		}
		bench("parse", func() error { _, err := table.Parse(x.MediaType, x.Content); return err })
		bench("detect", func() error { _, err := table.Detect(x.Content); return err })
		bench("read", func() error { _, err := table.ParseStored(x.Content); return err })
		bench("decode", func() error { var m v1.Manifest; return json.Unmarshal(x.Content, &m) })
		if kind != "artifact" {
			bench("build", func() error { _, err := builders[x.MediaType].Build(); return err })
		}
	}
}
