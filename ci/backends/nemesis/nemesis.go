// Package nemesis stands between a client and a server of S3 or of Azure Blob
// Storage and makes the server fail, or speak a dialect, as a test wants. All
// else goes through as it is.
//
// Only tests import it.
package nemesis

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A Fault answers a request in the server's place, or changes it and lets the
// server answer. It may be called concurrently.
type Fault func(p *Proxy, w http.ResponseWriter, r *http.Request)

// A Proxy is in front of one server.
type Proxy struct {
	// URL is what clients call.
	URL *url.URL

	server    *url.URL
	sign      func(*http.Request) error
	transport *http.Transport

	mu       sync.Mutex
	fault    Fault
	body     func(ctx context.Context, b []byte) // delays the bytes of an answer
	statuses map[int]int
	// calls are the requests since Count, now those under way, peak the most of them at once.
	calls, now, peak int
}

// New starts a proxy in front of an S3 server, which ends with the test. The
// keys sign what a fault has changed.
func New(tb testing.TB, server *url.URL, accessKey, secretKey string) *Proxy {
	tb.Helper()
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	key := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	return start(tb, server, func(r *http.Request) error {
		r.Header.Del("X-Amz-Date")
		hash := r.Header.Get("X-Amz-Content-Sha256")
		return signer.SignHTTP(r.Context(), key, r, hash, "s3", "us-east-1", time.Now())
	})
}

// start starts a proxy with a way to sign requests.
func start(tb testing.TB, server *url.URL, sign func(*http.Request) error) *Proxy {
	tb.Helper()
	p := &Proxy{
		server: server, sign: sign,
		transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		statuses:  map[int]int{},
	}
	front := httptest.NewServer(p)
	tb.Cleanup(func() {
		p.Use(nil)
		front.CloseClientConnections()
		front.Close()
		p.transport.CloseIdleConnections()
	})
	p.URL, _ = url.Parse(front.URL)
	return p
}

// Use makes the server fail as f says from now on; nil ends it.
func (p *Proxy) Use(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.body = f, nil
}

// Delay calls f before bytes of an answer go out, those of requests under way
// included, until the next [Proxy.Use]. The context is that of the request.
func (p *Proxy) Delay(f func(ctx context.Context, b []byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body = f
}

// Statuses returns how often the server gave each status.
func (p *Proxy) Statuses() map[int]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.statuses)
}

// Count returns how many requests have come since it was called last, and how
// many of them were under way at once at most.
func (p *Proxy) Count() (calls, peak int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls, peak = p.calls, p.peak
	p.calls, p.peak = 0, p.now
	return calls, peak
}

// ServeHTTP implements [http.Handler].
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	fault := p.fault
	p.calls++
	p.now++
	p.peak = max(p.peak, p.now)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.now--
		p.mu.Unlock()
	}()
	if fault == nil {
		p.Pass(w, r)
		return
	}
	fault(p, w, r)
}

// Send returns the server's answer to a request.
func (p *Proxy) Send(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = p.server.Scheme, p.server.Host
	out.RequestURI = ""
	answer, err := p.transport.RoundTrip(out)
	if err == nil {
		p.mu.Lock()
		p.statuses[answer.StatusCode]++
		p.mu.Unlock()
	}
	return answer, err
}

// Sign signs a request anew whose query or headers have changed.
func (p *Proxy) Sign(r *http.Request) error {
	r.Header.Del("Authorization")
	r.URL.Host = r.Host
	return p.sign(r)
}

// Pass gives the server's answer.
func (p *Proxy) Pass(w http.ResponseWriter, r *http.Request) {
	answer, err := p.Send(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	p.Answer(w, r, answer, answer.Body)
}

// Answer gives an answer with a body, which may be shorter than announced.
func (p *Proxy) Answer(w http.ResponseWriter, r *http.Request, answer *http.Response, body io.Reader) {
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	b := make([]byte, 16<<10)
	for {
		n, err := body.Read(b)
		p.mu.Lock()
		delay := p.body
		p.mu.Unlock()
		if delay != nil && n > 0 {
			delay(r.Context(), b[:n])
		}
		if _, failed := w.Write(b[:n]); failed != nil {
			panic(http.ErrAbortHandler)
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// Refuse answers as S3 and Azure refuse, without asking the server.
func Refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
	io.WriteString(w, "<Error><Code>"+code+"</Code><Message>the server was told to fail</Message></Error>")
}
