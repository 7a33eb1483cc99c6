package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/registryconform/conform/conformance/requirement"
)

// A Policy says which outcomes make a run fail. The zero value counts MUST
// requirements, knows no failure and requires no optional feature.
type Policy struct {
	// Level is the least level whose failures count; "" means MUST.
	Level requirement.Level
	// Baseline are the known failures.
	Baseline Baseline
	// Require are optional features whose absence fails the run.
	Require []requirement.Feature
	// Today is the day by which entries of the baseline expire; the zero
	// time means that none does.
	Today time.Time
}

// A Baseline is a list of known failures.
type Baseline []Entry

// An Entry names a requirement that a target is known to break.
type Entry struct {
	ID     string `json:"id" yaml:"id"`
	Reason string `json:"reason" yaml:"reason"`
	Until  string `json:"until,omitempty" yaml:"until,omitempty"` // YYYY-MM-DD, the last day
}

// Judge computes what counts in rep, its totals, features and verdict, from
// its results and p alone. It overwrites what an earlier call computed.
func Judge(rep *Report, p Policy) {
	j := judge{rep: rep, policy: p, failed: map[string]bool{}}
	if j.policy.Level == "" {
		j.policy.Level = requirement.Must
	}
	for _, r := range rep.Results {
		if r.Outcome == Failed || r.Outcome == Error {
			j.failed[r.ID] = true
		}
	}
	rep.Totals, rep.Verdict, rep.Features = Totals{}, Verdict{}, map[string]string{}
	for i := range rep.Results {
		j.result(&rep.Results[i])
	}
	j.features()
	j.stale()
	j.conclude()
}

type judge struct {
	rep    *Report
	policy Policy
	failed map[string]bool // ids with a failure of their own
}

// result decides whether r counts, and adds it to the totals.
func (j *judge) result(r *Result) {
	r.Counts, r.Because = false, ""
	t := &j.rep.Totals
	switch r.Outcome {
	case Passed:
		t.Passed++
	case NotSelected:
		t.NotSelected++
	case Error:
		t.Error++
		r.Counts, r.Because = true, "the suite could not judge it"
	case Unsupported:
		t.Unsupported++
		if slices.Contains(j.policy.Require, requirement.Feature(r.Feature)) {
			r.Counts, r.Because = true, "the feature "+r.Feature+" is required"
		}
	case Blocked:
		t.Blocked++
		if !j.failed[r.BlockedBy] {
			r.Counts, r.Because = true, "what blocks it did not fail in this run by itself"
		}
	case Failed:
		j.failure(r)
	}
}

func (j *judge) failure(r *Result) {
	t := &j.rep.Totals
	switch {
	case j.known(r.ID) != nil:
		t.Known++
		r.Because = "known: " + j.known(r.ID).Reason
	case r.Provisional:
		t.Provisional++
		r.Because = "provisional: not in a released version of the specification"
	case r.Basis == string(requirement.Implied):
		t.Warned++
		r.Because = "the text states it without a key word"
	case !requirement.Level(r.Level).AtLeast(j.policy.Level):
		t.Warned++
		r.Because = r.Level + " is below the level asked for, " + string(j.policy.Level)
	default:
		t.Failed++
		r.Counts = true
	}
}

// known returns the entry of the baseline for id that applies today, or nil.
func (j *judge) known(id string) *Entry {
	for i, e := range j.policy.Baseline {
		if e.ID == id && !j.expired(e) {
			return &j.policy.Baseline[i]
		}
	}
	return nil
}

func (j *judge) expired(e Entry) bool {
	until, err := time.Parse(time.DateOnly, e.Until)
	return e.Until != "" && !j.policy.Today.IsZero() && (err != nil || !j.policy.Today.Before(until.AddDate(0, 0, 1)))
}

// features tells of each feature whether the target has it.
func (j *judge) features() {
	for _, r := range j.rep.Results {
		switch f := j.rep.Features; {
		case r.Outcome == Unsupported:
			f[r.Feature] = "unsupported"
		case f[r.Feature] == "unsupported":
		case r.Outcome == Passed || r.Outcome == Failed:
			f[r.Feature] = "supported"
		case f[r.Feature] == "":
			f[r.Feature] = "unknown"
		}
	}
	for _, f := range j.policy.Require {
		if j.rep.Features[string(f)] == "unsupported" {
			j.rep.Verdict.Missing = append(j.rep.Verdict.Missing, string(f))
		}
	}
}

// stale finds entries of the baseline whose requirement was judged and passed.
func (j *judge) stale() {
	passed := map[string]bool{}
	for _, r := range j.rep.Results {
		if r.Outcome == Passed && !j.failed[r.ID] {
			passed[r.ID] = true
		}
	}
	for _, e := range j.policy.Baseline {
		if passed[e.ID] && !j.expired(e) {
			j.rep.Verdict.Stale = append(j.rep.Verdict.Stale, e.ID)
		}
	}
	j.rep.Totals.Stale = len(j.rep.Verdict.Stale)
}

// conclude sums up.
func (j *judge) conclude() {
	counting := 0
	for _, r := range j.rep.Results {
		if r.Counts && r.Outcome != Error {
			counting++
		}
	}
	t, v := j.rep.Totals, &j.rep.Verdict
	switch {
	case t.Error > 0:
		v.Exit = ExitBroken
	case counting > 0 || t.Stale > 0:
		v.Exit = ExitFailed
	default:
		v.Exit = ExitConformant
	}
	v.Conformant = v.Exit == ExitConformant
	v.Summary = j.summary(counting)
}

func (j *judge) summary(counting int) string {
	t := j.rep.Totals
	parts := []string{fmt.Sprintf("%d passed", t.Passed), fmt.Sprintf("%d new failures", counting)}
	for _, p := range []struct {
		n    int
		text string
	}{
		{t.Error, "errors of the suite"},
		{t.Known, "known failures"},
		{t.Stale, "stale baseline entries"},
		{t.Blocked, "blocked"},
		{t.Warned, "warnings"},
		{t.Provisional, "provisional failures"},
		{t.Unsupported, "not supported"},
		{t.NotSelected, "not run"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.text))
		}
	}
	return strings.Join(parts, ", ")
}
