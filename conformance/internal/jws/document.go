package jws

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What can be wrong with a document, tested for with [errors.Is].
var (
	// ErrUnsigned: there is no signature.
	ErrUnsigned = errors.New("no signature")
	// ErrForm: the document or a signature can't be read.
	ErrForm = errors.New("malformed")
	// ErrUnprotected: there is content that no signature protects.
	ErrUnprotected = errors.New("content outside the protected length")
	// ErrKey: a signature has no key, or one that can't be used.
	ErrKey = errors.New("no usable key")
	// ErrAlgorithm: the algorithm isn't one of the key.
	ErrAlgorithm = errors.New("not an algorithm of the key")
	// ErrSignature: the signature isn't one of the payload by the key.
	ErrSignature = errors.New("wrong signature")
	// ErrChain: the certificates don't lead from the key to a root.
	ErrChain = errors.New("no valid chain of certificates")
)

// A Document is a signed manifest, taken apart.
type Document struct {
	// Payload is what all signatures protect.
	Payload []byte
	// Signatures are in the order of the document; there is at least one.
	Signatures []Signature
}

// A Signature is one signature of a document.
type Signature struct {
	// Algorithm is what the signature claims, such as ES256.
	Algorithm string
	// Chain are the certificates that came with it, that of the key first.
	Chain []*x509.Certificate
	// Time is what the signer claims; zero if nothing.
	Time time.Time
	// Raw is the JSON object without white space.
	Raw []byte

	key       any // *ecdsa.PublicKey or *rsa.PublicKey
	value     []byte
	protected string
}

// encoding is base64url without padding (RFC 7515 §2).
var encoding = base64.RawURLEncoding.Strict()

// Parse takes a document apart. All of it must be the payload or the list of
// signatures. Signatures are read, not checked: see [Document.Verify]. The
// errors wrap one of those above.
func Parse(content []byte) (*Document, error) {
	end, list, err := locate(content)
	if err != nil {
		return nil, err
	}
	d := &Document{}
	for i, raw := range list {
		s, payload, err := parseSignature(raw, content, end)
		if err != nil {
			return nil, fmt.Errorf("signature %d: %w", i, err)
		}
		if i > 0 && !bytes.Equal(payload, d.Payload) {
			return nil, fmt.Errorf("signature %d: %w: it protects another payload than the first", i, ErrForm)
		}
		d.Payload, d.Signatures = payload, append(d.Signatures, s)
	}
	return d, nil
}

// locate finds where the payload must end, which is the end of the member
// before the signatures, and the entries of the list.
func locate(content []byte) (end int, list []json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(content))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return 0, nil, fmt.Errorf("%w: not a JSON object", ErrForm)
	}
	found := false
	for last := int(d.InputOffset()); d.More(); last = int(d.InputOffset()) {
		name, err := d.Token()
		if err != nil {
			return 0, nil, fmt.Errorf("%w: %w", ErrForm, err)
		}
		if found {
			return 0, nil, fmt.Errorf("%w: the member %.60q follows the signatures", ErrUnprotected, name)
		}
		var value any = &json.RawMessage{}
		if found = name == "signatures"; found {
			end, value = last, &list
		}
		if err := d.Decode(value); err != nil {
			return 0, nil, fmt.Errorf("%w: the member %.60q: %w", ErrForm, name, err)
		}
	}
	if _, err := d.Token(); err != nil || len(bytes.TrimSpace(content[d.InputOffset():])) > 0 {
		return 0, nil, fmt.Errorf("%w: the object has no end, or more follows it", ErrForm)
	}
	if len(list) == 0 {
		return 0, nil, ErrUnsigned
	}
	return end, list, nil
}

// parseSignature reads an entry, and puts together the payload that it
// protects, which must end where the last member before the signatures does.
func parseSignature(raw json.RawMessage, content []byte, end int) (s Signature, payload []byte, err error) {
	var entry struct {
		Header struct {
			JWK       json.RawMessage `json:"jwk"`
			Chain     []string        `json:"x5c"`
			Algorithm string          `json:"alg"`
		} `json:"header"`
		Signature string `json:"signature"`
		Protected string `json:"protected"`
	}
	if err := json.Unmarshal(raw, &entry); err != nil {
		return s, nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	s.Algorithm, s.protected = entry.Header.Algorithm, entry.Protected
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return s, nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	s.Raw = compact.Bytes()
	length, tail, err := s.readProtected()
	if err != nil {
		return s, nil, err
	}
	switch {
	case length > end:
		return s, nil, fmt.Errorf("%w: formatLength is %d, the payload has %d bytes before its end", ErrForm, length, end)
	case length < end:
		return s, nil, fmt.Errorf("%w: formatLength is %d, and members follow up to %d", ErrUnprotected, length, end)
	case strings.TrimSpace(tail) != "}":
		return s, nil, fmt.Errorf("%w: formatTail is %.60q", ErrUnprotected, tail)
	}
	if s.value, err = decode(entry.Signature); err != nil {
		return s, nil, fmt.Errorf("%w: the value: %w", ErrForm, err)
	}
	if s.key, s.Chain, err = readKey(entry.Header.JWK, entry.Header.Chain); err != nil {
		return s, nil, err
	}
	return s, append(bytes.Clone(content[:length]), tail...), nil
}

// readProtected reads the protected header.
func (s *Signature) readProtected() (length int, tail string, err error) {
	raw, err := decode(s.protected)
	if err != nil {
		return 0, "", fmt.Errorf("%w: the protected header: %w", ErrForm, err)
	}
	var header struct {
		Length *int    `json:"formatLength"`
		Tail   *string `json:"formatTail"`
		Time   *string `json:"time"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		return 0, "", fmt.Errorf("%w: the protected header: %w", ErrForm, err)
	}
	if header.Length == nil || header.Tail == nil {
		return 0, "", fmt.Errorf("%w: the protected header lacks formatLength or formatTail", ErrForm)
	}
	if header.Time != nil {
		if s.Time, err = time.Parse(time.RFC3339, *header.Time); err != nil {
			return 0, "", fmt.Errorf("%w: the time in the protected header: %w", ErrForm, err)
		}
	}
	end, err := decode(*header.Tail)
	if err != nil {
		return 0, "", fmt.Errorf("%w: formatTail: %w", ErrForm, err)
	}
	return *header.Length, string(end), nil
}

// decode reads base64url, of which every value has one spelling.
func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("a line end in base64")
	}
	return encoding.DecodeString(s)
}
