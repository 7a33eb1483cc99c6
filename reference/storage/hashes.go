package storage

import (
	"encoding"
	"fmt"
	"hash"

	"github.com/opencontainers/go-digest"
)

// hashes run over the bytes of an upload: the canonical hash, and behind it that
// of the algorithm by which the client is going to finish, if it said so.
type hashes []running

type running struct {
	algorithm digest.Algorithm
	hash.Hash
}

// resumable are the algorithms whose state can be stored, the canonical one first.
// Each state tells by its first bytes which it is of.
var resumable = []digest.Algorithm{digest.SHA256, digest.SHA384, digest.SHA512}

func canonicalHash() hashes { return hashes{{digest.Canonical, digest.Canonical.Hash()}} }

// expect adds an algorithm before the first byte.
func (h *hashes) expect(algorithm digest.Algorithm) {
	for _, known := range resumable[1:] {
		if algorithm == known && len(*h) > 0 {
			*h = append((*h)[:1], running{algorithm, algorithm.Hash()})
		}
	}
}

// write is given all bytes in turn.
func (h hashes) write(p []byte) {
	for _, r := range h {
		_, _ = r.Write(p) // a hash never fails
	}
}

// sum returns the digest of all bytes by an algorithm, "" if it isn't known.
func (h hashes) sum(algorithm digest.Algorithm) digest.Digest {
	for _, r := range h {
		if r.algorithm == algorithm {
			return digest.NewDigest(algorithm, r)
		}
	}
	return ""
}

// appendState appends the state of each hash, the canonical one first.
func (h hashes) appendState(state []byte) ([]byte, error) {
	var err error
	for _, r := range h {
		if state, err = r.Hash.(encoding.BinaryAppender).AppendBinary(state); err != nil {
			return nil, fmt.Errorf("state of the hash: %w", err)
		}
	}
	return state, nil
}

// readHashes returns the hashes whose states appendState has appended, nil if it
// wasn't that.
func readHashes(state []byte) hashes {
	h := canonicalHash()
	fresh, err := h.appendState(nil)
	if err != nil || len(state) < len(fresh) || !h[0].restore(state[:len(fresh)]) {
		return nil
	}
	if state = state[len(fresh):]; len(state) == 0 {
		return h
	}
	for _, algorithm := range resumable[1:] {
		if r := (running{algorithm, algorithm.Hash()}); r.restore(state) {
			return append(h, r)
		}
	}
	return nil
}

func (r running) restore(state []byte) bool {
	return r.Hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state) == nil
}
