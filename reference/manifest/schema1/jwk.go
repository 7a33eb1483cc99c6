package schema1

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/docker/libtrust"
)

const (
	// maxKeyBits is the greatest modulus of an RSA key: what is larger takes
	// longer to verify than a push is worth.
	maxKeyBits = 8192
	// maxChain is the greatest number of certificates of a signature.
	maxChain = 8
)

// encoding is base64url without padding (RFC 7515 §2).
var encoding = base64.RawURLEncoding.Strict()

// decode reads base64, of which each value has one spelling: the decoder by
// itself passes over line ends.
func decode(e *base64.Encoding, s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("there is a line end in it")
	}
	return e.DecodeString(s)
}

// A jwk is a public key as RFC 7517 and RFC 7518 §6 have it.
type jwk struct {
	Kty string          `json:"kty"`
	Kid *string         `json:"kid"`
	Crv string          `json:"crv"`
	X   string          `json:"x"`
	Y   string          `json:"y"`
	N   string          `json:"n"`
	E   string          `json:"e"`
	D   json.RawMessage `json:"d"`
}

// parseJWK reads a public key. libtrust's own parser isn't asked: it trusts
// the lengths of what it reads.
func parseJWK(raw []byte) (libtrust.PublicKey, error) {
	var k jwk
	if err := json.Unmarshal(raw, &k); err != nil {
		return nil, fmt.Errorf("%w: the jwk is not an object of strings", ErrKey)
	}
	if k.D != nil {
		return nil, fmt.Errorf("%w: the jwk has a private part", ErrKey)
	}
	var public crypto.PublicKey
	var err error
	switch k.Kty {
	case "EC":
		public, err = k.ec()
	case "RSA":
		public, err = k.rsa()
	default:
		err = fmt.Errorf("%w: the kty %.20q is unknown", ErrKey, k.Kty)
	}
	if err != nil {
		return nil, err
	}
	key, err := usable(public)
	if err != nil {
		return nil, err
	}
	if k.Kid != nil && *k.Kid != key.KeyID() {
		return nil, fmt.Errorf("%w: the kid is not that of the key", ErrKey)
	}
	return key, nil
}

func (k *jwk) ec() (*ecdsa.PublicKey, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve := curves[k.Crv]
	if curve == nil {
		return nil, fmt.Errorf("%w: the curve %.20q is unknown", ErrKey, k.Crv)
	}
	point := []byte{4}
	for _, s := range []string{k.X, k.Y} {
		coordinate, err := decode(encoding, s)
		if err != nil || len(coordinate) != (curve.Params().BitSize+7)/8 {
			return nil, fmt.Errorf("%w: a coordinate is malformed", ErrKey)
		}
		point = append(point, coordinate...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, fmt.Errorf("%w: the point is not on the curve", ErrKey)
	}
	return public, nil
}

func (k *jwk) rsa() (*rsa.PublicKey, error) {
	if len(k.N) > encoding.EncodedLen(maxKeyBits/8)+4 {
		return nil, fmt.Errorf("%w: the modulus has more than %d bits", ErrKey, maxKeyBits)
	}
	n, err := decode(encoding, k.N)
	if err != nil {
		return nil, fmt.Errorf("%w: the modulus is malformed", ErrKey)
	}
	e, err := decode(encoding, k.E)
	if err != nil || len(e) == 0 || len(e) > 4 {
		return nil, fmt.Errorf("%w: the exponent is malformed", ErrKey)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
}

// usable returns the key if signatures by it can be verified within bounds.
func usable(public crypto.PublicKey) (libtrust.PublicKey, error) {
	if k, ok := public.(*rsa.PublicKey); ok {
		if bits := k.N.BitLen(); bits < 1024 || bits > maxKeyBits || k.E < 3 || k.E%2 == 0 {
			return nil, fmt.Errorf("%w: the RSA key has %d bits and the exponent %d", ErrKey, bits, k.E)
		}
	}
	key, err := libtrust.FromCryptoPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return key, nil
}

// parseChain reads certificates, that of the key first (RFC 7515 §4.1.6).
func parseChain(encoded []string) ([]*x509.Certificate, error) {
	if len(encoded) > maxChain {
		return nil, fmt.Errorf("%w: %d certificates", ErrTooMany, len(encoded))
	}
	var chain []*x509.Certificate
	for i, s := range encoded {
		der, err := decode(base64.StdEncoding.Strict(), s)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate %d is not base64", ErrChain, i)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate %d: %w", ErrChain, i, err)
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}
