package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/client"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// canary is what must be seen nowhere but at the registry and its realm.
const canary = "canary-7f3a"

var login = client.Static(client.Credential{Username: "me", Password: canary})

func list(t *testing.T, p registry.Repository) (tags []string, err error) {
	t.Helper()
	for tag, err := range p.Tags().All(t.Context(), registry.Tag{}) {
		if err != nil {
			return nil, err
		}
		tags = append(tags, tag.String())
	}
	return tags, nil
}

// Lists end: pages that go in a circle, that never end or that lead to another
// host are refused, and so is what is no tag.
func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	var elsewhere ledger
	other := site(t, func(_ http.ResponseWriter, r *http.Request) { elsewhere.note(r) })
	var n atomic.Int64
	for name, h := range map[string]http.HandlerFunc{
		"itself": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+r.URL.String()+`>; rel="next"`)
		},
		"circle": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", fmt.Sprintf(`<?n=%d>; rel="next"`, n.Add(1)%3))
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", fmt.Sprintf(`<?n=%d>; rel="next"`, n.Add(1)))
		},
		"host": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "<"+other+`/v2/a/b/tags/list>; rel="next"`)
		},
		"scheme": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Link", `<ftp://x>; rel="next"`) },
		"no URL": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Link", `<:>; rel="next"`) },
		"tag":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"tags":["../x"]}`) },
		"body":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `["x"]`) },
		"long": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"tags":[`+strings.Repeat(`"x",`, 5000)+`"x"]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := answering(t, func(w http.ResponseWriter, r *http.Request) {
				h(w, r)
				_, _ = io.WriteString(w, `{"name":"a/b","tags":["x"]}`)
			}, client.Options{MaxListBytes: 10_000, Credentials: login})
			if tags, err := list(t, p); err == nil || len(registry.Errors(err)) > 0 {
				t.Errorf("%d tags, %v", len(tags), err)
			}
		})
	}
	t.Cleanup(func() {
		if len(elsewhere.all()) > 0 {
			t.Error("another host was asked")
		}
	})
}

// A registry that keeps no order, or gives null, or all twice, is understood.
func TestListsAreOrdered(t *testing.T) {
	t.Parallel()
	p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			w.Header().Set("Link", `</v2/a/b/tags/list?page=2>; rel="next"`)
			_, _ = io.WriteString(w, `{"tags":["c","B","a"]}`)
			return
		}
		_, _ = io.WriteString(w, `{"tags":["b","a","A"]}`)
	}, client.Options{})
	if tags, err := list(t, p); err != nil || fmt.Sprint(tags) != "[A B a b c]" {
		t.Errorf("%v, %v", tags, err)
	}
	empty := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"tags":null}`) }, client.Options{})
	if tags, err := list(t, empty); err != nil || len(tags) != 0 {
		t.Errorf("%v, %v", tags, err)
	}
}

