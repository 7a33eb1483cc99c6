package storage_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/storage"
)

// TestUploadsLeaveTheLocalDiskAlone, whatever their size and however often they
// are interrupted (S-144).
func TestUploadsLeaveTheLocalDiskAlone(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	p := repository(t, storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{}), "disk")
	content := bytes.Repeat([]byte("d"), 10<<20)
	u := interrupted(t, p, content)
	look := func() {
		t.Helper()
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Fatalf("on the local disk: %v, %v", left, err)
		}
	}
	look()
	w, err := p.Blobs().Resume(t.Context(), u.ID)
	must(t, err)
	_, err = w.Write(content)
	must(t, err)
	look()
	_, err = w.Commit(t.Context(), describe(append(bytes.Clone(content), content...)))
	must(t, err)
	look()
}

// TestLinkThatLeadsElsewhere: what a link holds decides, not where it lies
// (S-339, S-341).
func TestLinkThatLeadsElsewhere(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	p := repository(t, storage.New(d, storage.Options{}), "elsewhere")
	target := push(t, p, []byte("the target"))
	other := digest.FromString("another digest")
	must(t, d.PutContent(t.Context(), linkPath("elsewhere", "_layers", other), []byte(target.Digest)))
	stat, err := p.Blobs().Stat(t.Context(), other)
	must(t, err)
	if stat.Size != target.Size || string(read(t, p, other)) != "the target" {
		t.Fatalf("stat %+v, want the size of %+v", stat, target)
	}
}
