package filesystem_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/registryconform/conform/drivertest"
)

const (
	// nobody is the user and the group of a process without rights of its own.
	nobody = 65534
	// ordinary tells the process that it is of an ordinary user.
	ordinary = "CONFORM_TEST_ORDINARY"
)

// TestForbidden judges the driver on a directory that it may not enter. To root
// nothing is forbidden: it runs the test again as nobody.
func TestForbidden(t *testing.T) {
	if os.Geteuid() != 0 {
		judge(t, []string{"FALT-10", "ERRS-02"}, drivertest.Hooks{Fault: forbidden})
		return
	}
	if os.Getenv(ordinary) != "" {
		t.Fatal("root, still")
	}
	dir, err := os.MkdirTemp("", "forbidden")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "test")
	err = errors.Join(os.Chmod(dir, 0o755), exec.Command("cp", os.Args[0], program).Run(), os.Mkdir(filepath.Join(dir, "tmp"), 0o777), os.Chown(filepath.Join(dir, "tmp"), nobody, nobody))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	command.Dir = dir
	command.Env = append(os.Environ(), ordinary+"=1", "TMPDIR="+filepath.Join(dir, "tmp"))
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// forbidden is a store whose root directory may not be entered meanwhile.
func forbidden(wanted drivertest.Fault) (drivertest.Faulty, error) {
	if wanted != drivertest.Forbidden {
		return drivertest.Faulty{}, errors.ErrUnsupported
	}
	root, err := os.MkdirTemp("", "root")
	if err != nil {
		return drivertest.Faulty{}, err
	}
	allow := func(mode os.FileMode) {
		if err := os.Chmod(root, mode); err != nil {
			panic(err)
		}
	}
	target, err := openAt(root)
	return drivertest.Faulty{
		Target: target, Arm: func() { allow(0) }, Disarm: func() { allow(0o700) },
		Close: func() { allow(0o700); os.RemoveAll(root) },
	}, err
}
