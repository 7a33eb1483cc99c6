package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	maxRedirects = 5
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
	// maxRetryAfter is how long a registry may ask to be left alone. One that
	// asks for more gets no further request.
	maxRetryAfter = 30 * time.Second
	// maxDrain is how much of a body is read so that its connection can be
	// used again.
	maxDrain = 64 << 10
)

// A request can be made several times.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	// access is the repository, for which a token is good.
	access string
	// once says that the request must not be repeated unless it was refused.
	once bool
	// repeated tells that an earlier attempt had an unknown end.
	repeated bool
}

// An exchangeError is a failure to get an answer. It never holds the query of
// the URL, which can be a secret.
type exchangeError struct {
	what string
	err  error
}

func (e *exchangeError) Error() string { return e.what + ": " + e.err.Error() }
func (e *exchangeError) Unwrap() error { return e.err }

func (q *request) failed(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return &exchangeError{q.method + " " + q.url.Host + q.url.EscapedPath(), err}
}

// do makes the request until it is answered, within the attempts. The answer
// has any status; the caller closes its body.
func (r *Registry) do(ctx context.Context, q *request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		a, err := r.authorized(ctx, q)
		if ctx.Err() != nil || attempt >= r.options.Attempts {
			return a, err
		}
		pause, again := q.again(a, err, attempt)
		if !again {
			return a, err
		}
		if a != nil {
			discard(a)
		}
		q.repeated = q.repeated || err != nil || a.StatusCode != http.StatusTooManyRequests
		if err := r.options.Wait(ctx, pause); err != nil {
			return nil, q.failed(err)
		}
	}
}

// again tells whether to make the request again, and after which pause.
func (q *request) again(a *http.Response, err error, attempt int) (time.Duration, bool) {
	pause := backoff(attempt)
	if err != nil {
		// What the client itself refused is refused the next time.
		return pause, !q.once && !errors.Is(err, errRefused)
	}
	switch a.StatusCode {
	case http.StatusTooManyRequests:
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if q.once {
			return 0, false
		}
	default:
		return 0, false
	}
	if asked, ok := retryAfter(a.Header.Get("Retry-After"), time.Now()); ok {
		return max(asked, 0), asked <= maxRetryAfter
	}
	return pause, true
}

func backoff(attempt int) time.Duration {
	d := min(firstBackoff<<min(attempt-1, 10), maxBackoff)
	return d/2 + rand.N(d/2)
}

// retryAfter reads the seconds or the date of the field (RFC 9110 §10.2.3).
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if t, err := http.ParseTime(value); err == nil {
		return t.Sub(now), true
	}
	return 0, false
}

// errRefused says that the client does not do what an answer wants.
var errRefused = errors.New("refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errRefused, fmt.Sprintf(format, args...))
}

// follow makes the request with the value of Authorization, and follows where a
// pull is redirected to. Another origin gets no credentials.
func (r *Registry) follow(ctx context.Context, q *request, authorization string) (*http.Response, error) {
	at := q.url
	for range maxRedirects {
		a, err := r.roundTrip(ctx, q, at, authorization)
		if err != nil {
			return nil, q.failed(err)
		}
		redirect := slices.Contains([]int{301, 302, 303, 307, 308}, a.StatusCode)
		if !redirect || q.method != http.MethodGet && q.method != http.MethodHead {
			return a, nil
		}
		discard(a)
		next, err := at.Parse(a.Header.Get("Location"))
		if err == nil {
			err = r.mayLead(next)
		}
		if err != nil || a.Header.Get("Location") == "" {
			return nil, q.failed(errors.Join(refuse("a redirect"), err))
		}
		at = next
	}
	return nil, q.failed(refuse("more than %d redirects", maxRedirects))
}

// mayLead returns why a request of the client must not go to u.
func (r *Registry) mayLead(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return refuse("%q is no place on the web", u.Scheme+"://"+u.Host)
	case u.Scheme == "http" && r.base.Scheme == "https":
		return refuse("%s is not encrypted, the registry is", u.Host)
	case u.User != nil:
		return refuse("credentials in a URL")
	}
	return nil
}

// ours reports whether u is on the registry's own origin.
func (r *Registry) ours(u *url.URL) bool {
	return u.Scheme == r.base.Scheme && hostPort(u) == hostPort(r.base)
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Hostname() + ":" + u.Port()
	}
	return u.Hostname() + map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
}

func (r *Registry) roundTrip(ctx context.Context, q *request, at *url.URL, authorization string) (*http.Response, error) {
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	h, err := http.NewRequestWithContext(ctx, q.method, at.String(), body)
	if err != nil {
		return nil, refuse("the URL can't be used")
	}
	h.Header = q.header.Clone()
	h.Header.Set("User-Agent", r.options.UserAgent)
	// A body is never decompressed on the way: its digest is of what is sent.
	h.Header.Set("Accept-Encoding", "identity")
	if authorization != "" && r.ours(at) {
		h.Header.Set("Authorization", authorization)
	}
	return r.options.Transport.RoundTrip(h)
}

// discard ends an answer that nobody reads.
func discard(a *http.Response) {
	_, _ = io.CopyN(io.Discard, a.Body, maxDrain)
	a.Body.Close()
}

// want makes the request and demands a status. What else the answer says comes
// back as an error, with absent for 404.
func (r *Registry) want(ctx context.Context, q *request, absent error, statuses ...int) (*http.Response, error) {
	a, err := r.do(ctx, q)
	if err != nil {
		return nil, err
	}
	if slices.Contains(statuses, a.StatusCode) {
		return a, nil
	}
	defer discard(a)
	return nil, q.answered(a, absent)
}

// readAll reads a body of at most limit bytes.
func readAll(a *http.Response, limit int64) ([]byte, error) {
	if a.ContentLength > limit {
		return nil, refuse("a body of %d bytes, more than %d", a.ContentLength, limit)
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = refuse("a body of more than %d bytes", limit)
	}
	return b, err
}
