package inmemory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/registryconform/conform/reference/driver"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isFull(err error) bool {
	_, ok := errors.AsType[driver.FullError](err)
	return ok
}

func TestBoundIsKeptAndGivenBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := New(Parameters{MaxBytes: 64 << 10})
	must(t, d.PutContent(ctx, "/a/b", make([]byte, 40<<10)))
	if err := d.PutContent(ctx, "/a/c", make([]byte, 40<<10)); !isFull(err) {
		t.Fatalf("put beyond the bound: %v", err)
	}
	must(t, d.PutContent(ctx, "/a/b", make([]byte, 50<<10)))
	w, err := d.Writer(ctx, "/u/1", false)
	must(t, err)
	if _, err := w.Write(make([]byte, 20<<10)); !isFull(err) {
		t.Fatalf("write beyond the bound: %v", err)
	}
	n, err := w.Write(make([]byte, 8<<10))
	must(t, err)
	if n != 8<<10 || w.Size() != 8<<10 {
		t.Fatalf("wrote %d, size %d", n, w.Size())
	}
	must(t, w.Commit(ctx))
	must(t, d.Move(ctx, "/u/1", "/a/x/y"))
	w, err = d.Writer(ctx, "/left/open", false)
	must(t, err)
	_, err = w.Write([]byte("abc"))
	must(t, err)
	must(t, d.Delete(ctx, "/a"))
	if _, none := errors.AsType[driver.PathNotFoundError](d.Delete(ctx, "/left")); !none {
		t.Fatal("a delete shows what is uncommitted")
	}
	if _, err := w.Write([]byte("abc")); err == nil {
		t.Fatal("a write to what was deleted succeeded")
	}
	if d.used != 0 || len(d.pending) != 0 || len(d.root.children) != 0 {
		t.Fatalf("%d bytes are still counted, %d pending, children %v", d.used, len(d.pending), d.root.entries())
	}
	for i := range 1000 {
		if err = d.PutContent(ctx, fmt.Sprintf("/n%d", i), nil); err != nil {
			break
		}
	}
	if !isFull(err) {
		t.Fatalf("a thousand empty files fit into 64 KiB: %v", err)
	}
}

func TestReaderOfManyChunks(t *testing.T) {
	t.Parallel()
	d := New(Parameters{})
	want := make([]byte, 3*chunkSize+17)
	for i := range want {
		want[i] = byte(i * 7 / 3)
	}
	w, err := d.Writer(t.Context(), "/f", false)
	must(t, err)
	for p := want; len(p) > 0; {
		n := min(len(p), 70_001)
		_, err := w.Write(p[:n])
		must(t, err)
		p = p[n:]
	}
	must(t, w.Commit(t.Context()))
	for _, offset := range []int64{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, int64(len(want)), int64(len(want)) + 5} {
		r, err := d.Reader(t.Context(), "/f", offset)
		must(t, err)
		rest := io.Reader(struct{ io.Reader }{r})
		if offset == 0 {
			rest = r // positions of a seek count from the start of the file
		}
		must(t, iotest.TestReader(rest, want[min(offset, int64(len(want))):]))
		must(t, r.Close())
	}
	r, err := d.Reader(t.Context(), "/f", 5)
	must(t, err)
	var b bytes.Buffer
	if _, err := io.Copy(&b, r); err != nil || !bytes.Equal(b.Bytes(), want[5:]) {
		t.Fatalf("copied %d bytes: %v", b.Len(), err)
	}
}

// TestRoom demands that content which was written piece by piece takes little more
// room than it has bytes, once it is committed.
func TestRoom(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 33_000, chunkSize, chunkSize + 1, 2*chunkSize + 600_000} {
		d := New(Parameters{})
		w, err := d.Writer(t.Context(), "/f", false)
		must(t, err)
		for left := size; left > 0; left -= 10_000 {
			_, err := w.Write(make([]byte, min(left, 10_000)))
			must(t, err)
		}
		must(t, w.Commit(t.Context()))
		room := 0
		for _, chunk := range d.root.find("/f").content.chunks {
			room += cap(chunk)
		}
		if room < size || room > size+size/4+64 {
			t.Errorf("%d bytes take the room of %d", size, room)
		}
	}
}

// TestReadersSeeWholeVersions runs under -race.
func TestReadersSeeWholeVersions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := New(Parameters{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 200 {
				content := bytes.Repeat([]byte{byte('a' + i)}, 1000+i)
				if i%2 == 0 {
					if err := d.PutContent(ctx, "/p/f", content); err != nil {
						t.Error(err)
					}
				} else if err := write(ctx, d, fmt.Sprintf("/w/%d", i), "/p/f", content); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 500 {
				b, err := d.GetContent(ctx, "/p/f")
				if _, none := errors.AsType[driver.PathNotFoundError](err); none {
					continue
				}
				if err != nil || len(b) != 1000+int(b[0]-'a') || bytes.Count(b, b[:1]) != len(b) {
					t.Errorf("read %d bytes %.10q: %v", len(b), b, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func write(ctx context.Context, d driver.Driver, from, to string, content []byte) error {
	w, err := d.Writer(ctx, from, false)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return errors.Join(err, w.Commit(ctx), w.Close(), d.Move(ctx, from, to))
}
