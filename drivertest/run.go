package drivertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Check judges one store and returns the report. It writes below cfg.Prefix only, removes what
// it wrote, and never calls into package testing. The rules run one after another. Rules about
// the root are inconclusive unless cfg.Exclusive is set. A configuration that can't be meant is
// reported as a failed result named CONFIG.
func Check(ctx context.Context, target Target, cfg Config) Report {
	began := time.Now()
	if err := cfg.validate(); err != nil {
		return Report{Results: []Result{misconfigured(err)}}
	}
	cfg = cfg.withDefaults()
	s := newSession(ctx, cfg, func() (Target, bool) { return target, cfg.Exclusive })
	rep := Report{Seed: cfg.Seed, Budget: cfg.Budget}
	rep.Driver, rep.Semantics = s.probe()
	for _, o := range rep.Semantics {
		cfg.Logf("%s: %s", o.Name, o.Value)
	}
	for _, j := range s.jobs() {
		if ctx.Err() != nil {
			rep.Interrupted = true
			break
		}
		res := s.judge(j)
		cfg.Logf("%s %s (%s)", res.ID, res.Outcome, res.Duration.Round(time.Millisecond))
		rep.Results = append(rep.Results, res)
	}
	rep.Results = append(rep.Results, orphanWaivers(cfg)...)
	rep.Duration = time.Since(began)
	return rep
}

// CheckEach is Check with a store of its own for each rule, so that no rule meets what another
// left, and with up to cfg.Parallel rules at once. open makes a fresh store, and done, which may be
// nil, releases it; open must be safe for concurrent use.
func CheckEach(ctx context.Context, open func() (t Target, done func()), cfg Config) Report {
	began := time.Now()
	if err := cfg.validate(); err != nil {
		return Report{Results: []Result{misconfigured(err)}}
	}
	cfg = cfg.withDefaults()
	rep := Report{Seed: cfg.Seed, Budget: cfg.Budget}
	target, done := open()
	s := newSession(ctx, cfg, func() (Target, bool) { return target, true })
	rep.Driver, rep.Semantics = s.probe()
	release(done)
	jobs := s.jobs()
	rep.Results = make([]Result, len(jobs))
	judge := func(i int) {
		target, done := open()
		defer release(done)
		one := *s
		one.open = func() (Target, bool) { return target, true }
		rep.Results[i] = one.judge(jobs[i])
		cfg.Logf("%s %s (%s)", jobs[i].rule.id, rep.Results[i].Outcome, rep.Results[i].Duration.Round(time.Millisecond))
	}
	each(len(jobs), cfg.Parallel, func(i int) {
		if jobs[i].rule.flags&alone == 0 {
			judge(i)
		}
	})
	for i, j := range jobs {
		if j.rule.flags&alone != 0 {
			judge(i)
		}
	}
	rep.Interrupted = ctx.Err() != nil
	rep.Results = append(rep.Results, orphanWaivers(cfg)...)
	rep.Duration = time.Since(began)
	return rep
}

func release(done func()) {
	if done != nil {
		done()
	}
}

