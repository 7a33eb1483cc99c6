package storage_test

import (
	"bytes"
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// signing is a store that takes signed manifests, and what is put into it.
type signing struct {
	t        *testing.T
	table    *manifest.Table
	registry registry.Registry
	driver.Driver
	registry.Repository
	source *fixtures.Source
}

func openSigning(t *testing.T, d driver.Driver) *signing {
	t.Helper()
	table := manifest.Default(manifest.WithSchema1(schema1.Options{}))
	r := storage.New(d, storage.Options{Manifests: table})
	return &signing{t, table, r, d, repository(t, r, "a/b"), fixtures.New("signatures")}
}

// image pushes the layers of a signed image.
func (s *signing) image(keys ...fixtures.Key) fixtures.SignedManifest {
	s.t.Helper()
	x := s.source.Signed("a/b", "latest", keys)
	for _, b := range x.Blobs {
		push(s.t, s.Repository, b.Content)
	}
	return x
}

func (s *signing) put(x fixtures.SignedManifest, opts registry.PutOptions) (registry.Descriptor, error) {
	s.t.Helper()
	m, err := s.table.Parse(x.MediaType, x.Content)
	must(s.t, err)
	return s.Manifests().Put(s.t.Context(), m, opts)
}

// get returns what is served.
func (s *signing) get(dgst digest.Digest) (string, []byte) {
	s.t.Helper()
	m, err := s.Manifests().Get(s.t.Context(), dgst)
	must(s.t, err)
	return m.Payload()
}

func (s *signing) wantServed(x fixtures.SignedManifest) {
	s.t.Helper()
	if mediaType, content := s.get(x.Digest); mediaType != x.MediaType || !bytes.Equal(content, x.Content) {
		s.t.Fatalf("%s served as %s\n%s\nwant %s\n%s", x.Digest, mediaType, content, x.MediaType, x.Content)
	}
}

// links returns the paths of the links below the repository's manifests.
func (s *signing) links() []string {
	s.t.Helper()
	var all []string
	err := s.Walk(s.t.Context(), manifestsFolder, func(info driver.FileInfo) error {
		if !info.IsDir() {
			all = append(all, strings.TrimPrefix(info.Path(), manifestsFolder))
		}
		return nil
	})
	if _, absent := errors.AsType[driver.PathNotFoundError](err); !absent {
		must(s.t, err)
	}
	slices.Sort(all)
	return all
}

const manifestsFolder = "/docker/registry/v2/repositories/a/b/_manifests"

func blobPath(dgst digest.Digest) string {
	return "/docker/registry/v2/blobs/sha256/" + dgst.Encoded()[:2] + "/" + dgst.Encoded() + "/data"
}

// The payload is stored without signatures, which are linked contents of their
// own; both signers' are served, in the same order whoever came first (S-048,
// S-130, S-135, S-141, S-142, S-261, S-262, S-268, S-272).
func TestSignaturesMerge(t *testing.T) {
	t.Parallel()
	for _, a := range fixtures.Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			source := fixtures.New(string(a))
			k1, k2, k3 := source.Key(a), source.Key(a), source.Key(fixtures.ES256)
			for _, order := range [][]fixtures.Key{{k1, k2, k3}, {k3, k2, k1}} {
				s := openSigning(t, inmemory.New(inmemory.Parameters{}))
				x := s.image(order...)
				for i, k := range order {
					desc, err := s.put(x.Resign(k), registry.PutOptions{})
					must(t, err)
					if desc.Digest != x.Digest {
						t.Fatalf("digest %s, want %s", desc.Digest, x.Digest)
					}
					s.wantServed(x.Resign(order[:i+1]...))
				}
				must(t, second(s.put(x, registry.PutOptions{})))
				s.wantServed(x)
				stored, err := s.GetContent(t.Context(), blobPath(x.Digest))
				must(t, err)
				if !bytes.Equal(stored, x.Payload) {
					t.Errorf("stored:\n%s", stored)
				}
				revision := "/revisions/sha256/" + x.Digest.Encoded()
				want := []string{revision + "/link"}
				for _, signature := range x.Signatures {
					want = append(want, revision+"/signatures/sha256/"+digest.FromBytes(signature).Encoded()+"/link")
				}
				slices.Sort(want)
				if got := s.links(); !slices.Equal(got, want) {
					t.Errorf("links\n%v\nwant\n%v", got, want)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// A revision without signatures, or one whose signature is gone, is served
// with what there is (S-260, K-03); another process sees what one has added.
func TestSignaturesOfOthers(t *testing.T) {
	t.Parallel()
	s := openSigning(t, inmemory.New(inmemory.Parameters{}))
	k1, k2 := s.source.Key(fixtures.ES256), s.source.Key(fixtures.ES384)
	x := s.image(k1, k2)
	must(t, second(s.put(x.Resign(k1), registry.PutOptions{})))
	s.wantServed(x.Resign(k1))
	other := openSigning(t, s.Driver)
	must(t, second(other.put(x.Resign(k2), registry.PutOptions{})))
	s.wantServed(x)
	folder := manifestsFolder + "/revisions/sha256/" + x.Digest.Encoded() + "/signatures"
	must(t, s.PutContent(t.Context(), folder+"/sha256/not-a-digest/link", []byte("x")))
	gone := digest.FromBytes(x.Resign(k1).Signatures[0])
	must(t, s.Delete(t.Context(), path.Dir(blobPath(gone))))
	openSigning(t, s.Driver).wantServed(x.Resign(k2))
	must(t, s.Delete(t.Context(), folder))
	s.wantServed(x.Resign())
	other.wantServed(x.Resign())
}

// Bytes that are not those of the link are never served.
func TestSignatureCorrupt(t *testing.T) {
	t.Parallel()
	s := openSigning(t, inmemory.New(inmemory.Parameters{}))
	x := s.image(s.source.Key(fixtures.ES256), s.source.Key(fixtures.ES256))
	must(t, second(s.put(x, registry.PutOptions{})))
	must(t, s.PutContent(t.Context(), blobPath(digest.FromBytes(x.Signatures[0])), x.Signatures[1]))
	if m, err := openSigning(t, s.Driver).Manifests().Get(t.Context(), x.Digest); err == nil || len(registry.Errors(err)) != 0 {
		t.Errorf("got %v, %v", m, err)
	}
}

// A delete takes the signatures along: they don't come back with the payload.
func TestSignaturesDelete(t *testing.T) {
	t.Parallel()
	s := openSigning(t, inmemory.New(inmemory.Parameters{}))
	k1, k2 := s.source.Key(fixtures.ES256), s.source.Key(fixtures.RS256)
	x := s.image(k1, k2)
	must(t, second(s.put(x, registry.PutOptions{Tags: []registry.Tag{tag("latest")}})))
	must(t, s.Manifests().Delete(t.Context(), x.Digest))
	wantError(t, second(s.Manifests().Get(t.Context(), x.Digest)), registry.ErrManifestUnknown)
	if left := s.links(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	must(t, second(s.put(x.Resign(k2), registry.PutOptions{})))
	s.wantServed(x.Resign(k2))
}

// Options belong to their call (K-07), and every problem is told at once, each
// by its own code and each missing layer by its name (S-183, S-189, S-199).
func TestSignedPutTellsAll(t *testing.T) {
	t.Parallel()
	s := openSigning(t, inmemory.New(inmemory.Parameters{}))
	k := s.source.Key(fixtures.RS256)
	x := s.source.Signed("a/c", "old", []fixtures.Key{k}, fixtures.Layers(3))
	bad := x
	bad.Content = bytes.Replace(x.Content, []byte(`"amd64"`), []byte(`"arm64"`), 1)
	_, err := s.put(bad, registry.PutOptions{Tags: []registry.Tag{tag("latest")}, Digest: digest.FromBytes(bad.Content)})
	var got []string
	for _, e := range registry.Errors(err) {
		got = append(got, e.Code)
	}
	want := "DIGEST_INVALID NAME_INVALID TAG_INVALID MANIFEST_UNVERIFIED" + strings.Repeat(" MANIFEST_BLOB_UNKNOWN", 3)
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for _, b := range x.Blobs {
		if !strings.Contains(err.Error(), b.Digest.String()) {
			t.Errorf("%v does not name %s", err, b.Digest)
		}
	}
	skipped := s.source.Signed("a/b", "latest", []fixtures.Key{k})
	must(t, second(s.put(skipped, registry.PutOptions{SkipReferences: true, Digest: skipped.Digest})))
	wantError(t, second(s.put(skipped, registry.PutOptions{})), registry.ErrManifestBlobUnknown)
	wantError(t, second(s.put(s.image(), registry.PutOptions{})), registry.ErrManifestUnverified)
	if held := s.links(); len(held) != 2 {
		t.Errorf("links %v", held)
	}
}

// A client that signs the same again and again neither is locked out nor makes
// the manifest grow without end.
func TestSignaturesAreBounded(t *testing.T) {
	t.Parallel()
	s := openSigning(t, inmemory.New(inmemory.Parameters{}))
	x := s.image(s.source.Key(fixtures.ES256))
	for range 70 {
		k := s.source.Key(fixtures.ES256)
		must(t, second(s.put(x.Resign(k), registry.PutOptions{})))
		_, content := s.get(x.Digest)
		if id := []byte(k.ID()); !bytes.Contains(content, id) {
			t.Fatalf("%s, which was just pushed, is not served", id)
		}
		m, err := schema1.Parse(content)
		must(t, err)
		must(t, second(schema1.Verify(m)))
	}
	if links := s.links(); len(links) != 65 {
		t.Errorf("%d links, want one and 64 of signatures", len(links))
	}
}

// Wherever the medium fails, nothing is half visible, and a client is not to
// blame (K-10).
func TestSignedPutFaults(t *testing.T) {
	t.Parallel()
	memory := inmemory.New(inmemory.Parameters{})
	fine := openSigning(t, memory)
	x := fine.image(fine.source.Key(fixtures.ES256), fine.source.Key(fixtures.ES256))
	failed := 0
	for at := 1; ; at++ {
		calls := 0
		s := openSigning(t, faulty.Wrap(memory, func(_ faulty.Op, path string) error {
			// The last look at the state of collections comes when all is there.
			if strings.HasSuffix(path, "/_garbage/state") {
				return nil
			}
			if calls++; calls == at {
				return errMedium
			}
			return nil
		}))
		m, err := s.table.Parse(x.MediaType, x.Content)
		must(t, err)
		_, err = s.Manifests().Put(t.Context(), m, registry.PutOptions{})
		if err == nil {
			break
		}
		failed++
		if !errors.Is(err, errMedium) || len(registry.Errors(err)) != 0 {
			t.Errorf("fault %d: %v", at, err)
		}
		wantError(t, second(fine.Manifests().Get(t.Context(), x.Digest)), registry.ErrManifestUnknown)
		if named := collect(t, fine.registry.Repositories(t.Context(), registry.Name{})); len(named) != 0 {
			t.Errorf("fault %d: %v is listed", at, named)
		}
	}
	if failed < 6 {
		t.Errorf("only %d places failed", failed)
	}
	fine.wantServed(x)
}
