package client_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/client"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
)

// A flaw does something to a request of a sound registry; it reports whether the
// registry still gets it.
type flaw func(w http.ResponseWriter, r *http.Request) bool

func flawed(t *testing.T, f flaw, o client.Options) registry.Repository {
	t.Helper()
	h := sound()
	return answering(t, func(w http.ResponseWriter, r *http.Request) {
		if f(w, r) {
			h.ServeHTTP(w, r)
		}
	}, o)
}

// handled lets the registry have the request, and loses the answer.
func handled(h http.Handler, r *http.Request) {
	h.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// An upload survives that connections break: before the registry has a byte of a
// chunk, in its middle, and after the registry has all of it; when the answer to
// the end is lost; and when the registry is out of order for a moment.
func TestUploadGoesOn(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 100, 1000, 1001, 5500} {
		content := []byte(text(size))
		for name, method := range map[string]string{"chunks": http.MethodPatch, "end": http.MethodPut} {
			for when, fail := range map[string]func(h http.Handler, w http.ResponseWriter, r *http.Request){
				"before": func(_ http.Handler, w http.ResponseWriter, _ *http.Request) { cut(w) },
				"in the middle": func(h http.Handler, _ http.ResponseWriter, r *http.Request) {
					r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), broken{}))
					handled(h, r)
				},
				"after": func(h http.Handler, _ http.ResponseWriter, r *http.Request) { handled(h, r) },
				"502":   func(_ http.Handler, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
			} {
				t.Run(name+" "+when, func(t *testing.T) {
					t.Parallel()
					var n atomic.Int64
					h := sound()
					p := answering(t, func(w http.ResponseWriter, r *http.Request) {
						// Every other request of the kind fails.
						if r.Method == method && n.Add(1)%2 == 1 {
							fail(h, w, r)
							return
						}
						h.ServeHTTP(w, r)
					}, client.Options{ChunkSize: 1000})
					for _, close := range []bool{false, true} {
						w, err := p.Blobs().Create(t.Context())
						contract.Must(t, err)
						_, err = w.Write(content[:size/2])
						contract.Must(t, err)
						if close {
							contract.Must(t, w.Close())
							w, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
							contract.Must(t, err)
						}
						_, err = w.Write(content[size/2:])
						contract.Must(t, err)
						desc, err := w.Commit(t.Context(), contract.Describe(content))
						if err != nil || desc.Size != int64(size) {
							t.Fatalf("%d bytes: %+v, %v", size, desc, err)
						}
						if got, err := readAll(t, p, desc.Digest); err != nil || got != string(content) {
							t.Fatalf("%d bytes came back, %v", len(got), err)
						}
						contract.Must(t, p.Blobs().Delete(t.Context(), desc.Digest))
					}
				})
			}
		}
	}
}

// broken is a body that ends early.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// K-130: what the registry takes of a chunk counts, not what was sent.
func TestUploadTakesWhatWasTaken(t *testing.T) {
	t.Parallel()
	h := sound()
	p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch && r.ContentLength > 300 {
			r.Header.Del("Content-Range")
			r.Body, r.ContentLength = io.NopCloser(io.LimitReader(r.Body, 300)), 300
		}
		h.ServeHTTP(w, r)
	}, client.Options{ChunkSize: 1000})
	content := []byte(text(3500))
	if got, err := readAll(t, p, contract.Push(t, p, content).Digest); err != nil || got != string(content) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

// A registry that never takes anything is given up, and memory stays bounded.
func TestUploadGivesUp(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	p := flawed(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			n.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		}
		return true
	}, client.Options{ChunkSize: 1000})
	w, err := p.Blobs().Create(t.Context())
	contract.Must(t, err)
	if _, err := w.Write(make([]byte, 5000)); err == nil || n.Load() != 4 {
		t.Fatalf("%d attempts, %v", n.Load(), err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Fatal("a broken writer writes")
	}
	if _, err := w.Commit(t.Context(), contract.Describe(make([]byte, 5001))); err == nil {
		t.Fatal("a broken writer commits")
	}
	contract.Must(t, w.Cancel(t.Context()))
}

