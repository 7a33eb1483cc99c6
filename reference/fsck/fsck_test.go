package fsck_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/fsck"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

const (
	v2   = "/docker/registry/v2"
	repo = v2 + "/repositories/team/app"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A store is one that our registry wrote: an image with a tag, an index of it
// and a referrer to it.
type store struct {
	driver.Driver
	layer, image, index, signature digest.Digest
}

func blob(t *testing.T, p registry.Repository, content string, as digest.Digest) digest.Digest {
	t.Helper()
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write([]byte(content))
	must(t, err)
	_, err = w.Commit(t.Context(), registry.Descriptor{Digest: as})
	must(t, err)
	return digest.FromString(content)
}

func put(t *testing.T, p registry.Repository, tag, mediaType, content string) digest.Digest {
	t.Helper()
	m, err := manifest.Default().Parse(mediaType, []byte(content))
	must(t, err)
	var opts registry.PutOptions
	if tag != "" {
		parsed, err := registry.ParseTag(tag)
		must(t, err)
		opts.Tags = []registry.Tag{parsed}
	}
	desc, err := p.Manifests().Put(t.Context(), m, opts)
	must(t, err)
	return desc.Digest
}

const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
)

func image(layer digest.Digest, extra string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":5}]%s}`, imageType, digest.FromString("{}"), layer, extra)
}

func newStore(t *testing.T) *store {
	t.Helper()
	d := inmemory.New(inmemory.Parameters{})
	name, err := registry.ParseName("team/app")
	must(t, err)
	p, err := storage.New(d, storage.Options{}).Repository(t.Context(), name)
	must(t, err)
	s := &store{Driver: d}
	blob(t, p, "{}", digest.FromString("{}"))
	blob(t, p, "", digest.FromString(""))
	s.layer = blob(t, p, "layer", digest.SHA512.FromString("layer"))
	s.image = put(t, p, "latest", imageType, image(s.layer, ""))
	s.index = put(t, p, "all", indexType, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		indexType, imageType, s.image, len(image(s.layer, ""))))
	s.signature = put(t, p, "", imageType, image(s.layer, fmt.Sprintf(`,"artifactType":"a/b","subject":{"mediaType":%q,"digest":%q,"size":3}`, imageType, s.image)))
	for _, err := range p.Manifests().Referrers(t.Context(), s.image, "") {
		must(t, err)
	}
	return s
}

func (s *store) check(t *testing.T, o fsck.Options) ([]fsck.Finding, fsck.Summary) {
	t.Helper()
	var all []fsck.Finding
	sum, err := fsck.Check(t.Context(), s, o, func(f fsck.Finding) error {
		all = append(all, f)
		return nil
	})
	must(t, err)
	return all, sum
}

func data(dgst digest.Digest) string {
	return v2 + "/blobs/sha256/" + dgst.Encoded()[:2] + "/" + dgst.Encoded() + "/data"
}

func link(folder string, dgst digest.Digest) string {
	return path.Join(repo, folder, dgst.Algorithm().String(), dgst.Encoded(), "link")
}

func TestASoundStoreHasNoFindings(t *testing.T) {
	t.Parallel()
	found, sum := newStore(t).check(t, fsck.Options{})
	if len(found) > 0 {
		t.Errorf("found %+v", found)
	}
	want := fsck.Summary{Contents: 6, Bytes: sum.Bytes, Links: sum.Links, Manifests: 3, Tags: 2}
	if sum != want || sum.Bytes < 100 || sum.Links < 11 {
		t.Errorf("summary %+v", sum)
	}
	found, sum = (&store{Driver: inmemory.New(inmemory.Parameters{})}).check(t, fsck.Options{})
	if len(found) > 0 || sum != (fsck.Summary{}) {
		t.Errorf("an empty store: %+v, %+v", found, sum)
	}
}

