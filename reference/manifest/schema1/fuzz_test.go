package schema1_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/docker/libtrust"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/fixtures/malformed"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/registry"
)

// FuzzParse demands of any document that passes that all of it is payload or
// signatures, that it survives a store, and that checking it ends.
func FuzzParse(f *testing.F) {
	source := fixtures.New("fuzz")
	x := source.Signed("a/b", "latest", []fixtures.Key{source.Key(fixtures.ES256)}, fixtures.Layers(1))
	f.Add(x.Content)
	f.Add(x.Payload)
	vectors, err := malformed.Load()
	must(f, err)
	for _, v := range vectors.Vectors {
		if v.MediaType == schema1.MediaType && len(v.Content) < 4<<10 {
			f.Add(v.Content)
		}
	}
	table := manifest.Default(manifest.WithSchema1(schema1.Options{}))
	repository := name(f, "a/b")
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, parse := range []func() (registry.Manifest, error){
			func() (registry.Manifest, error) { return table.Parse(schema1.MediaType, content) },
			func() (registry.Manifest, error) {
				m, err := schema1.Parse(content)
				return m, err
			},
		} {
			parsed, err := parse()
			if err != nil {
				continue
			}
			m := parsed.(*schema1.Manifest)
			_ = m.Check(repository, nil)
			bare, err := schema1.Parse(m.Canonical())
			if err != nil {
				t.Fatalf("payload %q: %v", m.Canonical(), err)
			}
			joined, err := bare.WithSignatures(m.Signatures())
			if err != nil {
				t.Fatalf("signatures %q: %v", m.Signatures(), err)
			}
			testJoined(t, m, joined)
		}
	})
}

func testJoined(t *testing.T, m *schema1.Manifest, joined registry.Manifest) {
	t.Helper()
	_, content := joined.Payload()
	again, err := schema1.Parse(content)
	if err != nil {
		t.Fatalf("joined %q: %v", content, err)
	}
	if !bytes.Equal(again.Canonical(), m.Canonical()) {
		t.Fatalf("payload %q, want %q", again.Canonical(), m.Canonical())
	}
	if len(again.Signatures()) != len(m.Signatures()) {
		t.Fatalf("%d signatures, want %d", len(again.Signatures()), len(m.Signatures()))
	}
	_, before := schema1.Verify(m)
	_, after := schema1.Verify(again)
	if (before == nil) != (after == nil) {
		t.Fatalf("verified %v before, %v after", before, after)
	}
}

// FuzzPretty signs any JSON object with libtrust and demands that we read the
// same payload, and join it to the same bytes.
func FuzzPretty(f *testing.F) {
	key, err := libtrust.FromCryptoPrivateKey(fixtures.New("fuzz").Key(fixtures.ES256).Private)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		`{"schemaVersion":1}`, "{\n   \"schemaVersion\": 1\n}", "{\n\t\"schemaVersion\":1}\n\n", " {\"schemaVersion\" : 1 } ",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var fields map[string]json.RawMessage
		if json.Unmarshal(payload, &fields) != nil || len(fields) == 0 {
			return
		}
		if len(payload)-len(bytes.TrimLeft(payload[1:], " \t\r\n")) > 32 {
			return // such an indent is not taken over
		}
		plain, err := schema1.Parse(payload)
		if err != nil || len(plain.Signatures()) > 0 {
			return
		}
		js, err := libtrust.NewJSONSignature(payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := js.Sign(key); err != nil {
			t.Fatal(err)
		}
		want, err := js.PrettySignature("signatures")
		if err != nil {
			t.Fatal(err)
		}
		m, err := schema1.Parse(want)
		if err != nil {
			t.Fatalf("%q: %v", want, err)
		}
		if _, err := schema1.Verify(m); err != nil || !bytes.Equal(m.Canonical(), payload) {
			t.Fatalf("payload %q, want %q: %v", m.Canonical(), payload, err)
		}
		joined, err := plain.WithSignatures(m.Signatures())
		if err != nil {
			t.Fatal(err)
		}
		if _, got := joined.Payload(); !bytes.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
