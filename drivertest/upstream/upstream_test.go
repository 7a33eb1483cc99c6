package upstream

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/distribution/distribution/v3/registry/storage/driver/inmemory"

	"github.com/registryconform/conform/drivertest"
)

// jobVariable holds what a process is to do that a rule about crashes starts, and kills.
const jobVariable = "UPSTREAM_JOB"

func TestMain(m *testing.M) {
	if job := os.Getenv(jobVariable); job != "" {
		if err := drivertest.Work(context.Background(), job, onDisk()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// strict is the configuration of a driver of which nothing is known. The seed is fixed, so that
// what random operations find is always the same.
// DRIVERTEST_BUDGET asks for more than the quick budget.
func strict() drivertest.Config {
	cfg := drivertest.Config{Seed: 1, SkipDir: driver.ErrSkipDir, FilledBuffer: driver.ErrFilledBuffer, Strict: true}
	switch os.Getenv("DRIVERTEST_BUDGET") {
	case "standard":
		cfg.Budget = drivertest.Standard
	case "long":
		cfg.Budget = drivertest.Long
	}
	return cfg
}

func rootedAt(dir string) *filesystem.Driver {
	return filesystem.New(filesystem.DriverParameters{RootDirectory: dir, MaxThreads: 100})
}

// onDisk is the configuration of the filesystem driver.
func onDisk() drivertest.Config {
	cfg := strict()
	cfg.Hooks.Reopen = func(dir string) (drivertest.Target, error) { return drivertest.Adapt(rootedAt(dir)), nil }
	cfg.Hooks.Worker = func(job string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), jobVariable+"="+job)
		return cmd
	}
	return cfg
}

func TestInMemory(t *testing.T) {
	compare(t, goldenInMemory(), strict(), func(testing.TB) drivertest.Target {
		d := inmemory.New()
		return drivertest.AdaptStore(func() *inmemory.Driver { return d })
	})
}

func TestFilesystem(t *testing.T) {
	compare(t, goldenFilesystem(), onDisk(), func(tb testing.TB) drivertest.Target {
		root := tb.TempDir()
		return drivertest.AdaptStore(func() *filesystem.Driver { return rootedAt(root) })
	})
}

// compare judges a driver and holds what it breaks against a golden list.
func compare(t *testing.T, golden []finding, cfg drivertest.Config, open func(testing.TB) drivertest.Target) {
	t.Helper()
	rep := drivertest.CheckEach(t.Context(), func() (drivertest.Target, func()) { return open(t), nil }, cfg)
	for _, o := range rep.Semantics {
		if o.Contradicts {
			t.Errorf("%s is declared, but probed: %s", o.Name, o.Value)
		}
	}
	for _, wrong := range append(differences(t.Name(), golden, rep.Results), unfound(t.Name(), defects(), rep.Results)...) {
		t.Error(wrong)
	}
	t.Logf("driver %s, budget %s, seed %d, %v", rep.Driver, rep.Budget, rep.Seed, rep.Totals())
}

// differences are the findings that the golden list lacks, and its entries that were not found. An
// entry whose rule could not be judged is one of them under CI=true only.
func differences(test string, golden []finding, results []drivertest.Result) []string {
	var wrong []string
	for _, res := range results {
		entry, listed := lookup(test, golden, res.ID)
		switch {
		case res.Outcome == drivertest.Failed && !listed:
			wrong = append(wrong, "not on the golden list: "+res.String())
		case res.Outcome == drivertest.Passed && listed && !entry.sometimes:
			wrong = append(wrong, fmt.Sprintf("on the golden list, but kept: %s (%s)", entry.rule, entry.cause))
		case res.Outcome == drivertest.Inconclusive && listed && os.Getenv("CI") == "true":
			wrong = append(wrong, fmt.Sprintf("on the golden list, but not judged: %s: %s", entry.rule, res.Reason))
		}
	}
	for i, entry := range golden {
		named := func(res drivertest.Result) bool { return res.ID == entry.rule || sealed(test, res.ID) == entry.rule }
		switch {
		case entry.cause == "" || !slices.ContainsFunc(results, named):
			wrong = append(wrong, "the golden list has an entry for no rule, or without a cause: "+entry.rule)
		case slices.ContainsFunc(golden[:i], func(f finding) bool { return f.rule == entry.rule }):
			wrong = append(wrong, "the golden list has an entry twice: "+entry.rule)
		}
	}
	return wrong
}

// TestDifferencesAreFound demands that the comparison can fail.
func TestDifferencesAreFound(t *testing.T) {
	t.Parallel()
	result := func(id string, outcome drivertest.Outcome) drivertest.Result {
		return drivertest.Result{Rule: drivertest.Rule{ID: id}, Outcome: outcome}
	}
	results := []drivertest.Result{
		result("LIST-01", drivertest.Failed), result("LIST-02", drivertest.Passed), result("LIST-03", drivertest.Failed),
	}
	known := []finding{{rule: "LIST-01", cause: "x"}, {rule: sealed(t.Name(), "LIST-03"), cause: withheld}}
	for name, tc := range map[string]struct {
		golden []finding
		want   int
	}{
		"as listed":     {known, 0},
		"new finding":   {known[1:], 1},
		"kept":          {append(known[:2:2], finding{rule: "LIST-02", cause: "x"}), 1},
		"kept, or not":  {append(known[:2:2], finding{rule: "LIST-02", cause: "x", sometimes: true}), 0},
		"no such rule":  {append(known[:2:2], finding{rule: "LIST-99", cause: "x"}), 1},
		"without cause": {[]finding{{rule: "LIST-01"}, known[1]}, 1},
		"twice":         {append(known[:2:2], known[0]), 1},
	} {
		if got := differences(t.Name(), tc.golden, results); len(got) != tc.want {
			t.Errorf("%s: %d differences, not %d: %q", name, len(got), tc.want, got)
		}
	}
}

// TestUnfoundIsToldApart demands that a defect that no rule shows is noticed.
func TestUnfoundIsToldApart(t *testing.T) {
	t.Parallel()
	results := []drivertest.Result{
		{Rule: drivertest.Rule{ID: "LIST-01"}, Outcome: drivertest.Failed, Failures: []drivertest.Failure{{Case: "by day"}}},
		{Rule: drivertest.Rule{ID: "LIST-02"}, Outcome: drivertest.Passed},
	}
	for found, want := range map[string]int{
		"LIST-01": 0, "LIST-01:day": 0, "LIST-01:night": 1, "LIST-02": 1, "LIST-02|LIST-01": 0, "LIST-03": 1, sealed(t.Name(), "LIST-01"): 0, sealed(t.Name(), "LIST-02"): 1,
	} {
		if got := unfound(t.Name(), []defect{{"x", in(found, t.Name())}, {"elsewhere", in("LIST-02", "TestOther")}}, results); len(got) != want {
			t.Errorf("%s: %q", found, got)
		}
	}
}
