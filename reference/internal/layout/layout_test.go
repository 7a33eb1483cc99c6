package layout

import (
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/registry"
)

// TestPaths spells out where things lie: S-015, S-107, S-128, S-160, S-305,
// S-320, S-344, S-345. Manifests have links of their own (K-15).
func TestPaths(t *testing.T) {
	t.Parallel()
	name, err := registry.ParseName("foo/bar")
	if err != nil {
		t.Fatal(err)
	}
	tag, err := registry.ParseTag("thetag")
	if err != nil {
		t.Fatal(err)
	}
	const hex = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
	const repo = "/docker/registry/v2/repositories/foo/bar"
	dgst := digest.Digest("sha256:" + hex)
	v0, v1 := digest.Digest("tarsum+sha256:"+hex), digest.Digest("tarsum.v1+sha256:"+hex)
	for got, want := range map[string]string{
		Blob(dgst):                      "/docker/registry/v2/blobs/sha256/ab/" + hex + "/data",
		Repository(name):                repo,
		Link(Layers(name), dgst):        repo + "/_layers/sha256/" + hex + "/link",
		Link(Layers(name), v0):          repo + "/_layers/tarsum/v0/sha256/" + hex + "/link",
		Link(Layers(name), v1):          repo + "/_layers/tarsum/v1/sha256/" + hex + "/link",
		Link(Revisions(name), dgst):     repo + "/_manifests/revisions/sha256/" + hex + "/link",
		Signatures(name, dgst):          repo + "/_manifests/revisions/sha256/" + hex + "/signatures",
		Tags(name):                      repo + "/_manifests/tags",
		Tag(name, tag):                  repo + "/_manifests/tags/thetag",
		TagCurrent(name, tag):           repo + "/_manifests/tags/thetag/current/link",
		Link(TagIndex(name, tag), dgst): repo + "/_manifests/tags/thetag/index/sha256/" + hex + "/link",
		UploadData(name, "id"):          repo + "/_uploads/id/data",
		UploadStartedAt(name, "id"):     repo + "/_uploads/id/startedat",
		UploadHashState(name, "id"):     repo + "/_uploads/id/hashstate",
		UploadRecovered(name, "id"):     repo + "/_uploads/id/recovered",
		ReferrersComplete(name):         repo + "/_referrers/complete",
		ReferrersOf(name, dgst):         repo + "/_referrers/sha256/" + hex,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if err := driver.CheckPath("test", got, false); err != nil {
			t.Error(err)
		}
	}
	for path, want := range map[string]digest.Digest{
		Link(Layers(name), dgst): dgst, Under(Revisions(name), dgst): dgst, Link(Layers(name), v0): v0, Under(Layers(name), v1): v1,
	} {
		if got, ok := DigestOf(path); !ok || got != want {
			t.Errorf("digest of %s: %s, %v", path, got, ok)
		}
	}
	for _, path := range []string{"", "/", "/link", repo, "/sha256/abc/link", "/sha256/" + hex + "/x", "/md5/" + hex, "/tarsum/v1/sha512/" + hex} {
		if got, ok := DigestOf(path); ok {
			t.Errorf("digest of %q: %s", path, got)
		}
	}
}
