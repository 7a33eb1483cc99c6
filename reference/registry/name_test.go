package registry

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// The grammars as the specification writes them ("Pulling manifests").
var (
	specName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	specTag  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// TestGrammars compares the parsers with the regular expressions of the
// specification over random strings of the characters that matter.
// It shows S-108.
func TestGrammars(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const alphabet = "ab0._-/A:\n"
	valid := 0
	for range 300_000 {
		b := make([]byte, r.IntN(9))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		s := string(b)
		if _, err := ParseName(s); (err == nil) != specName.MatchString(s) {
			t.Fatalf("name %q: %v", s, err)
		} else if err == nil {
			valid++
		}
		if _, err := ParseTag(s); (err == nil) != specTag.MatchString(s) {
			t.Fatalf("tag %q: %v", s, err)
		}
	}
	if valid < 1000 {
		t.Errorf("only %d of the strings were names", valid)
	}
}

func TestLengths(t *testing.T) {
	if _, err := ParseName(strings.Repeat("a", MaxNameLength)); err != nil {
		t.Error(err)
	}
	if _, err := ParseName(strings.Repeat("a", MaxNameLength+1)); err == nil {
		t.Error("a name that is too long is taken")
	}
	if _, err := ParseTag(strings.Repeat("a", 128)); err != nil {
		t.Error(err)
	}
	if _, err := ParseTag(strings.Repeat("a", 129)); err == nil {
		t.Error("a tag that is too long is taken")
	}
}

// TestDigests compares the parser with that of the digest package.
func TestDigests(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 8)
	for _, s := range []string{
		"", ":", "sha256", "sha256:", "sha256:" + hex[:64], "sha256:" + hex[:63], "sha256:" + hex[:65],
		"sha256:" + strings.ToUpper(hex[:64]), "sha256:g" + hex[:63], "sha512:" + hex, "sha512:" + hex[:64],
		"sha256:" + hex[:63] + " ", "md5:" + hex[:32], "sha256+b64u:" + hex[:43],
	} {
		_, err := ParseDigest(s)
		if want := digest.Digest(s).Validate(); (err == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", s, err, want)
		}
	}
}

func TestTarsums(t *testing.T) {
	t.Parallel()
	hex := strings.Repeat("0123456789abcdef", 4)
	for s, want := range map[string]string{
		"tarsum+sha256:" + hex: "v0", "tarsum.v1+sha256:" + hex: "v1", "sha256:" + hex: "",
		"tarsum.dev+sha256:" + hex: "", "tarsum.v0+sha256:" + hex: "", "tarsum.v1.v1+sha256:" + hex: "", "tarsum.v1+sha512:" + hex + hex: "",
		"tarsum.v1+sha256:" + hex[1:]: "", "tarsum.v1+sha256:" + strings.ToUpper(hex): "", "tarsum.v1sha256:" + hex: "", "tarsum:" + hex: "",
	} {
		version, ok := TarsumVersion(digest.Digest(s))
		if ok != (want != "") || ok && version != want {
			t.Errorf("%q: version %q, %v", s, version, ok)
		}
		if _, err := ParseDigest(s); (err == nil) != (ok || strings.HasPrefix(s, "sha256:")) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
