package filesystem

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/registryconform/conform/reference/driver"
)

// TestNamesLast follows which directories are synced: what is put for good, or
// moved, lasts with the names of all directories above it, be it that a volatile
// call, or one that failed, brought them into view.
func TestNamesLast(t *testing.T) {
	t.Parallel()
	d, err := New(Parameters{Root: t.TempDir()})
	must(t, err)
	var mu sync.Mutex
	synced := map[string]bool{}
	failing := ""
	d.names = newSyncer(func(dir string) error {
		mu.Lock()
		defer mu.Unlock()
		dir = strings.TrimPrefix(dir, d.root) + "/"
		if dir == failing {
			return errors.New("the medium fails")
		}
		synced[dir] = true
		return nil
	})
	ctx := t.Context()
	volatile := driver.Volatile(ctx)
	put := func(path string) func() error {
		return func() error { return d.PutContent(ctx, path, []byte("x")) }
	}
	inVain := func(dir string, do func() error) func() error {
		return func() error {
			failing = dir
			defer func() { failing = "" }()
			if err := do(); err == nil {
				return errors.New("what can't be synced is acknowledged")
			}
			return nil
		}
	}
	for _, step := range []struct {
		what string
		do   func() error
		want string // the directories that are synced, sorted
	}{
		{"a volatile put", func() error { return d.PutContent(volatile, "/a/b/c/f", nil) }, ""},
		{"another", func() error { return d.PutContent(volatile, "/a/b/c/g", nil) }, ""},
		{"a put beside its directory", put("/a/b/d/f"), "/ /a/ /a/b/"},
		{"another", put("/a/b/e/f"), "/a/b/"},
		{"a put into its directory", put("/a/b/c/h"), "/a/b/ /a/b/c/"},
		{"another", put("/a/b/c/i"), "/a/b/c/"},
		{"a new tree", put("/n/o/p/f"), "/"},
		{"a put into it", put("/n/o/q/f"), "/n/o/"},
		{"one that fails", inVain("/", put("/v/w/f")), ""},
		{"a move there", func() error { return d.Move(ctx, "/a/b/e/f", "/v/w/m/n") }, "/ /a/b/ /v/w/ /v/w/m/"},
		{"a move that fails", inVain("/", func() error { return d.Move(ctx, "/v/w/m/n", "/y/z/n") }), "/v/w/ /y/ /y/z/"},
		{"a put there", put("/y/z/f"), "/ /y/ /y/z/"},
		{"a volatile put, and its end", func() error {
			return errors.Join(d.PutContent(volatile, "/s/t/u", nil), d.Delete(volatile, "/s/t/u"))
		}, ""},
		{"a volatile put, and the end of the tree", func() error {
			return errors.Join(d.PutContent(volatile, "/q/t/u", nil), d.Delete(volatile, "/q"))
		}, ""},
		{"a put where nothing is left", put("/s/f"), "/"},
		{"another", put("/q/f"), "/"},
	} {
		must(t, step.do())
		if got := strings.Join(slices.Sorted(maps.Keys(synced)), " "); got != step.want {
			t.Errorf("%s: synced %q, want %q", step.what, got, step.want)
		}
		clear(synced)
	}
	if len(d.loose.byDir) != 0 {
		t.Errorf("at the end %v are loose", slices.Sorted(maps.Keys(d.loose.byDir)))
	}
}
