// Package schema1 reads, signs and verifies Docker's first image manifest
// ("Image Manifest Version 2, Schema 1"): a JSON object whose signatures
// stand in a field of their own ("pretty signatures" of libtrust), with a
// header each that says which bytes of the document are signed.
//
// The digest of such a manifest is that of its payload, which has no
// signatures; a registry keeps the two apart and joins them to serve, so that
// the signatures of several signers add up.
//
// Everything of a signed document is either the payload or the list of
// signatures: what is neither is refused. Whom to trust is not decided here:
// [Verify] and [VerifyChains] return who has signed, and a [Policy] can judge
// them at a push.
package schema1

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

const (
	// MediaType is the media type of a manifest with signatures.
	MediaType = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	// MediaTypeUnsigned is the one of a manifest without.
	MediaTypeUnsigned = "application/vnd.docker.distribution.manifest.v1+json"
	// LayerType is the media type of the layers.
	LayerType = "application/vnd.docker.container.image.rootfs.diff+x-gtar"
)

// A Document is the content of a manifest.
type Document struct {
	SchemaVersion int       `json:"schemaVersion"`
	Name          string    `json:"name"`
	Tag           string    `json:"tag"`
	Architecture  string    `json:"architecture"`
	FSLayers      []FSLayer `json:"fsLayers"`
	History       []History `json:"history"`
}

// An FSLayer names a layer; the newest stands first.
type FSLayer struct {
	BlobSum digest.Digest `json:"blobSum"`
}

// A History is what is told of the layer at the same place.
type History struct {
	// V1Compatibility is the JSON of the older image format.
	V1Compatibility string `json:"v1Compatibility"`
}

// Options are what a registry demands beyond valid signatures.
type Options struct {
	// Policy, if set, judges who has signed.
	Policy Policy
	// AnyName takes manifests whose name or tag is not that of the
	// repository, or the tag, to which they are put.
	AnyName bool
	// AllowUnsigned takes manifests without signatures.
	AllowUnsigned bool
}

// A Manifest is a manifest with its exact payload, and its signatures in a
// stable order. It does not change.
type Manifest struct {
	document   Document
	payload    []byte
	signatures []signature
	served     []byte // payload and signatures joined, or as pushed
	references []registry.Descriptor
	options    Options
}

var _ registry.SignedManifest = (*Manifest)(nil)

// Parser returns the function that reads manifests for a table of media types.
func Parser(o Options) func([]byte, map[string]json.RawMessage) (registry.Manifest, error) {
	return func(content []byte, fields map[string]json.RawMessage) (registry.Manifest, error) {
		m, err := parse(content, fields, o)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}

// Parse reads a manifest, signed or not. It does not verify signatures: see
// [Verify] and [Manifest.Check]. A document whose signatures can't be told
// from the payload fails with [registry.ErrManifestUnverified], which wraps the
// reason; anything else wrong has no code. The manifest keeps content.
func Parse(content []byte) (*Manifest, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(content, &fields); err != nil {
		return nil, errors.New("the body is not a JSON object")
	}
	return parse(content, fields, Options{})
}

func parse(content []byte, fields map[string]json.RawMessage, o Options) (*Manifest, error) {
	m := &Manifest{payload: content, served: content, options: o}
	if list, ok := fields["signatures"]; ok {
		payload, all, err := unpretty(content, list)
		if err != nil {
			return nil, registry.ErrManifestUnverified.Wrap(err)
		}
		m.payload, m.signatures = payload, all
	}
	return m, m.read()
}

// read decodes the payload.
func (m *Manifest) read() error {
	if err := json.Unmarshal(m.payload, &m.document); err != nil {
		return fmt.Errorf("the manifest's fields: %w", err)
	}
	if len(m.signatures) > 0 {
		var fields struct {
			Signatures json.RawMessage `json:"signatures"`
		}
		if json.Unmarshal(m.payload, &fields) != nil || fields.Signatures != nil {
			return registry.ErrManifestUnverified.Wrap(ErrUnprotected)
		}
	}
	if m.document.SchemaVersion != 1 {
		return errors.New("schemaVersion must be 1")
	}
	var wrong []error
	for i, layer := range m.document.FSLayers {
		if err := registry.CheckDigest(layer.BlobSum); err != nil {
			wrong = append(wrong, fmt.Errorf("blobSum %.200q of layer %d: %w", layer.BlobSum, i, err))
			continue
		}
		m.references = append(m.references, registry.Descriptor{MediaType: LayerType, Digest: layer.BlobSum})
	}
	return errors.Join(wrong...)
}

// Document returns the content. The lists are not to be changed.
func (m *Manifest) Document() Document { return m.document }

// Payload implements [registry.Manifest]: payload and signatures joined,
// or the payload alone if there are none.
func (m *Manifest) Payload() (string, []byte) {
	if len(m.signatures) == 0 {
		return MediaTypeUnsigned, m.served
	}
	return MediaType, m.served
}

// Canonical implements [registry.SignedManifest].
func (m *Manifest) Canonical() []byte { return m.payload }

// Digest returns the digest of the payload.
func (m *Manifest) Digest() digest.Digest { return digest.FromBytes(m.payload) }

// References implements [registry.Manifest]: the layers, newest first, without
// their sizes, which the format does not have.
func (m *Manifest) References() []registry.Descriptor { return m.references }

// Subject returns nil: the format has none.
func (m *Manifest) Subject() *registry.Descriptor { return nil }

// ArtifactType returns "": the format has no config.
func (m *Manifest) ArtifactType() string { return "" }

// Annotations returns nil: the format has none.
func (m *Manifest) Annotations() map[string]string { return nil }

// Signatures implements [registry.SignedManifest]: each is the JSON object
// that stands in the list.
func (m *Manifest) Signatures() [][]byte {
	var all [][]byte
	for _, s := range sorted(m.signatures) {
		all = append(all, s.encode())
	}
	return all
}

// WithSignatures implements [registry.SignedManifest]. It reads the signatures
// but does not verify them.
func (m *Manifest) WithSignatures(signatures [][]byte) (registry.Manifest, error) {
	var all []signature
	for i, raw := range signatures {
		s, err := parseSignature(raw)
		if err != nil {
			return nil, &SignatureError{Index: i, Algorithm: s.algorithm, Err: err}
		}
		all = append(all, s)
	}
	return m.with(all)
}

// with returns the manifest with exactly these signatures.
func (m *Manifest) with(all []signature) (*Manifest, error) {
	head, tail, err := split(m.payload)
	if err != nil {
		return nil, err
	}
	for i, s := range all {
		if s.length != len(head) || string(s.tail) != string(tail) {
			return nil, &SignatureError{Index: i, Algorithm: s.algorithm, Err: ErrConflict}
		}
	}
	c := *m
	c.signatures, c.served = sorted(all), c.payload
	if len(all) > 0 {
		if c.served, err = pretty(c.payload, c.signatures); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// Merge returns m with its signatures and those of the others, each once, in
// the order of keys. It fails if the payloads are not the same bytes.
func Merge(m *Manifest, others ...*Manifest) (*Manifest, error) {
	all := m.signatures
	for _, other := range others {
		if string(other.payload) != string(m.payload) {
			return nil, fmt.Errorf("merge %s and %s: not the same payload", m.Digest(), other.Digest())
		}
		all = append(all[:len(all):len(all)], other.signatures...)
	}
	return m.with(all)
}
