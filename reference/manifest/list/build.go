package list

import (
	"encoding/json"

	"github.com/registryconform/conform/reference/registry"
)

// A Builder makes manifest lists.
type Builder struct {
	// Manifests are the children, with their platforms.
	Manifests []registry.Descriptor
}

// Build encodes the list as Docker does, indented by three spaces: the same
// bytes for the same children. What [Parse] refuses is an error.
func (b Builder) Build() (registry.Manifest, error) {
	content, err := json.MarshalIndent(struct {
		SchemaVersion int                   `json:"schemaVersion"`
		MediaType     string                `json:"mediaType"`
		Manifests     []registry.Descriptor `json:"manifests"`
	}{2, MediaType, append([]registry.Descriptor{}, b.Manifests...)}, "", "   ")
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(content, &fields); err != nil {
		return nil, err
	}
	return Parse(content, fields)
}
