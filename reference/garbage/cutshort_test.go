package garbage_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

var errCut = errors.New("the store is out of reach")

// failing returns d, of which the call of number at fails, or with it all that
// come after, as for a process that is killed there.
func failing(d driver.Driver, at int, forGood bool) (driver.Driver, func() bool) {
	var calls atomic.Int64
	return faulty.Wrap(d, func(faulty.Op, string) error {
		if n := int(calls.Add(1)); n == at || forGood && n > at {
			return errCut
		}
		return nil
	}), func() bool { return int(calls.Load()) >= at }
}

// needed are the manifests that must be readable, by name of their repository.
type needed map[string][]digest.Digest

// fill pushes what a collection keeps, and of each kind something that it removes.
func fill(t *testing.T, d driver.Driver) needed {
	t.Helper()
	r := storage.New(d, storage.Options{})
	p, q := open(t, r, "team/app"), open(t, r, "team")
	tagged, _, err := image(t, p, "latest", "tagged", "")
	must(t, err)
	child, _, err := image(t, p, "", "child", "")
	must(t, err)
	top := index(t, p, "all", child, imageType)
	signature, _, err := image(t, p, "", "signature", fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":%q,"size":9}`, indexType, top))
	must(t, err)
	gone, _, err := image(t, p, "", "gone", "")
	must(t, err)
	index(t, p, "", gone, imageType)
	for _, content := range []string{"loose", "tagged"} {
		_, err = blob(t, q, content)
		must(t, err)
	}
	other, _, err := image(t, q, "other", "tagged", "")
	must(t, err)
	return needed{"team/app": {tagged, child, top, signature}, "team": {other}}
}

// holds fails unless all that is needed can be read, by a server that has just
// begun, and the store is sound.
func holds(t *testing.T, d driver.Driver, all needed) {
	t.Helper()
	r := storage.New(d, storage.Options{})
	for name, manifests := range all {
		for _, dgst := range manifests {
			readable(t, open(t, r, name), dgst)
		}
	}
	sound(t, d)
}

// files returns the paths of all files but those by which collectors tell of
// themselves.
func files(t *testing.T, d driver.Driver) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	must(t, d.Walk(t.Context(), "/", func(info driver.FileInfo) error {
		if !info.IsDir() && !strings.HasPrefix(info.Path(), layout.CollectionState) && !strings.HasPrefix(info.Path(), layout.Collectors) {
			all[info.Path()] = true
		}
		return nil
	}))
	return all
}

// TestCollectionThatIsCutShort lets each call of a collection to its store fail
// in turn, once or for good, as if it was killed there. What is needed stays, the
// failure is told, pushes go on, and the next collection finishes the work.
func TestCollectionThatIsCutShort(t *testing.T) {
	t.Parallel()
	o := garbage.Options{Untagged: true}
	whole := inmemory.New(inmemory.Parameters{})
	fill(t, whole)
	collect(t, storage.New(whole, storage.Options{}), whole, o)
	want := files(t, whole)
	for _, forGood := range []bool{false, true} {
		t.Run(fmt.Sprintf("for good: %t", forGood), func(t *testing.T) {
			t.Parallel()
			reached := true
			for at := 1; reached; at++ {
				synctest.Test(t, func(t *testing.T) {
					d := inmemory.New(inmemory.Parameters{})
					all := fill(t, d)
					cut, cutting := failing(d, at, forGood)
					skipped := false
					err := garbage.Collect(t.Context(), storage.New(cut, storage.Options{}), cut, o, func(i garbage.Item) error {
						skipped = skipped || i.Kind == garbage.Skipped && strings.Contains(i.Reason, errCut.Error())
						return nil
					})
					if reached = cutting(); reached != (errors.Is(err, errCut) || skipped) {
						t.Errorf("call %d: %v", at, err)
					}
					holds(t, d, all)

					// Who relies on what was being removed is refused as long as
					// the collector may still live, and no longer.
					p, begun := open(t, storage.New(d, storage.Options{}), "team"), time.Now()
					again, _, err := image(t, p, "again", "gone", "")
					for errors.Is(err, registry.ErrUnavailable) && time.Since(begun) < 3*time.Minute {
						again, _, err = image(t, p, "again", "gone", "")
					}
					if err != nil {
						t.Fatalf("call %d: a push after %v: %v", at, time.Since(begun), err)
					}
					readable(t, p, again)
					must(t, p.Manifests().Delete(t.Context(), again))

					time.Sleep(3 * time.Minute)
					collect(t, storage.New(d, storage.Options{}), d, o)
					holds(t, d, all)
					if got := files(t, d); !maps.Equal(got, want) {
						t.Errorf("call %d: the next collection left %d files, want %d", at, len(got), len(want))
					}
				})
				if t.Failed() {
					return
				}
			}
		})
	}
}

// TestWhatIsYoungAgainStays: content that is written again, be it by a server that
// knows nothing of collections, after it was found to be old, is not removed.
func TestWhatIsYoungAgainStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := inmemory.New(inmemory.Parameters{})
		dgst, err := blob(t, open(t, storage.New(d, storage.Options{}), "app"), "loose")
		must(t, err)
		must(t, d.Delete(t.Context(), layout.Link(layout.Layers(open(t, storage.New(d, storage.Options{}), "app").Name()), dgst)))
		time.Sleep(2 * time.Hour)
		content := layout.Blob(dgst)
		statted := false
		late := faulty.Wrap(d, func(op faulty.Op, path string) error {
			// It is looked at for the last time just before it is removed.
			if op == faulty.Stat && path == content && !statted {
				statted = true
				return d.PutContent(t.Context(), content, []byte("loose"))
			}
			return nil
		})
		collect(t, storage.New(late, storage.Options{}), late, garbage.Options{Grace: time.Hour})
		r, err := d.Reader(t.Context(), content, 0)
		must(t, err)
		defer r.Close()
		if got, err := io.ReadAll(r); string(got) != "loose" || err != nil || !statted {
			t.Errorf("%q, %v, looked at again: %v", got, err, statted)
		}
	})
}
