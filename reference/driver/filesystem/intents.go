package filesystem

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// intentsKept is how many intents stay although nobody needs them now.
const intentsKept = 64

// intents are links that name directories which are to be removed, if they are
// empty, should a crash come. One that is needed no more stays for the next who
// needs it, until too many have come or it is old: another process takes the
// link of an old one away (see [Driver.recover]).
type intents struct {
	mu    sync.Mutex
	byDir map[string]*intent
}

type intent struct {
	link  string
	users int
	made  time.Time
}

// hold notes the directories until release.
func (d *Driver) hold(dirs ...string) error {
	d.intents.mu.Lock()
	defer d.intents.mu.Unlock()
	for n, dir := range dirs {
		if err := d.holdOne(dir); err != nil {
			d.unhold(dirs[:n])
			return err
		}
	}
	return nil
}

func (d *Driver) holdOne(dir string) error {
	i := d.intents.byDir[dir]
	if i == nil || time.Since(i.made) > abandonedAfter/2 {
		below, err := filepath.Rel(d.root, dir)
		if err != nil {
			return err
		}
		link := d.unnamed("intent")
		if err := os.Symlink(below, link); err != nil {
			return err
		}
		if i == nil {
			i = &intent{}
			d.intents.byDir[dir] = i
		} else {
			os.Remove(i.link)
		}
		i.link, i.made = link, time.Now()
	}
	i.users++
	return nil
}

// release ends what hold began, and puts away what has waited for long enough.
func (d *Driver) release(dirs ...string) {
	d.intents.mu.Lock()
	defer d.intents.mu.Unlock()
	d.unhold(dirs)
}

// unhold is release with the lock held.
func (d *Driver) unhold(dirs []string) {
	for _, dir := range dirs {
		d.intents.byDir[dir].users--
	}
	for dir, i := range d.intents.byDir {
		if len(d.intents.byDir) <= intentsKept {
			return
		}
		if i.users == 0 {
			d.prune(dir)
			os.Remove(i.link)
			delete(d.intents.byDir, dir)
		}
	}
}

// prune removes a directory and those above it as long as they are empty, and
// returns the first that stays.
func (d *Driver) prune(dir string) (stays string) {
	for ; len(dir) > len(d.root) && filepath.Dir(dir) != d.staged(); dir = filepath.Dir(dir) {
		if !rmdir(dir) {
			break
		}
		d.loose.gone(dir)
	}
	return dir
}

// recover ends what a crash cut short.
func (d *Driver) recover() error {
	links, err := os.ReadDir(d.staged("intent"))
	if err != nil {
		return err
	}
	for _, link := range links {
		below, err := os.Readlink(d.staged("intent", link.Name()))
		if err == nil && filepath.IsLocal(below) {
			d.prune(filepath.Join(d.root, below))
		}
	}
	return errors.Join(d.sweep("intent", abandonedAfter), d.sweep("trash", 0), d.sweep("new", abandonedAfter))
}

// isLocked reports whether a writer has the file open, which is as old as what was
// written last.
func isLocked(full string) bool {
	file, err := os.Open(full)
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
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
		full := d.staged(folder, entry.Name())
		if err == nil && time.Since(info.ModTime()) >= age && !(info.Mode().IsRegular() && isLocked(full)) {
			err = removeAll(full)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
