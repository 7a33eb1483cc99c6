package peers_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/conformance/report"
)

func TestMain(m *testing.M) { os.Exit(need.WithConform(m)) }

// buildContext returns a folder with a Dockerfile that runs a pinned tool, and
// nothing else: no image is pulled.
func buildContext(t *testing.T, tool string) string {
	t.Helper()
	dir := t.TempDir()
	program, err := os.ReadFile(need.Tool(t, tool))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, tool), program, 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("FROM scratch\nCOPY %s /%[1]s\nENTRYPOINT [\"/%[1]s\"]\nLABEL %s\n", tool, label(t))
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// conformRun runs "conform run" with the golden list of a peer and demands that
// the verdict is that of the list.
func conformRun(t *testing.T, peer string, args ...string) {
	t.Helper()
	out := t.TempDir()
	command := exec.CommandContext(t.Context(), "conform", append([]string{
		"run", "--profile", "all", "--level", "should", "--baseline", peer + ".yaml", "--out", out,
	}, args...)...)
	if printed, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, printed)
	}
	f, err := os.Open(filepath.Join(out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rep, err := report.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Totals.Known == 0 || rep.Totals.Passed == 0 {
		t.Errorf("the run counts %+v, want known failures and passes", rep.Totals)
	}
	if origin := rep.Options["target"].Origin; origin != "container" {
		t.Errorf("the target comes from %q, want a container", origin)
	}
}

// label marks the image of a test and the containers of it, and those of no
// other test that runs at the same time in another process.
func label(t *testing.T) string {
	name, _, _ := strings.Cut(t.Name(), "/")
	return fmt.Sprintf("conform.test=%s-%d", name, os.Getpid())
}

// containers returns the ids of the test's containers, running or not.
func containers(t *testing.T, docker string, filter ...string) string {
	t.Helper()
	args := []string{"ps", "--all", "--quiet", "--filter", "label=" + label(t)}
	for _, f := range filter {
		args = append(args, "--filter", f)
	}
	out, err := exec.CommandContext(t.Context(), docker, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker ps: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestDockerfile judges distribution 3 in a container that is built for it, with
// its configuration copied in, a variable, a port and arguments.
func TestDockerfile(t *testing.T) {
	docker := need.Engine(t)
	dir := buildContext(t, "registry")
	config := filepath.Join(t.TempDir(), "config.yml")
	text := "version: 0.1\nstorage:\n  inmemory: {}\nhttp:\n  secret: conform\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	conformRun(t, "distribution-3", "--dockerfile", dir, "--port", "5001", "--file", config+":/etc/registry.yml",
		"--env", "REGISTRY_HTTP_ADDR=:5001", "--env", "REGISTRY_STORAGE_DELETE_ENABLED=true",
		"--env", "OTEL_TRACES_EXPORTER=none", "--", "serve", "/etc/registry.yml")
	if left := containers(t, docker); left != "" {
		t.Errorf("containers are left: %s", left)
	}
}

// TestImage judges crane's registry in a container of an image that the engine
// has, and interrupts a run that waits for one.
func TestImage(t *testing.T) {
	docker := need.Engine(t)
	const image = "conform-peers-test:crane"
	build := exec.CommandContext(t.Context(), docker, "build", "--quiet", "--tag", image, buildContext(t, "crane"))
	build.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s", err, out)
	}
	t.Cleanup(func() { exec.Command(docker, "rmi", "--force", image).Run() })
	t.Run("judged", func(t *testing.T) {
		conformRun(t, "crane", "--image", image, "--port", "7070", "--env", "PORT=7070", "--", "registry", "serve")
		if left := containers(t, docker); left != "" {
			t.Errorf("containers are left: %s", left)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		// It listens elsewhere, so that the run waits.
		command := exec.Command("conform", "run", "--image", image, "--env", "PORT=7070", "--", "registry", "serve")
		command.Dir = t.TempDir()
		var printed bytes.Buffer
		command.Stdout, command.Stderr = &printed, &printed
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(30 * time.Second)
		for containers(t, docker, "status=running") == "" && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
		}
		if err := command.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		var exit *exec.ExitError
		if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != report.ExitInterrupted {
			t.Errorf("interrupted: %v, want status %d\n%s", err, report.ExitInterrupted, &printed)
		}
		if left := containers(t, docker); left != "" {
			t.Errorf("containers are left: %s", left)
		}
	})
}
