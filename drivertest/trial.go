package drivertest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Failure is one thing that went wrong under a rule.
type Failure struct {
	// Case names the variation of the rule, where it has some.
	Case string
	// Message says what was seen and what was expected.
	Message string
	// Operations led to it: Go statements over a driver d and a context ctx.
	Operations []string
}

func (f Failure) String() string {
	var b strings.Builder
	if f.Case != "" {
		b.WriteString("[" + f.Case + "] ")
	}
	b.WriteString(f.Message)
	for i, op := range f.Operations {
		if i == 0 {
			b.WriteString("\n  operations:")
		}
		b.WriteString("\n    " + op)
	}
	return b.String()
}

const maxFailures = 6

// trial is one run of one rule. It remembers the first failure, after which its helpers do
// nothing, so that a rule reads as the sequence of what must hold. A trial belongs to one
// goroutine; fork makes more.
type trial struct {
	ctx    context.Context
	cfg    Config
	sem    Semantics
	target Target
	d      *traced
	root   string
	rng    *rand.Rand
	log    *oplog
	shared *shared

	label    string
	failures []Failure
	reason   string
}

// shared is what all goroutines of a rule have in common.
type shared struct {
	objects  atomic.Uint64
	handles  atomic.Int64
	patience atomic.Int64
	open     openSet
	mu       sync.Mutex
	logs     []*oplog
	names    map[uint64]string
	notes    []string
}

func newTrial(ctx context.Context, cfg Config, sem Semantics, target Target, root string) *trial {
	sh := &shared{names: map[uint64]string{}, open: openSet{m: map[io.Closer]struct{}{}}}
	sh.patience.Store(1)
	x := &trial{ctx: ctx, cfg: cfg, sem: sem, target: target, root: root, shared: sh}
	x.rng = rand.New(rand.NewPCG(cfg.Seed, hash(root)))
	x.log = sh.newLog()
	x.d = &traced{h: target.open(), as: "d", log: x.log, open: &sh.open}
	return x
}

func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func (s *shared) newLog() *oplog {
	l := newLog()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, l)
	return l
}

// hanging returns an operation that has been in flight for longer than limit.
func (s *shared) hanging(limit time.Duration) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.logs {
		if text, age := l.oldest(); age > limit*time.Duration(s.patience.Load()) {
			return text, true
		}
	}
	return "", false
}

// ok tells whether the trial is still worth going on with.
func (x *trial) ok() bool { return len(x.failures) == 0 && x.reason == "" && x.ctx.Err() == nil }

// failf records a failure with the operations so far.
func (x *trial) failf(format string, args ...any) {
	if x.reason != "" || len(x.failures) >= maxFailures {
		return
	}
	x.failures = append(x.failures, Failure{
		Case: x.label, Message: fmt.Sprintf(format, args...), Operations: x.log.lines(),
	})
}

// inconclusive ends the rule without a verdict.
func (x *trial) inconclusive(format string, args ...any) {
	if x.ok() {
		x.reason = fmt.Sprintf(format, args...)
	}
}

// notef adds an observation to the result.
func (x *trial) notef(format string, args ...any) {
	x.shared.mu.Lock()
	defer x.shared.mu.Unlock()
	if len(x.shared.notes) < 20 {
		x.shared.notes = append(x.shared.notes, fmt.Sprintf(format, args...))
	}
}

// each judges a variation of the rule in a directory of its own; a failure in one doesn't keep
// the next from being judged.
func (x *trial) each(label string, f func(*trial)) {
	if x.reason != "" || len(x.failures) >= maxFailures || x.ctx.Err() != nil {
		return
	}
	sub := *x
	sub.label = strings.TrimPrefix(x.label+", "+label, ", ")
	sub.failures = nil
	sub.log = x.shared.newLog()
	sub.d = &traced{h: x.d.h, as: x.d.as, log: sub.log, open: x.d.open}
	sub.root = fmt.Sprintf("%s/c%d", x.root, x.shared.handles.Add(1))
	f(&sub)
	x.failures = append(x.failures, sub.failures...)
	if sub.reason != "" && x.reason == "" && len(x.failures) == 0 {
		x.reason = sub.reason
	}
}

