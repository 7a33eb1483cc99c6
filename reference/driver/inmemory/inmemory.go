// Package inmemory is a storage driver that keeps everything in memory, for
// tests and for servers that need not last. It is the plainest form of the
// driver contract: what another driver does differently is a fault of one of
// the two.
package inmemory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

const name = "inmemory"

// nodeCost is what a file or directory counts beside its bytes.
const nodeCost = 256

// Parameters are the settings of a [Driver]. The zero value sets no bound.
type Parameters struct {
	// MaxBytes bounds the bytes held, those not yet committed included; a
	// file or directory counts 256 bytes beside its content. A write
	// beyond it fails with [driver.FullError]. 0 is no bound.
	MaxBytes int64
}

// A Driver is a [driver.Driver] in memory. Make one with [New].
type Driver struct {
	max int64

	mu      sync.RWMutex
	root    node
	pending map[string]*pending // by path: what writers left uncommitted
	used    int64
}

// pending is content that a writer has not committed yet. The bytes belong to
// the one writer, the rest to the driver's lock.
type pending struct {
	content content
	counted int64 // bytes in the driver's account
	dropped bool  // discarded, or published
	open    bool  // its writer is not closed
}

var (
	_ driver.Lister = (*Driver)(nil)
	_ driver.Peeker = (*Driver)(nil)
)

// New returns an empty driver.
func New(p Parameters) *Driver {
	return &Driver{max: p.MaxBytes, pending: map[string]*pending{}}
}

// Name returns "inmemory".
func (d *Driver) Name() string { return name }

var (
	errIsDirectory = errors.New("the path is a directory, or leads through a file")
	errBound       = errors.New("the bound on memory is reached")
)

// check refuses a context that is done and a path outside the rules.
func check(ctx context.Context, path string, dir bool) error {
	if err := driver.CheckPath(name, path, dir); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return driver.Error{DriverName: name, Detail: err}
	}
	return nil
}

func notFound(path string) error { return driver.PathNotFoundError{Path: path, DriverName: name} }

// reserve counts n more bytes, or fails. The lock must be held.
func (d *Driver) reserve(n int64) error {
	if n > 0 && d.max > 0 && d.used+n > d.max {
		return driver.FullError{DriverName: name, Detail: errBound}
	}
	d.used += n
	return nil
}

// file returns the content of the file at path.
func (d *Driver) file(ctx context.Context, path string) (*content, error) {
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := d.root.find(path)
	if n == nil || n.isDir() {
		return nil, notFound(path)
	}
	return n.content, nil
}

// GetContent implements [driver.Driver].
func (d *Driver) GetContent(ctx context.Context, path string) ([]byte, error) {
	c, err := d.file(ctx, path)
	if err != nil {
		return nil, err
	}
	return c.bytes(), nil
}

// Reader implements [driver.Driver]. The reader is an [io.Seeker] and an
// [io.WriterTo] too.
func (d *Driver) Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if err := driver.CheckPath(name, path, false); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, driver.InvalidOffsetError{Path: path, Offset: offset, DriverName: name}
	}
	c, err := d.file(ctx, path)
	if err != nil {
		return nil, err
	}
	return &reader{c: c, offset: offset}, nil
}

// PutContent implements [driver.Driver].
func (d *Driver) PutContent(ctx context.Context, path string, b []byte) error {
	if err := check(ctx, path, false); err != nil {
		return err
	}
	c := &content{}
	c.append(b)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.publish(path, c, c.size)
}

// publish makes c the content of path; extra are the bytes of c that are not
// counted yet. The lock must be held.
func (d *Driver) publish(path string, c *content, extra int64) error {
	missing := d.root.missing(path)
	if missing < 0 {
		return driver.Error{DriverName: name, Detail: fmt.Errorf("%s: %w", path, errIsDirectory)}
	}
	var old int64
	if n := d.root.find(path); n != nil {
		old = n.content.size
	}
	if err := d.reserve(extra - old + int64(missing)*nodeCost); err != nil {
		return err
	}
	d.root.put(path, c, time.Now())
	return nil
}

// Stat implements [driver.Driver].
func (d *Driver) Stat(ctx context.Context, path string) (driver.FileInfo, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := d.root.find(path)
	if n == nil {
		return nil, notFound(path)
	}
	return infoOf(path, n), nil
}

// List implements [driver.Driver].
func (d *Driver) List(ctx context.Context, path string) ([]string, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := d.root.find(path)
	if n == nil || !n.isDir() {
		return nil, notFound(path)
	}
	return driver.EntryPaths(path, n.entries()), nil
}

// ListAfter implements [driver.Lister].
func (d *Driver) ListAfter(ctx context.Context, path, after string, most int) ([]driver.Entry, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := d.root.find(path)
	if n == nil || !n.isDir() {
		return nil, notFound(path)
	}
	return driver.EntriesAfter(n.entries(), after, most), nil
}

// Move implements [driver.Driver].
func (d *Driver) Move(ctx context.Context, src, dst string) error {
	if err := check(ctx, src, false); err != nil {
		return err
	}
	if err := driver.CheckPath(name, dst, false); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root.find(src)
	switch {
	case n == nil || n.isDir():
		return notFound(src)
	case src == dst:
		return nil
	}
	return d.move(src, n.content, dst)
}

// move gives the content at src the place dst. The lock must be held.
func (d *Driver) move(src string, c *content, dst string) error {
	if err := d.publish(dst, c, 0); err != nil {
		return err
	}
	_, nodes, _ := d.root.remove(src)
	d.used -= int64(nodes) * nodeCost
	return nil
}

// drop removes what is at path and gives its room back. The lock must be held.
func (d *Driver) drop(path string) bool {
	bytes, nodes, ok := d.root.remove(path)
	d.used -= bytes + int64(nodes)*nodeCost
	return ok
}

// Delete implements [driver.Driver].
func (d *Driver) Delete(ctx context.Context, path string) error {
	if err := check(ctx, path, false); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	found := d.drop(path)
	for p, left := range d.pending {
		if p == path || strings.HasPrefix(p, path+"/") {
			d.discard(p, left)
		}
	}
	if !found {
		return notFound(path)
	}
	return nil
}

// Walk implements [driver.Driver]. No lock is held while f runs.
func (d *Driver) Walk(ctx context.Context, path string, f driver.WalkFunc, options ...func(*driver.WalkOptions)) error {
	return driver.WalkByListing(ctx, d, path, f, options...)
}

// RedirectURL implements [driver.Driver]: there is no URL.
func (d *Driver) RedirectURL(*http.Request, string) (string, error) { return "", nil }

// info is a [driver.FileInfo].
type info struct {
	path     string
	size     int64
	modified time.Time
	dir      bool
}

func infoOf(path string, n *node) info {
	if n.isDir() {
		return info{path: path, dir: true}
	}
	return info{path: path, size: n.content.size, modified: n.modified}
}

func (i info) Path() string       { return i.path }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.modified }
func (i info) IsDir() bool        { return i.dir }
