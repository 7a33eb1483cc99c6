package filesystem

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/registryconform/conform/reference/driver"
)

const (
	// listingsBound is how many bytes the listings that are kept may take.
	listingsBound = 16 << 20
	// nameCost is what a name takes beside its bytes.
	nameCost = 48
	// dirPiece is how many children are read at once.
	dirPiece = 1024
	// worthKeeping is how many children make a listing worth its place.
	worthKeeping = 32
)

// ListAfter implements [driver.Lister]. It reads all of the directory, and holds
// no more than it returns, unless the directory has not changed for a while: then
// the names are kept for as long as it doesn't change.
func (d *Driver) ListAfter(ctx context.Context, path, after string, most int) ([]driver.Entry, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	if names, ok := d.listed(path); ok {
		return driver.EntriesAfter(names, after, most), nil
	}
	dir, err := os.Open(d.full(path))
	if err != nil {
		return nil, typed(path, err)
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return nil, typed(path, err)
	}
	names, err := firstAfter(dir, after, most)
	if err != nil {
		return nil, typed(path, err)
	}
	if isSettled(info) {
		switch {
		case len(names) == most:
			err = d.keepAll(path, dir, info)
		case after == "" && len(names) >= worthKeeping:
			d.keep(path, info, names)
		}
	}
	return names, typed(path, err)
}

// keepAll reads the directory once more, and keeps what is in it if that is not
// too much.
func (d *Driver) keepAll(path string, dir *os.File, info fs.FileInfo) error {
	if _, err := dir.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var all []driver.Entry
	cost := 0
	err := children(dir, func(c driver.Entry) bool {
		all = append(all, c)
		cost += len(c.Name) + nameCost
		return cost <= listingsBound/2
	})
	if err != nil || cost > listingsBound/2 {
		return err
	}
	slices.SortFunc(all, driver.CompareEntries)
	d.keep(path, info, all)
	return nil
}

// keep keeps all children of the directory, sorted, which must not be changed.
func (d *Driver) keep(path string, info fs.FileInfo, all []driver.Entry) {
	cost := 0
	for _, c := range all {
		cost += len(c.Name) + nameCost
	}
	d.listings.put(path, info, all, cost)
}

// listed returns the children of a directory, if they are known. They must not
// be changed.
func (d *Driver) listed(path string) ([]driver.Entry, bool) {
	if !d.listings.has(path) {
		return nil, false
	}
	info, err := os.Stat(d.full(path))
	if err != nil {
		return nil, false
	}
	return d.listings.get(path, info)
}

// children calls f for each child that the rules of paths allow, in no order,
// until f returns false.
func children(dir *os.File, f func(driver.Entry) bool) error {
	for {
		piece, err := dir.ReadDir(dirPiece)
		for _, e := range piece {
			if driver.CheckPath(name, "/"+e.Name(), false) == nil && !f(driver.Entry{Name: strings.Clone(e.Name()), IsDir: e.IsDir()}) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// firstAfter returns the first children whose names sort after the given one,
// sorted, so many at most. It holds twice as many.
func firstAfter(dir *os.File, after string, most int) ([]driver.Entry, error) {
	var first []driver.Entry
	bound := ""
	cut := func() {
		slices.SortFunc(first, driver.CompareEntries)
		if len(first) >= most {
			first = first[:most]
			bound = first[most-1].Name
		}
	}
	err := children(dir, func(c driver.Entry) bool {
		if c.Name > after && (bound == "" || c.Name < bound) {
			if first = append(first, c); len(first) == 2*most {
				cut()
			}
		}
		return true
	})
	cut()
	return first, err
}
