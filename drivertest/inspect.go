package drivertest

import (
	"errors"
	"fmt"
	"path"
)

// Metered is a store that counts the calls that its driver makes to the back-end.
type Metered struct {
	Target Target
	// Count returns how many calls have begun since it was called last, and how many of them were
	// under way at once at most. It must be safe for concurrent use.
	Count func() (calls, peak int)
	// Close releases the back-end. It may be nil.
	Close func()
}

// Inspected is a store whose back-end can be looked into.
type Inspected struct {
	Target Target
	// Keys lists the names, with slashes between their parts, under which the back-end keeps
	// content: objects, and the pieces of uploads, finished or not.
	Keys func() ([]string, error)
	// Close releases the back-end. It may be nil.
	Close func()
}

// Lossy is a store on a medium that keeps what was flushed to it, and loses all else in a power
// cut.
type Lossy struct {
	Target Target
	// Cut cuts the power and returns the store as it is found afterwards.
	Cut func() (Target, error)
	// Close releases the medium. It may be nil.
	Close func()
}

// given demands of a hook's error that there is none. What isn't supported is inconclusive.
func (x *trial) given(err error, hook, unsupported string) bool {
	if errors.Is(err, errors.ErrUnsupported) {
		x.inconclusive("%s", unsupported)
		return false
	}
	return x.noErr(err, hook)
}

// enter moves the trial to a store that a hook has opened, and releases it with the trial.
func (x *trial) enter(t Target, release func()) {
	if release != nil {
		x.shared.open.add(&closer{release})
	}
	x.d, x.target = x.handleTo(t), t
}

// metered moves the trial to a store that counts calls, under a limit of them.
func (x *trial) metered(limit int) (Metered, bool) {
	if !x.needs(x.cfg.Hooks.Metered != nil, "Hooks.Metered") {
		return Metered{}, false
	}
	m, err := x.cfg.Hooks.Metered(limit)
	if !x.given(err, "Hooks.Metered", "the driver has no limit to the calls to its back-end") {
		return m, false
	}
	x.enter(m.Target, m.Close)
	return m, true
}

// limitHolds has many callers at work under a small limit.
func limitHolds(x *trial) {
	for _, limit := range []int{1, 2, 5} {
		x.each(fmt.Sprintf("a limit of %d", limit), func(x *trial) {
			m, ok := x.metered(limit)
			if !ok {
				return
			}
			x.puts("dir/file")
			m.Count()
			x.parallel(16, func(x *trial, i int) {
				for n := range x.n(8, 40, 100) {
					p := x.p(fmt.Sprintf("dir/%d", (i+n)%5))
					x.noErr(x.d.put(x.ctx, p, x.content(p, 3000)), "PutContent under a limit of calls")
					_, err := x.d.get(x.ctx, x.p("dir/file"))
					x.noErr(err, "GetContent under a limit of calls")
				}
			})
			calls, peak := m.Count()
			x.notef("a limit of %d: %d calls, %d of them at once", limit, calls, peak)
			switch {
			case calls == 0:
				x.inconclusive("Hooks.Metered counts no calls")
			case peak > limit && x.ok():
				x.failf("under a limit of %d there were %d calls to the back-end at once", limit, peak)
			}
		})
	}
}

// requests counts the calls to the back-end that each call of the driver makes. A listing may take
// one for each page; a Delete, that and one for each batch, one to see whether the path itself is an
// object, and one to find unfinished uploads.
func requests(x *trial) {
	m, ok := x.metered(0)
	if !ok {
		return
	}
	n := min(x.cfg.Limits.PageSize-1, x.n(200, 1000, 5000))
	pages := n/x.cfg.Limits.PageSize + 1
	small, dir := x.p("small/object"), x.p("dir")
	x.put(small, 256)
	x.fillDir(dir, n, numbered)
	for _, call := range []struct {
		name  string
		limit int
		f     func() error
	}{
		{"Stat of an object", 2, func() error { _, err := x.d.stat(x.ctx, small); return err }},
		{"Stat of a directory", 2, func() error { _, err := x.d.stat(x.ctx, dir); return err }},
		{"GetContent of 256 bytes", 2, func() error { _, err := x.d.get(x.ctx, small); return err }},
		{"PutContent of 256 bytes", 2, func() error { return x.d.put(x.ctx, x.p("small/other"), x.content(x.p("small/other"), 256)) }},
		{fmt.Sprintf("List of %d", n), pages + 1, func() error { _, err := x.d.list(x.ctx, dir); return err }},
		{fmt.Sprintf("Walk of %d", n), pages + 1, func() error { return x.d.walk(x.ctx, dir, func(entry) error { return nil }) }},
		{fmt.Sprintf("Delete of %d", n), 2*pages + 2, func() error { return x.d.del(x.ctx, dir) }},
	} {
		m.Count()
		err := call.f()
		calls, _ := m.Count()
		x.notef("%s: %s", call.name, count(int64(calls), "call"))
		if x.noErr(err, call.name) && calls > call.limit {
			x.failures = append(x.failures, Failure{
				Case: call.name, Message: fmt.Sprintf("%s to the back-end; %d do", count(int64(calls), "call"), call.limit),
			})
		}
	}
}

