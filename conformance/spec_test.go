package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/registryconform/conform/conformance/requirement"
)

// TestEveryRequirementIsAccountedFor demands that each requirement has a spec,
// or stands in exactly one of the two lists of those that have none.
func TestEveryRequirementIsAccountedFor(t *testing.T) {
	judged := map[string]bool{}
	for _, s := range Specs(Registry{}) {
		judged[s.Requirement.ID] = true
	}
	pending, untestable := requirement.Pending(), requirement.Untestable()
	for _, r := range requirement.All() {
		var in []string
		if judged[r.ID] {
			in = append(in, "a spec")
		}
		if slices.Contains(pending, r.ID) {
			in = append(in, "the pending list")
		}
		if _, ok := untestable[r.ID]; ok {
			in = append(in, "the untestable list")
		}
		if len(in) != 1 {
			t.Errorf("%s has %s; want exactly one of a spec, pending, untestable", r.ID, strings.Join(in, " and "))
		}
	}
	for _, id := range requirement.Mandatory() {
		if !judged[id] {
			t.Errorf("%s has no spec, and is never to be without", id)
		}
	}
}

// TestSpecsAreNamedOnce demands that specs are told apart by requirement and
// text, name requirements of the catalogue as they stand there, and none that
// is retired.
func TestSpecsAreNamedOnce(t *testing.T) {
	seen := map[[2]string]bool{}
	for _, s := range Specs(Registry{}) {
		key := [2]string{s.Requirement.ID, s.Text}
		if seen[key] {
			t.Errorf("two specs %q for %s", s.Text, s.Requirement.ID)
		}
		seen[key] = true
		if r, ok := requirement.Lookup(s.Requirement.ID); !ok || r != s.Requirement {
			t.Errorf("%q judges %q, which is not in the catalogue", s.Text, s.Requirement.ID)
		}
		if s.Text == "" || strings.HasSuffix(s.Text, ".") || strings.Contains(s.Text, "should") {
			t.Errorf("%q is no text for a spec", s.Text)
		}
	}
}
