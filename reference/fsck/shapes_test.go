package fsck_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/fsck"
)

// TestMisplaced puts one file where the layout has none, or none of that name: it is
// found once, and nothing else is.
func TestMisplaced(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	image, layer := s.image.Encoded(), s.layer.Encoded()
	long := strings.Repeat("long/", 51) + "e"
	for _, tc := range []struct {
		path string
		want fsck.Invariant
		at   string // of the finding, if it is not path
	}{
		{v2 + "/blobs/sha256/zz/" + layer + "/data", fsck.NothingPartial, ""},
		{v2 + "/blobs/sha256/" + layer[:2] + "/" + layer + "/other", fsck.NothingPartial, ""},
		{v2 + "/blobs/sha256/ab/abcd/data", fsck.NothingPartial, ""},
		{v2 + "/blobs/sha256/AB/AB" + layer[2:] + "/data", fsck.NothingPartial, ""},
		{v2 + "/blobs/md4/" + layer[:2] + "/" + layer[:32] + "/data", fsck.NothingPartial, ""},
		{v2 + "/blobs/sha256/data", fsck.NothingPartial, ""},
		{v2 + "/blobs/tarsum/v1/sha256/ab/other", fsck.NothingPartial, ""},
		{repo + "/_layers/link", fsck.NothingPartial, ""},
		{repo + "/_layers/sha256/link", fsck.NothingPartial, ""},
		{repo + "/_layers/sha256/" + layer + "/data", fsck.NothingPartial, ""},
		{repo + "/_layers/sha256/" + layer + "/sub/link", fsck.NothingPartial, ""},
		{repo + "/_layers/tarsum/v1/sha256/" + layer + "/other", fsck.NothingPartial, ""},
		{repo + "/_manifests/revisions/sha256/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/revisions/sha256/" + image + "/other", fsck.NothingPartial, ""},
		{repo + "/_manifests/revisions/sha256/" + image + "/sub/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/other/sha256/" + image + "/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/revisions/sha256/" + image + "/signatures/sha256/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/revisions/sha256/" + image + "/signatures/sha256/" + layer + "/other", fsck.NothingPartial, ""},
		{repo + "/_manifests/revisions/sha256/" + image + "/other/sha256/" + layer + "/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/other/sha256/" + image + "/signatures/sha256/" + layer + "/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/tags/latest/other/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/tags/latest/current/other", fsck.NothingPartial, ""},
		{repo + "/_manifests/tags/latest/current/sub/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/other/latest/current/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/tags/latest/index/sha256/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/tags/latest/index/sha256/" + image + "/other", fsck.NothingPartial, ""},
		{repo + "/_manifests/tags/latest/index/sha256/" + image + "/sub/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/tags/latest/other/sha256/" + image + "/link", fsck.NothingPartial, ""},
		{repo + "/_manifests/other/latest/index/sha256/" + image + "/link", fsck.NothingPartial, ""},
		{repo + "/_referrers/other", fsck.NothingPartial, ""},
		{repo + "/_referrers/sub/complete", fsck.NothingPartial, ""},
		{repo + "/_referrers/sha256/" + image + "/sha256/" + layer + "/other", fsck.NothingPartial, ""},
		{repo + "/_referrers/sha256/" + image + "/sha256/" + layer + "/sub/link", fsck.NothingPartial, ""},
		{repo + "/_referrers/sha256/short/sha256/" + layer + "/link", fsck.NothingPartial, ""},
		{repo + "/_referrers/sha256/" + image + "/sha256/short/link", fsck.NothingPartial, ""},
		{repo + "/_other/sub/file", fsck.NothingPartial, ""},
		{v2 + "/repositories/_layers/sha256/" + layer + "/link", fsck.NothingPartial, ""},
		{v2 + "/repositories/" + long + "/_uploads/x/startedat", fsck.ListsTrue, v2 + "/repositories/" + long + "/_uploads"},
	} {
		t.Run(tc.path, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			content := s.layer.String()
			if strings.HasSuffix(tc.path, "startedat") {
				content = time.Now().UTC().Format(time.RFC3339)
			}
			must(t, s.PutContent(t.Context(), tc.path, []byte(content)))
			if tc.at == "" {
				tc.at = tc.path
			}
			found, _ := s.check(t, fsck.Options{})
			if len(found) != 1 || found[0].Invariant != tc.want || found[0].Path != tc.at || found[0].Leftover {
				t.Errorf("found %+v, want %s at %s", found, tc.want, tc.at)
			}
		})
	}
}

