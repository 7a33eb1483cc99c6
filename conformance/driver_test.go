package conformance_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/inmemory"
)

// driverTarget judges d as an author would.
func driverTarget(d driver.Driver) conformance.Driver {
	return conformance.Driver{
		Name: d.Name(),
		Check: func(ctx context.Context, c drivertest.Config) drivertest.Report {
			c.SkipDir, c.FilledBuffer, c.Exclusive = driver.ErrSkipDir, driver.ErrFilledBuffer, true
			c.Semantics.AppendCreates = true
			return drivertest.Check(ctx, drivertest.Adapt(d), c)
		},
	}
}

func TestSoundDriver(t *testing.T) {
	rep, err := conformance.Run(t.Context(), driverTarget(inmemory.New(inmemory.Parameters{})), conformance.Options{
		Select: []string{"walk-*,writ-*,falt-*,redr-06"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Verdict.Exit != report.ExitConformant || rep.Totals.Passed < 30 || rep.Totals.NotSelected == 0 {
		t.Errorf("verdict %+v, totals %+v", rep.Verdict, rep.Totals)
	}
	if rep.Target.Kind != "driver" || rep.Target.Name != "inmemory" || rep.SpecVersion != "" {
		t.Errorf("the report is of %+v by %q", rep.Target, rep.SpecVersion)
	}
}

// cutting is a driver that loses the last byte of what is put.
type cutting struct{ driver.Driver }

func (c cutting) PutContent(ctx context.Context, path string, content []byte) error {
	return c.Driver.PutContent(ctx, path, content[:max(0, len(content)-1)])
}

func TestWrongDriver(t *testing.T) {
	rep, err := conformance.Run(t.Context(), driverTarget(cutting{inmemory.New(inmemory.Parameters{})}), conformance.Options{
		Select: []string{"fac-02,cont-01"}, Seed: "s",
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Verdict.Exit != report.ExitFailed || rep.Totals.Failed != 1 || rep.Totals.Passed != 1 {
		t.Errorf("verdict %+v, totals %+v", rep.Verdict, rep.Totals)
	}
	failed := rep.Results[1]
	if failed.ID != "CONT-01" || failed.Outcome != report.Failed || !strings.Contains(failed.Message, "short by 1") ||
		!strings.Contains(failed.Message, "d.PutContent(ctx, ") {
		t.Errorf("the finding is %s %s: %s", failed.ID, failed.Outcome, failed.Message)
	}
}

func TestDriverThatCannotBeJudged(t *testing.T) {
	absent := driverTarget(inmemory.New(inmemory.Parameters{}))
	absent.Probe = func(context.Context) error { return errors.New("connection refused") }
	_, err := conformance.Run(t.Context(), absent, conformance.Options{})
	if target, ok := errors.AsType[*conformance.TargetError](err); !ok || !strings.Contains(target.Error(), "connection refused") {
		t.Errorf("the error for a store that isn't there is %v", err)
	}
	boasting := driverTarget(inmemory.New(inmemory.Parameters{}))
	check := boasting.Check
	boasting.Check = func(ctx context.Context, c drivertest.Config) drivertest.Report {
		c.Semantics.GhostDirs = true
		return check(ctx, c)
	}
	if _, err := conformance.Run(t.Context(), boasting, conformance.Options{}); err == nil || !strings.Contains(err.Error(), "GhostDirs is declared") {
		t.Errorf("the error for a wrong declaration is %v", err)
	}
}

// TestEveryRuleIsASpec demands a spec for each rule that is judged.
func TestEveryRuleIsASpec(t *testing.T) {
	specs := map[string]conformance.Spec{}
	for _, s := range conformance.Specs(conformance.Driver{}) {
		specs[s.Requirement.ID] = s
	}
	for _, rule := range drivertest.Checks() {
		s, ok := specs[rule.ID]
		if ok == (rule.Level == drivertest.Perf) {
			t.Errorf("%s, a %s, is a spec: %v", rule.ID, rule.Level, ok)
		}
		if ok && (string(s.Requirement.Level) != string(rule.Level)) != (rule.Level == drivertest.Info) {
			t.Errorf("%s is a %s, its spec a %s", rule.ID, rule.Level, s.Requirement.Level)
		}
	}
}
