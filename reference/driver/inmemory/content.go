package inmemory

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"

	"github.com/registryconform/conform/reference/driver"
)

// chunkSize is the size of every chunk of a content but the last: as much as a
// connection takes at once.
const chunkSize = 1 << 20

// content holds bytes in chunks, so that a long content grows without being
// copied. What is published is never changed again.
type content struct {
	chunks [][]byte
	size   int64
}

// append adds p at the end.
func (c *content) append(p []byte) {
	for len(p) > 0 {
		used := int(c.size % chunkSize)
		n := min(len(p), chunkSize-used)
		if used == 0 {
			room := n
			if c.size > 0 {
				room = chunkSize
			}
			c.chunks = append(c.chunks, make([]byte, 0, room))
		}
		last := &c.chunks[len(c.chunks)-1]
		if used+n > cap(*last) {
			*last = slices.Grow(*last, min(max(used, n), chunkSize-used))
		}
		*last = append(*last, p[:n]...)
		c.size += int64(n)
		p = p[n:]
	}
}

// trim gives back the room that the last chunk does not need.
func (c *content) trim() {
	if len(c.chunks) > 0 {
		last := &c.chunks[len(c.chunks)-1]
		if spare := cap(*last) - len(*last); spare > len(*last)/8 {
			*last = bytes.Clone(*last)
		}
	}
}

// bytes returns a copy of all.
func (c *content) bytes() []byte {
	return slices.Concat(c.chunks...)
}

// reader reads a content. It seeks, and writes itself without a copy.
type reader struct {
	c      *content
	offset int64
	closed bool
}

var errReaderClosed = errors.New("reader is closed")

var _ driver.ChunkReader = (*reader)(nil)

// NextChunk implements [driver.ChunkReader].
func (r *reader) NextChunk(limit int64) ([]byte, error) {
	switch {
	case r.closed:
		return nil, errReaderClosed
	case r.offset >= r.c.size:
		return nil, io.EOF
	}
	b := r.c.chunks[r.offset/chunkSize][r.offset%chunkSize:]
	b = b[:min(int64(len(b)), limit)]
	r.offset += int64(len(b))
	return b, nil
}

func (r *reader) Read(p []byte) (int, error) {
	b, err := r.NextChunk(int64(len(p)))
	return copy(p, b), err
}

func (r *reader) WriteTo(w io.Writer) (int64, error) {
	begin := r.offset
	n, err := driver.WriteChunks(w, r, math.MaxInt64)
	r.offset = begin + n
	return n, err
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.c.size
	default:
		return 0, errors.New("seek: invalid whence")
	}
	if r.closed {
		return 0, errReaderClosed
	}
	if offset < 0 {
		return 0, errors.New("seek: negative position")
	}
	r.offset = offset
	return offset, nil
}

func (r *reader) Close() error {
	r.closed = true
	return nil
}
