package storage_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
	"github.com/registryconform/conform/reference/storage/internal/tarsum"
)

// layer returns an archive of one file of that many bytes, and its tarsums of
// both versions.
func layer(t *testing.T, size int) ([]byte, []digest.Digest) {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	must(t, w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(size)}))
	_, err := io.WriteString(w, strings.Repeat("x", size))
	must(t, errors.Join(err, w.Close()))
	return b.Bytes(), []digest.Digest{"tarsum+sha256:" + tarsumOf(t, "v0", b.Bytes()), "tarsum.v1+sha256:" + tarsumOf(t, "v1", b.Bytes())}
}

func tarsumOf(t *testing.T, version string, content []byte) digest.Digest {
	t.Helper()
	sum, err := tarsum.Sum(version, bytes.NewReader(content))
	must(t, err)
	return digest.Digest(sum)
}

// pushAs uploads a blob by the digest given.
func pushAs(t *testing.T, p registry.Repository, content []byte, as digest.Digest) error {
	t.Helper()
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	defer w.Close()
	_, err = w.Write(content)
	must(t, err)
	desc, err := w.Commit(t.Context(), registry.Descriptor{Digest: as})
	if err == nil && (desc.Digest != as || desc.Size != int64(len(content))) {
		t.Errorf("committed %+v", desc)
	}
	return err
}

// TestTarsum pushes layers by their tarsums (S-168, S-195, S-230): each is
// linked to the canonical digest (S-044), can be mounted by it (K-46), and goes
// with any of its names (K-18).
func TestTarsum(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		for _, size := range []int{10, 200 << 10} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := open(t)
				r := storage.New(d, storage.Options{})
				p := repository(t, r, "layers")
				content, aliases := layer(t, size)
				canonical := digest.FromBytes(content)
				for _, gone := range append(aliases, canonical) {
					for _, alias := range aliases {
						must(t, pushAs(t, p, content, alias))
					}
					for _, dgst := range append(aliases, canonical) {
						if !bytes.Equal(read(t, p, dgst), content) {
							t.Fatalf("%s reads otherwise", dgst)
						}
					}
					for _, path := range []string{"tarsum/v0/sha256/" + aliases[0].Encoded(), "tarsum/v1/sha256/" + aliases[1].Encoded(), "sha256/" + canonical.Encoded()} {
						link, err := d.GetContent(t.Context(), "/docker/registry/v2/repositories/layers/_layers/"+path+"/link")
						if err != nil || string(link) != canonical.String() {
							t.Fatalf("link %s: %q, %v", path, link, err)
						}
					}
					to := repository(t, r, "mounted")
					_, err := to.Blobs().Mount(t.Context(), p.Name(), gone)
					must(t, err)
					if !bytes.Equal(read(t, to, canonical), content) {
						t.Fatal("mounted content differs")
					}
					must(t, p.Blobs().Delete(t.Context(), gone))
					for _, dgst := range append(aliases, canonical) {
						_, err := p.Blobs().Stat(t.Context(), dgst)
						wantError(t, err, registry.ErrBlobUnknown)
					}
				}
			})
		}
	}
}

// TestTarsumRefused pushes what its tarsum does not fit. Nothing of it is left.
func TestTarsumRefused(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "layers")
			good, aliases := layer(t, 100<<10)
			_, others := layer(t, 9)
			for _, tc := range []struct {
				content []byte
				as      digest.Digest
			}{
				{good, others[1]},
				{good, digest.Digest("tarsum+sha256:" + aliases[1].Encoded())},
				{good[:len(good)-5000], aliases[1]},
				{[]byte("no archive"), aliases[0]},
				{bytes.Repeat([]byte("no archive"), 10_000), aliases[0]},
				{good, "tarsum.v2+sha256:" + digest.Digest(aliases[1].Encoded())},
				{good, "tarsum.v1+sha512:" + digest.Digest(aliases[1].Encoded())},
				{good, "tarsum.v1+sha256:abc"},
			} {
				wantError(t, pushAs(t, p, tc.content, tc.as), registry.ErrDigestInvalid)
			}
			if all, err := d.List(t.Context(), "/docker/registry/v2/repositories/layers"); err == nil {
				t.Fatalf("left: %v", all)
			}
			config := push(t, p, []byte("{}"))
			_, err := p.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{Digest: aliases[1]})
			wantError(t, err, registry.ErrDigestInvalid)
		})
	}
}

// TestTarsumOfABrokenStore is no fault of the client.
func TestTarsumOfABrokenStore(t *testing.T) {
	t.Parallel()
	content, aliases := layer(t, 200<<10)
	d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), func(op faulty.Op, _ string) error {
		if op == faulty.Read {
			return errMedium
		}
		return nil
	})
	err := pushAs(t, repository(t, storage.New(d, storage.Options{}), "layers"), content, aliases[0])
	if _, ok := errors.AsType[driver.Error](err); !ok || len(registry.Errors(err)) > 0 {
		t.Fatal(err)
	}
}
