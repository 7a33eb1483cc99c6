package schema2

import (
	"encoding/json"

	"github.com/registryconform/conform/reference/registry"
)

// A Builder makes image manifests.
type Builder struct {
	// Config and Layers are the parts, the lowest layer first.
	Config registry.Descriptor
	Layers []registry.Descriptor
}

// Build encodes the manifest as Docker does, indented by three spaces: the
// same bytes for the same parts. What [Parse] refuses is an error.
func (b Builder) Build() (registry.Manifest, error) {
	content, err := json.MarshalIndent(struct {
		SchemaVersion int                   `json:"schemaVersion"`
		MediaType     string                `json:"mediaType"`
		Config        registry.Descriptor   `json:"config"`
		Layers        []registry.Descriptor `json:"layers"`
	}{2, MediaType, b.Config, append([]registry.Descriptor{}, b.Layers...)}, "", "   ")
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(content, &fields); err != nil {
		return nil, err
	}
	return Parse(content, fields)
}
