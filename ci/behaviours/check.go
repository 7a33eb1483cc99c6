package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// An area is a part of the registry that is not built yet. Once its folder is
// there, nothing may be put off to it any more.
type area struct{ folder, reason string }

func areas() map[string]area {
	return map[string]area{
		"notify": {"reference/notify", "events have no package yet"},
		"proxy":  {"reference/proxy", "the pull-through registry has no package yet"},
		"auth":   {"reference/auth/token", "access control has no package yet"},
	}
}

// yielding are the behaviours that gave way to better ones, which their sentences
// tell.
func yielding() []string {
	return []string{"S-007", "S-090", "S-114", "S-117", "S-119", "S-122", "S-287", "S-299", "S-315", "S-316"}
}

// A coverage is the lists with what was found about them.
type coverage struct {
	rows    map[string]row
	faults  []string
	missing []string // ids that nothing shows, in the order of the lists
}

// check holds the lists against the tree.
func check(root fs.FS) (*coverage, error) {
	t, err := readTree(root)
	if err != nil {
		return nil, err
	}
	c := &coverage{rows: map[string]row{}}
	for _, l := range lists() {
		rows, wrong, err := l.read(root)
		if err != nil {
			return nil, err
		}
		c.faults = append(c.faults, wrong...)
		c.checkIDs(l, rows)
		for _, r := range rows {
			c.checkRow(t, r)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(t.names)) {
		for _, id := range t.names[file] {
			if _, ok := c.rows[id]; !ok {
				c.faults = append(c.faults, file+" names "+id+", which is on no list")
			}
		}
	}
	return c, nil
}

// checkIDs takes every id of the list once and in order.
func (c *coverage) checkIDs(l list, rows []row) {
	want := l.ids()
	for _, r := range rows {
		if _, ok := c.rows[r.id]; ok || !slices.Contains(want, r.id) {
			c.faults = append(c.faults, fmt.Sprintf("%s: %s is on the list twice, or is none", l.file, r.id))
		}
		c.rows[r.id] = r
	}
	for _, id := range want {
		if _, ok := c.rows[id]; !ok {
			c.faults = append(c.faults, fmt.Sprintf("%s: %s is missing", l.file, id))
		}
	}
	if !slices.IsSortedFunc(rows, func(a, b row) int { return slices.Index(want, a.id) - slices.Index(want, b.id) }) {
		c.faults = append(c.faults, l.file+": the ids are out of order")
	}
}

// checkRow takes what shows the row. Behaviour is shown by a test.
func (c *coverage) checkRow(t *tree, r row) {
	enough := false
	for _, shown := range r.shown {
		kind, what, _ := strings.Cut(shown, ":")
		wrong, counts := "", r.kind == "P" || r.kind == "H"
		switch kind {
		case "doc":
			wrong = missingFile(t.root, what)
		case "cmd":
			wrong = missingCommand(t.root, what)
		case "yields":
			counts = false
			if what == "" || !slices.Contains(yielding(), r.id) {
				wrong = "it does not yield"
			}
		case "later":
			counts = true
			wrong = notLater(t.root, what)
		default:
			counts = true
			wrong = t.fault(shown, r.id)
		}
		if wrong != "" {
			c.faults = append(c.faults, r.id+": "+wrong)
		}
		enough = enough || counts
	}
	if !enough {
		c.missing = append(c.missing, r.id)
	}
}

func missingFile(root fs.FS, name string) string {
	if info, err := fs.Stat(root, name); err != nil || info.IsDir() {
		return "there is no document " + name
	}
	return ""
}

func missingCommand(root fs.FS, command string) string {
	target, ok := strings.CutPrefix(command, "make ")
	if !ok {
		return missingFile(root, command)
	}
	makefile, err := fs.ReadFile(root, "Makefile")
	rule := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`)
	if err != nil || !rule.Match(bytes.TrimSpace(makefile)) {
		return "make has no target " + target
	}
	return ""
}

func notLater(root fs.FS, name string) string {
	a, ok := areas()[name]
	if !ok {
		return "no later work is called " + name
	}
	if _, err := fs.Stat(root, a.folder); err == nil {
		return a.folder + " is there, so that nothing can be put off to it"
	}
	return ""
}
