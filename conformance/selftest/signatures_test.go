package selftest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/docker/libtrust"

	"github.com/registryconform/conform/conformance/internal/jws"
	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/manifest/schema1"
)

// The three that check signatures: the judge, the reference, and the library
// that signed such manifests first. Each returns nil for what it takes.
func verifiers() map[string]func([]byte) error {
	return map[string]func([]byte) error{
		"judge": func(content []byte) error {
			d, err := jws.Parse(content)
			if err != nil {
				return err
			}
			return d.Verify()
		},
		"reference": func(content []byte) error {
			m, err := schema1.Parse(content)
			if err != nil {
				return err
			}
			_, err = schema1.Verify(m)
			return err
		},
		"libtrust": func(content []byte) error {
			s, err := libtrust.ParsePrettySignature(content, "signatures")
			if err != nil {
				return err
			}
			_, err = s.Verify()
			return err
		},
	}
}

// trustKey returns the key as libtrust has it.
func trustKey(t *testing.T, k fixtures.Key) libtrust.PrivateKey {
	t.Helper()
	key, err := libtrust.FromCryptoPrivateKey(k.Private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func hashOf(a fixtures.Algorithm) crypto.Hash {
	return map[byte]crypto.Hash{'2': crypto.SHA256, '3': crypto.SHA384, '5': crypto.SHA512}[a[2]]
}

// signers returns a signed manifest of everyone who can sign, by name.
func signers(t *testing.T, k fixtures.Key) map[string][]byte {
	t.Helper()
	m := fixtures.New("signers").Signed("a/b", "latest", []fixtures.Key{k})
	parsed, err := schema1.Parse(m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	of := func(m *schema1.Manifest, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		_, content := m.Payload()
		return content
	}
	key, hash := trustKey(t, k), schema1.Hash(hashOf(k.Algorithm))
	signature, err := libtrust.NewJSONSignature(m.Payload)
	if err == nil {
		err = signature.Sign(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	pretty, err := signature.PrettySignature("signatures")
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"fixtures":           m.Content,
		"fixtures, chain":    m.ResignWithChain(k).Content,
		"reference":          of(schema1.Sign(parsed.Document(), key, hash)),
		"reference, chain":   of(schema1.SignWithChain(parsed.Document(), key, k.Chain, hash)),
		"libtrust (SHA-256)": pretty,
	}
}

// TestSignaturesOfEach demands that what one of them signs is right for all,
// and that what was changed afterwards is right for none.
func TestSignaturesOfEach(t *testing.T) {
	t.Parallel()
	source := fixtures.New("each")
	for _, a := range fixtures.Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			for by, content := range signers(t, source.Child(string(a)).Key(a)) {
				for name, verify := range verifiers() {
					if err := verify(content); err != nil {
						t.Errorf("signed by %s: the %s says %v\n%s", by, name, err, content)
					}
					for what, changed := range changes(content) {
						if err := verify(changed); err == nil {
							t.Errorf("signed by %s, %s changed: the %s takes it", by, what, name)
						}
					}
				}
			}
		})
	}
}

// changes returns a document with one thing of it changed, by its name.
func changes(content []byte) map[string][]byte {
	return map[string][]byte{
		"payload":   bytes.Replace(content, []byte(`"amd64"`), []byte(`"amd65"`), 1),
		"space":     bytes.Replace(content, []byte("\n   "), []byte("\n    "), 1),
		"signature": edited(content, `"signature": "`, 20),
		"protected": edited(content, `"protected": "`, 40),
	}
}

// edited changes the character that stands so far behind the text.
func edited(content []byte, text string, behind int) []byte {
	out := bytes.Clone(content)
	at := bytes.Index(out, []byte(text)) + len(text) + behind
	if out[at]++; !strings.ContainsRune("BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz123456789", rune(out[at])) {
		out[at] = 'A'
	}
	return out
}

// TestKeysOfEach demands that all name a key alike.
func TestKeysOfEach(t *testing.T) {
	t.Parallel()
	for _, a := range []fixtures.Algorithm{fixtures.ES256, fixtures.ES384, fixtures.ES512, fixtures.RS256} {
		k := fixtures.New("named").Child(string(a)).Key(a)
		public := k.Private.Public()
		switch public.(type) {
		case *ecdsa.PublicKey, *rsa.PublicKey:
		default:
			t.Fatalf("%s has a key of type %T", a, public)
		}
		if ours, theirs := jws.KeyID(public), trustKey(t, k).KeyID(); ours != theirs || ours != k.ID() {
			t.Errorf("%s: judge %s, libtrust %s, fixtures %s", a, ours, theirs, k.ID())
		}
	}
}

// TestChainsOfEach demands that chains that the reference makes lead to their
// roots for the judge, and only to those.
func TestChainsOfEach(t *testing.T) {
	t.Parallel()
	source := fixtures.New("chains")
	k, stranger := source.Key(fixtures.ES256), source.Key(fixtures.ES256)
	d, err := jws.Parse(signers(t, k)["reference, chain"])
	if err != nil {
		t.Fatal(err)
	}
	for root, want := range map[*x509.Certificate]bool{k.Root: true, stranger.Root: false} {
		pool := x509.NewCertPool()
		pool.AddCert(root)
		if err := d.Signatures[0].VerifyChain(pool); (err == nil) != want {
			t.Errorf("own root %v: %v", want, err)
		}
	}
}
