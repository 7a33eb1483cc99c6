package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// closeWait is how long the end of the connection is waited for after the
// answer to a HEAD request.
const closeWait = 2 * time.Second

// maxInformational is how many 1xx answers may come before the answer.
const maxInformational = 5

// A RawRequest is a request that no HTTP library would send, over a
// connection of its own (HTTP/1.1, no proxy). Of its Request, Chunked,
// DropAfter and NoFollow mean nothing here.
type RawRequest struct {
	Request
	// ContentLength is declared, whatever the body's length is; it is left
	// out if negative.
	ContentLength int
	// CloseWrite ends the sending side after the body.
	CloseWrite bool
}

// Raw sends r and returns the exchange. Redirects are not followed, 401, 429
// and 503 not tried again. After the answer to a HEAD request the connection
// is read to its end, so that Response.Size tells of a body that must not be
// there.
func (rec *Recorder) Raw(ctx context.Context, r RawRequest) *Exchange {
	x := &Exchange{Method: r.Method, URL: r.URL, Started: time.Now(), Attempts: 1}
	ctx, cancel := rec.client.bound(ctx, r.Request)
	defer cancel()
	if err := rec.client.raw(ctx, r, x); err != nil {
		x.fail(reason(ctx, err))
	}
	x.Duration = time.Since(x.Started)
	rec.keep(x)
	return x
}

func (c *Client) raw(ctx context.Context, r RawRequest, x *Exchange) error {
	plain := r.Request
	plain.Header = r.Header.Clone()
	if plain.Header == nil {
		plain.Header = http.Header{}
	}
	if r.ContentLength >= 0 {
		plain.Header.Set("Content-Length", strconv.Itoa(r.ContentLength))
	}
	plain.Header.Set("Connection", "close")
	request, err := c.prepare(ctx, plain, x)
	if err != nil {
		return err
	}
	conn, err := c.dial(ctx, request)
	if err != nil {
		return err
	}
	written := make(chan struct{})
	defer func() { conn.Close(); <-written }()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	go func() {
		defer close(written)
		if writeRaw(conn, request, r.Body) == nil && r.CloseWrite {
			closeWrite(conn)
		}
	}()
	return c.readRaw(ctx, conn, request, x)
}

// sendAndDrop sends the request with the beginning of its body and closes the
// connection. It returns errDropped, or why it came to something else.
func (c *Client) sendAndDrop(ctx context.Context, request *http.Request, r Request) error {
	request.Header.Set("Content-Length", strconv.Itoa(len(r.Body)))
	conn, err := c.dial(ctx, request)
	if err != nil {
		return reason(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := writeRaw(conn, request, r.Body[:min(r.DropAfter, len(r.Body))]); err != nil {
		return reason(ctx, err)
	}
	return errDropped
}

// dial connects to the host of request.
func (c *Client) dial(ctx context.Context, request *http.Request) (net.Conn, error) {
	host := request.URL.Hostname()
	secure := request.URL.Scheme == "https"
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, portOf(request.URL)))
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

// writeRaw writes the request line, the header and body.
func writeRaw(conn net.Conn, request *http.Request, body []byte) error {
	w := bufio.NewWriter(conn)
	fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: %s\r\n", request.Method, request.URL.RequestURI(), request.URL.Host)
	if err := request.Header.Write(w); err != nil {
		return err
	}
	w.WriteString("\r\n")
	w.Write(body)
	return w.Flush()
}

func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// readRaw reads the answer. What follows the answer to a HEAD request counts
// as its body.
func (c *Client) readRaw(ctx context.Context, conn net.Conn, request *http.Request, x *Exchange) error {
	limited := &io.LimitedReader{R: conn, N: maxHeaderBytes}
	buffered := bufio.NewReader(limited)
	response, err := http.ReadResponse(buffered, request)
	for n := 0; err == nil && response.StatusCode/100 == 1 && n < maxInformational; n++ {
		response, err = http.ReadResponse(buffered, request)
	}
	switch {
	case err != nil && limited.N <= 0:
		return fmt.Errorf("the header is longer than %d bytes", maxHeaderBytes)
	case err != nil:
		return err
	}
	defer response.Body.Close()
	x.Status, x.Proto, x.header = response.StatusCode, response.Proto, response.Header
	limited.N = c.config.MaxBody + maxHeaderBytes
	c.read(ctx, x, response.Body)
	if request.Method == http.MethodHead {
		timer := time.AfterFunc(closeWait, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
		defer timer.Stop()
		n, _ := io.Copy(io.Discard, buffered)
		x.Response.Size += n
	}
	return nil
}
