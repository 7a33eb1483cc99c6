// Package oci reads the image manifest and the image index of the OCI image
// specification 1.1. It judges what a registry must know of them, no more: the
// descriptors, subject, artifactType and annotations.
package oci

import (
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/registry"
)

// A Manifest is an image manifest or an index, with its exact bytes.
type Manifest struct {
	mediaType    string
	content      []byte
	references   []registry.Descriptor
	subject      *registry.Descriptor
	artifactType string
	annotations  map[string]string
}

var _ registry.Manifest = (*Manifest)(nil)

// Payload implements [registry.Manifest].
func (m *Manifest) Payload() (string, []byte) { return m.mediaType, m.content }

// References implements [registry.Manifest].
func (m *Manifest) References() []registry.Descriptor { return m.references }

// Subject implements [registry.Manifest].
func (m *Manifest) Subject() *registry.Descriptor { return m.subject }

// ArtifactType implements [registry.Manifest].
func (m *Manifest) ArtifactType() string { return m.artifactType }

// Annotations implements [registry.Manifest].
func (m *Manifest) Annotations() map[string]string { return m.annotations }

// ParseImage reads an image manifest (image specification, "Image Manifest")
// from the fields of content. Its artifactType is that of the config where it
// has none of its own.
func ParseImage(content []byte, fields map[string]json.RawMessage) (registry.Manifest, error) {
	m := &Manifest{mediaType: v1.MediaTypeImageManifest, content: content}
	var config registry.Descriptor
	var layers []registry.Descriptor
	err := errors.Join(
		m.common(fields),
		field(fields, "config", &config),
		field(fields, "layers", &layers),
	)
	if err != nil {
		return nil, err
	}
	if m.artifactType == "" {
		m.artifactType = config.MediaType
	}
	m.references = append([]registry.Descriptor{config}, layers...)
	return m, m.check()
}

// ParseIndex reads an index (image specification, "Image Index") from the
// fields of content.
func ParseIndex(content []byte, fields map[string]json.RawMessage) (registry.Manifest, error) {
	m := &Manifest{mediaType: v1.MediaTypeImageIndex, content: content}
	if err := errors.Join(m.common(fields), field(fields, "manifests", &m.references)); err != nil {
		return nil, err
	}
	if m.references == nil {
		return nil, errors.New("the field manifests is missing")
	}
	return m, m.check()
}

// common reads the fields that both have.
func (m *Manifest) common(fields map[string]json.RawMessage) error {
	return errors.Join(
		field(fields, "subject", &m.subject),
		field(fields, "artifactType", &m.artifactType),
		field(fields, "annotations", &m.annotations),
	)
}

// check judges every descriptor.
func (m *Manifest) check() error {
	var wrong []error
	for _, desc := range m.references {
		wrong = append(wrong, registry.CheckDescriptor(desc))
	}
	if m.subject != nil {
		if err := registry.CheckDescriptor(*m.subject); err != nil {
			wrong = append(wrong, fmt.Errorf("subject: %w", err))
		}
	}
	return errors.Join(wrong...)
}

func field(fields map[string]json.RawMessage, name string, into any) error {
	raw, ok := fields[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the field %s: %w", name, err)
	}
	return nil
}
