package schema1

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker/libtrust"
)

// maxSignatures is the greatest number of signatures of one document.
const maxSignatures = 64

// space is the white space of JSON (RFC 8259 §2).
const space = " \t\r\n"

// A signature is one entry of the list, read but not verified.
type signature struct {
	key       libtrust.PublicKey // that of the first certificate, if there are any
	chain     []*x509.Certificate
	algorithm string
	value     []byte
	protected string // base64url, as it is signed
	length    int    // of the payload's head
	tail      []byte // what follows the head in the payload
}

// An entry is the JSON of a signature.
type entry struct {
	Header    header `json:"header"`
	Signature string `json:"signature"`
	Protected string `json:"protected"`
}

type header struct {
	JWK       json.RawMessage `json:"jwk,omitempty"`
	Algorithm string          `json:"alg"`
	Chain     []string        `json:"x5c,omitempty"`
}

// A protected is the JSON of the header that is signed.
type protected struct {
	Length *int    `json:"formatLength"`
	Tail   *string `json:"formatTail"`
	Time   string  `json:"time,omitempty"`
}

// parseSignature reads one entry.
func parseSignature(raw []byte) (signature, error) {
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return signature{}, fmt.Errorf("%w: it is not an object of the right fields", ErrMalformed)
	}
	s := signature{algorithm: e.Header.Algorithm, protected: e.Protected}
	err := s.parseProtected()
	if err != nil {
		return s, err
	}
	if s.value, err = decode(encoding, e.Signature); err != nil {
		return s, fmt.Errorf("%w: its value is not base64url", ErrMalformed)
	}
	if s.chain, err = parseChain(e.Header.Chain); err != nil {
		return s, err
	}
	switch jwk := e.Header.JWK; {
	case len(s.chain) > 0:
		s.key, err = usable(s.chain[0].PublicKey)
	case len(jwk) > 0 && string(jwk) != "null":
		s.key, err = parseJWK(jwk)
	default:
		err = fmt.Errorf("%w: there is none", ErrKey)
	}
	return s, err
}

func (s *signature) parseProtected() error {
	raw, err := decode(encoding, s.protected)
	if err != nil {
		return fmt.Errorf("%w: the protected header is not base64url", ErrMalformed)
	}
	var p protected
	if err := json.Unmarshal(raw, &p); err != nil || p.Length == nil || p.Tail == nil {
		return fmt.Errorf("%w: the protected header lacks formatLength or formatTail", ErrMalformed)
	}
	if s.length = *p.Length; s.length <= 0 {
		return fmt.Errorf("%w: formatLength is %d", ErrMalformed, s.length)
	}
	if s.tail, err = decode(encoding, *p.Tail); err != nil {
		return fmt.Errorf("%w: formatTail is not base64url", ErrMalformed)
	}
	if strings.Trim(string(s.tail), space) != "}" {
		return fmt.Errorf("%w: formatTail is more than the end of the object", ErrUnprotected)
	}
	return nil
}

