// Package need finds what a test needs beside Go: a Debian package's program, a
// tool pinned in ci/tools, a Docker engine. Where it is missing the test is
// skipped with the command that installs it; under CI=true it fails, since a
// check that no longer runs there would go unseen.
//
// Only tests import it. It installs nothing itself but the pinned tools, which
// are built from source by ci/tools/build.sh.
package need

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// module is the first line of the go.mod at the root of the repository.
const module = "module github.com/registryconform/conform"

// Root returns the root of the repository, an absolute path. It ends the test
// outside of the repository.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := root()
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("working directory: %w", err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if first, _, _ := strings.Cut(string(text), "\n"); err == nil && strings.TrimSpace(first) == module {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the working directory is not in the repository")
		}
		dir = parent
	}
}

// WithConform runs the tests of m with the command conform, as the sources are
// now, first in PATH. It is called from TestMain, with its result for the
// process to end with.
func WithConform(m *testing.M) int {
	status, err := withConform(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "build conform:", err)
		return 1
	}
	return status
}

func withConform(m *testing.M) (int, error) {
	source, err := root()
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "conform-bin-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	command := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/conform")
	command.Dir = source
	if out, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	if err := os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// Missing ends the test, since what is missing and remedy installs it: as
// skipped, or as failed under CI=true.
func Missing(tb testing.TB, what, remedy string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is missing, and CI=true demands it (%s)", what, remedy)
	}
	tb.Skipf("%s is missing (%s)", what, remedy)
}

// Program returns the path of the program that a Debian package installs.
func Program(tb testing.TB, name, debian string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(tb, name, "ci/packages.sh "+debian)
	}
	return path
}

// Tool returns the path of a tool that ci/tools pins, a static binary. It is
// built first where that has not been done.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 8*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(Root(tb), "ci", "tools", "build.sh"), name)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		Missing(tb, "the tool "+name, "ci/tools/build.sh "+name+": "+err.Error()+"\n"+stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// Engine demands a Docker engine that answers, and returns the path of the
// docker client.
func Engine(tb testing.TB) string {
	tb.Helper()
	const remedy = "ci/docker.sh"
	docker, err := exec.LookPath("docker")
	if err != nil {
		Missing(tb, "the docker client", remedy)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, docker, "info").CombinedOutput(); err != nil {
		Missing(tb, "a Docker engine", remedy+": "+lastLine(string(out)))
	}
	return docker
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
