package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// A hostile server answers /v2/ like a registry, unless its kind ends in
// "-at-once", and everything else as its kind says.
type hostile struct {
	server *httptest.Server
	once   sync.Once
	beyond chan struct{} // closed at the first request beyond /v2/
}

func newHostile(kind string) (*hostile, error) {
	kind, atOnce := strings.CutSuffix(kind, "-at-once")
	answer, ok := map[string]http.HandlerFunc{
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"drops": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half":  half,
		"huge":  huge,
		"pages": pages,
		"json":  brokenJSON,
		"loops": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		},
		"refuses": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
		"unlike": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>hello</html>") },
	}[kind]
	if !ok {
		return nil, fmt.Errorf("no hostile server %q", kind)
	}
	h := &hostile{beyond: make(chan struct{})}
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" && !atOnce {
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			return
		}
		if r.URL.Path != "/v2/" {
			h.once.Do(func() { close(h.beyond) })
		}
		answer(w, r)
	}))
	return h, nil
}

// close does not wait for answers that never end.
func (h *hostile) close() {
	h.server.CloseClientConnections()
	h.server.Close()
}

// half declares more than it sends.
func half(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	io.WriteString(w, "half")
	panic(http.ErrAbortHandler)
}

// huge sends 10 GiB.
func huge(w http.ResponseWriter, _ *http.Request) {
	const size = 10 << 30
	w.Header().Set("Content-Length", fmt.Sprint(size))
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range size / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// pages has a next page for each page.
func pages(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		w.Header().Set("Location", r.URL.Path+"1")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut:
		w.Header().Set("Location", r.URL.Path)
		w.WriteHeader(http.StatusCreated)
	default:
		w.Header().Set("Link", fmt.Sprintf(`<%s?last=%s>; rel="next"`, r.URL.Path, r.URL.Query().Get("last")+"x"))
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"name":"n","tags":["t"],"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	}
}

func brokenJSON(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		pages(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, strings.Repeat(`{"tags":[`, 100_000))
}
