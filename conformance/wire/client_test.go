package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestHangingServerIsBounded(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(c *Config) { c.Timeout = 50 * time.Millisecond })
	started := time.Now()
	x := c.Recorder().Do(t.Context(), Request{Method: "GET", URL: "/v2/"})
	var late *TimeoutError
	if x.Status != 0 || !errors.As(x.Err(), &late) || x.Error != "no whole answer within 50ms" {
		t.Errorf("got %s, err %v", x, x.Err())
	}
	if d := time.Since(started); d > 3*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestHangInTheBodyIsBounded(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	x := c.Recorder().Do(t.Context(), Request{Method: "GET", URL: "/v2/", Timeout: 100 * time.Millisecond})
	if x.Status != 200 || x.Whole() || !strings.Contains(x.Error, "broke off after 4 bytes: no whole answer within 100ms") {
		t.Errorf("got %s", x)
	}
	if got := HaveBody([]byte("half")).Judge(x); got == "" {
		t.Error("half a body passes for a whole one")
	}
}

func TestInterruptIsNotATimeout(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	x := c.Recorder().Do(ctx, Request{Method: "GET", URL: "/v2/"})
	if !errors.Is(x.Err(), context.Canceled) {
		t.Errorf("got %v", x.Err())
	}
}

func TestDroppedConnection(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"before the status": "",
		"in the header":     "HTTP/1.1 200 OK\r\nContent-Le",
		"in the body":       "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clientFor(t, rawServe(t, func(conn *rawConn) { io.WriteString(conn, answer) }))
			x := c.Recorder().Do(t.Context(), Request{Method: "PUT", URL: "/v2/", Body: []byte("x")})
			if x.Err() == nil || x.Whole() {
				t.Errorf("got %s", x)
			}
		})
	}
}

func TestEndlessBodyIsCut(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for chunk := bytes.Repeat([]byte("x"), 64<<10); ; {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}, func(c *Config) { c.MaxBody = 100_000 })
	x := c.Recorder().Do(t.Context(), Request{Method: "GET", URL: "/v2/"})
	if len(x.Body()) != 100_000 || x.Whole() || x.Err() != nil || !x.Response.Truncated {
		t.Errorf("%d bytes, whole %v, err %v, truncated %v", len(x.Body()), x.Whole(), x.Err(), x.Response.Truncated)
	}
	if len(x.Response.Body) != DefaultKeepBody {
		t.Errorf("%d bytes of the body are kept", len(x.Response.Body))
	}
}

func TestBodyOfExactlyTheLimitIsWhole(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "12345") }, func(c *Config) { c.MaxBody = 5 })
	if x := c.Recorder().Do(t.Context(), Request{Method: "GET", URL: "/v2/"}); !x.Equal([]byte("12345")) {
		t.Errorf("got %s, %q, cut %v", x, x.Body(), x.cut)
	}
}

func TestHeaderFlood(t *testing.T) {
	t.Parallel()
	flood := func(conn *rawConn) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(conn, "X-Flood-%d: %s\r\n", i, strings.Repeat("f", 1000)); err != nil {
				return
			}
		}
	}
	c := clientFor(t, rawServe(t, flood))
	if x := c.Recorder().Do(t.Context(), Request{Method: "GET", URL: "/v2/"}); x.Status != 0 || x.Err() == nil {
		t.Errorf("got %s", x)
	}
	x := c.Recorder().Raw(t.Context(), RawRequest{Request: Request{Method: "GET", URL: "/v2/"}, ContentLength: -1})
	if x.Status != 0 || !strings.Contains(x.Error, "header is longer than") {
		t.Errorf("raw: got %s", x)
	}
}

