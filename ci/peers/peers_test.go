package peers_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/peers"
	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
)

// TestGolden demands that each peer breaks exactly what its golden list says.
// With CONFORM_PEER_RESULTS=DIR the results are kept there, as NAME.json.
func TestGolden(t *testing.T) {
	for _, p := range peers.All() {
		t.Run(p.Name, func(t *testing.T) {
			target, list := conformance.Registry{URL: p.Start(t)}, golden(t, p.Name)
			rep, err := conformance.Run(t.Context(), target, conformance.Options{
				Profile: requirement.ProfileAll,
				Policy:  report.Policy{Level: requirement.Should, Baseline: list},
				Seed:    "peers",
			})
			if err != nil {
				t.Fatal(err)
			}
			keep(t, p.Name, rep)
			judge(t, rep, list)
		})
	}
}

// TestGoldenSchema1 demands the same of a registry that has schema 1, in that
// chapter.
func TestGoldenSchema1(t *testing.T) {
	p := peers.DebianSchema1()
	target, list := conformance.Registry{URL: p.Start(t)}, golden(t, p.Name)
	rep, err := conformance.Run(t.Context(), target, conformance.Options{
		Profile: requirement.ProfileSchema1, Select: []string{"schema1.*"},
		Policy: report.Policy{Level: requirement.Should, Baseline: list},
		Seed:   "peers",
	})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, p.Name, rep)
	judge(t, rep, list)
}

// TestWithoutSchema1 demands that registries which refuse the manifests of
// schema 1, or store them unread as they would any bytes, are not judged by the
// chapter, and that each result shows why.
func TestWithoutSchema1(t *testing.T) {
	for _, p := range []peers.Peer{peers.Distribution(), peers.Crane()} {
		t.Run(p.Name, func(t *testing.T) {
			rep, err := conformance.Run(t.Context(), conformance.Registry{URL: p.Start(t)}, conformance.Options{
				Profile: requirement.ProfileSchema1, Select: []string{"schema1.*"}, Seed: "peers",
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rep.Results {
				if r.Outcome != report.Unsupported || r.Message == "" || len(r.Exchanges) == 0 {
					t.Errorf("%s (%s): %s, %d exchanges: %s", r.ID, r.Spec, r.Outcome, len(r.Exchanges), r.Message)
				}
			}
			t.Logf("%s; %s", rep.Verdict.Summary, rep.Results[0].Message)
		})
	}
}

// judge reports what the golden list does not explain. It is stricter than the
// verdict: what does not count, as provisional or implied, is listed as well.
func judge(t *testing.T, rep *report.Report, list report.Baseline) {
	t.Helper()
	for _, r := range rep.Results {
		_, listed := list.Lookup(r.ID)
		if r.Counts || r.Outcome == report.Failed && !listed {
			t.Errorf("%s %s (%s): %s: %s\n%s", r.Level, r.ID, r.Spec, r.Outcome, r.Because, r.Message)
		}
	}
	for _, id := range rep.Verdict.Stale {
		t.Errorf("%s: the golden list names it, and it passes", id)
	}
	if rep.Verdict.Exit != report.ExitConformant {
		t.Errorf("exit status %d", rep.Verdict.Exit)
	}
	t.Logf("%s in %v", rep.Verdict.Summary, rep.Ended.Sub(rep.Started).Round(time.Millisecond))
}

// golden reads the list of the peer.
func golden(t *testing.T, name string) report.Baseline {
	t.Helper()
	text, err := os.ReadFile(name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	list, err := report.ParseBaseline(name+".yaml", text, vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Reason == "" {
			t.Errorf("%s: the entry %s has no reason", name, e.Name())
		}
	}
	return list
}

func keep(t *testing.T, name string, rep *report.Report) {
	t.Helper()
	dir := os.Getenv("CONFORM_PEER_RESULTS")
	if dir == "" {
		return
	}
	text, err := json.MarshalIndent(rep, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".json"), text, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

// vocabulary is that of the catalogue: a list may name nothing else.
func vocabulary() report.Vocabulary {
	return report.Vocabulary{
		Requirement: func(id string) bool { _, ok := requirement.Lookup(id); return ok },
		Feature:     func(name string) bool { return slices.Contains(requirement.Features(), requirement.Feature(name)) },
	}
}
