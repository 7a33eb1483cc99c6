// Package filesystem is a storage driver over a directory of a local file
// system. The file of path /a/b is ROOT/a/b.
//
// What is in the making lies in ROOT/~staging, a name that no path can have:
//
//	new/     content that waits for its name
//	open/    what writers left uncommitted, under the path it is for
//	trash/   trees that were deleted, until they are gone
//	intent/  links that name directories which a crash could leave empty
//
// Content gets its name by a rename, once it is on stable storage; a directory
// that is new comes into view with its first file in it. After a crash [New]
// puts away what was cut short, in time that does not depend on the size of
// the store. Several processes may use one root.
package filesystem

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

const (
	name    = "filesystem"
	staging = "~staging"

	// abandonedAfter is the age at which content that waits for its name
	// is taken to have lost its process.
	abandonedAfter = time.Hour

	// contentsBound is how many bytes the contents that are kept may take, one
	// of them keptSize at most: as much as a link, or the manifest of an image,
	// which are read again and again. contentCost is what one takes beside its
	// bytes.
	contentsBound = 4 << 20
	keptSize      = 4 << 10
	contentCost   = 512
)

// Parameters are the settings of a [Driver].
type Parameters struct {
	// Root is the directory of all content. It is made if it is absent.
	Root string
	// NoSync acknowledges what has not reached stable storage. A crash of
	// the process loses nothing by it; a crash of the machine can.
	NoSync bool
	// Exclusive says that nothing but this driver changes what is under Root.
	// It then asks the system once what a small file holds, how long a file is
	// and that there is none, and remembers the answers in 16 MiB at most.
	Exclusive bool
}

// A Driver is a [driver.Driver] over a directory. Make one with [New].
type Driver struct {
	root   string
	noSync bool
	names  *syncer
	loose  loose

	listings *known[[]driver.Entry]
	contents *known[[]byte]
	alone    *exclusive // nil: others may change files, too
	intents  intents

	process string        // begins the names that this driver makes up
	made    atomic.Uint64 // counts them
}

var (
	_ driver.Lister = (*Driver)(nil)
	_ driver.Peeker = (*Driver)(nil)
)

// New returns the driver of a root, and puts away what a crash left.
func New(p Parameters) (*Driver, error) {
	if p.Root == "" {
		return nil, errors.New("filesystem: no root directory is given")
	}
	root, err := filepath.Abs(p.Root)
	if err != nil {
		return nil, fmt.Errorf("filesystem: root %q: %w", p.Root, err)
	}
	d := &Driver{
		root: root, noSync: p.NoSync, names: newSyncer(syncDir), loose: loose{byDir: map[string]*looseDir{}},
		listings: newKnown[[]driver.Entry](listingsBound), contents: newKnown[[]byte](contentsBound),
		intents: intents{byDir: map[string]*intent{}}, process: rand.Text(),
	}
	if p.Exclusive {
		d.alone = newExclusive()
	}
	for _, folder := range []string{"new", "open", "trash", "intent"} {
		if err := os.MkdirAll(d.staged(folder), 0o777); err != nil {
			return nil, fmt.Errorf("filesystem: %w", err)
		}
	}
	if err := d.recover(); err != nil {
		return nil, fmt.Errorf("filesystem: recover: %w", err)
	}
	return d, nil
}

// Name returns "filesystem".
func (d *Driver) Name() string { return name }

// Root returns the directory of all content, as an absolute path.
func (d *Driver) Root() string { return d.root }

// full returns the file of a path.
func (d *Driver) full(path string) string {
	if path == "/" {
		return d.root
	}
	return d.root + path
}

// staged returns a place in the staging folder.
func (d *Driver) staged(elem ...string) string {
	return filepath.Join(append([]string{d.root, staging}, elem...)...)
}

// unnamed returns a place in a folder of the staging folder that nobody else
// knows.
func (d *Driver) unnamed(folder string) string {
	return d.root + "/" + staging + "/" + folder + "/" + d.process + strconv.FormatUint(d.made.Add(1), 36)
}

// check refuses a path outside the rules and a context that is done.
func check(ctx context.Context, path string, dir bool) error {
	if err := driver.CheckPath(name, path, dir); err != nil {
		return err
	}
	return typed(path, ctx.Err())
}

