package filesystem

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/registryconform/conform/reference/driver"
)

// TestFacts: what is read while it changes, or goes, is not remembered; what is read
// before or after is, each path for itself.
func TestFacts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path  string // that changes
		below bool
		want  bool // that /a/b is remembered
	}{
		"the path itself":       {"/a/b", false, false},
		"the path goes":         {"/a/b", true, false},
		"another path":          {"/a/c", false, true},
		"a path above changes":  {"/a", false, true},
		"a path above goes":     {"/a", true, false},
		"another path goes":     {"/a/c", true, true},
		"a neighbour goes":      {"/a/b2", true, true},
		"a path below goes":     {"/a/b/c", true, true},
		"a path below changes":  {"/a/b/c", false, true},
		"a beginning of a name": {"/a/bb", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			during := map[string]func(f *facts[int]){
				"begun before, ended meanwhile": func(f *facts[int]) { f.end(c.path, c.below) },
				"begun and ended meanwhile":     func(f *facts[int]) { f.begin(c.path, c.below); f.end(c.path, c.below) },
				"begun meanwhile":               func(f *facts[int]) { f.begin(c.path, c.below) },
			}
			for when, change := range during {
				var f *facts[int]
				for shared := true; shared; {
					// Paths that share a place are asked for more often.
					f = newFacts[int]()
					of := f.place(c.path)
					shared = of == f.place("/a") && c.path != "/a" || of == f.place("/a/b") && c.path != "/a/b"
				}
				if strings.HasPrefix(when, "begun before") {
					f.begin(c.path, c.below)
				}
				get := func(want int, meanwhile func(f *facts[int])) {
					t.Helper()
					got, err := f.get("/a/b", func() (int, int, error) { meanwhile(f); return want, 0, nil })
					if err != nil || got != want {
						t.Errorf("%s: %d, %v, want %d", when, got, err, want)
					}
				}
				get(1, change)
				want := c.want
				if knows(f) != want {
					t.Errorf("%s: remembered: %t, want %t", when, !want, want)
				}
				if when == "begun meanwhile" {
					f.end(c.path, c.below)
				}
				if !want {
					get(2, func(*facts[int]) {})
				}
				if !knows(f) || len(f.reads) > 0 || len(f.changing) > 0 {
					t.Errorf("%s: at the end %+v, %+v", when, f.reads, f.changing)
				}
				f.begin(c.path, c.below)
				if knows(f) != c.want {
					t.Errorf("%s: what was known is: %t, want %t", when, !c.want, c.want)
				}
			}
		})
	}
}

// knows reports whether /a/b is remembered.
func knows(f *facts[int]) bool {
	asked := false
	_, _ = f.get("/a/b", func() (int, int, error) { asked = true; return 0, tooMuch, nil })
	return !asked
}

// TestFactsOfManyReaders: readers of one path at one time that see a change between
// them leave nothing behind.
func TestFactsOfManyReaders(t *testing.T) {
	t.Parallel()
	f := newFacts[int]()
	_, _ = f.get("/a", func() (int, int, error) {
		_, _ = f.get("/a", func() (int, int, error) {
			f.begin("/a", false)
			f.end("/a", false)
			return 1, 0, nil
		})
		if f.known.Has("/a") {
			t.Error("what was read while it changed is remembered")
		}
		got, _ := f.get("/a", func() (int, int, error) { return 2, 0, nil })
		if got != 2 || !f.known.Has("/a") {
			t.Errorf("who begins after the change reads %d; remembered: %t", got, f.known.Has("/a"))
		}
		return 1, 0, nil
	})
	if got, _ := f.get("/a", nil); got != 2 || len(f.reads) > 0 {
		t.Errorf("%d is remembered; %d readings are left", got, len(f.reads))
	}
	if _, err := f.get("/b", func() (int, int, error) { return 0, 0, errors.New("failed") }); err == nil || f.known.Has("/b") {
		t.Errorf("a failure is remembered, or none: %v", err)
	}
}

// TestExclusive: a driver that is alone does not look again at what it knows, which
// shows where another changes it all the same, until it changes it itself.
func TestExclusive(t *testing.T) {
	t.Parallel()
	d, err := New(Parameters{Root: t.TempDir(), Exclusive: true})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	ctx := t.Context()
	see := func(path, want string) {
		t.Helper()
		content, err := d.GetContent(ctx, path)
		info, statErr := d.Stat(ctx, path)
		absent := errors.As(err, &driver.PathNotFoundError{})
		switch {
		case want == "" && (!absent || !errors.As(statErr, &driver.PathNotFoundError{})):
			t.Fatalf("%s: %q, %v, %v, want none", path, content, err, statErr)
		case want != "" && (err != nil || string(content) != want || statErr != nil || info.Size() != int64(len(want))):
			t.Fatalf("%s: %q, %v, %+v, %v, want %q", path, content, err, info, statErr, want)
		}
		clear(content) // it is the caller's
	}
	write := func(path, content string) error { return d.PutContent(ctx, path, []byte(content)) }
	see("/dir/file", "")
	must(write("/dir/file", "one"))
	see("/dir/file", "one")
	must(os.WriteFile(d.full("/dir/file"), []byte("another's"), 0o666))
	see("/dir/file", "one")
	must(write("/dir/file", "two"))
	see("/dir/file", "two")
	must(write("/other", "three"))
	see("/other", "three")
	must(d.Move(ctx, "/other", "/dir/file"))
	see("/dir/file", "three")
	see("/other", "")
	w, err := d.Writer(ctx, "/other", false)
	must(err)
	_, err = fmt.Fprint(w, "four")
	must(err)
	see("/other", "")
	must(w.Commit(ctx))
	must(w.Close())
	see("/other", "four")
	must(d.Delete(ctx, "/dir"))
	see("/dir/file", "")
	must(d.Delete(ctx, "/other"))
	see("/other", "")
	long := strings.Repeat("l", keptSize+1)
	must(write("/long", long))
	see("/long", long)
	must(os.WriteFile(d.full("/long"), []byte(strings.ToUpper(long)), 0o666))
	see("/long", strings.ToUpper(long))
	// Directories come and go with what is in them.
	if _, err := d.Stat(ctx, "/a/b"); !errors.As(err, &driver.PathNotFoundError{}) {
		t.Fatal(err)
	}
	must(write("/a/b/c", "x"))
	if info, err := d.Stat(ctx, "/a/b"); err != nil || !info.IsDir() {
		t.Fatal(info, err)
	}
	must(d.Delete(ctx, "/a/b/c"))
	if _, err := d.Stat(ctx, "/a/b"); !errors.As(err, &driver.PathNotFoundError{}) {
		t.Fatal(err)
	}
}