// manifest puts a manifest into the repository as another registry might.
func (s *store) manifest(t *testing.T, content string) digest.Digest {
	t.Helper()
	dgst := digest.FromString(content)
	must(t, s.PutContent(t.Context(), data(dgst), []byte(content)))
	must(t, s.PutContent(t.Context(), link("_manifests/revisions", dgst), []byte(dgst)))
	return dgst
}

// TestOddAndSound plants what is unusual, and sound.
func TestOddAndSound(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	_, before := s.check(t, fsck.Options{})
	far := digest.FromString("far away")
	s.manifest(t, fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":%q,"size":2},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":%q,"size":8,"urls":["https://far.example/"]}]}`,
		digest.FromString("{}"), far))
	index, err := s.GetContent(t.Context(), data(s.index))
	must(t, err)
	for path, content := range map[string]string{
		link("_manifests/revisions", digest.SHA512.FromBytes(index)):                  s.index.String(),
		v2 + "/blobs/tarsum/v1/sha256/ab/" + far.Encoded() + "/data":                  "an archive",
		repo + "/_layers/tarsum/v1/sha256/" + far.Encoded() + "/link":                 s.layer.String(),
		repo + "/_uploads/young/startedat":                                            time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339),
		repo + "/_uploads/young/data":                                                 "x",
		link("_manifests/tags/latest/index", far):                                     far.String(),
		link("_manifests/revisions/sha256/"+s.image.Encoded()+"/signatures", s.layer): s.layer.String(),
	} {
		must(t, s.PutContent(t.Context(), path, []byte(content)))
	}
	found, sum := s.check(t, fsck.Options{})
	if len(found) > 0 || sum.Manifests != before.Manifests+1 || sum.Uploads != 1 {
		t.Errorf("found %+v, %+v", found, sum)
	}
	for _, o := range []fsck.Options{{UploadAge: time.Hour}, {Now: time.Now().Add(8 * 24 * time.Hour)}} {
		if found, _ := s.check(t, o); len(found) != 1 || found[0].Invariant != fsck.UploadsEnd || !found[0].Leftover {
			t.Errorf("%+v: found %+v", o, found)
		}
	}
}

// TestEntryOfWhatIsNoManifest looks into an index at content that is none.
func TestEntryOfWhatIsNoManifest(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	must(t, s.PutContent(t.Context(), data(s.signature), []byte("no JSON")))
	found, _ := s.check(t, fsck.Options{})
	var all []string
	for _, f := range found {
		all = append(all, string(f.Invariant))
	}
	got := strings.Join(all, " ")
	for _, want := range []fsck.Invariant{fsck.ContentMatches, fsck.ManifestsClosed, fsck.ReferrersComplete} {
		if !strings.Contains(got, string(want)) {
			t.Errorf("found %+v, want %s among them", found, want)
		}
	}
}

// TestEveryFailureIsReturned lets each call of the driver fail once: what could not
// be read is not judged, and never sound.
func TestEveryFailureIsReturned(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for n := int64(1); ; n++ {
		s := newStore(t)
		must(t, s.PutContent(t.Context(), repo+"/_uploads/x/startedat", []byte("2020-01-01T00:00:00Z")))
		must(t, s.PutContent(t.Context(), link("_manifests/revisions/sha256/"+s.image.Encoded()+"/signatures", s.layer), []byte(s.layer)))
		var calls atomic.Int64
		s.Driver = faulty.Wrap(s.Driver, func(op faulty.Op, _ string) error {
			if calls.Add(1) == n {
				return fmt.Errorf("%s: %w", op, broken)
			}
			return nil
		})
		_, err := fsck.Check(t.Context(), s, fsck.Options{}, func(fsck.Finding) error { return nil })
		if calls.Load() < n {
			if n < 50 {
				t.Errorf("a check makes %d calls", n)
			}
			return
		}
		if !errors.Is(err, broken) {
			t.Errorf("call %d fails: %v", n, err)
		}
	}
}
