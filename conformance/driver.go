package conformance

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/drivertest"
)

// A Driver is a storage driver as a target. It is judged by the rules of
// package drivertest, one spec each; those that are only measured are left out.
//
//	conformance.Driver{
//		Name: "mydriver",
//		Check: func(ctx context.Context, c drivertest.Config) drivertest.Report {
//			c.SkipDir, c.FilledBuffer = driver.ErrSkipDir, driver.ErrFilledBuffer
//			return drivertest.Check(ctx, drivertest.Adapt(mydriver.New(dir)), c)
//		},
//	}
type Driver struct {
	// Name is what the report calls the driver.
	Name string
	// Check judges the driver by what the configuration selects, as
	// [drivertest.Check] does, and adds to the configuration what is known
	// of the driver. It is called for one rule at a time.
	Check func(ctx context.Context, c drivertest.Config) drivertest.Report
	// Probe finds out whether the store answers at all. nil: it does.
	Probe func(ctx context.Context) error
}

// probeRule is the rule that a driver is first asked about: it costs least.
const probeRule = "FAC-02"

// driverTimeout bounds one rule, unless the options do.
const driverTimeout = 30 * time.Minute

func (t Driver) describe() report.Target { return report.Target{Kind: "driver", Name: t.Name} }

func (t Driver) terms(Options) terms { return terms{specTimeout: driverTimeout} }

// open finds out whether the store answers, and whether what was declared of
// the driver holds.
func (t Driver) open(ctx context.Context, o Options) (session, error) {
	if t.Probe != nil {
		if err := t.Probe(ctx); err != nil {
			return nil, &TargetError{Target: t.Name, Reason: "the store does not answer", Err: err}
		}
	}
	s := &driverSession{driver: t, seed: ruleSeed(o.Seed), target: t.describe()}
	rep := t.Check(ctx, drivertest.Config{Only: []string{probeRule}, Seed: s.seed})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, seen := range rep.Semantics {
		if seen.Contradicts {
			return nil, fmt.Errorf("driver %s: %s is declared, but probed: %s", t.Name, seen.Name, seen.Value)
		}
		s.note("%s: %s", seen.Name, seen.Value)
	}
	if r, ok := rep.Result("CONFIG"); ok {
		return nil, fmt.Errorf("driver %s: %s", t.Name, messageOf(r))
	}
	s.target.Server = rep.Driver
	return s, nil
}

// ruleSeed returns the seed of the rules. A number is taken as it is, so that
// the seed that a finding tells of can be given again.
func ruleSeed(seed string) uint64 {
	if n, err := strconv.ParseUint(seed, 10, 64); err == nil && n > 0 {
		return n
	}
	return uint64(seedNumber(seed))
}

func (t Driver) chapters() []chapter {
	var all []chapter
	for _, rule := range drivertest.Checks() {
		if rule.Level == drivertest.Perf {
			continue
		}
		if len(all) == 0 || all[len(all)-1].title != rule.Group {
			all = append(all, chapter{rule.Group, func(g *registrar) { rulesOf(g, rule.Group) }})
		}
	}
	return all
}

// rulesOf registers the rules of a group.
func rulesOf(g *registrar, group string) {
	for _, rule := range drivertest.Checks() {
		if rule.Group == group {
			g.It(strings.TrimSuffix(rule.Sentence, "."), rowOf(rule), nil)
		}
	}
}

// rowOf returns a rule as a requirement. Every profile has it.
func rowOf(rule drivertest.Rule) requirement.Requirement {
	level := requirement.May
	switch rule.Level {
	case drivertest.Must:
		level = requirement.Must
	case drivertest.Should:
		level = requirement.Should
	}
	return requirement.Requirement{
		ID: rule.ID, Level: level, Basis: requirement.Text, Feature: requirement.Feature(rule.Group),
		Profile: requirement.ProfilePull, Statement: rule.Sentence,
	}
}

// A driverSession is the session of a driver.
type driverSession struct {
	driver Driver
	seed   uint64
	target report.Target

	mu    sync.Mutex
	noted []string
}

func (s *driverSession) describe() report.Target { return s.target }
func (s *driverSession) gone() error             { return nil }
func (s *driverSession) close()                  {}

func (s *driverSession) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted = append(s.noted, fmt.Sprintf(format, args...))
}

func (s *driverSession) notes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.noted...)
}

func (s *driverSession) begin(run, sc context.Context, judged spec) (attempt, context.CancelFunc) {
	ctx, cancel := context.WithCancel(sc)
	stop := context.AfterFunc(run, cancel)
	return &ruleAttempt{session: s, ctx: ctx, rule: judged.Requirement.ID}, func() { stop(); cancel() }
}

// A ruleAttempt judges a driver by one rule. What the rule leaves behind, it
// removes itself.
type ruleAttempt struct {
	session *driverSession
	ctx     context.Context
	rule    string
	outcome report.Outcome
	level   drivertest.Level
}

func (a *ruleAttempt) judge() {
	rep := a.session.driver.Check(a.ctx, drivertest.Config{Only: []string{a.rule}, Seed: a.session.seed})
	result, ok := rep.Result(a.rule)
	if !ok {
		a.end(report.Error, "the check of the driver left the rule out")
	}
	a.level = result.Level
	switch {
	case result.Outcome == drivertest.Inconclusive, result.Outcome == drivertest.Failed && !result.Counts && result.Level == drivertest.Must:
		// What cannot be judged here, and what the author has waived.
		a.end(report.NotSelected, result.Reason)
	case result.Outcome == drivertest.Failed:
		ginkgo.Fail(fmt.Sprintf("%s\nseed %d", messageOf(result), rep.Seed))
	}
}

// messageOf returns what was seen, of each failure.
func messageOf(result drivertest.Result) string {
	var all []string
	for _, f := range result.Failures {
		all = append(all, f.String())
	}
	return cmp.Or(strings.Join(all, "\n"), result.Reason)
}

func (a *ruleAttempt) end(o report.Outcome, message string) {
	a.outcome = o
	ginkgo.Skip(message)
}

func (a *ruleAttempt) cleanUp()                {}
func (a *ruleAttempt) skipped() report.Outcome { return a.outcome }
func (a *ruleAttempt) targetGone() bool        { return false }
func (a *ruleAttempt) timedOut() bool          { return false }
func (a *ruleAttempt) cutOff() bool            { return a.ctx.Err() != nil }

// evidence corrects the level: what is declared can make a MUST a SHOULD.
func (a *ruleAttempt) evidence(result *report.Result) {
	if a.level == drivertest.Should {
		result.Level = string(requirement.Should)
	}
}
