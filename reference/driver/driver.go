// Package driver is the storage-driver contract: a path-keyed byte store with
// eleven methods, the rules of paths, and typed errors. It knows nothing of
// registries, and imports nothing of this module.
//
// The method set is that of CNCF distribution v3. What that leaves unsaid is
// said here: "." and ".." are refused, nothing uncommitted is visible, a put
// or a commit is atomic and durable (as far as the medium is), and a failed
// commit leaves the old content. Package drivertest judges all of it.
package driver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"
)

// A Driver stores content under paths (see [CheckPath]). There are no
// directories but those that the paths of files imply.
//
// Methods are safe for concurrent use and honour the context: a call whose
// context is done fails with the context's error, and changes nothing that a
// reader could see. A path outside the rules gives [InvalidPathError] before
// anything else happens; errors that no type of this package describes are
// wrapped in [Error].
type Driver interface {
	// Name returns the driver's name for people: "filesystem".
	Name() string

	// GetContent returns the whole content of the file, which the caller
	// may change. It fails with [PathNotFoundError].
	GetContent(ctx context.Context, path string) ([]byte, error)

	// PutContent replaces or creates the file. Once it returns nil, a
	// crash loses nothing of it; at no time does a reader see a part.
	PutContent(ctx context.Context, path string, content []byte) error

	// Reader returns the content from the given byte offset on. An offset
	// at the end, or after it, reads as empty; a negative one gives
	// [InvalidOffsetError]. It fails with [PathNotFoundError]. The content
	// read is that of one version, though the file is replaced meanwhile.
	Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error)

	// Writer writes the file in pieces. With append false it starts over;
	// with append true it goes on with what an earlier writer of this path
	// left uncommitted, and starts at zero bytes if there is nothing.
	// Committed content stays as it was until Commit. It can't be added
	// to: where it has any bytes and nothing is uncommitted, append fails
	// with [CommittedError].
	//
	// Writers of one path must not overlap in time. A driver that can tell,
	// across processes, fails with [BusyError] rather than append to what
	// another writer has open.
	Writer(ctx context.Context, path string, append bool) (FileWriter, error)

	// Stat describes the file or the directory that path implies, or fails
	// with [PathNotFoundError]. "/" is always there.
	Stat(ctx context.Context, path string) (FileInfo, error)

	// List returns the full paths of the direct children of a directory,
	// sorted. It fails with [PathNotFoundError]; "/" is always there.
	List(ctx context.Context, path string) ([]string, error)

	// Move renames a file and replaces what is at dst, atomically. It
	// fails with [PathNotFoundError] of src. Moving a file onto itself
	// changes nothing.
	Move(ctx context.Context, src, dst string) error

	// Delete removes the file, or all under the directory, and what
	// writers left uncommitted there. It fails with [PathNotFoundError] if
	// nothing was in view; what was uncommitted is gone all the same.
	Delete(ctx context.Context, path string) error

	// RedirectURL returns a URL from which the request r for the content
	// can be answered, or "" if this driver has none.
	RedirectURL(r *http.Request, path string) (string, error)

	// Walk calls f for each file and directory under path, depth first, a
	// directory before its content, the children of one directory sorted;
	// path itself is left out. An error of f ends the walk and is
	// returned, but for [ErrSkipDir] (of a directory: do not descend) and
	// [ErrFilledBuffer] (end the walk, return nil). What vanishes during
	// the walk is left out. It fails with [PathNotFoundError].
	Walk(ctx context.Context, path string, f WalkFunc, options ...func(*WalkOptions)) error
}

// A FileWriter writes one file. It is for one goroutine. After Commit or
// Cancel only Close may follow, after Close only Cancel; every other call
// fails and changes nothing. Close may be repeated: it returns nil then. One that
// is an [io.ReaderAt], too, can be read until Commit.
type FileWriter interface {
	// WriteCloser writes at the end. Close makes what was written last, so
	// that Writer can append to it, without publishing it.
	io.WriteCloser

	// Size returns the bytes of the file so far, those of earlier writers
	// and those not yet flushed included.
	Size() int64

	// Cancel discards all that is uncommitted. After Close it fails, and
	// discards nothing, if another writer has written to the upload since.
	Cancel(ctx context.Context) error

	// Commit publishes the content, atomically and durably.
	Commit(ctx context.Context) error
}