// TestPlantedFaults plants one fault in a sound store, which must be found by
// the invariant that it breaks, and by no other.
// It shows K-33.
func TestPlantedFaults(t *testing.T) {
	t.Parallel()
	write := func(file, content string) func(context.Context, *store) error {
		return func(ctx context.Context, s *store) error { return s.PutContent(ctx, file, []byte(content)) }
	}
	other := digest.FromString("other")
	for name, tc := range map[string]struct {
		plant    func(context.Context, *store) error
		want     fsck.Invariant
		at       string // a part of the path
		leftover bool
	}{
		"flipped bits": {func(ctx context.Context, s *store) error {
			return s.PutContent(ctx, data(digest.FromString("{}")), []byte("[]"))
		}, fsck.ContentMatches, "/blobs/", false},
		"wrong alias": {func(ctx context.Context, s *store) error {
			return s.PutContent(ctx, link("_layers", digest.SHA512.FromString("other")), []byte(s.layer))
		}, fsck.ContentMatches, "_layers/sha512", false},
		"link to nothing":     {write(link("_layers", other), other.String()), fsck.LinksResolve, "_layers", false},
		"link without digest": {write(link("_layers", other), "sha256:12"), fsck.LinksResolve, "_layers", false},
		"link to other content": {func(ctx context.Context, s *store) error {
			return s.PutContent(ctx, link("_layers", other), []byte(s.layer))
		}, fsck.LinksResolve, "_layers", false},
		"revision to nothing": {write(link("_manifests/revisions", other), other.String()), fsck.LinksResolve, "revisions", false},
		"tag history of other content": {func(ctx context.Context, s *store) error {
			return s.PutContent(ctx, link("_manifests/tags/latest/index", other), []byte(s.image))
		}, fsck.LinksResolve, "tags/latest/index", false},
		"tag to no manifest": {write(repo+"/_manifests/tags/latest/current/link", other.String()), fsck.ManifestsClosed, "tags/latest", false},
		"missing layer": {func(ctx context.Context, s *store) error {
			return s.Delete(ctx, path.Dir(link("_layers", digest.FromString("{}"))))
		}, fsck.ManifestsClosed, "revisions", false},
		"missing child": {func(ctx context.Context, s *store) error {
			return errors.Join(s.Delete(ctx, path.Dir(link("_manifests/revisions", s.image))), s.Delete(ctx, repo+"/_manifests/tags/latest"))
		}, fsck.ManifestsClosed, "revisions", false},
		"revision that is no manifest": {func(ctx context.Context, s *store) error {
			return s.PutContent(ctx, link("_manifests/revisions", s.layer), []byte(s.layer))
		}, fsck.ManifestsClosed, "revisions", false},
		"empty content": {func(ctx context.Context, s *store) error {
			return s.PutContent(ctx, data(digest.FromString("{}")), nil)
		}, fsck.NothingPartial, "/blobs/", false},
		"empty link":                {write(link("_layers", other), ""), fsck.NothingPartial, "_layers", false},
		"temporary file":            {write(v2+"/blobs/sha256/ab/tmp-1", "x"), fsck.NothingPartial, "tmp-1", false},
		"stray file":                {write(repo+"/_manifests/link.tmp", "x"), fsck.NothingPartial, "link.tmp", false},
		"stray beside a repository": {write(v2+"/repositories/team/file", "x"), fsck.NothingPartial, "team/file", false},
		"start that is no time":     {write(repo+"/_uploads/x/startedat", "noon"), fsck.NothingPartial, "startedat", false},
		"referrer not in the index": {func(ctx context.Context, s *store) error {
			return s.Delete(ctx, repo+"/_referrers/sha256/"+s.image.Encoded())
		}, fsck.ReferrersComplete, "revisions", false},
		"referrer under another subject": {func(ctx context.Context, s *store) error {
			return s.PutContent(ctx, link("_referrers/sha256/"+other.Encoded(), s.signature), []byte(s.signature))
		}, fsck.ReferrersComplete, "_referrers", false},
		"entry of a manifest that is gone": {write(link("_referrers/sha256/"+other.Encoded(), other), other.String()), fsck.ReferrersComplete, "_referrers", true},
		"tag that names nothing": {func(ctx context.Context, s *store) error {
			return s.Delete(ctx, repo+"/_manifests/tags/latest/current")
		}, fsck.ListsTrue, "tags/latest", false},
		"tag outside the grammar":        {write(repo+"/_manifests/tags/-x/current/link", other.String()), fsck.ListsTrue, "tags/-x", false},
		"repository outside the grammar": {write(v2+"/repositories/Team/_uploads/x/startedat", time.Now().UTC().Format(time.RFC3339)), fsck.ListsTrue, "Team", false},
		"old upload":                     {write(repo+"/_uploads/x/startedat", "2020-01-01T00:00:00Z"), fsck.UploadsEnd, "_uploads/x", true},
		"upload without start":           {write(repo+"/_uploads/x/data", "x"), fsck.UploadsEnd, "_uploads/x", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			must(t, tc.plant(t.Context(), s))
			found, sum := s.check(t, fsck.Options{})
			if len(found) == 0 {
				t.Fatal("nothing was found")
			}
			for _, f := range found {
				if f.Invariant != tc.want || f.Leftover != tc.leftover || !strings.Contains(f.Path, tc.at) || f.Message == "" {
					t.Errorf("found %+v, want %s at %s", f, tc.want, tc.at)
				}
			}
			if sum.Violations+sum.Leftovers != len(found) || (sum.Leftovers > 0) != tc.leftover {
				t.Errorf("summary %+v of %d findings", sum, len(found))
			}
		})
	}
}

// TestFailuresAreNoFindings lets the caller and the driver fail.
func TestFailuresAreNoFindings(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	must(t, s.PutContent(t.Context(), data(s.layer), bytes.Repeat([]byte("x"), 9)))
	stop := errors.New("stop")
	if _, err := fsck.Check(t.Context(), s, fsck.Options{}, func(fsck.Finding) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fsck.Check(ctx, s, fsck.Options{}, func(fsck.Finding) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled check gave %v", err)
	}
}
