package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/registryconform/conform/conformance/report"
)

func written(t *testing.T, write func(io.Writer, *report.Report) error, r *report.Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestJSONFollowsItsSchema(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	full, _, _ := sample(t)
	for name, r := range map[string]*report.Report{
		"full":  full,
		"empty": {Target: report.Target{Kind: "driver", Name: "inmemory"}},
	} {
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(written(t, report.WriteJSON, r)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		undocumented(t, name, doc.(map[string]any), doc.(map[string]any), instance)
	}
	if err := schema.Validate(map[string]any{"schema": report.SchemaVersion}); err == nil {
		t.Error("the schema takes a report without results")
	}
}

// undocumented finds fields that the schema has no word of.
func undocumented(t *testing.T, path string, root, schema map[string]any, instance any) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	switch v := instance.(type) {
	case map[string]any:
		properties, ok := schema["properties"].(map[string]any)
		if !ok {
			return
		}
		for name, value := range v {
			p, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("%s.%s isn't in the schema", path, name)
				continue
			}
			undocumented(t, path+"."+name, root, p, value)
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for _, value := range v {
			undocumented(t, path+"[]", root, items, value)
		}
	}
}

func TestReadWhatWasWritten(t *testing.T) {
	t.Parallel()
	r, _, _ := sample(t)
	data := written(t, report.WriteJSON, r)
	back, err := report.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	again, err := report.Read(bytes.NewReader(written(t, report.WriteJSON, back)))
	if err != nil || !reflect.DeepEqual(back, again) {
		t.Errorf("written again, the report is another: %v", err)
	}
	if !reflect.DeepEqual(back.Totals, r.Totals) || !reflect.DeepEqual(back.Verdict, r.Verdict) {
		t.Errorf("%+v %+v", back.Totals, back.Verdict)
	}
	want := map[[2]string]bool{
		{"errors.body", "panics"}: true, {"pull.blob.unknown", "is odd"}: true, {"pull.head.size", "tells the size"}: true,
		{"pull.known", "is known to fail"}: true, {"pull.next", "is of the next revision"}: true,
		{"pull.stale", "is thought to fail"}: true, {"push.blob.created", "answers the closing PUT with 201"}: true,
		{"push.list", "lists what was pushed"}: true,
	}
	if got := back.FailedSpecs(); !maps.Equal(got, want) {
		t.Errorf("to repeat: %v", got)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, err string }{
		"no JSON":       {"<html>", "results.json: "},
		"empty":         {"", "results.json: "},
		"other JSON":    {"{}", "no schema field"},
		"other version": {`{"schema":"conform.results/9"}`, "only"},
		"wrong type":    {`{"schema":"conform.results/1","results":3}`, "results.json: "},
	} {
		if _, err := report.Read(strings.NewReader(c.in)); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q in it", name, err, c.err)
		}
	}
	var schemaError *report.SchemaError
	if _, err := report.Read(strings.NewReader(`{"schema":"x"}`)); !errors.As(err, &schemaError) || schemaError.Got != "x" {
		t.Errorf("%v", err)
	}
}

