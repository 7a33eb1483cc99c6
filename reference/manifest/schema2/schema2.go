// Package schema2 reads Docker's image manifest, version 2
// schema 2 ("Image Manifest Version 2, Schema 2").
package schema2

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/registryconform/conform/reference/registry"
)

// MediaType is the media type of the format.
const MediaType = "application/vnd.docker.distribution.manifest.v2+json"

// A Manifest is an image manifest, with its exact bytes.
type Manifest struct {
	content    []byte
	references []registry.Descriptor
	config     string
}

var _ registry.Manifest = (*Manifest)(nil)

// Payload implements [registry.Manifest].
func (m *Manifest) Payload() (string, []byte) { return MediaType, m.content }

// References implements [registry.Manifest].
func (m *Manifest) References() []registry.Descriptor { return m.references }

// Subject returns nil: the format has none.
func (m *Manifest) Subject() *registry.Descriptor { return nil }

// ArtifactType returns the media type of the config.
func (m *Manifest) ArtifactType() string { return m.config }

// Annotations returns nil: the format has none.
func (m *Manifest) Annotations() map[string]string { return nil }

// Parse reads an image manifest from the fields of content.
func Parse(content []byte, fields map[string]json.RawMessage) (registry.Manifest, error) {
	m := &Manifest{content: content}
	var config registry.Descriptor
	var layers []registry.Descriptor
	if err := errors.Join(field(fields, "config", &config), field(fields, "layers", &layers)); err != nil {
		return nil, err
	}
	m.config = config.MediaType
	m.references = append([]registry.Descriptor{config}, layers...)
	var wrong []error
	for _, desc := range m.references {
		wrong = append(wrong, registry.CheckDescriptor(desc))
	}
	return m, errors.Join(wrong...)
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
