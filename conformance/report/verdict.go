package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/registryconform/conform/conformance/requirement"
)

// States of a feature in [Report.Features].
const (
	FeatureSupported   = "supported"
	FeatureUnsupported = "unsupported"
	FeatureUnknown     = "unknown"
)

// A Policy says which outcomes make a run fail. The zero value counts MUST requirements, knows no failure and
// requires no optional feature.
type Policy struct {
	// Level is the least level whose failures count; "" means MUST.
	Level requirement.Level
	// Baseline are the known failures and features.
	Baseline Baseline
	// Require are optional features whose absence fails the run.
	Require []requirement.Feature
	// Today is the day by which entries of the baseline expire; the zero time means that none does.
	Today time.Time
}

// Judge computes what counts in rep, its totals, features and verdict, from its results, Interrupted, Unreachable
// and p alone. It overwrites what an earlier call computed.
//
// A failure counts unless the baseline names it (known), its requirement is provisional, or it is implied, a MAY or
// below the level asked for (warned). A result that is blocked counts only if the failure that blocks it is
// reported nowhere else in the run. An unsupported feature counts if it is required or the baseline has it. A
// requirement of the baseline whose specs all pass is stale and counts. An error always counts; an outcome that
// isn't one of [Outcomes] is an error.
//
// The exit status is 3 if the target went away; 130 for an interrupted run; 2 if no spec ran; 4 if the suite itself
// broke; 1 if a finding counts; else 0.
func Judge(rep *Report, p Policy) {
	j := &judge{rep: rep, policy: p, byID: map[string][]int{}}
	if p.Level == "" {
		j.policy.Level = requirement.Must
	}
	for i, r := range rep.Results {
		j.byID[r.ID] = append(j.byID[r.ID], i)
	}
	rep.Features, rep.Totals = features(rep.Results), Totals{}
	j.missing = j.missingFeatures()
	j.stale = j.staleEntries()
	for i := range rep.Results {
		j.decide(&rep.Results[i])
	}
	rep.Totals.Stale = len(j.stale)
	rep.Verdict = j.verdict()
}

type judge struct {
	rep     *Report
	policy  Policy
	byID    map[string][]int  // results' places
	missing map[string]string // feature: why that counts
	stale   []string
}

// features tells of each feature whether the target has it: one refusal says that it doesn't, or not all of it.
func features(results []Result) map[string]string {
	out := map[string]string{}
	for _, r := range results {
		switch {
		case r.Feature == "":
		case r.Outcome == Unsupported:
			out[r.Feature] = FeatureUnsupported
		case out[r.Feature] == FeatureUnsupported:
		case r.Outcome == Passed, r.Outcome == Failed:
			out[r.Feature] = FeatureSupported
		case out[r.Feature] == "":
			out[r.Feature] = FeatureUnknown
		}
	}
	return out
}

func (j *judge) missingFeatures() map[string]string {
	out := map[string]string{}
	for _, e := range j.policy.Baseline {
		if e.Feature != "" && !e.Expired(j.policy.Today) && j.rep.Features[e.Feature] == FeatureUnsupported {
			out[e.Feature] = "the baseline has the feature " + e.Feature
		}
	}
	for _, f := range j.policy.Require {
		if j.rep.Features[string(f)] == FeatureUnsupported {
			out[string(f)] = "the feature " + string(f) + " is required"
		}
	}
	return out
}

