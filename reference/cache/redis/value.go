package redis

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/cache"
	"github.com/registryconform/conform/reference/registry"
)

// A value is a mark and the rest: of a lease, a random token; of an entry, the
// signature in base64url, a space and the JSON of the descriptor.
const (
	leaseMark = "lease "
	entryMark = "entry "
)

// stored is what is kept of a descriptor.
type stored struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
}

// seal returns the value for desc.
func (c *Cache) seal(name registry.Name, dgst digest.Digest, desc registry.Descriptor) (string, error) {
	text, err := json.Marshal(stored{desc.MediaType, desc.Digest, desc.Size})
	if err != nil {
		return "", fmt.Errorf("encode descriptor: %w", err)
	}
	return entryMark + base64.RawURLEncoding.EncodeToString(c.sign(name, dgst, text)) + " " + string(text), nil
}

// open returns the descriptor of a value that seal made for the same name and
// digest, or errMalformed.
func (c *Cache) open(value string, name registry.Name, dgst digest.Digest) (registry.Descriptor, error) {
	rest, ok := strings.CutPrefix(value, entryMark)
	signature, text, found := strings.Cut(rest, " ")
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if !ok || !found || err != nil || !hmac.Equal(raw, c.sign(name, dgst, []byte(text))) {
		return registry.Descriptor{}, errMalformed
	}
	var s stored
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return registry.Descriptor{}, errMalformed
	}
	desc := registry.Descriptor{MediaType: s.MediaType, Digest: s.Digest, Size: s.Size}
	if cache.Check(name, dgst, desc) != nil {
		return registry.Descriptor{}, errMalformed
	}
	return desc, nil
}

// sign binds a descriptor to what it describes.
func (c *Cache) sign(name registry.Name, dgst digest.Digest, text []byte) []byte {
	mac := hmac.New(sha256.New, c.options.Secret)
	fmt.Fprintf(mac, "%s\x00%s\x00", name, dgst)
	mac.Write(text)
	return mac.Sum(nil)
}
