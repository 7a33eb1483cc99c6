package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

const (
	typeImage = "application/vnd.oci.image.manifest.v1+json"
	typeIndex = "application/vnd.oci.image.index.v1+json"
	typeEmpty = "application/vnd.oci.empty.v1+json"
)

// A site is a registry on a port, with its store in memory.
type site struct {
	t   testing.TB
	url string
}

func open(t testing.TB, opts server.Options, store storage.Options) *site {
	t.Helper()
	return serve(t, server.New(storage.New(inmemory.New(inmemory.Parameters{}), store), opts))
}

func serve(t testing.TB, h http.Handler) *site {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config = server.NewHTTP(h)
	s.Start()
	t.Cleanup(s.Close)
	return &site{t: t, url: s.URL}
}

// An answer is a response that was read whole.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// do sends a request; headers are pairs. A path without a scheme is relative
// to the site.
func (s *site) do(method, path, body string, headers ...string) *answer {
	s.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	return s.send(method, path, r, headers...)
}

func (s *site) send(method, path string, body io.Reader, headers ...string) *answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatalf("%s %s: read body: %v", method, path, err)
	}
	return &answer{t: s.t, status: res.StatusCode, header: res.Header, body: string(b)}
}

// want demands a status and, for an error, the codes of its document.
func (a *answer) want(status int, codes ...string) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if v := a.header.Get("Docker-Distribution-Api-Version"); v != "registry/2.0" {
		a.t.Errorf("Docker-Distribution-Api-Version is %q", v)
	}
	if len(codes) == 0 {
		return a
	}
	var doc struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		a.t.Fatalf("error document %q: %v", a.body, err)
	}
	var got []string
	for _, e := range doc.Errors {
		got = append(got, e.Code)
		if e.Message == "" {
			a.t.Errorf("error %s has no message", e.Code)
		}
	}
	if strings.Join(got, " ") != strings.Join(codes, " ") {
		a.t.Errorf("codes %v, want %v", got, codes)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json" {
		a.t.Errorf("error Content-Type is %q", ct)
	}
	return a
}

// has demands headers, given as pairs; an empty value means absent.
func (a *answer) has(pairs ...string) *answer {
	a.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := a.header.Get(pairs[i]); got != pairs[i+1] {
			a.t.Errorf("%s is %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
	return a
}

func sum(s string) string { return digest.FromString(s).String() }

// begin opens an upload session and returns its Location.
func (s *site) begin(name string) string {
	s.t.Helper()
	return s.do("POST", "/v2/"+name+"/blobs/uploads/", "").want(202).header.Get("Location")
}

// push stores a blob and returns its digest.
func (s *site) push(name, content string) string {
	s.t.Helper()
	s.do("PUT", s.begin(name)+"&digest="+sum(content), content).want(201)
	return sum(content)
}

// image returns a manifest, whose blobs it pushes.
func (s *site) image(name, extra string) string {
	s.t.Helper()
	s.push(name, "{}")
	d := `{"mediaType":"` + typeEmpty + `","digest":"` + sum("{}") + `","size":2}`
	return `{"schemaVersion":2,"mediaType":"` + typeImage + `","config":` + d + `,"layers":[` + d + `]` + extra + `}`
}

// tag stores a manifest under the tag and returns its digest.
func (s *site) tag(name, tag, manifest string) string {
	s.t.Helper()
	s.do("PUT", "/v2/"+name+"/manifests/"+tag, manifest, "Content-Type", typeImage).want(201)
	return sum(manifest)
}

func TestPushAndPull(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	m := s.image("a/b", "")
	d := s.tag("a/b", "v1", m)
	for _, ref := range []string{"v1", d} {
		for _, method := range []string{"GET", "HEAD"} {
			a := s.do(method, "/v2/a/b/manifests/"+ref, "").want(200).
				has("Content-Type", typeImage, "Docker-Content-Digest", d, "ETag", `"`+d+`"`)
			if method == "GET" && a.body != m {
				t.Errorf("GET %s gave %q", ref, a.body)
			}
		}
	}
	s.do("GET", "/v2/a/b/blobs/"+sum("{}"), "").want(200).has("Docker-Content-Digest", sum("{}"), "Content-Length", "2")
	s.do("HEAD", "/v2/a/b/blobs/"+sum("{}"), "").want(200).has("Docker-Content-Digest", sum("{}"), "Content-Length", "2")
	if got := s.do("GET", "/v2/a/b/tags/list", "").want(200).body; got != `{"name":"a/b","tags":["v1"]}` {
		t.Error(got)
	}
}
