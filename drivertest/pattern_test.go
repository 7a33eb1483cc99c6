package drivertest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func TestMixIsInvertible(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		if z := rng.Uint64(); unmix(mix(z)) != z {
			t.Fatalf("unmix(mix(%d)) is %d", z, unmix(mix(z)))
		}
	}
}

func TestContentIsSeekable(t *testing.T) {
	c := content{object: 5, version: 3, size: 10007}
	whole := c.bytes()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		from := rng.Int64N(c.size)
		to := from + rng.Int64N(c.size-from+1)
		if !bytes.Equal(c.slice(from, to), whole[from:to]) {
			t.Fatalf("slice(%d, %d) differs from the whole", from, to)
		}
	}
	if err := iotest.TestReader(c.reader(0, c.size), whole); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(Data(5, 3, 10007), whole) {
		t.Error("Data differs from the content that failures print")
	}
}

// TestWrongBytesAreDecoded breaks content in each way that a store does.
func TestWrongBytesAreDecoded(t *testing.T) {
	c := content{object: 5, version: 3, size: 200000}
	good := c.bytes()
	swapped := bytes.Clone(good)
	copy(swapped[100000:110000], good[50000:60000])
	zeros := bytes.Clone(good)
	clear(zeros[4096:8192])
	foreign := bytes.Clone(good)
	content{object: 9, version: 1, size: 200000}.fill(foreign[1001:5000], 1001)
	noise := bytes.Clone(good)
	for i := range 4000 {
		noise[777+i] ^= byte(i*7 + 1)
	}
	for name, tc := range map[string]struct {
		got  []byte
		at   int64
		want string
	}{
		"swapped":  {swapped, 100000, "bytes of the same object from offset 50000 (parts swapped)"},
		"stale":    {content{object: 5, version: 2, size: 200000}.bytes(), 0, "version 2, want version 3, offset 0 (stale upload)"},
		"zeros":    {zeros, 4096, "zeros (at least 4096)"},
		"short":    {good[:199997], 199997, "short by 3"},
		"empty":    {nil, 0, "short by 200000"},
		"foreign":  {foreign, 1001, "object 9 version 1 offset 1001"},
		"noise":    {noise, 777, "never written"},
		"too long": {append(bytes.Clone(good), good[:100]...), 200000, "more bytes than were written"},
		"few":      {append(bytes.Clone(good[:199990]), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 199990, "too few to tell"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader(tc.got), iotest.HalfReader(bytes.NewReader(tc.got))} {
				m, ok := c.verify(r, 0).(*mismatch)
				if !ok || m.off != tc.at {
					t.Fatalf("got %v, want a mismatch at %d", m, tc.at)
				}
				if name != "zeros" && !strings.Contains(m.Error(), tc.want) || !strings.Contains(m.Error(), tc.want[:5]) {
					t.Errorf("got %q, want it to say %q", m.Error(), tc.want)
				}
				if len(m.Error()) > 400 {
					t.Errorf("the message has %d bytes", len(m.Error()))
				}
			}
		})
	}
	if err := c.verify(iotest.OneByteReader(bytes.NewReader(good)), 0); err != nil {
		t.Errorf("good content: %v", err)
	}
	if err := c.verify(c.reader(77, c.size), 77); err != nil {
		t.Errorf("good tail: %v", err)
	}
}

// TestHugeContentNeedsNoMemory verifies far into an object that is larger than memory.
func TestHugeContentNeedsNoMemory(t *testing.T) {
	c := content{object: 1, version: 1, size: 5<<30 + 1}
	if err := c.verify(c.reader(c.size-1000, c.size), c.size-1000); err != nil {
		t.Error(err)
	}
}