// verify checks the signature against the payload.
func (s *signature) verify(payload []byte) error {
	if !slices.Contains(algorithmsOf(s.key), s.algorithm) {
		return fmt.Errorf("%w: a key of type %s", ErrAlgorithm, s.key.KeyType())
	}
	if err := s.key.Verify(signingInput(s.protected, payload), s.algorithm, s.value); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// signingInput returns what is signed (RFC 7515 §5.1).
func signingInput(protected string, payload []byte) io.Reader {
	input := make([]byte, 0, len(protected)+1+encoding.EncodedLen(len(payload)))
	input = append(append(input, protected...), '.')
	return bytes.NewReader(encoding.AppendEncode(input, payload))
}

// algorithmsOf returns the algorithms that a key can sign with.
func algorithmsOf(key libtrust.PublicKey) []string {
	if key.KeyType() == "RSA" {
		return []string{"RS256", "RS384", "RS512"}
	}
	curve, ok := key.(interface{ CurveName() string })
	if !ok {
		return nil
	}
	switch curve.CurveName() {
	case "P-256":
		return []string{"ES256"}
	case "P-384":
		return []string{"ES384"}
	case "P-521":
		return []string{"ES512"}
	}
	return nil
}

// encode returns the entry, with the key or the chain, in one spelling.
func (s *signature) encode() json.RawMessage {
	e := entry{Header: header{Algorithm: s.algorithm}, Signature: encoding.EncodeToString(s.value), Protected: s.protected}
	for _, certificate := range s.chain {
		e.Header.Chain = append(e.Header.Chain, base64.StdEncoding.EncodeToString(certificate.Raw))
	}
	if len(s.chain) == 0 {
		// A key of libtrust is a map of strings.
		e.Header.JWK, _ = json.Marshal(s.key)
	}
	out, _ := json.Marshal(e)
	return out
}

// sorted orders the signatures by key and value, and drops what is there
// twice, so that two stores with the same signatures serve the same bytes.
func sorted(all []signature) []signature {
	order := func(a, b signature) int {
		return cmp.Or(
			strings.Compare(a.key.KeyID(), b.key.KeyID()),
			bytes.Compare(a.value, b.value),
			strings.Compare(a.protected, b.protected),
			len(a.chain)-len(b.chain),
		)
	}
	all = slices.Clone(all)
	slices.SortFunc(all, order)
	return slices.CompactFunc(all, func(a, b signature) bool { return bytes.Equal(a.encode(), b.encode()) })
}

// split finds the end of the payload's head: what follows is white space and
// the brace that ends the object.
func split(payload []byte) (head, tail []byte, err error) {
	object, ok := bytes.CutSuffix(bytes.TrimRight(payload, space), []byte("}"))
	if !ok || !json.Valid(payload) {
		return nil, nil, fmt.Errorf("%w: the payload is not a JSON object", ErrMalformed)
	}
	head = bytes.TrimRight(object, space)
	return head, payload[len(head):], nil
}

// pretty joins payload and signatures: the payload's head, then the list as
// its last field, indented as the payload is.
func pretty(payload []byte, signatures []signature) ([]byte, error) {
	head, _, err := split(payload)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	for _, s := range signatures {
		list = append(list, s.encode())
	}
	out := append(bytes.Clone(head), ',')
	indent := indentOf(payload)
	if indent == "" {
		encoded, _ := json.Marshal(list)
		return append(append(append(out, `"signatures":`...), encoded...), '}'), nil
	}
	encoded, _ := json.MarshalIndent(list, indent, indent)
	out = append(append(out, "\n"+indent+`"signatures": `...), encoded...)
	return append(out, "\n}"...), nil
}

// maxIndent is the longest indent that signatures take over. It stands in
// each of their lines several times, and a payload can be white space for the
// most part.
const maxIndent = 32

// indentOf returns the white space before the first field of an object that
// has it on a line of its own, or "" if that is too long.
func indentOf(payload []byte) string {
	rest, ok := bytes.CutPrefix(payload, []byte("{\n"))
	if !ok {
		return ""
	}
	indent := rest[:len(rest)-len(bytes.TrimLeft(rest, space))]
	if len(indent) > maxIndent {
		return ""
	}
	return string(indent)
}

// unpretty takes a document apart, given its list of signatures. All of the
// document must be either payload or the list.
func unpretty(content []byte, list json.RawMessage) ([]byte, []signature, error) {
	var raws []json.RawMessage
	if err := json.Unmarshal(list, &raws); err != nil {
		return nil, nil, fmt.Errorf("%w: signatures is not a list", ErrMalformed)
	}
	switch {
	case len(raws) == 0:
		return nil, nil, ErrUnsigned
	case len(raws) > maxSignatures:
		return nil, nil, fmt.Errorf("%w: %d signatures", ErrTooMany, len(raws))
	}
	var all []signature
	for i, raw := range raws {
		s, err := parseSignature(raw)
		if err == nil && i > 0 && (s.length != all[0].length || !bytes.Equal(s.tail, all[0].tail)) {
			err = ErrConflict
		}
		if err != nil {
			return nil, nil, &SignatureError{Index: i, Algorithm: s.algorithm, Err: err}
		}
		all = append(all, s)
	}
	payload, err := protectedPayload(content, list, all[0].length, all[0].tail)
	return payload, all, err
}

// protectedPayload puts the payload together, and refuses a document that has
// more between the head and the end than the list.
func protectedPayload(content, list []byte, length int, tail []byte) ([]byte, error) {
	if length > len(content) {
		return nil, fmt.Errorf("%w: formatLength is %d, the document has %d bytes", ErrMalformed, length, len(content))
	}
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(content[length:], space), []byte(","))
	if ok {
		rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, space), []byte(`"signatures"`))
	}
	if ok {
		rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, space), []byte(":"))
	}
	if ok {
		rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, space), bytes.Trim(list, space))
	}
	if !ok || string(bytes.Trim(rest, space)) != "}" {
		return nil, ErrUnprotected
	}
	payload := slices.Concat(content[:length], tail)
	if head, _, err := split(payload); err != nil {
		return nil, err
	} else if len(head) != length {
		return nil, fmt.Errorf("%w: formatLength is not the end of the last field", ErrMalformed)
	}
	return payload, nil
}
