package storage_test

import (
	"iter"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
)

func repository(t *testing.T, r registry.Registry, name string) registry.Repository {
	t.Helper()
	return contract.Repository(t, r, name)
}

func must(t *testing.T, err error) {
	t.Helper()
	contract.Must(t, err)
}

func wantError(t *testing.T, err error, want *registry.Error) {
	t.Helper()
	contract.WantError(t, err, want)
}

func describe(content []byte) registry.Descriptor { return contract.Describe(content) }

func push(t *testing.T, p registry.Repository, content []byte) registry.Descriptor {
	t.Helper()
	return contract.Push(t, p, content)
}

func read(t *testing.T, p registry.Repository, dgst digest.Digest) []byte {
	t.Helper()
	return contract.Read(t, p, dgst)
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	return contract.Collect(t, seq)
}

func tag(s string) registry.Tag { return contract.Tag(s) }

func image(t *testing.T, config registry.Descriptor, extra string, layers ...registry.Descriptor) registry.Manifest {
	t.Helper()
	return contract.Image(t, config, extra, layers...)
}

func parse(t *testing.T, mediaType, body string) registry.Manifest {
	t.Helper()
	return contract.Parse(t, mediaType, body)
}
