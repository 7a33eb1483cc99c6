package garbage_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// A halt holds up the n-th call of a kind on paths with an ending.
type halt struct {
	op            faulty.Op
	ending        string
	n             int
	reached, pass chan struct{}
}

func haltAt(op faulty.Op, ending string, n int) *halt {
	return &halt{op, ending, n, make(chan struct{}), make(chan struct{})}
}

func (h *halt) await(t *testing.T) {
	t.Helper()
	select {
	case <-h.reached:
	case <-time.After(time.Minute):
		t.Fatal("not reached: ", h.op, h.ending)
	}
}

// halting is a driver with halts, for one goroutine.
func halting(inner driver.Driver, halts ...*halt) driver.Driver {
	return faulty.Wrap(inner, func(op faulty.Op, path string) error {
		for _, h := range halts {
			if op != h.op || !strings.HasSuffix(path, h.ending) {
				continue
			}
			if h.n--; h.n == 0 {
				close(h.reached)
				<-h.pass
			}
		}
		return nil
	})
}

// TestTagOfARefusedPush lets a push set a tag, and a collection take what the push
// needs and what the tag named before. The push is refused, and the tag does not
// name what is gone.
func TestTagOfARefusedPush(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	app := open(t, storage.New(d, storage.Options{}), "app")
	for _, content := range []string{"{}", "layer"} {
		_, err := blob(t, app, content)
		must(t, err)
	}
	_, err := put(t, app, "t", imageType, other())
	must(t, err)

	revision, again := haltAt(faulty.PutContent, "/link", 1), haltAt(faulty.GetContent, "/_garbage/state", 2)
	p := open(t, storage.New(halting(d, revision, again), storage.Options{}), "app")
	pushed := make(chan error, 1)
	go func() {
		_, err := put(t, p, "t", imageType, imageOf(digest.FromString("layer"), 5, ""))
		pushed <- err
	}()
	revision.await(t)
	tags := haltAt(faulty.Walk, "/_manifests/tags", 1)
	cd := halting(d, tags)
	collected := make(chan error, 1)
	go func() {
		collected <- garbage.Collect(t.Context(), storage.New(cd, storage.Options{}), cd, garbage.Options{Untagged: true}, func(garbage.Item) error { return nil })
	}()
	tags.await(t) // the manifests are listed
	close(revision.pass)
	again.await(t) // the push is in view, and not acknowledged
	close(tags.pass)
	must(t, <-collected)
	close(again.pass)
	if err := <-pushed; !errors.Is(err, registry.ErrManifestBlobUnknown) {
		t.Errorf("the push: %v", err)
	}
	name, err := registry.ParseTag("t")
	must(t, err)
	if got, err := app.Tags().Get(t.Context(), name); !errors.Is(err, registry.ErrManifestUnknown) {
		t.Errorf("the tag names %v, %v", got, err)
	}
}
