package storage_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

func benchmark(b *testing.B, run func(b *testing.B, p registry.Repository)) {
	opens := []struct {
		name string
		open func() (driver.Driver, error)
	}{
		{"driver=inmemory", func() (driver.Driver, error) { return inmemory.New(inmemory.Parameters{}), nil }},
		{"driver=filesystem", func() (driver.Driver, error) {
			return filesystem.New(filesystem.Parameters{Root: b.TempDir()})
		}},
		{"driver=filesystem-nosync", func() (driver.Driver, error) {
			return filesystem.New(filesystem.Parameters{Root: b.TempDir(), NoSync: true})
		}},
	}
	for _, o := range opens {
		b.Run(o.name, func(b *testing.B) {
			d, err := o.open()
			if err != nil {
				b.Fatal(err)
			}
			name, err := registry.ParseName("bench/mark")
			if err != nil {
				b.Fatal(err)
			}
			p, err := storage.New(d, storage.Options{}).Repository(b.Context(), name)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			run(b, p)
		})
	}
}

func benchPush(b *testing.B, p registry.Repository, content []byte) registry.Descriptor {
	w, err := p.Blobs().Create(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for rest := content; len(rest) > 0; {
		n := min(len(rest), 32<<10)
		if _, err := w.Write(rest[:n]); err != nil {
			b.Fatal(err)
		}
		rest = rest[n:]
	}
	desc, err := w.Commit(b.Context(), registry.Descriptor{Digest: digest.FromBytes(content)})
	if err != nil {
		b.Fatal(err)
	}
	return desc
}

func BenchmarkPushBlob(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			benchmark(b, func(b *testing.B, p registry.Repository) {
				b.SetBytes(int64(size))
				var n atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					content := make([]byte, size)
					_, _ = rand.Read(content)
					for pb.Next() {
						copy(content, fmt.Sprintf("%16d", n.Add(1)))
						benchPush(b, p, content)
					}
				})
			})
		})
	}
}

func BenchmarkPutManifest(b *testing.B) {
	benchmark(b, func(b *testing.B, p registry.Repository) {
		config := benchPush(b, p, []byte("{}"))
		latest := tag("latest")
		for i := 0; b.Loop(); i++ {
			body := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":2},"layers":[],"annotations":{"i":"%d"}}`, config.Digest, i)
			m, err := manifest.Default().Parse(v1.MediaTypeImageManifest, []byte(body))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := p.Manifests().Put(b.Context(), m, registry.PutOptions{Tags: []registry.Tag{latest}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for _, op := range []string{"stat-blob", "serve-blob", "get-manifest", "stat-manifest", "get-tag"} {
		b.Run("op="+op, func(b *testing.B) {
			benchmark(b, func(b *testing.B, p registry.Repository) {
				blob := benchPush(b, p, make([]byte, 1<<20))
				body := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":1048576},"layers":[]}`, blob.Digest)
				m, err := manifest.Default().Parse(v1.MediaTypeImageManifest, []byte(body))
				if err != nil {
					b.Fatal(err)
				}
				desc, err := p.Manifests().Put(b.Context(), m, registry.PutOptions{Tags: []registry.Tag{tag("t")}})
				if err != nil {
					b.Fatal(err)
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := benchRead(b, p, op, blob.Digest, desc.Digest); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		})
	}
}

// discard is a response that keeps nothing.
type discard struct{ *httptest.ResponseRecorder }

func (discard) Write(p []byte) (int, error)         { return len(p), nil }
func (discard) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }

func benchRead(b *testing.B, p registry.Repository, op string, blob, m digest.Digest) error {
	var err error
	switch op {
	case "stat-blob":
		_, err = p.Blobs().Stat(b.Context(), blob)
	case "serve-blob":
		r := httptest.NewRequest("GET", "/", nil)
		err = p.Blobs().(registry.BlobServer).ServeBlob(b.Context(), discard{httptest.NewRecorder()}, r, blob)
	case "get-manifest":
		_, err = p.Manifests().Get(b.Context(), m)
	case "stat-manifest":
		_, err = p.Manifests().Stat(b.Context(), m)
	case "get-tag":
		_, err = p.Tags().Get(b.Context(), tag("t"))
	}
	return err
}
