package schema1_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/libtrust"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/registry"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func name(t testing.TB, s string) registry.Name {
	t.Helper()
	n, err := registry.ParseName(s)
	must(t, err)
	return n
}

func tag(t testing.TB, s string) registry.Tag {
	t.Helper()
	x, err := registry.ParseTag(s)
	must(t, err)
	return x
}

func document(t testing.TB) schema1.Document {
	t.Helper()
	d, err := schema1.NewBuilder(name(t, "a/b"), tag(t, "latest"), "amd64").
		Append(digest.FromString("base"), `{"id":"1"}`).
		Append(digest.FromString("top"), `{"id":"2","parent":"1"}`).
		Build()
	must(t, err)
	return d
}

func trust(t testing.TB, k fixtures.Key) libtrust.PrivateKey {
	t.Helper()
	key, err := libtrust.FromCryptoPrivateKey(k.Private)
	must(t, err)
	return key
}

func hashOf(a fixtures.Algorithm) crypto.Hash {
	return map[fixtures.Algorithm]crypto.Hash{fixtures.RS384: crypto.SHA384, fixtures.RS512: crypto.SHA512}[a]
}

func options(a fixtures.Algorithm) []schema1.SignOption {
	opts := []schema1.SignOption{schema1.At(time.Unix(0, 0))}
	if h := hashOf(a); h != 0 {
		opts = append(opts, schema1.Hash(h))
	}
	return opts
}

func signed(t testing.TB, a fixtures.Algorithm, keys ...fixtures.Key) fixtures.SignedManifest {
	t.Helper()
	s := fixtures.New("schema1").Child(string(a))
	if len(keys) == 0 {
		keys = []fixtures.Key{s.Key(a)}
	}
	return s.Signed("a/b", "latest", keys)
}

func parse(t testing.TB, content []byte) *schema1.Manifest {
	t.Helper()
	m, err := schema1.Parse(content)
	must(t, err)
	return m
}

func roots(k fixtures.Key) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(k.Root)
	return pool
}

// What [schema1.Sign] signs, we and libtrust verify, whatever the algorithm
// (S-173, S-201, S-202), and it is laid out as Docker did (S-186).
func TestEveryAlgorithmBothWays(t *testing.T) {
	t.Parallel()
	for _, a := range fixtures.Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			k := fixtures.New("schema1").Key(a)
			m, err := schema1.Sign(document(t), trust(t, k), options(a)...)
			must(t, err)
			_, content := m.Payload()
			if !bytes.Contains(content, []byte(fmt.Sprintf(`"alg": %q`, a))) {
				t.Errorf("%s is not in\n%s", a, content)
			}
			if !bytes.HasPrefix(content, []byte("{\n   \"schemaVersion\": 1,\n   \"name\": \"a/b\",\n   \"tag\": \"latest\",\n")) {
				t.Errorf("laid out as\n%s", content)
			}
			js, err := libtrust.ParsePrettySignature(content, "signatures")
			must(t, err)
			if keys, err := js.Verify(); err != nil || keys[0].KeyID() != k.ID() {
				t.Errorf("libtrust: %v, %v", keys, err)
			}
			if pretty, err := js.PrettySignature("signatures"); err != nil || !bytes.Equal(pretty, content) {
				t.Errorf("libtrust writes\n%s\n%v, we\n%s", pretty, err, content)
			}
			again := parse(t, content)
			keys, err := schema1.Verify(again)
			if err != nil || len(keys) != 1 || keys[0].KeyID() != k.ID() {
				t.Errorf("keys %v, %v", keys, err)
			}
			if again.Digest() != digest.FromBytes(m.Canonical()) || bytes.Contains(m.Canonical(), []byte("signatures")) {
				t.Errorf("digest %s of\n%s", again.Digest(), m.Canonical())
			}
			testChain(t, a, k)
		})
	}
}