// A Peeker is a [Driver] that tells what is uncommitted without a [FileWriter],
// which may take it from another one.
type Peeker interface {
	// Uncommitted returns how many bytes of the file writers have left
	// uncommitted. It changes nothing. It fails with [PathNotFoundError] if
	// there is nothing, and with [BusyError] if a writer has it open whose
	// bytes are not sure yet.
	Uncommitted(ctx context.Context, path string) (int64, error)
}

// Uncommitted does what that of a [Peeker] does, with a writer if d is none.
func Uncommitted(ctx context.Context, d Driver, path string) (int64, error) {
	if p, ok := d.(Peeker); ok {
		return p.Uncommitted(ctx, path)
	}
	w, err := d.Writer(ctx, path, true)
	if err != nil {
		return 0, err
	}
	size := w.Size()
	if size == 0 {
		err = errors.Join(PathNotFoundError{Path: path, DriverName: d.Name()}, w.Cancel(ctx))
	}
	return size, errors.Join(err, w.Close())
}

// An OrphanAborter is a [Driver] whose store keeps what writers left uncommitted for
// ever, also where no path leads to it any more.
type OrphanAborter interface {
	// AbortOrphans discards what writers began before the given time and
	// have not committed, whoever they were, but at paths that keep wants
	// kept. It returns how much there was. Writers that are in use lose what
	// they wrote.
	AbortOrphans(ctx context.Context, before time.Time, keep func(path string) (bool, error)) (int, error)
}

// A Fingerprinter is a [FileWriter] of a driver that can't keep two writers of
// one path apart.
type Fingerprinter interface {
	// Fingerprint names the bytes of the file so far. After Close it is
	// that of what was closed; a writer that goes on with the same bytes
	// has the same one, and if another has changed them, another.
	Fingerprint() string
}

// A Mover is a [FileWriter] that tells what it has committed from what others have
// put in its place since.
type Mover interface {
	// MoveTo moves what this writer has committed to another path, as Move
	// does. It may come after Close. If it is no more where it was
	// committed, it fails with [DiscardedError] and does nothing.
	MoveTo(ctx context.Context, path string) error
}

// PrintParts returns a fingerprint of a file of which the store has parts, whose
// names tell their content, and behind them a tail.
func PrintParts(names iter.Seq[string], tail []byte) string {
	sum := sha256.New()
	for name := range names {
		fmt.Fprintln(sum, name)
	}
	sum.Write(tail)
	return string(sum.Sum(nil))
}

// A ChunkReader is a reader of a driver that has the content in memory.
type ChunkReader interface {
	// NextChunk returns bytes of the content that come next, limit at most,
	// and moves behind them; at the end it fails with [io.EOF]. They are not a
	// copy: the caller must not change them.
	NextChunk(limit int64) ([]byte, error)
}

// WriteChunks writes the next bytes of a content, limit or as many as there are,
// and returns how many were written. After a failure r may be behind more.
func WriteChunks(w io.Writer, r ChunkReader, limit int64) (written int64, err error) {
	for written < limit {
		chunk, err := r.NextChunk(limit - written)
		if err == io.EOF {
			break
		}
		if err != nil {
			return written, err
		}
		n, err := w.Write(chunk)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// A FileInfo describes a file or a directory.
type FileInfo interface {
	// Path returns the full path.
	Path() string
	// Size returns the file's length in bytes, 0 for a directory.
	Size() int64
	// ModTime returns when the content changed last; zero if unknown.
	ModTime() time.Time
	// IsDir reports whether the path is a directory.
	IsDir() bool
}

// A WalkFunc is called by Walk for each file and directory.
type WalkFunc func(FileInfo) error

// WalkOptions are the options of Walk.
type WalkOptions struct {
	// StartAfterHint is a path that the caller has seen already, with all
	// that sorts before it ('/' being the lowest byte). A driver may leave
	// these out, or call f for them all the same.
	StartAfterHint string
}

// WithStartAfterHint sets [WalkOptions].StartAfterHint.
func WithStartAfterHint(path string) func(*WalkOptions) {
	return func(o *WalkOptions) { o.StartAfterHint = path }
}

// What a [WalkFunc] may return to steer the walk.
var (
	ErrSkipDir      = errors.New("skip this directory")
	ErrFilledBuffer = errors.New("we have enough entries")
)
