package drivertest

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Outcome is how a rule ended.
type Outcome string

const (
	// Passed: the driver keeps the rule, as far as was seen.
	Passed Outcome = "passed"
	// Failed: the driver breaks the rule, or a waiver for it is stale.
	Failed Outcome = "failed"
	// Inconclusive: the rule could not be judged; Reason says why.
	Inconclusive Outcome = "inconclusive"
)

// Result is the outcome of one rule.
type Result struct {
	Rule
	Outcome Outcome
	// Counts says that the failure fails the run: the level and the waivers ask for it.
	Counts bool
	// Reason says why the rule is inconclusive, or why its failure does not count.
	Reason   string
	Failures []Failure
	// Notes are observations that are neither good nor bad.
	Notes    []string
	Duration time.Duration
}

// Observation is one thing that a driver does where the contract leaves it open.
type Observation struct {
	Name string
	// Value is what was probed.
	Value string
	// Contradicts says that Config.Semantics declares otherwise.
	Contradicts bool
}

// Report is what Check returns.
type Report struct {
	// Driver is what Name returned.
	Driver    string
	Seed      uint64
	Budget    Budget
	Semantics []Observation
	Results   []Result
	Duration  time.Duration
	// Interrupted says that the context ended before all rules were judged.
	Interrupted bool
}

// Failed returns the results that fail the run.
func (r Report) Failed() []Result {
	var out []Result
	for _, res := range r.Results {
		if res.Outcome == Failed && res.Counts {
			out = append(out, res)
		}
	}
	return out
}

// Result returns the result of a rule.
func (r Report) Result(id string) (Result, bool) {
	for _, res := range r.Results {
		if res.ID == id {
			return res, true
		}
	}
	return Result{}, false
}

// Err is nil if nothing that counts failed; otherwise it names what did.
func (r Report) Err() error {
	var errs []error
	for _, o := range r.Semantics {
		if o.Contradicts {
			errs = append(errs, fmt.Errorf("semantics: %s is declared, but probed: %s", o.Name, o.Value))
		}
	}
	for _, res := range r.Failed() {
		errs = append(errs, fmt.Errorf("%s %s: %s", res.ID, res.Level, res.Sentence))
	}
	if r.Interrupted {
		errs = append(errs, errors.New("interrupted before all rules were judged"))
	}
	return errors.Join(errs...)
}

// Totals counts the results by outcome.
func (r Report) Totals() map[Outcome]int {
	m := map[Outcome]int{}
	for _, res := range r.Results {
		m[res.Outcome]++
	}
	return m
}

// WriteTo writes the report as text: what was probed, then each rule that did not pass, then the
// totals.
func (r Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "driver %s, budget %s, seed %d, %s\n", r.Driver, r.Budget, r.Seed, r.Duration.Round(time.Millisecond))
	for _, o := range r.Semantics {
		fmt.Fprintf(&b, "  %-16s %s", o.Name, o.Value)
		if o.Contradicts {
			b.WriteString("  (declared otherwise)")
		}
		b.WriteByte('\n')
	}
	for _, res := range r.Results {
		if res.Outcome != Passed {
			b.WriteString(res.String())
			b.WriteByte('\n')
		}
	}
	t := r.Totals()
	fmt.Fprintf(&b, "%d passed, %d failed (%d count), %d inconclusive\n",
		t[Passed], t[Failed], len(r.Failed()), t[Inconclusive])
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// String is the result in a few lines.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s: %s", r.Outcome, r.Level, r.ID, r.Sentence)
	if r.Reason != "" {
		b.WriteString("\n  " + r.Reason)
	}
	for _, f := range r.Failures {
		b.WriteString("\n  " + strings.ReplaceAll(f.String(), "\n", "\n  "))
	}
	return b.String()
}

func count(n int64, noun string) string {
	s := strconv.FormatInt(n, 10) + " " + noun
	if n != 1 && noun != "more" {
		s += "s"
	}
	return s
}
