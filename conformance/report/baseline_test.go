package report_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/conformance/report"
)

func TestParseBaseline(t *testing.T) {
	t.Parallel()
	known := report.Vocabulary{
		Requirement: func(id string) bool { return strings.HasPrefix(id, "pull.") },
		Feature:     func(name string) bool { return name == "delete" },
	}
	for name, c := range map[string]struct{ in, err string }{
		"empty":           {"", ""},
		"comment":         {"# nothing\n", ""},
		"empty list":      {"[]\n", ""},
		"flow":            {"- {id: pull.a, reason: 'x: y', until: 2027-01-31}\n", ""},
		"block":           {"- id: pull.a\n  reason: x\n- feature: delete\n  reason: x\n", ""},
		"unknown key":     {"- id: pull.a\n  reason: x\n  untl: 2027-01-31\n", `b.yaml:3:3: unknown field "untl"`},
		"unknown id":      {"- id: pull.a\n  reason: x\n- id: push.a\n  reason: x\n", `b.yaml:3:7: unknown requirement "push.a"`},
		"unknown feature": {"- feature: fly\n  reason: x\n", `b.yaml:1:12: unknown feature "fly"`},
		"no reason":       {"- id: pull.a\n", "b.yaml:1:5: an entry needs a reason"},
		"date":            {"- id: pull.a\n  reason: x\n  until: 31.1.2027\n", `b.yaml:3:10: "31.1.2027" is not a date of the form 2027-01-31`},
		"no such day":     {"- id: pull.a\n  reason: x\n  until: 2027-02-31\n", "b.yaml:3:10: "},
		"twice":           {"- {id: pull.a, reason: x}\n- {id: pull.a, reason: y}\n", `b.yaml:2:8: "pull.a" stands twice`},
		"both":            {"- {id: pull.a, feature: delete, reason: x}\n", "either an id or a feature"},
		"neither":         {"- {reason: x}\n", "either an id or a feature"},
		"not a list":      {"pull.a: x\n", "b.yaml:1:"},
		"not a mapping":   {"- pull.a\n", "b.yaml:1:"},
		"syntax":          {"- {id: pull.a\n", "b.yaml:1:"},
		"two documents":   {"[]\n---\n[]\n", "second document"},
		"two errors":      {"- {id: push.a, reason: x}\n- {id: pull.a}\n", "an entry needs a reason"},
		"null entry":      {"-\n", "either an id or a feature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := report.ParseBaseline("b.yaml", []byte(c.in), known)
			var positioned *report.BaselineError
			switch {
			case c.err == "" && err != nil:
				t.Error(err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want %q in it", err, c.err)
			case c.err != "" && !errors.As(err, &positioned):
				t.Errorf("%T has no position", err)
			}
		})
	}
}

func TestBaselineRoundTrip(t *testing.T) {
	t.Parallel()
	want := report.Baseline{
		{ID: "pull.a", Reason: `answers "500": {#} é - yes`, Until: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)},
		{ID: "1.2", Reason: "null"},
		{Feature: "delete", Reason: "true\nand more"},
	}
	var out bytes.Buffer
	if err := want.Write(&out); err != nil {
		t.Fatal(err)
	}
	got, err := report.ParseBaseline("b.yaml", out.Bytes(), report.Vocabulary{})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%s\ngot  %+v\nwant %+v", err, out.String(), got, want)
	}
	out.Reset()
	if err := (report.Baseline{}).Write(&out); err != nil {
		t.Fatal(err)
	}
	if got, err := report.ParseBaseline("b.yaml", out.Bytes(), report.Vocabulary{}); err != nil || len(got) != 0 {
		t.Errorf("empty: %v, %v", got, err)
	}
}

func TestBaselineUpdate(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	r, _, _ := sample(t)
	old := report.Baseline{
		{ID: "pull.known", Reason: "ticket 42"},
		{ID: "pull.stale", Reason: "ticket 43"},
		{ID: "tags.last", Reason: "not run today"},
		{ID: "push.blob.created", Reason: "was to be fixed", Until: day},
		{ID: "pull.ok", Reason: "was to be fixed", Until: day},
		{Feature: "delete", Reason: "had it"},
	}
	policy := report.Policy{Baseline: old, Today: day.AddDate(0, 0, 1)}
	report.Judge(r, policy)
	next := old.Update(r)
	for id, want := range map[string]string{
		"pull.known": "ticket 42", "pull.stale": "", "tags.last": "not run today", "push.blob.created": "was to be fixed",
		"pull.ok": "", "pull.blob.unknown": "got 418", "pull.head.size": "",
	} {
		got, ok := next.Lookup(id)
		if ok != (want != "") || !strings.HasPrefix(got.Reason, want) {
			t.Errorf("%s: %+v, %v, want %q", id, got, ok, want)
		}
	}
	r.Results = append([]report.Result(nil), r.Results...)
	for i := range r.Results {
		if r.Results[i].Outcome == report.Error {
			r.Results[i].Outcome = report.Passed
		}
	}
	report.Judge(r, report.Policy{Baseline: next, Today: policy.Today})
	if !r.Verdict.Conformant {
		t.Errorf("under its own update the run isn't conformant: %+v", r.Verdict)
	}
}
