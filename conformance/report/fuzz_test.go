package report_test

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/wire"
)

// FuzzParseBaseline looks for input that panics, or that is taken and can't be written and read again.
func FuzzParseBaseline(f *testing.F) {
	for _, seed := range []string{
		"- {id: a.b, reason: x, until: 2027-01-31}", "- feature: f\n  reason: |\n    x\n", "[]", "- &a {id: x, reason: y}\n- *a\n",
		"- id: !!binary aGk=\n  reason: x\n", "- <<: {id: x}\n  reason: y\n", "\x00", "- id: \"\\u0000\"\n  reason: 1\n", "{", "- - -", "? a\n: b", "%YAML 1.2\n---\n- {id: a, reason: b}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		b, err := report.ParseBaseline("b", []byte(in), report.Vocabulary{})
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := b.Write(&out); err != nil {
			t.Fatal(err)
		}
		again, err := report.ParseBaseline("b", out.Bytes(), report.Vocabulary{})
		if err != nil || len(again) != len(b) {
			t.Fatalf("%v: %q became %q", err, in, out.String())
		}
	})
}

// FuzzWriters puts hostile text everywhere that a target or a spec has a say in, and demands that each format keeps
// its structure.
func FuzzWriters(f *testing.F) {
	for _, seed := range []string{"plain", nasty, "want  a\ngot   b\nwire  #1", "\n\n'\"`$(x)\\", "{{.}}<!--", "]]>", "}\nEOF\nrm x\n", "%s%n\\0", "@x", "-n", strings.Repeat("x", 300)} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x := &wire.Exchange{
			Seq: 1, Method: "PUT", URL: "http://h/v2/" + a, Status: 202, Error: b,
			Request:  wire.Message{Header: http.Header{"X-A": {a}, "Content-Type": {b}}, Size: int64(len(a)), Body: wire.Bytes(a)},
			Response: wire.Message{Header: http.Header{"Location": {b}}, Size: int64(len(b)), Body: wire.Bytes(b)},
		}
		y := *x
		y.Seq, y.URL = 2, b
		r := &report.Report{Target: report.Target{Name: "http://h", Server: a}, Notes: []string{b}, Results: []report.Result{
			{ID: "a.b", Level: "MUST", Spec: a, Statement: b, Outcome: report.Failed, Message: "want  " + a + "\ngot   " + b, Exchanges: []*wire.Exchange{x, &y}},
			{ID: "a.c", Level: "MUST", Spec: a, Feature: b, Chapter: a, Outcome: report.Failed, Message: b, Section: a},
		}}
		report.Judge(r, report.Policy{})
		for _, format := range report.Formats() {
			if err := format.Write(io.Discard, r); err != nil {
				t.Fatalf("%s: %v", format.File, err)
			}
		}
		if c := countJUnit(t, written(t, report.WriteJUnit, r)); c.cases != 2 || c.failures != 2 {
			t.Errorf("junit.xml: %+v", c)
		}
		doc, err := html.Parse(bytes.NewReader(written(t, report.WriteHTML, r)))
		if err != nil {
			t.Fatal(err)
		}
		scripts, cases := 0, 0
		each(doc, func(n *html.Node, attr map[string]string) {
			switch {
			case n.Data == "script":
				scripts++
			case n.Data == "details" && strings.HasPrefix(attr["class"], "case"):
				cases++
			}
		})
		if scripts != 1 || cases != 2 {
			t.Errorf("report.html: %d scripts, %d cases", scripts, cases)
		}
		check := exec.Command("sh", "-n")
		check.Stdin = bytes.NewReader(written(t, report.WriteRepro, r))
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("repro.sh: %v\n%s", err, out)
		}
		var console bytes.Buffer
		if err := report.WriteConsole(&console, r, report.ConsoleOptions{}); err != nil || bytes.ContainsAny(console.Bytes(), "\x1b\x00\r\x07\u009b") {
			t.Errorf("console: %v\n%q", err, console.String())
		}
	})
}
