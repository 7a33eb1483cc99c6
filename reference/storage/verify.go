package storage

import (
	"crypto/sha256"
	"errors"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage/internal/tarsum"
)

// verify reads content to its end and returns its canonical digest, and whether
// it has the digest want, of any algorithm that [registry.CheckDigest] knows. It
// fails if content can't be read.
func verify(content io.Reader, want digest.Digest) (canonical digest.Digest, verified bool, err error) {
	h := sha256.New()
	if version, ok := registry.TarsumVersion(want); ok {
		var sum string
		sum, err = tarsum.Sum(version, io.TeeReader(content, h))
		verified = err == nil && sum == want.Encoded()
		if errors.Is(err, tarsum.ErrNoArchive) {
			err = nil
		}
	} else {
		verifier := want.Verifier()
		_, err = io.Copy(io.MultiWriter(h, verifier), content)
		verified = err == nil && verifier.Verified()
	}
	return digest.NewDigest(digest.Canonical, h), verified, err
}

// A counter counts the bytes that are read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
