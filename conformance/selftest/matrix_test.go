package selftest

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/reference/quirk"
	"github.com/registryconform/conform/reference/registrytest"
)

// otherHalf is set in the environment of the process that judges the quirks of
// odd number.
const otherHalf = "CONFORM_SELFTEST_OTHER_HALF"

// TestKillMatrix demands of each quirk that the requirements which fail by
// themselves are exactly those listed for it, and prints the matrix. Runs in one
// process come one after the other, so a second one takes half of them.
func TestKillMatrix(t *testing.T) {
	half := 0
	if os.Getenv(otherHalf) != "" {
		half = 1
	} else {
		defer startOtherHalf(t)()
	}
	table := breaks()
	known := map[string]bool{}
	for i, q := range quirk.All() {
		known[q.Name] = true
		if i%every != 0 || i/every%2 != half {
			continue
		}
		t.Run(q.Name, func(t *testing.T) {
			want, ok := table[q.Name]
			if !ok {
				t.Errorf("no requirements are listed for the quirk %s: %s", q.Name, q.Doc)
			}
			registry := reference(t, registrytest.WithHandler(q.Wrap))
			rep := run(t, registry.URL, conformance.Options{Seed: q.Name, Only: quick(want)})
			got, blocked := failures(rep)
			slices.Sort(want)
			t.Logf("%-40s %-60s %d blocked, %v", q.Name, strings.Join(got, " "), blocked, rep.Ended.Sub(rep.Started).Round(time.Millisecond))
			if !slices.Equal(got, want) {
				t.Errorf("%s\nbroken  %q\nlisted  %q\n%s", q.Doc, got, want, evidence(rep, want))
			}
			if _, ok := harmless()[q.Name]; ok != (len(want) == 0) {
				t.Error("a quirk breaks something, or stands among the harmless ones")
			}
			stray := slices.IndexFunc(rep.Results, func(r report.Result) bool { return r.Outcome == report.Blocked && r.Counts })
			if _, ok := elsewhere()[q.Name]; ok != (stray >= 0) {
				t.Errorf("blocked by what did not fail: %+v", rep.Results[max(stray, 0)])
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if !known[name] {
			t.Errorf("requirements are listed for %q, which is no quirk", name)
		}
	}
}

// startOtherHalf judges the other half of the quirks in a process of its own. It
// returns a function that waits for the end of it.
func startOtherHalf(t *testing.T) (wait func()) {
	_, quirks, _ := strings.Cut(flag.Lookup("test.run").Value.String(), "/")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillMatrix$/"+quirks,
		"-test.timeout="+flag.Lookup("test.timeout").Value.String(), fmt.Sprintf("-test.v=%t", testing.Verbose()))
	cmd.Env = append(os.Environ(), otherHalf+"=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("the other half: %v", err)
		}
		if t.Failed() || testing.Verbose() {
			t.Logf("the other half:\n%s", &out)
		}
	}
}

// slow are requirements whose specs push megabytes. They run under those quirks
// only that are listed for them.
var slow = []string{"manifests.size.four-megabytes", "manifests.size.too-large", "manifests.tag-params.too-many", "schema1.size.too-large"}

// quick returns the specs to run under a quirk that breaks the given ids.
func quick(ids []string) map[[2]string]bool {
	only := map[[2]string]bool{}
	for _, s := range conformance.Specs(conformance.Registry{}) {
		if !slices.Contains(slow, s.Requirement.ID) || slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(slow, id) }) {
			only[[2]string{s.Requirement.ID, s.Text}] = true
		}
	}
	return only
}

// failures returns the ids of the requirements that failed by themselves,
// sorted, and how many specs were blocked.
func failures(rep *report.Report) (ids []string, blocked int) {
	for _, r := range rep.Results {
		switch r.Outcome {
		case report.Failed, report.Error:
			ids = append(ids, r.ID)
		case report.Blocked:
			blocked++
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), blocked
}

// evidence returns the message of each failure that is not wanted.
func evidence(rep *report.Report, want []string) string {
	var b strings.Builder
	for _, r := range rep.Results {
		if (r.Outcome == report.Failed || r.Outcome == report.Error) && !slices.Contains(want, r.ID) {
			fmt.Fprintf(&b, "%s (%s)\n%s\n", r.ID, r.Spec, r.Message)
		}
	}
	return b.String()
}

// TestEverySpecCanFail demands that each MUST and SHOULD that has a spec is
// broken by a quirk, or stands in a list with the reason.
func TestEverySpecCanFail(t *testing.T) {
	broken := map[string]bool{}
	for _, ids := range breaks() {
		for _, id := range ids {
			broken[id] = true
		}
	}
	excused := unbreakable()
	for _, s := range conformance.Specs(conformance.Registry{}) {
		r := s.Requirement
		reason, ok := excused[r.ID]
		switch {
		case r.Level == requirement.May:
		case broken[r.ID] && ok:
			t.Errorf("%s is broken by a quirk and excused: %s", r.ID, reason)
		case !broken[r.ID] && !ok:
			t.Errorf("%s: no quirk breaks it", r.ID)
		}
	}
}

// TestVariations demands that behaviour which the text allows fails no run.
func TestVariations(t *testing.T) {
	for _, q := range quirk.Variations() {
		t.Run(q.Name, func(t *testing.T) {
			registry := reference(t, registrytest.WithHandler(q.Wrap))
			rep := run(t, registry.URL, conformance.Options{Seed: q.Name})
			counting := 0
			for _, r := range rep.Results {
				if r.Counts && requirement.ProfileSchema1.Includes(lookup(t, r.ID)) {
					counting++
					t.Errorf("%s\n%s (%s): %s\n%s", q.Doc, r.ID, r.Spec, r.Outcome, r.Message)
				}
			}
			t.Logf("%-40s %s", q.Name, rep.Verdict.Summary)
		})
	}
}

func lookup(t *testing.T, id string) requirement.Requirement {
	t.Helper()
	r, ok := requirement.Lookup(id)
	if !ok {
		t.Fatalf("%s is not in the catalogue", id)
	}
	return r
}
