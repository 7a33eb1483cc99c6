package drivertest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/drivertest/internal/broken"
)

const (
	workerFault = "DRIVERTEST_FAULT"
	workerJob   = "DRIVERTEST_WORK"
)

// hooks gives the sound driver, or one that is wrong, all that the rules can ask for.
func hooks(w broken.Wrong) drivertest.Hooks {
	h := drivertest.Hooks{
		Reopen: func(dir string) (drivertest.Target, error) {
			m, err := broken.Reopen(dir, w.Journal)
			var d broken.Driver = m
			if err == nil && w.Crashed != nil {
				d = w.Crashed(m)
			}
			return drivertest.Adapt(d), err
		},
		Worker: func(job string) *exec.Cmd {
			cmd := exec.Command(os.Args[0], "-test.run=^TestWorker$", "-test.count=1")
			cmd.Env = append(os.Environ(), workerFault+"="+w.Fault, workerJob+"="+job)
			return cmd
		},
		Fault: func(kind drivertest.Fault) (drivertest.Faulty, error) {
			f := broken.NewFailing(string(kind))
			var d broken.Driver = f
			if w.Failing != nil {
				d = w.Failing(f)
			}
			return drivertest.Faulty{Target: drivertest.Adapt(d), Arm: f.Arm, Disarm: f.Disarm}, nil
		},
		Chunked: func(size int64) (drivertest.Target, error) {
			var d broken.Driver = broken.New()
			if w.Chunked != nil {
				d = w.Chunked(broken.New(), size)
			}
			return drivertest.Adapt(d), nil
		},
		Limited: func(limit int) (drivertest.Target, error) {
			if limit < 1 && w.Limited == nil {
				return drivertest.Target{}, errors.New("a limit is at least 1")
			}
			var d broken.Driver = broken.New()
			if w.Limited != nil {
				d = w.Limited(broken.New(), limit)
			}
			return drivertest.Adapt(d), nil
		},
		Wrapped: func() (drivertest.Target, error) {
			d := broken.Rooted(broken.New(), "/wrapped")
			if w.Wrapped != nil {
				d = w.Wrapped(d)
			}
			return drivertest.Adapt(d), nil
		},
		Misplaced: func() (drivertest.Target, error) {
			if w.Misplaced != nil {
				return drivertest.Adapt(w.Misplaced()), nil
			}
			return drivertest.Target{}, errors.New("no such store")
		},
		Secrets: []string{"hunter2"},
		Residue: func() ([]string, error) { return nil, nil },
	}
	if w.Residue != nil {
		h.Residue = w.Residue()
	}
	h.Parts, h.Marker, h.Sparse = w.Parts, w.Marker, w.Sparse
	if w.Fetch != nil {
		h.Fetch = fetch(w.Fetch)
	}
	inspections(&h, w)
	store := broken.New()
	h.Rooted = func(root string, fresh bool) (drivertest.Target, error) {
		if fresh {
			store = broken.New()
		}
		if w.Rooted != nil {
			return drivertest.Adapt(w.Rooted(store, root)), nil
		}
		return drivertest.Adapt(broken.Rooted(store, root)), nil
	}
	return h
}

// fetch answers requests in place of a server.
type fetch func(*http.Request) (*http.Response, error)

func (f fetch) Do(r *http.Request) (*http.Response, error) { return f(r) }

// inspections adds the hooks that look under a driver.
func inspections(h *drivertest.Hooks, w broken.Wrong) {
	h.Metered = func(limit int) (drivertest.Metered, error) {
		open := broken.NewMeter
		if w.Metered != nil {
			open = w.Metered
		}
		m := open(limit)
		return drivertest.Metered{Target: drivertest.Adapt[broken.Driver](m), Count: m.Count}, nil
	}
	h.Inspect = func() (drivertest.Inspected, error) {
		m, list := broken.New(), (*broken.Memory).Keys
		if w.Keys != nil {
			list = w.Keys
		}
		return drivertest.Inspected{Target: drivertest.Adapt(m), Keys: func() ([]string, error) { return list(m) }}, nil
	}
	h.Spread = func(far string) (drivertest.Target, error) {
		if w.Spread != nil {
			return drivertest.Adapt(w.Spread(broken.New(), far)), nil
		}
		return drivertest.Adapt(broken.Spread(broken.New(), far)), nil
	}
	h.Lossy = func() (drivertest.Lossy, error) {
		dir, err := os.MkdirTemp("", "drivertest-lossy-")
		if err != nil {
			return drivertest.Lossy{}, err
		}
		m, err := broken.Reopen(dir, w.Journal)
		return drivertest.Lossy{
			Target: drivertest.Adapt(m), Close: func() { _ = os.RemoveAll(dir) },
			Cut: func() (drivertest.Target, error) {
				left := dir + "/left"
				if err := os.Mkdir(left, 0o777); err != nil {
					return drivertest.Target{}, err
				}
				m, err := m.Cut(left)
				return drivertest.Adapt(m), err
			},
		}, err
	}
}

// TestWorker is what a crash rule runs in another process; by itself it does nothing.
func TestWorker(t *testing.T) {
	job := os.Getenv(workerJob)
	if job == "" {
		return
	}
	var wrong broken.Wrong
	for _, w := range broken.Drivers() {
		if w.Fault == os.Getenv(workerFault) {
			wrong = w
		}
	}
	if err := drivertest.Work(context.Background(), job, drivertest.Config{Hooks: hooks(wrong)}); err != nil {
		t.Fatal(err)
	}
}

