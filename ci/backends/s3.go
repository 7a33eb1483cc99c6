// Package backends runs the servers that storage drivers keep their content on,
// for tests: an S3 server, and one of Azure Blob Storage; and the Redis server
// that a cache is in. What they store lies in a directory of the test, and
// they listen on the loopback interface only.
//
// Only tests import it.
package backends

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/need"
)

// S3 is an S3 server with an empty bucket.
type S3 struct {
	URL                  *url.URL
	Bucket               string
	AccessKey, SecretKey string
}

// Parameters returns the parameters of a driver over the bucket, under the
// names that a configuration has for them.
func (s S3) Parameters() map[string]any {
	return map[string]any{
		"regionendpoint": s.URL.String(), "bucket": s.Bucket,
		"accesskey": s.AccessKey, "secretkey": s.SecretKey,
	}
}

// StartS3 starts versitygw, at the version that ci/tools pins, over a directory
// of its own, which must be on a file system with extended attributes: with its
// other way of keeping metadata the server deletes and reports that it failed,
// when two requests race. It is ended with the test. Where it cannot be built
// the test ends as package need says.
func StartS3(tb testing.TB) S3 {
	tb.Helper()
	dir := tb.TempDir()
	s := S3{Bucket: "conform", AccessKey: "conform", SecretKey: "conform-secret-key"}
	if err := os.Mkdir(filepath.Join(dir, s.Bucket), 0o755); err != nil {
		tb.Fatal(err)
	}
	address := freeAddress(tb)
	command := exec.Command(need.Tool(tb, "versitygw"), "--quiet", "--port", address, "posix", dir)
	command.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.AccessKey, "ROOT_SECRET_KEY="+s.SecretKey)
	need.Server(tb, command, regexp.MustCompile(`(single account) mode`))
	awaitConnection(tb, address)
	s.URL = &url.URL{Scheme: "http", Host: address}
	return s
}

// freeAddress returns an address of the loopback interface that nobody listens
// on, for servers that do not tell the port that they chose themselves.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// awaitConnection waits until a server takes connections.
func awaitConnection(tb testing.TB, address string) {
	tb.Helper()
	const patience = 20 * time.Second
	var err error
	for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", address, time.Second); err == nil {
			c.Close()
			return
		}
	}
	tb.Fatalf("no connection to %s after %v: %v", address, patience, err)
}
