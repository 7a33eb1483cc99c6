package filesystem

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/registryconform/conform/reference/driver"
)

func TestPublishSeveralFiles(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	d := open(t, root)
	must(t, d.PutContent(ctx, "/there/old", []byte("old")))
	w, err := d.Writer(ctx, "/uploads/1/data", false)
	must(t, err)
	_, err = w.Write([]byte("written"))
	must(t, err)
	must(t, d.Publish(ctx,
		driver.File{Path: "/there/old", Content: []byte("new")},
		driver.File{Path: "/new/a/x", Writer: w},
		driver.File{Path: "/new/b/y/z", Content: []byte("z")},
		driver.File{Path: "/new/a/empty"},
	))
	must(t, w.Close())
	if _, err := w.Write([]byte("more")); err == nil {
		t.Error("a writer whose content is published goes on")
	}
	for path, want := range map[string]string{"/there/old": "new", "/new/a/x": "written", "/new/b/y/z": "z", "/new/a/empty": ""} {
		if got, err := d.GetContent(ctx, path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	noRest(t, root)
}

// TestPublishThatFails has a file in the way of the second of three files.
func TestPublishThatFails(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	d := open(t, root)
	must(t, d.PutContent(ctx, "/f", []byte("in the way")))
	w, err := d.Writer(ctx, "/data", false)
	must(t, err)
	_, err = w.Write([]byte("one "))
	must(t, err)
	err = d.Publish(ctx,
		driver.File{Path: "/first", Content: []byte("1")},
		driver.File{Path: "/f/second", Content: []byte("2")},
		driver.File{Path: "/third/x", Writer: w},
	)
	if err == nil || isNotFound(err) {
		t.Fatalf("published below a file: %v", err)
	}
	for _, path := range []string{"/third", "/third/x", "/data"} {
		if _, err := d.Stat(ctx, path); !isNotFound(err) {
			t.Errorf("stat %s: %v", path, err)
		}
	}
	_, err = w.Write([]byte("two"))
	must(t, err)
	must(t, d.Publish(ctx, driver.File{Path: "/third/x", Writer: w}))
	if got, err := d.GetContent(ctx, "/third/x"); err != nil || string(got) != "one two" {
		t.Errorf("read %q, %v", got, err)
	}
	other := open(t, t.TempDir())
	foreign, err := other.Writer(ctx, "/data", false)
	must(t, err)
	if _, err = foreign.Write([]byte("x")); err == nil {
		err = errors.Join(foreign.Cancel(ctx), foreign.Close())
	}
	must(t, err)
	if err := d.Publish(ctx, driver.File{Path: "/x", Writer: foreign}); err == nil {
		t.Error("published a writer that is cancelled")
	}
	noRest(t, root)
}

// TestPublishInOrder looks for a later file without an earlier one, while
// directories come and go.
func TestPublishInOrder(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	d, err := New(Parameters{Root: root, NoSync: true})
	must(t, err)
	paths := []string{"/c/%d/content", "/r/links/%d/link", "/r/tags/%d/current", "/r/tags/%d/index/x"}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := range 25 {
				want := []byte(fmt.Sprint(worker, n))
				var files []driver.File
				for _, p := range paths {
					files = append(files, driver.File{Path: fmt.Sprintf(p, worker), Content: want})
				}
				done := make(chan error, 1)
				go func() { done <- d.Publish(ctx, files...) }()
				for seen := false; !seen; {
					select {
					case err := <-done:
						if err != nil {
							t.Error(err)
							return
						}
						done <- nil
					default:
					}
					_, last := d.Stat(ctx, files[len(files)-1].Path)
					seen = last == nil
				}
				for _, f := range files {
					if got, err := d.GetContent(ctx, f.Path); err != nil || !bytes.Equal(got, want) {
						t.Errorf("the last is there, %s is not: %q, %v", f.Path, got, err)
					}
				}
				if err := <-done; err != nil {
					t.Error(err)
					return
				}
				for _, f := range []string{"/c/%d", "/r/tags/%d", "/r/links/%d"} {
					if err := d.Delete(ctx, fmt.Sprintf(f, worker)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	noRest(t, root)
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
