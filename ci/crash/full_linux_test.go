package crash_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
		need.Missing(t, "mounting a file system", fmt.Sprintf("%v: %s", err, out))
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
		cancel, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, uploadOf(refused.Path), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(cancel)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			t.Errorf("the upload can't be cancelled: %s", response.Status)
		}
		if err := c.Image(t.Context(), "app", "latest", s.Image(fixtures.LayerSize(200<<10)).Manifest); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// uploadOf returns the URL of an upload, without the digest that would end it.
func uploadOf(target string) string {
	before, _, _ := strings.Cut(target, "digest=")
	return strings.TrimRight(before, "&?")
}
