package schema1

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// A Builder puts a [Document] together, the lowest layer first. It is for one
// goroutine. Make one with [NewBuilder].
type Builder struct {
	document Document
	wrong    []error
}

// NewBuilder begins a manifest of the repository name and the tag.
func NewBuilder(name registry.Name, tag registry.Tag, architecture string) *Builder {
	b := &Builder{document: Document{SchemaVersion: 1, Name: name.String(), Tag: tag.String(), Architecture: architecture}}
	if name.IsZero() || tag.IsZero() {
		b.wrong = append(b.wrong, errors.New("a manifest needs a name and a tag"))
	}
	return b
}

// Append puts a layer on top, with the JSON of the older image format.
func (b *Builder) Append(layer digest.Digest, v1Compatibility string) *Builder {
	if err := registry.CheckDigest(layer); err != nil {
		b.wrong = append(b.wrong, fmt.Errorf("layer %q: %w", layer, err))
	}
	if !json.Valid([]byte(v1Compatibility)) {
		b.wrong = append(b.wrong, fmt.Errorf("layer %q: the history is not JSON", layer))
	}
	b.document.FSLayers = append(b.document.FSLayers, FSLayer{layer})
	b.document.History = append(b.document.History, History{v1Compatibility})
	return b
}

// Build returns the document, whose newest layer stands first. It fails, with
// all that was wrong, if an argument was invalid or there is no layer.
func (b *Builder) Build() (Document, error) {
	wrong := b.wrong
	if len(b.document.FSLayers) == 0 {
		wrong = append(slices.Clone(wrong), errors.New("a manifest needs a layer"))
	}
	if err := errors.Join(wrong...); err != nil {
		return Document{}, err
	}
	d := b.document
	d.FSLayers, d.History = slices.Clone(d.FSLayers), slices.Clone(d.History)
	slices.Reverse(d.FSLayers)
	slices.Reverse(d.History)
	return d, nil
}
