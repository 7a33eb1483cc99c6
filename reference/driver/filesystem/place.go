package filesystem

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

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
	defer d.alone.change(src)()
	defer d.alone.change(dst)()
	dirs := []string{filepath.Dir(from), filepath.Dir(to)}
	if err := d.hold(dirs...); err != nil {
		return failure(err)
	}
	defer d.release(dirs...)
	if err := d.rename(from, to); err != nil {
		d.prune(filepath.Dir(to))
		if isAbsent(err) && isFile(from) != nil {
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

// rename moves a file for good, makes the directories that are missing, and
// removes those that are empty now.
func (d *Driver) rename(from, to string) (err error) {
	var made []*looseDir
	defer func() { d.loose.end(made, err == nil) }()
	for range maxTries {
		err := rename(from, to)
		switch {
		case err == nil:
			names := unsynced{dirs: map[string]bool{d.prune(filepath.Dir(from)): true}}
			if d.noSync {
				return nil
			}
			names.add(d, to)
			return names.sync(d)
		case !errors.Is(err, fs.ErrNotExist) || isFile(from) != nil:
			return err
		}
		err = mkdirAll(filepath.Dir(to), func(dir string) {
			made = append(made, d.loose.begin(dir)...)
		})
		if err != nil {
			return err
		}
	}
	return errRaced
}

// mkdirAll makes a directory and those above it, and calls f before each that
// seems to be missing. That others remove them meanwhile is no failure: what
// comes next finds out, and begins anew.
func mkdirAll(dir string, f func(dir string)) error {
	f(dir)
	err := mkdir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := mkdirAll(filepath.Dir(dir), f); err != nil {
			return err
		}
		err = mkdir(dir)
	}
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
	defer d.alone.removal(path)()
	full := d.full(path)
	dir := filepath.Dir(full)
	if err := d.hold(dir); err != nil {
		return failure(err)
	}
	defer d.release(dir)
	trash, err := d.takeAway(full)
	if err != nil {
		return typed(path, err)
	}
	stays := d.prune(dir)
	if !d.noSync && !driver.IsVolatile(ctx) {
		err = d.names.one(stays)
	}
	if trash != "" {
		err = errors.Join(err, removeAll(trash))
	}
	return failure(err)
}

// takeAway removes a file at once. A tree it puts into the trash.
func (d *Driver) takeAway(full string) (trash string, err error) {
	err = retried(func() error { return syscall.Unlink(full) })
	if !errors.Is(err, syscall.EISDIR) {
		return "", pathError("unlink", full, err)
	}
	trash = d.unnamed("trash")
	if err := rename(full, trash); err != nil {
		return trash, err
	}
	d.loose.allGone(full)
	return trash, nil
}

// removeAll removes a tree into which others may move a file at the moment, of
// which they found the directory before it came here. It may be a file, or gone.
func removeAll(full string) error {
	for range maxTries {
		names, err := readNames(full)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
			return unlink(full)
		case err != nil:
			return err
		}
		for _, base := range names {
			err := unlink(full + "/" + base)
			if errors.Is(err, syscall.EISDIR) {
				err = removeAll(full + "/" + base)
			}
			if err != nil {
				return err
			}
		}
		err = retried(func() error { return syscall.Rmdir(full) })
		if !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) {
			return ignoreAbsent(pathError("rmdir", full, err))
		}
	}
	return errRaced
}
