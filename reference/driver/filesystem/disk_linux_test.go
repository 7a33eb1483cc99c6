package filesystem_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
)

// ownMounts tells the process that it has mounts, and limits, of its own.
const ownMounts = "FILESYSTEM_TEST_MOUNTS"

// TestDisks judges the driver on disks that are full, that have no inodes left,
// that become read-only or lose their power, over two file systems at once, and
// by a process that may not write more, or open more files. It does so in a
// process of its own, whose mounts nobody else sees.
func TestDisks(t *testing.T) {
	if os.Getenv(ownMounts) == "" {
		inside(t)
		return
	}
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	full := []string{"FALT-01", "FALT-02", "ERRS-07"}
	for _, disk := range []struct {
		name  string
		rules []string
		hooks drivertest.Hooks
	}{
		{"a full tmpfs", full, failing(drivertest.NoSpace, tmpfs("size=1m"), nothing)},
		{"a full ext4", full, failing(drivertest.NoSpace, ext4("4M"), nothing)},
		{"a full overlay", full, failing(drivertest.NoSpace, overlay("size=1m"), nothing)},
		{"no inodes", []string{"FALT-01", "ERRS-07"}, failing(drivertest.NoSpace, tmpfs("size=64m,nr_inodes=300"), takeInodes)},
		{"read-only", []string{"FALT-10"}, failing(drivertest.ReadOnly, tmpfs("size=8m"), readOnly)},
		{"files of 64 KiB at most", full, failing(drivertest.NoSpace, tmpfs("size=64m"), shortFiles)},
		{"no descriptors", []string{"FALT-07"}, failing(drivertest.NoDescriptors, tmpfs("size=8m"), takeDescriptors)},
		{"two file systems", []string{"MOVE-08"}, drivertest.Hooks{Spread: spread}},
		{"a power cut", []string{"CRSH-10"}, drivertest.Hooks{Lossy: lossy}},
	} {
		t.Run(disk.name, func(t *testing.T) { judge(t, disk.rules, disk.hooks) })
	}
	t.Run("errors", kinds)
}

// inside runs the test again with mounts of its own: as root, or as root of a
// user namespace.
func inside(t *testing.T) {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^TestDisks$", "-test.count=1", "-test.v")
	command.Env = append(os.Environ(), ownMounts+"=1", "TMPDIR="+t.TempDir())
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	out, err := command.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		need.Missing(t, "a namespace for mounts", "run as root, or let users make namespaces")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
		return
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "--- ") || strings.Contains(line, "is missing") {
			t.Log(strings.TrimSpace(line))
		}
	}
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

// A medium mounts something on a directory. What may not be mounted here is
// errors.ErrUnsupported.
type medium func(dir string) error

func mounted(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENODEV) || errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

func tmpfs(options string) medium {
	return func(dir string) error { return mounted(syscall.Mount("none", dir, "tmpfs", 0, options)) }
}

// ext4 keeps its image beside the directory.
func ext4(size string) medium {
	return func(dir string) error {
		if os.Getuid() != 0 || !isInitialUser() {
			return errors.ErrUnsupported
		}
		image := dir + ".image"
		for _, command := range [][]string{
			{"truncate", "-s", size, image},
			{"mkfs.ext4", "-q", "-F", image},
			{"mount", "-o", "loop", image, dir},
		} {
			if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
				return mounted(fmt.Errorf("%s: %w: %s", command[0], err, out))
			}
		}
		return nil
	}
}

// isInitialUser reports whether root is the machine's, not that of a namespace.
func isInitialUser() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(b)), " ") == "0 0 4294967295"
}

// overlay has its upper layer on a small disk.
func overlay(options string) medium {
	return func(dir string) error {
		small := dir + ".layers"
		if err := os.Mkdir(small, 0o777); err != nil {
			return err
		}
		if err := tmpfs(options)(small); err != nil {
			return err
		}
		for _, layer := range []string{"lower", "upper", "work"} {
			if err := os.Mkdir(filepath.Join(small, layer), 0o777); err != nil {
				return err
			}
		}
		return mounted(syscall.Mount("overlay", dir, "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", small)))
	}
}

// mount mounts a medium on a new directory.
func mount(on medium) (dir string, release func(), err error) {
	dir, err = os.MkdirTemp("", "disk")
	if err != nil {
		return "", nil, err
	}
	return dir, func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }, on(dir)
}

func openAt(root string) (drivertest.Target, error) {
	d, err := filesystem.New(filesystem.Parameters{Root: root})
	return drivertest.AdaptStore(func() *filesystem.Driver { return d }), err
}

// A trouble makes a mounted disk, or the process, fail, and returns what ends
// it.
type trouble func(dir string) (end func())

// failing gives a rule a store on a medium, and trouble while it is armed.
func failing(kind drivertest.Fault, on medium, begin trouble) drivertest.Hooks {
	return drivertest.Hooks{Fault: func(wanted drivertest.Fault) (drivertest.Faulty, error) {
		if wanted != kind {
			return drivertest.Faulty{}, errors.ErrUnsupported
		}
		dir, release, err := mount(on)
		if err != nil {
			return drivertest.Faulty{}, err
		}
		target, err := openAt(filepath.Join(dir, "root"))
		var end func()
		return drivertest.Faulty{
			Target: target, Arm: func() { end = begin(dir) }, Disarm: func() { end() }, Close: release,
		}, err
	}}
}

// nothing is the trouble of a disk that is too small by itself.
func nothing(string) func() { return func() {} }

func takeInodes(dir string) func() {
	var taken []string
	for i := 0; ; i++ {
		name := filepath.Join(dir, fmt.Sprint("taken", i))
		file, err := os.Create(name)
		if err != nil {
			break
		}
		file.Close()
		taken = append(taken, name)
	}
	return func() {
		for _, name := range taken {
			os.Remove(name)
		}
	}
}

func readOnly(dir string) func() {
	if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		panic(err)
	}
	return func() {
		if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT, ""); err != nil {
			panic(err)
		}
	}
}

func shortFiles(string) func() {
	signal.Ignore(syscall.SIGXFSZ)
	return limit(syscall.RLIMIT_FSIZE, 64<<10)
}

// limit sets a limit of the process and returns what takes it back.
func limit(resource int, n uint64) func() {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(resource, &before); err != nil {
		panic(err)
	}
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: before.Max}); err != nil {
		panic(err)
	}
	return func() {
		if err := syscall.Setrlimit(resource, &before); err != nil {
			panic(err)
		}
	}
}

func takeDescriptors(string) func() {
	back := limit(syscall.RLIMIT_NOFILE, 64)
	var taken []*os.File
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		taken = append(taken, file)
	}
	return func() {
		for _, file := range taken {
			file.Close()
		}
		back()
	}
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
	if err := tmpfs("size=16m")(far); err != nil {
		return drivertest.Target{}, err
	}
	return openAt(root)
}

// lossy is an ext4 whose image is copied, without what the system still holds
// back: that is what a power cut leaves.
func lossy() (drivertest.Lossy, error) {
	dir, release, err := mount(ext4("48M"))
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
	root, release, err := mount(tmpfs("size=1m,nr_inodes=300"))
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
	back := takeInodes(root)
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