// typed gives a failure its type. That a path leads through a file, or to a
// directory where a file is wanted, or that a name is longer than any can be, means
// that there is no such file; callers for which it means something else don't come
// here.
func typed(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case isAbsent(err):
		return driver.PathNotFoundError{Path: path, DriverName: name}
	}
	return failure(err)
}

// failure gives a failure its type, but never that something is absent.
func failure(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return driver.FullError{DriverName: name, Detail: err}
	}
	return driver.Failure(context.Background(), name, err)
}

func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) ||
		errors.Is(err, syscall.ENAMETOOLONG)
}

// GetContent implements [driver.Driver]. Content that is small and has not changed
// for a while is remembered: to see that it is still the same takes a quarter of
// the system calls.
func (d *Driver) GetContent(ctx context.Context, path string) ([]byte, error) {
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	if d.alone != nil {
		return d.alone.getContent(path, d.getContent)
	}
	return d.getContent(path)
}

func (d *Driver) getContent(path string) ([]byte, error) {
	full := d.full(path)
	info, err := os.Stat(full)
	if err != nil {
		return nil, typed(path, err)
	}
	if content, ok := d.contents.get(path, info); ok {
		return bytes.Clone(content), nil
	}
	if d.alone == nil && info.Size() <= keptSize && isSettled(info) {
		content, err := d.keepContent(path)
		return content, typed(path, err)
	}
	content, err := readFile(full, info.Size())
	return content, typed(path, err)
}

// keepContent reads a file, and remembers what it holds if it is still worth it.
// What it remembers it by is of the file that it reads: another may have come in
// the place of the one that was looked at before, and that one may come back.
func (d *Driver) keepContent(path string) (content []byte, err error) {
	file, err := openFile(d.full(path), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if content, err = io.ReadAll(file); err != nil {
		return nil, err
	}
	if len(content) <= keptSize && isSettled(info) {
		d.contents.put(path, info, bytes.Clone(content), len(content)+len(path)+contentCost)
	}
	return content, nil
}

// Reader implements [driver.Driver]. The reader is an [*os.File].
func (d *Driver) Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if err := driver.CheckPath(name, path, false); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, driver.InvalidOffsetError{Path: path, Offset: offset, DriverName: name}
	}
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	file, err := openFile(d.full(path), os.O_RDONLY)
	if err != nil {
		return nil, typed(path, err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = syscall.EISDIR
	}
	if err == nil && offset > 0 {
		_, err = file.Seek(min(offset, info.Size()), io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, typed(path, err)
	}
	return file, nil
}

// Stat implements [driver.Driver].
func (d *Driver) Stat(ctx context.Context, path string) (driver.FileInfo, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	if d.alone != nil {
		return d.alone.stat(path, d.stat)
	}
	return d.stat(path)
}

func (d *Driver) stat(path string) (driver.FileInfo, error) {
	i, err := os.Stat(d.full(path))
	if err != nil {
		return nil, typed(path, err)
	}
	return info{path: path, FileInfo: i}, nil
}

// List implements [driver.Driver].
func (d *Driver) List(ctx context.Context, path string) ([]string, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	dir, err := os.Open(d.full(path))
	if err != nil {
		return nil, typed(path, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, typed(path, err)
	}
	names = slices.DeleteFunc(names, func(base string) bool { return !driver.ValidComponent(base) })
	slices.Sort(names)
	driver.JoinPaths(path, names)
	return names, nil
}

// Walk implements [driver.Driver].
func (d *Driver) Walk(ctx context.Context, path string, f driver.WalkFunc, options ...func(*driver.WalkOptions)) error {
	return driver.WalkByListing(ctx, d, path, f, options...)
}

// RedirectURL implements [driver.Driver]: there is no URL.
func (d *Driver) RedirectURL(*http.Request, string) (string, error) { return "", nil }

// info is a [driver.FileInfo] over what the system says.
type info struct {
	path string
	fs.FileInfo
}

func (i info) Path() string { return i.path }

func (i info) Size() int64 {
	if i.IsDir() {
		return 0
	}
	return i.FileInfo.Size()
}
