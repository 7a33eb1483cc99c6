package storage_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// counter returns a driver that counts the bytes' readers on uploads.
func counter(inner driver.Driver) (driver.Driver, *atomic.Int64) {
	var reads atomic.Int64
	return faulty.Wrap(inner, func(op faulty.Op, path string) error {
		if op == faulty.Reader && strings.Contains(path, "/_uploads/") {
			reads.Add(1)
		}
		return nil
	}), &reads
}

func TestResumedUploadIsNeverReadBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options storage.Options
		told    digest.Algorithm
		hash    digest.Algorithm
		want    int64
	}{
		{"kept hash", storage.Options{}, "", digest.SHA256, 0},
		{"hash states off", storage.Options{DisableHashState: true}, "", digest.SHA256, 1},
		{"SHA-512, told", storage.Options{}, digest.SHA512, digest.SHA512, 0},
		{"SHA-384, told", storage.Options{}, digest.SHA384, digest.SHA384, 0},
		{"SHA-512, told, and finished by SHA-256", storage.Options{}, digest.SHA512, digest.SHA256, 0},
		{"SHA-512, told, hash states off", storage.Options{DisableHashState: true}, digest.SHA512, digest.SHA512, 1},
		{"SHA-512, untold", storage.Options{}, "", digest.SHA512, 1},
		{"SHA-512, for SHA-384 told", storage.Options{}, digest.SHA384, digest.SHA512, 1},
		{"an algorithm that nobody knows", storage.Options{}, "md4", digest.SHA256, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, reads := counter(inmemory.New(inmemory.Parameters{}))
			// Two replicas over one store take turns.
			replicas := []registry.Repository{
				repository(t, storage.New(d, c.options), "turns"),
				repository(t, storage.New(d, c.options), "turns"),
			}
			w, err := replicas[0].Blobs().Create(t.Context())
			must(t, err)
			id := w.Upload().ID
			w.Expect(c.told)
			var content []byte
			for i := range 6 {
				chunk := bytes.Repeat([]byte{byte(i)}, 30_000*i+1)
				content = append(content, chunk...)
				_, err := w.Write(chunk)
				must(t, err)
				must(t, w.Close())
				w, err = replicas[i%2].Blobs().Resume(t.Context(), id)
				must(t, err)
			}
			_, err = w.Commit(t.Context(), registry.Descriptor{Digest: c.hash.FromBytes(content)})
			must(t, err)
			if !bytes.Equal(read(t, replicas[0], digest.FromBytes(content)), content) {
				t.Fatal("content differs")
			}
			if got := reads.Load(); got != c.want {
				t.Fatalf("the upload was read back %d times, want %d", got, c.want)
			}
		})
	}
}

// TestUploadOfADeadProcess goes on with sessions whose process has died with
// the writer open, or in the middle of a commit.
func TestUploadOfADeadProcess(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		for _, op := range []faulty.Op{faulty.Close, faulty.Move, faulty.Commit} {
			t.Run(name+" "+string(op), func(t *testing.T) {
				t.Parallel()
				inner := open(t)
				dead := errors.New("dead")
				dying := faulty.Wrap(inner, func(at faulty.Op, _ string) error {
					if at == op {
						return dead
					}
					return nil
				})
				p := repository(t, storage.New(dying, storage.Options{}), "dying")
				w, err := p.Blobs().Create(t.Context())
				must(t, err)
				first := bytes.Repeat([]byte("1"), 100<<10)
				_, err = w.Write(first)
				must(t, err)
				switch op {
				case faulty.Close:
					if err := w.Close(); !errors.Is(err, dead) {
						t.Fatalf("close: %v", err)
					}
				default:
					if _, err := w.Commit(t.Context(), describe(first)); !errors.Is(err, dead) {
						t.Fatalf("commit: %v", err)
					}
					must(t, w.Close())
				}

				p = repository(t, storage.New(inner, storage.Options{}), "dying")
				u, err := p.Blobs().Upload(t.Context(), w.Upload().ID)
				must(t, err)
				if u.Size != int64(len(first)) {
					t.Fatalf("%d bytes are left", u.Size)
				}
				next, err := p.Blobs().Resume(t.Context(), u.ID)
				must(t, err)
				_, err = next.Write([]byte("2"))
				must(t, err)
				_, err = next.Commit(t.Context(), describe(append(first, '2')))
				must(t, err)
			})
		}
	}
}

