package manifest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/registryconform/conform/fixtures/malformed"
)

// FuzzObject compares the scanner with package json: it takes no text that
// that refuses, finds the same fields, and lets no name be there twice.
func FuzzObject(f *testing.F) {
	x, err := malformed.Load()
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range x.Vectors {
		if v.Kind == malformed.Manifest && len(v.Content) < 4<<10 {
			f.Add(v.Content)
		}
	}
	document := documentShape()
	f.Fuzz(func(t *testing.T, content []byte) {
		fields, err := object(content, document)
		if fields == nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(content, &want); err != nil {
			t.Fatalf("accepted, but: %v", err)
		}
		if !reflect.DeepEqual(fields, want) {
			t.Fatalf("fields %s, want %s", fields, want)
		}
		d := json.NewDecoder(bytes.NewReader(content))
		d.UseNumber()
		if err == nil && twice(t, d) {
			t.Fatal("a name is there twice")
		}
	})
}

// twice reads a value and reports whether an object in it has a name twice.
func twice(t *testing.T, d *json.Decoder) bool {
	t.Helper()
	next := func() json.Token {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	found := false
	switch next() {
	case json.Delim('['):
		for d.More() {
			found = twice(t, d) || found
		}
		next()
	case json.Delim('{'):
		seen := map[json.Token]bool{}
		for d.More() {
			name := next()
			found = seen[name] || found
			seen[name] = true
			found = twice(t, d) || found
		}
		next()
	}
	return found
}
