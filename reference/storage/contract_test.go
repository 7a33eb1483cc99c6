package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
)

// contract holds what every [registry.Registry] must do. open returns an
// empty one that has every feature on.
func contract(t *testing.T, open func(*testing.T) registry.Registry) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, registry.Registry)
	}{
		{"blob", contractBlob},
		{"blob of several chunks", contractChunks},
		{"upload ends", contractUploadEnds},
		{"upload mismatch", contractMismatch},
		{"upload has one writer", contractOneWriter},
		{"blob alias", contractAlias},
		{"blob mount", contractMount},
		{"blob delete", contractBlobDelete},
		{"manifest", contractManifest},
		{"manifest references", contractReferences},
		{"manifest delete", contractManifestDelete},
		{"tags", contractTags},
		{"tags of nothing", contractNoTags},
		{"referrers", contractReferrers},
		{"repositories", contractRepositories},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

func repository(t *testing.T, r registry.Registry, name string) registry.Repository {
	t.Helper()
	n, err := registry.ParseName(name)
	must(t, err)
	p, err := r.Repository(t.Context(), n)
	must(t, err)
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, want *registry.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func describe(content []byte) registry.Descriptor {
	return registry.Descriptor{MediaType: "application/octet-stream", Digest: digest.FromBytes(content), Size: int64(len(content))}
}

// push uploads a blob in one go.
func push(t *testing.T, p registry.Repository, content []byte) registry.Descriptor {
	t.Helper()
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	defer w.Cancel(t.Context())
	_, err = w.Write(content)
	must(t, err)
	desc, err := w.Commit(t.Context(), describe(content))
	must(t, err)
	return desc
}

func read(t *testing.T, p registry.Repository, dgst digest.Digest) []byte {
	t.Helper()
	r, err := p.Blobs().Open(t.Context(), dgst)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	must(t, r.Close())
	return b
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for x, err := range seq {
		must(t, err)
		all = append(all, x)
	}
	return all
}

func tag(s string) registry.Tag {
	t, err := registry.ParseTag(s)
	if err != nil {
		panic(err)
	}
	return t
}

// image returns an image manifest over blobs, with any further fields.
func image(t *testing.T, config registry.Descriptor, extra string, layers ...registry.Descriptor) registry.Manifest {
	t.Helper()
	var list []string
	for _, l := range layers {
		list = append(list, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, v1.MediaTypeImageLayerGzip, l.Digest, l.Size))
	}
	return parse(t, v1.MediaTypeImageManifest, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[%s]%s}`,
		v1.MediaTypeImageManifest, v1.MediaTypeImageConfig, config.Digest, config.Size, strings.Join(list, ","), extra))
}

func parse(t *testing.T, mediaType, body string) registry.Manifest {
	t.Helper()
	m, err := manifest.Default().Parse(mediaType, []byte(body))
	must(t, err)
	return m
}

func contractBlob(t *testing.T, r registry.Registry) {
	p := repository(t, r, "a/b")
	for _, size := range []int{0, 1, 64 << 10, 64<<10 + 1, 1 << 20} {
		content := bytes.Repeat([]byte{byte(size), 7}, size)[:size]
		desc := push(t, p, content)
		if want := describe(content); desc.Digest != want.Digest || desc.Size != want.Size {
			t.Fatalf("committed %+v, want %+v", desc, want)
		}
		stat, err := p.Blobs().Stat(t.Context(), desc.Digest)
		must(t, err)
		if stat.Size != int64(size) || stat.Digest != desc.Digest {
			t.Fatalf("stat %+v", stat)
		}
		if !bytes.Equal(read(t, p, desc.Digest), content) {
			t.Fatalf("%d bytes came back changed", size)
		}
	}
	unknown := digest.FromString("nothing")
	_, err := p.Blobs().Stat(t.Context(), unknown)
	wantError(t, err, registry.ErrBlobUnknown)
	_, err = p.Blobs().Open(t.Context(), unknown)
	wantError(t, err, registry.ErrBlobUnknown)
	_, err = repository(t, r, "a/c").Blobs().Stat(t.Context(), describe(nil).Digest)
	wantError(t, err, registry.ErrBlobUnknown)
}

func contractChunks(t *testing.T, r registry.Registry) {
	p := repository(t, r, "chunks")
	for _, size := range []int{3, 40 << 10, 300 << 10} {
		var content []byte
		w, err := p.Blobs().Create(t.Context())
		must(t, err)
		id := w.Upload().ID
		for i := range 4 {
			chunk := bytes.Repeat([]byte{byte(i), byte(size)}, size)
			content = append(content, chunk...)
			n, err := w.Write(chunk)
			must(t, err)
			if n != len(chunk) || w.Upload().Size != int64(len(content)) {
				t.Fatalf("wrote %d, size %d", n, w.Upload().Size)
			}
			started := w.Upload().StartedAt
			must(t, w.Close())
			must(t, w.Close())
			if _, err := w.Write(chunk); err == nil {
				t.Fatal("write after close")
			}
			u, err := p.Blobs().Upload(t.Context(), id)
			must(t, err)
			if u.Size != int64(len(content)) || !u.StartedAt.Equal(started) || u.ID != id {
				t.Fatalf("status %+v, want %d bytes from %v", u, len(content), started)
			}
			w, err = p.Blobs().Resume(t.Context(), id)
			must(t, err)
		}
		desc, err := w.Commit(t.Context(), describe(content))
		must(t, err)
		must(t, w.Close())
		if !bytes.Equal(read(t, p, desc.Digest), content) {
			t.Fatal("content came back changed")
		}
	}
}

func contractUploadEnds(t *testing.T, r registry.Registry) {
	p := repository(t, r, "ends")
	gone := func(id string) {
		t.Helper()
		_, err := p.Blobs().Resume(t.Context(), id)
		wantError(t, err, registry.ErrBlobUploadUnknown)
		_, err = p.Blobs().Upload(t.Context(), id)
		wantError(t, err, registry.ErrBlobUploadUnknown)
	}
	for _, id := range []string{"", "..", "../../x", "00000000-0000-4000-8000-000000000000", "{00000000-0000-4000-8000-000000000000}"} {
		gone(id)
	}
	content := bytes.Repeat([]byte("end"), 50<<10)
	for _, closed := range []bool{false, true} {
		w, err := p.Blobs().Create(t.Context())
		must(t, err)
		id := w.Upload().ID
		_, err = w.Write(content)
		must(t, err)
		if closed {
			must(t, w.Close())
			w, err = p.Blobs().Resume(t.Context(), id)
			must(t, err)
			_, err = repository(t, r, "other").Blobs().Upload(t.Context(), id)
			wantError(t, err, registry.ErrBlobUploadUnknown)
		}
		must(t, w.Cancel(t.Context()))
		must(t, w.Cancel(t.Context()))
		must(t, w.Close())
		gone(id)
	}
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write(content)
	must(t, err)
	_, err = w.Commit(t.Context(), describe(content))
	must(t, err)
	must(t, w.Cancel(t.Context()))
	must(t, w.Close())
	gone(w.Upload().ID)
	if !bytes.Equal(read(t, p, describe(content).Digest), content) {
		t.Fatal("cancel after commit lost the blob")
	}
}

func contractMismatch(t *testing.T, r registry.Registry) {
	p := repository(t, r, "mismatch")
	for _, size := range []int{5, 100 << 10} {
		content := bytes.Repeat([]byte("x"), size)
		good := describe(content)
		other := describe([]byte("other"))
		for _, c := range []struct {
			want registry.Descriptor
			err  *registry.Error
		}{
			{registry.Descriptor{Digest: other.Digest}, registry.ErrDigestInvalid},
			{registry.Descriptor{Digest: digest.SHA512.FromString("other")}, registry.ErrDigestInvalid},
			{registry.Descriptor{Digest: good.Digest, Size: good.Size + 1}, registry.ErrSizeInvalid},
			{registry.Descriptor{Digest: "sha256:abc"}, registry.ErrDigestInvalid},
			{registry.Descriptor{}, registry.ErrDigestInvalid},
		} {
			w, err := p.Blobs().Create(t.Context())
			must(t, err)
			_, err = w.Write(content)
			must(t, err)
			_, err = w.Commit(t.Context(), c.want)
			wantError(t, err, c.err)
			must(t, w.Cancel(t.Context()))
			must(t, w.Close())
			_, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
			wantError(t, err, registry.ErrBlobUploadUnknown)
			_, err = p.Blobs().Stat(t.Context(), good.Digest)
			wantError(t, err, registry.ErrBlobUnknown)
		}
	}
}

func contractOneWriter(t *testing.T, r registry.Registry) {
	p := repository(t, r, "one")
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write([]byte("abc"))
	must(t, err)
	_, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
	wantError(t, err, registry.ErrBlobUploadInvalid)
	u, err := p.Blobs().Upload(t.Context(), w.Upload().ID)
	must(t, err)
	if u.Size != 3 {
		t.Fatalf("status says %d bytes", u.Size)
	}
	_, err = w.Write([]byte("def"))
	must(t, err)
	_, err = w.Commit(t.Context(), describe([]byte("abcdef")))
	must(t, err)
}

func contractAlias(t *testing.T, r registry.Registry) {
	p := repository(t, r, "alias")
	for _, size := range []int{9, 200 << 10} {
		content := bytes.Repeat([]byte("a"), size)
		alias, canonical := digest.SHA512.FromBytes(content), digest.FromBytes(content)
		w, err := p.Blobs().Create(t.Context())
		must(t, err)
		_, err = w.Write(content)
		must(t, err)
		desc, err := w.Commit(t.Context(), registry.Descriptor{Digest: alias})
		must(t, err)
		if desc.Digest != alias || desc.Size != int64(size) {
			t.Fatalf("committed %+v", desc)
		}
		for _, dgst := range []digest.Digest{alias, canonical} {
			stat, err := p.Blobs().Stat(t.Context(), dgst)
			must(t, err)
			if stat.Digest != dgst {
				t.Fatalf("stat of %s bears %s", dgst, stat.Digest)
			}
			if !bytes.Equal(read(t, p, dgst), content) {
				t.Fatal("content differs")
			}
		}
		q := repository(t, r, "alias-mounted")
		_, err = q.Blobs().Mount(t.Context(), p.Name(), alias)
		must(t, err)
		_, err = q.Blobs().Stat(t.Context(), canonical)
		must(t, err)
		must(t, p.Blobs().Delete(t.Context(), canonical))
		for _, dgst := range []digest.Digest{alias, canonical} {
			_, err := p.Blobs().Stat(t.Context(), dgst)
			wantError(t, err, registry.ErrBlobUnknown)
		}
	}
}

func contractMount(t *testing.T, r registry.Registry) {
	p, q, s := repository(t, r, "from"), repository(t, r, "to"), repository(t, r, "any")
	content := []byte("mounted")
	desc := push(t, p, content)
	_, err := q.Blobs().Mount(t.Context(), s.Name(), desc.Digest)
	wantError(t, err, registry.ErrBlobUnknown)
	got, err := q.Blobs().Mount(t.Context(), p.Name(), desc.Digest)
	must(t, err)
	if got.Digest != desc.Digest || got.Size != desc.Size {
		t.Fatalf("mounted %+v", got)
	}
	must(t, p.Blobs().Delete(t.Context(), desc.Digest))
	if !bytes.Equal(read(t, q, desc.Digest), content) {
		t.Fatal("content differs")
	}
	_, err = s.Blobs().Mount(t.Context(), registry.Name{}, desc.Digest)
	must(t, err)
	for _, x := range []registry.Repository{q, s} {
		must(t, x.Blobs().Delete(t.Context(), desc.Digest))
	}
	_, err = s.Blobs().Mount(t.Context(), registry.Name{}, desc.Digest)
	wantError(t, err, registry.ErrBlobUnknown)
}

func contractBlobDelete(t *testing.T, r registry.Registry) {
	p := repository(t, r, "delete")
	content := []byte("deleted")
	for range 2 {
		desc := push(t, p, content)
		must(t, p.Blobs().Delete(t.Context(), desc.Digest))
		_, err := p.Blobs().Open(t.Context(), desc.Digest)
		wantError(t, err, registry.ErrBlobUnknown)
		wantError(t, p.Blobs().Delete(t.Context(), desc.Digest), registry.ErrBlobUnknown)
	}
}

func contractManifest(t *testing.T, r registry.Registry) {
	p := repository(t, r, "manifest")
	config, layer := push(t, p, []byte("{}")), push(t, p, []byte("layer"))
	m := image(t, config, "", layer)
	mediaType, content := m.Payload()
	alias := digest.SHA512.FromBytes(content)
	desc, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: alias, Tags: []registry.Tag{tag("one"), tag("two")}})
	must(t, err)
	if desc.Digest != alias || desc.MediaType != mediaType || desc.Size != int64(len(content)) {
		t.Fatalf("put %+v", desc)
	}
	for _, dgst := range []digest.Digest{alias, digest.FromBytes(content)} {
		got, err := p.Manifests().Get(t.Context(), dgst)
		must(t, err)
		if mt, b := got.Payload(); mt != mediaType || !bytes.Equal(b, content) {
			t.Fatalf("got %s %s", mt, b)
		}
		stat, err := p.Manifests().Stat(t.Context(), dgst)
		must(t, err)
		if stat.Digest != dgst || stat.MediaType != mediaType || stat.Size != int64(len(content)) {
			t.Fatalf("stat %+v", stat)
		}
	}
	if all := collect(t, p.Manifests().All(t.Context())); len(all) != 1 || all[0] != digest.FromBytes(content) {
		t.Fatalf("all %v", all)
	}
	_, err = p.Blobs().Stat(t.Context(), digest.FromBytes(content))
	wantError(t, err, registry.ErrBlobUnknown)
	_, err = repository(t, r, "manifest2").Manifests().Get(t.Context(), alias)
	wantError(t, err, registry.ErrManifestUnknown)
	_, err = p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: layer.Digest})
	wantError(t, err, registry.ErrDigestInvalid)
}

func contractReferences(t *testing.T, r registry.Registry) {
	p := repository(t, r, "references")
	here := push(t, p, []byte("here"))
	m1, m2 := describe([]byte("missing 1")), describe([]byte("missing 2"))
	x := image(t, m1, "", here, m2, m1, m2)
	_, err := p.Manifests().Put(t.Context(), x, registry.PutOptions{})
	wantError(t, err, registry.ErrManifestBlobUnknown)
	if n := len(registry.Errors(err)); n != 2 {
		t.Fatalf("%d errors for two unknown blobs: %v", n, err)
	}
	_, err = p.Manifests().Put(t.Context(), x, registry.PutOptions{Digest: here.Digest})
	if n := len(registry.Errors(err)); n != 3 {
		t.Fatalf("%d errors for two unknown blobs and a wrong digest: %v", n, err)
	}
	child, err := p.Manifests().Put(t.Context(), x, registry.PutOptions{SkipReferences: true})
	must(t, err)
	index := func(dgst digest.Digest) registry.Manifest {
		return parse(t, v1.MediaTypeImageIndex, fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":9}]}`, v1.MediaTypeImageManifest, dgst))
	}
	desc, err := p.Manifests().Put(t.Context(), index(child.Digest), registry.PutOptions{})
	must(t, err)
	got, err := p.Manifests().Stat(t.Context(), desc.Digest)
	must(t, err)
	if got.MediaType != v1.MediaTypeImageIndex {
		t.Fatalf("an index without mediaType came back as %s", got.MediaType)
	}
	_, err = p.Manifests().Put(t.Context(), index(here.Digest), registry.PutOptions{})
	wantError(t, err, registry.ErrManifestBlobUnknown)
	foreign := parse(t, v1.MediaTypeImageManifest, fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":4},
		"layers":[{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":%q,"size":1,"urls":["https://example.com/l"]}]}`, here.Digest, m1.Digest))
	_, err = p.Manifests().Put(t.Context(), foreign, registry.PutOptions{})
	must(t, err)
}

func contractManifestDelete(t *testing.T, r registry.Registry) {
	p := repository(t, r, "gone")
	config := push(t, p, []byte("{}"))
	m, other := image(t, config, ""), image(t, config, `,"annotations":{"a":"b"}`)
	_, content := m.Payload()
	alias := digest.SHA512.FromBytes(content)
	_, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: alias, Tags: []registry.Tag{tag("x"), tag("y")}})
	must(t, err)
	_, err = p.Manifests().Put(t.Context(), other, registry.PutOptions{Tags: []registry.Tag{tag("z")}})
	must(t, err)
	must(t, p.Manifests().Delete(t.Context(), alias))
	for _, dgst := range []digest.Digest{alias, digest.FromBytes(content)} {
		_, err = p.Manifests().Get(t.Context(), dgst)
		wantError(t, err, registry.ErrManifestUnknown)
		wantError(t, p.Manifests().Delete(t.Context(), dgst), registry.ErrManifestUnknown)
	}
	_, err = p.Tags().Get(t.Context(), tag("x"))
	wantError(t, err, registry.ErrManifestUnknown)
	if got := collect(t, p.Tags().All(t.Context(), registry.Tag{})); len(got) != 1 || got[0] != tag("z") {
		t.Fatalf("tags left: %v", got)
	}
}

