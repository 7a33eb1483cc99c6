package schema1_test

import (
	"testing"

	"github.com/docker/libtrust"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
)

// BenchmarkSchema1 times what a push does, by algorithm, with an image of ten
// layers: parse and verify, beside which stands libtrust with the same; a pull
// joins alone, and only what isn't kept.
func BenchmarkSchema1(b *testing.B) {
	table := manifest.Default(manifest.WithSchema1(schema1.Options{}))
	for _, a := range fixtures.Algorithms() {
		source := fixtures.New("bench").Child(string(a))
		k := source.Key(a)
		x := source.Signed("a/b", "latest", []fixtures.Key{k}, fixtures.Layers(10))
		m, bare := parse(b, x.Content), parse(b, x.Payload)
		key, repository := trust(b, k), name(b, "a/b")
		for what, f := range map[string]func() error{
			"parse":  func() error { return second(table.Parse(x.MediaType, x.Content)) },
			"verify": func() error { return m.Check(repository, nil) },
			"libtrust": func() error {
				js, err := libtrust.ParsePrettySignature(x.Content, "signatures")
				must(b, err)
				return second(js.Verify())
			},
			"sign": func() error { return second(schema1.Sign(m.Document(), key, options(a)...)) },
			"join": func() error { return second(bare.WithSignatures(x.Signatures)) },
		} {
			b.Run(what+"/"+string(a), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					must(b, f())
				}
			})
		}
	}
}
