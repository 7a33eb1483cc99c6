package drivertest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

func linearRules() []rule {
	return []rule{
		{"LINZ-01", Must, "PutContent, GetContent, Stat and Delete of one path, called at once, take effect one after another.", linearPut, 0},
		{"LINZ-02", Must, "So do uploads with Commit as the write.", linearCommit, 0},
		{"LINZ-03", Must, "So do Moves between two paths.", linearMove, 0},
		{"LINZ-04", Should, "So do calls through two handles.", linearHandles, 0},
		{"LINZ-05", Should, "So do calls under faults, of which those that failed may or may not have taken effect.", linearFaults, 0},
		{"LINZ-06", Info, "How many histories were too hard to decide.", linearUndecided, 0},
	}
}

// event is one call of a history. next maps a state to the states that may follow it given what
// the call returned; none means that the call can't have taken effect there.
type event struct {
	text       string
	call, done int64
	next       func(state uint64) []uint64
	// again marks the repetition of a call by the driver itself: while the call went on it may have
	// taken effect any number of times, or never.
	again bool
}

// certain tells whether the event is known to have taken effect.
func (e event) certain() bool { return e.done != forever && !e.again }

type decision int

const (
	linearizable decision = iota
	contradictory
	undecided
)

// forever is the end of a call whose outcome is unknown. Such a call may have taken effect at any
// time after it began, or never.
const forever = int64(1<<63 - 1)

// decide searches for an order of the events that respects real time and that the model allows.
// It gives up after budget steps. It tries first whether calls of unknown outcome are needed at
// all: most failed and had no effect.
func decide(history []event, budget int) decision {
	slices.SortFunc(history, func(a, b event) int { return cmp.Compare(a.call, b.call) })
	var closed []event
	for _, e := range history {
		if e.certain() {
			closed = append(closed, e)
		}
	}
	d := linearizable
	for _, h := range [][]event{closed, history} {
		s := search{history: h, budget: budget, seen: map[string]bool{}}
		d = s.from(0, make(bitset, (len(h)+63)/64), len(closed))
		if d == linearizable || len(closed) == len(history) {
			return d
		}
	}
	return d
}

type search struct {
	history []event
	budget  int
	seen    map[string]bool
}

// from searches on from a state, with left calls of known outcome still to be placed.
func (s *search) from(state uint64, taken bitset, left int) decision {
	if left == 0 {
		return linearizable
	}
	if s.budget--; s.budget < 0 {
		return undecided
	}
	key := taken.key(state)
	if s.seen[key] {
		return contradictory
	}
	s.seen[key] = true
	deadline, latest := forever, int64(0)
	for i, e := range s.history {
		if taken.has(i) {
			latest = max(latest, e.call)
		} else if e.certain() {
			deadline = min(deadline, e.done)
		}
	}
	for _, open := range []bool{false, true} {
		for i, e := range s.history {
			if e.call > deadline {
				break
			}
			if taken.has(i) || open == e.certain() || e.done < latest {
				continue
			}
			after, placed := left, taken
			if !open {
				after--
			}
			if !e.again {
				placed = taken.with(i)
			}
			for _, next := range e.next(state) {
				if d := s.from(next, placed, after); d != contradictory {
					return d
				}
			}
		}
	}
	return contradictory
}

type bitset []uint64

func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) with(i int) bitset {
	c := slices.Clone(b)
	c[i/64] |= 1 << (i % 64)
	return c
}

func (b bitset) key(state uint64) string {
	k := make([]byte, 0, 8*len(b)+8)
	for _, w := range append(slices.Clip(b), state) {
		k = append(k, byte(w), byte(w>>8), byte(w>>16), byte(w>>24), byte(w>>32), byte(w>>40), byte(w>>48), byte(w>>56))
	}
	return string(k)
}

// recorder collects the history of one or two registers. A state holds the version at path 0 in
// its low half, that at path 1 in its high half; version 0 is absence.
type recorder struct {
	mu      sync.Mutex
	began   time.Time
	history []event
	version uint64
	base    [2]content
	leeway
}

// leeway is what a history may show beyond one effect for each call. With weak a Delete may succeed
// where there is nothing; with again a driver may make a write or a Delete again, of which it lost the
// reply.
type leeway struct{ weak, again bool }

func get(state uint64, i int) uint64 { return state >> (32 * i) & (1<<32 - 1) }

func set(state uint64, i int, v uint64) uint64 { return state&^((1<<32-1)<<(32*i)) | v<<(32*i) }

