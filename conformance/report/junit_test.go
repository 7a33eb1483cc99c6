package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
)

// counted is what a reader of JUnit files that looks at elements only finds.
type counted struct {
	cases, failures, errors, skipped int
	claimed                          [4]int // of testsuites
	names                            map[string]int
	suites                           map[string]int
	elements                         map[string]string // outcome's element and message by name
	properties, output               int
}

func countJUnit(t *testing.T, doc []byte) counted {
	t.Helper()
	c := counted{names: map[string]int{}, suites: map[string]int{}, elements: map[string]string{}}
	dec := xml.NewDecoder(bytes.NewReader(doc))
	current, sums := "", [4]int{}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attr := map[string]string{}
		for _, a := range start.Attr {
			attr[a.Name.Local] = a.Value
		}
		numbers := func() (out [4]int) {
			for i, name := range []string{"tests", "failures", "errors", "skipped"} {
				out[i], _ = strconv.Atoi(attr[name])
			}
			return out
		}
		switch start.Name.Local {
		case "testsuites":
			c.claimed = numbers()
		case "testsuite":
			c.suites[attr["name"]]++
			for i, n := range numbers() {
				sums[i] += n
			}
		case "testcase":
			c.cases++
			current = attr["classname"] + " " + attr["name"]
			c.names[current]++
		case "failure":
			c.failures++
			c.elements[idOf(current)] = "failure " + attr["message"]
		case "error":
			c.errors++
			c.elements[idOf(current)] = "error " + attr["message"]
		case "skipped":
			c.skipped++
			c.elements[idOf(current)] = "skipped " + attr["message"]
		case "property":
			c.properties++
		case "system-out":
			c.output++
		}
	}
	if sums != c.claimed {
		t.Errorf("suites add up to %v, the document says %v", sums, c.claimed)
	}
	return c
}

// idOf is the id in a case's name.
func idOf(name string) string {
	_, rest, _ := strings.Cut(name, " ")
	id, _, _ := strings.Cut(rest, ":")
	return id
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	r, _, _ := sample(t)
	r.Results = append(r.Results, r.Results[11]) // a spec that stands twice
	r.Unreachable = true
	report.Judge(r, report.Policy{
		Baseline: report.Baseline{{ID: "pull.known", Reason: "ticket 42"}, {ID: "pull.stale", Reason: "ticket 43"}},
		Require:  []requirement.Feature{"delete"},
	})
	doc := written(t, report.WriteJUnit, r)
	c := countJUnit(t, doc)
	if got, want := c.claimed, [4]int{c.cases, c.failures, c.errors, c.skipped}; got != want {
		t.Errorf("attributes %v, elements %v", got, want)
	}
	// 2 failed, 1 stale, 1 unsupported but required, 1 since the target went away.
	if c.cases != 14 || c.failures != 5 || c.errors != 1 || c.skipped != 5 {
		t.Errorf("%d cases, %d failures, %d errors, %d skipped\n%s", c.cases, c.failures, c.errors, c.skipped, doc)
	}
	for name, n := range c.names {
		if n != 1 || strings.HasPrefix(name, " ") {
			t.Errorf("case %q stands %d times", name, n)
		}
	}
	for id, want := range map[string]string{
		"push.blob.created":      "failure want 201 Created; got 200 OK",
		"pull.stale":             "failure the baseline names it",
		"delete.blob":            "failure the feature delete is required",
		"target stays reachable": "failure the target went away",
		"pull.known":             "skipped known: known failure: ticket 42",
		"pull.head.size":         "skipped warned: a SHOULD is below",
		"pull.next":              "skipped provisional",
		"push.list":              "skipped blocked: blocked by the failure of push.blob.created",
		"tags.last":              "skipped not selected: not in the profile pull",
		"errors.body":            "error ",
	} {
		if !strings.HasPrefix(c.elements[id], want) {
			t.Errorf("%s: %q, want %q", id, c.elements[id], want)
		}
	}
	if !bytes.Contains(doc, []byte(`\u0000\u001b[31m`)) || bytes.Contains(doc, []byte("\uFFFD")) {
		t.Error("what XML can't hold isn't shown")
	}
	if c.suites["pull/pull"] != 1 || c.suites["run"] != 1 || c.output == 0 || !bytes.Contains(doc, []byte("curl -sS -i -X PUT")) {
		t.Errorf("suites %v, %d outputs", c.suites, c.output)
	}
}

func TestJUnitOfAnInterruptedRunFails(t *testing.T) {
	t.Parallel()
	r := &report.Report{Interrupted: true, Results: []report.Result{result("a.b", "MUST", "pull", report.Passed, "s", nil)}}
	report.Judge(r, report.Policy{})
	if c := countJUnit(t, written(t, report.WriteJUnit, r)); c.failures != 1 {
		t.Errorf("%+v", c)
	}
}
