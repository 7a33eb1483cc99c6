package schema1

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/docker/libtrust"

	"github.com/registryconform/conform/reference/registry"
)

// A Signer is who has signed a manifest, by a signature that is right.
type Signer struct {
	// Key is the key.
	Key libtrust.PublicKey
	// Chain are the certificates that came with it, that of the key first,
	// or nil. Nothing says that they lead anywhere.
	Chain []*x509.Certificate
}

// A Policy judges who has signed a manifest that is to be put; m is verified.
// An error refuses it: with a code if it is a [registry.Error], else with
// [registry.ErrManifestUnverified]. It must be safe for concurrent use.
type Policy func(m *Manifest, signers []Signer) error

// Check implements [registry.SignedManifest].
func (m *Manifest) Check(name registry.Name, tags []registry.Tag) error {
	wrong := []error{m.checkName(name), m.checkTag(tags)}
	if layers, told := len(m.document.FSLayers), len(m.document.History); layers != told {
		wrong = append(wrong, registry.ErrManifestInvalid.With(fmt.Sprintf("%d layers and %d entries of history", layers, told)))
	}
	if len(m.document.FSLayers) == 0 {
		wrong = append(wrong, registry.ErrManifestInvalid.With("there is no layer"))
	}
	return errors.Join(append(wrong, m.checkSignatures())...)
}

func (m *Manifest) checkName(name registry.Name) error {
	told, err := registry.ParseName(m.document.Name)
	if err == nil && told != name && !m.options.AnyName {
		err = registry.ErrNameInvalid.With(fmt.Sprintf("the manifest's name is %q, the repository's %q", told, name))
	}
	return err
}

func (m *Manifest) checkTag(tags []registry.Tag) error {
	told, err := registry.ParseTag(m.document.Tag)
	if err != nil {
		return err
	}
	var wrong []error
	for _, tag := range tags {
		if tag != told && !m.options.AnyName {
			wrong = append(wrong, registry.ErrTagInvalid.With(fmt.Sprintf("the manifest's tag is %q, the reference's %q", told, tag)))
		}
	}
	return errors.Join(wrong...)
}

func (m *Manifest) checkSignatures() error {
	if len(m.signatures) == 0 && m.options.AllowUnsigned {
		return nil
	}
	signers, err := m.signers()
	if err == nil && m.options.Policy != nil {
		err = m.options.Policy(m, signers)
	}
	if err == nil || len(registry.Errors(err)) > 0 {
		return err
	}
	return registry.ErrManifestUnverified.Wrap(err)
}

// signers verifies every signature.
func (m *Manifest) signers() ([]Signer, error) {
	if len(m.signatures) == 0 {
		return nil, ErrUnsigned
	}
	var all []Signer
	for i, s := range m.signatures {
		if err := s.verify(m.payload); err != nil {
			return nil, &SignatureError{Index: i, Algorithm: s.algorithm, Err: err}
		}
		all = append(all, Signer{Key: s.key, Chain: s.chain})
	}
	return all, nil
}

// Verify checks every signature of m, of which there must be at least one, and
// returns the keys. An error is a *[SignatureError] or [ErrUnsigned]. That a
// key is returned says that its owner has signed, not that they are to be
// trusted; certificates are not looked at beyond the key.
func Verify(m *Manifest) ([]libtrust.PublicKey, error) {
	signers, err := m.signers()
	if err != nil {
		return nil, err
	}
	var keys []libtrust.PublicKey
	for _, s := range signers {
		keys = append(keys, s.Key)
	}
	return keys, nil
}

// VerifyChains checks every signature of m as [Verify] does, and that the
// certificates of each that has some lead to one of the roots now, whatever
// use they are for. It returns all the ways found. Signatures without
// certificates add none; that no signature has any gives [ErrChain].
func VerifyChains(m *Manifest, roots *x509.CertPool) ([][]*x509.Certificate, error) {
	signers, err := m.signers()
	if err != nil {
		return nil, err
	}
	var chains [][]*x509.Certificate
	for i, s := range signers {
		if len(s.Chain) == 0 {
			continue
		}
		found, err := verifyChain(s.Chain, roots)
		if err != nil {
			return nil, &SignatureError{Index: i, Algorithm: m.signatures[i].algorithm, Err: err}
		}
		chains = append(chains, found...)
	}
	if len(chains) == 0 {
		return nil, fmt.Errorf("%w: no signature has certificates", ErrChain)
	}
	return chains, nil
}

func verifyChain(chain []*x509.Certificate, roots *x509.CertPool) ([][]*x509.Certificate, error) {
	if roots == nil {
		roots = x509.NewCertPool() // nil would mean those of the system
	}
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	found, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChain, err)
	}
	return found, nil
}
