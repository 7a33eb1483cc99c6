package drivertest

import (
	"slices"
	"strings"
)

// look compares what one method says with the model.
func (m *model) look(x *trial, s step) {
	p := x.p(s.a)
	c, isFile := m.objects[s.a]
	isDir := m.isDir(s.a)
	switch s.verb {
	case "get":
		switch {
		case isFile:
			x.holds(p, c)
		case !isDir:
			x.absentIn(m, s.a)
		}
	case "read":
		if isFile {
			x.reads(p, c, c.size/3)
		}
	case "stat":
		m.lookStat(x, s.a)
	case "list":
		m.lookList(x, s.a)
	case "walk":
		m.lookWalk(x)
	}
}

func (m *model) lookStat(x *trial, name string) {
	p := x.p(name)
	c, isFile := m.objects[name]
	switch {
	case isFile && m.isDir(name):
	case isFile:
		x.isFile(p, c.size)
	case m.isDir(name):
		x.isDir(p)
	case !x.sem.GhostDirs:
		_, err := x.d.stat(x.ctx, p)
		m.isAbsent(x, name, err, "Stat of "+quote(p))
	}
}

func (m *model) lookList(x *trial, name string) {
	want := map[string]bool{}
	for o := range m.objects {
		if rest, ok := strings.CutPrefix(o, name+"/"); ok {
			first, _, _ := strings.Cut(rest, "/")
			want[first] = true
		}
	}
	if len(want) == 0 {
		return
	}
	names := make([]string, 0, len(want))
	for n := range want {
		names = append(names, n)
	}
	if !x.sem.GhostDirs {
		x.lists(x.p(name), names...)
		return
	}
	l, err := x.d.list(x.ctx, x.p(name))
	x.noErr(err, "List of "+quote(x.p(name)))
	for _, n := range names {
		if x.ok() && !slices.Contains(l, x.p(name+"/"+n)) {
			x.failf("List of %q doesn't show %q", x.p(name), n)
		}
	}
}

func (m *model) lookWalk(x *trial) {
	if len(m.objects) == 0 {
		return
	}
	want := map[string]bool{}
	for o := range m.objects {
		want[x.p(o)] = true
		for i, c := range o {
			if c == '/' {
				want[x.p(o[:i])] = true
			}
		}
	}
	var got []string
	for _, e := range x.walked(x.root) {
		if e.dir && x.sem.GhostDirs && !want[e.path] {
			continue
		}
		got = append(got, e.path)
	}
	all := make([]string, 0, len(want))
	for p := range want {
		all = append(all, p)
	}
	if s := difference(got, all); x.ok() && s != "" && !x.sem.Coexist {
		x.failf("Walk of %q: %s", x.root, s)
	}
}

// audit compares everything.
func (m *model) audit(x *trial) {
	for _, p := range m.paths {
		for _, verb := range []string{"get", "stat", "list"} {
			if x.ok() {
				m.look(x, step{verb: verb, a: p})
			}
		}
	}
	m.lookWalk(x)
}
