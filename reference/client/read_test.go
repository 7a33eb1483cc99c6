package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/client"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
)

// A download that breaks off again and again is gone on with, by ranges or, where
// there are none, from the start, and comes out whole.
func TestReadGoesOn(t *testing.T) {
	t.Parallel()
	content := text(100_000)
	for _, ranges := range []bool{true, false} {
		var requests atomic.Int64
		p := answering(t, func(w http.ResponseWriter, r *http.Request) {
			n := requests.Add(1)
			if !ranges {
				r.Header.Del("Range")
				w.Header().Set("Content-Length", strconv.Itoa(len(content)))
				_, _ = io.WriteString(w, content[:min(len(content), int(n)*20_000)])
				if n < 5 {
					cut(w)
				}
				return
			}
			start := 0
			_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start)
			w.Header().Set("Content-Length", strconv.Itoa(len(content)-start))
			if start > 0 {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(content)-1, len(content)))
				w.WriteHeader(http.StatusPartialContent)
			}
			_, _ = io.WriteString(w, content[start:min(len(content), start+10_000)])
			if start+10_000 < len(content) {
				cut(w)
			}
		}, client.Options{})
		got, err := readAll(t, p, digest.FromString(content))
		if err != nil || got != content || requests.Load() < 5 {
			t.Fatalf("ranges %v: %d bytes after %d requests, %v", ranges, len(got), requests.Load(), err)
		}
	}
}

// P2, K-130: bytes that are not those of the digest never make a whole, and what is
// given out before that is found is less than was asked for.
func TestReadNeverCompletesWrongBytes(t *testing.T) {
	t.Parallel()
	good := text(50_000)
	whole := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(s))
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"last byte":  whole(good[:len(good)-1] + "#"),
		"first byte": whole("#" + good[1:]),
		"shorter":    whole(good[:len(good)-1]),
		"longer":     whole(good + "#"),
		"empty":      whole(""),
		"another digest": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Docker-Content-Digest", digest.FromString("other").String())
			_, _ = io.WriteString(w, good)
		},
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(good)))
			_, _ = io.WriteString(w, good[:len(good)-1])
			cut(w)
		},
		"range elsewhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", len(good)-1, len(good)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, good[5:])
		},
		"compressed": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Errorf("Accept-Encoding %q", r.Header.Get("Accept-Encoding"))
			}
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "\x1f\x8b")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := answering(t, h, client.Options{Attempts: 2})
			got, err := readAll(t, p, digest.FromString(good))
			if err == nil || len(got) >= len(good) {
				t.Errorf("%d of %d bytes, %v", len(got), len(good), err)
			}
			// What a server of this registry answers is no complete answer.
			through := httptest.NewServer(h)
			defer through.Close()
			a, err := http.Get(serve(t, dial(t, through.URL, client.Options{Attempts: 2, Wait: hasty})) + "/v2/a/b/blobs/" + digest.FromString(good).String())
			contract.Must(t, err)
			defer a.Body.Close()
			body, err := io.ReadAll(a.Body)
			if a.StatusCode == http.StatusOK && err == nil {
				t.Errorf("a complete answer of %d bytes", len(body))
			}
		})
	}
}

// Parts are read where they are sought, and a whole after them is verified.
func TestReadSeek(t *testing.T) {
	t.Parallel()
	content := text(10_000)
	bad := content[:9_999] + "#"
	for served, fails := range map[string]bool{content: false, bad: true} {
		p := answering(t, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(served))
		}, client.Options{})
		r, err := p.Blobs().Open(t.Context(), digest.FromString(content))
		contract.Must(t, err)
		for _, at := range []int64{9_000, 10, 0, 5_000} {
			_, err := r.Seek(at, io.SeekStart)
			contract.Must(t, err)
			b := make([]byte, 100)
			if _, err := io.ReadFull(r, b); err != nil || string(b) != content[at:at+100] {
				t.Fatalf("at %d: %q, %v", at, b, err)
			}
		}
		if end, err := r.Seek(0, io.SeekEnd); err != nil || end != 10_000 {
			t.Fatal(end, err)
		}
		_, err = r.Seek(0, io.SeekStart)
		contract.Must(t, err)
		if b, err := io.ReadAll(r); (err != nil) != fails || !fails && string(b) != content {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		contract.Must(t, r.Close())
	}
}

