package registry

import (
	"fmt"
	"strings"

	// The algorithms that digests of this module may name.
	_ "crypto/sha256"
	_ "crypto/sha512"

	"github.com/opencontainers/go-digest"
)

// MaxNameLength is the greatest length of a repository name in bytes.
const MaxNameLength = 255

// maxTagLength is the greatest length of a tag.
const maxTagLength = 128

// A Name is a valid repository name: the <name> of the distribution
// specification, section "Pulling manifests". The zero Name names nothing.
// Names are comparable.
type Name struct{ s string }

// ParseName returns the name that s spells. An s outside the grammar, or
// longer than [MaxNameLength], gives [ErrNameInvalid] with the reason.
func ParseName(s string) (Name, error) {
	switch {
	case s == "":
		return Name{}, ErrNameInvalid.With("the name is empty")
	case len(s) > MaxNameLength:
		return Name{}, ErrNameInvalid.With(fmt.Sprintf("the name has %d bytes, more than %d", len(s), MaxNameLength))
	case !isName(s):
		return Name{}, ErrNameInvalid.With(fmt.Sprintf("%q does not match the grammar of names", s))
	}
	return Name{s}, nil
}

// isName reports whether s matches the grammar of names: components of lower
// case letters and digits, joined by one dot, one or two underscores or any
// number of hyphens, with slashes between them.
func isName(s string) bool {
	for component := range strings.SplitSeq(s, "/") {
		if !isComponent(component) {
			return false
		}
	}
	return true
}

func isComponent(s string) bool {
	separator := 0 // where the run of separators before s[i] began
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			if joint := s[separator:i]; joint != "" && !isJoint(joint) {
				return false
			}
			separator = i + 1
		case i == 0 || c != '.' && c != '_' && c != '-':
			return false
		}
	}
	return s != "" && separator == len(s)
}

// isJoint reports whether s, which is not empty, may stand between letters and
// digits of a component.
func isJoint(s string) bool {
	return s == "." || s == "_" || s == "__" || strings.Trim(s, "-") == ""
}

// isTag reports whether s matches the grammar of tags.
func isTag(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
		case i == 0 || c != '.' && c != '-':
			return false
		}
	}
	return s != "" && len(s) <= maxTagLength
}

// String returns the name as it was parsed.
func (n Name) String() string { return n.s }

// IsZero reports whether n is the zero Name.
func (n Name) IsZero() bool { return n.s == "" }

// Compare orders names by their components: "a/b" sorts before "a-b", since
// '/' counts as the lowest byte. It is the order of [Registry.Repositories].
func (n Name) Compare(other Name) int {
	return strings.Compare(strings.ReplaceAll(n.s, "/", "\x00"), strings.ReplaceAll(other.s, "/", "\x00"))
}

// A Tag is a valid tag: at most 128 characters of the grammar in section
// "Pulling manifests". The zero Tag names nothing. Tags are comparable.
type Tag struct{ s string }

// ParseTag returns the tag that s spells, or [ErrTagInvalid].
func ParseTag(s string) (Tag, error) {
	if !isTag(s) {
		return Tag{}, ErrTagInvalid.With(fmt.Sprintf("%.140q does not match the grammar of tags", s))
	}
	return Tag{s}, nil
}

// String returns the tag as it was parsed.
func (t Tag) String() string { return t.s }

// IsZero reports whether t is the zero Tag.
func (t Tag) IsZero() bool { return t.s == "" }

// ParseDigest returns the digest that s spells. A malformed digest, or one of
// an algorithm that this module lacks, gives [ErrDigestInvalid]. A tarsum (see
// [TarsumVersion]) is a digest, too.
func ParseDigest(s string) (digest.Digest, error) {
	d := digest.Digest(s)
	if err := CheckDigest(d); err != nil {
		return "", ErrDigestInvalid.Wrap(fmt.Errorf("%.200q: %w", s, err))
	}
	return d, nil
}

// CheckDigest returns what is wrong with d, if [ParseDigest] would refuse it.
// The error has no code.
func CheckDigest(d digest.Digest) error {
	if _, ok := TarsumVersion(d); ok {
		return nil
	}
	return validate(d)
}

// validate is d.Validate without the cost of a regular expression in the usual
// case.
func validate(d digest.Digest) error {
	if encoded, ok := strings.CutPrefix(d.String(), "sha256:"); ok && isHash(encoded) {
		return nil
	}
	return d.Validate()
}

// TarsumVersion returns "v0" or "v1" if d is a tarsum of that version, by which
// the first registries knew layers: "tarsum+sha256:" or "tarsum.v1+sha256:" and
// a hash. It may be the alias of a blob; nothing else has one.
func TarsumVersion(d digest.Digest) (version string, ok bool) {
	rest, ok := strings.CutPrefix(d.String(), "tarsum")
	if !ok {
		return "", false
	}
	version = "v0"
	if after, ok := strings.CutPrefix(rest, ".v1"); ok {
		version, rest = "v1", after
	}
	encoded, ok := strings.CutPrefix(rest, "+sha256:")
	return version, ok && isHash(encoded)
}

// isHash reports whether s is a SHA-256 in hex.
func isHash(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// A Reference is what names a manifest in a URL: a tag or a digest.
// The zero Reference names nothing.
type Reference struct {
	tag    Tag
	digest digest.Digest
}

// ParseReference returns the reference that s spells. What holds a colon is
// read as a digest ([ErrDigestInvalid] if it is none), the rest as a tag
// ([ErrTagInvalid]).
func ParseReference(s string) (Reference, error) {
	if strings.Contains(s, ":") {
		d, err := ParseDigest(s)
		return Reference{digest: d}, err
	}
	t, err := ParseTag(s)
	return Reference{tag: t}, err
}

// ByTag returns the reference that names t.
func ByTag(t Tag) Reference { return Reference{tag: t} }

// ByDigest returns the reference that names d.
func ByDigest(d digest.Digest) Reference { return Reference{digest: d} }

// Tag returns the tag, and whether the reference is one.
func (r Reference) Tag() (Tag, bool) { return r.tag, !r.tag.IsZero() }

// Digest returns the digest, and whether the reference is one.
func (r Reference) Digest() (digest.Digest, bool) { return r.digest, r.digest != "" }

// String returns the reference as it stands in a URL.
func (r Reference) String() string {
	if r.digest != "" {
		return r.digest.String()
	}
	return r.tag.s
}
