package driver

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// A FlatStore is what a driver over an object store has in common with others:
// keys without directories, which the server lists in the order of bytes, a
// page at a time. The key of path /a/b is Root + "a/b". Its methods are safe for
// concurrent use.
type FlatStore struct {
	// DriverName stands in errors.
	DriverName string
	// Root is empty or ends in a slash.
	Root string
	// Fetch asks the server for a page of a listing. It returns its entries
	// in any order and the token of the next page, "" after the last. Its
	// errors go to the caller as they are.
	Fetch func(ctx context.Context, q FlatQuery) (page []FlatEntry, next string, err error)
}

// A FlatQuery asks for a page of a listing.
type FlatQuery struct {
	// Prefix is what the keys begin with.
	Prefix string
	// Delimiter, if it isn't empty, has the keys listed as one that hold it
	// behind the prefix.
	Delimiter string
	// Limit is how many entries are wanted; 0: as many as the server likes.
	Limit int32
	// Token is that of the page, "" for the first.
	Token string
	// After, if it isn't empty, tells that no key up to it is wanted any
	// more. A server that can begin behind a key does so, and needs no
	// Token; others may go on where they are.
	After string
}

// A FlatEntry is an entry of a listing. One that ends in a slash can stand for
// all keys that begin so.
type FlatEntry struct {
	Key     string
	Size    int64
	ModTime time.Time
}

// Key returns the key of a path.
func (s *FlatStore) Key(path string) string { return s.Root + path[1:] }

// Below returns what the keys below a path begin with.
func (s *FlatStore) Below(path string) string {
	if path == "/" {
		return s.Root
	}
	return s.Key(path) + "/"
}

// Path returns the path of a key, which may end in a slash, and whether it is
// one.
func (s *FlatStore) Path(key string) (string, bool) {
	path := "/" + strings.TrimSuffix(strings.TrimPrefix(key, s.Root), "/")
	return path, CheckPath(s.DriverName, path, false) == nil
}

// Exists reports whether any key begins with prefix.
func (s *FlatStore) Exists(ctx context.Context, prefix string) (bool, error) {
	p := s.Pages(prefix, "")
	p.limit = 1
	_, ok, err := p.Next(ctx)
	return ok, err
}

// List is [Driver].List of a path that was checked.
func (s *FlatStore) List(ctx context.Context, path string) ([]string, error) {
	prefix := s.Below(path)
	p := s.Pages(prefix, "/")
	paths, found := []string{}, path == "/"
	for {
		o, ok, err := p.Next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		found = true
		if child, ok := s.Path(o.Key); ok && o.Key != prefix {
			paths = append(paths, child)
		}
	}
	if !found {
		return nil, PathNotFoundError{Path: path, DriverName: s.DriverName}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// Pages returns a listing of the keys below prefix; with a delimiter, those
// that hold it behind the prefix are listed as one.
func (s *FlatStore) Pages(prefix, delimiter string) *FlatPages {
	return &FlatPages{store: s, prefix: prefix, delimiter: delimiter}
}

// FlatPages is a listing of keys in the order of bytes. It is for one goroutine.
type FlatPages struct {
	store     *FlatStore
	prefix    string
	delimiter string
	limit     int32

	page  []FlatEntry
	after string // no key up to this one is wanted
	told  string // the key of the last entry
	ahead bool   // after lies behind the page at hand
	token string
	last  bool // page is the last
}

var errStandsStill = errors.New("the server lists the same page again and again")

// Next returns the next entry, if there is one.
func (p *FlatPages) Next(ctx context.Context) (FlatEntry, bool, error) {
	for {
		for len(p.page) > 0 {
			o := p.page[0]
			p.page = p.page[1:]
			if o.Key > p.after {
				p.told = o.Key
				return o, true, nil
			}
		}
		if p.last {
			return FlatEntry{}, false, nil
		}
		if err := p.fetch(ctx); err != nil {
			return FlatEntry{}, false, err
		}
	}
}

// fetch gets the next page.
func (p *FlatPages) fetch(ctx context.Context) error {
	q := FlatQuery{Prefix: p.prefix, Delimiter: p.delimiter, Limit: p.limit, Token: p.token}
	if p.ahead {
		q.After = p.after
	}
	page, next, err := p.store.Fetch(ctx, q)
	if err != nil {
		return err
	}
	if next != "" && next == q.Token {
		return Failure(ctx, p.store.DriverName, errStandsStill)
	}
	slices.SortFunc(page, func(a, b FlatEntry) int { return cmp.Compare(a.Key, b.Key) })
	p.page, p.token, p.last, p.ahead = page, next, next == "", false
	return nil
}

// skipTo leaves out all keys up to and including after, without asking for
// more than it must of them.
func (p *FlatPages) skipTo(after string) {
	if after <= max(p.after, p.told) {
		return
	}
	p.after = after
	n := p.search(after)
	p.page = p.page[n:]
	p.ahead = len(p.page) == 0
}

// holds reports whether a key begins with prefix, which is not before the next
// entry, if the page at hand tells.
func (p *FlatPages) holds(prefix string) (holds, known bool) {
	if n := p.search(prefix); n < len(p.page) {
		return strings.HasPrefix(p.page[n].Key, prefix), true
	}
	return false, p.last
}

// search returns the index of the first entry at hand that is not before key.
func (p *FlatPages) search(key string) int {
	n, _ := slices.BinarySearchFunc(p.page, key, func(o FlatEntry, key string) int { return cmp.Compare(o.Key, key) })
	return n
}
