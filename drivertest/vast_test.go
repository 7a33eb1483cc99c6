package drivertest_test

import (
	"os"
	"testing"

	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/drivertest/internal/broken"
)

// TestVastObjects judges the rules about objects of many gigabytes, which only the long budget
// runs: a sound store passes them, and each has a wrong driver. DRIVERTEST_LONG enables it.
func TestVastObjects(t *testing.T) {
	if os.Getenv("DRIVERTEST_LONG") == "" {
		t.Skip("takes a minute or more: set DRIVERTEST_LONG")
	}
	gen := drivertest.Generator{}
	sound := broken.Wrong{Open: func(m *broken.Memory) func() broken.Driver {
		v := broken.NewVast(m, gen)
		return func() broken.Driver { return v }
	}}
	cfg := soundConfig()
	cfg.Budget, cfg.Only = drivertest.Long, []string{"READ-09", "LARG-0[1-4]"}
	rep := drivertest.Check(t.Context(), open(sound), cfg)
	for _, res := range rep.Results {
		t.Logf("%s %s in %s %v", res.ID, res.Outcome, res.Duration.Round(1e6), res.Notes)
		if res.Outcome != drivertest.Passed {
			t.Errorf("a sound store: %s", res)
		}
	}
	for _, w := range broken.VastDrivers(gen) {
		cfg.Only = []string{w.Rule}
		if res := outcome(t, drivertest.Check(t.Context(), open(w), cfg), w.Rule); res.Outcome != drivertest.Failed {
			t.Errorf("%s does not notice that %s: %s", w.Rule, w.Fault, res)
		} else {
			t.Logf("%-8s %-40s %s", w.Rule, w.Fault, res.Failures[0].Message)
		}
	}
}