func contractTags(t *testing.T, r registry.Registry) {
	p := repository(t, r, "tags")
	config := push(t, p, []byte("{}"))
	a, err := p.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{})
	must(t, err)
	b, err := p.Manifests().Put(t.Context(), image(t, config, `,"annotations":{}`), registry.PutOptions{})
	must(t, err)
	names := []string{"0", "A", "_", "a", "a-1", "a.1", "b", "latest"}
	for i := range names {
		must(t, p.Tags().Set(t.Context(), tag(names[len(names)-1-i]), a))
	}
	must(t, p.Tags().Set(t.Context(), tag("b"), b))
	for i, after := range append([]string{""}, names...) {
		from := registry.Tag{}
		if after != "" {
			from = tag(after)
		}
		if got := collect(t, p.Tags().All(t.Context(), from)); fmt.Sprint(got) != fmt.Sprint(tagsOf(names[i:])) {
			t.Fatalf("after %q: %v", after, got)
		}
	}
	got, err := p.Tags().Get(t.Context(), tag("b"))
	must(t, err)
	if got.Digest != b.Digest {
		t.Fatalf("b names %s", got.Digest)
	}
	if found := collect(t, p.Tags().Lookup(t.Context(), b.Digest)); len(found) != 1 || found[0] != tag("b") {
		t.Fatalf("lookup %v", found)
	}
	wantError(t, p.Tags().Set(t.Context(), tag("c"), describe([]byte("none"))), registry.ErrManifestUnknown)
	must(t, p.Tags().Delete(t.Context(), tag("b")))
	_, err = p.Tags().Get(t.Context(), tag("b"))
	wantError(t, err, registry.ErrManifestUnknown)
	wantError(t, p.Tags().Delete(t.Context(), tag("b")), registry.ErrManifestUnknown)
	_, err = p.Manifests().Get(t.Context(), b.Digest)
	must(t, err)
}

