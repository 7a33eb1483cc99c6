package drivertest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/drivertest/internal/broken"
	"github.com/registryconform/conform/reference/driver/inmemory"
)

func check(t *testing.T, d broken.Driver, cfg drivertest.Config) drivertest.Report {
	t.Helper()
	cfg.SkipDir, cfg.FilledBuffer = broken.ErrSkipDir, broken.ErrFilledBuffer
	return drivertest.Check(t.Context(), drivertest.Adapt(d), cfg)
}

// losing is a driver that puts nothing.
type losing struct{ broken.Driver }

func (losing) PutContent(context.Context, string, []byte) error { return nil }

func outcome(t *testing.T, rep drivertest.Report, id string) drivertest.Result {
	t.Helper()
	res, ok := rep.Result(id)
	if !ok {
		t.Fatalf("the report has no result for %s", id)
	}
	return res
}

func TestFailureSaysWhatItMust(t *testing.T) {
	t.Parallel()
	rep := check(t, losing{broken.New()}, drivertest.Config{Only: []string{"CONT-02"}, Seed: 7})
	res := outcome(t, rep, "CONT-02")
	if res.Outcome != drivertest.Failed || !res.Counts || len(res.Failures) == 0 {
		t.Fatalf("a driver that puts nothing gives %+v", res)
	}
	var b strings.Builder
	if _, err := rep.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CONT-02", "MUST", res.Sentence, "seed 7", "d.PutContent(ctx, ", "drivertest.Data(", "path not found"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, b.String())
		}
	}
	if err := rep.Err(); err == nil || !strings.Contains(err.Error(), "CONT-02") {
		t.Errorf("Err is %v", err)
	}
}

func TestWaivers(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 5, 1, 0, 0, 0, 0, time.UTC)
	next := now.AddDate(0, 1, 0)
	for name, tc := range map[string]struct {
		driver broken.Driver
		waiver drivertest.Waiver
		counts bool
		says   string
	}{
		"holds":        {losing{broken.New()}, drivertest.Waiver{ID: "CONT-02", Reason: "known", Until: next}, false, "waived until 2030-06-01: known"},
		"expired":      {losing{broken.New()}, drivertest.Waiver{ID: "CONT-02", Reason: "known", Until: now}, true, "expired"},
		"stale":        {broken.New(), drivertest.Waiver{ID: "CONT-02", Reason: "known", Until: next}, true, "stale"},
		"no reason":    {losing{broken.New()}, drivertest.Waiver{ID: "CONT-02", Until: next}, true, "no reason"},
		"no expiry":    {losing{broken.New()}, drivertest.Waiver{ID: "CONT-02", Reason: "known"}, true, "no expiry"},
		"unknown rule": {broken.New(), drivertest.Waiver{ID: "CONT-99", Reason: "known", Until: next}, true, "no rule"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep := check(t, tc.driver, drivertest.Config{
				Only: []string{"CONT-02"}, Waivers: []drivertest.Waiver{tc.waiver}, Now: func() time.Time { return now },
			})
			if counted := len(rep.Failed()) > 0; counted != tc.counts {
				t.Errorf("fails the run: %t, want %t", counted, tc.counts)
			}
			var b strings.Builder
			_, _ = rep.WriteTo(&b)
			if !strings.Contains(b.String(), tc.says) {
				t.Errorf("the report does not say %q:\n%s", tc.says, b.String())
			}
		})
	}
}

func TestContradictedDeclarationFails(t *testing.T) {
	t.Parallel()
	for name, sem := range map[string]drivertest.Semantics{
		"GhostDirs": {GhostDirs: true}, "Coexist": {Coexist: true}, "EarlyVisible": {EarlyVisible: true},
		"AppendCreates": {AppendCreates: true}, "ByteOrder": {ByteOrder: true}, "FoldsCase": {FoldsCase: true},
	} {
		rep := check(t, broken.New(), drivertest.Config{Only: []string{"FAC-02"}, Semantics: sem})
		if err := rep.Err(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is declared of a strict driver, and Err is %v", name, err)
		}
	}
}

func TestShouldCountsUnderStrict(t *testing.T) {
	t.Parallel()
	d := noSecondClose{broken.New()}
	for _, strict := range []bool{false, true} {
		rep := check(t, d, drivertest.Config{Only: []string{"WRIT-15"}, Strict: strict})
		if res := outcome(t, rep, "WRIT-15"); res.Outcome != drivertest.Failed || res.Counts != strict {
			t.Errorf("strict %t: outcome %s, counts %t", strict, res.Outcome, res.Counts)
		}
	}
}

type noSecondClose struct{ broken.Driver }

func (d noSecondClose) Writer(ctx context.Context, path string, app bool) (broken.Writer, error) {
	w, err := d.Driver.Writer(ctx, path, app)
	if err != nil {
		return nil, err
	}
	return &closeOnce{Writer: w}, nil
}

type closeOnce struct {
	broken.Writer
	closed bool
}

