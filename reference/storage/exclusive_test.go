package storage_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

var exclusive = storage.Options{Exclusive: true}

// begin begins an upload that has no content.
func begin(t *testing.T, p registry.Repository) registry.Upload {
	t.Helper()
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	must(t, w.Close())
	return w.Upload()
}

// TestExclusiveRemembersSessions: a session without content costs the store of an
// exclusive registry nothing, and lives as any other does.
func TestExclusiveRemembersSessions(t *testing.T) {
	t.Parallel()
	p, l := ledgered(t, exclusive, "exclusive")
	pushed, cancelled := begin(t, p), begin(t, p)
	for _, want := range []registry.Upload{pushed, cancelled, pushed} {
		for range 2 {
			got, err := p.Blobs().Upload(t.Context(), want.ID)
			if err != nil || got != want {
				t.Fatalf("upload %+v, %v, want %+v", got, err, want)
			}
		}
		w, err := p.Blobs().Resume(t.Context(), want.ID)
		must(t, err)
		if got := w.Upload(); got != want {
			t.Fatalf("resumed %+v, want %+v", got, want)
		}
		must(t, w.Close())
	}
	w, err := p.Blobs().Resume(t.Context(), cancelled.ID)
	must(t, err)
	must(t, w.Cancel(t.Context()))
	if calls := l.take(); len(calls) > 0 {
		t.Errorf("calls for sessions without content: %v", calls)
	}
	w, err = p.Blobs().Resume(t.Context(), pushed.ID)
	must(t, err)
	_, err = w.Write([]byte("content"))
	must(t, err)
	_, err = w.Commit(t.Context(), registry.Descriptor{Digest: digest.FromString("content")})
	must(t, err)
	var kinds []string
	for _, c := range l.take() {
		if op, _, _ := strings.Cut(c, " "); !strings.HasSuffix(c, "/_garbage/state") {
			kinds = append(kinds, op)
		}
	}
	if got := fmt.Sprint(kinds); got != "[PutContent PutContent]" {
		t.Errorf("calls for a push: %s", got)
	}
	for _, u := range []registry.Upload{pushed, cancelled} {
		_, err := p.Blobs().Resume(t.Context(), u.ID)
		wantError(t, err, registry.ErrBlobUploadUnknown)
		_, err = p.Blobs().Upload(t.Context(), u.ID)
		wantError(t, err, registry.ErrBlobUploadUnknown)
	}
}

// TestExclusiveStoresContent: what has content outlives the process that took it,
// in the repository that it is of.
func TestExclusiveStoresContent(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			r := storage.New(d, exclusive)
			p := repository(t, r, "p")
			empty, full := begin(t, p), begin(t, p)
			_, err := repository(t, r, "q").Blobs().Resume(t.Context(), full.ID)
			wantError(t, err, registry.ErrBlobUploadUnknown)
			w, err := p.Blobs().Resume(t.Context(), full.ID)
			must(t, err)
			_, err = w.Write([]byte("one "))
			must(t, err)
			must(t, w.Close())

			p = repository(t, storage.New(d, exclusive), "p")
			_, err = p.Blobs().Resume(t.Context(), empty.ID)
			wantError(t, err, registry.ErrBlobUploadUnknown)
			w, err = p.Blobs().Resume(t.Context(), full.ID)
			must(t, err)
			if u := w.Upload(); u.Size != 4 || !u.StartedAt.Equal(full.StartedAt) {
				t.Errorf("resumed %+v, began as %+v", u, full)
			}
			_, err = w.Write([]byte("two"))
			must(t, err)
			_, err = w.Commit(t.Context(), registry.Descriptor{Digest: digest.FromString("one two")})
			must(t, err)
			if left := files(t, d, root+"/repositories/p/_uploads"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestExclusiveIsBounded: sessions that are too many for memory are stored, until
// those that were given up have gone.
func TestExclusiveIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := inmemory.New(inmemory.Parameters{})
		p := repository(t, storage.New(d, exclusive), "many")
		first := begin(t, p)
		for range 10_000 {
			begin(t, p)
		}
		stored := func() int { return len(files(t, d, root+"/repositories/many/_uploads")) }
		if n := stored(); n != 1 {
			t.Fatalf("%d of 10,001 sessions are stored, want 1", n)
		}
		_, err := p.Blobs().Upload(t.Context(), first.ID)
		must(t, err)
		time.Sleep(25 * time.Hour)
		_, err = p.Blobs().Upload(t.Context(), begin(t, p).ID)
		must(t, err)
		if n := stored(); n != 1 {
			t.Errorf("%d sessions are stored, want 1", n)
		}
		_, err = p.Blobs().Upload(t.Context(), first.ID)
		wantError(t, err, registry.ErrBlobUploadUnknown)
	})
}

// TestExclusiveTakesOneWriter: of many who want to push into one session at once,
// while others look at it, one gets it.
func TestExclusiveTakesOneWriter(t *testing.T) {
	t.Parallel()
	p, _ := ledgered(t, exclusive, "one")
	for range 200 {
		u := begin(t, p)
		var writers sync.WaitGroup
		var mu sync.Mutex
		committed := 0
		for i := range 8 {
			writers.Go(func() {
				if i%2 == 0 {
					if _, err := p.Blobs().Upload(t.Context(), u.ID); err != nil && !errors.Is(err, registry.ErrBlobUploadUnknown) {
						t.Error(err)
					}
					return
				}
				w, err := p.Blobs().Resume(t.Context(), u.ID)
				if err != nil {
					if !errors.Is(err, registry.ErrBlobUploadUnknown) && !errors.Is(err, registry.ErrBlobUploadInvalid) {
						t.Error(err)
					}
					return
				}
				_, err = w.Write([]byte{byte(i)})
				if err == nil {
					_, err = w.Commit(t.Context(), registry.Descriptor{Digest: digest.FromBytes([]byte{byte(i)})})
				}
				if err = errors.Join(err, w.Close()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				committed++
			})
		}
		writers.Wait()
		if committed != 1 {
			t.Fatalf("%d pushes into one session", committed)
		}
	}
}