func tagsOf(names []string) []registry.Tag {
	var all []registry.Tag
	for _, s := range names {
		all = append(all, tag(s))
	}
	return all
}

func contractNoTags(t *testing.T, r registry.Registry) {
	p := repository(t, r, "nothing")
	all := func() ([]registry.Tag, error) {
		var got []registry.Tag
		for x, err := range p.Tags().All(t.Context(), registry.Tag{}) {
			if err != nil {
				return nil, err
			}
			got = append(got, x)
		}
		return got, nil
	}
	_, err := all()
	wantError(t, err, registry.ErrNameUnknown)
	config := push(t, p, []byte("{}"))
	empty := func() {
		t.Helper()
		if got, err := all(); err != nil || len(got) != 0 {
			t.Fatalf("tags %v, error %v", got, err)
		}
	}
	empty()
	m, err := p.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{Tags: []registry.Tag{tag("t")}})
	must(t, err)
	must(t, p.Blobs().Delete(t.Context(), config.Digest))
	must(t, p.Tags().Delete(t.Context(), tag("t")))
	empty()
	must(t, p.Manifests().Delete(t.Context(), m.Digest))
	_, err = all()
	wantError(t, err, registry.ErrNameUnknown)
}

func contractReferrers(t *testing.T, r registry.Registry) {
	p := repository(t, r, "referrers")
	config := push(t, p, []byte("{}"))
	subject := describe([]byte("subject"))
	if got := collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, "")); len(got) != 0 {
		t.Fatalf("referrers of nothing: %v", got)
	}
	var want []digest.Digest
	for i := range 5 {
		desc, err := p.Manifests().Put(t.Context(), image(t, config, fmt.Sprintf(
			`,"artifactType":"a/%d","annotations":{"n":"%d"},"subject":{"mediaType":"a/b","digest":%q,"size":7}`, i, i, subject.Digest)), registry.PutOptions{})
		must(t, err)
		want = append(want, desc.Digest)
	}
	got := collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, ""))
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
	if rest := collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, got[2].Digest)); len(rest) != 2 || rest[0].Digest != got[3].Digest {
		t.Fatalf("after the third: %v", rest)
	}
	must(t, p.Manifests().Delete(t.Context(), want[0]))
	if left := collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, "")); len(left) != 4 {
		t.Fatalf("%d referrers after a delete", len(left))
	}
}

