package quirk

import (
	"encoding/json"
	"strconv"
)

const (
	typeImage       = "application/vnd.oci.image.manifest.v1+json"
	typeIndex       = "application/vnd.oci.image.index.v1+json"
	typeDockerImage = "application/vnd.docker.distribution.manifest.v2+json"
	typeDockerList  = "application/vnd.docker.distribution.manifest.list.v2+json"

	// emptyDigest is the digest of no bytes.
	emptyDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	// absentDigest is one that no content has, as far as anybody knows.
	absentDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// respellJSON writes JSON another way, with the same meaning.
func respellJSON(b []byte) []byte {
	var v any
	if json.Unmarshal(b, &v) != nil {
		return append(b, ' ')
	}
	out, _ := json.MarshalIndent(v, "", "     ")
	return out
}

func plusOne(s string) string { return plus(s, 1) }

func plus(s string, by int64) string {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return s
	}
	return strconv.FormatInt(n+by, 10)
}
