package container_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/cmd/conform/internal/container"
)

// dockerContext returns a folder with the Dockerfile text and crane, a static binary.
func dockerContext(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Link(need.Tool(t, "crane"), filepath.Join(dir, "crane")); err != nil {
		content, err := os.ReadFile(need.Tool(t, "crane"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "crane"), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text += "LABEL conform.test=" + mark(t) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

const craneDockerfile = `FROM scratch
COPY crane /crane
ENTRYPOINT ["/crane"]
`

func status(t *testing.T, base *url.URL, path string) (int, string) {
	t.Helper()
	response, err := http.Get(base.JoinPath(path).String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// mark returns what labels the images and containers of a test, and of no other
// test that runs at the same time in another process.
func mark(t *testing.T) string {
	name, _, _ := strings.Cut(t.Name(), "/")
	return fmt.Sprintf("%s-%d", name, os.Getpid())
}

// nothingLeft demands that no container and no image of the test is left.
func nothingLeft(t *testing.T, docker string) {
	t.Helper()
	for _, args := range [][]string{{"images", "--all", "--quiet"}, {"ps", "--all", "--quiet"}} {
		if out := labelled(t, docker, args...); len(out) > 0 {
			t.Errorf("docker %s: left: %s", strings.Join(args, " "), out)
		}
	}
}

// labelled returns what the command lists of what the test has made.
func labelled(t *testing.T, docker string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(docker, append(args, "--filter", "label=conform.test="+mark(t))...).CombinedOutput()
	if err != nil {
		t.Errorf("docker %s: %v, %s", strings.Join(args, " "), err, out)
	}
	return bytes.TrimSpace(out)
}

func TestDockerfile(t *testing.T) {
	docker := need.Engine(t)
	dir := dockerContext(t, craneDockerfile)
	var log bytes.Buffer
	base, stop, err := container.Start(t.Context(), container.Options{
		Dockerfile: dir, Port: 7070, Env: []string{"PORT=7070"}, Args: []string{"registry", "serve"},
	}, &log)
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	if code, body := status(t, base, "v2"); code != http.StatusOK {
		t.Errorf("GET /v2/ = %d %s, want 200", code, body)
	}
	stop()
	if response, err := http.Get(base.String()); err == nil {
		response.Body.Close()
		t.Errorf("%s still answers after stop", base)
	}
	if log.Len() > 0 {
		t.Errorf("a good start wrote: %s", &log)
	}
	nothingLeft(t, docker)
}

// TestImage runs an image that the engine has, with a file copied into it.
func TestImage(t *testing.T) {
	docker := need.Engine(t)
	const image = "conform-container-test:image"
	dir := dockerContext(t, craneDockerfile)
	command := exec.Command(docker, "build", "--quiet", "--tag", image, dir)
	command.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s", err, out)
	}
	t.Cleanup(func() { exec.Command(docker, "rmi", "--force", image).Run() })

	blob := filepath.Join(t.TempDir(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	if err := os.WriteFile(blob, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(blob)
	var log bytes.Buffer
	base, stop, err := container.Start(t.Context(), container.Options{
		Image: image, Files: []string{blob + ":/blobs/sha256/" + name},
		Args: []string{"registry", "serve", "--address", "0.0.0.0:5000", "--disk", "/blobs"},
	}, &log)
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	defer stop()
	response, err := http.Head(base.String() + "/v2/some/blobs/sha256:" + name)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("HEAD of the blob that was copied in: %s, want 200", response.Status)
	}
}

// TestNotReady shows the container's own words where it does not get ready.
func TestNotReady(t *testing.T) {
	docker := need.Engine(t)
	dir := dockerContext(t, craneDockerfile)
	for _, c := range []struct {
		name      string
		options   container.Options
		err, said string
	}{
		{
			name:    "ends",
			options: container.Options{Dockerfile: dir, Args: []string{"registry", "sreve"}},
			err:     "ended with status", said: "crane registry",
		},
		{
			name:    "listens elsewhere",
			options: container.Options{Dockerfile: dir, Env: []string{"PORT=7070"}, Args: []string{"registry", "serve"}, Wait: time.Second},
			err:     "no HTTP answer on port 5000/tcp after 1s", said: "serving on port 7070",
		},
		{
			name:    "does not build",
			options: container.Options{Dockerfile: dockerContext(t, "FROM scratch\nCOPY absent /absent\n")},
			err:     "absent", said: "COPY absent",
		},
		{
			name:    "no such program",
			options: container.Options{Dockerfile: dockerContext(t, "FROM scratch\nCOPY crane /crane\nCMD [\"/nothing\"]\n")},
			err:     "/nothing",
		},
		{
			name:    "cannot be pulled",
			options: container.Options{Image: "127.0.0.1:1/no/such:image"},
			err:     "127.0.0.1:1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			_, _, err := container.Start(t.Context(), c.options, &log)
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, c.err)
			}
			if !strings.Contains(log.String(), c.said) {
				t.Errorf("log %q, want %q in it", &log, c.said)
			}
			nothingLeft(t, docker)
		})
	}
}

// TestInterrupted ends the context while the container is waited for. During a
// build, the engine keeps what it has built so far, for the next one.
func TestInterrupted(t *testing.T) {
	docker := need.Engine(t)
	dir := dockerContext(t, craneDockerfile)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var watched sync.WaitGroup
	defer watched.Wait()
	watched.Go(func() {
		defer cancel()
		for ctx.Err() == nil && len(labelled(t, docker, "ps", "--quiet")) == 0 {
			time.Sleep(50 * time.Millisecond)
		}
	})
	_, _, err := container.Start(ctx, container.Options{
		Dockerfile: dir, Env: []string{"PORT=7070"}, Args: []string{"registry", "serve"},
	}, io.Discard)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	nothingLeft(t, docker)
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name    string
		options container.Options
		want    string
	}{
		{"nothing", container.Options{}, "neither"},
		{"both", container.Options{Image: "a", Dockerfile: dir}, "both"},
		{"no such folder", container.Options{Dockerfile: filepath.Join(dir, "absent")}, "no such file"},
		{"no Dockerfile", container.Options{Dockerfile: dir}, "Dockerfile: no such file"},
		{"environment", container.Options{Image: "a", Env: []string{"NAME"}}, `"NAME"`},
		{"environment without a name", container.Options{Image: "a", Env: []string{"=x"}}, `"=x"`},
		{"file", container.Options{Image: "a", Files: []string{"/etc/hosts"}}, `"/etc/hosts"`},
		{"relative file", container.Options{Image: "a", Files: []string{"/etc/hosts:hosts"}}, "HOST:/CONTAINER"},
		{"no such file", container.Options{Image: "a", Files: []string{filepath.Join(dir, "absent") + ":/x"}}, "no such file"},
		{"port", container.Options{Image: "a", Port: 70000}, "70000"},
		{"wait", container.Options{Image: "a", Wait: -time.Second}, "-1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.options.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
	if err := (container.Options{Image: "a", Env: []string{"A=b=c"}, Files: []string{"/etc/hosts:/h"}}).Check(); err != nil {
		t.Errorf("good options: %v", err)
	}
}

// TestNoEngine runs in a process of its own, since the place of the engine is
// looked for once.
func TestNoEngine(t *testing.T) {
	const nowhere = "unix:///nonexistent/docker.sock"
	if os.Getenv("DOCKER_HOST") == nowhere {
		_, _, err := container.Start(t.Context(), container.Options{Image: "some"}, io.Discard)
		t.Fatalf("start: %v", err)
	}
	command := exec.Command(os.Args[0], "-test.run=^TestNoEngine$")
	command.Env = append(os.Environ(), "DOCKER_HOST="+nowhere)
	out, err := command.Output()
	if err == nil || !bytes.Contains(out, []byte("DOCKER_HOST")) || bytes.Contains(out, []byte("panic")) {
		t.Errorf("start without an engine: %v\n%s", err, out)
	}
}