func open(w broken.Wrong) drivertest.Target {
	m := broken.New()
	if w.Open == nil {
		return drivertest.AdaptStore(func() broken.Driver { return m })
	}
	return drivertest.AdaptStore(w.Open(m))
}

// TestEveryWrongDriverIsCaught demands that each wrong driver fails the rule that names its
// fault, and that each MUST and each SHOULD has one. The rules that measure the process come
// last, alone.
// It shows K-61.
func TestEveryWrongDriverIsCaught(t *testing.T) {
	have := map[string]bool{}
	t.Run("side by side", func(t *testing.T) {
		for _, w := range broken.Drivers() {
			have[w.Rule] = true
			if !measures(w.Rule) {
				t.Run(w.Rule+" "+w.Fault, func(t *testing.T) {
					t.Parallel()
					catch(t, w)
				})
			}
		}
	})
	for _, w := range broken.Drivers() {
		if measures(w.Rule) {
			t.Run(w.Rule+" "+w.Fault, func(t *testing.T) { catch(t, w) })
		}
	}
	for _, w := range broken.VastDrivers(drivertest.Generator{}) {
		have[w.Rule] = true // TestVastObjects
	}
	for _, c := range drivertest.Checks() {
		if c.ID == "WRAP-04" {
			continue // it reports, and fails nothing: TestHiddenMethodsAreReported
		}
		if (c.Level == drivertest.Must || c.Level == drivertest.Should) && !have[c.ID] {
			t.Errorf("no wrong driver stands for %s: %s", c.ID, c.Sentence)
		}
	}
}

// measures tells whether a rule looks at the whole process.
func measures(rule string) bool {
	return strings.HasPrefix(rule, "LEAK-") || strings.HasPrefix(rule, "LARG-")
}

// catch judges a wrong driver by its own rule alone.
func catch(t *testing.T, w broken.Wrong) {
	t.Helper()
	cfg := soundConfig()
	cfg.Only, cfg.Hooks, cfg.CallTimeout = []string{w.Rule}, hooks(w), 3*time.Second
	cfg.Strict = true
	seen := "nothing"
	for seed := uint64(1); seed <= 3; seed++ {
		cfg.Seed = seed
		res, ok := drivertest.Check(t.Context(), open(w), cfg).Result(w.Rule)
		if !ok {
			t.Fatalf("%q is listed for %s, which is no rule", w.Fault, w.Rule)
		}
		if len(res.Failures) > 0 {
			seen, _, _ = strings.Cut(res.Failures[0].Message, "\n")
		} else {
			seen = fmt.Sprintf("%s: %s %v", res.Outcome, res.Reason, res.Notes)
		}
		if res.Outcome == drivertest.Failed && (res.Counts || res.Level == drivertest.Perf) {
			t.Logf("%.120s", seen)
			return
		}
	}
	t.Errorf("%s does not notice that %s (%s)", w.Rule, w.Fault, seen)
}

// TestSoundWithHooks runs the rules that need hooks over the sound driver: they must be judged,
// and pass.
func TestSoundWithHooks(t *testing.T) {
	cfg := soundConfig()
	cfg.Hooks = hooks(broken.Wrong{})
	cfg.Only = []string{"FAC-*", "CHNK-*", "RESU-*", "ERRS-*", "CONC-11", "CRSH-*", "FALT-*", "WRAP-*", "MODL-04", "LINZ-05", "MOVE-08", "MOVE-13", "DELE-11", "LEAK-05", "LEAK-07", "PERF-06", "PERF-09"}
	rep := drivertest.Check(t.Context(), open(broken.Wrong{}), cfg)
	if err := rep.Err(); err != nil {
		t.Error(err)
	}
	unjudged := map[string]bool{}
	for _, res := range rep.Results {
		if res.Outcome == drivertest.Failed {
			t.Error(res)
		}
		if res.Outcome == drivertest.Inconclusive {
			unjudged[res.ID] = true
			if res.Level == drivertest.Must && !strings.Contains(res.Reason, "strace") {
				t.Errorf("%s was not judged: %s", res.ID, res.Reason)
			}
		}
	}
	t.Logf("not judged: %v", slices.Sorted(keys(unjudged)))
}

// TestSoundRedirects demands that a sound driver whose redirects lead to a server keeps every rule
// about them.
func TestSoundRedirects(t *testing.T) {
	w := broken.Presigned()
	cfg := soundConfig()
	cfg.Only, cfg.Strict, cfg.Hooks = []string{"REDR-*"}, true, hooks(w)
	rep := drivertest.Check(t.Context(), open(w), cfg)
	for _, res := range rep.Results {
		if res.Outcome != drivertest.Passed {
			t.Error(res)
		}
	}
	if err := rep.Err(); err != nil {
		t.Error(err)
	}
	t.Log(rep.Totals())
}

// TestHiddenMethodsAreReported wraps a driver in middleware that offers a method less.
func TestHiddenMethodsAreReported(t *testing.T) {
	cfg := soundConfig()
	cfg.Only, cfg.Hooks = []string{"WRAP-04"}, hooks(broken.Wrong{})
	res := outcome(t, drivertest.Check(t.Context(), drivertest.Adapt(broken.New()), cfg), "WRAP-04")
	if want := "wrapping hides the method Keys"; !slices.Contains(res.Notes, want) {
		t.Errorf("got %v, want %q", res.Notes, want)
	}
}

func keys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