// staleEntries returns the ids of the entries that apply and whose specs all passed.
func (j *judge) staleEntries() []string {
	var out []string
	for _, e := range j.policy.Baseline {
		places := j.byID[e.ID]
		if e.ID == "" || len(places) == 0 || e.Expired(j.policy.Today) {
			continue
		}
		if !slices.ContainsFunc(places, func(i int) bool { return j.rep.Results[i].Outcome != Passed }) {
			out = append(out, e.ID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// decide fills Counts and Because of r and counts it.
func (j *judge) decide(r *Result) {
	r.Counts, r.Because = false, ""
	switch r.Outcome {
	case Passed:
		j.rep.Totals.Passed++
		if slices.Contains(j.stale, r.ID) {
			r.Counts, r.Because = true, "the baseline names it as a known failure, and it passes"
		}
	case Unsupported:
		j.rep.Totals.Unsupported++
		if why, ok := j.missing[r.Feature]; ok {
			r.Counts, r.Because = true, why
		}
	case Blocked:
		j.rep.Totals.Blocked++
		j.blocked(r)
	case Failed:
		j.failed(r)
	case NotSelected:
		j.rep.Totals.NotSelected++
	default:
		j.rep.Totals.Error++
		r.Outcome, r.Counts, r.Because = Error, true, "the suite itself broke"
	}
}

func (j *judge) failed(r *Result) {
	entry, listed := j.policy.Baseline.Lookup(r.ID)
	expired := listed && entry.Expired(j.policy.Today)
	switch {
	case listed && !expired:
		j.rep.Totals.Known++
		r.Because = "known failure: " + entry.Reason
	case r.Provisional:
		j.rep.Totals.Provisional++
		r.Because = "the requirement is provisional: no released revision has it"
	case r.Basis == string(requirement.Implied):
		j.rep.Totals.Warned++
		r.Because = "the text implies it without a key word"
	case requirement.Level(r.Level) == requirement.May:
		j.rep.Totals.Warned++
		r.Because = "a MAY can't be failed"
	case !requirement.Level(r.Level).AtLeast(j.policy.Level):
		j.rep.Totals.Warned++
		r.Because = fmt.Sprintf("a %s is below the level asked for, %s", r.Level, j.policy.Level)
	default:
		j.rep.Totals.Failed++
		r.Counts = true
		if expired {
			r.Because = "its baseline entry expired on " + entry.Until.Format(time.DateOnly)
		}
	}
}

// blocked follows the chain of requirements that block r to one that failed.
func (j *judge) blocked(r *Result) {
	if _, listed := j.policy.Baseline.Lookup(r.BlockedBy); listed {
		r.Because = "blocked by the known failure of " + r.BlockedBy
		return
	}
	seen := map[string]bool{}
	for id := r.BlockedBy; id != "" && !seen[id]; {
		seen[id] = true
		next := ""
		for _, i := range j.byID[id] {
			switch j.rep.Results[i].Outcome {
			case Failed, Error:
				r.Because = "blocked by the failure of " + id
				return
			case Blocked:
				next = j.rep.Results[i].BlockedBy
			}
		}
		id = next
	}
	r.Counts = true
	r.Because = "a step it needs failed, and no other result reports that"
}

func (j *judge) verdict() Verdict {
	v := Verdict{Stale: j.stale, Missing: slices.Sorted(maps.Keys(j.missing))}
	for _, e := range j.policy.Baseline {
		if e.Expired(j.policy.Today) {
			v.Expired = append(v.Expired, e.Name())
		}
	}
	finding := len(v.Missing) > 0 || len(v.Stale) > 0
	for _, r := range j.rep.Results {
		finding = finding || r.Counts && r.Outcome != Error
	}
	ran := slices.ContainsFunc(j.rep.Results, func(r Result) bool { return r.Outcome != NotSelected })
	switch {
	case j.rep.Unreachable:
		v.Exit = ExitUnreachable
	case j.rep.Interrupted:
		v.Exit = ExitInterrupted
	case !ran:
		v.Exit = ExitUsage
	case j.rep.Totals.Error > 0:
		v.Exit = ExitBroken
	case finding:
		v.Exit = ExitFailed
	}
	v.Conformant = v.Exit == ExitConformant
	v.Summary = j.summary(v)
	return v
}

func (j *judge) summary(v Verdict) string {
	head := map[int]string{
		ExitConformant:  "Conformant",
		ExitFailed:      "Not conformant",
		ExitUnreachable: "No verdict, the target went away",
		ExitUsage:       "Nothing was tested",
		ExitBroken:      "No verdict, the suite itself broke",
		ExitInterrupted: "No verdict, the run was interrupted",
	}[v.Exit]
	parts := []string{}
	add := func(n int, one, many string) {
		if n == 1 {
			parts = append(parts, "1 "+one)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	t := j.rep.Totals
	add(t.Failed, "new failure", "new failures")
	add(t.Error, "error of the suite", "errors of the suite")
	add(t.Stale, "stale baseline entry", "stale baseline entries")
	add(len(v.Missing), "required feature is missing", "required features are missing")
	add(t.Blocked, "blocked", "blocked")
	add(t.Known, "known failure", "known failures")
	add(t.Warned, "warning", "warnings")
	add(t.Provisional, "provisional", "provisional")
	add(t.Unsupported, "not supported", "not supported")
	add(t.Passed, "passed", "passed")
	if len(parts) == 0 {
		return head + "."
	}
	return head + ": " + strings.Join(parts, ", ") + "."
}
