// Package peers runs registries of other projects, so that the suite is tried
// on real ones: Debian's docker-registry, CNCF distribution and the registry of
// go-containerregistry.
//
// Beside each stands its golden list, NAME.yaml: a baseline of the requirements
// that it breaks, with the cause in a sentence. Every entry was checked by hand
// against the text of the specification and the exchange; a finding that the
// text does not bear out is a defect of the spec that reports it, and is mended
// there. Only tests import this package.
package peers

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/registryconform/conform/ci/need"
)

// A Peer is a registry that a test can start.
type Peer struct {
	// Name is short, and names the golden list.
	Name string
	// command returns what starts the registry on a free port of the
	// loopback interface, with its content under dir or in memory.
	command func(tb testing.TB, dir string) *exec.Cmd
	// ready matches the port in what it prints.
	ready *regexp.Regexp
}

// All returns the peers, as they are configured by default but for deletion.
func All() []Peer {
	return []Peer{DebianRegistry(), Distribution(), Crane()}
}

// DebianRegistry is the docker-registry of Debian: distribution 2.8.
func DebianRegistry() Peer {
	return Peer{
		Name: "docker-registry-2.8",
		command: func(tb testing.TB, dir string) *exec.Cmd {
			return distribution(tb, need.Program(tb, "docker-registry", "docker-registry"), dir, "")
		},
		ready: regexp.MustCompile(`listening on 127\.0\.0\.1:(\d+)`),
	}
}

// DebianSchema1 is [DebianRegistry] with the signed manifests of schema 1 enabled:
// the last version that has them.
func DebianSchema1() Peer {
	p := DebianRegistry()
	p.Name = "docker-registry-2.8-schema1"
	p.command = func(tb testing.TB, dir string) *exec.Cmd {
		return distribution(tb, need.Program(tb, "docker-registry", "docker-registry"), dir, "compatibility:\n  schema1:\n    enabled: true\n")
	}
	return p
}

// DistributionWith is [Distribution] with more lines of its configuration, such as
// how to log in. It has no golden list.
func DistributionWith(config string) Peer {
	p := Distribution()
	p.command = func(tb testing.TB, dir string) *exec.Cmd {
		return distribution(tb, need.Tool(tb, "registry"), dir, config)
	}
	return p
}

// Distribution is CNCF distribution v3, at the version that ci/tools pins.
func Distribution() Peer {
	return Peer{
		Name: "distribution-3",
		command: func(tb testing.TB, dir string) *exec.Cmd {
			return distribution(tb, need.Tool(tb, "registry"), dir, "")
		},
		ready: regexp.MustCompile(`listening on 127\.0\.0\.1:(\d+)`),
	}
}

// Crane is "crane registry serve", the registry of go-containerregistry, at the
// version that ci/tools pins.
func Crane() Peer {
	return Peer{
		Name: "crane",
		command: func(tb testing.TB, _ string) *exec.Cmd {
			return exec.Command(need.Tool(tb, "crane"), "registry", "serve", "--address", "127.0.0.1:0")
		},
		ready: regexp.MustCompile(`serving on port (\d+)`),
	}
}

// Start starts the registry, with deletion enabled and an empty store, and
// returns its URL. It is ended with the test. Where the program is missing the
// test ends as package need says.
func (p Peer) Start(tb testing.TB) *url.URL {
	tb.Helper()
	return p.StartIn(tb, TempDir(tb))
}

// StartIn is Start with a store that may have content already: the folder Store
// of dir. [Crane] has none on disk.
func (p Peer) StartIn(tb testing.TB, dir string) *url.URL {
	tb.Helper()
	port := need.Server(tb, p.command(tb, dir), p.ready)
	return &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}
}

// Store returns the folder of the store that StartIn uses in dir.
func Store(dir string) string { return filepath.Join(dir, "store") }

// TempDir returns a folder that is removed with the test, in memory where the
// machine has such a place: the peers' many small files make a disk the slowest
// part by far, and their durability is not what is judged.
func TempDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "conform-peer-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// distributionConfig serves the form that versions 2 and 3 share.
const distributionConfig = `version: 0.1
log:
  level: info
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: %q
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: 127.0.0.1:0
  secret: conform
`

// distribution returns what starts the program with its content under dir, and
// more lines of configuration.
func distribution(tb testing.TB, program, dir, more string) *exec.Cmd {
	tb.Helper()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf(distributionConfig, Store(dir)) + more
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	command := exec.Command(program, "serve", config)
	command.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	return command
}
