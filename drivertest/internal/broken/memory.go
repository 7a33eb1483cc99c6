// Package broken holds a small sound storage driver and drivers that are wrong on purpose, at
// least one for each MUST and SHOULD of the suite. They are the suite's own test: whatever it
// would not notice, it does not test. Nothing else may use them.
package broken

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Driver is the method set under test, over this package's own types.
type Driver interface {
	Name() string
	GetContent(ctx context.Context, path string) ([]byte, error)
	PutContent(ctx context.Context, path string, content []byte) error
	Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error)
	Writer(ctx context.Context, path string, append bool) (Writer, error)
	Stat(ctx context.Context, path string) (Info, error)
	List(ctx context.Context, path string) ([]string, error)
	Move(ctx context.Context, from, to string) error
	Delete(ctx context.Context, path string) error
	RedirectURL(r *http.Request, path string) (string, error)
	Walk(ctx context.Context, path string, f WalkFunc, options ...func(*WalkOptions)) error
}

// Writer is an upload.
type Writer interface {
	io.WriteCloser
	Size() int64
	Cancel(ctx context.Context) error
	Commit(ctx context.Context) error
}

// Info describes a path.
type Info interface {
	Path() string
	Size() int64
	ModTime() time.Time
	IsDir() bool
}

// WalkFunc is the callback of Walk.
type WalkFunc func(Info) error

// WalkOptions are the options of Walk.
type WalkOptions struct{ StartAfterHint string }

// The sentinels of a WalkFunc.
var (
	ErrSkipDir      = errors.New("skip this directory")
	ErrFilledBuffer = errors.New("enough entries")
)

// PathNotFoundError says that there is nothing at a path.
type PathNotFoundError struct{ Path, DriverName string }

func (e PathNotFoundError) Error() string { return e.DriverName + ": path not found: " + e.Path }

// InvalidPathError says that a path is malformed.
type InvalidPathError struct{ Path, DriverName string }

func (e InvalidPathError) Error() string { return e.DriverName + ": invalid path: " + e.Path }

// InvalidOffsetError says that an offset is negative.
type InvalidOffsetError struct {
	Path       string
	Offset     int64
	DriverName string
}

func (e InvalidOffsetError) Error() string {
	return fmt.Sprintf("%s: invalid offset %d of %s", e.DriverName, e.Offset, e.Path)
}

// Error is any other error, with the driver's name.
type Error struct {
	DriverName string
	Detail     error
}

func (e Error) Error() string { return e.DriverName + ": " + e.Detail.Error() }
func (e Error) Unwrap() error { return e.Detail }

// Name is what the sound driver calls itself.
const Name = "sound"

func failed(err error) error { return Error{Name, err} }

// object is committed content; its bytes are never changed.
type object struct {
	content []byte
	mod     time.Time
}

// Memory is the sound driver: strict, in memory, safe for concurrent use. All handles to one
// store share one Memory.
type Memory struct {
	mu      sync.Mutex
	objects map[string]object
	// dirs counts the objects below each directory.
	dirs    map[string]int
	pending map[string]*upload
	// journal records what is acknowledged, for a store that survives its process.
	journal *Journal
}

// New returns an empty store.
func New() *Memory {
	return &Memory{objects: map[string]object{}, dirs: map[string]int{}, pending: map[string]*upload{}}
}

// Name implements Driver.
func (m *Memory) Name() string { return Name }

func validPath(path string, root bool) error {
	if root && path == "/" {
		return nil
	}
	ok := strings.HasPrefix(path, "/") && len(path) <= 4096
	for c := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		ok = ok && c != "" && c != "." && c != ".." && len(c) <= 255
		for _, r := range c {
			ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
		}
	}
	if !ok {
		return InvalidPathError{path, Name}
	}
	return nil
}

// enter checks a path and a context, and locks.
func (m *Memory) enter(ctx context.Context, path string, root bool) error {
	if err := validPath(path, root); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return failed(err)
	}
	m.mu.Lock()
	return nil
}

