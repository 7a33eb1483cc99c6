package filesystem

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// openAt opens a driver that flushes nothing.
func openAt(t *testing.T, root string) *Driver {
	t.Helper()
	d, err := New(Parameters{Root: root, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestListingOfOnePiece keeps what was read at once, if it is worth it.
func TestListingOfOnePiece(t *testing.T) {
	t.Parallel()
	d := openAt(t, t.TempDir())
	for _, n := range []int{worthKeeping - 1, worthKeeping, worthKeeping + 1} {
		dir := fmt.Sprint("/dir", n)
		for i := range n {
			if err := d.PutContent(t.Context(), fmt.Sprintf("%s/%03d", dir, i), nil); err != nil {
				t.Fatal(err)
			}
		}
		past := time.Now().Add(-time.Hour)
		if err := os.Chtimes(d.full(dir), past, past); err != nil {
			t.Fatal(err)
		}
		for _, after := range []string{"000", "", "005"} {
			all, err := d.ListAfter(t.Context(), dir, after, 1000)
			if want := map[string]int{"000": n - 1, "": n, "005": n - 6}[after]; err != nil || len(all) != want {
				t.Errorf("%d children after %q, %v, want %d", len(all), after, err, want)
			}
			if kept := d.listings.has(dir); kept != (n >= worthKeeping && after != "000") {
				t.Errorf("%d children, after %q: kept: %t", n, after, kept)
			}
		}
	}
}

// TestListingsThatAreKept changes a large directory in every way, by the driver
// that keeps its names and by another; each change is listed at once.
func TestListingsThatAreKept(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	d, other := openAt(t, root), openAt(t, root)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		t.Helper()
		for after := ""; ; {
			piece, err := d.ListAfter(t.Context(), "/dir", after, 7)
			must(err)
			n += len(piece)
			if len(piece) < 7 {
				return n
			}
			after = piece[6].Name
		}
	}
	// kept lists the directory as one that has not changed for a while.
	kept := func(want int) {
		t.Helper()
		past := time.Now().Add(-time.Hour)
		must(os.Chtimes(filepath.Join(root, "dir"), past, past))
		for range 2 {
			if n := count(); n != want {
				t.Fatalf("%d children, want %d", n, want)
			}
		}
		info, err := os.Stat(filepath.Join(root, "dir"))
		must(err)
		if _, ok := d.listings.get("/dir", info); !ok {
			t.Fatal("the names are not kept")
		}
	}
	for i := range 30 {
		must(d.PutContent(t.Context(), fmt.Sprintf("/dir/%03d", i), []byte("x")))
	}
	if n := count(); n != 30 || d.listings.has("/dir") {
		t.Fatalf("%d children; the names of a directory that has just changed are kept: %t", n, d.listings.has("/dir"))
	}
	kept(30)
	for i, by := range []*Driver{d, other} {
		file := fmt.Sprint("/dir/new", i)
		for _, change := range []struct {
			do   func() error
			want int
		}{
			{func() error { return by.PutContent(t.Context(), file, nil) }, 31},
			{func() error { return by.Move(t.Context(), file, "/dir/sub/moved") }, 31},
			{func() error { return by.Delete(t.Context(), "/dir/sub") }, 30},
			{func() error { return by.Move(t.Context(), "/dir/000", "/elsewhere") }, 29},
			{func() error { return by.Move(t.Context(), "/elsewhere", "/dir/000") }, 30},
			{func() error { return by.PutContent(t.Context(), "/dir/000", []byte("y")) }, 30},
		} {
			must(change.do())
			if n := count(); n != change.want {
				t.Fatalf("%d children after a change, want %d", n, change.want)
			}
			kept(change.want)
		}
	}
	must(other.Delete(t.Context(), "/dir"))
	must(other.PutContent(t.Context(), "/dir/again", nil))
	if n := count(); n != 1 {
		t.Fatalf("%d children of a directory that was made anew", n)
	}
}
