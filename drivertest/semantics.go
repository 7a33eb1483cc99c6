package drivertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// probe finds out what the driver does where the contract leaves it open. What can't be found
// out is taken to be strict.
func (s *session) probe() (name string, seen []Observation) {
	target, _ := s.open()
	declared := s.cfg.Semantics
	s.sem = Semantics{Volatile: declared.Volatile, WeakDelete: declared.WeakDelete, WeakMove: declared.WeakMove}
	probes := []struct {
		name     string
		declared bool
		into     *bool
		f        func(*trial) bool
		lax, not string
	}{
		{"GhostDirs", declared.GhostDirs, &s.sem.GhostDirs, probeGhosts, "an emptied directory stays", "an emptied directory goes"},
		{"Coexist", declared.Coexist, &s.sem.Coexist, probeCoexist, "an object and a directory may share a path", "an object and a directory never share a path"},
		{"EarlyVisible", declared.EarlyVisible, &s.sem.EarlyVisible, probeEarly, "uncommitted bytes are visible or destroy what was there", "nothing shows before Commit"},
		{"AppendCreates", declared.AppendCreates, &s.sem.AppendCreates, probeAppend, "append on a missing path starts an upload", "append on a missing path is refused"},
		{"ByteOrder", declared.ByteOrder, &s.sem.ByteOrder, probeOrder, "Walk goes by byte order of whole paths", "Walk goes component by component"},
		{"FoldsCase", declared.FoldsCase, &s.sem.FoldsCase, probeCase, "paths that differ in case alone are one", "case matters"},
	}
	for _, p := range probes {
		x := newTrial(s.ctx, s.cfg, s.sem, target, s.run+"/probe-"+strings.ToLower(p.name))
		*p.into = guardBool(x, p.f)
		x.cleanup()
		o := Observation{Name: p.name, Value: p.not, Contradicts: p.declared && !*p.into}
		if *p.into {
			o.Value = p.lax
		}
		seen = append(seen, o)
	}
	x := newTrial(s.ctx, s.cfg, s.sem, target, s.run+"/probe-facts")
	defer x.cleanup()
	name, _ = x.d.name()
	return name, append(seen, facts(x)...)
}

func guardBool(x *trial, f func(*trial) bool) (v bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = guard(func() error { v = f(x); return nil })
	}()
	if _, hung := watch(x, done, x.cfg.CallTimeout); hung {
		return false
	}
	return v
}

func probeGhosts(x *trial) bool {
	x.put(x.p("dir/file"), 1)
	if x.d.del(x.ctx, x.p("dir/file")) != nil {
		return false
	}
	ghost := false
	x.settle(x.cfg.Consistency.Delete, func() string {
		_, err := x.d.stat(x.ctx, x.p("dir"))
		ghost = err == nil
		if ghost {
			return "still there"
		}
		return ""
	})
	return ghost
}

func probeCoexist(x *trial) bool {
	below := x.put(x.p("both/below"), 8)
	at := x.content(x.p("both"), 9)
	if !x.ok() || x.d.put(x.ctx, x.p("both"), at) != nil {
		return false
	}
	x.holds(x.p("both/below"), below)
	x.holds(x.p("both"), at)
	return x.ok()
}

// probeEarly tells whether an unfinished upload shows, over nothing or over an object.
func probeEarly(x *trial) bool {
	old := x.put(x.p("over"), 40)
	if !x.ok() {
		return false
	}
	for _, name := range []string{"fresh", "over"} {
		u := x.start(x.p(name), 64)
		u.write(64)
		u.close()
	}
	if !x.ok() {
		return false
	}
	if _, err := x.d.stat(x.ctx, x.p("fresh")); err == nil {
		return true
	}
	return x.contentObjection(x.p("over"), old) != ""
}

func probeAppend(x *trial) bool {
	w, err := x.d.writer(x.ctx, x.p("none"), true)
	if err != nil {
		return false
	}
	_ = w.cancel(x.ctx)
	_ = w.Close()
	return true
}

func probeOrder(x *trial) bool {
	x.puts("a/x", "a-b/x")
	got := paths(x.walked(x.root))
	if !x.ok() {
		return false
	}
	i, j := slices.Index(got, x.p("a/x")), slices.Index(got, x.p("a-b/x"))
	return i >= 0 && j >= 0 && j < i && slices.IsSorted(got)
}

func probeCase(x *trial) bool {
	x.put(x.p("Case"), 3)
	if !x.ok() {
		return false
	}
	_, err := x.d.stat(x.ctx, x.p("case"))
	return err == nil
}

// facts are observations that nothing depends on; they help to read the rest.
func facts(x *trial) []Observation {
	say := func(err error, yes, no string) string {
		if err == nil {
			return yes
		}
		text, _, _ := strings.Cut(brief(err), "\n")
		return no + " (" + text + ")"
	}
	var seen []Observation
	x.puts("tree/a/file", "tree/b")
	err := x.d.move(x.ctx, x.p("tree"), x.p("moved"))
	seen = append(seen, Observation{Name: "directory move", Value: say(err, "done", "refused")})

	c := x.put(x.p("file"), 100)
	r, err := x.d.reader(x.ctx, x.p("file"), c.size+1)
	if err == nil {
		_ = r.Close()
	}
	seen = append(seen, Observation{Name: "read past end", Value: say(err, "end of file", "refused")})
	url, err := x.d.redirect(request(http.MethodGet).WithContext(x.ctx), x.p("file"))
	if err == nil && url == "" {
		err = fmt.Errorf("empty URL")
	}
	return append(seen, Observation{Name: "redirect", Value: say(err, "a URL", "none")})
}
