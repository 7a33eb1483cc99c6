package contract

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/registry"
)

// checkManifest shows S-140, S-300, S-313, K-98.
func (l Limits) checkManifest(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "manifest")
	config, layer := Push(t, p, []byte("{}")), Push(t, p, []byte("layer"))
	m := Image(t, config, "", layer)
	mediaType, content := m.Payload()
	alias := digest.SHA512.FromBytes(content)
	desc, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: alias, Tags: []registry.Tag{Tag("one"), Tag("two")}})
	Must(t, err)
	if desc.Digest != alias || desc.MediaType != mediaType || desc.Size != int64(len(content)) {
		t.Fatalf("put %+v", desc)
	}
	for _, dgst := range []digest.Digest{alias, digest.FromBytes(content)} {
		got, err := p.Manifests().Get(t.Context(), dgst)
		Must(t, err)
		if mt, b := got.Payload(); mt != mediaType || !bytes.Equal(b, content) {
			t.Fatalf("got %s %s", mt, b)
		}
		served, err := p.Manifests().Content(t.Context(), dgst)
		Must(t, err)
		if served.MediaType != mediaType || !bytes.Equal(served.Content, content) || served.Digest != digest.FromBytes(content) {
			t.Fatalf("served %s %s: %s", served.MediaType, served.Digest, served.Content)
		}
		stat, err := p.Manifests().Stat(t.Context(), dgst)
		Must(t, err)
		if stat.Digest != dgst || stat.MediaType != mediaType || stat.Size != int64(len(content)) {
			t.Fatalf("stat %+v", stat)
		}
	}
	l.checkAll(t, p, digest.FromBytes(content))
	_, err = p.Blobs().Stat(t.Context(), digest.FromBytes(content))
	WantError(t, err, registry.ErrBlobUnknown)
	other := Repository(t, r, "manifest2").Manifests()
	_, err = other.Get(t.Context(), alias)
	WantError(t, err, registry.ErrManifestUnknown)
	_, err = other.Content(t.Context(), alias)
	WantError(t, err, registry.ErrManifestUnknown)
	_, err = p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: layer.Digest})
	WantError(t, err, registry.ErrDigestInvalid)
}

// checkAll demands that the repository holds one manifest.
func (l Limits) checkAll(t *testing.T, p registry.Repository, want digest.Digest) {
	t.Helper()
	if l.NoManifestList != "" {
		for _, err := range p.Manifests().All(t.Context()) {
			WantError(t, err, registry.ErrUnsupported)
			return
		}
		t.Fatal("a list of manifests that can't be told is empty")
	}
	if all := Collect(t, p.Manifests().All(t.Context())); len(all) != 1 || all[0] != want {
		t.Fatalf("all %v", all)
	}
}

func (l Limits) checkReferences(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "references")
	here := Push(t, p, []byte("here"))
	m1, m2 := Describe([]byte("missing 1")), Describe([]byte("missing 2"))
	x := Image(t, m1, "", here, m2, m1, m2)
	_, err := p.Manifests().Put(t.Context(), x, registry.PutOptions{})
	WantError(t, err, registry.ErrManifestBlobUnknown)
	if n := len(registry.Errors(err)); n != 2 {
		t.Fatalf("%d errors for two unknown blobs: %v", n, err)
	}
	_, err = p.Manifests().Put(t.Context(), x, registry.PutOptions{Digest: here.Digest})
	if n := len(registry.Errors(err)); n != 3 {
		t.Fatalf("%d errors for two unknown blobs and a wrong digest: %v", n, err)
	}
	child, err := p.Manifests().Put(t.Context(), x, registry.PutOptions{SkipReferences: true})
	if l.NoSkipReferences != "" {
		WantError(t, err, registry.ErrManifestBlobUnknown)
		Push(t, p, []byte("missing 1"))
		Push(t, p, []byte("missing 2"))
		child, err = p.Manifests().Put(t.Context(), x, registry.PutOptions{})
		Must(t, err)
		for _, desc := range []registry.Descriptor{m1, m2} {
			Must(t, p.Blobs().Delete(t.Context(), desc.Digest))
		}
	}
	Must(t, err)
	index := func(dgst digest.Digest) registry.Manifest {
		return Parse(t, v1.MediaTypeImageIndex, fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":9}]}`, v1.MediaTypeImageManifest, dgst))
	}
	desc, err := p.Manifests().Put(t.Context(), index(child.Digest), registry.PutOptions{})
	Must(t, err)
	got, err := p.Manifests().Stat(t.Context(), desc.Digest)
	Must(t, err)
	if got.MediaType != v1.MediaTypeImageIndex {
		t.Fatalf("an index without mediaType came back as %s", got.MediaType)
	}
	_, err = p.Manifests().Put(t.Context(), index(here.Digest), registry.PutOptions{})
	WantError(t, err, registry.ErrManifestBlobUnknown)
	foreign := Parse(t, v1.MediaTypeImageManifest, fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":4},
		"layers":[{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":%q,"size":1,"urls":["https://example.com/l"]}]}`, here.Digest, m1.Digest))
	_, err = p.Manifests().Put(t.Context(), foreign, registry.PutOptions{})
	Must(t, err)
}

func checkManifestDelete(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "gone")
	config := Push(t, p, []byte("{}"))
	m, other := Image(t, config, ""), Image(t, config, `,"annotations":{"a":"b"}`)
	_, content := m.Payload()
	alias := digest.SHA512.FromBytes(content)
	_, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: alias, Tags: []registry.Tag{Tag("x"), Tag("y")}})
	Must(t, err)
	_, err = p.Manifests().Put(t.Context(), other, registry.PutOptions{Tags: []registry.Tag{Tag("z")}})
	Must(t, err)
	Must(t, p.Manifests().Delete(t.Context(), alias))
	for _, dgst := range []digest.Digest{alias, digest.FromBytes(content)} {
		_, err = p.Manifests().Get(t.Context(), dgst)
		WantError(t, err, registry.ErrManifestUnknown)
		WantError(t, p.Manifests().Delete(t.Context(), dgst), registry.ErrManifestUnknown)
	}
	_, err = p.Tags().Get(t.Context(), Tag("x"))
	WantError(t, err, registry.ErrManifestUnknown)
	if got := Collect(t, p.Tags().All(t.Context(), registry.Tag{})); len(got) != 1 || got[0] != Tag("z") {
		t.Fatalf("tags left: %v", got)
	}
}

