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
	"github.com/registryconform/conform/reference/quirk"
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
	quirks  []string
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

// WithoutDeletes refuses every deletion, with 405.
func WithoutDeletes() Option { return func(s *settings) { s.storage.DisableDelete = true } }

// WithoutReferrers leaves out the referrers API, as registries older than
// version 1.1 of the specification.
func WithoutReferrers() Option { return WithQuirks("referrers-unsupported") }

// WithQuirks puts the deviations of these names before the registry; see
// [quirk.All] and [quirk.Variations]. An unknown name fails the test.
func WithQuirks(names ...string) Option {
	return func(s *settings) { s.quirks = append(s.quirks, names...) }
}

// New starts a registry. Its listener and connections are closed when t ends.
func New(t testing.TB, opts ...Option) *Registry {
	t.Helper()
	var s settings
	for _, o := range opts {
		o(&s)
	}
	h := server.New(storage.New(inmemory.New(inmemory.Parameters{}), s.storage), s.server)
	for _, name := range s.quirks {
		q, ok := quirk.Find(name)
		if !ok {
			t.Fatalf("registrytest: there is no quirk %q", name)
		}
		h = q.Wrap(h)
	}
	for _, wrap := range s.wrap {
		h = wrap(h)
	}
	ts := httptest.NewUnstartedServer(h)
	ts.Config = server.NewHTTP(h)
	ts.Start()
	t.Cleanup(ts.Close)
	return &Registry{URL: ts.URL, Host: strings.TrimPrefix(ts.URL, "http://"), Handler: h}
}
