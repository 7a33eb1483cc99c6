package storage_test

import (
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// Two layers of the same files have one tarsum and two digests: the one pushed
// last is what the tarsum names, and both stay what they are.
func TestTarsumPair(t *testing.T) {
	t.Parallel()
	pair := fixtures.New("pair").TarsumPair(700)
	tarsum := digest.Digest("tarsum.v1+sha256:" + string(tarsumOf(t, "v1", pair[0].Content)))
	if other := tarsumOf(t, "v1", pair[1].Content); tarsum.Encoded() != string(other) || pair[0].Digest == pair[1].Digest {
		t.Fatalf("tarsums %s and %s, digests %s and %s", tarsum, other, pair[0].Digest, pair[1].Digest)
	}
	p := repository(t, storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{}), "a")
	for _, l := range pair {
		w, err := p.Blobs().Create(t.Context())
		must(t, err)
		must(t, second(w.Write(l.Content)))
		must(t, second(w.Commit(t.Context(), registry.Descriptor{Digest: tarsum})))
		if got := read(t, p, tarsum); string(got) != string(l.Content) {
			t.Errorf("the tarsum names other content than was just pushed")
		}
	}
	for _, l := range pair {
		if got := read(t, p, l.Digest); string(got) != string(l.Content) {
			t.Errorf("%s has other content", l.Digest)
		}
	}
}
