// Package client is a [registry.Registry] over HTTP: any registry of the OCI
// distribution specification, as a client sees it.
//
// What a registry sends is not believed: bodies and lists are bounded, content
// is held against the digest that it was asked for by, and credentials go to
// no other host than the registry's, whatever a redirect, a Location, a Link or
// a realm says.
//
// HTTP can't express all of the contract. The start of an upload is not known
// (it is zero); SkipReferences has no effect; a list of all manifests is
// [registry.ErrUnsupported]; that a blob can't be mounted, and why, looks like
// [registry.ErrBlobUnknown]; two clients that write to one upload find out by
// its size alone.
package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
)

// Options are the settings of a [Registry]. The zero value works, without
// credentials.
type Options struct {
	// Transport makes the requests; nil is [http.DefaultTransport]. Redirects
	// are followed by the client itself.
	Transport http.RoundTripper
	// UserAgent is sent with every request. "": "conform".
	UserAgent string
	// Credentials, if not nil, tell how to log in.
	Credentials Credentials
	// TrustRealm, if not nil, is asked of each realm that is neither on the
	// registry's host nor below the same registrable domain; without it none
	// of those is sent anything.
	TrustRealm func(realm *url.URL) bool
	// Manifests are the media types that are asked for and understood; nil is
	// [manifest.Default].
	Manifests *manifest.Table
	// ChunkSize is how much of an upload is held in memory, to be sent in one
	// request and again after a failure. 4 MiB; more if the registry asks.
	ChunkSize int
	// MaxManifestBytes bounds a manifest. 4 MiB.
	MaxManifestBytes int64
	// MaxListBytes bounds the pages of one list together, which are held in
	// memory since few registries keep the order that they should. 32 MiB.
	MaxListBytes int64
	// Attempts is how often a request is made that can be repeated. 4.
	Attempts int
	// Wait waits between attempts; nil waits by the clock.
	Wait func(ctx context.Context, d time.Duration) error
}

func (o Options) withDefaults() Options {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.UserAgent == "" {
		o.UserAgent = "conform"
	}
	if o.Manifests == nil {
		o.Manifests = manifest.Default()
	}
	if o.ChunkSize <= 0 {
		o.ChunkSize = 4 << 20
	}
	if o.MaxManifestBytes <= 0 {
		o.MaxManifestBytes = 4 << 20
	}
	if o.MaxListBytes <= 0 {
		o.MaxListBytes = 32 << 20
	}
	if o.Attempts <= 0 {
		o.Attempts = 4
	}
	if o.Wait == nil {
		o.Wait = sleep
	}
	return o
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A Registry is a [registry.Registry] at a URL. Make one with [New].
type Registry struct {
	base    *url.URL
	options Options
	login   login

	mu       sync.Mutex
	sessions map[string]*upload  // by repository and id: those with a writer here
	kept     map[string]*url.URL // the Locations of others
	// fallback is held while the index of a fallback tag is rewritten.
	fallback sync.Mutex
}

var _ registry.Registry = (*Registry)(nil)

// New returns the registry at base, such as https://registry.example.com, or
// https://example.com/prefix for one whose /v2/ is below a path. It makes no
// request.
func New(base *url.URL, o Options) (*Registry, error) {
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("client: %s is not the URL of a registry", base.Redacted())
	}
	u := &url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/" + strings.Trim(base.Path, "/")}
	r := &Registry{base: u, options: o.withDefaults(), sessions: map[string]*upload{}, kept: map[string]*url.URL{}}
	r.login = login{r: r, tokens: map[string]token{}}
	return r, nil
}

// Repository implements [registry.Registry]. It makes no request.
func (r *Registry) Repository(_ context.Context, name registry.Name) (registry.Repository, error) {
	if name.IsZero() {
		return nil, registry.ErrNameInvalid.With("the name is empty")
	}
	return &repository{r: r, name: name}, nil
}

// A repository is a [registry.Repository]: the name, and where to find the rest.
type repository struct {
	r    *Registry
	name registry.Name
}

var _ registry.Repository = (*repository)(nil)

func (p *repository) Name() registry.Name           { return p.name }
func (p *repository) Blobs() registry.Blobs         { return &blobs{p} }
func (p *repository) Manifests() registry.Manifests { return &manifests{p} }
func (p *repository) Tags() registry.Tags           { return &tags{p} }

// request returns a request about the repository: what stands behind its name.
func (p *repository) request(method, what string) *request {
	return &request{method: method, url: p.r.base.JoinPath("v2", p.name.String(), what), header: http.Header{}, access: p.name.String()}
}
