package embedded

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// LockStorage notes, until it is closed, that a process changes what is in a
// directory: alone, if it is exclusive, or as one of several. It fails if another has
// noted what does not go with it. Where the file system can't lock, several are let.
func LockStorage(dir string, exclusive bool) (io.Closer, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	err = syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, syscall.EWOULDBLOCK) && exclusive:
		err = errors.New("another server uses it; this one is to be the only one")
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = errors.New("a server uses it that is to be the only one")
	case !exclusive:
		return file, nil
	}
	return nil, errors.Join(err, file.Close())
}
