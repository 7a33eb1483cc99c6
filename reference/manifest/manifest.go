// Package manifest is the table of media types that a registry accepts as
// manifests. A [Table] is a value that the caller builds; [Default] gives the
// one of the image specification and Docker's schema 2, and with
// [WithSchema1] the signed manifests that came before.
//
// The formats themselves stand in packages below. What all have in common is
// here: one well-formed JSON object without duplicate names, and without names
// of a format that are spelled in other letters, at any depth; the agreement of
// Content-Type and the mediaType of the body, the schemaVersion, and that no
// body can be read as two formats.
package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"unicode"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/manifest/list"
	"github.com/registryconform/conform/reference/manifest/oci"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/manifest/schema2"
	"github.com/registryconform/conform/reference/registry"
)

// A Format is one media type of a [Table].
type Format struct {
	// MediaType is the type, without parameters.
	MediaType string
	// Aliases are further types under which a body can come. They never
	// name a format by themselves: references and bodies have MediaType.
	Aliases []string
	// SchemaVersion is what the body must say.
	SchemaVersion int
	// Marker is a field that every body of this format has, and by which
	// one without a mediaType is known. Empty: the mediaType is required.
	Marker string
	// Excludes are the fields of other formats, in any case of letters. A
	// body that has one could be read as either, and is refused.
	Excludes []string
	// Index tells that the references are manifests, not blobs.
	Index bool
	// Signed tells that manifests are [registry.SignedManifest].
	Signed bool
	// Parse reads a body that has passed all of the above. Its errors are
	// sentences for the client. The manifest keeps content.
	Parse func(content []byte, fields map[string]json.RawMessage) (registry.Manifest, error)
}

// A Table maps media types to formats. It does not change once it is made.
type Table struct {
	formats []Format
	shape   *shape
}

// New returns a table of the formats. It fails if one lacks a type or a
// parser, or if two have the same type.
func New(formats ...Format) (*Table, error) {
	t := &Table{shape: documentShape()}
	for _, f := range formats {
		switch {
		case f.MediaType == "" || f.Parse == nil:
			return nil, fmt.Errorf("manifest format %q: media type or parser is missing", f.MediaType)
		case t.accepts(f.MediaType) != nil || slices.ContainsFunc(f.Aliases, func(s string) bool { return t.accepts(s) != nil }):
			return nil, fmt.Errorf("manifest format %q is given twice", f.MediaType)
		}
		t.formats = append(t.formats, f)
	}
	return t, nil
}

// Formats returns the formats of [Default], to which others can be added.
func Formats() []Format {
	image := []string{"manifests", "fsLayers"}
	index := []string{"config", "layers", "fsLayers"}
	return []Format{
		{MediaType: v1.MediaTypeImageManifest, SchemaVersion: 2, Marker: "config", Excludes: image, Parse: oci.ParseImage},
		{MediaType: v1.MediaTypeImageIndex, SchemaVersion: 2, Marker: "manifests", Excludes: index, Index: true, Parse: oci.ParseIndex},
		{MediaType: schema2.MediaType, SchemaVersion: 2, Excludes: image, Parse: schema2.Parse},
		{MediaType: list.MediaType, SchemaVersion: 2, Excludes: index, Index: true, Parse: list.Parse},
	}
}

// Schema1 returns the format of signed manifests of schema 1, which [Default]
// has by option alone: see [WithSchema1].
func Schema1(o schema1.Options) Format {
	return Format{
		MediaType: schema1.MediaType, SchemaVersion: 1, Marker: "fsLayers",
		Signed:   true,
		Aliases:  []string{schema1.MediaTypeUnsigned, "application/json"},
		Excludes: []string{"config", "layers", "manifests", "subject"},
		Parse:    schema1.Parser(o),
	}
}

// An Option adds to [Default].
type Option func(*Table)

// WithSchema1 adds manifests of schema 1. They may come as application/json,
// too, as old clients send them.
func WithSchema1(o schema1.Options) Option {
	return func(t *Table) { t.formats = append(t.formats, Schema1(o)) }
}

