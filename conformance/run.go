package conformance

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/extensions/globals"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/report"
)

// ginkgoMutex guards Ginkgo's globals, which allow one suite at a time in a
// process. Run alone takes it.
var ginkgoMutex sync.Mutex

// Run judges t and returns what it found, with the verdict. A report comes
// with every error that is found once specs have begun: a *[TargetError] if
// the target went away, ctx's error if the run was interrupted. Before that,
// the errors are a *[TargetError], [ErrNothingSelected], or that of a bad
// pattern.
//
// Concurrent calls wait for each other. What a spec pushed is removed again,
// as far as the target allows, also when ctx ends.
func Run(ctx context.Context, t Target, o Options) (*report.Report, error) {
	specs, err := o.selected(collect(t))
	if err != nil {
		return nil, err
	}
	if o.Seed == "" {
		o.Seed = randomSeed()
	}
	ginkgoMutex.Lock()
	defer ginkgoMutex.Unlock()

	s, err := t.open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	terms := t.terms(o)
	if o.Begin != nil {
		o.Begin(len(specs))
	}
	rep := &report.Report{
		Schema: report.SchemaVersion, Tool: o.Tool, SpecVersion: terms.specVersion, Seed: o.Seed,
		Started: time.Now().UTC(), Target: s.describe(), Profile: terms.profile,
	}
	r := run{ctx: ctx, session: s, options: o, specs: specs, results: map[string]report.Result{}}
	r.specTimeout = cmp.Or(max(o.SpecTimeout, 0), terms.specTimeout)
	r.execute()
	rep.Results = r.inOrder()
	rep.Ended = time.Now().UTC()
	rep.Notes = s.notes()
	rep.Unreachable, rep.Interrupted = s.gone() != nil, ctx.Err() != nil
	report.Judge(rep, o.Policy)
	if rep.Unreachable {
		return rep, s.gone()
	}
	return rep, ctx.Err()
}

// maxHung is how many specs in a row may wait in vain for an answer from a
// target that otherwise is there, before the run gives up.
const maxHung = 5

// A run is one call of Run, once the target is open.
type run struct {
	ctx     context.Context
	session session
	options Options
	specs   []spec
	current *current
	hung    int                      // specs in a row that waited for an answer in vain
	results map[string]report.Result // by the name of the spec

	specTimeout time.Duration
}

// current is the spec that Ginkgo runs.
type current struct {
	attempt
	spec spec
	late bool // the run had ended when its turn came
}

// execute runs the specs through Ginkgo and collects their results.
func (r *run) execute() {
	globals.Reset()
	defer globals.Reset()
	gomega.RegisterFailHandler(ginkgo.Fail)
	stdout, stderr := formatter.ColorableStdOut, formatter.ColorableStdErr
	formatter.ColorableStdOut, formatter.ColorableStdErr = io.Discard, io.Discard
	defer func() { formatter.ColorableStdOut, formatter.ColorableStdErr = stdout, stderr }()

	r.register()
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.FailOnEmpty = true
	suite.RandomSeed = seedNumber(r.options.Seed)
	suite.OutputInterceptorMode = "none"
	reporter.NoColor = true
	restore := allowRepeatedRuns()
	defer restore()
	ginkgo.RunSpecs(verdict{}, "conform", suite, reporter)
}

// verdict takes Ginkgo's own verdict, which says less than the results.
type verdict struct{}

func (verdict) Fail() {}

// register declares the selected specs, a container for each chapter. One
// container around them keeps their order, which Ginkgo shuffles at the top.
func (r *run) register() {
	ginkgo.Describe("conform", func() {
		for begin := 0; begin < len(r.specs); {
			end := begin
			for end < len(r.specs) && r.specs[end].Chapter == r.specs[begin].Chapter {
				end++
			}
			r.describe(r.specs[begin:end])
			begin = end
		}
	})
	ginkgo.ReportAfterEach(r.collect)
}

// describe declares the specs of one chapter.
func (r *run) describe(specs []spec) {
	ginkgo.Describe(specs[0].Chapter, func() {
		for _, s := range specs {
			ginkgo.It(s.Text, Covers(s.Requirement), ginkgo.NodeTimeout(r.specTimeout), r.body(s))
		}
	})
}

