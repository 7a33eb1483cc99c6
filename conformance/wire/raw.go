package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A RawRequest is a request that no HTTP library would send, over a
// connection of its own (HTTP/1.1, no proxy).
type RawRequest struct {
	Request
	// ContentLength is declared, whatever the body's length is; it is left
	// out if negative.
	ContentLength int
	// CloseWrite ends the sending side after the body.
	CloseWrite bool
}

// Raw sends r and returns the exchange. Redirects are not followed, 429 and
// 503 not tried again. After the answer the connection is read to its end, so
// that Response.Size of a HEAD request tells of a body that must not be there.
func (rec *Recorder) Raw(ctx context.Context, r RawRequest) *Exchange {
	c := rec.client
	x := &Exchange{Method: r.Method, URL: r.URL, Started: time.Now(), Attempts: 1}
	ctx, cancel := context.WithTimeoutCause(ctx, c.config.Timeout, fmt.Errorf("no whole answer within %v", c.config.Timeout))
	defer cancel()
	if err := c.raw(ctx, r, x); err != nil {
		x.fail(reason(ctx, err))
	}
	x.Duration = time.Since(x.Started)
	rec.keep(x)
	return x
}

func (c *Client) raw(ctx context.Context, r RawRequest, x *Exchange) error {
	request, err := c.request(ctx, Request{Method: r.Method, URL: r.URL, Query: r.Query, Header: r.Header})
	if err != nil {
		return err
	}
	if c.config.Auth != nil {
		if err := c.config.Auth.Authorize(ctx, request, r.Scopes); err != nil {
			return fmt.Errorf("login: %w", err)
		}
	}
	if r.ContentLength >= 0 {
		request.Header.Set("Content-Length", strconv.Itoa(r.ContentLength))
	}
	request.Header.Set("Connection", "close")
	x.URL, x.final = redactURL(request.URL), request.URL.String()
	x.Request = message(request.Header, r.Body, int64(len(r.Body)), c.config.KeepBody)

	conn, err := c.dial(ctx, request)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := writeRaw(conn, request, r); err != nil {
		return err
	}
	return c.readRaw(ctx, conn, request, x)
}

// dial connects to the host of request.
func (c *Client) dial(ctx context.Context, request *http.Request) (net.Conn, error) {
	host, port := request.URL.Hostname(), request.URL.Port()
	secure := request.URL.Scheme == "https"
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[secure]
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil || !secure {
		return conn, err
	}
	config := &tls.Config{}
	if c.config.TLS != nil {
		config = c.config.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{"http/1.1"}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// writeRaw writes the request. A peer that answers early and stops reading is
// no error: its answer is what counts.
func writeRaw(conn net.Conn, request *http.Request, r RawRequest) error {
	w := bufio.NewWriter(conn)
	fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: %s\r\n", request.Method, request.URL.RequestURI(), request.URL.Host)
	if err := request.Header.Write(w); err != nil {
		return err
	}
	w.WriteString("\r\n")
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := conn.Write(r.Body); err != nil {
		return nil
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && r.CloseWrite {
		half.CloseWrite()
	}
	return nil
}

func (c *Client) readRaw(ctx context.Context, conn net.Conn, request *http.Request, x *Exchange) error {
	// A HEAD answer is parsed as such, and what follows it is its body.
	buffered := bufio.NewReader(io.LimitReader(conn, maxHeaderBytes+c.config.MaxBody))
	response, err := http.ReadResponse(buffered, request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	c.read(ctx, x, response)
	if request.Method != http.MethodHead {
		return nil
	}
	n, err := io.Copy(io.Discard, buffered)
	x.Response.Size += n
	if n == 0 && err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
		return err
	}
	return nil
}
