package filesystem_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/registryconform/conform/ci/backends/disk"
	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
)

// TestDisks judges the driver on disks that are full, that have no inodes left,
// that become read-only or lose their power, over two file systems at once, and
// by a process that may not write more, or open more files. It does so in a
// process of its own, whose mounts nobody else sees.
func TestDisks(t *testing.T) {
	if !disk.Inside(t) {
		return
	}
	full := []string{"FALT-01", "FALT-02", "ERRS-07"}
	for _, c := range []struct {
		name  string
		rules []string
		hooks drivertest.Hooks
	}{
		{"a full tmpfs", full, disk.Failing(openAt, drivertest.NoSpace, disk.Tmpfs("size=1m"), disk.Nothing)},
		{"a full ext4", full, disk.Failing(openAt, drivertest.NoSpace, disk.Ext4("4M"), disk.Nothing)},
		{"a full overlay", full, disk.Failing(openAt, drivertest.NoSpace, disk.Overlay("size=1m"), disk.Nothing)},
		{"no inodes", []string{"FALT-01", "ERRS-07"}, disk.Failing(openAt, drivertest.NoSpace, disk.Tmpfs("size=64m,nr_inodes=300"), disk.TakeInodes)},
		{"read-only", []string{"FALT-10"}, disk.Failing(openAt, drivertest.ReadOnly, disk.Tmpfs("size=8m"), disk.ReadOnly)},
		{"files of 64 KiB at most", full, disk.Failing(openAt, drivertest.NoSpace, disk.Tmpfs("size=64m"), disk.ShortFiles)},
		{"no descriptors", []string{"FALT-07"}, disk.Failing(openAt, drivertest.NoDescriptors, disk.Tmpfs("size=8m"), disk.TakeDescriptors)},
		{"two file systems", []string{"MOVE-08"}, drivertest.Hooks{Spread: spread}},
		{"a power cut", []string{"CRSH-10"}, drivertest.Hooks{Lossy: lossy}},
	} {
		t.Run(c.name, func(t *testing.T) { judge(t, c.rules, c.hooks) })
	}
	t.Run("errors", kinds)
}

// judge demands that all rules are judged, and kept.
func judge(t *testing.T, rules []string, hooks drivertest.Hooks) {
	d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	rep := drivertest.Check(t.Context(), drivertest.Adapt(d), drivertest.Config{
		SkipDir: driver.ErrSkipDir, FilledBuffer: driver.ErrFilledBuffer, Strict: true,
		Semantics: drivertest.Semantics{AppendCreates: true}, Only: rules, Hooks: hooks,
	})
	if err := rep.Err(); err != nil {
		t.Error(err)
	}
	for _, res := range rep.Results {
		t.Log(res.ID, res.Outcome, res.Reason, strings.Join(res.Notes, "; "))
		switch {
		case res.Outcome == drivertest.Failed:
			t.Error(res)
		case strings.Contains(res.Reason, "can't be") || strings.Contains(res.Reason, "can be had"):
			need.Missing(t, "a disk", "run as root: "+res.Reason)
		case res.Outcome == drivertest.Inconclusive:
			t.Errorf("%s: %s", res.ID, res.Reason)
		}
	}
}

func openAt(root string) (drivertest.Target, error) {
	d, err := filesystem.New(filesystem.Parameters{Root: root})
	return drivertest.AdaptStore(func() *filesystem.Driver { return d }), err
}

// spread puts another file system on a directory of a store.
func spread(path string) (drivertest.Target, error) {
	root, err := os.MkdirTemp("", "spread")
	if err != nil {
		return drivertest.Target{}, err
	}
	far := filepath.Join(root, path)
	if err := os.MkdirAll(far, 0o777); err != nil {
		return drivertest.Target{}, err
	}
	if err := disk.Tmpfs("size=16m")(far); err != nil {
		return drivertest.Target{}, err
	}
	return openAt(root)
}

// lossy is an ext4 whose image is copied, without what the system still holds
// back: that is what a power cut leaves.
func lossy() (drivertest.Lossy, error) {
	dir, release, err := disk.Mount(disk.Ext4("48M"))
	if err != nil {
		return drivertest.Lossy{}, err
	}
	target, err := openAt(filepath.Join(dir, "root"))
	left, releaseLeft := dir+".left", func() {}
	return drivertest.Lossy{
		Target: target,
		Cut: func() (drivertest.Target, error) {
			releaseLeft = func() { _ = syscall.Unmount(left, syscall.MNT_DETACH) }
			for _, command := range [][]string{
				{"cp", "--sparse=always", dir + ".image", left + ".image"},
				{"mkdir", left},
				{"mount", "-o", "loop", left + ".image", left},
			} {
				if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
					return drivertest.Target{}, fmt.Errorf("%s: %w: %s", command[0], err, out)
				}
			}
			return openAt(filepath.Join(left, "root"))
		},
		Close: func() { releaseLeft(); release() },
	}, err
}

// kinds looks at the type of the error that a full disk gives, by either way of
// writing, and at what a Writer says that finds no inode.
func kinds(t *testing.T) {
	root, release, err := disk.Mount(disk.Tmpfs("size=1m,nr_inodes=300"))
	if err != nil {
		need.Missing(t, "a disk", "run as root: "+err.Error())
	}
	defer release()
	d, err := filesystem.New(filesystem.Parameters{Root: filepath.Join(root, "root")})
	if err != nil {
		t.Fatal(err)
	}
	isFull := func(what string, err error) {
		t.Helper()
		if _, ok := errors.AsType[driver.FullError](err); !ok || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s on a full disk: %v", what, err)
		}
	}
	isFull("PutContent", d.PutContent(t.Context(), "/a/b", make([]byte, 2<<20)))
	w, err := d.Writer(t.Context(), "/a/c", false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(make([]byte, 2<<20))
	if err == nil {
		err = w.Commit(t.Context())
	}
	isFull("Writer", err)
	if err := errors.Join(w.Cancel(t.Context()), w.Close()); err != nil {
		t.Error(err)
	}
	back := disk.TakeInodes(root)
	_, err = d.Writer(t.Context(), "/x/y/z", false)
	isFull("Writer without inodes", err)
	back()
	if all, err := d.List(t.Context(), "/"); err != nil || len(all) != 0 {
		t.Errorf("what failed has left %v, %v", all, err)
	}
	if err := d.PutContent(t.Context(), "/a/b", make([]byte, 500<<10)); err != nil {
		t.Errorf("the disk does not recover: %v", err)
	}
}
