package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	// the body have been sent. Content-Length tells of the whole body.
	DropAfter int
	// NoFollow keeps a redirect as the answer.
	NoFollow bool
	// Scopes are the token scopes that the request needs.
	Scopes []string
	// Timeout replaces the client's for this request.
	Timeout time.Duration
}

// errDropped is what a request body with DropAfter ends in.
var errDropped = errors.New("connection dropped by the spec")

// send sends r once and reads the answer within the client's bounds.
func (c *Client) send(ctx context.Context, r Request) *Exchange {
	x := &Exchange{Method: r.Method, URL: r.URL, Started: time.Now()}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = c.config.Timeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no whole answer within %v", timeout))
	defer cancel()
	defer func() { x.Duration = time.Since(x.Started) }()

	if !r.NoFollow {
		ctx = context.WithValue(ctx, hopsKey{}, &x.Redirect)
	}
	request, err := c.request(ctx, r)
	if err != nil {
		x.fail(err)
		return x
	}
	if c.config.Auth != nil {
		if err := c.config.Auth.Authorize(ctx, request, r.Scopes); err != nil {
			x.fail(fmt.Errorf("login: %w", err))
			return x
		}
	}
	x.URL = redactURL(request.URL)
	x.final = request.URL.String()
	x.Request = message(request.Header, r.Body, int64(len(r.Body)), c.config.KeepBody)
	response, err := c.http.Do(request)
	if err != nil {
		x.fail(reason(ctx, err))
		return x
	}
	defer response.Body.Close()
	x.final = response.Request.URL.String()
	c.read(ctx, x, response)
	return x
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
	case r.DropAfter > 0:
		body = io.MultiReader(bytes.NewReader(r.Body[:r.DropAfter]), failingReader{})
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
	if r.DropAfter > 0 {
		request.ContentLength = int64(len(r.Body))
	}
	if request.Header.Get("User-Agent") == "" && c.config.UserAgent != "" {
		request.Header.Set("User-Agent", c.config.UserAgent)
	}
	return request, nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errDropped }

// read takes the answer into x: all of its body up to the client's limit.
func (c *Client) read(ctx context.Context, x *Exchange, response *http.Response) {
	x.Status, x.Proto, x.header = response.StatusCode, response.Proto, response.Header.Clone()
	if response.ContentLength >= 0 && x.header.Get("Content-Length") == "" && len(response.TransferEncoding) == 0 && response.Header.Get("Content-Length") != "" {
		x.header.Set("Content-Length", fmt.Sprint(response.ContentLength))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, c.config.MaxBody))
	x.body = body
	x.Response = message(x.header, body, int64(len(body)), c.config.KeepBody)
	if err != nil {
		x.fail(fmt.Errorf("the body broke off after %d bytes: %w", len(body), reason(ctx, err)))
		return
	}
	if int64(len(body)) == c.config.MaxBody {
		if n, _ := io.ReadFull(response.Body, make([]byte, 1)); n > 0 {
			x.Response.Truncated, x.cut = true, true
		}
	}
}

func message(h http.Header, body []byte, size int64, keep int) Message {
	m := Message{Header: redactHeader(h), Size: size, Truncated: len(body) > keep}
	m.Body = Bytes(bytes.Clone(body[:min(len(body), keep)]))
	return m
}

func (x *Exchange) fail(err error) {
	x.err = err
	x.Error = redactText(err.Error())
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
