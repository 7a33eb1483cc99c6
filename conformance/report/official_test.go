package report_test

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/registryconform/conform/conformance/report"
)

type official struct {
	Config map[string]string
	APIs   map[string]string
	Data   map[string]string
}

func TestOfficial(t *testing.T) {
	t.Parallel()
	r := &report.Report{
		SpecVersion: "1.1.1",
		Target:      report.Target{Name: "https://registry.example.com:8443/x", Repositories: []string{"a/b", "c"}},
		Results: []report.Result{
			result("tags.list.ok", "MUST", "tags", report.Passed, "s", nil),
			result("tags.n.exact", "MUST", "tags", report.Failed, "known", nil),
			result("tags.n.order", "SHOULD", "tags", report.Failed, "weak", nil),
			result("pull.blob.range", "MAY", "range", report.Unsupported, "s", nil),
			result("mount.blob.created", "MUST", "mount", report.Blocked, "s", nil),
			result("pull.manifest.ok", "MUST", "pull", report.Passed, "answers 200 to a GET of an image manifest by tag", nil),
			result("pull.manifest.ok", "MUST", "pull", report.Error, "answers 200 to a GET of an image index by digest", nil),
			result("api.base.ok", "SHOULD", "core", report.Failed, "s", nil),
		},
	}
	report.Judge(r, report.Policy{Baseline: report.Baseline{{ID: "tags.n.exact", Reason: "known"}}})
	var got official
	if err := yaml.Unmarshal(written(t, report.WriteOfficial, r), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.APIs) != 28 || len(got.Data) != 24 {
		t.Errorf("%d APIs, %d kinds of data", len(got.APIs), len(got.Data))
	}
	for name, want := range map[string]string{
		"Tag listing": "FAIL", "Blob get range": "Skip", "Blob mount": "FAIL", "Manifest get by tag": "Pass",
		"Manifest get by digest": "Error", "Ping": "Pass", "Blob delete": "Disabled",
	} {
		if got.APIs[name] != want {
			t.Errorf("%s: %s, want %s", name, got.APIs[name], want)
		}
	}
	if got.Data["Image"] != "Pass" || got.Data["Index"] != "Error" || got.Data["Artifact"] != "Disabled" {
		t.Errorf("%v", got.Data)
	}
	want := map[string]string{"registry": "registry.example.com:8443/x", "tls": "enabled", "repo1": "a/b", "repo2": "c", "version": "1.1.1"}
	for key, value := range want {
		if got.Config[key] != value {
			t.Errorf("%s: %q, want %q", key, got.Config[key], value)
		}
	}
	if strings.Contains(string(written(t, report.WriteOfficial, &report.Report{})), "Pass") {
		t.Error("a run without specs passes something")
	}
}
