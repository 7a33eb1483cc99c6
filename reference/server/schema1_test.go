package server_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

func openSchema1(t *testing.T) *site {
	t.Helper()
	table := manifest.Default(manifest.WithSchema1(schema1.Options{}))
	return open(t, server.Options{Manifests: table}, storage.Options{Manifests: table})
}

func (s *site) pushBlobs(blobs []fixtures.Blob) {
	s.t.Helper()
	for _, b := range blobs {
		a := s.do(http.MethodPost, "/v2/a/b/blobs/uploads/?digest="+b.Digest.String(), string(b.Content), "Content-Type", "application/octet-stream")
		if a.status != http.StatusCreated {
			s.t.Fatalf("blob: %d %s", a.status, a.body)
		}
	}
}

func codes(a *answer) string {
	var all []string
	for part := range strings.SplitSeq(a.body, `"code":"`) {
		if code, _, ok := strings.Cut(part, `"`); ok && strings.ToUpper(code) == code && !strings.Contains(code, "{") {
			all = append(all, code)
		}
	}
	return strings.Join(all, " ")
}

// A signed manifest comes back byte for byte, under the digest of its payload,
// with the signatures of all who have signed it (S-134, S-293).
func TestSchema1RoundTrip(t *testing.T) {
	t.Parallel()
	for _, a := range fixtures.Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			s, source := openSchema1(t), fixtures.New("server "+string(a))
			keys := []fixtures.Key{source.Key(a), source.Key(fixtures.ES256)}
			both := source.Signed("a/b", "latest", keys)
			s.pushBlobs(both.Blobs)
			one := both.Resign(keys[0])
			for i, contentType := range []string{fixtures.MediaTypeSchema1Signed, "application/json", "", fixtures.MediaTypeSchema1Unsigned + "; charset=utf-8"} {
				path := []string{"/v2/a/b/manifests/latest", "/v2/a/b/manifests/" + one.Digest.String()}[i%2]
				var headers []string
				if contentType != "" {
					headers = []string{"Content-Type", contentType}
				}
				put := s.do(http.MethodPut, path, string(one.Content), headers...)
				if put.status != http.StatusCreated || put.header.Get("Docker-Content-Digest") != one.Digest.String() {
					t.Fatalf("put as %q: %d %v %s", contentType, put.status, put.header, put.body)
				}
			}
			s.wantSigned(one)
			known := s.do(http.MethodGet, "/v2/a/b/manifests/latest", "").header.Get("ETag")
			s.wantConditional(known, http.StatusNotModified)
			if put := s.do(http.MethodPut, "/v2/a/b/manifests/latest", string(both.ResignWithChain(keys[1]).Content), "Content-Type", fixtures.MediaTypeSchema1Signed); put.status != http.StatusCreated {
				t.Fatalf("second signer: %d %s", put.status, put.body)
			}
			s.wantConditional(known, http.StatusOK)
			chained := both.ResignWithChain(keys[1]).Signatures[0]
			merged := [][]byte{one.Signatures[0], chained}
			if keys[1].ID() < keys[0].ID() {
				slices.Reverse(merged)
			}
			s.wantSigned(both.WithSignatures(merged...))
		})
	}
}

func (s *site) wantConditional(tag string, status int) {
	s.t.Helper()
	if got := s.do(http.MethodGet, "/v2/a/b/manifests/latest", "", "If-None-Match", tag); got.status != status {
		s.t.Fatalf("If-None-Match: %s: %d, want %d", tag, got.status, status)
	}
}

func (s *site) wantSigned(x fixtures.SignedManifest) {
	s.t.Helper()
	for _, path := range []string{"/v2/a/b/manifests/latest", "/v2/a/b/manifests/" + x.Digest.String()} {
		got := s.do(http.MethodGet, path, "")
		if got.status != http.StatusOK || got.body != string(x.Content) {
			s.t.Fatalf("%s: %d\n%s\nwant\n%s", path, got.status, got.body, x.Content)
		}
		if h := got.header; h.Get("Content-Type") != x.MediaType || h.Get("Docker-Content-Digest") != x.Digest.String() {
			s.t.Fatalf("%s: %v", path, h)
		}
	}
}

