package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// A scale is how large the lists are. CONFORM_SCALE=full asks for the full one.
type scale struct{ tags, repositories int }

func scaleOf(t *testing.T) scale {
	switch s := os.Getenv("CONFORM_SCALE"); s {
	case "":
		return scale{tags: 2000, repositories: 500}
	case "full":
		return scale{tags: 100_000, repositories: 10_000}
	default:
		t.Fatalf("CONFORM_SCALE is %q", s)
		panic("unreachable")
	}
}

// tagNames returns tags of which many are the beginning of others, sorted.
func tagNames(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%d%s", i/4, []string{"", ".0", "-rc", "_x"}[i%4])
	}
	slices.Sort(all)
	return all
}

// repositoryNames returns names of which many are the beginning of others, and
// many lie below others, in the order of the catalogue: '/' is the lowest byte.
func repositoryNames(n int) []string {
	all := make([]string, n)
	for i := range all {
		base := fmt.Sprintf("r%d", i/8)
		all[i] = []string{base, base + "/1x", base + "/a", base + "-v", base + ".v", base + "0", base + "/a/b", base + "/a-b"}[i%8]
	}
	order := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(order(a), order(b)) })
	return slices.Compact(all)
}

// fill writes the links of a registry with the tags, in the repository "tags",
// and the repositories.
func fill(t *testing.T, put func(path string, content []byte), tags, repositories []string) {
	t.Helper()
	const root = "/docker/registry/v2/"
	manifest := []byte(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:` + strings.Repeat("0", 64) + `","size":1},"layers":[]}`)
	dgst := digest.FromBytes(manifest)
	hex := dgst.Encoded()
	put(root+"blobs/sha256/"+hex[:2]+"/"+hex+"/data", manifest)
	for _, name := range append(repositories, "tags") {
		put(root+"repositories/"+name+"/_manifests/revisions/sha256/"+hex+"/link", []byte(dgst))
	}
	for _, tag := range tags {
		put(root+"repositories/tags/_manifests/tags/"+tag+"/current/link", []byte(dgst))
	}
}

// stores are those over which lists are tried.
var stores = map[string]func(t *testing.T, tags, repositories []string) driver.Driver{
	"inmemory": func(t *testing.T, tags, repositories []string) driver.Driver {
		d := inmemory.New(inmemory.Parameters{})
		fill(t, func(path string, content []byte) {
			if err := d.PutContent(context.Background(), path, content); err != nil {
				t.Fatal(err)
			}
		}, tags, repositories)
		return d
	},
	"filesystem": func(t *testing.T, tags, repositories []string) driver.Driver {
		root := t.TempDir()
		fill(t, func(path string, content []byte) {
			file := filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, content, 0o666); err != nil {
				t.Fatal(err)
			}
		}, tags, repositories)
		// As a store that has been there for a while.
		for _, dir := range []string{"", "/tags/_manifests/tags"} {
			past := time.Now().Add(-time.Hour)
			if err := os.Chtimes(filepath.Join(root, "/docker/registry/v2/repositories", dir), past, past); err != nil {
				t.Fatal(err)
			}
		}
		d, err := filesystem.New(filesystem.Parameters{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		return d
	},
}

// pages follows a list from its first page to its last, in pages of n, and
// returns what they held and how many they were.
func pages(t *testing.T, h http.Handler, url string, n int) (all []string, count int) {
	t.Helper()
	for next := fmt.Sprintf("%s?n=%d", url, n); next != ""; count++ {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", next, nil))
		var page struct{ Tags, Repositories []string }
		if err := json.Unmarshal(w.Body.Bytes(), &page); w.Code != 200 || err != nil {
			t.Fatalf("%s: %d %s", next, w.Code, w.Body)
		}
		items := append(page.Tags, page.Repositories...)
		all = append(all, items...)
		link := w.Header().Get("Link")
		if len(items) > n || len(items) < n && link != "" || len(items) == 0 {
			t.Fatalf("%s: a page of %d; the next is %q", next, len(items), link)
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
	}
	return all, count
}

// TestListsAreWhole lists many tags and repositories in pages of every kind of
// size: nothing is lost, nothing comes twice, all is in order (K-55, K-89), and
// a page costs no more the further on it is (K-96).
func TestListsAreWhole(t *testing.T) {
	size := scaleOf(t)
	tags, repositories := tagNames(size.tags), repositoryNames(size.repositories)
	for name, fill := range stores {
		t.Run(name, func(t *testing.T) {
			d := fill(t, tags, repositories)
			h := server.New(storage.New(d, storage.Options{}), server.Options{})
			for _, list := range []struct {
				url  string
				want []string
			}{
				{"/v2/tags/tags/list", tags},
				{"/v2/_catalog", append(slices.Clone(repositories), "tags")},
			} {
				for _, n := range []int{1, 7, 1000} {
					start := time.Now()
					got, count := pages(t, h, list.url, n)
					if !slices.Equal(got, list.want) {
						t.Fatalf("%s: %d entries in pages of %d, want %d", list.url, len(got), n, len(list.want))
					}
					if want := (len(got) + n - 1) / n; count != want {
						t.Errorf("%s: %d pages of %d, want %d", list.url, count, n, want)
					}
					t.Logf("%s: %d entries in %d pages of %d, %v a page", list.url, len(got), count, n, time.Since(start)/time.Duration(count))
				}
			}
		})
	}
}

// TestListsAreReadInBoundedMemory reads the tags of a repository, of which there
// are many, and looks at the heap meanwhile.
func TestListsAreReadInBoundedMemory(t *testing.T) {
	size := scaleOf(t)
	// What a piece of a listing may take, and the names that are kept.
	const bound = 40 << 20
	tags := tagNames(max(size.tags, 20_000))
	root := t.TempDir()
	for _, tag := range tags {
		if err := os.MkdirAll(filepath.Join(root, "docker/registry/v2/repositories/tags/_manifests/tags", tag), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	d, err := filesystem.New(filesystem.Parameters{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	name, err := registry.ParseName("tags")
	if err != nil {
		t.Fatal(err)
	}
	p, err := storage.New(d, storage.Options{}).Repository(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, most, n := heap(), int64(0), 0
	for _, err := range p.Tags().All(t.Context(), registry.Tag{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%(len(tags)/20) == 0 {
			most = max(most, heap()-before)
		}
	}
	if n != len(tags) || most > bound {
		t.Errorf("%d tags of %d; the heap grew by %d bytes, more than %d", n, len(tags), most, bound)
	}
	t.Logf("%d tags with %d bytes of heap", n, most)
}

// TestListsAreInOrderWhateverTheyHold compares pages of random sizes with the
// whole, over random names.
func TestListsAreInOrderWhateverTheyHold(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		word := func() string {
			var b strings.Builder
			for i := range 1 + r.IntN(3) {
				if i > 0 {
					b.WriteString([]string{"", "", ".", "_", "__", "-", "--"}[r.IntN(7)])
				}
				b.WriteByte("01ab"[r.IntN(4)])
			}
			return b.String()
		}
		var repositories, tags []string
		for range 40 {
			name := word()
			for range r.IntN(3) {
				name += "/" + word()
			}
			repositories = append(repositories, name)
			tags = append(tags, word()+[]string{"", ".", "-", "_", "A"}[r.IntN(5)])
		}
		order := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
		slices.SortFunc(repositories, func(a, b string) int { return strings.Compare(order(a), order(b)) })
		slices.Sort(tags)
		repositories, tags = slices.Compact(repositories), slices.Compact(tags)
		h := server.New(storage.New(stores["inmemory"](t, tags, repositories), storage.Options{}), server.Options{})
		for n := 1; n < 45; n += 1 + r.IntN(4) {
			if got, _ := pages(t, h, "/v2/tags/tags/list", n); !slices.Equal(got, tags) {
				t.Fatalf("seed %d, pages of %d: %v, want %v", seed, n, got, tags)
			}
			if got, _ := pages(t, h, "/v2/_catalog", n); !slices.Equal(got, append(slices.Clone(repositories), "tags")) {
				t.Fatalf("seed %d, pages of %d: %v, want %v", seed, n, got, repositories)
			}
		}
	}
}
