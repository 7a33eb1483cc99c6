package backends

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/need"
)

// Redis is a Redis server on a socket, which a test can kill and start again.
type Redis struct {
	// Socket is the path that it listens on.
	Socket string

	dir     string
	args    []string
	command *exec.Cmd
}

// StartRedis starts Debian's redis-server over a directory of its own, with
// further arguments. It is ended with the test. Where the program is missing
// the test ends as package need says.
func StartRedis(tb testing.TB, args ...string) *Redis {
	tb.Helper()
	// The path of a socket has 107 bytes at most.
	dir, err := os.MkdirTemp("", "redis-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	r := &Redis{Socket: filepath.Join(dir, "socket"), dir: dir, args: args}
	r.Start(tb)
	return r
}

// Start starts the server, with what it saved.
func (r *Redis) Start(tb testing.TB) {
	tb.Helper()
	program := need.Program(tb, "redis-server", "redis-server")
	args := append([]string{"--port", "0", "--unixsocket", r.Socket, "--dir", r.dir, "--save", "", "--daemonize", "no"}, r.args...)
	r.command = exec.Command(program, args...)
	need.Server(tb, r.command, regexp.MustCompile(`(Ready to accept connections|ready to accept connections)`))
}

// Kill ends the server at once, and returns when it takes no connections.
func (r *Redis) Kill(tb testing.TB) {
	tb.Helper()
	if err := r.command.Process.Kill(); err != nil {
		tb.Fatal(err)
	}
	for range 1000 {
		c, err := net.Dial("unix", r.Socket)
		if err != nil {
			return
		}
		c.Close()
		time.Sleep(10 * time.Millisecond)
	}
	tb.Fatal("redis-server takes connections though it was killed")
}

// A Gate is a way to a server that a test can close: bytes are held back then,
// while connections stand.
type Gate struct {
	// Addr is the HOST:PORT of the gate.
	Addr string
	mu   sync.RWMutex
}

// NewGate returns a gate, on the loopback interface, to the socket. With a TLS
// configuration it is encrypted. It is ended with the test.
func NewGate(tb testing.TB, socket string, config *tls.Config) *Gate {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	g := &Gate{Addr: listener.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { g.serve(ctx, c, socket) })
		}
	})
	tb.Cleanup(func() {
		cancel()
		listener.Close()
		running.Wait()
	})
	return g
}

// Shut holds all bytes back, until Open.
func (g *Gate) Shut() { g.mu.Lock() }

// Open ends Shut.
func (g *Gate) Open() { g.mu.Unlock() }

func (g *Gate) serve(ctx context.Context, client net.Conn, socket string) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() { client.Close(); server.Close() })()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{server, client}, {client, server}} {
		both.Go(func() {
			g.pass(way[0], way[1])
			client.Close()
			server.Close()
		})
	}
	both.Wait()
}

// pass moves bytes while the gate is open.
func (g *Gate) pass(to io.Writer, from io.Reader) {
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if err == nil {
			g.mu.RLock()
			_, err = to.Write(piece[:n])
			g.mu.RUnlock()
		}
		if err != nil {
			return
		}
	}
}
