package drivertest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

func modelRules() []rule {
	return []rule{
		{"MODL-01", Must, "Random operations on paths that are easy to confuse do what a simple model does.", modelOne, 0},
		{"MODL-02", Must, "The same holds with the store opened again between operations.", modelReopen, 0},
		{"MODL-03", Must, "The same holds with two handles used at random.", modelTwo, 0},
		{"MODL-04", Should, "Under faults, what was acknowledged holds, and what failed is applied or not.", modelFaults, 0},
		{"MODL-05", Must, "Copying by hand equals Move, List all the way down equals Walk, and a Reader equals the tail of GetContent.", metamorphic, 0},
		{"MODL-06", Must, "Sequences that once broke a driver do no harm.", modelCorpus, 0},
		{"MODL-07", Should, "Sequences made from any string of bytes do what the model does.", modelFuzz, 0},
	}
}

// step is one operation of a random sequence. Whether it applies is decided when it runs, so
// that any subset of a sequence is a sequence.
type step struct {
	verb   string
	a, b   string
	c      content
	handle int
}

var verbs = []string{
	"put", "put", "write", "write", "cancel", "abandon", "append", "get", "read", "stat", "list", "walk", "move", "move", "delete", "delete",
}

// model is what a store ought to hold, by path below the trial's root.
type model struct {
	paths   []string
	objects map[string]content
	// pending are uploads that were closed without Commit; unknown are paths of which the
	// contract doesn't say whether an upload can be resumed.
	pending map[string]int64
	partial map[string]content
	unknown map[string]bool
	next    uint64
	handles []*traced
}

var alphabet = []string{"a", "ab", "a-b", "A", "a.b", "_x"}

func newModel(x *trial) *model {
	m := &model{
		objects: map[string]content{}, pending: map[string]int64{}, partial: map[string]content{}, unknown: map[string]bool{},
		next: x.shared.objects.Add(1 << 10), handles: []*traced{x.d},
	}
	letters := alphabet
	if x.sem.FoldsCase {
		letters = []string{"a", "ab", "a-b", "a.b", "_x"}
	}
	for len(m.paths) < 14 {
		parts := make([]string, 1+x.rng.IntN(3))
		for i := range parts {
			parts[i] = letters[x.rng.IntN(len(letters))]
		}
		if p := strings.Join(parts, "/"); !slices.Contains(m.paths, p) {
			m.paths = append(m.paths, p)
		}
	}
	return m
}

// random makes a step; its content is its own, so that a sequence can be run again.
func (m *model) random(rng *rand.Rand) step {
	m.next++
	return step{
		verb: verbs[rng.IntN(len(verbs))], a: m.paths[rng.IntN(len(m.paths))], b: m.paths[rng.IntN(len(m.paths))],
		c: content{object: m.next & (1<<objectBits - 1), version: 1, size: rng.Int64N(200)}, handle: rng.IntN(8),
	}
}

// isDir tells whether the model has anything below p.
func (m *model) isDir(p string) bool {
	for o := range m.objects {
		if strings.HasPrefix(o, p+"/") {
			return true
		}
	}
	return false
}

// blocked tells whether p is a directory or below an object.
func (m *model) blocked(p string) bool {
	if m.isDir(p) {
		return true
	}
	for i, c := range p {
		if c == '/' {
			if _, ok := m.objects[p[:i]]; ok {
				return true
			}
		}
	}
	return false
}

// discard drops the uploads at and below p.
func (m *model) discard(p string) {
	for _, q := range m.paths {
		if q == p || strings.HasPrefix(q, p+"/") {
			delete(m.pending, q)
			delete(m.partial, q)
			delete(m.unknown, q)
		}
	}
}

// unsure says that the contract leaves open whether an upload at p can still be resumed.
func (m *model) unsure(p string) {
	delete(m.pending, p)
	delete(m.partial, p)
	m.unknown[p] = true
}

// uploads tells whether there is, or may be, an unfinished upload at or below p.
func (m *model) uploads(p string) bool {
	for _, q := range m.paths {
		if _, pending := m.pending[q]; (pending || m.unknown[q]) && (q == p || strings.HasPrefix(q, p+"/")) {
			return true
		}
	}
	return false
}

