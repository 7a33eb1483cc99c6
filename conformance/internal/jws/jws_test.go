package jws_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/registryconform/conform/conformance/internal/jws"
	"github.com/registryconform/conform/fixtures"
)

func check(content []byte) error {
	d, err := jws.Parse(content)
	if err != nil {
		return err
	}
	return d.Verify()
}

func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	source := fixtures.New("jws")
	other := source.Key(fixtures.ES256)
	for _, a := range fixtures.Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			key := source.Child(string(a)).Key(a)
			m := source.Child(string(a)).Signed("a/b", "latest", []fixtures.Key{key, other})
			for name, signed := range map[string]fixtures.SignedManifest{"jwk": m, "x5c": m.ResignWithChain(key, other)} {
				d, err := jws.Parse(signed.Content)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if err := d.Verify(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if !bytes.Equal(d.Payload, signed.Payload) || len(d.Signatures) != 2 {
					t.Errorf("%s: payload %s, %d signatures", name, d.Payload, len(d.Signatures))
				}
				for i, s := range d.Signatures {
					if !bytes.Equal(s.Raw, signed.Signatures[i]) || s.Time.Year() != 1970 {
						t.Errorf("%s: %s at %v, want %s", name, s.Raw, s.Time, signed.Signatures[i])
					}
				}
				if ids := key.ID() + other.ID(); !strings.Contains(ids, d.Signatures[0].KeyID()) || !strings.Contains(ids, d.Signatures[1].KeyID()) {
					t.Errorf("%s: keys %s and %s", name, d.Signatures[0].KeyID(), d.Signatures[1].KeyID())
				}
			}
		})
	}
}

func TestChains(t *testing.T) {
	t.Parallel()
	source := fixtures.New("chains")
	key, stranger := source.Key(fixtures.ES384), source.Key(fixtures.ES384)
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(key.Root)
	others.AddCert(stranger.Root)
	m := source.Signed("a/b", "latest", []fixtures.Key{key})
	first := func(m fixtures.SignedManifest) *jws.Signature {
		d, err := jws.Parse(m.Content)
		if err != nil {
			t.Fatal(err)
		}
		return &d.Signatures[0]
	}
	chained := first(m.ResignWithChain(key))
	if err := chained.VerifyChain(roots); err != nil {
		t.Error(err)
	}
	if err := chained.VerifyChain(others); !errors.Is(err, jws.ErrChain) {
		t.Errorf("a root of others: %v", err)
	}
	chained.Chain = chained.Chain[:1]
	if err := chained.VerifyChain(roots); !errors.Is(err, jws.ErrChain) {
		t.Errorf("without what is between: %v", err)
	}
	if err := first(m).VerifyChain(roots); !errors.Is(err, jws.ErrChain) {
		t.Errorf("no certificates: %v", err)
	}
}

// edit changes the fields of a signature object.
func edit(t *testing.T, raw []byte, change func(header, all map[string]any)) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	change(all["header"].(map[string]any), all)
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func protect(format string, args ...any) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, format, args...))
}

// ended returns a document with another end than its brace.
func ended(document []byte, end string) []byte {
	return fmt.Appendf(nil, "%s%s", bytes.TrimSuffix(document, []byte("\n}")), end)
}

