package driver_test

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"testing"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
)

// TestListAfter takes directories apart in pieces of every size, from every
// name, and compares with the whole.
func TestListAfter(t *testing.T) {
	t.Parallel()
	eachLocal(t, func(t *testing.T, d driver.Driver) {
		ctx := t.Context()
		for i := range 40 {
			must(t, d.PutContent(ctx, fmt.Sprintf("/dir/%d", i*7919%1000), nil))
			must(t, d.PutContent(ctx, fmt.Sprintf("/dir/sub%d/file", i), nil))
		}
		list := d.(driver.Lister).ListAfter
		all, err := d.List(ctx, "/dir")
		must(t, err)
		for i, from := range append([]string{"", "!", "zzz", "sub1x"}, all...) {
			after := path.Base(from)
			if i < 4 {
				after = from
			}
			var want []string
			for _, p := range all {
				if path.Base(p) > after {
					want = append(want, p)
				}
			}
			for _, most := range []int{1, 2, 7, 79, 80, 81, 5000} {
				entries, err := list(ctx, "/dir", after, most)
				must(t, err)
				var got []string
				for _, e := range entries {
					got = append(got, "/dir/"+e.Name)
					if e.IsDir && e.Name[0] != 's' {
						t.Fatalf("%s is no directory", e.Name)
					}
				}
				if !slices.Equal(got, want[:min(most, len(want))]) {
					t.Fatalf("%d after %q: %v, want %v", most, after, got, want)
				}
			}
		}
		if _, err := list(ctx, "/nothing", "", 1); err == nil {
			t.Error("a directory that isn't there is listed")
		}
		if _, err := list(ctx, "/dir/0", "", 1); err == nil {
			t.Error("a file is listed")
		}
		if got, err := list(ctx, "/", "", 5); err != nil || len(got) != 1 || got[0].Name != "dir" {
			t.Errorf("the root: %v, %v", got, err)
		}
	})
}

// TestWalkOfALargeDirectory has more children than one piece of a listing, and
// begins at many of them.
func TestWalkOfALargeDirectory(t *testing.T) {
	t.Parallel()
	eachLocal(t, func(t *testing.T, d driver.Driver) {
		ctx := t.Context()
		var want []string
		for i := range 600 {
			p := fmt.Sprintf("/dir/%03d", i)
			must(t, d.PutContent(ctx, p+"/file", nil))
			want = append(want, p, p+"/file")
		}
		walk := func(hint string) []string {
			var got []string
			must(t, d.Walk(ctx, "/dir", func(i driver.FileInfo) error {
				if hint == "" || driver.ComparePaths(i.Path(), hint) > 0 {
					got = append(got, i.Path())
				}
				return nil
			}, driver.WithStartAfterHint(hint)))
			return got
		}
		if got := walk(""); !slices.Equal(got, want) {
			t.Fatalf("%d paths, want %d", len(got), len(want))
		}
		for i := 0; i < len(want); i += 37 {
			if got := walk(want[i]); !slices.Equal(got, want[i+1:]) {
				t.Fatalf("after %s: %d paths, want %d", want[i], len(got), len(want)-i-1)
			}
		}
		if got := walk("/dir/0995"); len(got) != 1000 {
			t.Errorf("after a path that isn't there: %d paths", len(got))
		}
		if got := walk("/e"); len(got) != 0 {
			t.Errorf("after all: %v", got)
		}
		if got := walk("/a"); !slices.Equal(got, want) {
			t.Errorf("after a path before all: %d paths", len(got))
		}
	})
}

// TestChildren lists directories by a driver that lists in pieces and by one that
// does not, which must come to the same.
func TestChildren(t *testing.T) {
	t.Parallel()
	eachLocal(t, func(t *testing.T, d driver.Driver) {
		ctx := t.Context()
		for i := range 300 {
			must(t, d.PutContent(ctx, fmt.Sprintf("/dir/%03d", i), nil))
			must(t, d.PutContent(ctx, fmt.Sprintf("/dir/sub%03d/below/file", i), nil))
		}
		paths, err := d.List(ctx, "/dir")
		must(t, err)
		walked := faulty.Wrap(d, func(faulty.Op, string) error { return nil })
		for _, x := range []driver.Driver{d, walked} {
			for _, after := range []string{"", "0", "000", "1495", "299", "sub000", "sub150", "sub299", "t"} {
				var want []string
				for _, p := range paths {
					if name := path.Base(p); name > after {
						want = append(want, name)
					}
				}
				var got []string
				must(t, driver.Children(ctx, x, "/dir", after, func(name string) error {
					got = append(got, name)
					return nil
				}))
				if !slices.Equal(got, want) {
					t.Errorf("%T: %d children after %q, want %d", x, len(got), after, len(want))
				}
			}
			enough, calls := errors.New("enough"), 0
			err := driver.Children(ctx, x, "/dir", "", func(string) error {
				if calls++; calls == 280 {
					return enough
				}
				return nil
			})
			if !errors.Is(err, enough) || calls != 280 {
				t.Errorf("%T: after %d calls %v, want the error of the 280th", x, calls, err)
			}
			err = driver.Children(ctx, x, "/nothing", "", func(string) error { return nil })
			if !errors.As(err, new(driver.PathNotFoundError)) {
				t.Errorf("%T: of a directory that isn't there: %v", x, err)
			}
		}
	})
}

// TestWalkReturnsWhateverStopsIt: also an error that could be the walk's own.
func TestWalkReturnsWhateverStopsIt(t *testing.T) {
	t.Parallel()
	eachLocal(t, func(t *testing.T, d driver.Driver) {
		for _, p := range []string{"/dir/a/f", "/dir/b/f", "/dir/c"} {
			must(t, d.PutContent(t.Context(), p, nil))
		}
		for _, at := range []string{"/dir/a", "/dir/a/f", "/dir/b/f", "/dir/c"} {
			want := driver.PathNotFoundError{Path: "of the caller"}
			last := ""
			err := d.Walk(t.Context(), "/dir", func(i driver.FileInfo) error {
				if last = i.Path(); last == at {
					return want
				}
				return nil
			})
			if !errors.Is(err, want) || last != at {
				t.Errorf("stopped at %s, the walk ends at %s with %v", at, last, err)
			}
		}
	})
}