// step runs one operation on the driver and the model and compares the two.
func (m *model) step(x *trial, s step) {
	if !x.ok() {
		return
	}
	y := *x
	y.d = m.handles[s.handle%len(m.handles)]
	y.failures = nil
	switch s.verb {
	case "put":
		m.store(&y, s, func(p string) error { return y.d.put(y.ctx, p, s.c) })
		m.unsure(s.a)
	case "write":
		m.store(&y, s, func(p string) error { return y.writeUnder(y.ctx, p, s.c) })
		m.unsure(s.a)
	case "cancel", "abandon":
		m.unfinished(&y, s)
	case "append":
		m.resume(&y, s)
	case "move":
		m.move(&y, s)
	case "delete":
		m.remove(&y, s)
	default:
		m.look(&y, s)
	}
	x.adopt(&y)
}

// store is a put or a committed upload.
func (m *model) store(x *trial, s step, do func(p string) error) {
	p := x.p(s.a)
	err := do(p)
	x.harmless(err, s.verb)
	if m.blocked(s.a) && !x.sem.Coexist {
		if err == nil && x.ok() {
			x.failf("%s of %q, which is a directory or below an object, succeeded", s.verb, p)
		}
		return
	}
	if err != nil && (x.sem.GhostDirs || x.sem.Coexist && m.blocked(s.a)) {
		return // an emptied directory may be in the way
	}
	if x.noErr(err, s.verb+" of "+quote(p)) {
		m.objects[s.a] = s.c
		x.holds(p, s.c)
	}
}

// unfinished is an upload that is cancelled or closed without Commit.
func (m *model) unfinished(x *trial, s step) {
	_, exists := m.objects[s.a]
	if m.blocked(s.a) || x.sem.EarlyVisible && (exists || s.verb == "abandon") {
		return
	}
	p := x.p(s.a)
	w, err := x.d.writer(x.ctx, p, false)
	if err != nil && x.sem.GhostDirs {
		return
	}
	if !x.noErr(err, "Writer on "+quote(p)) {
		return
	}
	delete(m.pending, s.a)
	delete(m.partial, s.a)
	delete(m.unknown, s.a)
	_, err = w.write(s.c, 0, s.c.size/2)
	x.noErr(err, "Write")
	if s.verb == "cancel" {
		x.noErr(w.cancel(x.ctx), "Cancel")
		x.harmless(w.Close(), "Close")
	} else {
		x.noErr(w.Close(), "Close")
		m.pending[s.a], m.partial[s.a] = s.c.size/2, s.c
	}
	m.look(x, step{verb: "get", a: s.a})
}

// resume goes on with an upload that was left, and commits it.
func (m *model) resume(x *trial, s step) {
	at, ok := m.pending[s.a]
	if !ok || m.blocked(s.a) {
		return
	}
	p, c := x.p(s.a), m.partial[s.a]
	u := &upload{x: x, c: c, off: at}
	u.resume(x.d, p)
	u.write(c.size)
	u.commit()
	u.close()
	m.unsure(s.a)
	m.objects[s.a] = c
	x.holds(p, c)
}

func (m *model) move(x *trial, s step) {
	from, to := x.p(s.a), x.p(s.b)
	c, isFile := m.objects[s.a]
	switch {
	case !isFile && m.isDir(s.a), isFile && x.sem.Coexist && m.isDir(s.a):
		return // moving directories is left open
	case !isFile && x.sem.GhostDirs:
		return
	case !isFile:
		m.isAbsent(x, s.a, x.d.move(x.ctx, from, to), "Move of the missing "+quote(from))
		return
	}
	err := x.d.move(x.ctx, from, to)
	x.harmless(err, "Move")
	m.unsure(s.a)
	m.unsure(s.b)
	blocked := m.blocked(s.b) || strings.HasPrefix(s.b, s.a+"/")
	switch {
	case s.a == s.b:
	case blocked && !x.sem.Coexist:
		if err == nil && x.ok() {
			x.failf("Move to %q, which is a directory or below an object, succeeded", to)
		}
	case err != nil && (x.sem.GhostDirs || blocked):
	case x.noErr(err, "Move of "+quote(from)+" to "+quote(to)):
		delete(m.objects, s.a)
		m.objects[s.b] = c
		x.absentIn(m, s.a)
	}
	m.look(x, step{verb: "get", a: s.a})
	m.look(x, step{verb: "get", a: s.b})
}