func (w *closeOnce) Close() error {
	if w.closed {
		return errors.New("already closed")
	}
	w.closed = true
	return w.Writer.Close()
}

func TestMisconfigurationFails(t *testing.T) {
	t.Parallel()
	for _, cfg := range []drivertest.Config{
		{Only: []string{"NONE-01"}}, {Only: []string{"["}}, {Budget: 7}, {Prefix: "relative"}, {Prefix: "/trailing/"},
	} {
		if rep := check(t, broken.New(), cfg); rep.Err() == nil {
			t.Errorf("%+v passes", cfg)
		}
	}
}

func TestInterruptedRunIsNoSuccess(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rep := drivertest.Check(ctx, drivertest.Adapt(broken.New()), drivertest.Config{})
	if !rep.Interrupted || rep.Err() == nil {
		t.Errorf("an interrupted run: interrupted %t, error %v", rep.Interrupted, rep.Err())
	}
}

// TestNothingIsLeftBehind runs everything on a store that holds something already.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	m := broken.New()
	if err := m.PutContent(t.Context(), "/mine/file", []byte("mine")); err != nil {
		t.Fatal(err)
	}
	cfg := soundConfig()
	cfg.Exclusive = false
	rep := drivertest.Check(t.Context(), drivertest.Adapt(m), cfg)
	if err := rep.Err(); err != nil {
		t.Error(err)
	}
	l, err := m.List(t.Context(), "/")
	if err != nil || len(l) != 1 || l[0] != "/mine" {
		t.Errorf("after the run the store holds %v (%v), not just /mine", l, err)
	}
	if res := outcome(t, rep, "DELE-09"); res.Outcome != drivertest.Inconclusive {
		t.Errorf("Delete of the root of a store that is in use: %s", res.Outcome)
	}
}

// TestPanicsAndHangsAreFailures uses drivers that do either.
func TestPanicsAndHangsAreFailures(t *testing.T) {
	t.Parallel()
	rep := check(t, panicking{broken.New()}, drivertest.Config{Only: []string{"STAT-01"}})
	if res := outcome(t, rep, "STAT-01"); res.Outcome != drivertest.Failed || !strings.Contains(res.String(), "panicked: no Stat today") {
		t.Errorf("a driver that panics: %s", res)
	}
	rep = check(t, hanging{broken.New()}, drivertest.Config{Only: []string{"STAT-01"}, CallTimeout: 100 * time.Millisecond})
	if res := outcome(t, rep, "STAT-01"); res.Outcome != drivertest.Failed || !strings.Contains(res.String(), "has not returned") {
		t.Errorf("a driver that hangs: %s", res)
	}
}

// stuck never ends a Delete, whatever its context says.
type stuck struct{ broken.Driver }

func (stuck) Delete(context.Context, string) error { select {} }

// TestHangInCleanUpEnds uses a driver that hangs where only the suite's own clean-up calls it.
func TestHangInCleanUpEnds(t *testing.T) {
	t.Parallel()
	rep := check(t, stuck{broken.New()}, drivertest.Config{Only: []string{"STAT-01"}, CallTimeout: 50 * time.Millisecond})
	if res := outcome(t, rep, "STAT-01"); res.Outcome != drivertest.Passed {
		t.Errorf("a driver whose Delete hangs, under a rule that needs none: %s", res)
	}
}

type panicking struct{ broken.Driver }

func (panicking) Stat(context.Context, string) (broken.Info, error) { panic("no Stat today") }

type hanging struct{ broken.Driver }

func (hanging) Stat(ctx context.Context, _ string) (broken.Info, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestCheckEachOpensAStoreForEachRule demands the results of Check, in its order, over stores that
// no other rule has seen.
func TestCheckEachOpensAStoreForEachRule(t *testing.T) {
	t.Parallel()
	var opened, released atomic.Int64
	cfg := drivertest.Config{Seed: 1, Parallel: 3, Semantics: drivertest.Semantics{AppendCreates: true}, Only: []string{"LIST-*", "LEAK-01"}}
	rep := drivertest.CheckEach(t.Context(), func() (drivertest.Target, func()) {
		opened.Add(1)
		d := inmemory.New(inmemory.Parameters{})
		return drivertest.AdaptStore(func() *inmemory.Driver { return d }), func() { released.Add(1) }
	}, cfg)
	if err := rep.Err(); err != nil {
		t.Error(err)
	}
	var got, want []string
	for _, res := range rep.Results {
		got = append(got, res.ID)
		if res.ID == "LIST-02" && res.Outcome != drivertest.Passed {
			t.Errorf("the rule about an empty root: %s", res)
		}
	}
	for _, rule := range drivertest.Checks() {
		if strings.HasPrefix(rule.ID, "LIST-") || rule.ID == "LEAK-01" {
			want = append(want, rule.ID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("results for %v, not %v", got, want)
	}
	if n := int64(len(want)) + 1; opened.Load() != n || released.Load() != n {
		t.Errorf("%d stores were opened and %d released, not %d", opened.Load(), released.Load(), n)
	}
}
