package filesystem

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, root string) *Driver {
	t.Helper()
	d, err := New(Parameters{Root: root})
	must(t, err)
	return d
}

func isNotFound(err error) bool {
	_, ok := errors.AsType[driver.PathNotFoundError](err)
	return ok
}

func TestNothingUncommittedIsInView(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	d := open(t, root)
	w, err := d.Writer(ctx, "/a/b/c", false)
	must(t, err)
	_, err = w.Write([]byte("one "))
	must(t, err)
	hidden := func() {
		t.Helper()
		for _, path := range []string{"/a/b/c", "/a/b", "/a"} {
			if _, err := d.Stat(ctx, path); !isNotFound(err) {
				t.Fatalf("stat %s: %v", path, err)
			}
		}
		if _, err := d.Reader(ctx, "/a/b/c", 0); !isNotFound(err) {
			t.Fatalf("reader: %v", err)
		}
		if all, err := d.List(ctx, "/"); err != nil || len(all) != 0 {
			t.Fatalf("list: %v, %v", all, err)
		}
		must(t, d.Walk(ctx, "/", func(i driver.FileInfo) error { return fmt.Errorf("walk shows %s", i.Path()) }))
	}
	hidden()
	must(t, w.Close())
	hidden()

	// Another process goes on.
	w, err = open(t, root).Writer(ctx, "/a/b/c", true)
	must(t, err)
	if w.Size() != 4 {
		t.Fatalf("resumed at %d", w.Size())
	}
	_, err = w.Write([]byte("two"))
	must(t, err)
	must(t, w.Commit(ctx))
	must(t, w.Close())
	got, err := d.GetContent(ctx, "/a/b/c")
	must(t, err)
	if string(got) != "one two" {
		t.Fatalf("read %q", got)
	}
	noRest(t, root)
}

// noRest fails if the staging folder holds anything but intents and the empty
// directories that they name, or the rest an empty directory.
func noRest(t *testing.T, root string) {
	t.Helper()
	must(t, filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		parts := strings.Split(rel, "/")
		if parts[0] == staging {
			if len(parts) > 2 && parts[1] != "intent" && !(parts[1] == "open" && e.IsDir()) {
				t.Errorf("left over: %s", rel)
			}
			return nil
		}
		if e.IsDir() {
			if inside, err := os.ReadDir(p); err != nil || len(inside) == 0 {
				t.Errorf("empty directory: %s (%v)", rel, err)
			}
		}
		return nil
	}))
}

func TestCommitOfAnotherWritersBytesFails(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := open(t, t.TempDir())
	must(t, d.PutContent(ctx, "/f", []byte("old")))
	first, err := d.Writer(ctx, "/f", false)
	must(t, err)
	_, err = first.Write([]byte("first"))
	must(t, err)
	second, err := d.Writer(ctx, "/f", false)
	must(t, err)
	_, err = second.Write([]byte("sec"))
	must(t, err)
	if err := first.Commit(ctx); err == nil {
		t.Fatal("a writer committed what another has in the making")
	}
	if got, err := d.GetContent(ctx, "/f"); err != nil || string(got) != "old" {
		t.Fatalf("read %q: %v", got, err)
	}
	must(t, second.Commit(ctx))
	if got, err := d.GetContent(ctx, "/f"); err != nil || string(got) != "sec" {
		t.Fatalf("read %q: %v", got, err)
	}
}

