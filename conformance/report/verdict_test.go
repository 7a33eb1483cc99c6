package report_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	one := func(level string, o report.Outcome, change func(*report.Result)) []report.Result {
		return []report.Result{result("a.b.c", level, "pull", o, "s", change)}
	}
	implied := func(r *report.Result) { r.Basis = "implied" }
	provisional := func(r *report.Result) { r.Provisional = true }
	blockedBy := func(id string) func(*report.Result) { return func(r *report.Result) { r.BlockedBy = id } }
	known := report.Baseline{{ID: "a.b.c", Reason: "why"}}
	for name, c := range map[string]struct {
		results []report.Result
		policy  report.Policy
		exit    int
		counts  string // one letter a result: C or -
		totals  report.Totals
		because string // of the first result
	}{
		"passed":                {one("MUST", report.Passed, nil), report.Policy{}, 0, "-", report.Totals{Passed: 1}, ""},
		"failed":                {one("MUST", report.Failed, nil), report.Policy{}, 1, "C", report.Totals{Failed: 1}, ""},
		"should":                {one("SHOULD", report.Failed, nil), report.Policy{}, 0, "-", report.Totals{Warned: 1}, "below the level"},
		"should asked for":      {one("SHOULD", report.Failed, nil), report.Policy{Level: requirement.Should}, 1, "C", report.Totals{Failed: 1}, ""},
		"may":                   {one("MAY", report.Failed, nil), report.Policy{Level: requirement.Should}, 0, "-", report.Totals{Warned: 1}, "MAY"},
		"implied":               {one("MUST", report.Failed, implied), report.Policy{}, 0, "-", report.Totals{Warned: 1}, "implies"},
		"provisional":           {one("MUST", report.Failed, provisional), report.Policy{}, 0, "-", report.Totals{Provisional: 1}, "provisional"},
		"known":                 {one("MUST", report.Failed, nil), report.Policy{Baseline: known}, 0, "-", report.Totals{Known: 1}, "known failure: why"},
		"known and provisional": {one("MUST", report.Failed, provisional), report.Policy{Baseline: known}, 0, "-", report.Totals{Known: 1}, "known"},
		"stale":                 {one("MUST", report.Passed, nil), report.Policy{Baseline: known}, 1, "C", report.Totals{Passed: 1, Stale: 1}, "it passes"},
		"listed, unsupported":   {one("MUST", report.Unsupported, nil), report.Policy{Baseline: known}, 0, "-", report.Totals{Unsupported: 1}, ""},
		"listed, not selected":  {append(one("MUST", report.NotSelected, nil), result("x.y", "MUST", "pull", report.Passed, "s", nil)), report.Policy{Baseline: known}, 0, "--", report.Totals{Passed: 1, NotSelected: 1}, ""},
		"passes in part": {
			append(one("MUST", report.Failed, nil), one("MUST", report.Passed, nil)...),
			report.Policy{Baseline: known},
			0, "--",
			report.Totals{Passed: 1, Known: 1},
			"known",
		},
		"last day": {
			one("MUST", report.Failed, nil),
			report.Policy{Baseline: report.Baseline{{ID: "a.b.c", Reason: "why", Until: day(5)}}, Today: day(5).Add(23 * time.Hour)},
			0, "-",
			report.Totals{Known: 1},
			"known",
		},
		"expired": {
			one("MUST", report.Failed, nil),
			report.Policy{Baseline: report.Baseline{{ID: "a.b.c", Reason: "why", Until: day(5)}}, Today: day(6)},
			1, "C",
			report.Totals{Failed: 1},
			"expired on 2026-01-05",
		},
		"expired and passing": {
			one("MUST", report.Passed, nil),
			report.Policy{Baseline: report.Baseline{{ID: "a.b.c", Reason: "why", Until: day(5)}}, Today: day(6)},
			0, "-",
			report.Totals{Passed: 1},
			"",
		},
		"unsupported":           {one("MUST", report.Unsupported, nil), report.Policy{}, 0, "-", report.Totals{Unsupported: 1}, ""},
		"unsupported, required": {one("MUST", report.Unsupported, nil), report.Policy{Require: []requirement.Feature{"pull"}}, 1, "C", report.Totals{Unsupported: 1}, "required"},
		"unsupported, in the baseline": {
			one("MUST", report.Unsupported, nil),
			report.Policy{Baseline: report.Baseline{{Feature: "pull", Reason: "has"}}},
			1, "C",
			report.Totals{Unsupported: 1},
			"the baseline has",
		},
		"unsupported in part": {
			append(one("MUST", report.Unsupported, nil), result("x.y", "MUST", "pull", report.Passed, "s", nil)),
			report.Policy{Require: []requirement.Feature{"pull"}},
			1, "C-",
			report.Totals{Passed: 1, Unsupported: 1},
			"required",
		},
		"required, not tested": {one("MUST", report.Passed, nil), report.Policy{Require: []requirement.Feature{"delete"}}, 0, "-", report.Totals{Passed: 1}, ""},
		"blocked": {
			append(one("MUST", report.Blocked, blockedBy("x.y")), result("x.y", "MUST", "pull", report.Failed, "s", nil)),
			report.Policy{},
			1, "-C",
			report.Totals{Failed: 1, Blocked: 1},
			"blocked by the failure of x.y",
		},
		"blocked by what is known": {
			append(one("MUST", report.Blocked, blockedBy("x.y")), result("x.y", "MUST", "pull", report.Failed, "s", nil)),
			report.Policy{Baseline: report.Baseline{{ID: "x.y", Reason: "r"}}},
			0, "--",
			report.Totals{Known: 1, Blocked: 1},
			"known failure of x.y",
		},
		"blocked by nothing reported": {one("MUST", report.Blocked, blockedBy("x.y")), report.Policy{}, 1, "C", report.Totals{Blocked: 1}, "no other result"},
		"blocked through another": {
			append(one("MUST", report.Blocked, blockedBy("x.y")), result("x.y", "MUST", "pull", report.Blocked, "s", blockedBy("x.z")), result("x.z", "MUST", "pull", report.Failed, "s", nil)),
			report.Policy{},
			1, "--C",
			report.Totals{Failed: 1, Blocked: 2},
			"failure of x.z",
		},
		"blocked in a circle": {
			append(one("MUST", report.Blocked, blockedBy("x.y")), result("x.y", "MUST", "pull", report.Blocked, "s", blockedBy("a.b.c"))),
			report.Policy{},
			1, "CC",
			report.Totals{Blocked: 2},
			"no other result",
		},
		"error":             {one("MAY", report.Error, nil), report.Policy{Baseline: known}, 4, "C", report.Totals{Error: 1}, "suite itself"},
		"error and failure": {append(one("MUST", report.Error, nil), result("x.y", "MUST", "pull", report.Failed, "s", nil)), report.Policy{}, 4, "CC", report.Totals{Error: 1, Failed: 1}, ""},
		"no outcome":        {one("MUST", "", nil), report.Policy{}, 4, "C", report.Totals{Error: 1}, ""},
		"nothing selected":  {one("MUST", report.NotSelected, nil), report.Policy{}, 2, "-", report.Totals{NotSelected: 1}, ""},
		"no specs":          {nil, report.Policy{}, 2, "", report.Totals{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := &report.Report{Results: c.results}
			report.Judge(j, c.policy)
			counts := ""
			for _, r := range j.Results {
				counts += map[bool]string{true: "C", false: "-"}[r.Counts]
			}
			if counts != c.counts || j.Totals != c.totals || j.Verdict.Exit != c.exit || j.Verdict.Conformant != (c.exit == 0) {
				t.Errorf("counts %q, want %q\ntotals %+v\nwant   %+v\nverdict %+v, want %d", counts, c.counts, j.Totals, c.totals, j.Verdict, c.exit)
			}
			if len(j.Results) > 0 && !strings.Contains(j.Results[0].Because, c.because) {
				t.Errorf("because %q, want %q in it", j.Results[0].Because, c.because)
			}
			again := *j
			again.Results = slices.Clone(j.Results)
			report.Judge(&again, c.policy)
			if !reflect.DeepEqual(*j, again) {
				t.Errorf("judged again:\n%+v\n%+v", *j, again)
			}
		})
	}
}