// TestUploadLeavesNothing looks at the store after each way to end a session.
func TestUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "rest")
			content := bytes.Repeat([]byte("r"), 100<<10)
			for _, end := range []func(registry.BlobWriter) error{
				func(w registry.BlobWriter) error { return w.Cancel(t.Context()) },
				func(w registry.BlobWriter) error { _, err := w.Commit(t.Context(), describe(content)); return err },
				func(w registry.BlobWriter) error {
					_, err := w.Commit(t.Context(), describe(nil))
					if !errors.Is(err, registry.ErrDigestInvalid) {
						return err
					}
					return nil
				},
				func(w registry.BlobWriter) error {
					_, err := w.Commit(t.Context(), registry.Descriptor{Digest: digest.SHA512.FromString("no")})
					if !errors.Is(err, registry.ErrDigestInvalid) {
						return err
					}
					return nil
				},
			} {
				w, err := p.Blobs().Create(t.Context())
				must(t, err)
				_, err = w.Write(content)
				must(t, err)
				must(t, w.Close())
				w, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
				must(t, err)
				must(t, end(w))
				must(t, w.Close())
				if left, err := d.List(t.Context(), "/docker/registry/v2/repositories/rest/_uploads"); err == nil {
					t.Fatalf("left: %v", left)
				}
			}
		})
	}
}

func TestStatusDoesNotDisturbTheWriter(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := repository(t, storage.New(open(t), storage.Options{}), "status")
			w, err := p.Blobs().Create(t.Context())
			must(t, err)
			var wg sync.WaitGroup
			var content []byte
			stop := make(chan struct{})
			wg.Go(func() {
				for last := int64(0); ; {
					select {
					case <-stop:
						return
					default:
					}
					u, err := p.Blobs().Upload(t.Context(), w.Upload().ID)
					if err != nil || u.Size < last {
						t.Errorf("status %d after %d: %v", u.Size, last, err)
						return
					}
					last = u.Size
				}
			})
			for i := range 200 {
				chunk := bytes.Repeat([]byte{byte(i)}, 1000)
				content = append(content, chunk...)
				_, err := w.Write(chunk)
				must(t, err)
			}
			close(stop)
			wg.Wait()
			_, err = w.Commit(t.Context(), describe(content))
			must(t, err)
		})
	}
}

// TestUploadStreams pushes 64 MiB and looks at the heap meanwhile.
func TestUploadStreams(t *testing.T) {
	const size, bound = 64 << 20, 4 << 20
	d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir(), NoSync: true})
	must(t, err)
	p := repository(t, storage.New(d, storage.Options{}), "stream")
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	chunk := make([]byte, 32<<10)
	_, err = rand.Read(chunk)
	must(t, err)
	hash := digest.Canonical.Digester()
	for sent := 0; sent < size; sent += len(chunk) {
		_, err := w.Write(chunk)
		must(t, err)
		_, _ = hash.Hash().Write(chunk)
	}
	desc, err := w.Commit(t.Context(), registry.Descriptor{Digest: hash.Digest()})
	must(t, err)
	r, err := p.Blobs().Open(t.Context(), desc.Digest)
	must(t, err)
	n, err := io.Copy(io.Discard, r)
	must(t, errors.Join(err, r.Close()))
	runtime.ReadMemStats(&now)
	if grown := int64(now.TotalAlloc - before.TotalAlloc); n != size || grown > bound {
		t.Fatalf("%d bytes came back; %d bytes were allocated on the way, more than %d", n, grown, bound)
	}
}

// TestConcurrentPushesOfOneBlob shows K-27.
func TestConcurrentPushesOfOneBlob(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := storage.New(open(t), storage.Options{})
			content := bytes.Repeat([]byte("same"), 30<<10)
			var wg sync.WaitGroup
			for i := range 16 {
				p := repository(t, r, fmt.Sprintf("same/%d", i%4))
				wg.Go(func() {
					if err := pushChunks(t.Context(), p, content); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for i := range 4 {
				if !bytes.Equal(read(t, repository(t, r, fmt.Sprintf("same/%d", i)), describe(content).Digest), content) {
					t.Fatal("content differs")
				}
			}
		})
	}
}