func below(dir, path string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func (m *Memory) isDir(path string) bool {
	return path == "/" || m.dirs[path] > 0
}

// set and unset are the only places that change what is committed.
func (m *Memory) set(path string, o object) {
	m.unset(path)
	m.objects[path] = o
	m.count(path, 1)
}

func (m *Memory) unset(path string) {
	if _, ok := m.objects[path]; ok {
		delete(m.objects, path)
		m.count(path, -1)
	}
}

func (m *Memory) count(path string, by int) {
	for i, c := range path {
		if c == '/' && i > 0 {
			if m.dirs[path[:i]] += by; m.dirs[path[:i]] == 0 {
				delete(m.dirs, path[:i])
			}
		}
	}
}

// inTheWay says what keeps an object from being stored at path.
func (m *Memory) inTheWay(path string) error {
	if m.isDir(path) {
		return failed(fmt.Errorf("%s is a directory", path))
	}
	for i, c := range path {
		if _, ok := m.objects[path[:i]]; c == '/' && i > 0 && ok {
			return failed(fmt.Errorf("%s is not a directory", path[:i]))
		}
	}
	return nil
}

// GetContent implements Driver.
func (m *Memory) GetContent(ctx context.Context, path string) ([]byte, error) {
	if err := m.enter(ctx, path, false); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	o, ok := m.objects[path]
	if !ok {
		return nil, PathNotFoundError{path, Name}
	}
	return bytes.Clone(o.content), nil
}

// PutContent implements Driver.
func (m *Memory) PutContent(ctx context.Context, path string, content []byte) error {
	content = bytes.Clone(content)
	if err := m.enter(ctx, path, false); err != nil {
		return err
	}
	defer m.mu.Unlock()
	return m.store(path, content)
}

// store publishes content, which becomes the store's.
func (m *Memory) store(path string, content []byte) error {
	if err := m.inTheWay(path); err != nil {
		return err
	}
	if err := m.journal.put(path, content); err != nil {
		return failed(err)
	}
	m.set(path, object{content, time.Now()})
	delete(m.pending, path)
	return nil
}

// Reader implements Driver.
func (m *Memory) Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if offset < 0 {
		return nil, InvalidOffsetError{path, offset, Name}
	}
	if err := m.enter(ctx, path, false); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	o, ok := m.objects[path]
	if !ok {
		return nil, PathNotFoundError{path, Name}
	}
	rest := o.content[min(offset, int64(len(o.content))):]
	return &reader{ctx: ctx, r: bytes.NewReader(rest)}, nil
}

type reader struct {
	ctx    context.Context
	r      *bytes.Reader
	closed bool
}

func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, failed(errors.New("the reader is closed"))
	}
	if err := r.ctx.Err(); err != nil {
		return 0, failed(err)
	}
	return r.r.Read(p)
}

func (r *reader) Close() error {
	r.closed = true
	return nil
}

// Stat implements Driver.
func (m *Memory) Stat(ctx context.Context, path string) (Info, error) {
	if err := m.enter(ctx, path, true); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.stat(path)
}

func (m *Memory) stat(path string) (Info, error) {
	if o, ok := m.objects[path]; ok {
		return info{path, int64(len(o.content)), o.mod, false}, nil
	}
	if m.isDir(path) {
		return info{path: path, dir: true}, nil
	}
	return nil, PathNotFoundError{path, Name}
}

type info struct {
	path string
	size int64
	mod  time.Time
	dir  bool
}

func (i info) Path() string       { return i.path }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.mod }
func (i info) IsDir() bool        { return i.dir }

// List implements Driver.
func (m *Memory) List(ctx context.Context, path string) ([]string, error) {
	if err := m.enter(ctx, path, true); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	l := m.children(path)
	if len(l) == 0 && path != "/" {
		return nil, PathNotFoundError{path, Name}
	}
	return l, nil
}