// parallel runs f n times at once, each in a trial of its own over the same store and root, and
// collects the failures.
func (x *trial) parallel(n int, f func(x *trial, i int)) {
	if !x.ok() {
		return
	}
	subs := make([]*trial, n)
	var wg sync.WaitGroup
	for i := range subs {
		sub := *x
		sub.log = x.shared.newLog()
		sub.rng = rand.New(rand.NewPCG(x.rng.Uint64(), uint64(i)))
		sub.d = &traced{h: x.d.h, as: x.d.as, log: sub.log, open: x.d.open}
		sub.label = strings.TrimPrefix(fmt.Sprintf("%s, goroutine %d", x.label, i), ", ")
		subs[i] = &sub
		wg.Go(func() { f(&sub, i) })
	}
	wg.Wait()
	for _, sub := range subs {
		if room := maxFailures - len(x.failures); room > 0 {
			x.failures = append(x.failures, sub.failures[:min(room, len(sub.failures))]...)
		}
		if x.reason == "" && len(x.failures) == 0 {
			x.reason = sub.reason
		}
	}
}

// second returns another handle to the same store. Without one the rule is inconclusive.
func (x *trial) second() *traced {
	if !x.target.handles {
		x.inconclusive("needs a second handle to the store: use RunStore or AdaptStore")
		return x.d
	}
	return x.handleTo(x.target)
}

// another returns a second handle where there is one, the first elsewhere.
func (x *trial) another() *traced {
	if !x.target.handles {
		return x.d
	}
	return x.handleTo(x.target)
}

func (x *trial) handleTo(t Target) *traced {
	n := x.shared.handles.Add(1) + 1
	return &traced{h: t.open(), as: fmt.Sprintf("d%d", n), log: x.log, open: &x.shared.open}
}

// over returns the trial with its calls going to another handle.
func (x *trial) over(d *traced) *trial {
	sub := *x
	sub.d = &traced{h: d.h, as: d.as, log: x.log, open: d.open}
	sub.failures = nil
	return &sub
}

// adopt takes the outcome of a trial that over made.
func (x *trial) adopt(sub *trial) {
	x.failures = append(x.failures, sub.failures...)
	if x.reason == "" {
		x.reason = sub.reason
	}
}

// p returns the absolute path of a name below the rule's own directory.
func (x *trial) p(name string) string { return x.root + "/" + name }

// n picks a count by budget.
func (x *trial) n(quick, standard, long int) int {
	return [...]int{quick, standard, long}[x.cfg.Budget]
}

// patience lets single calls take longer, where they do the work of many.
func (x *trial) patience(factor int) { x.shared.patience.Store(int64(factor)) }

// needs makes the rule inconclusive where a hook is missing.
func (x *trial) needs(have bool, what string) bool {
	if !have {
		x.inconclusive("needs %s", what)
	}
	return x.ok()
}

// long makes the rule inconclusive outside the long budget.
func (x *trial) long() bool {
	if x.cfg.Budget < Long {
		x.inconclusive("runs in the long budget only")
	}
	return x.ok()
}

// content makes new, unique content for a path.
func (x *trial) content(p string, size int64) content {
	c := content{object: x.shared.objects.Add(1) & (1<<objectBits - 1), version: 1, size: size}
	x.shared.mu.Lock()
	defer x.shared.mu.Unlock()
	if len(x.shared.names) < 10000 {
		x.shared.names[c.object] = p
	}
	return c
}

// next is a later version of the same object.
func (c content) next(size int64) content {
	return content{object: c.object, version: c.version + 1, size: size}
}

// explain adds the names of the objects that a mismatch mentions.
func (x *trial) explain(err error) string {
	s := brief(err)
	const mark = "bytes of object "
	if i := strings.Index(s, mark); i >= 0 {
		var n uint64
		if _, err := fmt.Sscanf(s[i+len(mark):], "%d", &n); err == nil {
			x.shared.mu.Lock()
			name := x.shared.names[n]
			x.shared.mu.Unlock()
			if name != "" {
				s = s[:i] + mark + path.Clean(name) + ", " + s[i+len("bytes of "):]
			}
		}
	}
	return s
}

// settle repeats f until it has nothing to object or the window has passed.
func (x *trial) settle(window time.Duration, f func() string) {
	if !x.ok() {
		return
	}
	deadline := time.Now().Add(window)
	pause := 10 * time.Millisecond
	for {
		objection := f()
		if objection == "" {
			return
		}
		if !time.Now().Before(deadline) || !sleep(x.ctx, pause) {
			x.failf("%s", objection)
			return
		}
		pause = min(2*pause, time.Second)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// stacks returns the goroutines, for a call that hangs.
func stacks() string {
	b := make([]byte, 64<<10)
	return string(b[:runtime.Stack(b, true)])
}