// absentIn demands that there is no object at a name.
func (x *trial) absentIn(m *model, name string) {
	if !m.isDir(name) {
		x.settle(x.cfg.Consistency.Delete, func() string {
			_, err := x.d.get(x.ctx, x.p(name))
			return m.absentObjection(x, name, err, "GetContent of "+quote(x.p(name)))
		})
	}
}

// absentObjection demands path-not-found, but where an object is above or an emptied directory
// may be left any error will do: other rules, of a lower level, name that fault.
func (m *model) absentObjection(x *trial, name string, err error, what string) string {
	if err != nil && !isPanic(err) && (x.sem.GhostDirs || m.blocked(name)) {
		return ""
	}
	return x.notFoundObjection(err, x.p(name), what)
}

func (m *model) isAbsent(x *trial, name string, err error, what string) {
	if s := m.absentObjection(x, name, err, what); s != "" && x.ok() {
		x.failf("%s", s)
	}
}

func (m *model) remove(x *trial, s step) {
	p := x.p(s.a)
	_, isFile := m.objects[s.a]
	if isFile && m.isDir(s.a) {
		return // which of the two goes is left open
	}
	err := x.d.del(x.ctx, p)
	x.harmless(err, "Delete")
	uploads := m.uploads(s.a)
	m.discard(s.a)
	switch {
	case isFile || m.isDir(s.a):
		x.noErr(err, "Delete of "+quote(p))
		for o := range m.objects {
			if o == s.a || strings.HasPrefix(o, s.a+"/") {
				delete(m.objects, o)
			}
		}
		x.absentIn(m, s.a)
	case x.sem.GhostDirs || uploads && err == nil:
		// an emptied directory or an unfinished upload may have been there to delete
	default:
		m.isAbsent(x, s.a, err, "Delete of the missing "+quote(p))
	}
}

func modelOne(x *trial) { runModel(x, x.n(40, 300, 2000), 30, nil) }

func modelReopen(x *trial) {
	x.second()
	runModel(x, x.n(10, 60, 300), 30, func(x *trial) []*traced {
		return []*traced{x.handleTo(x.target), x.handleTo(x.target), x.handleTo(x.target), x.handleTo(x.target)}
	})
}

func modelTwo(x *trial) {
	b := x.second()
	runModel(x, x.n(10, 60, 300), 30, func(x *trial) []*traced {
		return []*traced{x.d, {h: b.h, as: b.as, log: x.log, open: b.open}}
	})
}

func modelFaults(x *trial) {
	f, ok := x.faulty(LostReply)
	if !ok {
		return
	}
	for i := range x.n(20, 100, 500) {
		p := x.p(fmt.Sprintf("d%d/object", i%4))
		old := x.content(p, 300)
		x.noErr(x.d.put(x.ctx, p, old), "PutContent")
		now := old.next(400)
		f.Arm()
		err := x.d.put(x.ctx, p, now)
		f.Disarm()
		x.harmless(err, "PutContent")
		kept, applied := x.contentObjection(p, old), x.contentObjection(p, now)
		switch {
		case !x.ok():
		case err == nil && applied != "":
			x.failf("PutContent returned nil under faults: %s", applied)
		case applied != "" && kept != "":
			x.failf("PutContent failed (%s) and left neither content: %s", brief(err), applied)
		}
	}
}

