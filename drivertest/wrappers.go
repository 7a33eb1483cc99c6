package drivertest

import (
	"reflect"
	"slices"
	"strings"
)

func wrapperRules() []rule {
	return []rule{
		{"WRAP-01", Must, "Any root directory, with or without slashes around it, makes no difference.", anyRoot, 0},
		{"WRAP-02", Must, "Drivers rooted at /x and /xy of one store never see each other.", rootsApart, 0},
		{"WRAP-03", Should, "The author's stack of middleware keeps the rules.", throughStack, 0},
		{"WRAP-04", Should, "Methods that wrapping hides are reported.", hiddenMethods, 0},
	}
}

// everyday are the rules that a wrapper is judged by.
func everyday() []rule {
	var all []rule
	for _, rs := range [][]rule{pathRules(), contentRules(), listRules(), statRules(), moveRules(), deleteRules(), walkRules(), resumeRules()} {
		for _, r := range rs {
			switch r.id {
			case "PATH-01", "PATH-02", "PATH-03", "CONT-02", "LIST-01", "LIST-03", "LIST-04", "LIST-06", "STAT-01", "STAT-02", "STAT-05",
				"MOVE-01", "MOVE-03", "DELE-02", "DELE-03", "DELE-05", "WALK-01", "WALK-03", "WALK-10", "WALK-12", "WALK-15", "RESU-01":
				all = append(all, r)
			}
		}
	}
	return all
}

// underRules judges another target by the given rules.
func (x *trial) underRules(label string, t Target, rules []rule) {
	d := x.handleTo(t)
	for _, r := range rules {
		x.each(label+" "+r.id, func(x *trial) {
			x.d = &traced{h: d.h, as: d.as, log: x.log, open: d.open}
			x.target = t
			r.run(x)
			x.reason = ""
		})
	}
}

func everyOther(rules []rule, first int) []rule {
	var half []rule
	for i := first; i < len(rules); i += 2 {
		half = append(half, rules[i])
	}
	return half
}

// anyRoot judges each root directory; in the quick budget every other one by the same half of the
// rules.
func anyRoot(x *trial) {
	if !x.needs(x.cfg.Hooks.Rooted != nil, "Hooks.Rooted") {
		return
	}
	var roots []string
	var targets []Target
	for _, root := range []string{"", "/", "/x", "/x/", "x", "/x/y"} {
		t, err := x.cfg.Hooks.Rooted(root, true)
		if err != nil {
			x.notef("the root directory %q is refused: %s", root, brief(err))
			continue
		}
		roots, targets = append(roots, root), append(targets, t)
	}
	rules, first := everyday(), x.rng.IntN(2)
	x.parallel(len(roots), func(x *trial, i int) {
		mine := rules
		if x.cfg.Budget == Quick {
			mine = everyOther(rules, (first+i)%2)
		}
		x.underRules("root "+quote(roots[i]), targets[i], mine)
		d := x.handleTo(targets[i])
		if _, err := d.list(x.ctx, "/"); err != nil && !x.missing(err) {
			x.noErr(err, "List of the root under root directory "+quote(roots[i]))
		}
	})
}

func rootsApart(x *trial) {
	if !x.needs(x.cfg.Hooks.Rooted != nil, "Hooks.Rooted") {
		return
	}
	ta, err := x.cfg.Hooks.Rooted("/x", true)
	if !x.noErr(err, "Hooks.Rooted") {
		return
	}
	tb, err := x.cfg.Hooks.Rooted("/xy", false)
	if !x.noErr(err, "Hooks.Rooted") {
		return
	}
	a, b := x.handleTo(ta), x.handleTo(tb)
	p := x.p("dir/object")
	ca, cb := x.content(p, 300), x.content(p, 400)
	x.noErr(a.put(x.ctx, p, ca), "PutContent")
	x.noErr(b.put(x.ctx, p, cb), "PutContent")
	x.noErr(b.put(x.ctx, x.p("only"), cb), "PutContent")
	x.with(a, func(x *trial) {
		x.holds(p, ca)
		x.lists(x.root, "dir")
		for _, e := range x.walked("/") {
			if x.ok() && e.path == x.p("only") {
				x.failf("a driver rooted at /x sees an object of one rooted at /xy")
			}
		}
		x.noErr(x.d.del(x.ctx, x.p("dir")), "Delete")
	})
	x.with(b, func(x *trial) {
		x.holds(p, cb)
		x.lists(x.root, "dir", "only")
		l, err := x.d.list(x.ctx, "/")
		x.noErr(err, "List of the root")
		for _, got := range l {
			if x.ok() && strings.HasPrefix(got, "/y") || got == "/" {
				x.failf("List of the root shows %q", got)
			}
		}
	})
}

func throughStack(x *trial) {
	if !x.needs(x.cfg.Hooks.Wrapped != nil, "Hooks.Wrapped") {
		return
	}
	t, err := x.cfg.Hooks.Wrapped()
	if x.noErr(err, "Hooks.Wrapped") {
		x.underRules("wrapped", t, everyday())
	}
}

// hiddenMethods compares the optional methods of a driver with those that its stack offers.
func hiddenMethods(x *trial) {
	if !x.needs(x.cfg.Hooks.Wrapped != nil, "Hooks.Wrapped") {
		return
	}
	t, err := x.cfg.Hooks.Wrapped()
	if !x.noErr(err, "Hooks.Wrapped") {
		return
	}
	bare, wrapped := methodNames(x.d.h.unwrap()), methodNames(t.open().unwrap())
	for _, n := range bare {
		if !slices.Contains(wrapped, n) {
			x.notef("wrapping hides the method %s", n)
		}
	}
}

func methodNames(v any) []string {
	t := reflect.TypeOf(v)
	names := make([]string, t.NumMethod())
	for i := range names {
		names[i] = t.Method(i).Name
	}
	return names
}