// TestPathsOutsideTheRulesAreRefused shows K-59.
func TestPathsOutsideTheRulesAreRefused(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	d := open(t, filepath.Join(root, "store"))
	for _, path := range []string{"", "a", "/..", "/../x", "/a/../../x", "/./a", "/a/", "//a", "/~staging", "/~staging/new/x", "/a b", "/a\x00"} {
		_, get := d.GetContent(ctx, path)
		_, read := d.Reader(ctx, path, 0)
		_, write := d.Writer(ctx, path, true)
		_, stat := d.Stat(ctx, path)
		_, list := d.List(ctx, path)
		for op, err := range map[string]error{
			"get": get, "read": read, "write": write, "stat": stat, "list": list,
			"put": d.PutContent(ctx, path, []byte("x")), "delete": d.Delete(ctx, path),
			"move": d.Move(ctx, "/a", path), "move from": d.Move(ctx, path, "/a"),
			"walk": d.Walk(ctx, path, func(driver.FileInfo) error { return nil }),
		} {
			if _, ok := errors.AsType[driver.InvalidPathError](err); !ok {
				t.Errorf("%s %q: %v", op, path, err)
			}
		}
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 1 {
		t.Fatalf("outside of the root: %v, %v", entries, err)
	}
}

func TestFileAndDirectoryInEachOthersWay(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	d := open(t, root)
	must(t, d.PutContent(ctx, "/a/b", []byte("keep")))
	for _, path := range []string{"/a", "/a/b/c", "/a/b/c/d"} {
		if err := d.PutContent(ctx, path, []byte("x")); err == nil || isNotFound(err) {
			t.Errorf("put %s: %v", path, err)
		}
		must(t, d.PutContent(ctx, "/m", []byte("m")))
		if err := d.Move(ctx, "/m", path); err == nil || isNotFound(err) {
			t.Errorf("move to %s: %v", path, err)
		}
	}
	for _, path := range []string{"/a/b/c", "/a/b/c/d"} {
		if _, err := d.Stat(ctx, path); !isNotFound(err) {
			t.Errorf("stat %s: %v", path, err)
		}
		if err := d.Delete(ctx, path); !isNotFound(err) {
			t.Errorf("delete %s: %v", path, err)
		}
	}
	if _, err := d.GetContent(ctx, "/a"); !isNotFound(err) {
		t.Errorf("content of a directory: %v", err)
	}
	if got, err := d.GetContent(ctx, "/a/b"); err != nil || string(got) != "keep" {
		t.Fatalf("read %q: %v", got, err)
	}
	noRest(t, root)
}

// TestDirectoriesComeAndGo has neighbours fill and empty the same directories.
func TestDirectoriesComeAndGo(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	var wg sync.WaitGroup
	for i := range 8 {
		d, err := New(Parameters{Root: root, NoSync: true})
		must(t, err)
		wg.Go(func() {
			path := fmt.Sprintf("/d/e/f/%d", i)
			for n := range 150 {
				want := []byte(fmt.Sprint(i, n))
				if n%3 == 0 {
					path = fmt.Sprintf("/d/e/%d/x", i)
				}
				if err := fill(ctx, d, path, want, n); err != nil {
					t.Error(err)
					return
				}
				if got, err := d.GetContent(ctx, path); err != nil || !bytes.Equal(got, want) {
					t.Errorf("read %q: %v", got, err)
					return
				}
				if err := d.Delete(ctx, path); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if all, err := open(t, root).List(ctx, "/"); err != nil || len(all) != 0 {
		t.Fatalf("left: %v, %v", all, err)
	}
	noRest(t, root)
}

func fill(ctx context.Context, d *Driver, path string, content []byte, way int) error {
	switch way % 3 {
	case 0:
		return d.PutContent(ctx, path, content)
	case 1:
		aside := "/aside" + path
		return errors.Join(d.PutContent(ctx, aside, content), d.Move(ctx, aside, path))
	}
	w, err := d.Writer(ctx, path, false)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return errors.Join(err, w.Commit(ctx), w.Close())
}

func TestRecoverPutsAwayWhatACrashLeft(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	d := open(t, root)
	must(t, d.PutContent(ctx, "/a/keep", []byte("x")))
	must(t, os.MkdirAll(d.full("/a/b/c"), 0o777))
	must(t, os.Symlink("a/b/c/d", d.staged("intent", "1")))
	must(t, os.Symlink("../..", d.staged("intent", "2")))
	must(t, os.MkdirAll(d.staged("trash", "1", "x"), 0o777))
	must(t, os.WriteFile(d.staged("new", "old"), nil, 0o666))
	must(t, os.WriteFile(d.staged("new", "young"), nil, 0o666))
	past := time.Now().Add(-2 * abandonedAfter)
	must(t, os.Chtimes(d.staged("new", "old"), past, past))
	must(t, exec.Command("touch", "-h", "-d", past.Format(time.RFC3339), d.staged("intent", "1")).Run())
	d = open(t, root)
	for intent, want := range map[string]bool{"1": false, "2": true} {
		if _, err := os.Lstat(d.staged("intent", intent)); (err == nil) != want {
			t.Errorf("intent %s is there: %t, want %t", intent, !want, want)
		}
	}
	if all, err := d.List(ctx, "/a"); err != nil || len(all) != 1 {
		t.Fatalf("list: %v, %v", all, err)
	}
	if _, err := os.Stat(d.staged("new", "young")); err != nil {
		t.Fatal("content that another process could be writing has gone")
	}
	must(t, os.Remove(d.staged("new", "young")))
	noRest(t, root)
}

// TestKill kills a process at work, again and again, and looks at what it had
// acknowledged.
// It shows K-58.
func TestKill(t *testing.T) {
	if root := os.Getenv("FILESYSTEM_TEST_WORKER"); root != "" {
		work(root)
		return
	}
	t.Parallel()
	root := t.TempDir()
	acknowledged := map[string]string{}
	for round := range 15 {
		kill(t, root, round, acknowledged)
		d := open(t, root)
		for path, want := range acknowledged {
			got, err := d.GetContent(t.Context(), path)
			if want == "" && !isNotFound(err) {
				t.Errorf("round %d: %s is back: %q, %v", round, path, got, err)
			}
			if want != "" && (err != nil || !strings.HasPrefix(string(got), want)) {
				t.Errorf("round %d: %s: %.40q, %v, want %.40q", round, path, got, err, want)
			}
			if err == nil && !whole(got) {
				t.Errorf("round %d: %s is torn: %d bytes", round, path, len(got))
			}
		}
		must(t, d.Walk(t.Context(), "/", func(i driver.FileInfo) error {
			if !i.IsDir() {
				return nil
			}
			if all, err := d.List(t.Context(), i.Path()); err != nil || len(all) == 0 {
				t.Errorf("round %d: %s is empty (%v)", round, i.Path(), err)
			}
			return nil
		}))
	}
	if len(acknowledged) < 20 {
		t.Fatalf("only %d paths were acknowledged: the worker did not work", len(acknowledged))
	}
}

// kill runs a worker for a while and notes what it acknowledged: a line
// "path content" is done, "path" alone is under way and proves nothing more.
func kill(t *testing.T, root string, round int, acknowledged map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), "FILESYSTEM_TEST_WORKER="+root)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	limit := 10 + rand.IntN(60)
	for n := 0; lines.Scan(); n++ {
		path, content, done := strings.Cut(lines.Text(), " ")
		switch {
		case !strings.HasPrefix(path, "/"):
		case done:
			acknowledged[path] = content
		default:
			delete(acknowledged, path)
		}
		if n == limit {
			must(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait()
}

// work writes, moves and deletes until it is killed.
func work(root string) {
	ctx := context.Background()
	d, err := New(Parameters{Root: root})
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		path := fmt.Sprintf("/w/%d/%d/f", rand.IntN(5), rand.IntN(8))
		content := fmt.Sprintf("%d-%d-", os.Getpid(), n)
		fmt.Println(path)
		if n%5 == 4 {
			if err := d.Delete(ctx, path); err == nil || isNotFound(err) {
				fmt.Println(path + " ")
			}
			continue
		}
		body := append([]byte(content), bytes.Repeat([]byte{'.'}, 50<<10)...)
		if err := fill(ctx, d, path, append(body, '!'), n); err != nil {
			panic(err)
		}
		fmt.Println(path + " " + content)
	}
}

func whole(b []byte) bool { return bytes.HasSuffix(b, []byte(".!")) }

// TestIntentsAreBounded deletes and moves in more directories than intents are
// kept for.
func TestIntentsAreBounded(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	d, err := New(Parameters{Root: root, NoSync: true})
	must(t, err)
	for i := range 3 * intentsKept {
		must(t, fill(ctx, d, fmt.Sprintf("/a/%d/f", i), []byte("x"), i))
		must(t, d.Delete(ctx, fmt.Sprintf("/a/%d/f", i)))
	}
	links, err := os.ReadDir(d.staged("intent"))
	must(t, err)
	if len(links) > intentsKept || len(links) != len(d.intents.byDir) {
		t.Errorf("%d intents are there, %d are known, %d may be kept", len(links), len(d.intents.byDir), intentsKept)
	}
	noRest(t, root)
}

func TestReaderIsAFile(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	must(t, d.PutContent(t.Context(), "/f", []byte("0123456789")))
	r, err := d.Reader(t.Context(), "/f", 4)
	must(t, err)
	defer r.Close()
	if _, ok := r.(*os.File); !ok {
		t.Fatalf("the reader is a %T, which no sendfile takes", r)
	}
	must(t, d.PutContent(t.Context(), "/f", []byte("new")))
	if b, err := io.ReadAll(r); err != nil || string(b) != "456789" {
		t.Fatalf("read %q: %v", b, err)
	}
}
