package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Request is what a spec asks a [Recorder] to send.
type Request struct {
	Method string
	// URL is absolute, or relative to the target: "/v2/".
	URL string
	// Query is added to what URL has already.
	Query  url.Values
	Header http.Header
	Body   []byte
	// Chunked sends the body without Content-Length.
	Chunked bool
	// DropAfter, if not 0, closes the connection once that many bytes of
	// the body have been sent. Content-Length tells of the whole body. The
	// request goes out over HTTP/1.1, and no answer is waited for.
	DropAfter int
	// NoFollow keeps a redirect as the answer.
	NoFollow bool
	// Anonymous sends no credentials, and keeps a 401 as the answer.
	Anonymous bool
	// Scopes are the token scopes that the request needs.
	Scopes []string
	// Timeout replaces the client's for this request.
	Timeout time.Duration
}

// errDropped is what an exchange with DropAfter ends in.
var errDropped = errors.New("connection dropped by the spec")

// send sends r once and reads the answer within the client's bounds.
func (c *Client) send(ctx context.Context, r Request) *Exchange {
	x := &Exchange{Method: r.Method, URL: r.URL, Started: time.Now()}
	defer func() { x.Duration = time.Since(x.Started) }()
	ctx, cancel := c.bound(ctx, r)
	defer cancel()
	request, err := c.prepare(ctx, r, x)
	if err != nil {
		x.fail(err)
		return x
	}
	if r.DropAfter > 0 {
		x.fail(c.sendAndDrop(ctx, request, r))
		return x
	}
	var hops []string
	if !r.NoFollow {
		request = request.WithContext(context.WithValue(ctx, hopsKey{}, &hops))
	}
	response, err := c.http.Do(request)
	for _, hop := range hops {
		x.Redirect = append(x.Redirect, x.redact.text(hop))
	}
	if response != nil {
		defer response.Body.Close()
		x.final = response.Request.URL.String()
		x.Status, x.Proto, x.header = response.StatusCode, response.Proto, response.Header.Clone()
	}
	if err != nil {
		x.Response = x.redact.message(x.header, nil, 0)
		x.fail(reason(ctx, err))
		return x
	}
	c.read(ctx, x, response.Body)
	return x
}

// bound returns a context that ends with the time for one exchange.
func (c *Client) bound(ctx context.Context, r Request) (context.Context, context.CancelFunc) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = c.config.Timeout
	}
	return context.WithTimeoutCause(ctx, timeout, &TimeoutError{After: timeout})
}

// A TimeoutError says that no whole answer came in time.
type TimeoutError struct{ After time.Duration }

// Error implements error.
func (e *TimeoutError) Error() string { return fmt.Sprintf("no whole answer within %v", e.After) }

// Timeout implements [net.Error] in part.
func (e *TimeoutError) Timeout() bool { return true }

// prepare turns r into a request with credentials, and records it in x.
func (c *Client) prepare(ctx context.Context, r Request, x *Exchange) (*http.Request, error) {
	x.redact = newRedactor(c.secrets(nil))
	x.URL = x.redact.text(r.URL)
	request, err := c.request(ctx, r)
	if err != nil {
		return nil, err
	}
	x.URL, x.final = x.redact.text(request.URL.String()), request.URL.String()
	if c.config.Auth != nil && !r.Anonymous {
		if err := c.config.Auth.Authorize(ctx, request, r.Scopes); err != nil {
			return nil, err
		}
	}
	x.sent = request.Header
	x.redact = newRedactor(c.secrets(request.Header))
	x.URL = x.redact.text(request.URL.String())
	x.Request = x.redact.message(request.Header, r.Body, c.config.KeepBody)
	return request, nil
}

// secrets returns what must not stand in the record of a request with header h.
func (c *Client) secrets(h http.Header) []string {
	var secrets []string
	if c.config.Auth != nil {
		secrets = c.config.Auth.Secrets()
	}
	for _, v := range h.Values("Authorization") {
		if _, credentials, ok := strings.Cut(v, " "); ok {
			secrets = append(secrets, credentials)
		}
	}
	if _, password, ok := (&http.Request{Header: h}).BasicAuth(); ok {
		secrets = append(secrets, password)
	}
	return secrets
}

// request turns r into a request of net/http.
func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	u, err := c.Resolve(r.URL)
	if err != nil {
		return nil, fmt.Errorf("request URL: %w", err)
	}
	if len(r.Query) > 0 {
		q := r.Query.Encode()
		if u.RawQuery != "" {
			q = u.RawQuery + "&" + q
		}
		u.RawQuery = q
	}
	var body io.Reader
	switch {
	case r.Body != nil && r.Chunked:
		body = struct{ io.Reader }{bytes.NewReader(r.Body)}
	case r.Body != nil:
		body = bytes.NewReader(r.Body)
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if r.Header != nil {
		request.Header = r.Header.Clone()
	}
	if request.Header.Get("User-Agent") == "" && c.config.UserAgent != "" {
		request.Header.Set("User-Agent", c.config.UserAgent)
	}
	return request, nil
}

// read takes the answer's body into x, up to the client's limit. Status and
// header are there already.
func (c *Client) read(ctx context.Context, x *Exchange, from io.Reader) {
	body, err := io.ReadAll(io.LimitReader(from, c.config.MaxBody+1))
	if int64(len(body)) > c.config.MaxBody {
		body, x.cut = body[:c.config.MaxBody], true
	}
	x.body = body
	x.Response = x.redact.message(x.header, body, c.config.KeepBody)
	x.Response.Truncated = x.Response.Truncated || x.cut
	if err != nil {
		x.fail(fmt.Errorf("the body broke off after %d bytes: %w", len(body), reason(ctx, err)))
	}
}

// reason strips the URL that net/http puts before an error, and tells a
// time-out by its cause.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
