package tarsum

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// empty is the sum of no entries.
const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// An item is an entry of an archive and its content.
type item struct {
	tar.Header
	content string
}

func items() []item {
	at := time.Unix(1234567890, 987)
	xattrs := map[string]string{"SCHILY.xattr.user.b": "two", "SCHILY.xattr.user.a": "one", "comment": "counts for nothing"}
	return []item{
		{tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: at}, ""},
		{tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644, Uname: "root", Gname: "wheel", ModTime: at}, "root:x:0:0\n"},
		{tar.Header{Name: "etc/motd", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 12, Gid: 34, ModTime: at, PAXRecords: xattrs}, strings.Repeat("hello ", 500)},
		{tar.Header{Name: "dev/null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3, ModTime: at}, ""},
		{tar.Header{Name: "etc/link", Typeflag: tar.TypeSymlink, Linkname: "motd", Mode: 0o777, ModTime: at}, ""},
		{tar.Header{Name: strings.Repeat("long/", 30) + "name", Typeflag: tar.TypeReg, Mode: 0o600, ModTime: at}, "long"},
	}
}

func archive(t *testing.T, all ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range all {
		i.Size = int64(len(i.content))
		if err := w.WriteHeader(&i.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sum(t *testing.T, version string, content []byte) string {
	t.Helper()
	s, err := Sum(version, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSum has constants that the implementation of Docker 1.13 gave for the
// same archives (S-113, K-66).
func TestSum(t *testing.T) {
	t.Parallel()
	all := items()
	twice := []item{
		{tar.Header{Name: "a", Typeflag: tar.TypeReg, ModTime: time.Unix(1, 0)}, "first"},
		{tar.Header{Name: "./a", Typeflag: tar.TypeReg, ModTime: time.Unix(2, 0)}, "second"},
	}
	for name, tc := range map[string]struct {
		content []byte
		v0, v1  string
	}{
		"everything":        {archive(t, all...), "c2adf68b3db252aed44ae4f64ce76750c60cdfb1169a7e6942c0ab2840932715", "d8a0a56ee38dfb1a0536a744cab21f7a136526c5192420e53cdc471a8baf2112"},
		"one file":          {archive(t, all[1]), "faf353f4a1bb0e4de6ef6eea28ee9d1dc540555011941a32adc325a05758824c", "a8f975138fdbd172dff140521dde7864e3f88158542c9504bd79716c01a6420d"},
		"a path twice":      {archive(t, twice...), "e5964601bcb2aaebca85dd2f5458add82d7dde6a369c28b218bdd9763ab174b2", "52b13200ba66ddfed067abe812925902d0dd1fbf5cd9082e83074e73e4dbd65a"},
		"the other way":     {archive(t, twice[1], twice[0]), "b1d07554087e4e291967e60b24c34fa944d2f0cda20b6109337cb365a88b8bb8", "27aa86b0684bc130ba17fb4bf55c1b8b5f787299d1c689b2574873ca00b924e2"},
		"nothing":           {nil, empty, empty},
		"the empty archive": {make([]byte, 1024), empty, empty},
	} {
		if got := sum(t, "v0", tc.content); got != tc.v0 {
			t.Errorf("%s: version 0 is %s, want %s", name, got, tc.v0)
		}
		if got := sum(t, "v1", tc.content); got != tc.v1 {
			t.Errorf("%s: version 1 is %s, want %s", name, got, tc.v1)
		}
	}
}

// TestOrderAndPaddingCountForNothing, and what else counts for nothing.
func TestOrderAndPaddingCountForNothing(t *testing.T) {
	t.Parallel()
	all := items()
	want := sum(t, "v1", archive(t, all...))
	turned := archive(t, all[5], all[1], all[3], all[0], all[4], all[2])
	if got := sum(t, "v1", append(turned, make([]byte, 10_240)...)); got != want {
		t.Errorf("in another order: %s, want %s", got, want)
	}
	if got := sum(t, "v1", append(turned, "trailing bytes"...)); got != want {
		t.Errorf("with trailing bytes: %s, want %s", got, want)
	}
	one, err := Sum("v1", iotest.OneByteReader(bytes.NewReader(turned)))
	if err != nil || one != want {
		t.Errorf("byte by byte: %s, %v", one, err)
	}
	v0 := sum(t, "v0", turned)
	for i := range all {
		all[i].ModTime = time.Unix(77, 0)
	}
	if got := sum(t, "v1", archive(t, all...)); got != want {
		t.Errorf("at another time: %s, want %s", got, want)
	}
	if got := sum(t, "v0", archive(t, all...)); got == v0 {
		t.Error("version 0 does not see the time")
	}
	all[1].content = "root:x:0:1\n"
	if got := sum(t, "v1", archive(t, all...)); got == want {
		t.Error("another content has the same sum")
	}
}

// TestOldestFormat has a file whose type is zero, as the first archives have it.
func TestOldestFormat(t *testing.T) {
	t.Parallel()
	content := archive(t, item{tar.Header{Name: "f", Typeflag: tar.TypeReg, Mode: 0o644}, "x"})
	content[flagAt] = 0
	copy(content[148:], "        ")
	total := 0
	for _, b := range content[:blockSize] {
		total += int(b)
	}
	copy(content[148:], fmt.Sprintf("%06o\x00 ", total))
	const fields = "namefmode420uid0gid0size1typeflag\x00linknameunamegnamedevmajor0devminor0"
	entry := sha256.Sum256([]byte(fields + "x"))
	whole := sha256.Sum256([]byte(hex.EncodeToString(entry[:])))
	if got, want := sum(t, "v1", content), hex.EncodeToString(whole[:]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// sparse returns an archive of one file that is all hole, of the given length.
func sparse(t *testing.T, length int64) []byte {
	t.Helper()
	content := archive(t, item{tar.Header{Name: "hole", Typeflag: tar.TypeReg, Format: tar.FormatGNU}, ""})
	content[flagAt] = tar.TypeGNUSparse
	copy(content[386:], fmt.Sprintf("%011o\x00%011o\x00", 0, 0))
	copy(content[483:], fmt.Sprintf("%011o\x00", length))
	copy(content[148:], "        ")
	total := 0
	for _, b := range content[:blockSize] {
		total += int(b)
	}
	copy(content[148:], fmt.Sprintf("%06o\x00 ", total))
	return content
}

// TestRefused has bytes that have no sum. None may hang, and reading goes to
// the end so that others can read along.
func TestRefused(t *testing.T) {
	t.Parallel()
	good := archive(t, items()...)
	for name, content := range map[string][]byte{
		"text":            []byte(strings.Repeat("no archive ", 200)),
		"gzip":            append([]byte{0x1f, 0x8b, 8, 0}, bytes.Repeat([]byte{0xa5}, 2000)...),
		"one byte":        {0},
		"cut short":       good[:len(good)-2500],
		"a broken header": append(bytes.Clone(good[:512]), bytes.Repeat([]byte{'x'}, 512)...),
		"a giant hole":    sparse(t, 0o77777777777),
	} {
		in := bytes.NewReader(content)
		if s, err := Sum("v1", in); !errors.Is(err, ErrNoArchive) {
			t.Errorf("%s: %q, %v", name, s, err)
		}
		if in.Len() > 0 {
			t.Errorf("%s: %d bytes were not read", name, in.Len())
		}
	}
	if got := sum(t, "v1", sparse(t, 512)); len(got) != 64 {
		t.Errorf("a small hole: %q", got)
	}
	if _, err := limited("v1", bytes.NewReader(good), len(items())-1); !errors.Is(err, ErrNoArchive) {
		t.Errorf("an entry too many: %v", err)
	}
	if _, err := limited("v1", bytes.NewReader(good), len(items())); err != nil {
		t.Errorf("as many entries as may be: %v", err)
	}
}

// TestFailureOfTheReader is no fault of the archive.
func TestFailureOfTheReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	good := archive(t, items()...)
	for _, n := range []int{0, 100, 512, 700, len(good)} {
		_, err := Sum("v0", io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || errors.Is(err, ErrNoArchive) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func FuzzSum(f *testing.F) {
	f.Add([]byte("no archive"))
	f.Add(make([]byte, 1024))
	f.Add(bytes.Repeat([]byte{0xff}, 600))
	f.Fuzz(func(t *testing.T, content []byte) {
		in := bytes.NewReader(content)
		s, err := Sum("v1", in)
		if (err == nil) != (len(s) == 64) || in.Len() > 0 || err != nil && !errors.Is(err, ErrNoArchive) {
			t.Fatalf("%q, %v, %d bytes left", s, err, in.Len())
		}
	})
}
