package garbage_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// TestMaintain collects and purges by a clock that leaps, through a failure of
// the store, and ends with its context.
//
// S-157 K-29
func TestMaintain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := inmemory.New(inmemory.Parameters{})
		var broken atomic.Bool
		d := faulty.Wrap(memory, func(faulty.Op, string) error {
			if broken.Load() {
				return errors.New("broken")
			}
			return nil
		})
		r := storage.New(d, storage.Options{})
		p := open(t, r, "app")
		loose, err := blob(t, p, "loose")
		must(t, err)
		kept, _, err := image(t, p, "latest", "layer", "")
		must(t, err)
		id := abandon(t, p)
		var log record
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			garbage.Maintain(ctx, r, d, garbage.Maintenance{
				CollectEvery: time.Hour, Collect: garbage.Options{Grace: 30 * time.Hour},
				PurgeEvery: 24 * time.Hour, UploadAge: 48 * time.Hour,
				Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
			close(ended)
		}()
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if _, err := p.Blobs().Stat(ctx, loose); err != nil {
			t.Errorf("a blob within the grace period: %v", err)
		}
		broken.Store(true)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		broken.Store(false)
		if !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("the failure is not in the log: %s", log.String())
		}
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		if _, err := p.Blobs().Stat(ctx, loose); !errors.Is(err, registry.ErrBlobUnknown) {
			t.Errorf("a blob that nothing refers to: %v", err)
		}
		if _, err := p.Blobs().Upload(ctx, id); err != nil {
			t.Errorf("a young upload: %v", err)
		}
		time.Sleep(60 * time.Hour)
		synctest.Wait()
		if _, err := p.Blobs().Upload(ctx, id); !errors.Is(err, registry.ErrBlobUploadUnknown) {
			t.Errorf("an old upload: %v", err)
		}
		readable(t, p, kept)
		for _, want := range []string{"kind=content repository=\"\" name=" + loose.String(), "kind=upload repository=app name=" + id} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%q is not in the log:\n%s", want, log.String())
			}
		}
		cancel()
		<-ended
		sound(t, memory)
	})
}

// TestMaintainWithoutLog needs no log.
func TestMaintainWithoutLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := inmemory.New(inmemory.Parameters{})
		r := storage.New(d, storage.Options{})
		p := open(t, r, "app")
		loose, err := blob(t, p, "loose")
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		garbage.Maintain(ctx, r, d, garbage.Maintenance{CollectEvery: time.Minute})
		if _, err := p.Blobs().Stat(t.Context(), loose); !errors.Is(err, registry.ErrBlobUnknown) {
			t.Errorf("a blob that nothing refers to: %v", err)
		}
	})
}

// A record is a log that can be read while it is written.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// abandon begins an upload and leaves it.
func abandon(t *testing.T, p registry.Repository) string {
	t.Helper()
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write([]byte("x"))
	must(t, err)
	must(t, w.Close())
	return w.Upload().ID
}

// TestNoUploadInProgressIsPurged writes to an upload for hours, in one go and
// in chunks, while another process purges what is five minutes old.
//
// S-158
func TestNoUploadInProgressIsPurged(t *testing.T) {
	t.Parallel()
	for _, o := range []storage.Options{{}, {DisableHashState: true}} {
		for _, chunked := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				d := inmemory.New(inmemory.Parameters{})
				p := open(t, storage.New(d, o), "app")
				purged := 0
				w, err := p.Blobs().Create(t.Context())
				must(t, err)
				chunk := []byte(strings.Repeat("0123456789", 1000))
				var all []byte
				for range 5 * 60 {
					_, err := w.Write(chunk)
					must(t, err)
					all = append(all, chunk...)
					if chunked {
						must(t, w.Close())
						time.Sleep(50 * time.Second)
						w, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
						must(t, err)
					}
					time.Sleep(50 * time.Second)
					must(t, garbage.PurgeUploads(t.Context(), d, time.Now().Add(-garbage.MinUploadAge), false,
						func(garbage.Item) error { purged++; return nil }))
				}
				if purged > 0 {
					t.Fatalf("purged %d times", purged)
				}
				dgst := digest.FromBytes(all)
				_, err = w.Commit(t.Context(), registry.Descriptor{Digest: dgst})
				must(t, err)
				must(t, w.Close())
				sound(t, d)
				abandon(t, p)
				time.Sleep(time.Hour)
				must(t, garbage.PurgeUploads(t.Context(), d, time.Now().Add(-garbage.MinUploadAge), false,
					func(garbage.Item) error { purged++; return nil }))
				if purged != 1 {
					t.Errorf("%d uploads were purged, want the abandoned one", purged)
				}
			})
		}
	}
}
