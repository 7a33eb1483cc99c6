package registry_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/fixtures/malformed"
	"github.com/registryconform/conform/reference/registry"
)

// seed adds the vectors of the kinds.
func seed(f *testing.F, kinds ...malformed.Kind) {
	f.Helper()
	x, err := malformed.Load()
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range x.Vectors {
		for _, k := range kinds {
			if v.Kind == k {
				f.Add(string(v.Content))
			}
		}
	}
}

// FuzzParseName compares the parser of names with the expression of the
// distribution specification.
func FuzzParseName(f *testing.F) {
	seed(f, malformed.Name, malformed.Tag)
	grammar := regexp.MustCompile(`\A[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\z`)
	f.Fuzz(func(t *testing.T, s string) {
		n, err := registry.ParseName(s)
		if want := grammar.MatchString(s) && len(s) <= 255; (err == nil) != want {
			t.Fatalf("%q: %v, want it good: %v", s, err, want)
		}
		if err == nil && n.String() != s || err != nil && !n.IsZero() {
			t.Fatalf("%q became %q", s, n)
		}
	})
}

// FuzzParseDigest compares the parser of digests with that of go-digest, and
// with the lengths of the registered algorithms.
func FuzzParseDigest(f *testing.F) {
	seed(f, malformed.Digest)
	registered := regexp.MustCompile(`\A(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}|tarsum(\.v1)?\+sha256:[0-9a-f]{64})\z`)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := registry.ParseDigest(s)
		if good := registered.MatchString(s); (err == nil) != good || good != (digest.Digest(s).Validate() == nil) && !strings.HasPrefix(s, "tarsum") {
			t.Fatalf("%q: %v", s, err)
		}
		if err == nil && d.String() != s || err != nil && d != "" {
			t.Fatalf("%q became %q", s, d)
		}
	})
}

// FuzzParseReference demands that a reference is either a tag of the grammar
// or a digest, and is written as it was read.
func FuzzParseReference(f *testing.F) {
	seed(f, malformed.Tag, malformed.Digest)
	grammar := regexp.MustCompile(`\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		r, err := registry.ParseReference(s)
		tag, isTag := r.Tag()
		d, isDigest := r.Digest()
		if want := grammar.MatchString(s) || registry.CheckDigest(digest.Digest(s)) == nil; (err == nil) != want {
			t.Fatalf("%q: %v, want it good: %v", s, err, want)
		}
		if err != nil {
			if isTag || isDigest || len(registry.Errors(err)) != 1 {
				t.Fatalf("%q: %v, %v, %v", s, tag, d, err)
			}
			return
		}
		if isTag == isDigest || r.String() != s || isTag && tag.String() != s || isDigest && d.String() != s {
			t.Fatalf("%q: tag %q, digest %q", s, tag, d)
		}
	})
}