func metamorphic(x *trial) {
	c := x.put(x.p("a/object"), 50000)
	b, err := x.d.get(x.ctx, x.p("a/object"))
	if !x.noErr(err, "GetContent") {
		return
	}
	x.noErr(x.d.putBytes(x.ctx, x.p("b/copy"), b), "PutContent")
	x.move(x.p("a/object"), x.p("b/moved"))
	x.holds(x.p("b/copy"), c)
	x.holds(x.p("b/moved"), c)
	for range 20 {
		off := x.rng.Int64N(c.size)
		x.reads(x.p("b/moved"), c, off)
	}
	x.tree(adversarial[:8])
	var listed []string
	x.listDown(x.root, &listed)
	x.visits(x.root, listed)
}

// corpus are sequences that broke a driver once.
var corpus = [][]step{
	{{verb: "put", a: "a/a"}, {verb: "walk"}, {verb: "stat", a: "a"}, {verb: "delete", a: "a/a"}},
	{{verb: "write", a: "a.b"}, {verb: "delete", a: "a"}},
	{{verb: "put", a: "ab"}, {verb: "stat", a: "a"}, {verb: "delete", a: "a"}, {verb: "get", a: "ab"}},
	{{verb: "put", a: "a-b"}, {verb: "put", a: "a/x"}, {verb: "delete", a: "a"}, {verb: "get", a: "a-b"}},
	{{verb: "put", a: "a/b"}, {verb: "move", a: "a/b", b: "c"}, {verb: "put", a: "a"}},
	{{verb: "put", a: "a"}, {verb: "move", a: "a", b: "a"}, {verb: "get", a: "a"}},
	{{verb: "put", a: "a"}, {verb: "put", a: "b/c"}, {verb: "move", a: "a", b: "b"}, {verb: "get", a: "b/c"}},
	{{verb: "put", a: "a"}, {verb: "put", a: "a/b"}, {verb: "get", a: "a"}},
	{{verb: "put", a: "a/b/c"}, {verb: "put", a: "a/b"}, {verb: "get", a: "a/b/c"}},
	{{verb: "abandon", a: "a"}, {verb: "abandon", a: "a"}, {verb: "append", a: "a"}, {verb: "get", a: "a"}},
	{{verb: "abandon", a: "a"}, {verb: "delete", a: "a"}, {verb: "put", a: "a"}, {verb: "get", a: "a"}},
	{{verb: "put", a: "a/a/a"}, {verb: "list", a: "a"}, {verb: "list", a: "a/a"}, {verb: "delete", a: "a/a"}, {verb: "walk"}},
	{{verb: "put", a: "a"}, {verb: "move", a: "a", b: "a/b"}, {verb: "get", a: "a"}},
	{{verb: "put", a: "a"}, {verb: "cancel", a: "a"}, {verb: "get", a: "a"}},
	{{verb: "move", a: "none", b: "b"}, {verb: "put", a: "b"}, {verb: "move", a: "none", b: "b"}, {verb: "get", a: "b"}},
}

func modelCorpus(x *trial) {
	for _, steps := range corpus {
		steps = slices.Clone(steps)
		names := []string{"a", "b", "c", "ab", "a-b", "a/b", "a/a", "none"}
		for i := range steps {
			steps[i].c = x.content(steps[i].a, int64(40+i))
		}
		x.failures = append(x.failures, replay(x, names, steps, nil)...)
		if !x.ok() {
			return
		}
	}
}

// stepsOf reads a sequence from bytes, three to a step.
func stepsOf(m *model, b []byte) []step {
	var steps []step
	for ; len(b) >= 3 && len(steps) < 60; b = b[3:] {
		m.next++
		steps = append(steps, step{
			verb: verbs[int(b[0])%len(verbs)], a: m.paths[int(b[1])%len(m.paths)], b: m.paths[int(b[2])%len(m.paths)],
			c: content{object: m.next & (1<<objectBits - 1), version: 1, size: int64(b[2])},
		})
	}
	return steps
}

func modelFuzz(x *trial) {
	for range x.n(10, 100, 1000) {
		if !x.ok() {
			return
		}
		m := newModel(x)
		b := make([]byte, 60)
		for i := range b {
			b[i] = byte(x.rng.Uint32())
		}
		steps := stepsOf(m, b)
		if f := replay(x, m.paths, steps, nil); len(f) > 0 {
			x.failures = append(x.failures, shrink(x, m.paths, steps, nil, f)...)
		}
	}
}
