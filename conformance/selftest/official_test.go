package selftest

import (
	"bytes"
	"net/url"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
)

// TestOfficialRowsHaveSpecs demands that every row of the official form is held by some spec, but for those listed:
// rows find their specs by id and text, so that a new text could empty one unseen.
func TestOfficialRowsHaveSpecs(t *testing.T) {
	r := &report.Report{}
	for _, s := range conformance.Specs(conformance.Registry{URL: &url.URL{Scheme: "http", Host: "registry.invalid"}}) {
		r.Results = append(r.Results, report.Result{ID: s.Requirement.ID, Spec: s.Text, Outcome: report.Passed})
	}
	var out bytes.Buffer
	if err := report.WriteOfficial(&out, r); err != nil {
		t.Fatal(err)
	}
	var doc struct{ APIs, Data map[string]string }
	if err := yaml.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	without := []string{
		"Artifact without Layers", "Blob delete atomic", "Data Field", "Empty Index", "Image Uncompressed",
		"Nested Index", "Non-distributable Layers", "Ping", "Tag Param sha512",
	}
	for _, rows := range []map[string]string{doc.APIs, doc.Data} {
		for name, status := range rows {
			if status != "Pass" && !slices.Contains(without, name) {
				t.Errorf("%s: no spec holds the row any more", name)
			}
		}
	}
}
