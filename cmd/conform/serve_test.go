package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A served registry is a process of "conform serve".
type served struct {
	cmd *exec.Cmd
	out *bufio.Reader
	url string
}

// startServe starts the process and waits for its first line.
func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s := &served{cmd: exec.CommandContext(ctx, "conform", append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	line, err := s.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("the first line is %q", line)
	}
	s.url = url
	return s
}

// end waits for the end of the process, which has nothing more to say.
func (s *served) end(t *testing.T) {
	t.Helper()
	rest, err := io.ReadAll(s.out)
	if len(rest) > 0 || err != nil {
		t.Errorf("it goes on: %q, %v", rest, err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

// TestServeEndsGracefully demands that a request under way is answered after
// the signal to end.
func TestServeEndsGracefully(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := startServe(t)
			body, feed := io.Pipe()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/v2/a/manifests/latest", body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Expect", "100-continue")
			transport := &http.Transport{ExpectContinueTimeout: time.Minute}
			defer transport.CloseIdleConnections()
			status := make(chan int, 1)
			go func() {
				response, err := transport.RoundTrip(r)
				if err != nil {
					t.Error(err)
					status <- 0
					return
				}
				defer response.Body.Close()
				status <- response.StatusCode
			}()
			// The server reads the body now: it asked for it.
			io.WriteString(feed, "{")
			if err := s.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			waitRefused(t, strings.TrimPrefix(s.url, "http://"))
			feed.Close()
			if got := <-status; got != http.StatusBadRequest {
				t.Errorf("the manifest that is none is answered %d", got)
			}
			s.end(t)
		})
	}
}

// waitRefused waits until nothing listens at addr.
func waitRefused(t *testing.T, addr string) {
	t.Helper()
	for t.Context().Err() == nil {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatal("it listens for ever")
}

func TestServeOverTLS(t *testing.T) {
	t.Parallel()
	cert, key := writeCertificate(t)
	s := startServe(t, "--tls-cert", cert, "--tls-key", key)
	run := func(args ...string) (string, error) {
		cmd := exec.Command("conform", append([]string{"run", s.url, "--select", "tags.list.ok"}, args...)...)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(); err == nil || !strings.Contains(out, "the certificate is not trusted (--cacert") || strings.Count(out, "\n") != 1 {
		t.Errorf("untrusted: %v\n%s", err, out)
	}
	for _, args := range [][]string{{"--insecure"}, {"--cacert", cert}} {
		if out, err := run(args...); err != nil {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.end(t)
}

// writeCertificate makes a certificate for 127.0.0.1 and returns the files.
func writeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
}

// TestFullMemoryIsTold demands 507 once the store is full.
func TestFullMemoryIsTold(t *testing.T) {
	t.Parallel()
	s := startServe(t, "--memory-limit", "64KiB")
	response, err := http.Post(s.url+"/v2/a/blobs/uploads/", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	location := response.Header.Get("Location")
	if !strings.HasPrefix(location, "http") {
		location = s.url + location
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, location, strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	response, err = http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusInsufficientStorage {
		t.Errorf("got %s", response.Status)
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.end(t)
}
