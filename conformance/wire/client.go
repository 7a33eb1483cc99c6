package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Bounds of a client whose [Config] leaves them out.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultMaxBody  = 16 << 20
	DefaultKeepBody = 4 << 10
	DefaultRetries  = 4
	DefaultMaxWait  = 5 * time.Second
	maxRedirects    = 10
	maxHeaderBytes  = 256 << 10
)

// A Config says how to reach a target. Only Base is needed.
type Config struct {
	// Base is the registry's address: scheme, host and, where the API is
	// not at the root, the path before "/v2/".
	Base *url.URL
	// TLS is used for https; nil means the system's certificates.
	TLS *tls.Config
	// Timeout bounds one exchange, from dialling to the last byte of the
	// body, each retry by itself.
	Timeout time.Duration
	// MaxBody is how many bytes of an answer's body are read.
	MaxBody int64
	// KeepBody is how many bytes of each body the record keeps.
	KeepBody int
	// Retries is how often a request that was answered with 429 or 503 is
	// sent again. A negative number means never.
	Retries int
	// MaxWait is the longest wait for one retry; a Retry-After beyond it
	// ends the retries.
	MaxWait time.Duration
	// Auth answers challenges; nil means none are answered.
	Auth Authorizer
	// UserAgent is sent with each request.
	UserAgent string
}

// An Authorizer puts credentials on requests. It is safe for concurrent use.
type Authorizer interface {
	// Authorize adds what the target is known to want to r. scopes are what
	// the request needs beyond the challenge's own, in the form
	// "repository:NAME:pull,push".
	Authorize(ctx context.Context, r *http.Request, scopes []string) error

	// Answer takes a 401 to r and reports whether sending r again, after
	// Authorize, could do better. An error says why the login cannot be
	// done at all.
	Answer(ctx context.Context, r *http.Request, challenge http.Header, scopes []string) (again bool, err error)
}

// A Client sends requests to one target. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
}

// NewClient returns a client for the target that c describes. Close frees its
// connections.
func NewClient(c Config) *Client {
	c.setDefaults()
	dialer := &net.Dialer{Timeout: c.Timeout}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        c.TLS,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        30 * time.Second,
		TLSHandshakeTimeout:    c.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}
	return &Client{config: c, http: &http.Client{Transport: transport, CheckRedirect: checkRedirect}}
}

func (c *Config) setDefaults() {
	setDefault(&c.Timeout, DefaultTimeout)
	setDefault(&c.MaxBody, DefaultMaxBody)
	setDefault(&c.KeepBody, DefaultKeepBody)
	setDefault(&c.Retries, DefaultRetries)
	setDefault(&c.MaxWait, DefaultMaxWait)
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Base returns the target's address.
func (c *Client) Base() *url.URL { u := *c.config.Base; return &u }

// Resolve returns the absolute URL that ref names when it stands in an answer
// of, or in a path below, the target.
func (c *Client) Resolve(ref string) (*url.URL, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, err
	}
	return c.config.Base.ResolveReference(u), nil
}

var errTooManyRedirects = errors.New("more than 10 redirects")

type hopsKey struct{}

func checkRedirect(r *http.Request, via []*http.Request) error {
	hops, _ := r.Context().Value(hopsKey{}).(*[]string)
	switch {
	case hops == nil:
		return http.ErrUseLastResponse
	case len(via) >= maxRedirects:
		return errTooManyRedirects
	}
	*hops = append(*hops, redactURL(r.URL))
	return nil
}
