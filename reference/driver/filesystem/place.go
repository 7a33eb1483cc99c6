package filesystem

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

// maxTries bounds how often an operation begins anew because a directory came
// or went under it.
const maxTries = 100

var errRaced = errors.New("directories keep changing underneath")

// firstMissing returns the topmost directory on the way to dir that is not
// there, or "" if all are.
func (d *Driver) firstMissing(dir string) string {
	missing := ""
	for ; len(dir) > len(d.root); dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = dir
	}
	return missing
}

// note counts directories that are in view before their names are for good.
func (d *Driver) note(n int, dirs ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dir := range dirs {
		if d.unsynced[dir] += n; d.unsynced[dir] == 0 {
			delete(d.unsynced, dir)
		}
	}
}

// unsyncedAbove returns the directories above a path that others have brought
// into view just now.
func (d *Driver) unsyncedAbove(full string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var above []string
	for dir := range d.unsynced {
		if strings.HasPrefix(full, dir+"/") {
			above = append(above, dir)
		}
	}
	return above
}

// Move implements [driver.Driver].
func (d *Driver) Move(ctx context.Context, src, dst string) error {
	if err := check(ctx, src, false); err != nil {
		return err
	}
	if err := driver.CheckPath(name, dst, false); err != nil {
		return err
	}
	from, to := d.full(src), d.full(dst)
	if err := isFile(from); err != nil {
		return typed(src, err)
	}
	if src == dst {
		return nil
	}
	done, err := d.intend(filepath.Dir(from), filepath.Dir(to))
	if err != nil {
		return failure(err)
	}
	defer done()
	if err := d.rename(from, to); err != nil {
		if isFile(from) != nil {
			return driver.PathNotFoundError{Path: src, DriverName: name}
		}
		return failure(err)
	}
	return nil
}

func isFile(full string) error {
	info, err := os.Stat(full)
	if err == nil && info.IsDir() {
		return syscall.EISDIR
	}
	return err
}

// rename moves a file for good, and makes the directories that are missing.
func (d *Driver) rename(from, to string) error {
	var made []string
	defer func() { d.note(-1, made...) }()
	for range maxTries {
		for dir := filepath.Dir(to); len(dir) > len(d.root); dir = filepath.Dir(dir) {
			if _, err := os.Lstat(dir); err == nil {
				break
			}
			made = append(made, dir)
			d.note(1, dir)
		}
		if err := mkdirAll(filepath.Dir(to)); err != nil {
			return err
		}
		err := os.Rename(from, to)
		if err == nil {
			if d.noSync {
				return nil
			}
			names := map[string]bool{filepath.Dir(from): true}
			d.addNames(names, to)
			return d.names.all(names)
		}
		if _, gone := os.Lstat(from); gone != nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errRaced
}

// mkdirAll makes a directory and those above it. That others remove them
// meanwhile is no failure: what comes next finds out, and begins anew.
func mkdirAll(dir string) error {
	err := os.MkdirAll(dir, 0o777)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Delete implements [driver.Driver].
func (d *Driver) Delete(ctx context.Context, path string) error {
	if err := check(ctx, path, false); err != nil {
		return err
	}
	if err := d.dropUncommitted(path); err != nil {
		return failure(err)
	}
	full := d.full(path)
	done, err := d.intend(filepath.Dir(full))
	if err != nil {
		return failure(err)
	}
	defer done()
	trash := d.staged("trash", rand.Text())
	if err := os.Rename(full, trash); err != nil {
		return typed(path, err)
	}
	if !d.noSync && !driver.IsVolatile(ctx) {
		err = d.names.one(filepath.Dir(full))
	}
	return failure(errors.Join(err, removeAll(trash)))
}

// removeAll removes a tree into which others may move a file at the moment, of
// which they found the directory before it came here.
func removeAll(full string) error {
	for range maxTries {
		if err := os.RemoveAll(full); !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return errRaced
}

// intend notes directories that are to be pruned if a crash comes, and
// returns what prunes them now.
func (d *Driver) intend(dirs ...string) (done func(), err error) {
	var links []string
	done = func() {
		for _, dir := range dirs {
			d.prune(dir, d.root)
		}
		for _, link := range links {
			os.Remove(link)
		}
	}
	for _, dir := range dirs {
		below, err := filepath.Rel(d.root, dir)
		if err != nil {
			return nil, err
		}
		link := d.staged("intent", rand.Text())
		if err := os.Symlink(below, link); err != nil {
			done()
			return nil, err
		}
		links = append(links, link)
	}
	return done, nil
}

// prune removes dir and those above it, below top, as long as they are empty.
func (d *Driver) prune(dir, top string) {
	for ; len(dir) > len(top); dir = filepath.Dir(dir) {
		if err := syscall.Rmdir(dir); err != nil && err != syscall.ENOENT {
			return
		}
	}
}

// recover ends what a crash cut short.
func (d *Driver) recover() error {
	intents, err := os.ReadDir(d.staged("intent"))
	if err != nil {
		return err
	}
	for _, intent := range intents {
		link := d.staged("intent", intent.Name())
		below, err := os.Readlink(link)
		if err == nil && filepath.IsLocal(below) {
			// The directories on the way may be there in part.
			for dir := filepath.Join(d.root, below); len(dir) > len(d.root); dir = filepath.Dir(dir) {
				_ = syscall.Rmdir(dir)
			}
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errors.Join(d.sweep("trash", 0), d.sweep("new", abandonedAfter))
}

// sweep removes what is older than age from a folder of the staging folder.
func (d *Driver) sweep(folder string, age time.Duration) error {
	entries, err := os.ReadDir(d.staged(folder))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && time.Since(info.ModTime()) >= age {
			err = removeAll(d.staged(folder, entry.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
