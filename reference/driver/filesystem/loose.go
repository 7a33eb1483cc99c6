package filesystem

import (
	"path/filepath"
	"strings"
	"sync"
)

// loose are the directories in view whose names a crash of the machine may lose:
// those of calls that are under way, and what volatile or failed calls have left.
// Who puts something below one, for good, makes its name last. It is safe for
// concurrent use.
type loose struct {
	mu    sync.Mutex
	byDir map[string]*looseDir
}

type looseDir struct {
	full  string
	users int  // calls under way that make its name last
	left  bool // by a call that did not
}

// begin says that a call is to bring directories into view.
func (l *loose) begin(dirs ...string) []*looseDir {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*looseDir, len(dirs))
	for i, full := range dirs {
		d := l.byDir[full]
		if d == nil {
			d = &looseDir{full: full}
			l.byDir[full] = d
		}
		d.users++
		all[i] = d
	}
	return all
}

// end says that the call is over, and whether it has made their names last.
func (l *loose) end(dirs []*looseDir, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range dirs {
		d.users--
		d.left = d.left || !last
		l.drop(d)
	}
}

// lasting says that the names of directories last.
func (l *loose) lasting(dirs []*looseDir) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range dirs {
		d.left = false
		l.drop(d)
	}
}

// drop forgets a directory that is not loose any more. The lock must be held.
func (l *loose) drop(d *looseDir) {
	if d.users == 0 && !d.left && l.byDir[d.full] == d {
		delete(l.byDir, d.full)
	}
}

// above returns the loose directories above a path.
func (l *loose) above(full string) []*looseDir {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*looseDir
	for dir := filepath.Dir(full); len(l.byDir) > 0 && len(dir) > 1; dir = filepath.Dir(dir) {
		if d := l.byDir[dir]; d != nil {
			all = append(all, d)
		}
	}
	return all
}

// gone says that a directory is no more.
func (l *loose) gone(full string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byDir, full)
}

// allGone says that a directory is no more, nor what was below it.
func (l *loose) allGone(full string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for dir := range l.byDir {
		if dir == full || strings.HasPrefix(dir, full+"/") {
			delete(l.byDir, dir)
		}
	}
}

// unsynced is what must be synced for names to last.
type unsynced struct {
	dirs  map[string]bool
	made  []*looseDir // the directories that came into view
	loose []*looseDir // all whose names last with it
}

// add adds what must be synced for the name of a file or directory to last. Among
// it are the parents of loose directories above.
func (u *unsynced) add(d *Driver, full string) {
	u.dirs[filepath.Dir(full)] = true
	above := d.loose.above(full)
	for _, l := range above {
		u.dirs[filepath.Dir(l.full)] = true
	}
	u.loose = append(u.loose, above...)
}

// sync makes the names last.
func (u *unsynced) sync(d *Driver) error {
	err := d.names.all(u.dirs)
	if err == nil {
		d.loose.lasting(u.loose)
	}
	return err
}
