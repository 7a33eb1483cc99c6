package peers_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// both returns the URLs of Debian's registry, which takes schema 1 here, and
// of ours, on one store.
func both(t *testing.T) (debian, ours string) {
	t.Helper()
	dir := t.TempDir()
	store, config := filepath.Join(dir, "store"), filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage:\n  filesystem: {rootdirectory: %q}\nhttp: {addr: 127.0.0.1:0, secret: x}\ncompatibility: {schema1: {enabled: true}}\n", store)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program := need.Program(t, "docker-registry", "docker-registry")
	port := need.Server(t, exec.Command(program, "serve", config), regexp.MustCompile(`listening on 127\.0\.0\.1:(\d+)`))
	d, err := filesystem.New(filesystem.Parameters{Root: store})
	if err != nil {
		t.Fatal(err)
	}
	table := manifest.Default(manifest.WithSchema1(schema1.Options{}))
	s := httptest.NewServer(server.New(storage.New(d, storage.Options{Manifests: table}), server.Options{Manifests: table}))
	t.Cleanup(s.Close)
	return "http://127.0.0.1:" + port, s.URL
}

// call sends a request, which must end with the status, and returns the answer
// and its body.
func call(t *testing.T, method, url, contentType string, body []byte, status int) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		t.Fatalf("%s %s: %s %s, %v", method, url, answer.Status, got, err)
	}
	return answer, got
}

// pushBlob pushes a blob in two requests.
func pushBlob(t *testing.T, registry, repository string, dgst digest.Digest, content []byte) {
	t.Helper()
	const octets = "application/octet-stream"
	begun, _ := call(t, http.MethodPost, registry+"/v2/"+repository+"/blobs/uploads/", octets, nil, http.StatusAccepted)
	at, err := begun.Location()
	if err != nil {
		t.Fatal(err)
	}
	q := at.Query()
	q.Set("digest", dgst.String())
	at.RawQuery = q.Encode()
	call(t, http.MethodPut, at.String(), octets, content, http.StatusCreated)
}

func pushSigned(t *testing.T, registry string, x fixtures.SignedManifest) {
	t.Helper()
	for _, b := range x.Blobs {
		pushBlob(t, registry, x.Name, b.Digest, b.Content)
	}
	call(t, http.MethodPut, registry+"/v2/"+x.Name+"/manifests/"+x.Tag, x.MediaType, x.Content, http.StatusCreated)
}

// Signed manifests that Debian's registry has stored are served by ours, and
// the other way round, under the same digests. Since version 2.5 that registry
// keeps no signatures but signs anew as it serves: what it has stored is a
// revision without any, and ours keep theirs.
func TestSignedManifestsInOneStore(t *testing.T) {
	t.Parallel()
	debian, ours := both(t)
	source := fixtures.New("one store")
	for _, a := range fixtures.Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			k := source.Child(string(a)).Key(a)
			theirs := source.Signed("signed/theirs", string(a), []fixtures.Key{k})
			pushSigned(t, debian, theirs)
			answer, got := call(t, http.MethodGet, ours+"/v2/signed/theirs/manifests/"+theirs.Tag, "", nil, http.StatusOK)
			if !bytes.Equal(got, theirs.Payload) || answer.Header.Get("Docker-Content-Digest") != theirs.Digest.String() || answer.Header.Get("Content-Type") != theirs.Resign().MediaType {
				t.Errorf("what Debian's registry has stored comes back as %v\n%s\nwant\n%s", answer.Header, got, theirs.Payload)
			}

			mine := source.Signed("signed/ours", string(a), []fixtures.Key{k, source.Key(fixtures.ES256)})
			pushSigned(t, ours, mine)
			for _, reference := range []string{mine.Tag, mine.Digest.String()} {
				_, got := call(t, http.MethodGet, debian+"/v2/signed/ours/manifests/"+reference, "", nil, http.StatusOK)
				m, err := schema1.Parse(got)
				if err != nil {
					t.Fatalf("%v\n%s", err, got)
				}
				if keys, err := schema1.Verify(m); err != nil || len(keys) != 1 || !bytes.Equal(m.Canonical(), mine.Payload) {
					t.Errorf("what ours has stored comes back signed by %v (%v)\n%s\nwant\n%s", keys, err, m.Canonical(), mine.Payload)
				}
			}
			if _, got := call(t, http.MethodGet, ours+"/v2/signed/ours/manifests/"+mine.Tag, "", nil, http.StatusOK); !bytes.Equal(got, mine.Content) {
				t.Errorf("ours comes back as\n%s\nwant\n%s", got, mine.Content)
			}

			// A signature pushed to ours joins what Debian's has stored.
			call(t, http.MethodPut, ours+"/v2/signed/theirs/manifests/"+theirs.Tag, theirs.MediaType, theirs.Content, http.StatusCreated)
			if _, got := call(t, http.MethodGet, ours+"/v2/signed/theirs/manifests/"+theirs.Tag, "", nil, http.StatusOK); !bytes.Equal(got, theirs.Content) {
				t.Errorf("theirs comes back with signatures as\n%s\nwant\n%s", got, theirs.Content)
			}
		})
	}
}