func TestLongHeaderIsKeptInPart(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for i := range 100 {
			w.Header().Set(fmt.Sprintf("X-Long-%d", i), strings.Repeat("l", 1000))
		}
	})
	x := c.Recorder().Do(t.Context(), Request{Method: "GET", URL: "/v2/"})
	size := 0
	for name, values := range x.Response.Header {
		size += len(name) + len(values[0])
	}
	if size > maxKeptHeader+200 || x.Response.Header.Get("X-Conform-Truncated") == "" {
		t.Errorf("%d bytes of header kept", size)
	}
	if len(x.Header()) < 100 {
		t.Error("the matchers do not see the whole header")
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "2": 2 * time.Second, " 3 ": 3 * time.Second,
		"99999999999": 1<<63 - 1, "99999999999999999999999": 1<<63 - 1,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"":                              -1, "soon": -1, "-1": -1, "1.5": -1,
	} {
		got, ok := retryAfter(value, now)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("Retry-After: %q: got %v, want %v", value, got, want)
		}
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status       int
		retryAfter   string
		fails        int32
		wantStatus   int
		wantAttempts int
	}{
		"429 then ok":               {429, "0", 1, 200, 2},
		"503 then ok":               {503, "", 2, 200, 3},
		"a date in the past":        {429, "Fri, 02 Jan 2015 03:04:15 GMT", 1, 200, 2},
		"longer than we wait":       {429, "3600", 1, 429, 1},
		"too large a number":        {503, "99999999999999999999", 1, 503, 1},
		"never ok":                  {503, "0", 1000, 503, 1 + DefaultRetries},
		"500 is not tried again":    {500, "0", 1, 500, 1},
		"no such thing as patience": {429, "Fri, 02 Jan 2215 03:04:15 GMT", 1, 429, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if string(body) != "content" {
					t.Errorf("attempt %d has body %q", asked.Load()+1, body)
				}
				if asked.Add(1) > tc.fails {
					return
				}
				if tc.retryAfter != "" {
					w.Header().Set("Retry-After", tc.retryAfter)
				}
				w.WriteHeader(tc.status)
			})
			rec := c.Recorder()
			x := rec.Do(t.Context(), Request{Method: "PUT", URL: "/v2/", Body: []byte("content")})
			if x.Status != tc.wantStatus || x.Attempts != tc.wantAttempts {
				t.Errorf("got %s after %d attempts, want %d after %d", x, x.Attempts, tc.wantStatus, tc.wantAttempts)
			}
			if len(rec.Exchanges()) != 1 {
				t.Errorf("%d exchanges kept", len(rec.Exchanges()))
			}
		})
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(429)
		time.AfterFunc(20*time.Millisecond, cancel)
	}, func(c *Config) { c.MaxWait = time.Hour })
	if x := c.Recorder().Do(ctx, Request{Method: "GET", URL: "/v2/"}); x.Status != 429 || x.Attempts != 1 {
		t.Errorf("got %s", x)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
		case "/once":
			http.Redirect(w, r, "/there?sig=CANARY-SIG", http.StatusTemporaryRedirect)
		default:
			if r.Header.Get("Referer") != "" {
				t.Error("a Referer is sent")
			}
			io.WriteString(w, r.Method)
		}
	})
	rec := c.Recorder()
	x := rec.Do(t.Context(), Request{Method: "GET", URL: "/loop"})
	if x.Status != 307 || x.Whole() || x.Error != "more than 10 redirects" || len(x.Redirect) != 9 {
		t.Errorf("loop: %s with %d redirects", x, len(x.Redirect))
	}
	x = rec.Do(t.Context(), Request{Method: "PUT", URL: "/once", Body: []byte("b")})
	if string(x.Body()) != "PUT" || len(x.Redirect) != 1 || !strings.HasSuffix(x.Redirect[0], "/there?sig=REDACTED") || !strings.HasSuffix(x.FinalURL(), "/there?sig=CANARY-SIG") {
		t.Errorf("followed: %s %q %v %v", x, x.Body(), x.Redirect, x.FinalURL())
	}
	x = rec.Do(t.Context(), Request{Method: "GET", URL: "/once", NoFollow: true})
	if x.Status != 307 || !x.Whole() || x.Redirect != nil {
		t.Errorf("not followed: %s", x)
	}
}

