package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// readers are the drivers of [drivers], and one whose readers can't seek.
func readers() map[string]func(*testing.T) driver.Driver {
	all := map[string]func(*testing.T) driver.Driver{
		"plain reader": func(*testing.T) driver.Driver {
			return faulty.Wrap(inmemory.New(inmemory.Parameters{}), func(faulty.Op, string) error { return nil })
		},
	}
	for name, open := range drivers {
		all[name] = open
	}
	return all
}

// TestSeek tries every kind of seek at every kind of position, before, at and
// beyond the ends of blobs of any length, none included, against a reader of
// bytes (S-038, S-112, S-116, S-205, S-225, S-244, S-245).
// It shows S-204.
func TestSeek(t *testing.T) {
	t.Parallel()
	for name, open := range readers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := repository(t, storage.New(open(t), storage.Options{}), "seek")
			for _, size := range []int{0, 1, 10, 70_000} {
				content := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
				desc := push(t, p, content)
				r, err := p.Blobs().Open(t.Context(), desc.Digest)
				must(t, err)
				model := bytes.NewReader(content)
				for i, offset := range []int64{0, 1, -1, 5, int64(size) / 2, int64(size), int64(size) + 3, int64(-size), int64(-size) - 1, 0} {
					for _, whence := range []int{io.SeekStart, io.SeekCurrent, io.SeekEnd} {
						want, wantErr := model.Seek(offset, whence)
						got, err := r.Seek(offset, whence)
						if (err == nil) != (wantErr == nil) || err == nil && got != want {
							t.Fatalf("%d bytes: seek %d by %d: %d, %v; want %d, %v", size, offset, whence, got, err, want, wantErr)
						}
						wantBytes, gotBytes := make([]byte, 3+i), make([]byte, 3+i)
						k, wantErr := io.ReadFull(model, wantBytes)
						n, err := io.ReadFull(r, gotBytes)
						if n != k || !errors.Is(err, wantErr) || !bytes.Equal(gotBytes[:n], wantBytes[:k]) {
							t.Fatalf("%d bytes: after seek %d by %d: %q, %v; want %q, %v", size, offset, whence, gotBytes[:n], err, wantBytes[:k], wantErr)
						}
					}
				}
				_, err = r.Seek(0, io.SeekStart)
				must(t, err)
				again, err := io.ReadAll(r)
				must(t, err)
				if !bytes.Equal(again, content) || digest.FromBytes(again) != desc.Digest {
					t.Fatalf("read from the start again: %d bytes", len(again))
				}
				must(t, r.Close())
			}
		})
	}
}

// TestCloseOfAReader is no failure (S-233, S-234, K-40).
func TestCloseOfAReader(t *testing.T) {
	t.Parallel()
	for name, open := range readers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := repository(t, storage.New(open(t), storage.Options{}), "close")
			desc := push(t, p, []byte("closed"))
			for _, n := range []int64{0, 2, 6} {
				r, err := p.Blobs().Open(t.Context(), desc.Digest)
				must(t, err)
				got, err := io.CopyN(io.Discard, r, n)
				must(t, err)
				must(t, r.Close())
				if got != n {
					t.Fatalf("%d bytes", got)
				}
			}
		})
	}
}

// TestContentThatGoesUnderAReader, or is shorter than it was said to be, is a
// failure and never an early end (S-114, S-117).
func TestContentThatGoesUnderAReader(t *testing.T) {
	t.Parallel()
	for _, left := range []int{-1, 0, 10} {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			t.Parallel()
			inner := inmemory.New(inmemory.Parameters{})
			d := faulty.Wrap(inner, func(faulty.Op, string) error { return nil })
			p := repository(t, storage.New(d, storage.Options{}), "gone")
			content := bytes.Repeat([]byte("g"), 1000)
			desc := push(t, p, content)
			r, err := p.Blobs().Open(t.Context(), desc.Digest)
			must(t, err)
			// The reader is to open the content anew.
			_, err = r.Seek(5, io.SeekStart)
			must(t, err)
			if left < 0 {
				must(t, inner.Delete(t.Context(), dataPath(desc.Digest)))
			} else {
				must(t, inner.PutContent(t.Context(), dataPath(desc.Digest), content[:left]))
			}
			got, err := io.ReadAll(r)
			if err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%d bytes and no failure", len(got))
			}
			if left < 0 && len(registry.Errors(err)) > 0 {
				t.Errorf("told as %v", err)
			}
		})
	}
}

// TestReaderIsMadeWithoutQuestions: between two seeks the driver is not asked
// (S-060, S-115), and a blob read as a whole is the one read as a stream (S-037).
func TestReaderIsMadeWithoutQuestions(t *testing.T) {
	t.Parallel()
	p, l := ledgered(t, storage.Options{}, "lazy")
	desc := push(t, p, []byte("0123456789"))
	r, err := p.Blobs().Open(t.Context(), desc.Digest)
	must(t, err)
	l.take()
	for _, offset := range []int64{3, 5, 1000, 4} {
		_, err := r.Seek(offset, io.SeekStart)
		must(t, err)
	}
	if calls := l.take(); len(calls) > 0 {
		t.Errorf("seeking makes the calls %v", calls)
	}
	rest, err := io.ReadAll(r)
	if err != nil || string(rest) != "456789" {
		t.Fatalf("%q, %v", rest, err)
	}
	if calls := l.take(); count(calls, "Reader ") != 1 || strings.Contains(strings.Join(calls, " "), "Stat") {
		t.Errorf("reading makes the calls %v", calls)
	}
	must(t, r.Close())
	if whole := read(t, p, desc.Digest); string(whole[4:]) != string(rest) {
		t.Errorf("as a whole %q", whole)
	}
}
