package drivertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	word        = 8
	indexBits   = 36
	versionBits = 8
	objectBits  = 64 - indexBits - versionBits
	bufferSize  = 64 << 10
)

// content is a stream of bytes that identify themselves. Word i is an invertible mix of the
// object's number, its version and i, so any aligned word that turns up in the wrong place says
// where it came from.
type content struct {
	object  uint64
	version uint64
	size    int64
}

// Data returns the content that failures name: size bytes of the given version of the given
// object. It lets the operations of a failure be pasted into a test.
func Data(object, version uint64, size int64) []byte {
	return content{object: object, version: version, size: size}.bytes()
}

func (c content) String() string {
	return fmt.Sprintf("drivertest.Data(%d, %d, %d)", c.object, c.version, c.size)
}

func (c content) bytes() []byte {
	b := make([]byte, c.size)
	c.fill(b, 0)
	return b
}

// slice returns the bytes from, inclusive, to, exclusive.
func (c content) slice(from, to int64) []byte {
	b := make([]byte, to-from)
	c.fill(b, from)
	return b
}

func (c content) word(index uint64) uint64 {
	return mix(c.object<<(indexBits+versionBits) | (c.version&(1<<versionBits-1))<<indexBits | index&(1<<indexBits-1))
}

// fill writes the bytes at off into p.
func (c content) fill(p []byte, off int64) {
	index := uint64(off) / word
	if rest := int(off % word); rest != 0 {
		var w [word]byte
		binary.LittleEndian.PutUint64(w[:], c.word(index))
		p = p[copy(p, w[rest:]):]
		index++
	}
	for len(p) >= word {
		binary.LittleEndian.PutUint64(p, c.word(index))
		p = p[word:]
		index++
	}
	if len(p) > 0 {
		var w [word]byte
		binary.LittleEndian.PutUint64(w[:], c.word(index))
		copy(p, w[:])
	}
}

// reader streams the bytes from, inclusive, to, exclusive, without holding them.
func (c content) reader(from, to int64) io.Reader { return &contentReader{c: c, off: from, end: to} }

type contentReader struct {
	c        content
	off, end int64
}

func (r *contentReader) Read(p []byte) (int, error) {
	if r.off >= r.end {
		return 0, io.EOF
	}
	if rest := r.end - r.off; int64(len(p)) > rest {
		p = p[:rest]
	}
	r.c.fill(p, r.off)
	r.off += int64(len(p))
	return len(p), nil
}

// mix is a bijection of 64 bits; unmix is its inverse.
func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

func unmix(z uint64) uint64 {
	z = unshift(z, 31) * 0x319642b2d24d8ec3
	z = unshift(z, 27) * 0x96de1b173f119089
	return unshift(z, 30)
}

func unshift(z uint64, n uint) uint64 {
	r := z
	for range 64/n + 1 {
		r = z ^ (r >> n)
	}
	return r
}

// mismatch is the first difference between what was read and what ought to be there.
type mismatch struct {
	want    content
	off     int64
	verdict string
	got     []byte
	expect  []byte
}

func (m *mismatch) Error() string {
	s := "content differs at byte " + fmt.Sprint(m.off) + " of " + fmt.Sprint(m.want.size) + ": " + m.verdict
	if len(m.got) > 0 || len(m.expect) > 0 {
		s += fmt.Sprintf("\n  got  % x\n  want % x", m.got, m.expect)
	}
	return s
}

// verify compares a stream with the bytes of c from off on. It reads to the end of r, but no
// further than a buffer beyond the end of c. The error is a *mismatch, or r's own.
func (c content) verify(r io.Reader, off int64) error {
	got, want := make([]byte, bufferSize), make([]byte, bufferSize)
	for idle := 0; ; {
		n, err := r.Read(got)
		if n < 0 || n > len(got) {
			return fmt.Errorf("Read returned %d for a buffer of %d", n, len(got))
		}
		if m := c.compare(got[:n], want, off); m != nil {
			return m
		}
		off += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return c.atEnd(off)
		case err != nil:
			return fmt.Errorf("read at byte %d of %d: %w", off, c.size, err)
		case n == 0:
			if idle++; idle > 100 {
				return fmt.Errorf("read at byte %d of %d: %w", off, c.size, io.ErrNoProgress)
			}
		default:
			idle = 0
		}
	}
}

func (c content) atEnd(off int64) error {
	if off < c.size {
		return &mismatch{want: c, off: off, verdict: fmt.Sprintf("short by %d", c.size-off)}
	}
	return nil
}

func (c content) compare(got, scratch []byte, off int64) error {
	if extra := off + int64(len(got)) - c.size; extra > 0 {
		keep := max(int64(len(got))-extra, 0)
		if m := c.compare(got[:keep], scratch, off); m != nil {
			return m
		}
		return &mismatch{
			want: c, off: c.size, got: clip(got[keep:]),
			verdict: "more bytes than were written: " + c.decode(got[keep:], c.size),
		}
	}
	want := scratch[:len(got)]
	c.fill(want, off)
	if bytes.Equal(got, want) {
		return nil
	}
	i := 0
	for got[i] == want[i] {
		i++
	}
	at := off + int64(i)
	return &mismatch{want: c, off: at, verdict: c.decode(got[i:], at), got: clip(got[i:]), expect: clip(want[i:])}
}

func clip(b []byte) []byte { return bytes.Clone(b[:min(len(b), 16)]) }

// decode says what the bytes are that turned up at off.
func (c content) decode(got []byte, off int64) string {
	if zeros := len(got) - len(bytes.TrimLeft(got, "\x00")); zeros >= min(len(got), word) {
		return fmt.Sprintf("zeros (at least %d)", zeros)
	}
	from, at, ok := identify(got)
	if !ok && len(got) < 3*word {
		return "bytes too few to tell where they come from"
	}
	if !ok {
		return "bytes that were never written"
	}
	switch {
	case from.object == c.object && from.version == c.version&(1<<versionBits-1):
		return fmt.Sprintf("bytes of the same object from offset %d (parts swapped)", at)
	case from.object == c.object:
		return fmt.Sprintf("bytes of version %d, want version %d, offset %d (stale upload)", from.version, c.version, at)
	default:
		return fmt.Sprintf("bytes of object %d version %d offset %d (another object's content)", from.object, from.version, at)
	}
}

// identify finds the origin of b: two neighbouring words must agree, at any alignment.
func identify(b []byte) (from content, off int64, ok bool) {
	for shift := 0; shift < word && shift+2*word <= len(b); shift++ {
		one := unmix(binary.LittleEndian.Uint64(b[shift:]))
		two := unmix(binary.LittleEndian.Uint64(b[shift+word:]))
		if two != one+1 {
			continue
		}
		from.object = one >> (indexBits + versionBits)
		from.version = one >> indexBits & (1<<versionBits - 1)
		return from, int64(one&(1<<indexBits-1))*word - int64(shift), true
	}
	return content{}, 0, false
}
