package embedded

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/cache"
)

// start starts a registry, which ends with the test.
func start(t *testing.T, o Options) *Registry {
	t.Helper()
	r, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// do returns the status and the body of an answer.
func do(t *testing.T, method string, at *url.URL, path, body string) (int, []byte) {
	t.Helper()
	target, err := at.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, target.String(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, content
}

// TestDebugServer: the counts of the cache are those of its requests, there are
// profiles, and nothing of it is at the address of the registry.
func TestDebugServer(t *testing.T) {
	t.Parallel()
	for name, cached := range map[string]bool{"memory": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, Options{DebugAddr: "127.0.0.1:0", Cache: name})
			metrics := func() (m *cache.Metrics) {
				t.Helper()
				var vars struct {
					Cache      *cache.Metrics `json:"registry.storage.cache"`
					Goroutines int
					Memstats   struct{ HeapAlloc uint64 }
				}
				status, body := do(t, "GET", r.DebugURL(), "/debug/vars", "")
				if err := json.Unmarshal(body, &vars); status != 200 || err != nil {
					t.Fatalf("vars: status %d, %v", status, err)
				}
				if vars.Goroutines == 0 || vars.Memstats.HeapAlloc == 0 || (vars.Cache != nil) != cached {
					t.Errorf("vars %+v", vars)
				}
				return vars.Cache
			}
			if m := metrics(); m != nil && *m != (cache.Metrics{}) {
				t.Errorf("before any request: %+v", *m)
			}
			dgst := digest.FromString("content").String()
			if status, _ := do(t, "POST", r.URL(), "/v2/a/blobs/uploads/?digest="+dgst, "content"); status != 201 {
				t.Fatalf("push: status %d", status)
			}
			do(t, "GET", r.URL(), "/v2/a/blobs/"+dgst, "")
			var before cache.Metrics
			if m := metrics(); m != nil {
				before = *m
			}
			for range 3 {
				do(t, "GET", r.URL(), "/v2/a/blobs/"+dgst, "")
			}
			do(t, "GET", r.URL(), "/v2/a/blobs/"+digest.FromString("other").String(), "")
			if m := metrics(); m != nil {
				want := cache.Metrics{Requests: before.Requests + 4, Hits: before.Hits + 3, Misses: before.Misses + 1}
				if *m != want {
					t.Errorf("after 3 pulls and one of nothing: %+v, want %+v", *m, want)
				}
			}
			for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/goroutine": 200, "/debug/pprof/cmdline": 404, "/v2/": 404} {
				if status, _ := do(t, "GET", r.DebugURL(), path, ""); status != want {
					t.Errorf("%s at the debug address: status %d, want %d", path, status, want)
				}
			}
			for _, path := range []string{"/debug/vars", "/debug/pprof/"} {
				if status, _ := do(t, "GET", r.URL(), path, ""); status != 404 {
					t.Errorf("%s at the registry's address: status %d", path, status)
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := http.Get(r.DebugURL().String()); err == nil {
				t.Error("the debug server goes on after the end")
			}
		})
	}
}

// TestExclusiveStorage: a server that is to be the only one is.
func TestExclusiveStorage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shared, exclusive := Options{Storage: dir}, Options{Storage: dir, Exclusive: true}
	for _, c := range []struct {
		first, second Options
		want          string
	}{
		{shared, shared, ""},
		{shared, exclusive, "another server uses it; this one is to be the only one"},
		{exclusive, shared, "a server uses it that is to be the only one"},
		{exclusive, exclusive, "another server uses it; this one is to be the only one"},
	} {
		first := start(t, c.first)
		second, err := Start(t.Context(), c.second)
		if err == nil {
			second.Close()
		}
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), fmt.Sprintf("storage %s: ", dir))
		}
		if got != c.want {
			t.Errorf("exclusive: %t, then %t: %q, want %q", c.first.Exclusive, c.second.Exclusive, got, c.want)
		}
		first.Close()
	}
}
