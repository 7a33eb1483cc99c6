package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func TestLists(t *testing.T) {
	t.Parallel()
	c, err := check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range c.faults {
		t.Error(fault)
	}
	for _, id := range c.missing {
		t.Errorf("nothing shows %s: %s", id, c.rows[id].statement)
	}
}

// sound returns a tree whose lists have no fault.
func sound() fstest.MapFS {
	root := fstest.MapFS{
		"a/a_test.go":            {Data: []byte("package a\n\n// S-001, K-01\nfunc TestA(t *T) { helper(t) }\n\nfunc helper(t *T) {} // S-003 is after it\n\nfunc TestScripts(t *T) {}\n\nfunc TestB(t *T) {\n\tcontract(t)\n}\n\n// contract shows S-002.\nfunc contract(t *T) { t.Run(\"x\", nil) }\n")},
		"a/testdata/x.txtar":     {Data: []byte("# S-004\nexec true\n")},
		"README.md":              {},
		"Makefile":               {Data: []byte("all: test\n\ntest:\n\ttrue\n")},
		"ci/lint.sh":             {},
		".cache/broken_test.go":  {Data: []byte("S-999")},
		"a/not_a_test.go.backup": {Data: []byte("S-999")},
	}
	shown := map[string]string{
		"S-001": "a:TestA", "S-002": "a:TestB/x", "S-004": "a:TestScripts/x", "S-005": "later:notify",
		"S-006": "doc:README.md", "S-007": "yields:P7; a:TestSeven", "K-01": "a:TestA",
		"S-008": "cmd:make test", "S-009": "cmd:ci/lint.sh; a:TestNine",
	}
	root["a/b_test.go"] = &fstest.MapFile{Data: []byte("package a\n\nfunc TestSeven() { // S-007\n}\n\nfunc TestNine() { const id = \"S-009\" }\n")}
	for _, l := range lists() {
		var b strings.Builder
		for _, id := range l.ids() {
			kind := "B"
			if id == "S-006" || id == "S-008" {
				kind = "P"
			}
			fmt.Fprintf(&b, "%s\t%s\tThis is the sentence of %s.\t%s\n", id, kind, id, shown[id])
		}
		root[l.file] = &fstest.MapFile{Data: []byte(b.String())}
	}
	return root
}

func TestSoundLists(t *testing.T) {
	t.Parallel()
	c, err := check(sound())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.faults) > 0 {
		t.Errorf("faults: %q", c.faults)
	}
	total := 0
	for _, l := range lists() {
		total += len(l.ids())
	}
	if want := total - 9; len(c.missing) != want || c.missing[0] != "S-003" {
		t.Errorf("%d ids are without a test, want %d: %v", len(c.missing), want, c.missing)
	}
	var out strings.Builder
	c.print(&out)
	for _, want := range []string{"S-001 B  This is the sentence of S-001.\n         a:TestA\n", "\nS-003 B  ", "\nE                      146 "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not printed", want)
		}
	}
}

// TestPlantedFaults plants what must be found.
func TestPlantedFaults(t *testing.T) {
	t.Parallel()
	const s, k = "ci/behaviours.tsv", "ci/faults.tsv"
	for name, tc := range map[string]struct{ file, old, new, want string }{
		"an id twice":            {s, "S-010\tB", "S-011\tB", "S-011 is on the list twice"},
		"an id missing":          {s, "S-010\tB", "S-011\tB", "S-010 is missing"},
		"an id beyond":           {k, "K-130\tB", "K-131\tB", "K-131 is on the list twice, or is none"},
		"out of order":           {s, "S-010\tB\tThis is the sentence of S-010.\t\nS-011\tB\tThis is the sentence of S-011.\t\n", "S-011\tB\tThis is the sentence of S-011.\t\nS-010\tB\tThis is the sentence of S-010.\t\n", "out of order"},
		"no kind":                {s, "S-010\tB", "S-010\tX", ":10: not an id"},
		"no sentence":            {s, "This is the sentence of S-010.", "none", ":10: not an id"},
		"a field less":           {s, "S-010\tB\t", "S-010 B\t", ":10: not an id"},
		"no such test":           {s, "a:TestA\n", "a:TestC\n", "S-001: there is no test a:TestC"},
		"no such package":        {s, "a:TestA\n", "b:TestA\n", "S-001: there is no test b:TestA"},
		"no test but a helper":   {s, "a:TestA\n", "a:contract\n", "S-001: there is no test"},
		"a test of another id":   {s, "S-003.\t", "S-003.\ta:TestA", "S-003: a:TestA does not name it"},
		"a script of another id": {s, "S-003.\t", "S-003.\ta:TestScripts/x", "S-003: a:TestScripts/x does not name it"},
		"an id of no list":       {"a/b_test.go", "S-009", "S-347", "a/b_test.go names S-347, which is on no list"},
		"an id of no list in a script": {
			"a/testdata/x.txtar", "exec true", "exec true # K-35", "a/testdata/x.txtar names K-35, which is on no list",
		},
		"no document":             {s, "doc:README.md", "doc:MISSING.md", "S-006: there is no document MISSING.md"},
		"no target":               {s, "cmd:make test", "cmd:make tes", "S-008: make has no target tes"},
		"no script":               {s, "cmd:ci/lint.sh", "cmd:ci/no.sh", "S-009: there is no document ci/no.sh"},
		"nothing to yield":        {s, "S-003.\t", "S-003.\tyields:P7", "S-003: it does not yield"},
		"no later work":           {s, "later:notify", "later:holiday", "S-005: no later work is called holiday"},
		"later work that is here": {"reference/notify/notify.go", "", "package notify", "S-005: reference/notify is there"},
	} {
		root := sound()
		if root[tc.file] == nil {
			root[tc.file] = &fstest.MapFile{}
		}
		before := string(root[tc.file].Data)
		after := strings.Replace(before, tc.old, tc.new, 1)
		if after == before {
			t.Errorf("%s: nothing was planted", name)
		}
		root[tc.file].Data = []byte(after)
		c, err := check(root)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(strings.Join(c.faults, "\n"), tc.want) {
			t.Errorf("%s: want %q among %q", name, tc.want, c.faults)
		}
	}
}

// TestBehaviourNeedsATest leaves documents to rows that are no behaviour.
func TestBehaviourNeedsATest(t *testing.T) {
	t.Parallel()
	for shown, want := range map[string]bool{"doc:README.md": true, "cmd:make test": true, "yields:P7": true, "": true, "a:TestSeven": false, "later:notify": false} {
		root := sound()
		root["ci/behaviours.tsv"].Data = []byte(strings.Replace(string(root["ci/behaviours.tsv"].Data), "yields:P7; a:TestSeven", shown, 1))
		c, err := check(root)
		if err != nil {
			t.Fatal(err)
		}
		missing := map[string]bool{}
		for _, id := range c.missing {
			missing[id] = true
		}
		if missing["S-007"] != want {
			t.Errorf("%q: missing is %v, want %v", shown, missing["S-007"], want)
		}
	}
}
