package drivertest

import (
	"fmt"
	"slices"
)

// runModel runs sequences and shrinks the first that fails.
func runModel(x *trial, sequences, length int, handles func(x *trial) []*traced) {
	for range sequences {
		if !x.ok() {
			return
		}
		m := newModel(x)
		steps := make([]step, length)
		for i := range steps {
			steps[i] = m.random(x.rng)
		}
		if f := replay(x, m.paths, steps, handles); len(f) > 0 {
			x.failures = append(x.failures, shrink(x, m.paths, steps, handles, f)...)
		}
	}
}

// replay runs a sequence in a directory of its own and returns the failures.
func replay(x *trial, names []string, steps []step, handles func(x *trial) []*traced) []Failure {
	y := *x
	y.failures, y.reason = nil, ""
	y.log = x.shared.newLog()
	y.d = &traced{h: x.d.h, as: x.d.as, log: y.log, open: x.d.open}
	y.root = fmt.Sprintf("%s/m%d", x.root, x.shared.handles.Add(1))
	m := newModel(&y)
	m.paths = names
	m.handles = []*traced{y.d}
	if handles != nil {
		m.handles = handles(&y)
	}
	for _, s := range steps {
		m.step(&y, s)
	}
	m.audit(&y)
	_ = guard(func() error { return y.d.h.del(y.ctx, y.root) })
	if y.reason != "" && x.reason == "" {
		x.reason = y.reason
	}
	return y.failures
}

// shrink removes steps for as long as the sequence still fails.
func shrink(x *trial, names []string, steps []step, handles func(x *trial) []*traced, failures []Failure) []Failure {
	tries := 400
	for size := len(steps) / 2; size >= 1; size /= 2 {
		for at := 0; at+size <= len(steps) && tries > 0; {
			fewer := slices.Concat(steps[:at], steps[at+size:])
			tries--
			if f := replay(x, names, fewer, handles); len(f) > 0 {
				steps, failures = fewer, f
			} else {
				at += size
			}
		}
	}
	return failures
}
