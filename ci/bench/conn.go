//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
)

// A conn is a connection of HTTP/1.1 that is kept alive. It is for one
// goroutine, and allocates next to nothing for a request.
type conn struct {
	tcp  *net.TCPConn
	raw  syscall.RawConn
	in   *bufio.Reader
	sink []byte // what is thrown away is never even written here
}

func dial(host string) (*conn, error) {
	c, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	tcp := c.(*net.TCPConn)
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return &conn{tcp: tcp, raw: raw, in: bufio.NewReaderSize(tcp, 4<<10), sink: make([]byte, 1<<20)}, nil
}

func (c *conn) close() { c.tcp.Close() }

// A response is what a load looks at.
type response struct {
	status   int
	location string
	bytes    int64 // of the body
}

// do sends a request, a head that is complete and the parts of a body, and
// throws the answer's body away.
func (c *conn) do(want int, head []byte, body ...[]byte) (response, error) {
	if err := c.send(head, body); err != nil {
		return response{}, err
	}
	r, length, chunked, err := c.readHead()
	if err != nil {
		return r, err
	}
	if !bytes.HasPrefix(head, []byte("HEAD ")) && r.status != http.StatusNoContent {
		if r.bytes, err = c.discardBody(length, chunked); err != nil {
			return r, err
		}
	}
	if r.status != want {
		first, _, _ := bytes.Cut(head, []byte("\r\n"))
		return r, fmt.Errorf("%s: status %d, not %d", first, r.status, want)
	}
	return r, nil
}

func (c *conn) send(head []byte, body [][]byte) error {
	if len(body) == 0 {
		_, err := c.tcp.Write(head)
		return err
	}
	buffers := make(net.Buffers, 0, 4)
	buffers = append(append(buffers, head), body...)
	_, err := buffers.WriteTo(c.tcp)
	return err
}

func (c *conn) readHead() (r response, length int64, chunked bool, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return r, 0, false, err
	}
	if len(line) < 12 {
		return r, 0, false, fmt.Errorf("status line %q", line)
	}
	if r.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return r, 0, false, fmt.Errorf("status line %q", line)
	}
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil || len(line) <= 2 {
			return r, length, chunked, err
		}
		key, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(key, []byte("content-length")):
			length, err = strconv.ParseInt(string(value), 10, 64)
		case bytes.EqualFold(key, []byte("transfer-encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(key, []byte("location")):
			r.location = string(value)
		}
		if err != nil {
			return r, 0, false, err
		}
	}
}

func (c *conn) discardBody(length int64, chunked bool) (int64, error) {
	if !chunked {
		return length, c.discard(length)
	}
	var total int64
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return total, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return total, err
		}
		if err := c.discard(size + 2); err != nil || size == 0 {
			return total, err
		}
		total += size
	}
}

// discard lets the kernel drop n bytes without a copy.
func (c *conn) discard(n int64) error {
	buffered := min(n, int64(c.in.Buffered()))
	if _, err := c.in.Discard(int(buffered)); err != nil {
		return err
	}
	n -= buffered
	for n > 0 {
		got, failed := 0, error(nil)
		err := c.raw.Read(func(fd uintptr) bool {
			got, _, failed = syscall.Recvfrom(int(fd), c.sink[:min(n, int64(len(c.sink)))], syscall.MSG_TRUNC)
			return failed != syscall.EAGAIN
		})
		if err = errors.Join(err, failed); err != nil {
			return err
		}
		if got == 0 {
			return io.ErrUnexpectedEOF
		}
		n -= int64(got)
	}
	return nil
}
