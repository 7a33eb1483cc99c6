package filesystem

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/registryconform/conform/reference/driver"
)

// A staged file waits for its name.
type staged struct {
	file   *os.File // nil while there is none
	at     string   // its name for now; "" while there is none
	target string
	// content is what is to be written, unless writer has written it.
	content []byte
	writer  *writer
	placed  bool // it is in view
}

// A unit is what one rename brings into view: a file, or a tree of directories
// that are missing with the files in it.
type unit struct {
	from, to string
	files    []*staged
	dirs     []string // of the tree, to be synced
}

// PutContent implements [driver.Driver].
func (d *Driver) PutContent(ctx context.Context, path string, content []byte) error {
	return d.Publish(ctx, driver.File{Path: path, Content: content})
}

// Publish implements [driver.Publisher]: all that is new is synced at once,
// then named, and then the names are synced at once.
func (d *Driver) Publish(ctx context.Context, files ...driver.File) error {
	for _, f := range files {
		if err := check(ctx, f.Path, false); err != nil {
			return err
		}
	}
	for _, f := range files {
		defer d.alone.change(f.Path)()
	}
	all := make([]*staged, len(files))
	var err error
	for i, f := range files {
		all[i] = &staged{target: d.full(f.Path), content: f.Content}
		if f.Writer != nil && err == nil {
			err = all[i].take(f.Writer)
		}
	}
	if err == nil {
		err = d.publish(all, d.noSync || driver.IsVolatile(ctx))
	}
	for _, s := range all {
		err = errors.Join(err, s.end())
	}
	return failure(err)
}

// take makes the content of a writer that of the file.
func (s *staged) take(w driver.FileWriter) error {
	own, ok := w.(*writer)
	if !ok {
		return errors.New("a writer of another driver")
	}
	if err := own.usable(); err != nil {
		return err
	}
	at, err := own.take()
	if err != nil {
		return err
	}
	s.writer, s.file, s.at = own, own.file, at
	return nil
}

// end closes the file. What did not come into view it discards, or gives back
// to the writer.
func (s *staged) end() error {
	switch {
	case s.writer != nil && s.placed:
		return s.writer.committed()
	case s.writer != nil:
		return putBack(s.at, s.writer.temp)
	case s.file == nil:
		return nil
	case !s.placed:
		os.Remove(s.at)
	}
	return s.file.Close()
}

// publish gives the files their names, for good unless noSync is set.
func (d *Driver) publish(files []*staged, noSync bool) (err error) {
	names := &unsynced{dirs: map[string]bool{}}
	defer func() { d.loose.end(names.made, err == nil && !noSync) }()
	for range maxTries {
		units, err := d.stage(files)
		if err == nil && !noSync {
			err = syncUnits(units)
		}
		if err == nil {
			err = d.show(units, names, noSync)
		}
		for _, u := range units {
			err = errors.Join(err, u.dissolve())
		}
		switch {
		case err == nil && noSync:
			return nil
		case err == nil:
			return names.sync(d)
		case !errors.Is(err, errRaced):
			return err
		}
		files = slices.DeleteFunc(slices.Clone(files), func(s *staged) bool { return s.placed })
	}
	return errRaced
}

// show brings units into view, one after the other, and adds what must be synced
// for it to last.
func (d *Driver) show(units []*unit, names *unsynced, noSync bool) error {
	for _, u := range units {
		var dirs []*looseDir
		if !d.noSync { // for then nothing is to last
			dirs = d.loose.begin(u.unsynced(noSync)...)
		}
		if err := u.rename(); err != nil {
			d.loose.end(dirs, true) // for they are not in view
			return err
		}
		names.made = append(names.made, dirs...)
		for _, s := range u.files {
			s.placed = true
		}
		names.add(d, u.to)
	}
	return nil
}

// unsynced returns the directories that come into view with the unit and whose
// names are not stable: the top of a tree, and where nothing of it was synced, all.
func (u *unit) unsynced(all bool) []string {
	switch {
	case !u.isTree():
		return nil
	case !all:
		return []string{u.to}
	}
	var dirs []string
	for _, dir := range u.dirs {
		dirs = append(dirs, u.to+strings.TrimPrefix(dir, u.from))
	}
	return dirs
}

// stage writes the files under names that nobody knows, with the directories
// that are missing on the way to where they belong.
func (d *Driver) stage(files []*staged) ([]*unit, error) {
	var units []*unit
	for _, s := range files {
		dir := filepath.Dir(s.target)
		top := d.firstMissing(dir)
		var u *unit
		switch {
		case top == "":
			u = &unit{from: cmp.Or(s.at, d.unnamed("new")), to: s.target}
			units = append(units, u)
		case len(units) > 0 && units[len(units)-1].to == top:
			u = units[len(units)-1]
		default:
			u = &unit{from: d.unnamed("new"), to: top}
			units = append(units, u)
		}
		u.files = append(u.files, s)
		at := u.from + strings.TrimPrefix(s.target, u.to)
		if u.isTree() {
			if err := u.mkdirs(filepath.Dir(at)); err != nil {
				return units, err
			}
		}
		if err := s.write(at); err != nil {
			return units, err
		}
	}
	return units, nil
}

// isTree reports whether directories come into view with the unit.
func (u *unit) isTree() bool { return u.to != u.files[0].target }

// mkdirs makes a directory of the tree, and those above it.
func (u *unit) mkdirs(dir string) error {
	if slices.Contains(u.dirs, dir) {
		return nil
	}
	if dir != u.from {
		if err := u.mkdirs(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	u.dirs = append(u.dirs, dir)
	return mkdir(dir)
}

// write gives the staged file a name, and its content if it has none yet.
func (s *staged) write(at string) error {
	if s.at == at {
		return nil
	}
	if s.file != nil {
		if err := rename(s.at, at); err != nil {
			return err
		}
		s.at = at
		return nil
	}
	file, err := openFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	s.file, s.at = file, at
	_, err = file.Write(s.content)
	return err
}

// rename brings the unit into view. It fails with errRaced if directories came
// or went on the way.
func (u *unit) rename() error {
	err := rename(u.from, u.to)
	switch {
	case err == nil:
		u.from = ""
		return nil
	case errors.Is(err, fs.ErrNotExist), u.isTree() && (errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY)):
		if _, gone := os.Lstat(u.from); gone == nil {
			return errRaced
		}
	}
	return err
}

// dissolve takes the files out of a tree that did not come into view, and
// removes it.
func (u *unit) dissolve() error {
	if u.from == "" || len(u.dirs) == 0 {
		return nil
	}
	for n, s := range u.files {
		if s.file == nil || !strings.HasPrefix(s.at, u.from+"/") {
			continue
		}
		at := u.from + "-" + strconv.Itoa(n)
		if err := rename(s.at, at); err != nil {
			return err
		}
		s.at = at
	}
	return removeAll(u.from)
}

// syncUnits brings files and directories to stable storage: all at once, so
// that the file system may do it in one go.
func syncUnits(units []*unit) error {
	var g together
	for _, u := range units {
		for _, s := range u.files {
			g.add(s.file.Sync)
		}
		for _, dir := range u.dirs {
			g.add(func() error { return syncDir(dir) })
		}
	}
	return g.run()
}
