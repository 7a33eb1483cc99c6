package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// A benchConn is a connection that is kept alive, with no client between that
// would allocate as well.
type benchConn struct {
	b   *testing.B
	tcp net.Conn
	in  *bufio.Reader
}

func (c *benchConn) do(method, path, body, contentType string) (location string) {
	fmt.Fprintf(c.tcp, "%s %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", method, path, contentType, len(body), body)
	status, err := c.in.ReadSlice('\n')
	if err != nil || status[9] != '2' {
		c.b.Fatalf("%s %s: %s, %v", method, path, status, err)
	}
	length := int64(0)
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			c.b.Fatal(err)
		}
		if len(line) == 2 {
			break
		}
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), ": ")
		switch key {
		case "Content-Length":
			length, _ = strconv.ParseInt(value, 10, 64)
		case "Location":
			location = value
		}
	}
	if method != "HEAD" {
		if _, err := io.CopyN(io.Discard, c.in, length); err != nil {
			c.b.Fatal(err)
		}
	}
	return location
}

func (c *benchConn) push(content string) string {
	dgst := digest.FromString(content).String()
	c.do("PUT", c.do("POST", "/v2/bench/mark/blobs/uploads/", "", "")+"&digest="+dgst, content, "application/octet-stream")
	return dgst
}

// benchmark runs f on a connection to a registry over each kind of store.
func benchmark(b *testing.B, f func(b *testing.B, c *benchConn)) {
	opens := map[string]func() (driver.Driver, error){
		"store=memory": func() (driver.Driver, error) { return inmemory.New(inmemory.Parameters{}), nil },
		"store=disk":   func() (driver.Driver, error) { return filesystem.New(filesystem.Parameters{Root: b.TempDir()}) },
		"store=relaxed": func() (driver.Driver, error) {
			return filesystem.New(filesystem.Parameters{Root: b.TempDir(), NoSync: true})
		},
	}
	for name, open := range opens {
		b.Run(name, func(b *testing.B) {
			d, err := open()
			if err != nil {
				b.Fatal(err)
			}
			s := httptest.NewUnstartedServer(nil)
			s.Config = server.NewHTTP(server.New(storage.New(d, storage.Options{}), server.Options{}))
			s.Start()
			defer s.Close()
			tcp, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer tcp.Close()
			b.ReportAllocs()
			f(b, &benchConn{b: b, tcp: tcp, in: bufio.NewReader(tcp)})
		})
	}
}

// BenchmarkPull is of what a client asks for when it pulls, and of a list of a
// hundred tags. The allocations are those of the server, of net/http too.
func BenchmarkPull(b *testing.B) {
	for _, op := range []string{"head-blob", "get-blob", "head-tag", "get-tag", "get-digest", "list-tags"} {
		b.Run("op="+op, func(b *testing.B) {
			benchmark(b, func(b *testing.B, c *benchConn) {
				blob := c.push(strings.Repeat("x", 4<<10))
				body := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":4096},"layers":[]}`, blob)
				c.do("PUT", "/v2/bench/mark/manifests/latest", body, "application/vnd.oci.image.manifest.v1+json")
				for i := range 99 {
					if op == "list-tags" {
						c.do("PUT", fmt.Sprintf("/v2/bench/mark/manifests/v1.%d", i), body, "application/vnd.oci.image.manifest.v1+json")
					}
				}
				method, what, _ := strings.Cut(op, "-")
				path := "/v2/bench/mark/" + map[string]string{
					"blob": "blobs/" + blob, "tag": "manifests/latest",
					"digest": "manifests/" + digest.FromString(body).String(), "tags": "tags/list",
				}[what]
				method = map[string]string{"head": "HEAD", "get": "GET", "list": "GET"}[method]
				for b.Loop() {
					c.do(method, path, "", "")
				}
			})
		})
	}
}

// BenchmarkPush is of a blob of 4 KiB, and of a manifest with a tag.
func BenchmarkPush(b *testing.B) {
	b.Run("op=blob", func(b *testing.B) {
		benchmark(b, func(b *testing.B, c *benchConn) {
			rest := strings.Repeat("x", 4<<10)
			for i := 0; b.Loop(); i++ {
				c.push(fmt.Sprint(i) + rest)
			}
		})
	})
	b.Run("op=manifest", func(b *testing.B) {
		benchmark(b, func(b *testing.B, c *benchConn) {
			blob := c.push("{}")
			for i := 0; b.Loop(); i++ {
				body := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":2},"layers":[],"annotations":{"i":"%d"}}`, blob, i)
				c.do("PUT", "/v2/bench/mark/manifests/latest", body, "application/vnd.oci.image.manifest.v1+json")
			}
		})
	})
}
