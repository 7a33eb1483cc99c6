// Package list reads Docker's manifest list, version 2
// schema 2 ("Image Manifest Version 2, Schema 2", manifest list).
package list

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/registryconform/conform/reference/registry"
)

// MediaType is the media type of the format.
const MediaType = "application/vnd.docker.distribution.manifest.list.v2+json"

// A Manifest is a manifest list, with its exact bytes.
type Manifest struct {
	content    []byte
	references []registry.Descriptor
}

var _ registry.Manifest = (*Manifest)(nil)

// Payload implements [registry.Manifest].
func (m *Manifest) Payload() (string, []byte) { return MediaType, m.content }

// References implements [registry.Manifest].
func (m *Manifest) References() []registry.Descriptor { return m.references }

// Subject returns nil: the format has none.
func (m *Manifest) Subject() *registry.Descriptor { return nil }

// ArtifactType returns "": a list has no config.
func (m *Manifest) ArtifactType() string { return "" }

// Annotations returns nil: the format has none.
func (m *Manifest) Annotations() map[string]string { return nil }

// Parse reads a manifest list from the fields of content.
func Parse(content []byte, fields map[string]json.RawMessage) (registry.Manifest, error) {
	m := &Manifest{content: content}
	if err := field(fields, "manifests", &m.references); err != nil {
		return nil, err
	}
	if m.references == nil {
		return nil, errors.New("the field manifests is missing")
	}
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