// Default returns the table of OCI image and index, Docker schema 2 and list,
// and of what the options add.
func Default(opts ...Option) *Table {
	t := &Table{formats: Formats(), shape: documentShape()}
	for _, opt := range opts {
		opt(t)
	}
	return t
}

// MediaTypes returns the types of the table, in its order.
func (t *Table) MediaTypes() []string {
	types := make([]string, len(t.formats))
	for i, f := range t.formats {
		types[i] = f.MediaType
	}
	return types
}

// Accepts reports whether a manifest can be put as mediaType: the type of a
// format, or an alias of one.
func (t *Table) Accepts(mediaType string) bool { return t.accepts(mediaType) != nil }

// IsManifest reports whether content of mediaType is a manifest.
func (t *Table) IsManifest(mediaType string) bool { return t.find(mediaType) != nil }

// IsIndex reports whether the references of a manifest of mediaType are
// manifests themselves.
func (t *Table) IsIndex(mediaType string) bool {
	f := t.find(mediaType)
	return f != nil && f.Index
}

// IsSigned reports whether a manifest of mediaType, the type of a format or an
// alias of one, is a [registry.SignedManifest].
func (t *Table) IsSigned(mediaType string) bool {
	f := t.accepts(mediaType)
	return f != nil && f.Signed
}

func (t *Table) find(mediaType string) *Format {
	i := slices.IndexFunc(t.formats, func(f Format) bool { return f.MediaType == mediaType })
	if i < 0 {
		return nil
	}
	return &t.formats[i]
}

func (t *Table) accepts(mediaType string) *Format {
	i := slices.IndexFunc(t.formats, func(f Format) bool {
		return f.MediaType == mediaType || slices.Contains(f.Aliases, mediaType)
	})
	if i < 0 {
		return nil
	}
	return &t.formats[i]
}

// Parse reads a manifest that came with the given Content-Type, whose
// parameters don't matter; without one, the body tells its own type. All that
// is wrong comes back joined, each as [registry.ErrManifestInvalid], or
// [registry.ErrManifestUnverified] where signatures can't be read. The manifest
// keeps content, which must not change afterwards.
func (t *Table) Parse(contentType string, content []byte) (registry.Manifest, error) {
	m, err := t.parse(contentType, content)
	if err != nil {
		return nil, invalid(err)
	}
	return m, nil
}

func (t *Table) parse(contentType string, content []byte) (registry.Manifest, error) {
	fields, ambiguous := object(content, t.shape)
	if fields == nil {
		return nil, ambiguous
	}
	f, err := t.formatOf(contentType, fields)
	if err != nil {
		return nil, errors.Join(ambiguous, err)
	}
	m, err := f.parse(content, fields)
	if err == nil {
		err = checkTypes(m)
	}
	if err = errors.Join(ambiguous, err); err != nil {
		return nil, err
	}
	return m, nil
}

// formatOf returns the format of what comes as contentType.
func (t *Table) formatOf(contentType string, fields map[string]json.RawMessage) (*Format, error) {
	if contentType == "" {
		return t.detect(fields)
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return nil, fmt.Errorf("Content-Type %.200q can't be read", contentType)
	}
	f := t.accepts(mediaType)
	if f == nil {
		return nil, fmt.Errorf("manifests of the media type %.200q are not accepted", mediaType)
	}
	return f, nil
}

// checkTypes judges the media types within m (image specification, "OCI
// Content Descriptors", and RFC 6838 §4.2).
func checkTypes(m registry.Manifest) error {
	var wrong []error
	check := func(where, mediaType string) {
		if !isMediaType(mediaType) {
			wrong = append(wrong, fmt.Errorf("the %s %.200q is no media type", where, mediaType))
		}
	}
	for _, desc := range m.References() {
		check("mediaType of a descriptor", desc.MediaType)
	}
	if subject := m.Subject(); subject != nil {
		check("mediaType of the subject", subject.MediaType)
	}
	if artifactType := m.ArtifactType(); artifactType != "" {
		check("artifactType", artifactType)
	}
	return errors.Join(wrong...)
}

