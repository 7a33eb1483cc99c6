package conformance_test

import (
	"context"
	"net/url"
	"os"
	"testing"

	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/reference/registrytest"
)

// TestTarget judges the registry at CONFORM_URL, or the reference registry if
// that is not set, and reports each spec as a subtest:
//
//	CONFORM_URL=http://127.0.0.1:5000 go test ./conformance -run TestTarget -v
func TestTarget(t *testing.T) {
	address := os.Getenv("CONFORM_URL")
	if address == "" {
		address = registrytest.New(t).URL
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := conformance.Run(context.Background(), conformance.Registry{URL: u}, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rep.Results {
		t.Run(r.ID+"/"+r.Spec, func(t *testing.T) {
			switch {
			case r.Counts:
				t.Errorf("%s\n%s\n%s", r.Statement, r.Message, r.Because)
			case r.Outcome != report.Passed:
				t.Skipf("%s: %s %s", r.Outcome, r.Message, r.Because)
			}
		})
	}
	if rep.Verdict.Exit != report.ExitConformant {
		t.Error(rep.Verdict.Summary)
	}
}
