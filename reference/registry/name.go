package registry

import (
	"fmt"
	"regexp"
	"strings"

	// The algorithms that digests of this module may name.
	_ "crypto/sha256"
	_ "crypto/sha512"

	"github.com/opencontainers/go-digest"
)

// MaxNameLength is the greatest length of a repository name in bytes.
const MaxNameLength = 255

var (
	namePattern = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagPattern  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

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
	case !namePattern.MatchString(s):
		return Name{}, ErrNameInvalid.With(fmt.Sprintf("%q does not match the grammar of names", s))
	}
	return Name{s}, nil
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
	if !tagPattern.MatchString(s) {
		return Tag{}, ErrTagInvalid.With(fmt.Sprintf("%.140q does not match the grammar of tags", s))
	}
	return Tag{s}, nil
}

// String returns the tag as it was parsed.
func (t Tag) String() string { return t.s }

// IsZero reports whether t is the zero Tag.
func (t Tag) IsZero() bool { return t.s == "" }

// ParseDigest returns the digest that s spells. A malformed digest, or one of
// an algorithm that this module lacks, gives [ErrDigestInvalid].
func ParseDigest(s string) (digest.Digest, error) {
	d := digest.Digest(s)
	if err := d.Validate(); err != nil {
		return "", ErrDigestInvalid.Wrap(fmt.Errorf("%.200q: %w", s, err))
	}
	return d, nil
}

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