// isMediaType reports whether s is the name of a media type, with parameters
// or not.
func isMediaType(s string) bool {
	name, _, _ := strings.Cut(s, ";")
	top, sub, ok := strings.Cut(strings.TrimRight(name, " "), "/")
	return ok && isRestricted(top) && isRestricted(sub) && !strings.ContainsFunc(s, unicode.IsControl)
}

// isRestricted reports whether s is a restricted-name of RFC 6838 §4.2.
func isRestricted(s string) bool {
	if s == "" || len(s) > 127 || strings.IndexByte("!#$&-^_.+", s[0]) >= 0 {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune("!#$&-^_.+", c)
	})
}

// ParseStored reads a manifest that was stored without its media type. It
// takes what another registry has taken, though [Table.Parse] would find it
// ambiguous. An error is a failure of the store, and has no code.
func (t *Table) ParseStored(content []byte) (registry.Manifest, error) {
	f, fields, err := t.stored(content)
	if err != nil {
		return nil, err
	}
	return f.parse(content, fields)
}

// Detect returns the media type of a stored manifest by its content alone.
func (t *Table) Detect(content []byte) (string, error) {
	f, _, err := t.stored(content)
	if err != nil {
		return "", err
	}
	return f.MediaType, nil
}

func (t *Table) stored(content []byte) (*Format, map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(content, &fields); err != nil {
		return nil, nil, errors.New("the content is not a JSON object")
	}
	f, err := t.detect(fields)
	return f, fields, err
}

func (t *Table) detect(fields map[string]json.RawMessage) (*Format, error) {
	mediaType, err := mediaTypeOf(fields)
	if err != nil {
		return nil, err
	}
	if mediaType != "" {
		if f := t.find(mediaType); f != nil {
			return f, nil
		}
		return nil, fmt.Errorf("manifests of the media type %.200q are not accepted", mediaType)
	}
	version := versionOf(fields)
	for i, f := range t.formats {
		if f.Marker != "" && f.SchemaVersion == version && present(fields[f.Marker]) {
			return &t.formats[i], nil
		}
	}
	return nil, errors.New("the body tells no media type and has the form of none")
}

func (f *Format) parse(content []byte, fields map[string]json.RawMessage) (registry.Manifest, error) {
	var wrong []error
	switch mediaType, err := mediaTypeOf(fields); {
	case err != nil:
		wrong = append(wrong, err)
	case mediaType == "" && f.Marker == "":
		wrong = append(wrong, fmt.Errorf("the body has no mediaType, which %s needs", f.MediaType))
	case mediaType != "" && mediaType != f.MediaType:
		wrong = append(wrong, fmt.Errorf("the mediaType of the body is %.200q, the Content-Type is %s", mediaType, f.MediaType))
	}
	if v := versionOf(fields); v != f.SchemaVersion {
		wrong = append(wrong, fmt.Errorf("schemaVersion must be %d", f.SchemaVersion))
	}
	for _, name := range f.excluded(fields) {
		wrong = append(wrong, fmt.Errorf("the field %q does not belong to %s", name, f.MediaType))
	}
	m, err := f.Parse(content, fields)
	if err = errors.Join(append(wrong, err)...); err != nil {
		return nil, err
	}
	return m, nil
}

// excluded returns the names of the fields that belong to other formats, sorted.
func (f *Format) excluded(fields map[string]json.RawMessage) []string {
	var names []string
	for name, value := range fields {
		if present(value) && slices.ContainsFunc(f.Excludes, func(s string) bool { return strings.EqualFold(s, name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func mediaTypeOf(fields map[string]json.RawMessage) (string, error) {
	var s string
	if raw := fields["mediaType"]; present(raw) && json.Unmarshal(raw, &s) != nil {
		return "", errors.New("mediaType is not a string")
	}
	return s, nil
}

// versionOf returns the schemaVersion, or 0 where it is none.
func versionOf(fields map[string]json.RawMessage) int {
	var v int
	if json.Unmarshal(fields["schemaVersion"], &v) != nil {
		return 0
	}
	return v
}

func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }
