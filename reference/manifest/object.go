package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/registryconform/conform/reference/registry"
)

// maxErrors bounds what one answer tells about one manifest.
const maxErrors = 16

// A shape is what names stand for in a part of a document. Readers that take
// names in any case of letters must not find one that others don't.
type shape struct {
	// fields are the names that mean something; what has no shape of its own
	// may hold anything.
	fields map[string]*shape
	// needs is one that must be there.
	needs string
}

// documentShape returns the shape of every format at once. A list has the
// shape of its elements.
func documentShape() *shape {
	platform := &shape{fields: names("architecture", "os", "os.version", "os.features", "variant", "features")}
	descriptor := &shape{
		fields: names("mediaType", "digest", "size", "urls", "annotations", "data", "artifactType"),
		needs:  "size",
	}
	descriptor.fields["platform"] = platform
	header := &shape{fields: names("jwk", "alg", "x5c")}
	signature := &shape{fields: names("signature", "protected")}
	signature.fields["header"] = header
	document := &shape{fields: names("schemaVersion", "mediaType", "artifactType", "annotations", "name", "tag", "architecture")}
	for name, s := range map[string]*shape{
		"config": descriptor, "layers": descriptor, "manifests": descriptor, "subject": descriptor,
		"fsLayers": {fields: names("blobSum")}, "history": {fields: names("v1Compatibility")}, "signatures": signature,
	} {
		document.fields[name] = s
	}
	return document
}

func names(all ...string) map[string]*shape {
	m := map[string]*shape{}
	for _, name := range all {
		m[name] = nil
	}
	return m
}

// A scanner goes through a document that is valid JSON.
type scanner struct {
	content []byte
	at      int
	wrong   []error
}

// object splits a JSON object into its fields. It refuses what two readers
// could understand in two ways, at any depth: bytes that are not UTF-8, a name
// that is there twice, and one that differs from one of the format by the case
// of letters alone. All that is wrong comes back joined.
func object(content []byte, document *shape) (map[string]json.RawMessage, error) {
	switch {
	case !json.Valid(content):
		return nil, errors.New("the body is not valid JSON")
	case !utf8.Valid(content):
		return nil, errors.New("the body is not valid UTF-8")
	}
	s := &scanner{content: content}
	if s.peek() != '{' {
		return nil, errors.New("the body is not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	s.object(document, func(name string, value []byte) { fields[name] = value })
	return fields, errors.Join(s.wrong...)
}

// peek passes over white space and returns what follows.
func (s *scanner) peek() byte {
	for strings.IndexByte(" \t\r\n", s.content[s.at]) >= 0 {
		s.at++
	}
	return s.content[s.at]
}

// value goes through a value, which ends before s.at.
func (s *scanner) value(of *shape) {
	switch s.peek() {
	case '{':
		s.object(of, nil)
	case '[':
		s.at++
		for s.peek() != ']' {
			s.value(of)
			if s.peek() == ',' {
				s.at++
			}
		}
		s.at++
	case '"':
		s.text()
	default: // a number, true, false or null, with something after it
		for strings.IndexByte(" \t\r\n,]}", s.content[s.at]) < 0 {
			s.at++
		}
	}
}

// text goes through a string and returns it in its quotes.
func (s *scanner) text() []byte {
	begin := s.at
	for s.at++; s.content[s.at] != '"'; s.at++ {
		if s.content[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	return s.content[begin:s.at]
}

// object goes through an object and gives its fields to f, if there is one.
func (s *scanner) object(of *shape, f func(name string, value []byte)) {
	var seen nameSet
	met := of == nil || of.needs == ""
	for s.at++; s.peek() != '}'; {
		name := unquote(s.text())
		if !seen.add(name) {
			s.fail("the field %.100q is there twice", name)
		}
		s.peek() // the colon
		s.at++
		met = met || name == of.needs && s.peek() != 'n'
		s.peek()
		begin := s.at
		s.value(s.shapeOf(of, name))
		if f != nil {
			f(name, s.content[begin:s.at])
		}
		if s.peek() == ',' {
			s.at++
		}
	}
	s.at++
	if !met {
		s.fail("a descriptor has no %s", of.needs)
	}
}

// shapeOf returns the shape of the field called name, and fails for one that
// is nearly called as one of the format.
func (s *scanner) shapeOf(of *shape, name string) *shape {
	if of == nil {
		return nil
	}
	inner, known := of.fields[name]
	if known {
		return inner
	}
	for exact := range of.fields {
		if strings.EqualFold(exact, name) {
			s.fail("the field %.100q must be spelled %s", name, exact)
		}
	}
	return nil
}

func (s *scanner) fail(format string, args ...any) {
	if len(s.wrong) < maxErrors {
		s.wrong = append(s.wrong, fmt.Errorf(format, args...))
	}
}

// A nameSet is a set of names, which is small most of the time.
type nameSet struct {
	few  [8]string
	n    int
	many map[string]bool
}

// add reports whether the name was not in the set.
func (s *nameSet) add(name string) bool {
	if slices.Contains(s.few[:min(s.n, len(s.few))], name) || s.many[name] {
		return false
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
	} else {
		if s.many == nil {
			s.many = map[string]bool{}
		}
		s.many[name] = true
	}
	s.n++
	return true
}

func unquote(quoted []byte) string {
	if inner := string(quoted[1 : len(quoted)-1]); strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is valid
	return s
}

// invalid gives each error of a tree of joined ones a code, unless it has one.
func invalid(err error) error {
	var all []error
	collect(err, &all)
	return errors.Join(all...)
}

func collect(err error, all *[]error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, inner := range joined.Unwrap() {
			collect(inner, all)
		}
		return
	}
	if len(*all) == maxErrors {
		return
	}
	if _, coded := errors.AsType[*registry.Error](err); !coded {
		err = registry.ErrManifestInvalid.Wrap(err)
	}
	*all = append(*all, err)
}
