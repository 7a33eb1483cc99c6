package oci

import (
	"encoding/json"

	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/registry"
)

// An ImageBuilder makes image manifests, and artifacts that are packed as one.
type ImageBuilder struct {
	// Config and Layers are the parts, the lowest layer first.
	Config registry.Descriptor
	Layers []registry.Descriptor
	// ArtifactType, Subject and Annotations may be left out.
	ArtifactType string
	Subject      *registry.Descriptor
	Annotations  map[string]string
}

// Build encodes the manifest: the same bytes for the same fields. What
// [ParseImage] refuses is an error.
func (b ImageBuilder) Build() (registry.Manifest, error) {
	return build(v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, ArtifactType: b.ArtifactType,
		Config: b.Config, Layers: some(b.Layers), Subject: b.Subject, Annotations: b.Annotations,
	}, ParseImage)
}

// An IndexBuilder makes indexes.
type IndexBuilder struct {
	// Manifests are the children, with their platforms.
	Manifests []registry.Descriptor
	// ArtifactType, Subject and Annotations may be left out.
	ArtifactType string
	Subject      *registry.Descriptor
	Annotations  map[string]string
}

// Build encodes the index: the same bytes for the same fields. What
// [ParseIndex] refuses is an error.
func (b IndexBuilder) Build() (registry.Manifest, error) {
	return build(v1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, ArtifactType: b.ArtifactType,
		Manifests: some(b.Manifests), Subject: b.Subject, Annotations: b.Annotations,
	}, ParseIndex)
}

func build(document any, parse func([]byte, map[string]json.RawMessage) (registry.Manifest, error)) (registry.Manifest, error) {
	content, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(content, &fields); err != nil {
		return nil, err
	}
	return parse(content, fields)
}

// some returns a list that is not nil, which would be encoded as null.
func some(list []registry.Descriptor) []registry.Descriptor {
	return append([]registry.Descriptor{}, list...)
}
