package filesystem

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// openFD opens a file of the local disk and returns its descriptor. Package os
// tries to have each file watched by the poller, which takes four system calls
// and comes to nothing for such files.
func openFD(full string, flags int) (int, error) {
	for {
		fd, err := syscall.Open(full, flags|syscall.O_CLOEXEC, 0o666)
		if !errors.Is(err, syscall.EINTR) {
			return fd, pathError("open", full, err)
		}
	}
}

func pathError(op, full string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: full, Err: err}
}

// openFile is [os.OpenFile] for files of the local disk.
func openFile(full string, flags int) (*os.File, error) {
	fd, err := openFD(full, flags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), full), nil
}

// readFile is [os.ReadFile] in the fewest system calls, for a file that had so many
// bytes a moment ago.
func readFile(full string, size int64) (content []byte, err error) {
	fd, err := openFD(full, syscall.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pathError("close", full, syscall.Close(fd))) }()
	// A byte more shows whether another has taken its place that is longer.
	content = make([]byte, 0, size+1)
	for {
		got, err := syscall.Read(fd, content[len(content):cap(content)])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, pathError("read", full, err)
		}
		content = content[:len(content)+got]
		switch {
		case got == 0, int64(len(content)) == size:
			return content, nil
		case len(content) == cap(content):
			content = slices.Grow(content, len(content))
		}
	}
}

// readNames returns the names in a directory, of which nobody is to know.
func readNames(full string) ([]string, error) {
	dir, err := openFile(full, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	return names, errors.Join(err, dir.Close())
}

// retried calls f until no signal interrupts it.
func retried(f func() error) error {
	for {
		if err := f(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// rename is [os.Rename] without a look at what is there.
func rename(from, to string) error {
	err := retried(func() error { return syscall.Rename(from, to) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// mkdir is [os.Mkdir].
func mkdir(full string) error {
	return pathError("mkdir", full, retried(func() error { return syscall.Mkdir(full, 0o777) }))
}

// rmdir reports whether the directory is gone.
func rmdir(full string) bool {
	err := retried(func() error { return syscall.Rmdir(full) })
	return err == nil || errors.Is(err, syscall.ENOENT)
}

// unlink removes a file, if it is there.
func unlink(full string) error {
	return ignoreAbsent(pathError("unlink", full, retried(func() error { return syscall.Unlink(full) })))
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// syncDir makes the names in a directory last. One that has gone meanwhile has
// no names to keep.
func syncDir(full string) error {
	fd, err := openFD(full, syscall.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(
		pathError("sync", full, retried(func() error { return syscall.Fsync(fd) })),
		pathError("close", full, syscall.Close(fd)),
	)
}
