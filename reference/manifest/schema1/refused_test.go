package schema1_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/registry"
)

// broken returns documents that are to be refused, by what is wrong with them.
func broken(t testing.TB, a fixtures.Algorithm) map[string]struct {
	content string
	want    error
} {
	t.Helper()
	s := fixtures.New("broken").Child(string(a))
	k, other := s.Key(a), s.Key(a)
	x := s.Signed("a/b", "latest", []fixtures.Key{k})
	good, foreign := string(x.Content), string(x.Resign(other).Signatures[0])
	unrelated := s.Signed("a/b", "latest", []fixtures.Key{k})
	replace := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in\n%s", old, good)
		}
		return strings.Replace(good, old, with, 1)
	}
	with := func(signatures ...string) string {
		var raw [][]byte
		for _, s := range signatures {
			raw = append(raw, []byte(s))
		}
		return string(x.WithSignatures(raw...).Content)
	}
	edit := func(f func(e, header map[string]any)) string {
		var c map[string]any
		must(t, json.Unmarshal(x.Signatures[0], &c))
		f(c, c["header"].(map[string]any))
		b, err := json.Marshal(c)
		must(t, err)
		return with(string(b))
	}
	protect := func(format string, args ...any) string {
		return edit(func(e, _ map[string]any) {
			e["protected"] = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, format, args...))
		})
	}
	var f struct{ Header json.RawMessage }
	must(t, json.Unmarshal([]byte(foreign), &f))
	length := len(x.Payload) - 2
	tail := base64.RawURLEncoding.EncodeToString([]byte("\n}"))
	return map[string]struct {
		content string
		want    error
	}{
		"tampered payload":           {replace(`"tag": "latest"`, `"tag": "lAtest"`), schema1.ErrSignature},
		"S-182 encoded anew":         {compacted(t, good), schema1.ErrUnprotected},
		"signature of another":       {with(string(unrelated.Signatures[0])), schema1.ErrSignature},
		"key of another":             {edit(func(e, _ map[string]any) { e["header"] = f.Header }), schema1.ErrSignature},
		"short signature":            {edit(func(e, _ map[string]any) { e["signature"] = "AAAA" }), schema1.ErrSignature},
		"no signature value":         {edit(func(e, _ map[string]any) { delete(e, "signature") }), schema1.ErrSignature},
		"one of two is wrong":        {with(foreign, string(unrelated.Signatures[0])), schema1.ErrSignature},
		"time changed":               {protect(`{"formatLength":%d,"formatTail":%q,"time":"2001-01-01T00:00:00Z"}`, length, tail), schema1.ErrSignature},
		"tail changed":               {protect(`{"formatLength":%d,"formatTail":"fQ"}`, length), schema1.ErrSignature},
		"signature with padding":     {edit(func(e, _ map[string]any) { e["signature"] = e["signature"].(string) + "=" }), schema1.ErrMalformed},
		"signature with a line":      {edit(func(e, _ map[string]any) { e["signature"] = "\n" + e["signature"].(string) }), schema1.ErrMalformed},
		"no protected header":        {edit(func(e, _ map[string]any) { delete(e, "protected") }), schema1.ErrMalformed},
		"protected is no JSON":       {protect("{"), schema1.ErrMalformed},
		"no length":                  {protect(`{"formatTail":%q}`, tail), schema1.ErrMalformed},
		"no tail":                    {protect(`{"formatLength":%d}`, length), schema1.ErrMalformed},
		"negative length":            {protect(`{"formatLength":-3,"formatTail":%q}`, tail), schema1.ErrMalformed},
		"zero length":                {protect(`{"formatLength":0,"formatTail":%q}`, tail), schema1.ErrMalformed},
		"length with a fraction":     {protect(`{"formatLength":%d.5,"formatTail":%q}`, length, tail), schema1.ErrMalformed},
		"length beyond the document": {protect(`{"formatLength":1000000000,"formatTail":%q}`, tail), schema1.ErrMalformed},
		"length too small":           {protect(`{"formatLength":%d,"formatTail":%q}`, length-1, tail), schema1.ErrUnprotected},
		"length too great":           {protect(`{"formatLength":%d,"formatTail":%q}`, length+1, tail), schema1.ErrUnprotected},
		"tail with a field":          {protect(`{"formatLength":%d,"formatTail":%q}`, length, base64.RawURLEncoding.EncodeToString([]byte(`,"name":"evil"}`))), schema1.ErrUnprotected},
		"K-71 field before the list": {replace(",\n   \"signatures\"", ",\n   \"name\": \"evil\",\n   \"signatures\""), schema1.ErrUnprotected},
		"K-71 field after the list":  {strings.TrimSuffix(good, "\n}") + `,"more":1}`, schema1.ErrUnprotected},
		"conflicting signatures":     {with(string(x.Signatures[0]), string(shifted(t, x, length))), schema1.ErrConflict},
		"no key":                     {edit(func(_, h map[string]any) { delete(h, "jwk") }), schema1.ErrKey},
		"null key":                   {edit(func(_, h map[string]any) { h["jwk"] = nil }), schema1.ErrKey},
		"key of an unknown kind":     {edit(func(_, h map[string]any) { h["jwk"].(map[string]any)["kty"] = "oct" }), schema1.ErrKey},
		"wrong key id":               {edit(func(_, h map[string]any) { h["jwk"].(map[string]any)["kid"] = "AAAA" }), schema1.ErrKey},
		"private key":                {edit(func(_, h map[string]any) { h["jwk"].(map[string]any)["d"] = "AAAA" }), schema1.ErrKey},
		"algorithm none":             {edit(func(_, h map[string]any) { h["alg"] = "none" }), schema1.ErrAlgorithm},
		"algorithm of another kind":  {edit(func(_, h map[string]any) { h["alg"] = "HS256" }), schema1.ErrAlgorithm},
		"chain is no certificate":    {edit(func(_, h map[string]any) { h["x5c"] = []string{"AAAA"} }), schema1.ErrChain},
		"chain is no base64":         {edit(func(_, h map[string]any) { h["x5c"] = []string{"*"} }), schema1.ErrChain},
		"chain too long":             {edit(func(_, h map[string]any) { h["x5c"] = make([]string, 100) }), schema1.ErrTooMany},
		"signature is a string":      {with(`"x"`), schema1.ErrMalformed},
		"signature is null":          {with(`null`), schema1.ErrMalformed},
		"list is an object":          {strings.TrimSuffix(string(x.Payload), "\n}") + `,"signatures":{}}`, schema1.ErrMalformed},
		"too many":                   {with(strings.Split(strings.Repeat(string(x.Signatures[0])+"\n", 65)[:65*len(x.Signatures[0])+64], "\n")...), schema1.ErrTooMany},
		"K-03 empty list":            {strings.TrimSuffix(string(x.Payload), "\n}") + `,"signatures":[]}`, schema1.ErrUnsigned},
		"null list":                  {strings.TrimSuffix(string(x.Payload), "\n}") + `,"signatures":null}`, schema1.ErrUnsigned},
		"K-01 no list":               {string(x.Payload), schema1.ErrUnsigned},
	}
}

