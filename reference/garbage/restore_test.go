package garbage_test

import (
	"errors"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

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

	revision, again := faulty.StopAt(1, faulty.On(faulty.PutContent, "/link")), faulty.StopAt(2, faulty.On(faulty.GetContent, "/_garbage/state"))
	p := open(t, storage.New(faulty.Stopping(d, revision, again), storage.Options{}), "app")
	pushed := make(chan error, 1)
	go func() {
		_, err := put(t, p, "t", imageType, imageOf(digest.FromString("layer"), 5, ""))
		pushed <- err
	}()
	must(t, revision.Await())
	tags := faulty.StopAt(1, faulty.On(faulty.Walk, "/_manifests/tags"))
	cd := faulty.Stopping(d, tags)
	collected := make(chan error, 1)
	go func() {
		collected <- garbage.Collect(t.Context(), storage.New(cd, storage.Options{}), cd, garbage.Options{Untagged: true}, func(garbage.Item) error { return nil })
	}()
	must(t, tags.Await()) // the manifests are listed
	revision.Pass <- nil
	must(t, again.Await()) // the push is in view, and not acknowledged
	tags.Pass <- nil
	must(t, <-collected)
	again.Pass <- nil
	if err := <-pushed; !errors.Is(err, registry.ErrManifestBlobUnknown) {
		t.Errorf("the push: %v", err)
	}
	name, err := registry.ParseTag("t")
	must(t, err)
	if got, err := app.Tags().Get(t.Context(), name); !errors.Is(err, registry.ErrManifestUnknown) {
		t.Errorf("the tag names %v, %v", got, err)
	}
}
