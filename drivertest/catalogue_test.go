package drivertest

import (
	"regexp"
	"strings"
	"testing"
)

// TestChecksAreComplete holds the number of rules of each group: ids are permanent.
func TestChecksAreComplete(t *testing.T) {
	want := map[string]int{
		"FAC": 5, "PATH": 13, "CONT": 11, "READ": 14, "WRIT": 21, "RESU": 14, "CHNK": 6, "STAT": 11, "LIST": 14, "MOVE": 13, "DELE": 11,
		"WALK": 23, "REDR": 7, "ERRS": 7, "CTXT": 8, "CONC": 13, "CONS": 5, "MODL": 7, "LINZ": 6, "CRSH": 10, "FALT": 13, "LEAK": 8,
		"LARG": 8, "WRAP": 4, "REGI": 7, "PERF": 12,
	}
	form := regexp.MustCompile(`^[A-Z]{3,4}-\d\d$`)
	got := map[string]int{}
	seen := map[string]bool{}
	for _, c := range Checks() {
		if !form.MatchString(c.ID) || seen[c.ID] {
			t.Errorf("the id %q is malformed or repeated", c.ID)
		}
		seen[c.ID] = true
		prefix, _, _ := strings.Cut(c.ID, "-")
		got[prefix]++
		if !strings.HasSuffix(c.Sentence, ".") || c.Group == "" {
			t.Errorf("%s has no sentence or no group: %q, %q", c.ID, c.Sentence, c.Group)
		}
		switch c.Level {
		case Must, Should, Perf, Info:
		default:
			t.Errorf("%s has level %q", c.ID, c.Level)
		}
	}
	for prefix, n := range want {
		if got[prefix] != n {
			t.Errorf("%s has %d rules, not %d", prefix, got[prefix], n)
		}
	}
	if len(seen) != 271 {
		t.Errorf("there are %d rules, not 271", len(seen))
	}
}

// TestEveryRuleHasCode demands that no rule stands for the record alone.
func TestEveryRuleHasCode(t *testing.T) {
	for _, g := range groups() {
		for _, r := range g.rules {
			if r.run == nil {
				t.Errorf("%s has no code", r.id)
			}
		}
	}
}