// each calls f for 0 to n-1, up to par at once.
func each(n, par int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range par {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func misconfigured(err error) Result {
	return Result{
		Rule:    Rule{ID: "CONFIG", Level: Must, Sentence: "The configuration of the suite makes sense.", Group: "factory"},
		Outcome: Failed, Counts: true, Failures: []Failure{{Message: err.Error()}},
	}
}

// Run judges the drivers that open returns, one subtest a rule (Walk/WALK-07). Each rule gets a
// driver over a fresh store; open registers its clean-up with the testing.TB that it is given.
// At most one Config may be passed; without one the driver is judged as a strict local one.
func Run[D Driver[FI, FW, WF, WO], FI FileInfo, FW FileWriter, WF ~func(FI) error, WO any](
	t *testing.T, open func(testing.TB) D, cfg ...Config,
) {
	t.Helper()
	runTests(t, func(tb testing.TB) Target { return Adapt(open(tb)) }, cfg)
}

// RunStore is Run for a store that can be opened more than once: open makes a fresh store and
// returns a function that opens a handle to it. The function must be safe for concurrent use.
func RunStore[D Driver[FI, FW, WF, WO], FI FileInfo, FW FileWriter, WF ~func(FI) error, WO any](
	t *testing.T, open func(testing.TB) func() D, cfg ...Config,
) {
	t.Helper()
	runTests(t, func(tb testing.TB) Target { return AdaptStore(open(tb)) }, cfg)
}

func runTests(t *testing.T, open func(testing.TB) Target, cfgs []Config) {
	t.Helper()
	if len(cfgs) > 1 {
		t.Fatalf("drivertest: %d configurations were passed; at most one may be", len(cfgs))
	}
	var cfg Config
	if len(cfgs) == 1 {
		cfg = cfgs[0]
	}
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	cfg = cfg.withDefaults()
	if job := childJob(); job != "" {
		if err := Work(t.Context(), job, cfg); err != nil {
			t.Fatal(err)
		}
		return
	}
	if cfg.Hooks.Worker == nil {
		cfg.Hooks.Worker = testWorker(t.Name())
	}
	s := probeTests(t, open, cfg)
	for _, r := range orphanWaivers(cfg) {
		t.Error(r)
	}
	slots := make(chan struct{}, cfg.Parallel)
	for _, g := range groups() {
		jobs := s.jobsOf(g)
		if len(jobs) == 0 {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			for _, j := range jobs {
				t.Run(j.rule.id, func(t *testing.T) { s.runTest(t, j, open, slots) })
			}
		})
	}
}

// probeTests finds out what the driver does where the contract leaves it open.
func probeTests(t *testing.T, open func(testing.TB) Target, cfg Config) *session {
	t.Helper()
	s := newSession(t.Context(), cfg, nil)
	t.Run("semantics", func(t *testing.T) {
		target := open(t)
		s.open = func() (Target, bool) { return target, true }
		name, seen := s.probe()
		t.Logf("driver %q, budget %s, seed %d", name, cfg.Budget, cfg.Seed)
		for _, o := range seen {
			if o.Contradicts {
				t.Errorf("%s is declared, but probed: %s", o.Name, o.Value)
				continue
			}
			t.Logf("%-16s %s", o.Name, o.Value)
		}
	})
	return s
}

func (s *session) runTest(t *testing.T, j job, open func(testing.TB) Target, slots chan struct{}) {
	if j.rule.flags&alone == 0 {
		t.Parallel()
	}
	slots <- struct{}{}
	defer func() { <-slots }()
	one := *s
	one.open = func() (Target, bool) { return open(t), true }
	res := one.judge(j)
	for _, n := range res.Notes {
		t.Log(n)
	}
	switch {
	case res.Outcome == Failed && res.Counts:
		t.Errorf("%s\n  seed %d", res, s.cfg.Seed)
	case res.Outcome == Failed:
		t.Logf("%s\n  seed %d", res, s.cfg.Seed)
	case res.Outcome == Inconclusive:
		t.Skip(res.Reason)
	}
}

// session is one run of the suite.
type session struct {
	ctx  context.Context
	cfg  Config
	sem  Semantics
	run  string
	open func() (t Target, exclusive bool)
}

type job struct {
	rule  rule
	group string
}

func newSession(ctx context.Context, cfg Config, open func() (Target, bool)) *session {
	return &session{ctx: ctx, cfg: cfg, open: open, run: fmt.Sprintf("%s/%012x", cfg.Prefix, cfg.Seed&(1<<48-1))}
}

func (s *session) jobs() []job {
	var all []job
	for _, g := range groups() {
		all = append(all, s.jobsOf(g)...)
	}
	return all
}

func (s *session) jobsOf(g group) []job {
	var jobs []job
	for _, r := range g.rules {
		if selected(r.id, s.cfg.Only) {
			jobs = append(jobs, job{r, g.name})
		}
	}
	return jobs
}

// judge runs one rule and weighs the outcome.
func (s *session) judge(j job) Result {
	began := time.Now()
	res := Result{Rule: j.rule.check(j.group), Outcome: Passed}
	if res.Relaxed && s.cfg.Semantics.EarlyVisible {
		res.Level = Should
	}
	s.try(j.rule, &res)
	weigh(&res, s.cfg)
	res.Duration = time.Since(began)
	return res
}

// try runs the rule's code under a watchdog.
func (s *session) try(r rule, res *Result) {
	target, exclusive := s.open()
	if r.flags&rootLevel != 0 && !exclusive {
		res.Outcome, res.Reason = Inconclusive, "judges the root: needs an empty store and Config.Exclusive"
		return
	}
	x := newTrial(s.ctx, s.cfg, s.sem, target, s.run+"/"+strings.ToLower(r.id))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := guard(func() error { r.run(x); return nil }); err != nil {
			x.failf("the suite or a method of a result: %s", brief(err))
		}
	}()
	if op, hung := watch(x, done, s.cfg.CallTimeout); hung {
		res.Outcome = Failed
		res.Failures = []Failure{{
			Message:    fmt.Sprintf("a call has not returned in %s: %s\n%s", s.cfg.CallTimeout, op, excerpt(stacks(), 4000)),
			Operations: x.shared.operations(),
		}}
		return
	}
	x.cleanup()
	res.Failures, res.Notes = x.failures, x.shared.notes
	switch {
	case len(x.failures) > 0:
		res.Outcome = Failed
	case s.ctx.Err() != nil:
		res.Outcome, res.Reason = Inconclusive, "interrupted"
	case x.reason != "":
		res.Outcome, res.Reason = Inconclusive, x.reason
	}
}

