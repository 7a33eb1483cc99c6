package need_test

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/registryconform/conform/ci/need"
)

// TestMissing asks for a program that no machine has, in a process of its own:
// a user is told what to install, CI fails.
func TestMissing(t *testing.T) {
	const inner = "NEED_TEST_INNER"
	if os.Getenv(inner) != "" {
		need.Program(t, "no-such-program", "no-such-package")
		return
	}
	for _, c := range []struct {
		ci, want string
		ok       bool
	}{
		{"", "--- SKIP", true},
		{"false", "--- SKIP", true},
		{"true", "--- FAIL", false},
	} {
		command := exec.Command(os.Args[0], "-test.run=^TestMissing$", "-test.v")
		command.Env = append(os.Environ(), inner+"=1", "CI="+c.ci)
		out, err := command.CombinedOutput()
		if (err == nil) != c.ok || !strings.Contains(string(out), c.want) || !strings.Contains(string(out), "ci/packages.sh no-such-package") {
			t.Errorf("CI=%q: %v, want %s\n%s", c.ci, err, c.want, out)
		}
	}
}

// TestServer starts a server that ignores SIGTERM: it is gone after its test
// all the same.
func TestServer(t *testing.T) {
	command := exec.Command("sh", "-c", `trap '' TERM; echo "no port yet"; echo "listening on 4711"; while :; do sleep 0.05; done`)
	t.Run("server", func(t *testing.T) {
		if got := need.Server(t, command, regexp.MustCompile(`listening on (\d+)`)); got != "4711" {
			t.Errorf("the port is %q, want 4711", got)
		}
		if err := command.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the server is not there: %v", err)
		}
	})
	if err := command.Process.Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after its test the server is there: %v", err)
	}
}

// TestRoot finds the repository from a folder in it.
func TestRoot(t *testing.T) {
	if _, err := os.Stat(need.Root(t) + "/ci/need/need.go"); err != nil {
		t.Error(err)
	}
}
