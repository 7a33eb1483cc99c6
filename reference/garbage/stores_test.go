package garbage_test

import (
	"testing"
	"time"

	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/storage"
)

// TestNestedAndEmptyRepositories collects an empty store, a repository without
// blobs, and one whose manifests go while another lies below it (K-53, K-54),
// and purges among folders that are no uploads (K-52).
func TestNestedAndEmptyRepositories(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	if got := collect(t, r, d, garbage.Options{Untagged: true}); len(got) != 0 {
		t.Errorf("an empty store has %+v", got)
	}
	parent, child := open(t, r, "team"), open(t, r, "team/app")
	_, _, err := image(t, parent, "", "parent", "")
	must(t, err)
	kept, _, err := image(t, child, "latest", "child", "")
	must(t, err)
	const repositories = "/docker/registry/v2/repositories/"
	must(t, d.Delete(t.Context(), repositories+"team/_layers"))
	got := collect(t, r, d, garbage.Options{Untagged: true})
	if len(got) == 0 {
		t.Error("the parent's manifest stays")
	}
	readable(t, child, kept)
	sound(t, d)

	for _, odd := range []string{"team/_uploads/odd", "team/app/_uploads/x/y/z", "_uploads/startedat"} {
		must(t, d.PutContent(t.Context(), repositories+odd, []byte("odd")))
	}
	must(t, garbage.PurgeUploads(t.Context(), d, time.Now().Add(time.Hour), false, func(garbage.Item) error { return nil }))
	readable(t, child, kept)
}
