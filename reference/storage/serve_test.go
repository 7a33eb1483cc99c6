package storage_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

func serve(t *testing.T, p registry.Repository, method string, dgst digest.Digest, header map[string]string) (*http.Response, error) {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	err := p.Blobs().(registry.BlobServer).ServeBlob(t.Context(), w, r, dgst)
	return w.Result(), err
}

// TestServeBlob shows S-311.
func TestServeBlob(t *testing.T) {
	t.Parallel()
	opens := map[string]func(*testing.T) driver.Driver{
		// Its readers can't seek.
		"plain reader": func(*testing.T) driver.Driver {
			return faulty.Wrap(inmemory.New(inmemory.Parameters{}), func(faulty.Op, string) error { return nil })
		},
	}
	for name, open := range drivers {
		opens[name] = open
	}
	content := []byte("0123456789")
	dgst := digest.FromBytes(content)
	etag := `"` + dgst.String() + `"`
	cases := []struct {
		name   string
		method string
		header map[string]string
		status int
		body   string
		want   map[string]string
	}{
		{"GET", "GET", nil, 200, "0123456789", map[string]string{"Content-Length": "10", "Content-Type": "application/octet-stream", "Etag": etag, "Docker-Content-Digest": dgst.String(), "Accept-Ranges": "bytes"}},
		{"HEAD", "HEAD", nil, 200, "", map[string]string{"Content-Length": "10", "Etag": etag, "Docker-Content-Digest": dgst.String()}},
		{"range", "GET", map[string]string{"Range": "bytes=2-4"}, 206, "234", map[string]string{"Content-Range": "bytes 2-4/10", "Content-Length": "3"}},
		{"suffix", "GET", map[string]string{"Range": "bytes=-3"}, 206, "789", map[string]string{"Content-Range": "bytes 7-9/10"}},
		{"open end", "GET", map[string]string{"Range": "bytes=8-"}, 206, "89", map[string]string{"Content-Range": "bytes 8-9/10"}},
		{"If-None-Match", "GET", map[string]string{"If-None-Match": etag}, 304, "", map[string]string{"Etag": etag}},
		{"If-Match of another", "GET", map[string]string{"If-Match": `"x"`}, 412, "", nil},
		{"If-Range", "GET", map[string]string{"Range": "bytes=2-4", "If-Range": etag}, 206, "234", nil},
		{"If-Range of another", "GET", map[string]string{"Range": "bytes=2-4", "If-Range": `"x"`}, 200, "0123456789", nil},
	}
	for name, open := range opens {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := repository(t, storage.New(open(t), storage.Options{}), "serve")
			push(t, p, content)
			for _, c := range cases {
				resp, err := serve(t, p, c.method, dgst, c.header)
				must(t, err)
				body, err := io.ReadAll(resp.Body)
				must(t, err)
				if resp.StatusCode != c.status || string(body) != c.body {
					t.Errorf("%s: %d %q", c.name, resp.StatusCode, body)
				}
				for k, want := range c.want {
					if got := resp.Header.Get(k); got != want {
						t.Errorf("%s: %s: %q, want %q", c.name, k, got, want)
					}
				}
			}
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Range", "bytes=10-")
			err := p.Blobs().(registry.BlobServer).ServeBlob(t.Context(), w, r, dgst)
			wantError(t, err, registry.ErrRangeUnsatisfiable)
			if fmt.Sprint(w.Header()) != "map[Content-Range:[bytes */10]]" || w.Body.Len() != 0 {
				t.Errorf("unsatisfiable: %v %q", w.Header(), w.Body)
			}
			w = httptest.NewRecorder()
			err = p.Blobs().(registry.BlobServer).ServeBlob(t.Context(), w, httptest.NewRequest("GET", "/", nil), digest.FromString("unknown"))
			wantError(t, err, registry.ErrBlobUnknown)
			if len(w.Header()) != 0 || w.Body.Len() != 0 {
				t.Errorf("an error wrote %v %q", w.Header(), w.Body)
			}
		})
	}
}

// fileTaker is a connection that looks at what it is asked to send.
type fileTaker struct {
	*httptest.ResponseRecorder
	took any
}

func (f *fileTaker) ReadFrom(r io.Reader) (int64, error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		f.took = limited.R
	}
	return io.Copy(f.ResponseRecorder, r)
}

// TestServeBlobHandsTheFileToTheConnection shows S-119.
func TestServeBlobHandsTheFileToTheConnection(t *testing.T) {
	t.Parallel()
	d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir()})
	must(t, err)
	p := repository(t, storage.New(d, storage.Options{}), "sendfile")
	content := bytes.Repeat([]byte("s"), 100<<10)
	desc := push(t, p, content)
	w := &fileTaker{ResponseRecorder: httptest.NewRecorder()}
	must(t, p.Blobs().(registry.BlobServer).ServeBlob(t.Context(), w, httptest.NewRequest("GET", "/", nil), desc.Digest))
	if _, ok := w.took.(*os.File); !ok {
		t.Fatalf("the connection was given a %T", w.took)
	}
	if !bytes.Equal(w.Body.Bytes(), content) {
		t.Fatal("content differs")
	}
}

// redirecting is a driver with a URL for everything.
type redirecting struct{ driver.Driver }

func (redirecting) RedirectURL(r *http.Request, path string) (string, error) {
	return "https://example.com" + path + "?" + r.Method, nil
}

// TestServeBlobRedirects shows S-136.
func TestServeBlobRedirects(t *testing.T) {
	t.Parallel()
	d := redirecting{inmemory.New(inmemory.Parameters{})}
	desc := push(t, repository(t, storage.New(d, storage.Options{}), "redirect"), []byte("r"))
	hex := desc.Digest.Encoded()
	resp, err := serve(t, repository(t, storage.New(d, storage.Options{}), "redirect"), "HEAD", desc.Digest, nil)
	must(t, err)
	if want := "https://example.com/docker/registry/v2/blobs/sha256/" + hex[:2] + "/" + hex + "/data?HEAD"; resp.StatusCode != 307 || resp.Header.Get("Location") != want {
		t.Fatalf("%d to %s, want %s", resp.StatusCode, resp.Header.Get("Location"), want)
	}
	resp, err = serve(t, repository(t, storage.New(d, storage.Options{DisableRedirect: true}), "redirect"), "GET", desc.Digest, nil)
	must(t, err)
	if resp.StatusCode != 200 {
		t.Fatalf("redirects are off, got %d", resp.StatusCode)
	}
}

// TestServeBlobOfManyChunks reads a blob that a driver holds in many pieces, whole
// and from the midst of one piece to that of another.
func TestServeBlobOfManyChunks(t *testing.T) {
	t.Parallel()
	content := make([]byte, 1<<20+77)
	for i := range content {
		content[i] = byte(i >> 8)
	}
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := repository(t, storage.New(open(t), storage.Options{}), "serve")
			push(t, p, content)
			for given, want := range map[string][]byte{
				"":                     content,
				"bytes=1000-900000":    content[1000:900001],
				"bytes=1048575-":       content[1048575:],
				"bytes=262143-262144":  content[262143:262145],
				"bytes=262144-262144":  content[262144:262145],
				"bytes=500000-9999999": content[500000:],
			} {
				header := map[string]string{"Range": given}
				if given == "" {
					header = nil
				}
				resp, err := serve(t, p, http.MethodGet, digest.FromBytes(content), header)
				must(t, err)
				got, err := io.ReadAll(resp.Body)
				must(t, err)
				if !bytes.Equal(got, want) {
					t.Errorf("%q: %d bytes, want %d, or others", given, len(got), len(want))
				}
			}
		})
	}
}
