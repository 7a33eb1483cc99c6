// Package registrytest starts a registry for a test: a complete one, in
// memory, on a free port of the loopback interface, gone when the test ends.
//
// It is to a client of registries what net/http/httptest is to a client of
// HTTP servers.
package registrytest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// A Registry is a registry that runs. It is safe for concurrent use.
type Registry struct {
	// URL is the base of the registry, such as http://127.0.0.1:41234,
	// without a slash at its end.
	URL string
	// Host is the host and port of URL, as references to images have it.
	Host string
	// Handler is what answers, for use without a connection.
	Handler http.Handler
}

// An Option changes what [New] starts.
type Option func(*settings)

type settings struct {
	server  server.Options
	storage storage.Options
	wrap    []func(http.Handler) http.Handler
}

// WithServer sets the options of the HTTP side, such as page sizes.
func WithServer(o server.Options) Option { return func(s *settings) { s.server = o } }

// WithStorage sets the options of the store, such as whether deletes are on.
func WithStorage(o storage.Options) Option { return func(s *settings) { s.storage = o } }

// WithHandler puts a decorator before the registry. The last one given is the
// outermost.
func WithHandler(wrap func(http.Handler) http.Handler) Option {
	return func(s *settings) { s.wrap = append(s.wrap, wrap) }
}

// New starts a registry. Its listener and connections are closed when t ends.
func New(t testing.TB, opts ...Option) *Registry {
	t.Helper()
	var s settings
	for _, o := range opts {
		o(&s)
	}
	h := server.New(storage.New(inmemory.New(inmemory.Parameters{}), s.storage), s.server)
	for _, wrap := range s.wrap {
		h = wrap(h)
	}
	ts := httptest.NewUnstartedServer(h)
	ts.Config = server.NewHTTP(h)
	ts.Start()
	t.Cleanup(ts.Close)
	return &Registry{URL: ts.URL, Host: strings.TrimPrefix(ts.URL, "http://"), Handler: h}
}
