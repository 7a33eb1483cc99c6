package storage_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/registryconform/conform/fixtures/malformed"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// malformedSite is a repository with what the vectors refer to.
func malformedSite(t *testing.T) (malformed.Index, *manifest.Table, registry.Repository) {
	t.Helper()
	x, err := malformed.Load()
	must(t, err)
	table := manifest.Default(manifest.WithSchema1(schema1.Options{}))
	r := storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{Manifests: table})
	p := repository(t, r, x.Repository)
	for _, part := range x.Content {
		if part.MediaType == "" {
			push(t, p, part.Content)
			continue
		}
		m, err := table.Parse(part.MediaType, part.Content)
		must(t, err)
		must(t, second(p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: part.Digest})))
	}
	return x, table, p
}

// Every malformed document is refused by the code that is expected of it, as
// the client's fault (S-271, K-75), and leaves no manifest, tag or signature behind; the odd
// ones come back as they were.
func TestMalformedManifests(t *testing.T) {
	t.Parallel()
	x, table, p := malformedSite(t)
	for _, v := range x.Vectors {
		if v.Kind != malformed.Manifest {
			continue
		}
		before := collect(t, p.Manifests().All(t.Context()))
		m, err := table.Parse(v.MediaType, v.Content)
		var desc registry.Descriptor
		if err == nil {
			desc, err = p.Manifests().Put(t.Context(), m, registry.PutOptions{Tags: []registry.Tag{tag(x.Reference)}})
		}
		if v.Expect == malformed.Accept {
			if err != nil {
				t.Errorf("%s is refused: %v", v.Name, err)
				continue
			}
			got, err := p.Manifests().Get(t.Context(), desc.Digest)
			must(t, err)
			if _, content := got.Payload(); string(content) != string(v.Content) {
				t.Errorf("%s came back as %s", v.Name, content)
			}
			must(t, p.Tags().Delete(t.Context(), tag(x.Reference)))
			if !slices.ContainsFunc(x.Content, func(part malformed.Part) bool { return part.Digest == desc.Digest }) {
				must(t, p.Manifests().Delete(t.Context(), desc.Digest))
			}
			continue
		}
		wantRefused(t, v, err)
		if after := collect(t, p.Manifests().All(t.Context())); len(after) != len(before) {
			t.Errorf("%s was refused, and left a manifest", v.Name)
		}
		if _, err := p.Tags().Get(t.Context(), tag(x.Reference)); !errors.Is(err, registry.ErrManifestUnknown) {
			t.Errorf("%s was refused, and left a tag: %v", v.Name, err)
		}
	}
}

func wantRefused(t *testing.T, v malformed.Vector, err error) {
	t.Helper()
	var codes []string
	for _, e := range registry.Errors(err) {
		codes = append(codes, e.Code)
		if e.Status != http.StatusBadRequest {
			t.Errorf("%s: status %d", v.Name, e.Status)
		}
	}
	if !slices.Contains(codes, v.Expect) {
		t.Errorf("%s: %v, want %s", v.Name, err, v.Expect)
	}
}

// Every name, tag and digest is read or refused as expected.
func TestMalformedStrings(t *testing.T) {
	t.Parallel()
	x, _, _ := malformedSite(t)
	for _, v := range x.Vectors {
		var err error
		expect := v.Expect
		switch s := string(v.Content); v.Kind {
		case malformed.Name:
			_, err = registry.ParseName(s)
		case malformed.Tag:
			_, err = registry.ParseTag(s)
			if expect != malformed.Accept {
				expect = "TAG_INVALID" // what has a colon is read as a digest in a URL alone
			}
		case malformed.Digest:
			_, err = registry.ParseDigest(s)
		default:
			continue
		}
		if expect == malformed.Accept {
			if err != nil {
				t.Errorf("%s is refused: %v", v.Name, err)
			}
			continue
		}
		v.Expect = expect
		wantRefused(t, v, err)
	}
}