func testChain(t *testing.T, a fixtures.Algorithm, k fixtures.Key) {
	t.Helper()
	m, err := schema1.SignWithChain(document(t), trust(t, k), k.Chain, options(a)...)
	must(t, err)
	_, content := m.Payload()
	m = parse(t, content)
	if keys, err := schema1.Verify(m); err != nil || keys[0].KeyID() != k.ID() {
		t.Errorf("keys %v, %v", keys, err)
	}
	chains, err := schema1.VerifyChains(m, roots(k))
	if err != nil || len(chains) != 1 || !chains[0][2].Equal(k.Root) {
		t.Errorf("chains %v, %v", chains, err)
	}
	other := fixtures.New("other").Key(fixtures.ES256)
	for what, pool := range map[string]*x509.CertPool{"no": nil, "another": roots(other)} {
		if _, err := schema1.VerifyChains(m, pool); !errors.Is(err, schema1.ErrChain) {
			t.Errorf("%s root: %v", what, err)
		}
	}
	if _, err := schema1.SignWithChain(document(t), trust(t, k), other.Chain); !errors.Is(err, schema1.ErrChain) {
		t.Errorf("chain of another key: %v", err)
	}
	bare, err := schema1.Sign(document(t), trust(t, k))
	must(t, err)
	if _, err := schema1.VerifyChains(bare, roots(k)); !errors.Is(err, schema1.ErrChain) {
		t.Errorf("no chain: %v", err)
	}
}

// What libtrust and others have written comes back byte for byte, however
// often it is read, with its signatures (S-097, S-099, S-191, S-294).
func TestParseKeepsBytes(t *testing.T) {
	t.Parallel()
	for _, a := range fixtures.Algorithms() {
		source := fixtures.New("bytes").Child(string(a))
		x := signed(t, a, source.Key(a), source.Key(fixtures.ES256), source.Key(fixtures.ES384), source.Key(fixtures.ES256))
		m := parse(t, x.Content)
		twice := parse(t, x.Content)
		if !bytes.Equal(twice.Canonical(), m.Canonical()) || !slices.EqualFunc(twice.Signatures(), x.Signatures, bytes.Equal) {
			t.Errorf("%s: read again as\n%s %s", a, twice.Canonical(), twice.Signatures())
		}
		mediaType, content := m.Payload()
		if mediaType != schema1.MediaType || !bytes.Equal(content, x.Content) || m.Digest() != x.Digest {
			t.Errorf("%s: %s %s\n%s", a, mediaType, m.Digest(), content)
		}
		bare, err := schema1.Parse(m.Canonical())
		must(t, err)
		joined, err := bare.WithSignatures(x.Signatures)
		must(t, err)
		if _, content := joined.Payload(); !bytes.Equal(content, x.Content) {
			t.Errorf("%s joined again:\n%s", a, content)
		}
		if refs := m.References(); len(refs) != 2 || refs[0].Digest != x.Blobs[0].Digest || refs[0].MediaType != schema1.LayerType {
			t.Errorf("references %v", refs)
		}
	}
}

// A compact payload has compact signatures; what follows the object stays with
// the payload.
func TestLayoutsOfPayload(t *testing.T) {
	t.Parallel()
	k := fixtures.New("layout").Key(fixtures.ES256)
	compact, err := json.Marshal(document(t))
	must(t, err)
	for _, payload := range []string{
		string(compact), string(compact) + "\n", "  " + string(compact),
		strings.TrimSuffix(string(compact), "}") + "\n\n\t}\r\n",
		"{\n\t" + strings.TrimPrefix(string(compact), "{"),
	} {
		js, err := libtrust.NewJSONSignature([]byte(payload))
		must(t, err)
		must(t, js.Sign(trust(t, k)))
		content, err := js.PrettySignature("signatures")
		must(t, err)
		m := parse(t, content)
		if string(m.Canonical()) != payload {
			t.Errorf("payload %q, want %q", m.Canonical(), payload)
		}
		if _, err := schema1.Verify(m); err != nil {
			t.Errorf("%q: %v", payload, err)
		}
		joined, err := m.WithSignatures(m.Signatures())
		must(t, err)
		if _, again := joined.Payload(); !bytes.Equal(again, content) {
			t.Errorf("got %q, want %q", again, content)
		}
	}
}