// watch waits for the rule, or for a call of the driver that hangs.
func watch(x *trial, done <-chan struct{}, limit time.Duration) (op string, hung bool) {
	tick := time.NewTicker(max(limit/20, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-done:
			return "", false
		case <-tick.C:
			if op, hung := x.shared.hanging(limit); hung {
				return op, true
			}
		}
	}
}

func (s *shared) operations() []string {
	s.mu.Lock()
	logs := slices.Clone(s.logs)
	s.mu.Unlock()
	var out []string
	for _, l := range logs {
		out = append(out, l.lines()...)
	}
	return out[max(0, len(out)-keptOps):]
}

func excerpt(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// weigh decides whether a failure counts and whether a waiver is stale.
func weigh(res *Result, cfg Config) {
	res.Counts = res.Outcome == Failed && (res.Level == Must || cfg.Strict && res.Level == Should)
	if res.Outcome == Failed && !res.Counts {
		res.Reason = "a " + string(res.Level) + " does not count here"
	}
	i := slices.IndexFunc(cfg.Waivers, func(w Waiver) bool { return w.ID == res.ID })
	if i < 0 {
		return
	}
	w := cfg.Waivers[i]
	switch {
	case w.Reason == "":
		stale(res, "the waiver gives no reason")
	case w.Until.IsZero():
		stale(res, "the waiver has no expiry")
	case !cfg.Now().Before(w.Until):
		stale(res, "the waiver expired on "+w.Until.Format(time.DateOnly)+": "+w.Reason)
	case res.Outcome == Passed:
		stale(res, "stale waiver: the rule passes, though waived: "+w.Reason)
	case res.Outcome == Failed:
		res.Counts, res.Reason = false, "waived until "+w.Until.Format(time.DateOnly)+": "+w.Reason
	}
}

func stale(res *Result, why string) {
	res.Outcome, res.Counts, res.Reason = Failed, true, why
}

// orphanWaivers reports waivers for rules that don't exist.
func orphanWaivers(cfg Config) []Result {
	var out []Result
	for _, w := range cfg.Waivers {
		if !slices.ContainsFunc(Checks(), func(c Rule) bool { return c.ID == w.ID }) {
			out = append(out, misconfigured(fmt.Errorf("stale waiver: there is no rule %q", w.ID)))
		}
	}
	return out
}
