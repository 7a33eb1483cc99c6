package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/crypto/bcrypt"

	"github.com/registryconform/conform/ci/peers"
	"github.com/registryconform/conform/reference/client"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
)

// Registries of others are pushed to, pulled from, listed and deleted from, with
// an upload that is resumed and one whose connections break.
func TestPeers(t *testing.T) {
	t.Parallel()
	// Version 2 tells the state of an upload to nobody who lacks its last answer.
	for _, c := range []struct {
		peers.Peer
		answers bool
	}{{peers.DebianRegistry(), false}, {peers.Distribution(), true}} {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			r := dial(t, c.Start(t).String(), client.Options{ChunkSize: 10_000, Transport: &flaky{answers: c.answers}, Wait: hasty})
			usePeer(t, r)
		})
	}
}

// flaky loses every fifth PATCH before it is sent and, with answers, every fifth
// answer to one.
type flaky struct {
	answers bool
	n       int
}

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPatch {
		f.n++
		if f.n%5 == 3 {
			return nil, errors.New("connection refused")
		}
	}
	a, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && f.answers && r.Method == http.MethodPatch && f.n%5 == 0 {
		a.Body.Close()
		return nil, errors.New("connection reset")
	}
	return a, err
}

func usePeer(t *testing.T, r registry.Registry) {
	t.Helper()
	p, q := contract.Repository(t, r, "a/b"), contract.Repository(t, r, "c")
	content := []byte(text(155_000))
	w, err := p.Blobs().Create(t.Context())
	contract.Must(t, err)
	_, err = w.Write(content[:73_001])
	contract.Must(t, err)
	contract.Must(t, w.Close())
	w, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
	contract.Must(t, err)
	if n := w.Upload().Size; n != 73_001 {
		t.Fatalf("resumed at %d", n)
	}
	_, err = w.Write(content[73_001:])
	contract.Must(t, err)
	layer, err := w.Commit(t.Context(), contract.Describe(content))
	contract.Must(t, err)
	if got, err := readAll(t, p, layer.Digest); err != nil || got != string(content) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	config := contract.Push(t, p, []byte("{}"))
	for _, name := range []string{"v2", "v10", "v1"} {
		m := contract.Image(t, config, fmt.Sprintf(`,"annotations":{"n":%q}`, name), layer)
		_, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{Tags: []registry.Tag{contract.Tag(name)}})
		contract.Must(t, err)
	}
	if tags, err := list(t, p); err != nil || fmt.Sprint(tags) != "[v1 v10 v2]" {
		t.Fatal(tags, err)
	}
	_, err = q.Blobs().Mount(t.Context(), p.Name(), layer.Digest)
	contract.Must(t, err)
	_, err = q.Blobs().Mount(t.Context(), p.Name(), digest.FromString("none"))
	contract.WantError(t, err, registry.ErrBlobUnknown)
	desc, err := p.Tags().Get(t.Context(), contract.Tag("v1"))
	contract.Must(t, err)
	m, err := p.Manifests().Get(t.Context(), desc.Digest)
	contract.Must(t, err)
	_, err = q.Manifests().Put(t.Context(), m, registry.PutOptions{Tags: []registry.Tag{contract.Tag("x")}})
	contract.WantError(t, err, registry.ErrManifestBlobUnknown)
	contract.Push(t, q, []byte("{}"))
	_, err = q.Manifests().Put(t.Context(), m, registry.PutOptions{Tags: []registry.Tag{contract.Tag("x"), contract.Tag("y")}})
	contract.Must(t, err)
	if tags, err := list(t, q); err != nil || fmt.Sprint(tags) != "[x y]" {
		t.Fatal(tags, err)
	}
	if names := contract.Collect(t, r.Repositories(t.Context(), registry.Name{})); fmt.Sprint(names) != "[a/b c]" {
		t.Fatal(names)
	}
	deletePeer(t, p, desc.Digest, layer.Digest)
	referPeer(t, q)
}

func deletePeer(t *testing.T, p registry.Repository, m, blob digest.Digest) {
	t.Helper()
	contract.Must(t, p.Manifests().Delete(t.Context(), m))
	contract.WantError(t, p.Manifests().Delete(t.Context(), m), registry.ErrManifestUnknown)
	_, err := p.Tags().Get(t.Context(), contract.Tag("v1"))
	contract.WantError(t, err, registry.ErrManifestUnknown)
	contract.Must(t, p.Blobs().Delete(t.Context(), blob))
	_, err = p.Blobs().Open(t.Context(), blob)
	contract.WantError(t, err, registry.ErrBlobUnknown)
	w, err := p.Blobs().Create(t.Context())
	contract.Must(t, err)
	contract.Must(t, w.Cancel(t.Context()))
	_, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
	contract.WantError(t, err, registry.ErrBlobUploadUnknown)
	w, err = p.Blobs().Create(t.Context())
	contract.Must(t, err)
	_, err = w.Write([]byte("x"))
	contract.Must(t, err)
	_, err = w.Commit(t.Context(), registry.Descriptor{Digest: digest.FromString("y")})
	contract.WantError(t, err, registry.ErrDigestInvalid)
}

// referPeer pushes a manifest with a subject, which these registries keep no list
// of.
func referPeer(t *testing.T, p registry.Repository) {
	t.Helper()
	subject := digest.FromString("subject")
	m := contract.Image(t, contract.Push(t, p, []byte("{}")), fmt.Sprintf(`,"artifactType":"a/b","subject":{"mediaType":"a/b","digest":%q,"size":7}`, subject))
	desc, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{})
	contract.Must(t, err)
	if got := contract.Collect(t, p.Manifests().Referrers(t.Context(), subject, "")); len(got) != 1 || got[0].Digest != desc.Digest || got[0].ArtifactType != "a/b" {
		t.Fatalf("%+v", got)
	}
	contract.Must(t, p.Manifests().Delete(t.Context(), desc.Digest))
	if got := contract.Collect(t, p.Manifests().Referrers(t.Context(), subject, "")); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
}

// A registry that wants a password gets it, and says so if it is wrong.
func TestPeerWithPassword(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte(canary), bcrypt.MinCost)
	contract.Must(t, err)
	file := filepath.Join(t.TempDir(), "htpasswd")
	contract.Must(t, os.WriteFile(file, []byte("me:"+string(hash)+"\n"), 0o600))
	url := peers.DistributionWith(fmt.Sprintf("auth:\n  htpasswd:\n    realm: x\n    path: %q\n", file)).Start(t).String()
	usePeer(t, dial(t, url, client.Options{ChunkSize: 10_000, Credentials: login}))
	for name, c := range map[string]client.Credentials{"none": nil, "wrong": client.Static(client.Credential{Username: "me", Password: "x"})} {
		_, err := contract.Repository(t, dial(t, url, client.Options{Credentials: c}), "a/b").Blobs().Create(t.Context())
		if !errors.Is(err, registry.ErrUnauthorized) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
