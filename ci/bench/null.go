//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
)

// serveNull answers every load with what it expects, from memory and without
// a thought: no registry can be faster through the same loads.
func serveNull(c *content, host string) error {
	l, err := net.Listen("tcp", host)
	if err != nil {
		return err
	}
	sizes := map[string]int{"list": 1500, c.image.digest: len(c.image.manifest)}
	for _, b := range []blob{c.small, c.mid, c.large} {
		sizes[b.digest] = b.size()
	}
	for i := range c.tags {
		sizes[fmt.Sprintf("t%03d", i)] = len(c.image.manifest)
	}
	for {
		tcp, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer tcp.Close()
			in := bufio.NewReaderSize(tcp, 32<<10)
			for answerNull(tcp, in, sizes, c.noise) == nil {
			}
		}()
	}
}

func answerNull(tcp net.Conn, in *bufio.Reader, sizes map[string]int, noise []byte) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	method, rest, _ := bytes.Cut(line, []byte(" "))
	path, _, _ := bytes.Cut(rest, []byte(" "))
	size := sizes[string(path[bytes.LastIndexByte(path, '/')+1:])]
	name := string(method)
	length := 0
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if _, err := io.CopyN(io.Discard, in, int64(length)); err != nil {
		return err
	}
	switch name {
	case "POST", "PATCH":
		_, err = io.WriteString(tcp, "HTTP/1.1 202 Accepted\r\nLocation: /upload\r\nContent-Length: 0\r\n\r\n")
	case "PUT":
		_, err = io.WriteString(tcp, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
	default:
		head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		if name == "HEAD" {
			size = 0
		}
		_, err = (&net.Buffers{head, noise[:size]}).WriteTo(tcp)
	}
	return err
}
