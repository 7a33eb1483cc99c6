package quirk

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// A pretty is a manifest with a list of signatures, right or not. What is none
// has no fields.
type pretty struct {
	mediaType string // of the request
	raw       []byte
	fields    map[string]json.RawMessage
	list      []json.RawMessage
	end       int // of what stands before the signatures
}

func readPretty(raw []byte) pretty {
	p := pretty{raw: raw, end: len(raw)}
	if json.Unmarshal(raw, &p.fields) != nil {
		p.fields = nil
	}
	_ = json.Unmarshal(p.fields["signatures"], &p.list)
	if at := bytes.Index(raw, []byte(`"signatures"`)); at >= 0 {
		p.end = len(bytes.TrimRight(raw[:at], " \t\r\n,"))
	}
	return p
}

// body matches requests whose body is such a manifest; others are left as they
// are, too.
func body(m func(pretty) bool) match {
	return func(r *http.Request) bool {
		p := readPretty(bodyOf(r))
		p.mediaType = r.Header.Get("Content-Type")
		return p.fields != nil && m(p)
	}
}

// bodyOf returns the body of r, which can be read once more.
func bodyOf(r *http.Request) []byte {
	if r.Body == nil {
		return nil
	}
	if kept, ok := r.Body.(*keptBody); ok {
		return kept.all
	}
	all := readBody(r)
	r.Body = &keptBody{bytes.NewReader(all), all}
	return all
}

// A keptBody is a body that was read before.
type keptBody struct {
	*bytes.Reader
	all []byte
}

// Close implements [io.Closer].
func (*keptBody) Close() error { return nil }

func (p pretty) signed() bool { return len(p.list) > 0 }

func (p pretty) text(field string) string {
	var s string
	_ = json.Unmarshal(p.fields[field], &s)
	return s
}

func (p pretty) count(field string) int {
	var l []any
	_ = json.Unmarshal(p.fields[field], &l)
	return len(l)
}

// payload is what stands before the signatures, closed.
func (p pretty) payload() []byte { return append(bytes.Clone(p.raw[:p.end]), "\n}"...) }

// ownDigest returns the digest of a manifest, which is that of its payload if it
// is signed, by the algorithm that want names.
func ownDigest(want string, b []byte) string {
	if p := readPretty(b); p.signed() {
		b = p.payload()
	}
	return digestOf(want, b)
}

// with returns the manifest with other signatures.
func (p pretty) with(list []json.RawMessage) []byte {
	out := append(bytes.Clone(p.raw[:p.end]), ",\n   \"signatures\": "...)
	return append(append(out, marshal(list)...), "\n}"...)
}

// first is the first signature.
func (p pretty) first() *signature {
	if !p.signed() {
		return &signature{}
	}
	return readSignature(p.list[0])
}

// length is the protected length of the first signature.
func (p pretty) length() int {
	var header struct{ FormatLength int }
	encoded, _ := p.first().all["protected"].(string)
	b, _ := base64.RawURLEncoding.DecodeString(encoded)
	_ = json.Unmarshal(b, &header)
	return header.FormatLength
}

// protects tells whether the protected length ends where a field does.
func (p pretty) protects() bool {
	n := p.length()
	return p.signed() && n > 0 && n < len(p.raw) && p.raw[n] == ','
}

func (p pretty) rsa() bool {
	algorithm, _ := p.first().header["alg"].(string)
	return strings.HasPrefix(algorithm, "RS") && !p.keyless() && p.first().algorithm() == algorithm
}

func (p pretty) chained() bool { return p.first().header["x5c"] != nil }

func (p pretty) keyless() bool {
	kind := p.first().jwk["kty"]
	return p.signed() && !p.chained() && kind != "EC" && kind != "RSA"
}

// whole tells whether nothing but the signatures themselves can be wrong.
func (p pretty) whole() bool {
	s := p.first()
	_, behind, _ := bytes.Cut(p.raw, p.fields["signatures"])
	return p.protects() && p.length() == p.end && string(bytes.TrimSpace(behind)) == "}" &&
		!p.keyless() && s.header["alg"] == s.algorithm()
}

// mistyped tells whether the media type of the request is of another schema
// than the body.
func (p pretty) mistyped() bool {
	return p.mediaType == typeSigned && p.fields["config"] != nil || p.mediaType != typeSigned && p.mediaType != typeUnsigned && p.mediaType != "application/json" && p.fields["fsLayers"] != nil
}

// A signature is one of the list, whose fields can be changed.
type signature struct{ all, header, jwk map[string]any }

func readSignature(raw []byte) *signature {
	s := &signature{}
	_ = json.Unmarshal(raw, &s.all)
	s.header, _ = s.all["header"].(map[string]any)
	s.jwk, _ = s.header["jwk"].(map[string]any)
	return s
}

// algorithm returns the one that belongs to the key; what can't be told stays.
func (s *signature) algorithm() any {
	switch s.jwk["crv"] {
	case "P-256":
		return "ES256"
	case "P-384":
		return "ES384"
	case "P-521":
		return "ES512"
	}
	return s.header["alg"]
}

// editSignatures changes the signatures in requests.
func editSignatures(m match, change func(*signature)) wrap {
	return requests(and(m, body(pretty.signed)), func(r *http.Request) {
		p := readPretty(readBody(r))
		list := p.fields["signatures"]
		for i, raw := range p.list {
			if s := readSignature(raw); s.header != nil {
				change(s)
				p.list[i] = marshal(s.all)
			}
		}
		setRequestBody(r, bytes.Replace(p.raw, list, marshal(p.list), 1))
	})
}

func breakSignature(b []byte) []byte {
	p := readPretty(b)
	s := p.first()
	value, _ := s.all["signature"].(string)
	if value == "" {
		return b
	}
	letter := "A"
	if value[0] == 'A' {
		letter = "B"
	}
	s.all["signature"] = letter + value[1:]
	return p.with(append([]json.RawMessage{marshal(s.all)}, p.list[1:]...))
}

// signedAnew replaces the signatures by one of a key that is always the same.
func signedAnew(b []byte) []byte {
	p := readPretty(b)
	scalar := sha256.Sum256([]byte("a registry's own key"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		return b
	}
	encode := base64.RawURLEncoding.EncodeToString
	protected := encode(marshal(map[string]any{"formatLength": p.end, "formatTail": encode([]byte("\n}")), "time": "2020-01-01T00:00:00Z"}))
	sum := sha256.Sum256([]byte(protected + "." + encode(p.payload())))
	one, two, err := ecdsa.Sign(rand.Reader, key, sum[:])
	point, pointErr := key.PublicKey.Bytes()
	if err != nil || pointErr != nil {
		return b
	}
	value := append(one.FillBytes(make([]byte, 32)), two.FillBytes(make([]byte, 32))...)
	jwk := map[string]string{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
	return p.with([]json.RawMessage{marshal(map[string]any{
		"header": map[string]any{"jwk": jwk, "alg": "ES256"}, "signature": encode(value), "protected": protected,
	})})
}
