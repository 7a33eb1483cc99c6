package manifest_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/fixtures/malformed"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/list"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/manifest/schema2"
	"github.com/registryconform/conform/reference/registry"
)

const (
	hexA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hexB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

	config  = `{"mediaType":"application/vnd.example.config","digest":"sha256:` + hexA + `","size":3}`
	layer   = `{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:` + hexB + `","size":4}`
	subject = `"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + hexB + `","size":5}`
)

func image(extra string) string {
	return `{"schemaVersion":2,"config":` + config + `,"layers":[` + layer + `]` + extra + `}`
}

func index(extra string) string {
	return `{"schemaVersion":2,"manifests":[` + layer + `]` + extra + `}`
}

func typed(mediaType string) string { return fmt.Sprintf(`,"mediaType":%q`, mediaType) }

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, contentType, body, mediaType string
		artifactType                       string
		references                         int
		hasSubject                         bool
	}{
		{"image", v1.MediaTypeImageManifest, image(typed(v1.MediaTypeImageManifest)), v1.MediaTypeImageManifest, "application/vnd.example.config", 2, false},
		{"image without mediaType", v1.MediaTypeImageManifest, image(""), v1.MediaTypeImageManifest, "application/vnd.example.config", 2, false},
		{"parameters", v1.MediaTypeImageManifest + "; charset=utf-8", image(""), v1.MediaTypeImageManifest, "application/vnd.example.config", 2, false},
		{"odd parameters", v1.MediaTypeImageManifest + "; charset", image(""), v1.MediaTypeImageManifest, "application/vnd.example.config", 2, false},
		{"upper case", "Application/Vnd.Oci.Image.Manifest.V1+JSON", image(""), v1.MediaTypeImageManifest, "application/vnd.example.config", 2, false},
		{"artifact", v1.MediaTypeImageManifest, image(`,"artifactType":"a/b","annotations":{"k":"v"},` + subject), v1.MediaTypeImageManifest, "a/b", 2, true},
		{"null fields", v1.MediaTypeImageManifest, image(`,"manifests":null,"subject":null,"mediaType":null`), v1.MediaTypeImageManifest, "application/vnd.example.config", 2, false},
		{"no layers", v1.MediaTypeImageManifest, `{"schemaVersion":2,"config":` + config + `}`, v1.MediaTypeImageManifest, "application/vnd.example.config", 1, false},
		{"index", v1.MediaTypeImageIndex, index(typed(v1.MediaTypeImageIndex)), v1.MediaTypeImageIndex, "", 1, false},
		{"empty index", v1.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[]}`, v1.MediaTypeImageIndex, "", 0, false},
		{"index of artifacts", v1.MediaTypeImageIndex, index(`,"artifactType":"a/b",` + subject), v1.MediaTypeImageIndex, "a/b", 1, true},
		{"schema 2", schema2.MediaType, image(typed(schema2.MediaType)), schema2.MediaType, "application/vnd.example.config", 2, false},
		{"list", list.MediaType, index(typed(list.MediaType)), list.MediaType, "", 1, false},
		{"no Content-Type", "", image(""), v1.MediaTypeImageManifest, "application/vnd.example.config", 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := manifest.Default().Parse(c.contentType, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			mediaType, content := m.Payload()
			if mediaType != c.mediaType || string(content) != c.body {
				t.Errorf("payload %s %s", mediaType, content)
			}
			if len(m.References()) != c.references || m.ArtifactType() != c.artifactType || (m.Subject() != nil) != c.hasSubject {
				t.Errorf("references %v, artifactType %q, subject %v", m.References(), m.ArtifactType(), m.Subject())
			}
			stored, err := manifest.Default().ParseStored(content)
			if err != nil {
				t.Fatal(err)
			}
			if again, _ := stored.Payload(); again != mediaType {
				t.Errorf("stored as %s, read as %s", mediaType, again)
			}
			if again, err := manifest.Default().Detect(content); err != nil || again != mediaType {
				t.Errorf("detected as %s: %v", again, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, contentType, body, reason string }{
		{"not JSON", v1.MediaTypeImageManifest, `{"schemaVersion":2`, "not valid JSON"},
		{"empty", v1.MediaTypeImageManifest, "", "not valid JSON"},
		{"two documents", v1.MediaTypeImageManifest, image("") + image(""), "not valid JSON"},
		{"an array", v1.MediaTypeImageManifest, `[]`, "not a JSON object"},
		{"null", v1.MediaTypeImageManifest, `null`, "not a JSON object"},
		{"a duplicate field", v1.MediaTypeImageManifest, image(`,"config":` + config), "twice"},
		{"a field in two cases", v1.MediaTypeImageManifest, image(`,"Layers":[]`), "must be spelled layers"},
		{"unknown type", "application/json", image(""), "not accepted"},
		{"broken type", "a/b/c", image(""), "can't be read"},
		{"another mediaType", v1.MediaTypeImageManifest, image(typed(schema2.MediaType)), "the Content-Type is"},
		{"mediaType a number", v1.MediaTypeImageManifest, image(`,"mediaType":1`), "not a string"},
		{"schema 2 without mediaType", schema2.MediaType, image(""), "no mediaType"},
		{"list without mediaType", list.MediaType, index(""), "no mediaType"},
		{"schemaVersion 1", v1.MediaTypeImageManifest, strings.Replace(image(""), ":2", ":1", 1), "schemaVersion"},
		{"schemaVersion a string", v1.MediaTypeImageManifest, strings.Replace(image(""), ":2", `:"2"`, 1), "schemaVersion"},
		{"no schemaVersion", v1.MediaTypeImageManifest, `{"config":` + config + `}`, "schemaVersion"},
		{"image with manifests", v1.MediaTypeImageManifest, image(`,"manifests":[]`), `"manifests" does not belong`},
		{"image with Manifests", v1.MediaTypeImageManifest, image(`,"Manifests":[]`), `"Manifests" does not belong`},
		{"image with fsLayers", v1.MediaTypeImageManifest, image(`,"fsLayers":[]`), `"fsLayers" does not belong`},
		{"index with layers", v1.MediaTypeImageIndex, index(`,"layers":[]`), `"layers" does not belong`},
		{"index with config", v1.MediaTypeImageIndex, index(`,"config":` + config), `"config" does not belong`},
		{"list with layers", list.MediaType, index(typed(list.MediaType) + `,"layers":[]`), `"layers" does not belong`},
		{"schema 2 with manifests", schema2.MediaType, image(typed(schema2.MediaType) + `,"manifests":[]`), `"manifests" does not belong`},
		{"no config", v1.MediaTypeImageManifest, `{"schemaVersion":2,"layers":[]}`, "mediaType"},
		{"no manifests", v1.MediaTypeImageIndex, `{"schemaVersion":2}`, "manifests is missing"},
		{"list without manifests", list.MediaType, `{"schemaVersion":2` + typed(list.MediaType) + `}`, "manifests is missing"},
		{"a bad digest", v1.MediaTypeImageManifest, strings.Replace(image(""), hexB, "abc", 1), "digest"},
		{"an unknown algorithm", v1.MediaTypeImageManifest, strings.Replace(image(""), "sha256:"+hexB, "md5:"+hexB[:32], 1), "digest"},
		{"a negative size", v1.MediaTypeImageManifest, strings.Replace(image(""), `"size":4`, `"size":-4`, 1), "size"},
		{"a fractional size", v1.MediaTypeImageManifest, strings.Replace(image(""), `"size":4`, `"size":4.5`, 1), "layers"},
		{"a bad subject", v1.MediaTypeImageManifest, image(`,"subject":{}`), "subject"},
		{"annotations of numbers", v1.MediaTypeImageManifest, image(`,"annotations":{"a":1}`), "annotations"},
		{"undetectable", "", `{"schemaVersion":2}`, "form of none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := manifest.Default().Parse(c.contentType, []byte(c.body))
			all := registry.Errors(err)
			if m != nil || len(all) == 0 || !strings.Contains(err.Error(), c.reason) {
				t.Fatalf("got %v, %v; want an error with %q", m, err, c.reason)
			}
			for _, e := range all {
				if e.Code != "MANIFEST_INVALID" {
					t.Errorf("code %s", e.Code)
				}
			}
		})
	}
}

func TestParseTellsAllThatIsWrongWithinBounds(t *testing.T) {
	t.Parallel()
	body := strings.NewReplacer(hexB, "b", `"size":3`, `"size":-3`, ":2", ":3").Replace(image(""))
	_, err := manifest.Default().Parse(v1.MediaTypeImageManifest, []byte(body))
	if n := len(registry.Errors(err)); n != 3 {
		t.Errorf("%d of 3 faults are told: %v", n, err)
	}
	many := `{"schemaVersion":2,"manifests":[` + strings.TrimSuffix(strings.Repeat(`{},`, 100_000), ",") + `]}`
	_, err = manifest.Default().Parse(v1.MediaTypeImageIndex, []byte(many))
	if n := len(registry.Errors(err)); n == 0 || n > 16 {
		t.Errorf("%d errors for one manifest", n)
	}
	// The same manifest is always told the same.
	body = image(`,"manifests":[],"fsLayers":[]`)
	_, first := manifest.Default().Parse(v1.MediaTypeImageManifest, []byte(body))
	for range 20 {
		if _, err := manifest.Default().Parse(v1.MediaTypeImageManifest, []byte(body)); fmt.Sprint(err) != fmt.Sprint(first) {
			t.Fatalf("%v, and before %v", err, first)
		}
	}
	if n := len(registry.Errors(first)); n != 2 {
		t.Errorf("%d of 2 faults are told: %v", n, first)
	}
}

// S-299: the caller builds the table, in which no type is twice.
func TestTableIsBuiltByTheCaller(t *testing.T) {
	t.Parallel()
	formats := manifest.Formats()
	if _, err := manifest.New(append(formats, formats[0])...); err == nil {
		t.Error("a duplicate media type is accepted")
	}
	if _, err := manifest.New(manifest.Format{MediaType: "a/b"}); err == nil {
		t.Error("a format without a parser is accepted")
	}
	one, err := manifest.New(formats[1])
	if err != nil {
		t.Fatal(err)
	}
	if got := one.MediaTypes(); len(got) != 1 || !one.IsIndex(got[0]) || one.IsManifest(v1.MediaTypeImageManifest) {
		t.Errorf("table of the index: %v", got)
	}
	if _, err := one.Parse(v1.MediaTypeImageManifest, []byte(image(""))); err == nil {
		t.Error("a type outside the table is accepted")
	}
}

// FuzzParse demands of any document that is taken that it keeps its bytes and
// its type wherever it is read again, and that what it refers to is sound.
func FuzzParse(f *testing.F) {
	x, err := malformed.Load()
	must(f, err)
	for _, v := range x.Vectors {
		if v.Kind == malformed.Manifest && len(v.Content) < 4<<10 && !strings.HasPrefix(v.Name, "signature/") {
			f.Add(v.MediaType, v.Content)
			f.Add("", v.Content)
		}
	}
	table := manifest.Default(manifest.WithSchema1(schema1.Options{}))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		m, err := table.Parse(contentType, body)
		if err != nil {
			if len(registry.Errors(err)) == 0 {
				t.Fatalf("no code: %v", err)
			}
			return
		}
		mediaType, content := m.Payload()
		if !bytes.Equal(content, body) {
			t.Fatalf("%q became %q", body, content)
		}
		if _, signed := m.(registry.SignedManifest); signed {
			return // what is stored is the payload: see package schema1
		}
		stored, err := table.ParseStored(content)
		must(t, err)
		if again, _ := stored.Payload(); again != mediaType {
			t.Fatalf("accepted as %s, read back as %s", mediaType, again)
		}
		if !reflect.DeepEqual(stored.References(), m.References()) || !reflect.DeepEqual(stored.Subject(), m.Subject()) {
			t.Fatalf("accepted with %v, read back with %v", m.References(), stored.References())
		}
		for _, desc := range m.References() {
			if desc.Size < 0 || desc.Digest.Validate() != nil || desc.MediaType == "" {
				t.Fatalf("refers to %+v", desc)
			}
		}
	})
}
