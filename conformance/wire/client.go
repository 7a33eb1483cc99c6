package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
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
	// User information in it is not used; credentials come by Auth.
	Base *url.URL
	// TLS is used for https; nil means the system's certificates.
	TLS *tls.Config
	// Proxy returns the proxy for a request, as [http.Transport] has it; nil
	// means that none is used. [Recorder.Raw] uses none in any case.
	Proxy func(*http.Request) (*url.URL, error)
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
	// the request needs, in the form "repository:NAME:pull,push"; if there
	// are none, they follow from method and path.
	Authorize(ctx context.Context, r *http.Request, scopes []string) error

	// Answer takes a 401 to r, which has the header that was sent, and
	// reports whether sending r again, after Authorize, could do better. An
	// error says why the login cannot be done at all.
	Answer(ctx context.Context, r *http.Request, challenge http.Header, scopes []string) (again bool, err error)

	// Secrets returns what must not stand in any record, wherever it
	// comes from.
	Secrets() []string
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
	return &Client{config: c, http: &http.Client{Transport: c.transport(), CheckRedirect: checkRedirect}}
}

func (c *Config) transport() *http.Transport {
	return &http.Transport{
		Proxy:                  c.Proxy,
		DialContext:            (&net.Dialer{Timeout: c.Timeout}).DialContext,
		TLSClientConfig:        c.TLS.Clone(), // net/http changes it
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        30 * time.Second,
		TLSHandshakeTimeout:    c.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}
}

func (c *Config) setDefaults() {
	setDefault(&c.Timeout, DefaultTimeout)
	setDefault(&c.MaxBody, DefaultMaxBody)
	setDefault(&c.KeepBody, DefaultKeepBody)
	setDefault(&c.Retries, DefaultRetries)
	setDefault(&c.MaxWait, DefaultMaxWait)
	base := *c.Base
	base.User = nil
	c.Base = &base
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Close closes idle connections, those of its authorizer's included.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	if a, ok := c.config.Auth.(*auth); ok {
		a.tokens.http.CloseIdleConnections()
	}
}

// Base returns the target's address.
func (c *Client) Base() *url.URL { u := *c.config.Base; return &u }

// Resolve returns the absolute URL that ref names, relative to the target
// (RFC 3986 §5.2).
func (c *Client) Resolve(ref string) (*url.URL, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, err
	}
	return c.config.Base.ResolveReference(u), nil
}

var errTooManyRedirects = fmt.Errorf("more than %d redirects", maxRedirects)

type hopsKey struct{}

// checkRedirect follows up to ten redirects and notes them. Credentials and
// the address of the page before go to no other origin: net/http itself goes
// by the host's name alone.
func checkRedirect(r *http.Request, via []*http.Request) error {
	hops, _ := r.Context().Value(hopsKey{}).(*[]string)
	switch {
	case hops == nil:
		return http.ErrUseLastResponse
	case len(via) >= maxRedirects:
		return errTooManyRedirects
	}
	*hops = append(*hops, r.URL.String())
	r.Header.Del("Referer")
	if !sameOrigin(r.URL, via[0].URL) {
		r.Header.Del("Authorization")
	}
	return nil
}

// sameOrigin reports whether a and b have one scheme, host and port
// (RFC 6454 §5).
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}