func contractRepositories(t *testing.T, r registry.Registry) {
	want := []string{"a", "a/1x", "a/b", "a-b", "a.b", "b/c/d"}
	for _, s := range []string{"b/c/d", "a.b", "a/1x", "a-b", "a", "a/b"} {
		p := repository(t, r, s)
		_, err := p.Manifests().Put(t.Context(), image(t, push(t, p, []byte("{}")), ""), registry.PutOptions{})
		must(t, err)
	}
	push(t, repository(t, r, "a/blobs-only"), []byte("{}"))
	for i := range want {
		after := registry.Name{}
		if i > 0 {
			var err error
			after, err = registry.ParseName(want[i-1])
			must(t, err)
		}
		if got := collect(t, r.Repositories(t.Context(), after)); fmt.Sprint(got) != fmt.Sprint(namesOf(t, want[i:])) {
			t.Fatalf("after %q: %v", after, got)
		}
	}
	absent, err := registry.ParseName("a/a")
	must(t, err)
	if got := collect(t, r.Repositories(t.Context(), absent)); fmt.Sprint(got) != fmt.Sprint(namesOf(t, want[2:])) {
		t.Fatalf("after a/a: %v", got)
	}
}

func namesOf(t *testing.T, names []string) []registry.Name {
	var all []registry.Name
	for _, s := range names {
		n, err := registry.ParseName(s)
		must(t, err)
		all = append(all, n)
	}
	return all
}
