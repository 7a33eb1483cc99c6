package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/registryconform/conform/reference/client"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

var drivers = map[string]func(*testing.T) driver.Driver{
	"inmemory": func(*testing.T) driver.Driver { return inmemory.New(inmemory.Parameters{}) },
	"filesystem": func(t *testing.T) driver.Driver {
		d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir(), NoSync: true})
		contract.Must(t, err)
		return d
	},
}

// limits are what HTTP can't express.
var limits = contract.Limits{
	NoStartTime:      "no answer of the API says when an upload was begun",
	NoSkipReferences: "whether references are checked is a setting of the server, and no request can change it",
	NoManifestList:   "the API lists tags and referrers, but not manifests",
}

// dial returns a client of the server at the URL. Unless o has another, it has a
// transport of its own: each test server that closes, closes connections of
// [http.DefaultTransport] to others, some with a request under way, which is then
// made again.
func dial(t *testing.T, base string, o client.Options) *client.Registry {
	t.Helper()
	if o.Transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		t.Cleanup(own.CloseIdleConnections)
		o.Transport = own
	}
	u, err := url.Parse(base)
	contract.Must(t, err)
	r, err := client.New(u, o)
	contract.Must(t, err)
	return r
}

// serve returns the URL of a server of the registry.
func serve(t *testing.T, r registry.Registry) string {
	t.Helper()
	s := httptest.NewServer(server.New(r, server.Options{CatalogPage: 2, TagsMax: 3, ReferrersMax: 2}))
	t.Cleanup(s.Close)
	return s.URL
}

// S-127: what is said of a store is said of a client of a server of it, too,
// with pages so small that every list has several.
func TestS127Contract(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract.Run(t, limits, func(t *testing.T) registry.Registry {
				return dial(t, serve(t, storage.New(open(t), storage.Options{})), client.Options{})
			})
		})
	}
}

// A server of a client of a server is a registry as well, and chunks of a few
// bytes are no different from large ones.
func TestS127ContractThroughAnotherServer(t *testing.T) {
	t.Parallel()
	contract.Run(t, limits, func(t *testing.T) registry.Registry {
		far := dial(t, serve(t, storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{})), client.Options{ChunkSize: 100_000})
		return dial(t, serve(t, far), client.Options{ChunkSize: 70_000})
	})
}
