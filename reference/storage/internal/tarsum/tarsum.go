// Package tarsum computes the digests by which the first registries knew
// layers: a hash of the hashes of an archive's entries, sorted, so that the
// order of the entries and the padding between them make no difference.
//
// Entries of one path keep their order, since the last of them counts.
//
// What one entry adds is the hash of its header's fields, each name followed by
// its value, and of its content. Version 0 has the time of modification among
// the fields; version 1 leaves it out and adds the extended attributes. Bytes
// after the end of the archive count for nothing, and no bytes at all are an
// archive without entries.
//
// An archive comes from a client. What is kept of it in memory is bounded, and
// the work by the number of its bytes.
package tarsum

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxEntries bounds the entries of an archive, and so the memory: 72 bytes each.
const maxEntries = 1 << 18

const (
	blockSize   = 512
	flagAt      = 156 // of the type of an entry, in its header's block
	xattrPrefix = "SCHILY.xattr."
)

// ErrNoArchive says that the bytes are no archive that can be summed.
var ErrNoArchive = errors.New("not a tar archive that can be summed")

// Sum returns the tarsum, in hex, of the archive that r gives, which it reads to
// its end, whatever it is. The version is "v0" or "v1". It fails with
// [ErrNoArchive], or with the error of r.
func Sum(version string, r io.Reader) (string, error) { return limited(version, r, maxEntries) }

func limited(version string, r io.Reader, most int) (string, error) {
	in := &input{r: r}
	sums, err := entries(in, version == "v0", most)
	if in.err == nil {
		_, _ = io.Copy(io.Discard, in)
	}
	switch {
	case in.err != nil:
		return "", in.err
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrNoArchive, err)
	}
	// This is no order where a path comes twice, but what was always done.
	slices.SortFunc(sums, func(a, b entry) int {
		if a.path == b.path {
			return cmp.Compare(a.at, b.at)
		}
		return bytes.Compare(a.sum[:], b.sum[:])
	})
	h := sha256.New()
	for _, e := range sums {
		_, _ = io.WriteString(h, hex.EncodeToString(e.sum[:]))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// An entry is what the sum needs of one.
type entry struct {
	at   int
	path [sha256.Size]byte // its hash
	sum  [sha256.Size]byte
}

// entries returns the entries of the archive, which may be so many at most.
func entries(in *input, withTime bool, most int) ([]entry, error) {
	var sums []entry
	archive := tar.NewReader(in)
	h, buffer := sha256.New(), make([]byte, 32<<10)
	for logical := int64(0); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return sums, nil
		}
		if err != nil {
			return nil, err
		}
		if len(sums) == most {
			return nil, fmt.Errorf("more than %d entries", most)
		}
		h.Reset()
		_, _ = io.WriteString(h, fields(header, in.typeflag(header), withTime))
		for err == nil {
			var n int
			n, err = archive.Read(buffer)
			_, _ = h.Write(buffer[:n])
			// A sparse file can be longer than its archive, without a bound.
			if logical += int64(n); logical > in.read {
				return nil, errors.New("a sparse file is longer than the archive")
			}
		}
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		name := sha256.Sum256([]byte(path.Clean(header.Name)))
		sums = append(sums, entry{at: len(sums), path: name, sum: [sha256.Size]byte(h.Sum(nil))})
	}
}

// fields returns what the header adds to the sum of its entry.
func fields(h *tar.Header, typeflag byte, withTime bool) string {
	var b strings.Builder
	add := func(key, value string) { b.WriteString(key); b.WriteString(value) }
	number := func(key string, value int64) { add(key, strconv.FormatInt(value, 10)) }
	add("name", h.Name)
	number("mode", h.Mode)
	number("uid", int64(h.Uid))
	number("gid", int64(h.Gid))
	number("size", h.Size)
	if withTime {
		number("mtime", h.ModTime.Unix())
	}
	add("typeflag", string([]byte{typeflag}))
	add("linkname", h.Linkname)
	add("uname", h.Uname)
	add("gname", h.Gname)
	number("devmajor", h.Devmajor)
	number("devminor", h.Devminor)
	if withTime {
		return b.String()
	}
	for _, record := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		if key, ok := strings.CutPrefix(record, xattrPrefix); ok {
			add(key, h.PAXRecords[record])
		}
	}
	return b.String()
}

// An input knows the block that was read last, how many bytes were read, and
// whether reading failed.
type input struct {
	r    io.Reader
	last [blockSize]byte
	read int64
	err  error
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.keep(p[:n])
	i.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = err
	}
	return n, err
}

// keep keeps the last bytes, at the place in their block.
func (i *input) keep(p []byte) {
	at := i.read
	if skip := len(p) - blockSize; skip > 0 {
		p, at = p[skip:], at+int64(skip)
	}
	n := copy(i.last[at%blockSize:], p)
	copy(i.last[:], p[n:])
}

// typeflag returns the type as it stands in the archive. The standard library
// tells a file of the oldest format, whose type is zero, as one of a newer.
func (i *input) typeflag(h *tar.Header) byte {
	plain := h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeDir
	if plain && len(h.PAXRecords) == 0 && i.last[flagAt] == 0 {
		return 0
	}
	return h.Typeflag
}