func TestConsole(t *testing.T) {
	t.Parallel()
	r, _, server := sample(t)
	var out strings.Builder
	err := report.WriteConsole(&out, r, report.ConsoleOptions{Width: 80, Files: []string{"out/report.html"}})
	if err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{
		"conform 0.1.0 · OCI 1.1.1 · profile full · 12 checks",
		"push ✗1 ⊘1", "11.4 s",
		"✗ push.blob.created  MUST\n",
		"rule   Does what push.blob.created says.",
		"want   201 Created\n", "got    200 OK\n",
		"wire   #1 POST /v2/a/blobs/uploads/ → 202 Accepted\n",
		"wire   #2 PATCH /v2/a/blobs/uploads/s1?_st… Content-Range: 0-12 → 202 Accepted\n",
		"spec   https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#",
		"try    curl -sS -i -X PUT -H Content-Type: --data-raw '' '" + server.URL,
		"blocks push.list\n",
		"✗ errors.body  MUST  error\n", "✗ pull.stale  MUST  stale\n",
		"△ pull.known  MUST  known\n", "why    known failure: ticket 42",
		"stale in the baseline (it passes, remove it): pull.stale",
		"note: 2 uploads could not be cancelled",
		r.Verdict.Summary + "\nreport: out/report.html\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q isn't in\n%s", want, got)
		}
	}
	if at, after := strings.Index(got, "✗ errors.body"), strings.Index(got, "△ pull.known"); at > after {
		t.Error("what counts doesn't come first")
	}
	if strings.ContainsAny(got, "\x1b\x00\r\u009b") {
		t.Error("control characters reach the terminal")
	}
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 && !strings.Contains(line, "try ") && !strings.Contains(line, "spec ") && !strings.Contains(line, "conform 0.1.0") && !strings.Contains(line, r.Verdict.Summary) {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestConsoleGroupsByCause(t *testing.T) {
	t.Parallel()
	same := func(r *report.Result) { r.Message = "want  404 Not Found\ngot   500 Internal Server Error" }
	r := &report.Report{Results: []report.Result{
		result("pull.a", "MUST", "pull", report.Failed, "reads a blob", same),
		result("pull.a", "MUST", "pull", report.Failed, "reads a manifest", same),
		result("pull.a", "MUST", "pull", report.Failed, "reads a tag", func(r *report.Result) { r.Message = "want  x\ngot   y" }),
	}}
	report.Judge(r, report.Policy{})
	var out strings.Builder
	if err := report.WriteConsole(&out, r, report.ConsoleOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "✗ pull.a") != 1 || strings.Count(got, "want ") != 2 || !strings.Contains(got, "reads a blob (and 1 more spec alike)") {
		t.Error(got)
	}
}

func TestConsoleLive(t *testing.T) {
	t.Parallel()
	r, _, _ := sample(t)
	var out strings.Builder
	c := report.NewConsole(&out, report.ConsoleOptions{Live: true, Color: true, Width: 40})
	c.Start(r, len(r.Results))
	for _, result := range r.Results {
		c.Result(result)
	}
	if err := c.Finish(r); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if n := strings.Count(got, "\r\x1b[2K"); n != len(r.Results)+1 {
		t.Errorf("%d rewrites of the line, want %d", n, len(r.Results)+1)
	}
	if !strings.Contains(got, "12/12") || !strings.Contains(got, "\x1b[31m✗1\x1b[0m") {
		t.Errorf("%q", got)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWritersTellOfABrokenFile(t *testing.T) {
	t.Parallel()
	r, _, _ := sample(t)
	for _, f := range report.Formats() {
		if err := f.Write(brokenWriter{}, r); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", f.File, err)
		}
	}
	if err := report.WriteConsole(brokenWriter{}, r, report.ConsoleOptions{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("console: %v", err)
	}
}

func TestWriteFiles(t *testing.T) {
	t.Parallel()
	r, _, _ := sample(t)
	dir := filepath.Join(t.TempDir(), "a", "b")
	paths, err := report.WriteFiles(dir, r, report.Formats()...)
	if err != nil || len(paths) != len(report.Formats()) {
		t.Fatal(paths, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(paths) {
		t.Errorf("%v: %v", entries, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "repro.sh")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("repro.sh: %v %v", info.Mode(), err)
	}
	broken := report.Format{File: "results.json", Write: func(w io.Writer, _ *report.Report) error {
		_, _ = io.WriteString(w, "half")
		return io.ErrUnexpectedEOF
	}}
	before, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := report.WriteFiles(dir, r, broken); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a failed write left another file: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestHAR(t *testing.T) {
	t.Parallel()
	r, _, _ := sample(t)
	var doc struct {
		Log struct {
			Version string
			Pages   []struct{ ID string }
			Entries []struct {
				Pageref string
				Request struct {
					Method   string
					PostData *struct{ Text, Encoding string }
				}
				Response struct{ Status int }
			}
		}
	}
	if err := json.Unmarshal(written(t, report.WriteHAR, r), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Log.Version != "1.2" || len(doc.Log.Pages) != 3 || len(doc.Log.Entries) != 5 {
		t.Errorf("%+v", doc.Log)
	}
	patch := doc.Log.Entries[1]
	if patch.Request.Method != "PATCH" || patch.Response.Status != 202 || patch.Request.PostData.Encoding != "base64" {
		t.Errorf("%+v", patch)
	}
}