// A size that HEAD does not tell is told by a range, or by the whole.
func TestStatWithoutLength(t *testing.T) {
	t.Parallel()
	content := text(1000)
	p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.Header().Set("Transfer-Encoding", "chunked")
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	}, client.Options{})
	desc, err := p.Blobs().Stat(t.Context(), digest.FromString(content))
	if err != nil || desc.Size != 1000 {
		t.Fatal(desc, err)
	}
}

// K-121: a manifest of another digest, or one that is too large, is refused.
func TestManifestsAreVerified(t *testing.T) {
	t.Parallel()
	config := contract.Describe([]byte("{}"))
	m := contract.Image(t, config, "")
	mediaType, body := m.Payload()
	_, other := contract.Image(t, config, `,"annotations":{"a":"b"}`).Payload()
	dgst := digest.FromBytes(body)
	for name, c := range map[string]struct {
		body, told string
		ok         bool
	}{
		"sound":        {string(body), "", true},
		"another":      {string(other), dgst.String(), false},
		"header lies":  {string(body), digest.FromBytes(other).String(), true}, // the bytes are right, and were asked for
		"not JSON":     {"x", "", false},
		"large":        {string(body) + strings.Repeat(" ", 5<<20), "", false},
		"other format": {`{"schemaVersion":2,"mediaType":"a/b"}`, "", false},
	} {
		p := answering(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.Header.Get("Accept"), mediaType) {
				t.Errorf("Accept %q", r.Header.Get("Accept"))
			}
			w.Header().Set("Content-Type", mediaType)
			if c.told != "" {
				w.Header().Set("Docker-Content-Digest", c.told)
			}
			_, _ = io.WriteString(w, c.body)
		}, client.Options{})
		got, err := p.Manifests().Get(t.Context(), dgst)
		if (err == nil) != c.ok || err != nil && len(registry.Errors(err)) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Idempotent requests are repeated, with the pause that the registry asks for;
// others are not, unless they were refused.
func TestRetries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status     int
		retryAfter string
		method     string
		requests   int64
	}{
		"HEAD 503":         {503, "", http.MethodHead, 3},
		"HEAD 429":         {429, "2", http.MethodHead, 3},
		"HEAD cut":         {0, "", http.MethodHead, 3},
		"HEAD later":       {503, "3600", http.MethodHead, 1},
		"HEAD 501":         {501, "", http.MethodHead, 1},
		"POST 503":         {503, "", http.MethodPost, 1},
		"POST cut":         {0, "", http.MethodPost, 1},
		"POST 429":         {429, "", http.MethodPost, 3},
		"HEAD for ever":    {500, "", http.MethodHead, 4},
		"HEAD bad":         {502, "soon", http.MethodHead, 3},
		"HEAD in the past": {503, "Thu, 01 Jan 1970 00:00:00 GMT", http.MethodHead, 3},
	} {
		var requests atomic.Int64
		p := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			if requests.Add(1) > 2 && !strings.Contains(name, "ever") {
				w.Header().Set("Location", "/x")
				w.Header().Set("Content-Length", "0")
				w.WriteHeader(map[string]int{http.MethodHead: 200, http.MethodPost: 202}[c.method])
				return
			}
			if c.status == 0 {
				cut(w)
			}
			w.Header().Set("Retry-After", c.retryAfter)
			w.WriteHeader(c.status)
		}, client.Options{})
		var err error
		if c.method == http.MethodHead {
			_, err = p.Blobs().Stat(t.Context(), digest.FromString("x"))
		} else {
			_, err = p.Blobs().Create(t.Context())
		}
		if n := requests.Load(); n != c.requests || (err == nil) != (n == 3) {
			t.Errorf("%s: %d requests, %v", name, n, err)
		}
	}
}

// A delete whose answer was lost has succeeded if the content is gone.
func TestDeleteWithALostAnswer(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	p := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			cut(w)
		}
		w.WriteHeader(http.StatusNotFound)
	}, client.Options{})
	contract.Must(t, p.Blobs().Delete(t.Context(), digest.FromString("x")))
	if err := p.Blobs().Delete(t.Context(), digest.FromString("x")); !errors.Is(err, registry.ErrBlobUnknown) {
		t.Fatal(err)
	}
}
