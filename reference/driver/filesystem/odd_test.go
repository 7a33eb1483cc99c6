package filesystem

import (
	"errors"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

// TestHintOfRoot: a hint that is the path of the walk itself covers nothing.
func TestHintOfRoot(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), open(t, t.TempDir())
	must(t, d.PutContent(ctx, "/a", nil))
	n := 0
	bad := errors.New("called on and on")
	err := d.Walk(ctx, "/", func(i driver.FileInfo) error {
		if i.Path() == "/" {
			t.Log("f is called for /")
		}
		if n++; n > 1000 {
			return bad
		}
		return nil
	}, driver.WithStartAfterHint("/"))
	if err != nil || n != 1 {
		t.Errorf("f is called %d times, %v", n, err)
	}
}

// TestFarOffset: an offset after the end reads as empty, however far.
func TestFarOffset(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), open(t, t.TempDir())
	must(t, d.PutContent(ctx, "/a", []byte("x")))
	for _, at := range []int64{1 << 40, 1 << 50, math.MaxInt64} {
		r, err := d.Reader(ctx, "/a", at)
		if err != nil {
			t.Errorf("at %d: %v", at, err)
			continue
		}
		r.Close()
	}
}

// TestMoveWhoseSyncFails: that a sync fails is no sign of an absent source.
func TestMoveWhoseSyncFails(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), open(t, t.TempDir())
	must(t, d.PutContent(ctx, "/a", []byte("x")))
	d.names = newSyncer(func(string) error { return syscall.EIO })
	if err := d.Move(ctx, "/a", "/b"); err == nil || isNotFound(err) {
		t.Errorf("Move: %v", err)
	}
}

// TestLongName: no file can have so long a name: it is absent.
func TestLongName(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), open(t, t.TempDir())
	if _, err := d.GetContent(ctx, "/"+strings.Repeat("a", 300)); !isNotFound(err) {
		t.Errorf("%v", err)
	}
}

// TestSweepLeavesWhatIsBeingCommitted: a process that starts leaves a file alone that
// another is committing, though the last write to it was long ago.
func TestSweepLeavesWhatIsBeingCommitted(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	file, err := open(t, root).Writer(t.Context(), "/u/data", false)
	must(t, err)
	w := file.(*writer)
	_, err = w.Write([]byte("x"))
	must(t, err)
	at, err := w.take()
	must(t, err)
	old := time.Now().Add(-2 * time.Hour)
	must(t, os.Chtimes(at, old, old))
	open(t, root)
	if _, err := os.Stat(at); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	must(t, w.file.Close())
	open(t, root)
	if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nobody has it open, and it stays: %v", err)
	}
}
