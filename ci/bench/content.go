//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
)

const (
	kiB = 1 << 10
	miB = 1 << 20

	repository = "bench/mark"
	mediaType  = "application/vnd.oci.image.manifest.v1+json"
)

// A blob is content in two parts: a head of its own, and a tail that blobs of
// its size share.
type blob struct {
	head, tail []byte
	digest     string
}

func (b blob) size() int { return len(b.head) + len(b.tail) }

func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	var sum [sha256.Size]byte
	return "sha256:" + hex.EncodeToString(h.Sum(sum[:0]))
}

// content is all that is pushed and pulled: the same for every server.
type content struct {
	noise             []byte
	small, mid, large blob
	image             image
	// upload is the size of a large push, and chunk that of its pieces.
	upload, chunk int
	tags          int
}

// An image is a manifest and what it refers to.
type image struct {
	blobs    []blob
	manifest []byte
	digest   string
}

// newContent returns content whose largest blob has so many bytes: 128 MiB
// where the names of the loads are to be right.
func newContent(largest int) *content {
	noise := make([]byte, max(largest, miB))
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	c := &content{noise: noise, upload: largest / 2, chunk: largest / 16, tags: 100}
	c.small = c.blob(4*kiB, 1, 0, 0)
	c.mid = c.blob(miB, 1, 0, 1)
	c.large = c.blob(largest, 1, 0, 2)
	c.image = c.newImage(1, 0, 3)
	return c
}

// blob returns the blob of a size that belongs to a round, a worker and a
// number.
func (c *content) blob(size int, round, worker, n uint32) blob {
	head := binary.BigEndian.AppendUint32(make([]byte, 0, 16), round)
	head = binary.BigEndian.AppendUint32(head, worker)
	head = binary.BigEndian.AppendUint32(head, n)
	b := blob{head: head, tail: c.noise[len(head):size]}
	b.digest = digest(b.head, b.tail)
	return b
}

// newImage returns a small image: a configuration and two layers.
func (c *content) newImage(round, worker, n uint32) image {
	var i image
	for k, size := range []int{512, 4 * kiB, 16 * kiB} {
		i.blobs = append(i.blobs, c.blob(size, round, worker, 4*n+uint32(k)))
	}
	layer := func(b blob) string {
		return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%q,"size":%d}`, b.digest, b.size())
	}
	i.manifest = fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[%s,%s]}`,
		mediaType, i.blobs[0].digest, i.blobs[0].size(), layer(i.blobs[1]), layer(i.blobs[2]))
	i.digest = digest(i.manifest)
	return i
}
