package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// readKey returns the key of a signature: that of the first certificate (RFC
// 7515 §4.1.6), or else the one that is given as it is (§4.1.3).
func readKey(jwk json.RawMessage, encoded []string) (any, []*x509.Certificate, error) {
	var chain []*x509.Certificate
	for i, s := range encoded {
		der, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: certificate %d: %w", ErrKey, i, err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: certificate %d: %w", ErrKey, i, err)
		}
		chain = append(chain, c)
	}
	switch {
	case len(chain) > 0:
		return chain[0].PublicKey, chain, nil
	case len(jwk) == 0 || string(jwk) == "null":
		return nil, nil, fmt.Errorf("%w: neither jwk nor x5c", ErrKey)
	}
	key, err := readJWK(jwk)
	return key, nil, err
}

// A webKey is a public key by RFC 7517 and RFC 7518 §6.
type webKey struct {
	Type  string  `json:"kty"`
	ID    *string `json:"kid"`
	Curve string  `json:"crv"`
	X     string  `json:"x"`
	Y     string  `json:"y"`
	N     string  `json:"n"`
	E     string  `json:"e"`
}

// readJWK returns an *ecdsa.PublicKey or *rsa.PublicKey. A kid must be that of
// the key.
func readJWK(raw []byte) (any, error) {
	var w webKey
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	var key any
	var err error
	switch w.Type {
	case "EC":
		key, err = w.elliptic()
	case "RSA":
		key, err = w.rsa()
	default:
		err = fmt.Errorf("the type %.20q", w.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if w.ID != nil && *w.ID != KeyID(key) {
		return nil, fmt.Errorf("%w: the kid %.80q is not that of the key", ErrKey, *w.ID)
	}
	return key, nil
}

func (w webKey) elliptic() (*ecdsa.PublicKey, error) {
	var curve elliptic.Curve
	switch w.Curve {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	case "P-521":
		curve = elliptic.P521()
	default:
		return nil, fmt.Errorf("the curve %.20q", w.Curve)
	}
	x, err := decode(w.X)
	if err != nil {
		return nil, err
	}
	y, err := decode(w.Y)
	if err != nil {
		return nil, err
	}
	if size := (curve.Params().BitSize + 7) / 8; len(x) != size || len(y) != size {
		return nil, fmt.Errorf("coordinates of %d and %d bytes, not %d", len(x), len(y), size)
	}
	return ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
}

func (w webKey) rsa() (*rsa.PublicKey, error) {
	n, err := decode(w.N)
	if err != nil {
		return nil, err
	}
	e, err := decode(w.E)
	if err != nil {
		return nil, err
	}
	exponent := new(big.Int).SetBytes(e)
	if len(n) == 0 || len(e) == 0 || exponent.BitLen() > 31 {
		return nil, fmt.Errorf("a modulus of %d and an exponent of %d bytes", len(n), len(e))
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
}

// KeyID returns the name of a public key: 240 bits of the SHA-256 of its PKIX
// form, in base32, in groups of four; "" for a key that has no such form.
func KeyID(key any) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	var groups []string
	for text := base32.StdEncoding.EncodeToString(sum[:30]); text != ""; text = text[4:] {
		groups = append(groups, text[:4])
	}
	return strings.Join(groups, ":")
}

// hashOf returns the hash of an algorithm (RFC 7518 §3.1), if that is known.
func hashOf(algorithm string) (crypto.Hash, bool) {
	switch algorithm {
	case "ES256", "RS256":
		return crypto.SHA256, true
	case "ES384", "RS384":
		return crypto.SHA384, true
	case "ES512", "RS512":
		return crypto.SHA512, true
	}
	return 0, false
}