// A chunk is as long as the registry wants it at least.
func TestUploadMinLength(t *testing.T) {
	t.Parallel()
	for least, works := range map[string]bool{"2500": true, "999999999999": false, "x": true} {
		var short atomic.Int64
		p := flawed(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				w.Header().Set("OCI-Chunk-Min-Length", least)
			}
			if r.Method == http.MethodPatch && r.ContentLength < 2500 {
				short.Add(1)
			}
			return true
		}, client.Options{ChunkSize: 1000})
		w, err := p.Blobs().Create(t.Context())
		if (err == nil) != works {
			t.Fatalf("%s: %v", least, err)
		}
		if err != nil {
			continue
		}
		content := make([]byte, 6000)
		_, err = io.Copy(w, bytes.NewReader(content))
		contract.Must(t, err)
		_, err = w.Commit(t.Context(), contract.Describe(content))
		contract.Must(t, err)
		if (short.Load() == 0) != (least == "2500") {
			t.Errorf("%s: %d short chunks", least, short.Load())
		}
	}
}

// K-130: a Location may be relative or on another host, which gets the bytes and no
// credentials; never one that is not encrypted where the registry is.
func TestUploadLocation(t *testing.T) {
	t.Parallel()
	var there ledger
	h := sound()
	foreign := site(t, func(w http.ResponseWriter, r *http.Request) {
		there.note(r)
		h.ServeHTTP(w, r)
	})
	var here ledger
	p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		here.note(r)
		if user, password, _ := r.BasicAuth(); user != "me" || password != canary {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			w.Header().Set("Location", foreign+rec.Header().Get("Location"))
			w.WriteHeader(rec.Code)
			return
		}
		h.ServeHTTP(w, r)
	}, client.Options{ChunkSize: 1000, Credentials: client.Static(client.Credential{Username: "me", Password: canary})})
	content := []byte(text(2500))
	desc := contract.Push(t, p, content)
	if len(there.all()) == 0 || there.leaks("Basic ") || !here.leaks("Basic ") {
		t.Errorf("%d requests at the other host, with credentials: %v", len(there.all()), there.leaks("Basic "))
	}
	if got, err := readAll(t, p, desc.Digest); err != nil || got != string(content) {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "http://", "ftp://x/y", "http://a:b@c/d", ":"} {
		p := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", bad)
			w.WriteHeader(http.StatusAccepted)
		}, client.Options{})
		if _, err := p.Blobs().Create(t.Context()); err == nil {
			t.Errorf("Location %q is taken", bad)
		}
	}
}

// A commit that the registry refuses ends the session; any other failure keeps it.
func TestCommitRefused(t *testing.T) {
	t.Parallel()
	var refuse atomic.Bool
	p := flawed(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && refuse.Load() {
			w.WriteHeader(http.StatusForbidden)
			return false
		}
		return true
	}, client.Options{})
	w, err := p.Blobs().Create(t.Context())
	contract.Must(t, err)
	_, err = w.Write([]byte("x"))
	contract.Must(t, err)
	refuse.Store(true)
	_, err = w.Commit(t.Context(), contract.Describe([]byte("x")))
	contract.WantError(t, err, registry.ErrDenied)
	refuse.Store(false)
	_, err = w.Commit(t.Context(), contract.Describe([]byte("x")))
	contract.Must(t, err)
	if _, err = p.Blobs().Resume(t.Context(), w.Upload().ID); !errors.Is(err, registry.ErrBlobUploadUnknown) {
		t.Fatal(err)
	}
}

// A session of a byte, which the API can't tell from one of none, is resumed right.
func TestResumeOfOneByte(t *testing.T) {
	t.Parallel()
	p := flawed(t, func(http.ResponseWriter, *http.Request) bool { return true }, client.Options{})
	for _, first := range []string{"", "a"} {
		for _, rest := range []string{"", "b", strings.Repeat("b", 500)} {
			w, err := p.Blobs().Create(t.Context())
			contract.Must(t, err)
			_, err = io.WriteString(w, first)
			contract.Must(t, err)
			contract.Must(t, w.Close())
			w, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
			contract.Must(t, err)
			_, err = io.WriteString(w, rest)
			contract.Must(t, err)
			desc, err := w.Commit(t.Context(), registry.Descriptor{Digest: digest.FromString(first + rest)})
			if err != nil || desc.Size != int64(len(first+rest)) {
				t.Errorf("%q and %d bytes: %+v, %v", first, len(rest), desc, err)
			}
		}
	}
}
