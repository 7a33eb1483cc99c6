package client_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/client"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// hasty does not wait between attempts.
func hasty(context.Context, time.Duration) error { return nil }

// site returns the URL of a server of h.
func site(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// answering returns the repository a/b of a registry that is h.
func answering(t *testing.T, h http.HandlerFunc, o client.Options) registry.Repository {
	t.Helper()
	if o.Wait == nil {
		o.Wait = hasty
	}
	return contract.Repository(t, dial(t, site(t, h), o), "a/b")
}

// sound is a registry in memory.
func sound() http.Handler {
	return server.New(storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{}), server.Options{})
}

// cut ends the connection of a request without an answer.
func cut(http.ResponseWriter) { panic(http.ErrAbortHandler) }

// A ledger notes requests.
type ledger struct {
	mu   sync.Mutex
	seen []*http.Request
}

func (l *ledger) note(r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, r)
}

func (l *ledger) all() []*http.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*http.Request(nil), l.seen...)
}

// leaks reports whether any request holds the secret in its head.
func (l *ledger) leaks(secret string) bool {
	for _, r := range l.all() {
		var b strings.Builder
		_ = r.Header.Write(&b)
		if strings.Contains(b.String()+r.URL.String(), secret) {
			return true
		}
	}
	return false
}

func text(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(digest.FromString(string(rune(i))).Encoded())
	}
	return b.String()[:n]
}

func readAll(t *testing.T, p registry.Repository, dgst digest.Digest) (string, error) {
	t.Helper()
	r, err := p.Blobs().Open(t.Context(), dgst)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}
