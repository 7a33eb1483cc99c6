package conformance

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
)

// TestRunTwice runs against a target that refuses everything but "/v2/", twice
// in one process.
func TestRunTwice(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	u, _ := url.Parse(server.URL)
	for range 2 {
		rep, err := Run(context.Background(), Registry{URL: u}, Options{Profile: requirement.ProfileFull, Select: []string{"pull.blob.*"}})
		if err != nil {
			t.Fatal(err)
		}
		if rep.Totals.Blocked == 0 || rep.Verdict.Exit != report.ExitFailed {
			t.Fatalf("totals %+v, verdict %+v", rep.Totals, rep.Verdict)
		}
		for _, r := range rep.Results {
			if r.Outcome != report.Blocked || r.BlockedBy != "push.upload.accepted" {
				t.Errorf("%s: %s by %q: %s", r.ID, r.Outcome, r.BlockedBy, r.Message)
			}
		}
	}
}