// body returns what Ginkgo runs for s.
func (r *run) body(s spec) func(ginkgo.SpecContext) {
	return func(sc ginkgo.SpecContext) {
		a, cancel := r.session.begin(r.ctx, sc, s)
		defer cancel()
		r.current = &current{attempt: a, spec: s}
		if r.ctx.Err() != nil || r.session.gone() != nil || r.hung >= maxHung {
			r.current.late = true
			ginkgo.Skip("the run ended before this spec")
		}
		ginkgo.DeferCleanup(func() { a.cleanUp() })
		a.judge()
	}
}

// collect turns what Ginkgo says of a spec into a result.
func (r *run) collect(sr ginkgo.SpecReport) {
	if sr.LeafNodeType != types.NodeTypeIt || r.current == nil {
		return
	}
	c := r.current
	r.current = nil
	result := c.spec.result()
	result.Seconds = sr.RunTime.Seconds()
	result.Outcome, result.Message = c.conclude(sr)
	if r.ctx.Err() != nil && result.Outcome == report.Failed {
		// The interruption reached the spec before it reached Ginkgo.
		result.Outcome, result.Message = report.NotSelected, "the run was interrupted"
	}
	if r.ctx.Err() != nil && c.cutOff() {
		result.Outcome, result.Message = report.NotSelected, "the run was interrupted"
	}
	c.evidence(&result)
	r.results[c.spec.name] = result
	r.countHung(c, result)
	if r.options.Emit != nil {
		r.options.Emit(result)
	}
}

// countHung notices a target that hangs, and says so when the run gives up.
func (r *run) countHung(c *current, result report.Result) {
	switch {
	case result.Outcome == report.Passed:
		r.hung = 0
	case c.timedOut():
		if r.hung++; r.hung == maxHung {
			r.session.note("the run was ended: %d specs in a row got no answer in time", maxHung)
		}
	}
}

// inOrder returns the results in the order of the specs, whatever order Ginkgo
// ran them in. A spec that left no result is the suite's own fault.
func (r *run) inOrder() []report.Result {
	all := make([]report.Result, 0, len(r.specs))
	for _, s := range r.specs {
		result, ok := r.results[s.name]
		if !ok {
			result = s.result()
			result.Outcome, result.Message = report.Error, "the spec was selected and not run"
		}
		all = append(all, result)
	}
	return all
}

// result returns what is known of a spec before it runs.
func (s spec) result() report.Result {
	return report.Result{
		ID: s.Requirement.ID, Level: string(s.Requirement.Level), Basis: string(s.Requirement.Basis),
		Feature: string(s.Requirement.Feature), Section: s.Requirement.Section, Statement: s.Requirement.Statement,
		Provisional: s.Requirement.Provisional, Chapter: s.Chapter, Spec: s.Text,
	}
}

// conclude returns the outcome of a spec that Ginkgo has run, and why.
func (c *current) conclude(sr ginkgo.SpecReport) (report.Outcome, string) {
	switch sr.State {
	case types.SpecStatePassed:
		return report.Passed, ""
	case types.SpecStateSkipped:
		outcome := c.skipped()
		if c.late {
			outcome = report.NotSelected
		}
		if outcome == "" {
			return report.Error, "the spec skipped itself without an outcome: " + sr.Failure.Message
		}
		return outcome, sr.Failure.Message
	case types.SpecStateFailed, types.SpecStateTimedout:
		if c.targetGone() {
			return report.Error, "the target no longer answers\n" + sr.Failure.Message
		}
		return report.Failed, sr.Failure.Message
	case types.SpecStateInterrupted, types.SpecStateAborted:
		return report.NotSelected, "the run was interrupted"
	case types.SpecStatePanicked:
		return report.Error, fmt.Sprintf("the spec panicked: %s\n%s", sr.Failure.ForwardedPanic, sr.Failure.Location.FullStackTrace)
	}
	return report.Error, fmt.Sprintf("the spec ended in state %v", sr.State)
}

func randomSeed() string {
	b := make([]byte, 6)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// seedNumber returns the seed of Ginkgo's own order of containers.
func seedNumber(seed string) int64 {
	h := fnv.New64a()
	h.Write([]byte(seed))
	return int64(h.Sum64() >> 1)
}

// IsInterrupted reports whether err says that a run was ended from outside.
func IsInterrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
