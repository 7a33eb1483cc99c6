package selftest

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/reference/registrytest"
)

// TestReportOfARealRun runs specs against a registry without referrers, and demands that results.json follows its
// schema and that repro.sh gets the recorded answers again.
func TestReportOfARealRun(t *testing.T) {
	registry := registrytest.New(t, registrytest.WithHandler(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/referrers/") {
				http.Error(w, "<b>broken</b>", http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	u, err := url.Parse(registry.URL)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := conformance.Run(context.Background(), conformance.Registry{URL: u}, conformance.Options{
		Seed: "report", Select: []string{"referrers.*"},
	})
	if err != nil || rep.Totals.Failed == 0 || rep.Totals.Blocked == 0 {
		t.Fatalf("%v, %+v", err, rep)
	}
	dir := t.TempDir()
	if _, err := report.WriteFiles(dir, rep, report.Formats()...); err != nil {
		t.Fatal(err)
	}
	validate(t, filepath.Join(dir, "results.json"))
	need.Program(t, "curl", "curl")
	out, err := exec.Command("sh", filepath.Join(dir, "repro.sh"), "all").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(" 0 different, 0 left out")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func validate(t *testing.T, path string) {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(instance); err != nil {
		t.Error(err)
	}
}
