package registry_test

import (
	"context"
	"io"
	"reflect"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// What a caller may ask of blobs without the rest (S-041, S-209).
type (
	provider interface {
		Stat(ctx context.Context, dgst digest.Digest) (registry.Descriptor, error)
		Open(ctx context.Context, dgst digest.Digest) (io.ReadSeekCloser, error)
	}
	ingester interface {
		Create(ctx context.Context) (registry.BlobWriter, error)
		Resume(ctx context.Context, id string) (registry.BlobWriter, error)
	}
	deleter interface {
		Delete(ctx context.Context, dgst digest.Digest) error
	}
)

var (
	_ provider = registry.Blobs(nil)
	_ ingester = registry.Blobs(nil)
	_ deleter  = registry.Blobs(nil)
	// S-038: writers are those of package io.
	_ io.WriteCloser = registry.BlobWriter(nil)
)

// TestContextsComeFirst: what can wait takes a context, as its first argument
// (S-006).
func TestContextsComeFirst(t *testing.T) {
	t.Parallel()
	ctx := reflect.TypeFor[context.Context]()
	methods(func(c reflect.Type, m reflect.Method) {
		waits := m.Type.NumOut() > 0 && m.Type.Out(m.Type.NumOut()-1) == reflect.TypeFor[error]()
		takes := false
		for i, p := range params(m) {
			if p == ctx {
				if takes = true; i > 0 {
					t.Errorf("%s.%s takes a context as argument %d", c.Name(), m.Name, i)
				}
			}
		}
		// Those of package io have none, and parsed manifests don't wait.
		switch c.Name() + "." + m.Name {
		case "BlobWriter.Write", "BlobWriter.Close":
			return
		}
		if waits && !takes && c != reflect.TypeFor[registry.Manifest]() {
			t.Errorf("%s.%s can wait, and takes no context", c.Name(), m.Name)
		}
	})
}

// TestShape of the contracts: a descriptor is what blobs are told and given by
// (S-035, S-036, S-206); a writer writes at the end only (S-062) and tells of its
// session the id, the size and the start (S-151, S-211); there is no service of
// signatures (S-291), and tags are one of their own (S-295). Reading, writing and
// deleting can be had apart (S-041, S-209).
func TestShape(t *testing.T) {
	t.Parallel()
	desc, dgst := reflect.TypeFor[registry.Descriptor](), reflect.TypeFor[digest.Digest]()
	blobs, writer := reflect.TypeFor[registry.Blobs](), reflect.TypeFor[registry.BlobWriter]()
	for _, name := range []string{"Stat", "Open", "Delete"} {
		m, ok := blobs.MethodByName(name)
		if !ok || m.Type.In(1) != dgst {
			t.Errorf("Blobs.%s does not go by digest", name)
		}
	}
	for _, name := range []string{"Stat", "Mount"} {
		if m, ok := blobs.MethodByName(name); !ok || m.Type.Out(0) != desc {
			t.Errorf("Blobs.%s returns no descriptor", name)
		}
	}
	if m, ok := writer.MethodByName("Commit"); !ok || m.Type.In(1) != desc || m.Type.Out(0) != desc {
		t.Error("Commit does not take and return a descriptor")
	}
	for _, name := range []string{"WriteAt", "Seek", "Truncate"} {
		if _, ok := writer.MethodByName(name); ok {
			t.Errorf("a writer has %s", name)
		}
	}
	var fields []string
	for f := range reflect.TypeFor[registry.Upload]().Fields() {
		fields = append(fields, f.Name)
	}
	if len(fields) != 3 || fields[0] != "ID" || fields[1] != "Size" || fields[2] != "StartedAt" {
		t.Errorf("an upload tells %v", fields)
	}
	repository := reflect.TypeFor[registry.Repository]()
	if _, ok := repository.MethodByName("Signatures"); ok {
		t.Error("a repository has a service of signatures")
	}
	if m, ok := repository.MethodByName("Tags"); !ok || m.Type.Out(0) != reflect.TypeFor[registry.Tags]() {
		t.Error("a repository has no service of tags")
	}
}