// White space in the payload does not multiply with the lines of signatures.
func TestLongIndent(t *testing.T) {
	t.Parallel()
	x := signed(t, fixtures.ES256)
	bare := parse(t, []byte("{\n"+strings.Repeat(" ", 1<<20)+strings.TrimLeft(string(x.Payload), "{\n ")))
	source := fixtures.New("indent")
	js, err := libtrust.NewJSONSignature(bare.Canonical())
	must(t, err)
	must(t, js.Sign(trust(t, source.Key(fixtures.ES256))))
	signatures, err := js.Signatures()
	must(t, err)
	joined, err := bare.WithSignatures(signatures)
	must(t, err)
	_, content := joined.Payload()
	if len(content) > 1<<20+64<<10 {
		t.Errorf("%d bytes are served", len(content))
	}
	must(t, second(schema1.Verify(parse(t, content))))
}

func second[T any](_ T, err error) error { return err }

// Any number of signers, with and without certificates, merge into the same
// bytes whatever the order (K-70).
func TestMergeK70(t *testing.T) {
	t.Parallel()
	s := fixtures.New("merge")
	keys := []fixtures.Key{s.Key(fixtures.ES256), s.Key(fixtures.RS256), s.Key(fixtures.ES512)}
	x := s.Signed("a/b", "latest", keys[:1])
	all := []*schema1.Manifest{parse(t, x.Content)}
	for _, k := range keys {
		all = append(all, parse(t, x.ResignWithChain(k).Content), parse(t, x.Resign(k).Content))
	}
	merged, err := schema1.Merge(all[0], all[1:]...)
	must(t, err)
	_, want := merged.Payload()
	if keys, err := schema1.Verify(parse(t, want)); err != nil || len(keys) != 6 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for i := range all {
		other, err := schema1.Merge(all[i], append(append([]*schema1.Manifest{merged}, all[i+1:]...), all[:i]...)...)
		must(t, err)
		if _, got := other.Payload(); !bytes.Equal(got, want) {
			t.Errorf("merged from %d:\n%s\nwant\n%s", i, got, want)
		}
	}
	if _, err := schema1.Merge(all[0], parse(t, signed(t, fixtures.ES384).Content)); err == nil {
		t.Error("other payloads merge")
	}
}