// TestWhatIsWrong demands of each defect the error that says so.
func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	source := fixtures.New("wrong")
	key, stranger := source.Key(fixtures.ES256), source.Key(fixtures.ES256)
	longKey := source.Key(fixtures.ES384)
	m := source.Signed("a/b", "latest", []fixtures.Key{key})
	length := len(m.Payload) - 2
	signature := func(change func(header, all map[string]any)) []byte {
		return m.WithSignatures(edit(t, m.Signatures[0], change)).Content
	}
	jwk := func(change func(jwk map[string]any)) []byte {
		return signature(func(h, _ map[string]any) { change(h["jwk"].(map[string]any)) })
	}
	protected := func(text string) []byte {
		return signature(func(_, all map[string]any) { all["protected"] = text })
	}
	foreignJWK := func(other fixtures.Key) []byte {
		return signature(func(h, _ map[string]any) {
			var theirs struct{ Header map[string]any }
			if err := json.Unmarshal(m.Resign(other).Signatures[0], &theirs); err != nil {
				t.Fatal(err)
			}
			h["jwk"] = theirs.Header["jwk"]
		})
	}
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"payload":           {bytes.Replace(m.Content, []byte("amd64"), []byte("arm64"), 1), jws.ErrSignature},
		"protected time":    {protected(protect(`{"formatLength":%d,"formatTail":"Cn0","time":"1970-01-01T00:00:01Z"}`, length)), jws.ErrSignature},
		"protected spelled": {protected(protect(`{"formatLength":%d, "formatTail":"Cn0"}`, length)), jws.ErrSignature},
		"value":             {signature(func(_, all map[string]any) { all["signature"] = "A" + all["signature"].(string)[1:] }), jws.ErrSignature},
		"value cut":         {signature(func(_, all map[string]any) { all["signature"] = all["signature"].(string)[4:] }), jws.ErrSignature},
		"value not base64":  {signature(func(_, all map[string]any) { all["signature"] = "%" }), jws.ErrForm},
		"key":               {foreignJWK(stranger), jws.ErrSignature},
		"kid":               {jwk(func(k map[string]any) { k["kid"] = stranger.ID() }), jws.ErrKey},
		"point":             {jwk(func(k map[string]any) { k["x"] = k["y"] }), jws.ErrKey},
		"coordinate cut":    {jwk(func(k map[string]any) { k["x"] = k["x"].(string)[4:] }), jws.ErrKey},
		"curve":             {jwk(func(k map[string]any) { k["crv"] = "P-224" }), jws.ErrKey},
		"kty":               {jwk(func(k map[string]any) { k["kty"] = "oct" }), jws.ErrKey},
		"no key":            {signature(func(h, _ map[string]any) { delete(h, "jwk") }), jws.ErrKey},
		"no certificate":    {signature(func(h, _ map[string]any) { h["x5c"] = []string{"AAAA"} }), jws.ErrKey},
		"key of a curve":    {foreignJWK(longKey), jws.ErrAlgorithm},
		"alg of RSA":        {signature(func(h, _ map[string]any) { h["alg"] = "RS256" }), jws.ErrAlgorithm},
		"alg of none":       {signature(func(h, _ map[string]any) { h["alg"] = "none" }), jws.ErrAlgorithm},
		"alg of a curve":    {signature(func(h, _ map[string]any) { h["alg"] = "ES512" }), jws.ErrAlgorithm},
		"length greater":    {protected(protect(`{"formatLength":%d,"formatTail":"Cn0"}`, length+1)), jws.ErrForm},
		"length huge":       {protected(protect(`{"formatLength":%d,"formatTail":"Cn0"}`, 1<<40)), jws.ErrForm},
		"length less":       {protected(protect(`{"formatLength":%d,"formatTail":"Cn0"}`, length-1)), jws.ErrUnprotected},
		"length negative":   {protected(protect(`{"formatLength":-1,"formatTail":"Cn0"}`)), jws.ErrUnprotected},
		"no length":         {protected(protect(`{"formatTail":"Cn0"}`)), jws.ErrForm},
		"tail with a field": {protected(protect(`{"formatLength":%d,"formatTail":%q}`, length, protect(`,"a":1}`))), jws.ErrUnprotected},
		"time":              {protected(protect(`{"formatLength":%d,"formatTail":"Cn0","time":"now"}`, length)), jws.ErrForm},
		"not protected":     {protected(""), jws.ErrForm},
		"extra before":      {bytes.Replace(m.Content, []byte(`,`+"\n   \"signatures\""), []byte(`, "a": 1,`+"\n   \"signatures\""), 1), jws.ErrUnprotected},
		"extra behind":      {ended(m.Content, `, "a": 1}`), jws.ErrUnprotected},
		"more follows":      {append(bytes.Clone(m.Content), '1'), jws.ErrForm},
		"signatures twice":  {ended(m.Content, `, "signatures": []}`), jws.ErrUnprotected},
		"empty":             {ended(m.Payload, `, "signatures": []}`), jws.ErrUnsigned},
		"null":              {ended(m.Payload, `, "signatures": null}`), jws.ErrUnsigned},
		"unsigned":          {m.Payload, jws.ErrUnsigned},
		"list of numbers":   {ended(m.Payload, `, "signatures": [1]}`), jws.ErrForm},
		"cut":               {m.Content[:len(m.Content)-1], jws.ErrForm},
		"no object":         {[]byte("[]"), jws.ErrForm},
		"nothing":           {nil, jws.ErrForm},
		"two payloads": {m.WithSignatures(m.Signatures[0], edit(t, m.Signatures[0], func(_, all map[string]any) {
			all["protected"] = protect(`{"formatLength":%d,"formatTail":"fQ"}`, length)
		})).Content, jws.ErrForm},
	} {
		if err := check(c.content); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestWhiteSpace demands that nothing depends on how the list is laid out.
func TestWhiteSpace(t *testing.T) {
	t.Parallel()
	source := fixtures.New("space")
	m := source.Signed("a/b", "latest", []fixtures.Key{source.Key(fixtures.ES256)})
	head := m.Payload[:len(m.Payload)-2]
	for _, content := range []string{
		fmt.Sprintf(`%s,"signatures":[%s]}`, head, m.Signatures[0]),
		fmt.Sprintf("%s \n ,\t\"signatures\" :\r\n[ %s ] } \n", head, m.Signatures[0]),
	} {
		if err := check([]byte(content)); err != nil {
			t.Errorf("%v:\n%s", err, content)
		}
	}
}
