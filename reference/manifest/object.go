package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/registryconform/conform/reference/registry"
)

// maxErrors bounds what one answer tells about one manifest.
const maxErrors = 16

// object splits a JSON object into its fields. Names that differ by the case
// of letters alone count as duplicates, since some readers take one for the
// other.
func object(content []byte) (map[string]json.RawMessage, error) {
	if !json.Valid(content) {
		return nil, errors.New("the body is not valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(content))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("the body is not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, errors.New("the body is not valid JSON")
		}
		name, _ := token.(string)
		folded := strings.ToLower(name)
		if seen[folded] {
			return nil, fmt.Errorf("the field %.100q is there twice", name)
		}
		seen[folded] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("the field %.100q is not valid JSON", name)
		}
		fields[name] = value
	}
	return fields, nil
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