// Everything that is wrong comes at once, with its own code (S-278, S-279,
// S-280, K-05, K-06).
func TestCheckTellsAll(t *testing.T) {
	t.Parallel()
	k := fixtures.New("check").Key(fixtures.ES256)
	for _, c := range []struct {
		what, name, tag, field string
		repository             string
		tags                   []registry.Tag
		want                   []string
	}{
		{"good", "a/b", "latest", "", "a/b", []registry.Tag{tag(t, "latest")}, nil},
		{"by digest", "a/b", "latest", "", "a/b", nil, nil},
		{"K-05 unanchored name", "Ugly Name/ok", "latest", "", "a/b", nil, []string{"NAME_INVALID"}},
		{"longest name", strings.Repeat("a", 255), "latest", "", strings.Repeat("a", 255), nil, nil},
		{"long name", strings.Repeat("a", 256), "latest", "", "a/b", nil, []string{"NAME_INVALID"}},
		{"other repository", "a/c", "latest", "", "a/b", nil, []string{"NAME_INVALID"}},
		{"other tag", "a/b", "old", "", "a/b", []registry.Tag{tag(t, "latest"), tag(t, "old")}, []string{"TAG_INVALID"}},
		{"bad tag", "a/b", "-", "", "a/b", nil, []string{"TAG_INVALID"}},
		{"counts", "a/b", "latest", "[]", "a/b", nil, []string{"MANIFEST_INVALID"}},
		{"all", "B", "-", "[]", "a/b", nil, []string{"NAME_INVALID", "TAG_INVALID", "MANIFEST_INVALID"}},
	} {
		var opts []fixtures.Option
		if c.field != "" {
			opts = append(opts, fixtures.Field("history", c.field))
		}
		x := fixtures.New("check").Signed(c.name, c.tag, []fixtures.Key{k}, opts...)
		for _, unsigned := range []bool{false, true} {
			content, want := x.Content, c.want
			if unsigned {
				content, want = x.Payload, append(want[:len(want):len(want)], "MANIFEST_UNVERIFIED")
			}
			err := parse(t, content).Check(name(t, c.repository), c.tags)
			if c.what == "long name" && !strings.Contains(err.Error(), "255") {
				t.Errorf("%v does not tell the limit", err)
			}
			var got []string
			for _, e := range registry.Errors(err) {
				got = append(got, e.Code)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%s, unsigned %v: %v, want %v", c.what, unsigned, got, want)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	x := signed(t, fixtures.ES256)
	check := func(o schema1.Options, content []byte, repository string) error {
		t.Helper()
		var fields map[string]json.RawMessage
		must(t, json.Unmarshal(content, &fields))
		m, err := schema1.Parser(o)(content, fields)
		must(t, err)
		return m.(registry.SignedManifest).Check(name(t, repository), []registry.Tag{tag(t, "other")})
	}
	must(t, check(schema1.Options{AnyName: true}, x.Content, "other"))
	must(t, check(schema1.Options{AnyName: true, AllowUnsigned: true}, x.Payload, "other"))
	refusal := errors.New("not one of us")
	var seen []string
	policy := func(err error) schema1.Policy {
		return func(m *schema1.Manifest, signers []schema1.Signer) error {
			for _, s := range signers {
				seen = append(seen, s.Key.KeyID())
			}
			return err
		}
	}
	must(t, check(schema1.Options{AnyName: true, Policy: policy(nil)}, x.Content, "other"))
	if len(seen) != 1 {
		t.Errorf("K-04: the policy saw %v", seen)
	}
	err := check(schema1.Options{AnyName: true, Policy: policy(refusal)}, x.Content, "other")
	if !errors.Is(err, registry.ErrManifestUnverified) || !errors.Is(err, refusal) {
		t.Errorf("refused: %v", err)
	}
	if err := check(schema1.Options{AnyName: true, Policy: policy(registry.ErrDenied)}, x.Content, "other"); !errors.Is(err, registry.ErrDenied) {
		t.Errorf("denied: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for what, content := range map[string]string{
		"no object":     `[]`,
		"version":       `{"schemaVersion":2,"name":"a","tag":"b"}`,
		"blobSum":       `{"schemaVersion":1,"fsLayers":[{"blobSum":"sha256:1"}]}`,
		"empty blobSum": `{"schemaVersion":1,"fsLayers":[{}]}`,
		"kinds":         `{"schemaVersion":1,"fsLayers":{}}`,
	} {
		if m, err := schema1.Parse([]byte(content)); err == nil {
			t.Errorf("%s: %v", what, m.Document())
		}
	}
}

func TestBuilderRefuses(t *testing.T) {
	t.Parallel()
	if _, err := schema1.NewBuilder(registry.Name{}, registry.Tag{}, "").Append("x", "{").Build(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v", err)
	}
	if _, err := schema1.NewBuilder(name(t, "a"), tag(t, "b"), "c").Build(); err == nil {
		t.Error("no layer is built")
	}
	d := document(t)
	if d.FSLayers[0].BlobSum != digest.FromString("top") || d.History[0].V1Compatibility != `{"id":"2","parent":"1"}` {
		t.Errorf("the newest is not first: %+v", d)
	}
	if _, err := schema1.Sign(d, trust(t, fixtures.New("").Key(fixtures.ES256)), schema1.Hash(crypto.MD5)); !errors.Is(err, schema1.ErrAlgorithm) {
		t.Errorf("MD5: %v", err)
	}
}
