package drivertest

import (
	"time"
)

func factoryRules() []rule {
	return []rule{
		{"FAC-01", Must, "Two handles reach the same store: what one has written, the other reads.", sameStore, 0},
		{"FAC-02", Must, "Name is not empty and is always the same, from any goroutine.", constantName, 0},
		{"FAC-03", Must, "A handle opened later sees everything that was committed before, unless the driver is declared volatile.", persistent, 0},
		{"FAC-04", Should, "A driver opened on a bucket or root that isn't there fails, at the latest at its first operation, and not with path-not-found.", misplaced, 0},
		{"FAC-05", Should, "A concurrency limit of 0, -1 or a huge number is refused or clamped; it never makes a call hang.", oddLimits, 0},
	}
}

func sameStore(x *trial) {
	b := x.second()
	c := x.put(x.p("one"), 4097)
	w := x.write(x.p("two"), 70000)
	x.with(b, func(x *trial) {
		x.holds(x.p("one"), c)
		x.holds(x.p("two"), w)
		x.lists(x.root, "one", "two")
		c = x.put(x.p("one"), 11)
	})
	x.holds(x.p("one"), c)
}

func constantName(x *trial) {
	first, err := x.d.name()
	if !x.noErr(err, "Name") {
		return
	}
	if first == "" {
		x.failf("Name is empty")
	}
	x.parallel(8, func(x *trial, _ int) {
		for range 20 {
			if n, err := x.d.name(); x.ok() && (err != nil || n != first) {
				x.failf("Name is %q, and was %q before", n, first)
			}
		}
	})
}

func persistent(x *trial) {
	if x.cfg.Semantics.Volatile {
		x.inconclusive("the driver is declared volatile")
		return
	}
	c := x.put(x.p("a/put"), 1000)
	w := x.write(x.p("b/written"), 100000)
	for range 3 {
		x.with(x.second(), func(x *trial) {
			x.holds(x.p("a/put"), c)
			x.holds(x.p("b/written"), w)
			x.isFile(x.p("b/written"), w.size)
			x.lists(x.root, "a", "b")
		})
	}
}

func misplaced(x *trial) {
	if !x.needs(x.cfg.Hooks.Misplaced != nil, "Hooks.Misplaced") {
		return
	}
	t, err := x.cfg.Hooks.Misplaced()
	if err != nil {
		return
	}
	d := x.handleTo(t)
	_, err = d.get(x.ctx, x.p("file"))
	if x.anErr(err, "GetContent over a root that isn't there") && x.missing(err) {
		x.failf("GetContent over a root that isn't there says path-not-found, as if the root were fine: %s", brief(err))
	}
}

func oddLimits(x *trial) {
	if !x.needs(x.cfg.Hooks.Limited != nil, "Hooks.Limited") {
		return
	}
	for _, limit := range []int{0, -1, 1 << 30} {
		t, err := x.cfg.Hooks.Limited(limit)
		if err != nil {
			continue
		}
		x.with(x.handleTo(t), func(x *trial) {
			x.parallel(4, func(x *trial, i int) {
				p := x.p(string(rune('a' + i)))
				x.holds(p, x.put(p, 100))
			})
		})
	}
}

// soon is a deadline for things that ought to take no time at all.
const soon = 5 * time.Second
