package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

const nowhere = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// TestEndpoints shows S-058, S-138, K-87, K-91.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	s.push("a", "x")
	long := strings.Repeat("a", 256)
	for _, c := range []struct {
		method, path string
		status       int
		code         string
		allow        string
	}{
		{method: "GET", path: "/", status: 200},
		{method: "GET", path: "/v2", status: 200},
		{method: "GET", path: "/v2/", status: 200},
		{method: "HEAD", path: "/v2/", status: 200},
		{method: "POST", path: "/v2/", status: 405, code: "UNSUPPORTED", allow: "GET, HEAD"},
		{method: "BREW", path: "/v2/a/manifests/x", status: 405, code: "UNSUPPORTED", allow: "DELETE, GET, HEAD, PUT"},
		{method: "PUT", path: "/v2/a/blobs/" + nowhere, status: 405, code: "UNSUPPORTED", allow: "DELETE, GET, HEAD"},
		{method: "GET", path: "/v2/a/blobs/uploads/", status: 405, code: "UNSUPPORTED", allow: "POST"},
		{method: "POST", path: "/v2/a/blobs/uploads/x", status: 405, code: "UNSUPPORTED", allow: "DELETE, GET, HEAD, PATCH, PUT"},
		{method: "DELETE", path: "/v2/a/tags/list", status: 405, code: "UNSUPPORTED", allow: "GET, HEAD"},
		{method: "GET", path: "/v1/", status: 404, code: "UNSUPPORTED"},
		{method: "GET", path: "/v2/a", status: 404, code: "UNSUPPORTED"},
		{method: "GET", path: "/v2/b/../a/blobs/" + sum("x"), status: 404, code: "UNSUPPORTED"},
		{method: "GET", path: "/v2/b/%2e%2e/a/blobs/" + sum("x"), status: 404, code: "UNSUPPORTED"},
		{method: "GET", path: "/v2//a/blobs/" + sum("x"), status: 404, code: "UNSUPPORTED"},
		{method: "GET", path: "/v2/b%2Fa/tags/list", status: 404, code: "UNSUPPORTED"},
		{method: "GET", path: "/v2/a/blobs/" + strings.Replace(sum("x"), ":", "%3A", 1), status: 200},
		{method: "GET", path: "/v2/A/tags/list", status: 400, code: "NAME_INVALID"},
		{method: "GET", path: "/v2/a--/tags/list", status: 400, code: "NAME_INVALID"},
		{method: "POST", path: "/v2/_a/blobs/uploads/", status: 400, code: "NAME_INVALID"},
		{method: "GET", path: "/v2/" + long + "/tags/list", status: 400, code: "NAME_INVALID"},
		{method: "GET", path: "/v2/b/tags/list", status: 404, code: "NAME_UNKNOWN"},
		{method: "GET", path: "/v2/a/blobs/" + nowhere, status: 404, code: "BLOB_UNKNOWN"},
		{method: "GET", path: "/v2/b/blobs/" + sum("x"), status: 404, code: "BLOB_UNKNOWN"},
		{method: "GET", path: "/v2/a/blobs/sha256:short", status: 400, code: "DIGEST_INVALID"},
		{method: "GET", path: "/v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e", status: 400, code: "DIGEST_INVALID"},
		{method: "GET", path: "/v2/a/manifests/none", status: 404, code: "MANIFEST_UNKNOWN"},
		{method: "GET", path: "/v2/a/manifests/.none", status: 404, code: "MANIFEST_UNKNOWN"},
		{method: "GET", path: "/v2/a/manifests/" + strings.Repeat("x", 129), status: 404, code: "MANIFEST_UNKNOWN"},
		{method: "GET", path: "/v2/a/manifests/" + nowhere, status: 404, code: "MANIFEST_UNKNOWN"},
		{method: "GET", path: "/v2/a/manifests/sha256:short", status: 400, code: "DIGEST_INVALID"},
		{method: "GET", path: "/v2/a/manifests/" + sum("x"), status: 404, code: "MANIFEST_UNKNOWN"},
		{method: "GET", path: "/v2/a/referrers/sha256:short", status: 400, code: "DIGEST_INVALID"},
		{method: "DELETE", path: "/v2/a/blobs/" + nowhere, status: 404, code: "BLOB_UNKNOWN"},
		{method: "DELETE", path: "/v2/a/manifests/" + nowhere, status: 404, code: "MANIFEST_UNKNOWN"},
		{method: "DELETE", path: "/v2/a/manifests/none", status: 404, code: "MANIFEST_UNKNOWN"},
	} {
		a := s.do(c.method, c.path, "")
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			a.t = t
			if c.code == "" || c.method == "HEAD" {
				a.want(c.status)
			} else {
				a.want(c.status, c.code)
			}
			a.has("Allow", c.allow, "X-Content-Type-Options", "nosniff")
			if a.header.Get("X-Request-Id") == "" {
				t.Error("no request id")
			}
		})
	}
}

// dial opens a connection of its own, for what a client of net/http would not
// send or would not show.
func (s *site) dial() *net.TCPConn {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c.(*net.TCPConn)
}

func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	d := s.tag("a", "v", s.image("a", ""))
	for _, path := range []string{
		"/v2/", "/v2/a/manifests/v", "/v2/a/manifests/" + d, "/v2/a/manifests/none", "/v2/a/blobs/" + sum("{}"),
		"/v2/a/blobs/" + nowhere, "/v2/a/tags/list", "/v2/_catalog", "/v2/a/referrers/" + d, "/v2/A/tags/list", "/nothing",
	} {
		c := s.dial()
		fmt.Fprintf(c, "HEAD %s HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\nConnection: close\r\n\r\n", path)
		b, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, ok := strings.Cut(string(b), "\r\n\r\n")
		if !ok || rest != "" {
			t.Errorf("HEAD %s has the body %q", path, rest)
		}
		if strings.Contains(head, " 206 ") {
			t.Errorf("HEAD %s answered a range", path)
		}
		if !strings.Contains(head, "Content-Length: ") {
			t.Errorf("HEAD %s has no length: %s", path, head)
		}
	}
}