func TestJudgeOfARunThatEndedEarly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		interrupted, unreachable bool
		exit                     int
	}{
		"interrupted":                 {true, false, 130},
		"unreachable":                 {false, true, 3},
		"unreachable and interrupted": {true, true, 3},
	} {
		r := &report.Report{
			Results:     []report.Result{result("a.b", "MUST", "pull", report.Passed, "s", nil)},
			Interrupted: c.interrupted, Unreachable: c.unreachable,
		}
		report.Judge(r, report.Policy{})
		if r.Verdict.Exit != c.exit || r.Verdict.Conformant || !strings.HasPrefix(r.Verdict.Summary, "No verdict") {
			t.Errorf("%s: %+v", name, r.Verdict)
		}
	}
}

func TestJudgeForgetsTheFormerPolicy(t *testing.T) {
	t.Parallel()
	r := &report.Report{Results: []report.Result{result("a.b", "MUST", "delete", report.Unsupported, "s", nil)}}
	report.Judge(r, report.Policy{Require: []requirement.Feature{"delete"}})
	if !r.Results[0].Counts || len(r.Verdict.Missing) != 1 {
		t.Errorf("%+v", r)
	}
	report.Judge(r, report.Policy{})
	if r.Results[0].Counts || r.Results[0].Because != "" || !r.Verdict.Conformant || len(r.Verdict.Missing) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	r := &report.Report{Results: []report.Result{
		result("a.a", "MUST", "none", report.Unsupported, "s", nil),
		result("a.b", "MUST", "some", report.Unsupported, "s", nil),
		result("a.c", "MUST", "some", report.Passed, "s", nil),
		result("a.c", "MUST", "all", report.Failed, "s", nil),
		result("a.d", "MUST", "dark", report.Blocked, "s", nil),
	}}
	report.Judge(r, report.Policy{})
	want := map[string]string{
		"none": report.FeatureUnsupported, "some": report.FeatureUnsupported,
		"all": report.FeatureSupported, "dark": report.FeatureUnknown,
	}
	if !reflect.DeepEqual(r.Features, want) {
		t.Errorf("%v, want %v", r.Features, want)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	r, _, _ := sample(t)
	want := "No verdict, the suite itself broke: 2 new failures, 1 error of the suite, 1 stale baseline entry, 1 blocked, 1 known failure, 1 warning, 1 provisional, 1 not supported, 3 passed."
	if r.Verdict.Summary != want {
		t.Errorf("%q, want %q", r.Verdict.Summary, want)
	}
}