func TestSchema1Refused(t *testing.T) {
	t.Parallel()
	s, source := openSchema1(t), fixtures.New("refused")
	for _, a := range []fixtures.Algorithm{fixtures.ES256, fixtures.RS256} {
		k := source.Key(a)
		good := source.Signed("a/b", "latest", []fixtures.Key{k})
		s.pushBlobs(good.Blobs)
		tampered := bytes.Replace(good.Content, []byte(`"amd64"`), []byte(`"arm64"`), 1)
		extra := bytes.Replace(good.Content, []byte(",\n   \"signatures\""), []byte(",\n   \"extra\": 1,\n   \"signatures\""), 1)
		empty := append(bytes.Clone(good.Payload[:len(good.Payload)-2]), `,"signatures":[]}`...)
		absent := source.Signed("b/c", "old", nil)
		for _, c := range []struct {
			what    string
			content []byte
			codes   string
		}{
			{"tampered", tampered, "MANIFEST_UNVERIFIED"},
			{"unprotected", extra, "MANIFEST_UNVERIFIED"},
			{"empty", empty, "MANIFEST_UNVERIFIED"},
			{"unsigned", good.Payload, "MANIFEST_UNVERIFIED"},
			{"type confusion", bytes.Replace(good.Content, []byte("{"), []byte(`{"layers":[],`), 1), "MANIFEST_INVALID MANIFEST_UNVERIFIED"},
			{"signed twice", bytes.Replace(good.Content, []byte("{"), []byte(`{"Signatures":[],`), 1), "MANIFEST_INVALID MANIFEST_UNVERIFIED"},
			{"all", absent.Content, "NAME_INVALID TAG_INVALID MANIFEST_UNVERIFIED MANIFEST_BLOB_UNKNOWN MANIFEST_BLOB_UNKNOWN"},
		} {
			got := s.do(http.MethodPut, "/v2/a/b/manifests/latest", string(c.content), "Content-Type", fixtures.MediaTypeSchema1Signed)
			if got.status != http.StatusBadRequest || codes(got) != c.codes {
				t.Errorf("%s, %s: %d %s, want 400 %s", a, c.what, got.status, got.body, c.codes)
			}
		}
		if got := s.do(http.MethodGet, "/v2/a/b/manifests/latest", ""); got.status != http.StatusNotFound {
			t.Errorf("%d %s", got.status, got.body)
		}
		wrong := s.do(http.MethodPut, "/v2/a/b/manifests/"+digest.FromBytes(good.Content).String(), string(good.Content), "Content-Type", fixtures.MediaTypeSchema1Signed)
		if wrong.status != http.StatusBadRequest || codes(wrong) != "DIGEST_INVALID" {
			t.Errorf("digest of the whole: %d %s", wrong.status, wrong.body)
		}
	}
}

// Without the option, nothing of schema 1 is taken.
func TestSchema1IsOffByDefault(t *testing.T) {
	t.Parallel()
	s, source := open(t, server.Options{}, storage.Options{}), fixtures.New("off")
	x := source.Signed("a/b", "latest", []fixtures.Key{source.Key(fixtures.ES256)})
	s.pushBlobs(x.Blobs)
	for _, contentType := range []string{x.MediaType, "application/json", fixtures.MediaTypeSchema1Unsigned} {
		got := s.do(http.MethodPut, "/v2/a/b/manifests/latest", string(x.Content), "Content-Type", contentType)
		if got.status != http.StatusBadRequest || codes(got) != "MANIFEST_INVALID" {
			t.Errorf("%s: %d %s", contentType, got.status, got.body)
		}
	}
}
