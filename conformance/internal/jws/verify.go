package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/big"

	// The hashes of the algorithms.
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// Verify checks that each signature is one of the payload by its own key. It
// says nothing about whose key that is. The error wraps [ErrAlgorithm],
// [ErrKey] or [ErrSignature].
func (d *Document) Verify() error {
	for i := range d.Signatures {
		if err := d.Signatures[i].verify(d.Payload); err != nil {
			return fmt.Errorf("signature %d (%.20q): %w", i, d.Signatures[i].Algorithm, err)
		}
	}
	return nil
}

// KeyID returns the name of the key that the signature is by.
func (s *Signature) KeyID() string { return KeyID(s.key) }

// VerifyChain checks that the certificates of a signature lead from its key to
// a root now, whatever they are meant for. The error wraps [ErrChain].
func (s *Signature) VerifyChain(roots *x509.CertPool) error {
	if len(s.Chain) == 0 {
		return fmt.Errorf("%w: no certificate", ErrChain)
	}
	between := x509.NewCertPool()
	for _, c := range s.Chain[1:] {
		between.AddCert(c)
	}
	_, err := s.Chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	return nil
}

// verify checks the signature of the protected header and the payload (RFC 7515
// §5.2).
func (s *Signature) verify(payload []byte) error {
	hash, ok := hashOf(s.Algorithm)
	if !ok {
		return fmt.Errorf("%w: it is unknown", ErrAlgorithm)
	}
	h := hash.New()
	h.Write([]byte(s.protected + "." + encoding.EncodeToString(payload)))
	switch key := s.key.(type) {
	case *ecdsa.PublicKey:
		return s.verifyElliptic(key, hash, h.Sum(nil))
	case *rsa.PublicKey:
		if s.Algorithm[0] != 'R' {
			return fmt.Errorf("%w: a key of RSA", ErrAlgorithm)
		}
		if err := rsa.VerifyPKCS1v15(key, hash, h.Sum(nil), s.value); err != nil {
			return fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return nil
	}
	return fmt.Errorf("%w: a key of type %T", ErrKey, s.key)
}

// verifyElliptic checks a signature that is the two numbers of ECDSA, each as
// long as the curve's field (RFC 7518 §3.4). The hash belongs to the curve.
func (s *Signature) verifyElliptic(key *ecdsa.PublicKey, hash crypto.Hash, sum []byte) error {
	bits := key.Params().BitSize
	if want := map[int]crypto.Hash{256: crypto.SHA256, 384: crypto.SHA384, 521: crypto.SHA512}[bits]; s.Algorithm[0] != 'E' || hash != want {
		return fmt.Errorf("%w: a key on the curve %s", ErrAlgorithm, key.Params().Name)
	}
	size := (bits + 7) / 8
	if len(s.value) != 2*size {
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrSignature, len(s.value), 2*size)
	}
	if !ecdsa.Verify(key, sum, new(big.Int).SetBytes(s.value[:size]), new(big.Int).SetBytes(s.value[size:])) {
		return ErrSignature
	}
	return nil
}
