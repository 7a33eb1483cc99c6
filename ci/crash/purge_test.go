package crash_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/ci/peers"
)

// purging has a server purge uploads ten times a second.
const purging = `version: 0.1
log: {level: error}
storage:
  inmemory: {}
  maintenance:
    uploadpurging: {enabled: true, age: 5m, interval: 100ms}
http: {addr: "127.0.0.1:0", secret: shared}
`

// TestServersPurgeOneStore has two servers purge one store at the same time, in
// which uploads were given up long ago, while the chunks of a young one go to both
// by turns. The old go, the young one becomes a blob, and the store is sound
// (S-157, S-158).
func TestServersPurgeOneStore(t *testing.T) {
	t.Parallel()
	dir, aside := peers.TempDir(t), peers.TempDir(t)
	conf := filepath.Join(t.TempDir(), "purge.yml")
	if err := os.WriteFile(conf, []byte(purging), 0o600); err != nil {
		t.Fatal(err)
	}
	servers := []*server{serve(t, dir, conf), serve(t, dir, conf)}
	response, _, err := servers[0].Do(t.Context(), http.MethodPost, "/v2/team/app/blobs/uploads/", nil, nil, http.StatusAccepted)
	if err != nil {
		t.Fatal(err)
	}
	location, size := response.Header.Get("Location"), 0
	uploads := filepath.Join(dir, "docker/registry/v2/repositories/team/app/_uploads")
	chunk := []byte("ten bytes.")
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	// Old uploads come for a second, and are given half a minute to go.
	var old []string
	for begin := time.Now(); time.Since(begin) < time.Second; size += len(chunk) {
		for range 10 {
			session := filepath.Join(uploads, uuid.NewString())
			giveUp(t, aside, session)
			old = append(old, session)
		}
		response, _, err := servers[len(old)/10%2].Do(t.Context(), http.MethodPatch, location, header, chunk, http.StatusAccepted)
		if err != nil {
			t.Fatal(err)
		}
		location = response.Header.Get("Location")
	}
	left := len(old)
	for deadline := time.Now().Add(30 * time.Second); left > 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		left = 0
		for _, session := range old {
			if _, err := os.Stat(session); !os.IsNotExist(err) {
				left++
			}
		}
	}
	if left > 0 {
		t.Errorf("%d of %d uploads that were given up stay", left, len(old))
	}
	content := make([]byte, 0, size)
	for len(content) < size {
		content = append(content, chunk...)
	}
	if _, _, err := servers[0].Do(t.Context(), http.MethodPut, location+"&digest="+digest.FromBytes(content).String(), nil, nil, http.StatusCreated); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		if err := s.end(os.Interrupt); err != nil {
			t.Errorf("a server ends with %v", err)
		}
	}
	if wrong := fsck(t, dir); len(wrong) > 0 {
		t.Errorf("the store has %q", wrong)
	}
	t.Logf("%d uploads were purged, %d bytes pushed meanwhile", len(old), size)
}

// giveUp makes an upload of a day ago. Until it is old it lies in aside, where no
// server looks.
func giveUp(t *testing.T, aside, session string) {
	t.Helper()
	long := time.Now().Add(-24 * time.Hour)
	made := filepath.Join(aside, filepath.Base(session))
	err := os.Mkdir(made, 0o777)
	for name, content := range map[string]string{"data": "given up", "startedat": long.UTC().Format(time.RFC3339)} {
		file := filepath.Join(made, name)
		err = errors.Join(err, os.WriteFile(file, []byte(content), 0o666), os.Chtimes(file, long, long))
	}
	if err = errors.Join(err, os.MkdirAll(filepath.Dir(session), 0o777), os.Rename(made, session)); err != nil {
		t.Fatal(err)
	}
}