func TestRedirectToOtherOriginTakesNoCredentials(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	// The same host name, another port: net/http alone would send them.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Authorization")
	}))
	t.Cleanup(other.Close)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/blob", http.StatusTemporaryRedirect)
	})
	c.Recorder().Do(t.Context(), Request{Method: "GET", URL: "/", Header: http.Header{"Authorization": {"Bearer CANARY"}}})
	if a := <-got; a != "" {
		t.Errorf("Authorization: %s", a)
	}
}

func TestDropAfter(t *testing.T) {
	t.Parallel()
	type seen struct {
		length int64
		body   string
		err    error
	}
	got := make(chan seen, 1)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		got <- seen{r.ContentLength, string(body), err}
	})
	for _, after := range []int{3, 100_000} {
		content := strings.Repeat("x", 200_000)
		x := c.Recorder().Do(t.Context(), Request{Method: "PATCH", URL: "/v2/", Body: []byte(content), DropAfter: after})
		if x.Status != 0 || !errors.Is(x.Err(), errDropped) {
			t.Errorf("got %s", x)
		}
		if s := <-got; s.length != 200_000 || s.body != content[:after] || s.err == nil {
			t.Errorf("after %d: the server saw %d of %d bytes, then %v", after, len(s.body), s.length, s.err)
		}
	}
	x := c.Recorder().Do(t.Context(), Request{Method: "PATCH", URL: "/v2/", Body: []byte("abc"), DropAfter: 10})
	if s := <-got; x.Status != 0 || s.body != "abc" {
		t.Errorf("beyond the body: %s, %q", x, s.body)
	}
}

func TestChunkedHasNoLength(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.ContentLength, r.TransferEncoding) })
	x := c.Recorder().Do(t.Context(), Request{Method: "POST", URL: "/", Body: []byte("abc"), Chunked: true})
	if string(x.Body()) != "-1 [chunked]" {
		t.Errorf("got %q", x.Body())
	}
}

func TestRecorderIsBounded(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(bytes.Repeat([]byte("b"), 64<<10)) },
		func(c *Config) { c.KeepBody = 32 << 10 })
	rec := c.Recorder()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range (maxExchanges + 40) / 4 {
				x := rec.Do(t.Context(), Request{Method: "GET", URL: "/v2/"})
				if len(x.Body()) != 64<<10 {
					t.Errorf("got %d bytes", len(x.Body()))
				}
			}
		})
	}
	wg.Wait()
	all := rec.Exchanges()
	kept := 0
	for i, x := range all {
		kept += len(x.Response.Body)
		if x.body != nil || x.header != nil {
			t.Fatal("a record holds the whole answer")
		}
		if i > 0 && x.Seq <= all[i-1].Seq {
			t.Fatalf("out of order: %d after %d", x.Seq, all[i-1].Seq)
		}
	}
	if len(all) != maxExchanges || kept > maxKept || all[0].Seq != 1 || all[maxExchanges-1].Seq != maxExchanges+40 {
		t.Errorf("%d exchanges, %d bytes, %d to %d", len(all), kept, all[0].Seq, all[len(all)-1].Seq)
	}
	if last := rec.Last(); last.Seq != maxExchanges+40 {
		t.Errorf("last is #%d", last.Seq)
	}
}

func TestBadRequestURL(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {})
	for _, u := range []string{"http://[::1", "%zz", "ftp://x/", "http://user:CANARY-PASS@[::1"} {
		x := c.Recorder().Do(t.Context(), Request{Method: "GET", URL: u})
		if x.Status != 0 || x.Err() == nil || strings.Contains(x.Error+x.URL, "CANARY") {
			t.Errorf("%s: %s", u, x)
		}
	}
}
