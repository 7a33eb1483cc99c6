package filesystem

import (
	"errors"
	"syscall"
	"testing"

	"github.com/registryconform/conform/reference/driver"
)

// TestFailures: a disk or a quota that is full has a type of its own, and no
// other failure says that it is full, or that something is absent.
func TestFailures(t *testing.T) {
	t.Parallel()
	for errno, full := range map[syscall.Errno]bool{
		syscall.ENOSPC: true, syscall.EDQUOT: true,
		syscall.EACCES: false, syscall.EPERM: false, syscall.EIO: false, syscall.EROFS: false, syscall.EMFILE: false, syscall.ELOOP: false,
	} {
		err := typed("/a", pathError("open", "/root/a", errno))
		isFull := errors.As(err, new(driver.FullError))
		if isFull != full || errors.As(err, new(driver.PathNotFoundError)) || !errors.Is(err, errno) || !isFull && !errors.As(err, new(driver.Error)) {
			t.Errorf("%s: %#v", errno, err)
		}
	}
	for _, errno := range []syscall.Errno{syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR} {
		if err := typed("/a", pathError("open", "/root/a", errno)); !errors.As(err, new(driver.PathNotFoundError)) {
			t.Errorf("%s: %#v", errno, err)
		}
	}
}
