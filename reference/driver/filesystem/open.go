package filesystem

import (
	"errors"
	"io"
	"io/fs"
	"os"
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

// readFile is [os.ReadFile] in the fewest system calls.
func readFile(full string) (content []byte, err error) {
	fd, err := openFD(full, syscall.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pathError("close", full, syscall.Close(fd))) }()
	var stat syscall.Stat_t
	if err := syscall.Fstat(fd, &stat); err != nil {
		return nil, pathError("stat", full, err)
	}
	if stat.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		return nil, pathError("read", full, syscall.EISDIR)
	}
	content = make([]byte, stat.Size)
	for n := 0; n < len(content); {
		got, err := syscall.Read(fd, content[n:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err == nil && got == 0:
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, pathError("read", full, err)
		}
		n += got
	}
	return content, nil
}
