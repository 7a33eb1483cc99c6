package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/fixtures"
)

// TestContent demands that a registry is judged by what it holds, named by the
// flag or as the official suite does, and that a sound one passes.
func TestContent(t *testing.T) {
	t.Parallel()
	s := startServe(t)
	img := fixtures.New("content").Image(fixtures.Layers(2)).Manifest
	for _, b := range img.Blobs {
		send(t, http.MethodPost, s.url+"/v2/a/b/blobs/uploads/?digest="+b.Digest.String(), "application/octet-stream", b.Content)
	}
	if status, body := send(t, http.MethodPut, s.url+"/v2/a/b/manifests/v1", img.MediaType, img.Content); status != http.StatusCreated {
		t.Fatalf("manifest: %d %s", status, body)
	}
	for name, c := range map[string]struct{ args, env []string }{
		"flag":      {args: []string{"--repo", "a/b", "--content", "v1," + img.Digest.String()}},
		"variables": {env: []string{"OCI_REPO1=a/b", "OCI_API_PUSH=false", "OCI_RO_DATA_TAGS=v1", "OCI_RO_DATA_MANIFESTS=" + img.Digest.String()}},
		"file":      {env: []string{"OCI_CONFIGURATION=testdata/content.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			cmd := exec.CommandContext(t.Context(), "conform", append(append([]string{"run"}, c.args...), "--out", out, s.url)...)
			cmd.Env = append(os.Environ(), c.env...)
			if printed, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, printed)
			}
			data, err := os.ReadFile(filepath.Join(out, "results.json"))
			if err != nil {
				t.Fatal(err)
			}
			var rep report.Report
			if err := json.Unmarshal(data, &rep); err != nil {
				t.Fatal(err)
			}
			if rep.Profile != "pull" || rep.Totals.Passed < 100 || rep.Totals.NotSelected == 0 {
				t.Errorf("profile %s, %+v", rep.Profile, rep.Totals)
			}
		})
	}
	if status, body := send(t, http.MethodGet, s.url+"/v2/_catalog", "", nil); status != http.StatusOK || string(body) != `{"repositories":["a/b"]}` {
		t.Errorf("the registry holds %s", body)
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	s.end(t)
}
