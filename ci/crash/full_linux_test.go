package crash_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/ci/peers"
	"github.com/registryconform/conform/ci/push"
	"github.com/registryconform/conform/fixtures"
)

// TestFullDisk fills a file system of four megabytes under the server: it says
// 507 and nothing of its paths, keeps what it acknowledged, and goes on once
// what was too much is gone. The file system is mounted where only the server
// sees it, by root or in a user's namespace.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	unshare := []string{"unshare", "--mount"}
	if os.Getuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	dir := peers.TempDir(t)
	mount := `mount -t tmpfs -o size=4m tmpfs "$0"`
	try := append(unshare, "sh", "-c", mount, dir)
	if out, err := exec.Command(try[0], try[1:]...).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v: %s", err, out)
	}
	run := append(unshare, "sh", "-c", mount+` && exec conform serve --addr 127.0.0.1:0 --storage "$0/store"`, dir)
	url := need.Server(t, exec.Command(run[0], run[1:]...), regexp.MustCompile(`^listening on (\S+)`))
	c := push.Client{URL: url}
	s := fixtures.New("full")
	kept := s.Image(fixtures.LayerSize(300 << 10)).Manifest
	if err := c.Image(t.Context(), "app", "kept", kept); err != nil {
		t.Fatal(err)
	}
	for _, chunks := range []int{0, 2} {
		_, err := c.Blob(t.Context(), "app", bytes.Repeat([]byte("too much"), 1<<20), chunks)
		var refused *push.StatusError
		if !errors.As(err, &refused) {
			t.Fatalf("eight megabytes in four: %v", err)
		}
		var document struct{ Errors []struct{ Code string } }
		if refused.Status != http.StatusInsufficientStorage || json.Unmarshal(refused.Body, &document) != nil ||
			len(document.Errors) != 1 || document.Errors[0].Code != "UNAVAILABLE" ||
			strings.Contains(string(refused.Body), dir) || strings.Contains(string(refused.Body), "docker/registry") {
			t.Errorf("eight megabytes in four: %v", err)
		}
		if err := c.Whole(t.Context(), "app", "kept", kept); err != nil {
			t.Errorf("acknowledged: %v", err)
		}
		if at, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, urlOf(refused.Path), nil); err == nil {
			if response, err := http.DefaultClient.Do(at); err == nil {
				response.Body.Close()
			}
		}
		if err := c.Image(t.Context(), "app", "latest", s.Image(fixtures.LayerSize(200<<10)).Manifest); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// urlOf returns the URL of an upload, without the digest that would end it.
func urlOf(target string) string {
	before, _, _ := strings.Cut(target, "digest=")
	return strings.TrimRight(before, "&?")
}
