package wire

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server for h and returns a client for it, edited by edit.
func serve(t *testing.T, h http.HandlerFunc, edit ...func(*Config)) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return clientFor(t, server.URL, edit...)
}

func clientFor(t *testing.T, base string, edit ...func(*Config)) *Client {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Base: u, Timeout: 5 * time.Second, MaxWait: 2 * time.Second}
	for _, f := range edit {
		f(&config)
	}
	c := NewClient(config)
	t.Cleanup(c.Close)
	return c
}

// rawServe starts a server that hands each connection, as it is accepted, to h
// and closes it after.
func rawServe(t *testing.T, h func(conn *rawConn)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		h(&rawConn{Conn: conn, Reader: buffered.Reader, Request: r})
	}))
	t.Cleanup(server.Close)
	return server.URL
}
