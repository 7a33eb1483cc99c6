package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// An uploadState is what a Location of an upload session says about it, signed
// so that any replica with the same secret can go on. The names of its fields
// are those of the distribution registry.
type uploadState struct {
	Name      string
	UUID      string
	Offset    int64
	StartedAt time.Time
	// Algorithm is the one that the client named at the start, if it did.
	Algorithm digest.Algorithm `json:",omitempty"`
}

// sign returns the state as a query value: base64url of HMAC-SHA256 and JSON.
func (s uploadState) sign(secret []byte) string {
	// A struct of strings, a number and a time of this era can't fail.
	text, _ := json.Marshal(s)
	return base64.RawURLEncoding.EncodeToString(append(sum(secret, text), text...))
}

// openState returns the state in a query value of sign, or
// [registry.ErrBlobUploadInvalid] if it was not signed with secret.
func openState(secret []byte, value string) (uploadState, error) {
	var s uploadState
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) < sha256.Size || !hmac.Equal(raw[:sha256.Size], sum(secret, raw[sha256.Size:])) {
		return s, registry.ErrBlobUploadInvalid.With("the _state of the upload is not one of this registry")
	}
	if err := json.Unmarshal(raw[sha256.Size:], &s); err != nil {
		return s, registry.ErrBlobUploadInvalid.With("the _state of the upload can't be read")
	}
	return s, nil
}

func sum(secret, text []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(text)
	return mac.Sum(nil)
}
