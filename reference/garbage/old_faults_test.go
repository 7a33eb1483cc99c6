package garbage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// TestEmptyStores collects from a store without anything, and from one whose
// repository has no blobs, or nothing but them.
//
// K-54
func TestEmptyStores(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	if all := collect(t, r, d, garbage.Options{Untagged: true}); len(all) > 0 {
		t.Errorf("an empty store: %+v", all)
	}
	p, q := open(t, r, "index"), open(t, r, "blob")
	kept, err := put(t, p, "latest", indexType, `{"schemaVersion":2,"mediaType":"`+indexType+`","manifests":[]}`)
	must(t, err)
	loose, err := blob(t, q, "loose")
	must(t, err)
	if all := collect(t, r, d, garbage.Options{Untagged: true}); len(all) != 2 || all[0].Name != loose.String() {
		t.Errorf("collected %+v", all)
	}
	readable(t, p, kept)
}

// TestNestedRepositoriesSurvive collects all that a repository has, whose name
// begins those of others.
//
// K-53
func TestNestedRepositoriesSurvive(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	parent, child := open(t, r, "a"), open(t, r, "a/b")
	_, _, err := image(t, parent, "", "layer", "")
	must(t, err)
	kept, _, err := image(t, child, "latest", "layer", "")
	must(t, err)
	gone := 0
	for _, i := range collect(t, r, d, garbage.Options{Untagged: true}) {
		if i.Repository != "a" || i.Kind == garbage.Content {
			t.Errorf("collected %+v", i)
		}
		gone++
	}
	if gone != 3 {
		t.Errorf("%d things were collected, want a manifest and two links", gone)
	}
	readable(t, child, kept)
	sound(t, d)
}

// TestPushAfterCollection pushes what was pushed, deleted and collected before,
// to a registry that was at work all the time.
//
// K-56
func TestPushAfterCollection(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	p := open(t, r, "app")
	var last digest.Digest
	for range 3 {
		m, layer, err := image(t, p, "latest", "layer", "")
		must(t, err)
		readable(t, p, m)
		must(t, p.Manifests().Delete(t.Context(), m))
		if all := collect(t, r, d, garbage.Options{}); len(all) != 5 {
			t.Errorf("collected %+v", all)
		}
		if _, err := p.Blobs().Stat(t.Context(), layer); !errors.Is(err, registry.ErrBlobUnknown) {
			t.Errorf("a layer that was collected: %v", err)
		}
		last = m
	}
	_, _, err := image(t, p, "latest", "layer", "")
	must(t, err)
	readable(t, p, last)
}

// TestPurgePassesOver purges beside what looks like an upload or has no start.
//
// K-52
func TestPurgePassesOver(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	const repositories = "/docker/registry/v2/repositories/"
	for path, content := range map[string]string{
		"app/_uploads/without-start/data":              "x",
		"app/_uploads/odd/startedat":                   "noon",
		"app/_uploads/old/startedat":                   "2001-01-01T00:00:00Z",
		"app/_uploads/future/startedat":                "2901-01-01T00:00:00Z",
		"app/_important_uploads/keep/startedat":        "2001-01-01T00:00:00Z",
		"app/_layers/sha256/startedat":                 "2001-01-01T00:00:00Z",
		"other/deep/_uploads/old/hashstates/sha256/12": "x",
		"other/deep/_uploads/old/startedat":            "2001-01-01T00:00:00Z",
	} {
		must(t, d.PutContent(t.Context(), repositories+path, []byte(content)))
	}
	purged := map[string]bool{}
	purge := func(before time.Time) {
		clear(purged)
		must(t, garbage.PurgeUploads(t.Context(), d, before, false, func(i garbage.Item) error {
			purged[i.Repository+" "+i.Name] = true
			return nil
		}))
	}
	purge(time.Now().Add(-time.Hour))
	if len(purged) != 1 || !purged["app old"] {
		t.Errorf("an hour ago: purged %v", purged)
	}
	purge(time.Now().Add(time.Hour))
	if len(purged) != 3 || !purged["app without-start"] || !purged["other/deep old"] {
		t.Errorf("what began up to now: purged %v", purged)
	}
	for _, path := range []string{"app/_important_uploads/keep/startedat", "app/_layers/sha256/startedat", "app/_uploads/future/startedat"} {
		if _, err := d.Stat(t.Context(), repositories+path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
