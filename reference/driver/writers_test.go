package driver_test

import (
	"errors"
	"testing"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
)

// eachLocal runs a test over each driver that needs no server.
func eachLocal(t *testing.T, test func(*testing.T, driver.Driver)) {
	t.Helper()
	t.Run("inmemory", func(t *testing.T) { test(t, inmemory.New(inmemory.Parameters{})) })
	t.Run("filesystem", func(t *testing.T) {
		d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir()})
		must(t, err)
		test(t, d)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// begin opens a writer and writes.
func begin(t *testing.T, d driver.Driver, append bool, text string) driver.FileWriter {
	t.Helper()
	w, err := d.Writer(t.Context(), "/dir/file", append)
	must(t, err)
	_, err = w.Write([]byte(text))
	must(t, err)
	return w
}

func TestAppendToCommittedContentIsRefused(t *testing.T) {
	t.Parallel()
	eachLocal(t, func(t *testing.T, d driver.Driver) {
		ctx := t.Context()
		must(t, d.PutContent(ctx, "/dir/file", []byte("old")))
		_, err := d.Writer(ctx, "/dir/file", true)
		if got, ok := errors.AsType[driver.CommittedError](err); !ok || got.Path != "/dir/file" || got.DriverName != d.Name() {
			t.Fatalf("Writer: %v", err)
		}
		if list, err := d.List(ctx, "/dir"); err != nil || len(list) != 1 {
			t.Errorf("List: %v, %v", list, err)
		}

		// An upload that is to replace the content goes on.
		must(t, begin(t, d, false, "new ").Close())
		w := begin(t, d, true, "content")
		must(t, errors.Join(w.Commit(ctx), w.Close()))
		if got, err := d.GetContent(ctx, "/dir/file"); err != nil || string(got) != "new content" {
			t.Errorf("content %q: %v", got, err)
		}
	})
}

func TestCancelAfterClose(t *testing.T) {
	t.Parallel()
	eachLocal(t, func(t *testing.T, d driver.Driver) {
		ctx := t.Context()
		w := begin(t, d, false, "one")
		must(t, errors.Join(w.Close(), w.Close(), w.Cancel(ctx), w.Close()))
		if err := w.Cancel(ctx); err == nil {
			t.Error("a second Cancel succeeds")
		}
		if w := begin(t, d, true, ""); w.Size() != 0 {
			t.Errorf("%d bytes are left", w.Size())
		}
	})
}

func TestCancelAfterCloseSparesWhatAnotherWrote(t *testing.T) {
	t.Parallel()
	for name, append := range map[string]bool{"resumed": true, "started over": false} {
		t.Run(name, func(t *testing.T) {
			eachLocal(t, func(t *testing.T, d driver.Driver) {
				ctx := t.Context()
				first := begin(t, d, false, "first ")
				must(t, first.Close())
				second := begin(t, d, append, "second")
				if err := first.Cancel(ctx); append && err == nil {
					t.Error("Cancel claims to have discarded what another writer goes on with")
				}
				want := "second"
				if append {
					want = "first second"
				}
				must(t, errors.Join(second.Commit(ctx), second.Close()))
				if got, err := d.GetContent(ctx, "/dir/file"); err != nil || string(got) != want {
					t.Errorf("content %q, not %q: %v", got, want, err)
				}
			})
		})
	}
}

// TestPublishOfAWriter demands that a driver which can't publish what was written to
// a writer says so.
func TestPublishOfAWriter(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	w := begin(t, d, false, "content")
	if err := driver.Publish(t.Context(), d, driver.File{Path: "/a", Writer: w}); err == nil {
		t.Error("it succeeds")
	}
	if _, err := d.Stat(t.Context(), "/a"); err == nil {
		t.Error("something is published")
	}
}
