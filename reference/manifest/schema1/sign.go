package schema1

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/docker/libtrust"
)

// A SignOption changes how [Sign] and [SignWithChain] sign.
type SignOption func(*signing)

type signing struct {
	hash crypto.Hash
	at   time.Time
}

// Hash lets an RSA key sign with RS256, RS384 or RS512; the default is
// SHA-256. The algorithm of an elliptic key is that of its curve.
func Hash(h crypto.Hash) SignOption { return func(o *signing) { o.hash = h } }

// At sets the time that the signature tells; the default is the current one.
func At(t time.Time) SignOption { return func(o *signing) { o.at = t } }

// Sign encodes the document, indented by three spaces, and signs it with the
// key: P-256, P-384, P-521 or RSA.
func Sign(d Document, key libtrust.PrivateKey, opts ...SignOption) (*Manifest, error) {
	return sign(d, key, nil, opts)
}

// SignWithChain is [Sign] with certificates in place of the bare key. That of
// the key must be the first.
func SignWithChain(d Document, key libtrust.PrivateKey, chain []*x509.Certificate, opts ...SignOption) (*Manifest, error) {
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, fmt.Errorf("%w: %d certificates", ErrChain, len(chain))
	}
	public, ok := key.CryptoPublicKey().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("%w: the first certificate is not that of the key", ErrChain)
	}
	return sign(d, key, chain, opts)
}

func sign(d Document, key libtrust.PrivateKey, chain []*x509.Certificate, opts []SignOption) (*Manifest, error) {
	o := signing{hash: crypto.SHA256, at: time.Now()}
	for _, opt := range opts {
		opt(&o)
	}
	payload, err := json.MarshalIndent(d, "", "   ")
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	m := &Manifest{payload: payload}
	if err := m.read(); err != nil {
		return nil, err
	}
	s, err := o.sign(payload, key)
	if err != nil {
		return nil, err
	}
	s.chain = chain
	return m.with([]signature{s})
}

func (o *signing) sign(payload []byte, key libtrust.PrivateKey) (signature, error) {
	switch o.hash {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
	default:
		return signature{}, fmt.Errorf("%w: the hash %v", ErrAlgorithm, o.hash)
	}
	public, err := usable(key.CryptoPublicKey())
	if err != nil {
		return signature{}, err
	}
	head, tail, err := split(payload)
	if err != nil {
		return signature{}, err
	}
	length, ending := len(head), encoding.EncodeToString(tail)
	raw, err := json.Marshal(protected{Length: &length, Tail: &ending, Time: o.at.UTC().Format(time.RFC3339)})
	if err != nil {
		return signature{}, errors.New("encode the protected header")
	}
	s := signature{key: public, protected: encoding.EncodeToString(raw), length: length, tail: tail}
	s.value, s.algorithm, err = key.Sign(signingInput(s.protected, payload), o.hash)
	if err != nil {
		return signature{}, fmt.Errorf("sign: %w", err)
	}
	return s, nil
}