// TestDisconnectInChunk shows K-84.
func TestDisconnectInChunk(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	content := strings.Repeat("0123456789", 50_000)
	part := content[:300_000]
	for name, framing := range map[string]string{
		"length":  fmt.Sprintf("Content-Length: %d\r\nContent-Range: 0-%d\r\n\r\n%s", len(content), len(content)-1, part),
		"chunked": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s", len(content), part),
	} {
		t.Run(name, func(t *testing.T) {
			at := s.begin("drop/" + name)
			c := s.dial()
			fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n%s", at, framing)
			// The server has all that came once it has seen the end of it.
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			c.Close()

			status := s.do("GET", at, "").want(204).has("Range", fmt.Sprintf("0-%d", len(part)-1))
			next := s.do("PATCH", status.header.Get("Location"), content[len(part):],
				"Content-Range", fmt.Sprintf("%d-%d", len(part), len(content)-1)).want(202).
				has("Range", fmt.Sprintf("0-%d", len(content)-1))
			s.do("PUT", next.header.Get("Location")+"&digest="+sum(content), "").want(201)
		})
	}
}

func TestStalledClientIsCutOff(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{StallTimeout: 100 * time.Millisecond}, storage.Options{})
	at := s.begin("a")
	c := s.dial()
	fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", at)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d", res.StatusCode)
	}
	s.do("GET", at, "").want(204).has("Range", "0-2")
}

// A registry that fails, to see that its failures are not taken for absence
// and not told.
type failing struct {
	registry.Registry
	err   error
	panic any
}

func (f failing) Repository(context.Context, registry.Name) (registry.Repository, error) {
	if f.panic != nil {
		panic(f.panic)
	}
	return nil, f.err
}

func (f failing) Repositories(context.Context, registry.Name) iter.Seq2[registry.Name, error] {
	return func(yield func(registry.Name, error) bool) { yield(registry.Name{}, f.err) }
}

// TestFailures shows S-185, S-214, K-81.
func TestFailures(t *testing.T) {
	t.Parallel()
	secret := errors.New("open /srv/store/docker: permission denied")
	for name, c := range map[string]struct {
		reg    failing
		status int
		code   string
	}{
		"error": {failing{err: secret}, 500, "UNKNOWN"},
		"panic": {failing{panic: "/srv/store"}, 500, "UNKNOWN"},
		"full":  {failing{err: fmt.Errorf("write /srv/store: %w", registry.ErrStorageFull)}, 507, "UNAVAILABLE"},
		"busy":  {failing{err: registry.ErrTooManyRequests}, 429, "TOOMANYREQUESTS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, server.New(c.reg, server.Options{}))
			for _, path := range []string{"/v2/a/tags/list", "/v2/a/manifests/x", "/v2/_catalog"} {
				if c.reg.panic != nil && path == "/v2/_catalog" {
					continue
				}
				a := s.do("GET", path, "").want(c.status, c.code)
				if strings.Contains(a.body, "srv") {
					t.Errorf("the answer tells a path: %s", a.body)
				}
			}
		})
	}
}

// TestReplicasShareUploads shows S-145, S-213.
func TestReplicasShareUploads(t *testing.T) {
	t.Parallel()
	store := inmemory.New(inmemory.Parameters{})
	opts := server.Options{Secret: []byte("shared")}
	a := serve(t, server.New(storage.New(store, storage.Options{}), opts))
	b := serve(t, server.New(storage.New(store, storage.Options{}), opts))
	stranger := serve(t, server.New(storage.New(store, storage.Options{}), server.Options{Secret: []byte("other")}))
	content := "four chunks, by turns"
	at := a.begin("r")
	for i := range 4 {
		from, to := i*5, min(i*5+5, len(content))
		if i == 3 {
			to = len(content)
		}
		s := []*site{a, b}[i%2]
		at = s.do("PATCH", at, content[from:to], "Content-Range", fmt.Sprintf("%d-%d", from, to-1)).want(202).header.Get("Location")
	}
	stranger.do("PATCH", at, "x").want(400, "BLOB_UPLOAD_INVALID")
	a.do("PUT", at+"&digest="+sum(content), "").want(201)
	if got := b.do("GET", "/v2/r/blobs/"+sum(content), "").want(200).body; got != content {
		t.Error(got)
	}
}

func TestZeroValueAndRecorder(t *testing.T) {
	t.Parallel()
	h := server.New(storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{}), server.Options{})
	for _, method := range []string{"GET", "HEAD"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/v2/a/tags/list", nil))
		if w.Code != 404 || method == "HEAD" && w.Body.Len() > 0 {
			t.Errorf("%s: %d %q", method, w.Code, w.Body)
		}
	}
}

// TestRequestID shows S-007.
func TestRequestID(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	s.do("GET", "/v2/", "", "X-Request-Id", "from-a-proxy.1").has("X-Request-Id", "from-a-proxy.1")
	if id := s.do("GET", "/v2/", "", "X-Request-Id", "no spaces or <tags>").header.Get("X-Request-Id"); strings.Contains(id, " ") || id == "" {
		t.Errorf("id %q", id)
	}
}
