package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRawHeadWithABody(t *testing.T) {
	t.Parallel()
	c := clientFor(t, rawServe(t, func(conn *rawConn) {
		io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nforbidden")
	}))
	x := c.Recorder().Raw(t.Context(), RawRequest{Request: Request{Method: "HEAD", URL: "/v2/"}, ContentLength: -1})
	if x.Status != 404 || x.Response.Size != 9 {
		t.Errorf("got %s with %d bytes", x, x.Response.Size)
	}
	if HaveNoBody().Judge(x) == "" {
		t.Error("a body passes for none")
	}
	sound := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "9") })
	x = sound.Recorder().Raw(t.Context(), RawRequest{Request: Request{Method: "HEAD", URL: "/v2/"}, ContentLength: -1})
	if x.Status != 200 || HaveNoBody().Judge(x) != "" {
		t.Errorf("sound: got %s with %d bytes", x, x.Response.Size)
	}
}

func TestRawHeadOnAConnectionThatStaysOpen(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	base := rawServe(t, func(conn *rawConn) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		<-release
	})
	t.Cleanup(func() { close(release) })
	c := clientFor(t, base, func(c *Config) { c.Timeout = time.Minute })
	started := time.Now()
	x := c.Recorder().Raw(t.Context(), RawRequest{Request: Request{Method: "HEAD", URL: "/v2/"}, ContentLength: -1})
	if x.Status != 200 || x.Err() != nil || time.Since(started) > 20*time.Second {
		t.Errorf("got %s after %v", x, time.Since(started))
	}
}

func TestRawDeclaresAnyLength(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, r.ContentLength, len(body), err)
	})
	for _, tc := range []struct {
		declared int
		want     string
	}{{-1, "0 0 <nil>"}, {2, "2 2 <nil>"}, {5, "5 3 unexpected EOF"}} {
		x := c.Recorder().Raw(t.Context(), RawRequest{
			Request:       Request{Method: "PUT", URL: "/v2/", Body: []byte("abc"), Header: http.Header{"X-Canary": {"1"}}},
			ContentLength: tc.declared, CloseWrite: true,
		})
		if string(x.Body()) != tc.want {
			t.Errorf("Content-Length %d: got %s %q, want %q", tc.declared, x, x.Body(), tc.want)
		}
	}
}

func TestRawReadsAnEarlyAnswer(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	base := rawServe(t, func(conn *rawConn) {
		io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		<-release // and reads nothing of the body
	})
	t.Cleanup(func() { close(release) })
	x := clientFor(t, base).Recorder().Raw(t.Context(), RawRequest{
		Request: Request{Method: "PUT", URL: "/v2/", Body: bytes.Repeat([]byte("x"), 32<<20)}, ContentLength: 32 << 20,
	})
	if x.Status != 413 || x.Err() != nil {
		t.Errorf("got %s", x)
	}
}

func TestRawIsBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hang := rawServe(t, func(conn *rawConn) { <-release })
	t.Cleanup(func() { close(release) })
	x := clientFor(t, hang).Recorder().Raw(t.Context(), RawRequest{
		Request: Request{Method: "GET", URL: "/v2/", Timeout: 50 * time.Millisecond}, ContentLength: -1,
	})
	if x.Error != "no whole answer within 50ms" {
		t.Errorf("hang: got %s", x)
	}
	endless := rawServe(t, func(conn *rawConn) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		for chunk := bytes.Repeat([]byte("x"), 64<<10); ; {
			if _, err := conn.Write(chunk); err != nil {
				return
			}
		}
	})
	c := clientFor(t, endless, func(c *Config) { c.MaxBody = 1000 })
	for _, method := range []string{"GET", "HEAD"} {
		x := c.Recorder().Raw(t.Context(), RawRequest{Request: Request{Method: method, URL: "/v2/"}, ContentLength: -1})
		if x.Status != 200 || len(x.Body()) > 1000 || x.Response.Size > 1000+2*maxHeaderBytes {
			t.Errorf("%s: got %s with %d bytes", method, x, x.Response.Size)
		}
	}
}

func TestRawOverTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig
	c := clientFor(t, server.URL, func(c *Config) { c.TLS = trusted })
	if x := c.Recorder().Raw(t.Context(), RawRequest{Request: Request{Method: "GET", URL: "/"}, ContentLength: -1}); string(x.Body()) != "HTTP/1.1" {
		t.Errorf("raw: got %s %q", x, x.Body())
	}
	if x := c.Recorder().Do(t.Context(), Request{Method: "GET", URL: "/"}); string(x.Body()) != "HTTP/2.0" {
		t.Errorf("got %s %q", x, x.Body())
	}
	x := clientFor(t, server.URL).Recorder().Do(t.Context(), Request{Method: "GET", URL: "/"})
	if x.Status != 0 || !strings.Contains(x.Error, "certificate") {
		t.Errorf("untrusted: got %s", x)
	}
}