// compacted returns a document without white space.
func compacted(t testing.TB, document string) string {
	t.Helper()
	var out bytes.Buffer
	must(t, json.Compact(&out, []byte(document)))
	return out.String()
}

// shifted returns a signature whose protected length is another one.
func shifted(t testing.TB, x fixtures.SignedManifest, length int) []byte {
	t.Helper()
	var e map[string]any
	must(t, json.Unmarshal(x.Signatures[0], &e))
	e["protected"] = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"formatLength":%d,"formatTail":"Cn0"}`, length-7))
	b, err := json.Marshal(e)
	must(t, err)
	return b
}

// Whatever is wrong with signatures is told by type, for every algorithm
// alike, and as one code (K-01, K-02, K-03, K-71; S-184, S-281, S-282, S-283).
func TestRefusedSignatures(t *testing.T) {
	t.Parallel()
	for _, a := range fixtures.Algorithms() {
		for what, c := range broken(t, a) {
			t.Run(string(a)+"/"+what, func(t *testing.T) {
				t.Parallel()
				m, err := schema1.Parse([]byte(c.content))
				if err == nil {
					_, err = schema1.Verify(m)
					if checked := m.Check(name(t, "a/b"), nil); !errors.Is(checked, registry.ErrManifestUnverified) || !errors.Is(checked, c.want) {
						t.Errorf("check: %v", checked)
					}
				} else if !errors.Is(err, registry.ErrManifestUnverified) {
					t.Errorf("parse: %v", err)
				}
				if !errors.Is(err, c.want) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
				var which *schema1.SignatureError
				if errors.Is(err, schema1.ErrSignature) && (!errors.As(err, &which) || which.Algorithm != string(a)) {
					t.Errorf("got %#v", err)
				}
			})
		}
	}
}

// libtrust's own parser ends the process on some keys; ours must not.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	es, rs := signed(t, fixtures.ES256), signed(t, fixtures.RS256)
	off := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	for what, jwk := range map[string]string{
		"exponent too long":  `{"kty":"RSA","n":"` + off + `","e":"AQABAQABAQAB"}`,
		"exponent zero":      `{"kty":"RSA","n":"` + strings.Repeat("AQEB", 64) + `","e":"AA"}`,
		"exponent even":      `{"kty":"RSA","n":"` + strings.Repeat("AQEB", 64) + `","e":"BA"}`,
		"exponent missing":   `{"kty":"RSA","n":"` + strings.Repeat("AQEB", 64) + `"}`,
		"modulus small":      `{"kty":"RSA","n":"` + off + `","e":"AQAB"}`,
		"modulus huge":       `{"kty":"RSA","n":"` + strings.Repeat("AQEB", 1<<18) + `","e":"AQAB"}`,
		"point off curve":    `{"kty":"EC","crv":"P-256","x":"` + off + `","y":"` + off + `"}`,
		"coordinate short":   `{"kty":"EC","crv":"P-256","x":"AQ","y":"` + off + `"}`,
		"curve unknown":      `{"kty":"EC","crv":"P-224","x":"` + off + `","y":"` + off + `"}`,
		"not an object":      `[]`,
		"fields of any kind": `{"kty":1}`,
	} {
		for _, x := range []fixtures.SignedManifest{es, rs} {
			var e map[string]any
			must(t, json.Unmarshal(x.Signatures[0], &e))
			e["header"].(map[string]any)["jwk"] = json.RawMessage(jwk)
			b, err := json.Marshal(e)
			must(t, err)
			if _, err := schema1.Parse(x.WithSignatures(b).Content); !errors.Is(err, schema1.ErrKey) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}