// hotDirectory looks at where the pieces of many uploads lie, those of open ones too. A directory
// with more than half of them is hot.
func hotDirectory(x *trial) {
	if !x.needs(x.cfg.Hooks.Inspect != nil, "Hooks.Inspect") {
		return
	}
	in, err := x.cfg.Hooks.Inspect()
	if !x.given(err, "Hooks.Inspect", "the back-end can't be looked into") {
		return
	}
	x.enter(in.Target, in.Close)
	before, err := in.Keys()
	if !x.noErr(err, "Keys") {
		return
	}
	const uploads = 24
	for i := range uploads {
		p := x.p(fmt.Sprintf("blobs/%02x/%02x/data", i*37%256, i))
		u := x.start(p, 40000)
		u.writeAll(20000)
		if i%2 == 0 {
			u.commit()
		}
		u.close()
	}
	after, err := in.Keys()
	if !x.noErr(err, "Keys") {
		return
	}
	dir, most, all := hottest(before, after)
	x.notef("of %d names the fullest directory, %q, holds %d", all, dir, most)
	if all < uploads/2 {
		x.inconclusive("Keys lists %d new names for %d uploads", all, uploads)
	} else if 2*most > all {
		x.failf("of the %d names that %d uploads have in the back-end %d lie in %q", all, uploads, most, dir)
	}
}

// hottest returns the directory that holds most of the names that are new, how many these are, and
// how many names are new.
func hottest(before, after []string) (dir string, most, all int) {
	old := map[string]bool{}
	for _, k := range before {
		old[k] = true
	}
	held := map[string]int{}
	for _, k := range after {
		if old[k] {
			continue
		}
		all++
		d := path.Dir(k)
		if held[d]++; held[d] > most {
			dir, most = d, held[d]
		}
	}
	return dir, most, all
}

// powerCuts judges what acknowledged calls have left when the power fails.
func powerCuts(x *trial) {
	if !x.needs(x.cfg.Hooks.Lossy != nil, "Hooks.Lossy") {
		return
	}
	for round := range x.n(2, 6, 20) {
		x.each(fmt.Sprintf("cut %d", round+1), powerCut)
	}
}

// powerCut lets some callers put, upload and move, each below a directory of its own, cuts the
// power, and demands what was acknowledged.
func powerCut(x *trial) {
	l, err := x.cfg.Hooks.Lossy()
	if !x.given(err, "Hooks.Lossy", "no medium that loses what was not flushed can be had here") {
		return
	}
	x.enter(l.Target, l.Close)
	const callers = 4
	var kept [callers]map[string]content
	x.parallel(callers, func(x *trial, i int) { kept[i] = x.acknowledged(fmt.Sprintf("caller%d", i)) })
	open := x.p("caller0/put0")
	u := x.start(open, 90000)
	u.write(50000)
	if !x.ok() {
		return
	}
	after, err := l.Cut()
	if !x.noErr(err, "Cut") {
		return
	}
	// What was open before the cut belongs to a driver that is no more.
	u.closeAnyhow()
	x.d, x.target = x.handleTo(after), after
	for _, m := range kept {
		for p, c := range m {
			x.holds(p, c)
			x.isFile(p, c.size)
		}
	}
	c := x.put(x.p("later/object"), 5000)
	x.holds(x.p("later/object"), c)
}

// acknowledged does some of each kind of write below a directory, and returns what is there as far
// as the calls have said.
func (x *trial) acknowledged(dir string) map[string]content {
	kept := map[string]content{}
	for i := range 4 + x.rng.IntN(4) {
		p := x.p(fmt.Sprintf("%s/put%d", dir, i%3))
		kept[p] = x.put(p, int64(x.rng.IntN(60000)))
		p = x.p(fmt.Sprintf("%s/sub%d/upload", dir, i))
		c := x.write(p, int64(x.rng.IntN(200000)))
		if i%2 == 0 {
			kept[p] = c
			continue
		}
		to := x.p(fmt.Sprintf("%s/moved/%d/data", dir, i))
		x.move(p, to)
		kept[to] = c
	}
	return kept
}