// children returns the direct children in order.
func (m *Memory) children(dir string) []string {
	seen := map[string]bool{}
	prefix := strings.TrimSuffix(dir, "/") + "/"
	for p := range m.objects {
		if rest, ok := strings.CutPrefix(p, prefix); ok {
			first, _, _ := strings.Cut(rest, "/")
			seen[prefix+first] = true
		}
	}
	l := make([]string, 0, len(seen))
	for p := range seen {
		l = append(l, p)
	}
	slices.Sort(l)
	return l
}

// Move implements Driver. Directories move too.
func (m *Memory) Move(ctx context.Context, from, to string) error {
	if err := validPath(to, false); err != nil {
		return err
	}
	if err := m.enter(ctx, from, false); err != nil {
		return err
	}
	defer m.mu.Unlock()
	o, ok := m.objects[from]
	switch {
	case !ok && !m.isDir(from):
		return PathNotFoundError{from, Name}
	case from == to:
		return nil
	case below(from, to):
		return failed(fmt.Errorf("%s is below %s", to, from))
	case !ok:
		return m.moveDir(from, to)
	}
	if err := m.inTheWay(to); err != nil {
		return err
	}
	if err := m.journal.move(from, to); err != nil {
		return failed(err)
	}
	m.unset(from)
	delete(m.pending, to)
	m.set(to, o)
	return nil
}

func (m *Memory) moveDir(from, to string) error {
	if _, ok := m.objects[to]; ok || m.inTheWay(to) != nil {
		return failed(fmt.Errorf("%s is in the way", to))
	}
	if err := m.journal.move(from, to); err != nil {
		return failed(err)
	}
	moved := map[string]object{}
	for p, o := range m.objects {
		if below(from, p) {
			moved[to+strings.TrimPrefix(p, from)] = o
			m.unset(p)
		}
	}
	for p, o := range moved {
		m.set(p, o)
	}
	return nil
}

// Delete implements Driver. Unfinished uploads at and below the path are discarded.
func (m *Memory) Delete(ctx context.Context, path string) error {
	if err := m.enter(ctx, path, false); err != nil {
		return err
	}
	defer m.mu.Unlock()
	_, found := m.objects[path]
	found = found || m.isDir(path)
	for p, u := range m.pending {
		if p == path || below(path, p) {
			u.discarded = true
			delete(m.pending, p)
		}
	}
	if !found {
		return PathNotFoundError{path, Name}
	}
	if err := m.journal.del(path); err != nil {
		return failed(err)
	}
	for p := range m.objects {
		if p == path || below(path, p) {
			m.unset(p)
		}
	}
	return nil
}

// RedirectURL implements Driver: there is no redirect.
func (m *Memory) RedirectURL(*http.Request, string) (string, error) { return "", nil }

// Walk implements Driver. It holds no lock while it calls back.
func (m *Memory) Walk(ctx context.Context, path string, f WalkFunc, options ...func(*WalkOptions)) error {
	var o WalkOptions
	for _, set := range options {
		set(&o)
	}
	if _, err := m.Stat(ctx, path); err != nil {
		return err
	}
	err := m.walk(ctx, path, o.StartAfterHint, f)
	if errors.Is(err, ErrFilledBuffer) {
		return nil
	}
	return err
}

func (m *Memory) walk(ctx context.Context, dir, hint string, f WalkFunc) error {
	if err := ctx.Err(); err != nil {
		return failed(err)
	}
	m.mu.Lock()
	children := m.children(dir)
	m.mu.Unlock()
	for _, p := range children {
		if err := ctx.Err(); err != nil {
			return failed(err)
		}
		m.mu.Lock()
		fi, err := m.stat(p)
		m.mu.Unlock()
		if err != nil || hint != "" && compare(p, hint) <= 0 && !below(p, hint) && p != hint {
			continue
		}
		if compare(p, hint) > 0 || hint == "" {
			if err := f(fi); errors.Is(err, ErrSkipDir) {
				continue
			} else if err != nil {
				return err
			}
		}
		if fi.IsDir() {
			if err := m.walk(ctx, p, hint, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare orders paths component by component.
func compare(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}
