package disk

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
)

// ownMounts tells the process that it has mounts, and limits, of its own.
const ownMounts = "CONFORM_TEST_MOUNTS"

// Inside reports whether the process has mounts and limits of its own, which
// nobody else sees. Where it has not, Inside runs the calling test, which is no
// subtest, again in one that has: as root, or as root of a user namespace. The
// test then ends at once, with the outcome of that process.
func Inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownMounts) == "" {
		outside(t)
		return false
	}
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	return true
}

func outside(t *testing.T) {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
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

// A Medium mounts something on a directory. What may not be mounted here is
// [errors.ErrUnsupported].
type Medium func(dir string) error

func mounted(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENODEV) || errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}

// Tmpfs is a file system in memory, with the options of mount.
func Tmpfs(options string) Medium {
	return func(dir string) error { return mounted(syscall.Mount("none", dir, "tmpfs", 0, options)) }
}

// Ext4 is an ext4 of the given size, whose image lies beside the directory, under
// its name and ".image". It takes the machine's root.
func Ext4(size string) Medium {
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

// Overlay has its upper layer in memory, with the options of that mount.
func Overlay(options string) Medium {
	return func(dir string) error {
		small := dir + ".layers"
		if err := os.Mkdir(small, 0o777); err != nil {
			return err
		}
		if err := Tmpfs(options)(small); err != nil {
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

// Mount mounts a medium on a new directory. release unmounts it.
func Mount(on Medium) (dir string, release func(), err error) {
	dir, err = os.MkdirTemp("", "disk")
	if err != nil {
		return "", nil, err
	}
	return dir, func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }, on(dir)
}

// A Trouble makes a mounted disk, or the process, fail, and returns what ends it.
type Trouble func(dir string) (end func())

// An Opener opens a driver with the root directory of its store.
type Opener func(root string) (drivertest.Target, error)

// Failing is the hook for one kind of fault: a store on a medium, and trouble
// while it is armed.
func Failing(open Opener, kind drivertest.Fault, on Medium, begin Trouble) drivertest.Hooks {
	return drivertest.Hooks{Fault: func(wanted drivertest.Fault) (drivertest.Faulty, error) {
		if wanted != kind {
			return drivertest.Faulty{}, errors.ErrUnsupported
		}
		dir, release, err := Mount(on)
		if err != nil {
			return drivertest.Faulty{}, err
		}
		target, err := open(filepath.Join(dir, "root"))
		var end func()
		return drivertest.Faulty{
			Target: target, Arm: func() { end = begin(dir) }, Disarm: func() { end() }, Close: release,
		}, err
	}}
}

// Nothing is the trouble of a disk that is too small by itself.
func Nothing(string) func() { return func() {} }

// TakeInodes makes files until there are no inodes left.
func TakeInodes(dir string) func() {
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

// ReadOnly lets nothing be written to the disk.
func ReadOnly(dir string) func() {
	if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		panic(err)
	}
	return func() {
		if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT, ""); err != nil {
			panic(err)
		}
	}
}

// ShortFiles lets the process write no file of more than 64 KiB.
func ShortFiles(string) func() {
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

// TakeDescriptors opens files until the process may open no more.
func TakeDescriptors(string) func() {
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
