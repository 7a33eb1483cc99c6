package filesystem

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

// TestContentThatIsKept changes a file in every way, by the driver that keeps its
// content and by others; each change is read at once.
func TestContentThatIsKept(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	d, other := openAt(t, root), openAt(t, root)
	const path = "/dir/file"
	full := d.full(path)
	// read reads the file, and again once it has not changed for a while.
	read := func(want string) {
		t.Helper()
		for _, settled := range []bool{false, true, true} {
			if settled {
				past := time.Now().Add(-time.Hour)
				if err := os.Chtimes(full, past, past); err != nil {
					t.Fatal(err)
				}
			}
			content, err := d.GetContent(t.Context(), path)
			if err != nil || string(content) != want {
				t.Fatalf("%.20q, %v, want %.20q", content, err, want)
			}
			if kept := d.contents.has(path); kept != (settled && len(want) <= keptSize) {
				t.Fatalf("%.20q, old: %t: kept: %t", want, settled, kept)
			}
			clear(content) // it is the caller's
		}
	}
	for _, change := range []struct {
		want string
		do   func(content string) error
	}{
		{"one", func(s string) error { return d.PutContent(t.Context(), path, []byte(s)) }},
		{"two", func(s string) error { return other.PutContent(t.Context(), path, []byte(s)) }},
		{"tow", func(s string) error { return os.WriteFile(full, []byte(s), 0o666) }},
		{"in place", func(s string) error { return os.WriteFile(full, []byte(s), 0o666) }},
		{"by a move", func(s string) error {
			return errors.Join(other.PutContent(t.Context(), "/moved", []byte(s)), other.Move(t.Context(), "/moved", path))
		}},
		{strings.Repeat("m", keptSize), func(s string) error { return d.PutContent(t.Context(), path, []byte(s)) }},
		{strings.Repeat("l", keptSize+1), func(s string) error { return d.PutContent(t.Context(), path, []byte(s)) }},
		{"", func(s string) error { return other.PutContent(t.Context(), path, nil) }},
		{"anew", func(s string) error {
			return errors.Join(other.Delete(t.Context(), "/dir"), other.PutContent(t.Context(), path, []byte(s)))
		}},
	} {
		if err := change.do(change.want); err != nil {
			t.Fatal(err)
		}
		read(change.want)
	}
	if err := other.Delete(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if _, err := d.GetContent(t.Context(), path); !errors.As(err, new(driver.PathNotFoundError)) {
		t.Fatalf("after a delete: %v", err)
	}
}

func TestRemoveAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/tree"
	for _, sub := range []string{"", "/a/b", "/c"} {
		if err := os.MkdirAll(dir+sub, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+sub+"/file", nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	outside := t.TempDir()
	for link, to := range map[string]string{"/a/outside": outside, "/dangling": "nowhere"} {
		if err := os.Symlink(to, dir+link); err != nil {
			t.Fatal(err)
		}
	}
	link := t.TempDir() + "/link"
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	for _, full := range []string{dir + "/c/file", dir, link, dir} {
		if err := removeAll(full); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(full); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", full, err)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("what a link leads to was removed: %v", err)
	}
}