func checkReferrers(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "referrers")
	config := Push(t, p, []byte("{}"))
	subject := Describe([]byte("subject"))
	if got := Collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, "")); len(got) != 0 {
		t.Fatalf("referrers of nothing: %v", got)
	}
	var want []digest.Digest
	for i := range 5 {
		desc, err := p.Manifests().Put(t.Context(), Image(t, config, fmt.Sprintf(
			`,"artifactType":"a/%d","annotations":{"n":"%d"},"subject":{"mediaType":"a/b","digest":%q,"size":7}`, i, i, subject.Digest)), registry.PutOptions{})
		Must(t, err)
		want = append(want, desc.Digest)
	}
	got := Collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, ""))
	if len(got) != 5 {
		t.Fatalf("%d referrers", len(got))
	}
	for i, desc := range got {
		if i > 0 && desc.Digest <= got[i-1].Digest {
			t.Fatal("referrers are not ordered by digest")
		}
		if !strings.HasPrefix(desc.ArtifactType, "a/") || desc.Annotations["n"] != desc.ArtifactType[2:] || desc.MediaType != v1.MediaTypeImageManifest || desc.Size == 0 {
			t.Fatalf("referrer %+v", desc)
		}
	}
	if rest := Collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, got[2].Digest)); len(rest) != 2 || rest[0].Digest != got[3].Digest {
		t.Fatalf("after the third: %v", rest)
	}
	Must(t, p.Manifests().Delete(t.Context(), want[0]))
	if left := Collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, "")); len(left) != 4 {
		t.Fatalf("%d referrers after a delete", len(left))
	}
}

func checkRepositories(t *testing.T, r registry.Registry) {
	want := []string{"a", "a/1x", "a/b", "a-b", "a.b", "b/c/d"}
	for _, s := range []string{"b/c/d", "a.b", "a/1x", "a-b", "a", "a/b"} {
		p := Repository(t, r, s)
		_, err := p.Manifests().Put(t.Context(), Image(t, Push(t, p, []byte("{}")), ""), registry.PutOptions{})
		Must(t, err)
	}
	Push(t, Repository(t, r, "a/blobs-only"), []byte("{}"))
	for i := range want {
		after := registry.Name{}
		if i > 0 {
			var err error
			after, err = registry.ParseName(want[i-1])
			Must(t, err)
		}
		if got := Collect(t, r.Repositories(t.Context(), after)); fmt.Sprint(got) != fmt.Sprint(namesOf(t, want[i:])) {
			t.Fatalf("after %q: %v", after, got)
		}
	}
	absent, err := registry.ParseName("a/a")
	Must(t, err)
	if got := Collect(t, r.Repositories(t.Context(), absent)); fmt.Sprint(got) != fmt.Sprint(namesOf(t, want[2:])) {
		t.Fatalf("after a/a: %v", got)
	}
}

func namesOf(t *testing.T, names []string) []registry.Name {
	var all []registry.Name
	for _, s := range names {
		n, err := registry.ParseName(s)
		Must(t, err)
		all = append(all, n)
	}
	return all
}