// A pull follows a redirect to another host without credentials, but not for ever.
func TestRedirects(t *testing.T) {
	t.Parallel()
	content := text(1000)
	var there ledger
	other := site(t, func(w http.ResponseWriter, r *http.Request) {
		there.note(r)
		if r.URL.Query().Get("sig") != canary {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, content)
	})
	redirect := func(to string, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("Location", to)
			w.WriteHeader(status)
		}
	}
	p := answering(t, redirect(other+"/x?sig="+canary, 307), client.Options{Credentials: client.Static(client.Credential{Username: "me", Password: "password"})})
	if got, err := readAll(t, p, digest.FromString(content)); err != nil || got != content {
		t.Fatal(err)
	}
	if len(there.all()) == 0 || there.leaks("Basic ") {
		t.Errorf("%d requests, credentials %v", len(there.all()), there.leaks("Basic "))
	}
	for _, bad := range []string{other + "/x?sig=wrong&other=" + canary, "", "file:///etc/passwd", "/v2/loop", "http://u:" + canary + "@127.0.0.1/"} {
		p := answering(t, redirect(bad, 302), client.Options{Credentials: login, Attempts: 1})
		if _, err := readAll(t, p, digest.FromString(content)); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// What is encrypted does not lead to what is not.
func TestNoDowngrade(t *testing.T) {
	t.Parallel()
	var plain ledger
	other := site(t, func(_ http.ResponseWriter, r *http.Request) { plain.note(r) })
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", other+r.URL.Path)
		w.Header().Set("Link", "<"+other+`>; rel="next"`)
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+other+`/token"`)
		w.WriteHeader(map[string]int{http.MethodGet: 307, http.MethodPost: 202, http.MethodDelete: 401}[r.Method])
	}))
	t.Cleanup(s.Close)
	p := contract.Repository(t, dial(t, s.URL, client.Options{
		Transport: s.Client().Transport, Credentials: login, Wait: hasty, TrustRealm: func(*url.URL) bool { return true },
	}), "a/b")
	_, get := p.Blobs().Open(t.Context(), digest.FromString("x"))
	_, post := p.Blobs().Create(t.Context())
	for what, err := range map[string]error{"GET": get, "POST": post, "DELETE": p.Blobs().Delete(t.Context(), digest.FromString("x"))} {
		if err == nil {
			t.Errorf("%s works", what)
		}
	}
	if len(plain.all()) > 0 {
		t.Errorf("%d requests were not encrypted", len(plain.all()))
	}
}

// The base URL may have a path; it may not have what can't be kept.
func TestBaseURL(t *testing.T) {
	t.Parallel()
	h := http.StripPrefix("/some/prefix", sound())
	base := site(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/some/prefix/v2/") && !strings.HasPrefix(r.URL.Path, "/v2/") || r.UserAgent() != "test/1" {
			t.Errorf("%s from %s", r.URL, r.UserAgent())
		}
		h.ServeHTTP(w, r)
	})
	p := contract.Repository(t, dial(t, base+"/some/prefix/", client.Options{UserAgent: "test/1"}), "a/b")
	if _, err := p.Blobs().Stat(t.Context(), digest.FromString("x")); !errors.Is(err, registry.ErrBlobUnknown) {
		t.Error(err)
	}
	for _, bad := range []string{"", "example.com", "ftp://example.com", "http://", "http://u:" + canary + "@example.com", "http://example.com?x=y", "http://example.com#x"} {
		u, err := url.Parse(bad)
		contract.Must(t, err)
		if _, err := client.New(u, client.Options{}); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Where the registry has no list of referrers, the client keeps one under the
// fallback tag, and the contract holds all the same.
func TestReferrersByFallbackTag(t *testing.T) {
	t.Parallel()
	old := func(t *testing.T) string {
		h := server.New(storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{}), server.Options{})
		return site(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/referrers/sha") {
				http.NotFound(w, r)
				return
			}
			h.ServeHTTP(without{w, "Oci-Subject"}, r)
		})
	}
	contract.Run(t, limits, func(t *testing.T) registry.Registry { return dial(t, old(t), client.Options{}) })
	t.Run("no index", func(t *testing.T) {
		t.Parallel()
		p := contract.Repository(t, dial(t, old(t), client.Options{}), "a/b")
		subject := digest.FromString("subject")
		m := contract.Image(t, contract.Push(t, p, []byte("{}")), "")
		_, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{Tags: []registry.Tag{contract.Tag("sha256-" + subject.Encoded())}})
		contract.Must(t, err)
		if got := contract.Collect(t, p.Manifests().Referrers(t.Context(), subject, "")); len(got) != 0 {
			t.Errorf("%v", got)
		}
	})
}

// without drops a field of an answer.
type without struct {
	http.ResponseWriter
	key string
}

func (w without) WriteHeader(status int) {
	w.Header().Del(w.key)
	w.ResponseWriter.WriteHeader(status)
}

func (w without) Unwrap() http.ResponseWriter { return w.ResponseWriter }
