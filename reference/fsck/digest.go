package fsck

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"regexp"
	"strings"
)

// newHash returns the hash of an algorithm, or nil.
func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// valid reports whether s is a digest of a known algorithm.
func valid(s string) bool {
	algorithm, encoded, ok := strings.Cut(s, ":")
	h := newHash(algorithm)
	if !ok || h == nil || encoded != strings.ToLower(encoded) {
		return false
	}
	raw, err := hex.DecodeString(encoded)
	return err == nil && len(raw) == h.Size()
}

// hash returns the digest of a file's bytes, and how many there are.
func (c *checker) hash(ctx context.Context, path, algorithm string) (string, int64, error) {
	r, err := c.d.Reader(ctx, path, 0)
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	defer r.Close()
	h := newHash(algorithm)
	n, err := io.Copy(h, r)
	if err != nil {
		return "", n, fmt.Errorf("read %s: %w", path, err)
	}
	return algorithm + ":" + hex.EncodeToString(h.Sum(nil)), n, nil
}

// contentPath returns where the bytes of a valid digest lie.
func contentPath(dgst string) string {
	algorithm, encoded, _ := strings.Cut(dgst, ":")
	return blobs + "/" + algorithm + "/" + encoded[:2] + "/" + encoded + "/data"
}

// linkPath returns the link of a valid digest in a folder of links.
func linkPath(folder, dgst string) string {
	return folder + "/" + strings.Replace(dgst, ":", "/", 1) + "/link"
}

var (
	nameGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagGrammar  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

func validName(s string) bool { return len(s) <= 255 && nameGrammar.MatchString(s) }
