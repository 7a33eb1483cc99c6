package drivertest

import (
	"context"
	"io"
	"net/http"
	"time"
)

// FileInfo is what a driver says of one path.
type FileInfo interface {
	// Path is the absolute path within the store.
	Path() string
	// Size is the number of bytes of an object; 0 for a directory.
	Size() int64
	// ModTime is when the object was last committed.
	ModTime() time.Time
	// IsDir tells a directory from an object.
	IsDir() bool
}

// FileWriter is one upload: bytes that become an object at Commit and not before.
type FileWriter interface {
	io.WriteCloser
	// Size is the number of bytes accepted so far, those before a resume included.
	Size() int64
	// Cancel discards what was written.
	Cancel(ctx context.Context) error
	// Commit publishes what was written.
	Commit(ctx context.Context) error
}

// Driver is the method set under test, as a constraint: FI, FW, WF and WO are the driver's own
// types for a FileInfo, a FileWriter, the callback of Walk and the options of Walk. They are
// inferred; nobody writes them down. A field StartAfterHint of WO is set where it exists.
type Driver[FI FileInfo, FW FileWriter, WF ~func(FI) error, WO any] interface {
	Name() string
	GetContent(ctx context.Context, path string) ([]byte, error)
	PutContent(ctx context.Context, path string, content []byte) error
	Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error)
	Writer(ctx context.Context, path string, append bool) (FW, error)
	Stat(ctx context.Context, path string) (FI, error)
	List(ctx context.Context, path string) ([]string, error)
	Move(ctx context.Context, sourcePath, destPath string) error
	Delete(ctx context.Context, path string) error
	RedirectURL(r *http.Request, path string) (string, error)
	Walk(ctx context.Context, path string, f WF, options ...func(*WO)) error
}