// observe runs a call and records what follows from its outcome. A call that failed for an
// unknown reason stays open for ever and may have taken effect.
func (r *recorder) observe(text string, changes bool, call func() (outcome string, next func(uint64) []uint64, known bool)) {
	begun := time.Since(r.began).Nanoseconds()
	outcome, next, known := call()
	ended := time.Since(r.began).Nanoseconds()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again && changes {
		r.history = append(r.history, event{text: text + ", repeated", call: begun, done: ended, next: next, again: true})
	}
	if !known {
		ended = forever
	}
	r.history = append(r.history, event{text: text + ": " + outcome, call: begun, done: ended, next: next})
}

func (r *recorder) nextVersion() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.version++
	return r.version
}

// version v of a register has a size of its own, so that Stat identifies it.
func (r *recorder) contentOf(i int, v uint64) content {
	return content{object: r.base[i].object, version: v, size: int64(16 + 8*v)}
}

func versionOf(size int64) uint64 { return uint64(size-16) / 8 }

func surely(effect func(uint64) uint64) func(uint64) []uint64 {
	return func(s uint64) []uint64 { return []uint64{effect(s)} }
}

func sees(i int, v uint64) func(uint64) []uint64 {
	return func(s uint64) []uint64 {
		if get(s, i) != v {
			return nil
		}
		return []uint64{s}
	}
}

// nothing is a call that has no effect and says nothing.
func nothing(uint64) []uint64 { return nil }

func (r *recorder) write(x *trial, i int, p string, store func(x *trial, p string, c content) error) {
	v := r.nextVersion()
	r.observe(fmt.Sprintf("write version %d to %d", v, i), true, func() (string, func(uint64) []uint64, bool) {
		err := store(x, p, r.contentOf(i, v))
		x.harmless(err, "write")
		effect := func(s uint64) uint64 { return set(s, i, v) }
		if err != nil {
			return brief(err), surely(effect), false
		}
		return "done", surely(effect), true
	})
}

func (r *recorder) read(x *trial, i int, p string) {
	r.observe(fmt.Sprintf("read %d", i), false, func() (string, func(uint64) []uint64, bool) {
		b, err := x.d.get(x.ctx, p)
		x.harmless(err, "GetContent")
		switch {
		case err == nil:
			v := versionOf(int64(len(b)))
			return fmt.Sprintf("version %d", v), sees(i, v), true
		case x.missing(err):
			return "nothing there", sees(i, 0), true
		}
		return brief(err), nothing, false
	})
}

func (r *recorder) stat(x *trial, i int, p string) {
	r.observe(fmt.Sprintf("stat %d", i), false, func() (string, func(uint64) []uint64, bool) {
		e, err := x.d.stat(x.ctx, p)
		x.harmless(err, "Stat")
		switch {
		case err == nil:
			v := versionOf(e.size)
			return fmt.Sprintf("version %d", v), sees(i, v), true
		case x.missing(err):
			return "nothing there", sees(i, 0), true
		}
		return brief(err), nothing, false
	})
}

func (r *recorder) remove(x *trial, i int, p string) {
	r.observe(fmt.Sprintf("delete %d", i), true, func() (string, func(uint64) []uint64, bool) {
		err := x.d.del(x.ctx, p)
		x.harmless(err, "Delete")
		effect := func(s uint64) uint64 { return set(s, i, 0) }
		switch {
		case err == nil && r.weak:
			return "done", surely(effect), true
		case err == nil:
			return "done", func(s uint64) []uint64 {
				if get(s, i) == 0 {
					return nil
				}
				return []uint64{effect(s)}
			}, true
		case x.missing(err):
			return "nothing there", sees(i, 0), true
		}
		return brief(err), surely(effect), false
	})
}

func (r *recorder) move(x *trial, from, to int, paths [2]string) {
	r.observe(fmt.Sprintf("move %d to %d", from, to), true, func() (string, func(uint64) []uint64, bool) {
		err := x.d.move(x.ctx, paths[from], paths[to])
		x.harmless(err, "Move")
		effect := func(s uint64) uint64 { return set(set(s, to, get(s, from)), from, 0) }
		switch {
		case err == nil:
			return "done", func(s uint64) []uint64 {
				if get(s, from) == 0 {
					return nil
				}
				return []uint64{effect(s)}
			}, true
		case x.missing(err):
			return "nothing there", sees(from, 0), true
		}
		return brief(err), surely(effect), false
	})
}

// history runs clients against fresh paths and judges what they saw.
func (x *trial) history(round, clients, ops int, lee leeway, act func(x *trial, r *recorder, paths [2]string)) {
	paths := [2]string{x.p(fmt.Sprintf("r%d/a", round)), x.p(fmt.Sprintf("r%d/b", round))}
	lee.weak = lee.weak || x.cfg.Semantics.WeakDelete
	r := &recorder{began: time.Now(), leeway: lee}
	r.base[0], r.base[1] = x.content(paths[0], 0), x.content(paths[1], 0)
	x.parallel(clients, func(x *trial, _ int) {
		for range ops {
			if x.ok() {
				act(x, r, paths)
				// Clients that think between calls spread over those of the others.
				time.Sleep(time.Duration(x.rng.IntN(150)) * time.Microsecond)
			}
		}
	})
	if !x.ok() {
		return
	}
	switch decide(r.history, 200000) {
	case contradictory:
		x.failures = append(x.failures, Failure{
			Message:    fmt.Sprintf("%d calls of %d clients can't have taken effect one after another", len(r.history), clients),
			Operations: r.timeline(),
		})
	case undecided:
		x.notef("a history of %d calls was too hard to decide", len(r.history))
	case linearizable:
	}
	_ = x.d.del(x.ctx, x.p(fmt.Sprintf("r%d", round)))
}

// timeline is the history in the order of the calls, shortened to the part that can't be ordered.
func (r *recorder) timeline() []string {
	lo, hi := 1, len(r.history)
	for lo < hi {
		mid := (lo + hi) / 2
		if decide(slices.Clone(r.prefix(mid)), 50000) == contradictory {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	var out []string
	for _, e := range r.history[max(0, hi-40):min(hi, len(r.history))] {
		out = append(out, fmt.Sprintf("// %8d ns … %8d ns  %s", e.call, e.done, excerpt(e.text, 120)))
	}
	return out
}

// prefix is the history up to a call; calls that were still open then may have taken effect.
func (r *recorder) prefix(n int) []event { return r.history[:n] }

func linearRounds(x *trial, lee leeway, act func(x *trial, r *recorder, paths [2]string)) {
	for round := range x.n(4, 20, 20) {
		x.history(round, x.n(4, 8, 8), x.n(25, 100, 100), lee, act)
	}
}

func putOf(x *trial, p string, c content) error { return x.d.put(x.ctx, p, c) }

func registerOp(x *trial, r *recorder, p string, store func(x *trial, p string, c content) error) {
	switch x.rng.IntN(10) {
	case 0, 1, 2:
		r.write(x, 0, p, store)
	case 3, 4, 5:
		r.read(x, 0, p)
	case 6, 7, 8:
		r.stat(x, 0, p)
	default:
		r.remove(x, 0, p)
	}
}

func linearPut(x *trial) {
	linearRounds(x, leeway{}, func(x *trial, r *recorder, paths [2]string) { registerOp(x, r, paths[0], putOf) })
}

// linearCommit lets a Delete that found no more than an upload in the making succeed.
func linearCommit(x *trial) {
	if x.sem.EarlyVisible {
		x.inconclusive("bytes are visible before Commit, so an upload is no single write")
		return
	}
	linearRounds(x, leeway{weak: true}, func(x *trial, r *recorder, paths [2]string) {
		registerOp(x, r, paths[0], func(x *trial, p string, c content) error { return x.writeUnder(x.ctx, p, c) })
	})
}

func linearMove(x *trial) {
	if x.cfg.Semantics.WeakMove {
		x.inconclusive("a Move is declared to be a copy and a delete")
		return
	}
	linearRounds(x, leeway{}, func(x *trial, r *recorder, paths [2]string) {
		i := x.rng.IntN(2)
		switch x.rng.IntN(5) {
		case 0:
			r.write(x, i, paths[i], putOf)
		case 1, 2:
			r.read(x, i, paths[i])
		case 3:
			r.remove(x, i, paths[i])
		default:
			r.move(x, i, 1-i, paths)
		}
	})
}

func linearHandles(x *trial) {
	b := x.second()
	linearRounds(x, leeway{}, func(x *trial, r *recorder, paths [2]string) {
		y := *x
		if x.rng.IntN(2) == 0 {
			y.d = &traced{h: b.h, as: b.as, log: x.log, open: b.open}
		}
		registerOp(&y, r, paths[0], putOf)
		x.failures = y.failures
	})
}

// linearFaults lets a driver make a write again whose reply was lost, while the call goes on.
func linearFaults(x *trial) {
	f, ok := x.faulty(LostReply)
	if !ok {
		return
	}
	f.Arm()
	defer f.Disarm()
	linearRounds(x, leeway{again: true}, func(x *trial, r *recorder, paths [2]string) { registerOp(x, r, paths[0], putOf) })
}

func linearUndecided(x *trial) {
	n := 0
	for round := range x.n(2, 10, 10) {
		p := x.p(fmt.Sprintf("r%d", round))
		r := &recorder{began: time.Now(), leeway: leeway{weak: x.cfg.Semantics.WeakDelete}}
		r.base[0] = x.content(p, 0)
		x.parallel(8, func(x *trial, _ int) {
			for range 20 {
				registerOp(x, r, p, putOf)
			}
		})
		if decide(r.history, 100000) == undecided {
			n++
		}
	}
	x.notef("%d histories were too hard to decide", n)
}
