package requirement_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/registryconform/conform/conformance/requirement"
)

// The rows of the OCI specification 1.1.1 and of its main branch that speak about registries.
// The numbers left out speak about clients or documents.
const (
	releasedRows = `2 6 7 8 11 12 13 14 16 17 19 21 22 23 24 25 28 29 30 31 32 35 36 37 38 39 40 41 42 43
		44 45 46 47 48 49 50 53 54 55 56 57 58 59 61 62 64 66 67 69 70 71 72 75 76 77 78 79 80 81 82 83
		84 86 87 88 90 91 92 96 99 101 102 103 104 105 106 108 109 110 111 112 121 122 123 124 125 126
		127 128 129 130 131 132 134 135 136 137 138 139 140 141 142 143 144 145 146 147 148 149 150 151
		152 153 157 158 159 160 161 162 163 164 165 166 170 171 172 177 179 180 181 182 183 184 185 186
		187 188 189 190 191 192 193 194 195 196 197 198 199 200 201`
	provisionalRows = `D1 D2 D3 D4 D5 D6 D7 D8 D9 D12 D13 D14 D15 D16 D17 D19 D20 D21 D23 D24 D25 D26 D27 D29`
	// impliedRows are stated without a key word, or with one that binds the client (67);
	// tableRows stand in the table of endpoints.
	impliedRows = `16 55 67 105 131 134 142 149 161 165 166 177 182 D13`
	tableRows   = `184 185 186 187 188 189 190`
)

func sorted(fields string) []string { return slices.Sorted(slices.Values(strings.Fields(fields))) }

// rowsOf returns the sorted row numbers of the OCI requirements that keep accepts.
func rowsOf(keep func(requirement.Requirement) bool) []string {
	var rows []string
	for _, r := range requirement.All() {
		if r.Row != "" && keep(r) {
			rows = append(rows, r.Row)
		}
	}
	slices.Sort(rows)
	return rows
}

func TestEveryRowOfTheSourcesHasOneRequirement(t *testing.T) {
	t.Parallel()
	released := rowsOf(func(r requirement.Requirement) bool { return !r.Provisional })
	if len(released) != 151 {
		t.Errorf("the catalogue has %d rows of 1.1.1, want 151", len(released))
	}
	for _, c := range []struct {
		name string
		want string
		got  []string
	}{
		{"released", releasedRows, released},
		{"provisional", provisionalRows, rowsOf(func(r requirement.Requirement) bool { return r.Provisional })},
		{"implied", impliedRows, rowsOf(func(r requirement.Requirement) bool { return r.Basis == requirement.Implied })},
		{"table", tableRows, rowsOf(func(r requirement.Requirement) bool { return r.Basis == requirement.Table })},
	} {
		if want := sorted(c.want); !slices.Equal(c.got, want) {
			t.Errorf("%s rows:\n got %v\nwant %v", c.name, c.got, want)
		}
	}
}

func TestCountsOfTheReleasedLevels(t *testing.T) {
	t.Parallel()
	got := map[requirement.Level]int{}
	without := 0
	for _, r := range requirement.All() {
		switch {
		case r.Provisional || r.Row == "":
		case r.Basis == requirement.Text:
			got[r.Level]++
		default:
			without++
		}
	}
	want := map[requirement.Level]int{requirement.Must: 89, requirement.Should: 17, requirement.May: 25}
	if !maps.Equal(got, want) || without != 20 {
		t.Errorf("got %v and %d without a key word, want %v and 20", got, without, want)
	}
}

func TestIDsAreUniqueAndWellFormed(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z0-9]+(\.[a-z0-9]+(-[a-z0-9]+)*){2}$`)
	seen := map[string]bool{}
	for _, tombstone := range requirement.Retired() {
		if !form.MatchString(tombstone.ID) || tombstone.Reason == "" || seen[tombstone.ID] {
			t.Errorf("tombstone %+v: malformed, twice, or without a reason", tombstone)
		}
		seen[tombstone.ID] = true
		for _, id := range tombstone.ReplacedBy {
			if _, ok := requirement.Lookup(id); !ok {
				t.Errorf("tombstone %s is replaced by %s, which doesn't exist", tombstone.ID, id)
			}
		}
	}
	for _, r := range requirement.All() {
		if !form.MatchString(r.ID) {
			t.Errorf("%q isn't of the form chapter.object.condition", r.ID)
		}
		if seen[r.ID] {
			t.Errorf("%s is used twice or retired", r.ID)
		}
		seen[r.ID] = true
	}
}

func TestStatementsAreSingleSentences(t *testing.T) {
	t.Parallel()
	sentence := regexp.MustCompile(`^[A-Z][^.]*([.][^ .][^.]*)*\.$`)
	seen := map[string]string{}
	for _, r := range requirement.All() {
		if !sentence.MatchString(r.Statement) {
			t.Errorf("%s: %q isn't one sentence", r.ID, r.Statement)
		}
		if other, ok := seen[r.Statement]; ok {
			t.Errorf("%s and %s share a statement", r.ID, other)
		}
		seen[r.Statement] = r.ID
		if strings.Contains(r.Statement, "MUST") || strings.Contains(r.Statement, "SHOULD") || strings.Contains(r.Statement, "MAY") {
			t.Errorf("%s: the statement repeats a key word: %q", r.ID, r.Statement)
		}
	}
}

func TestFieldsHoldKnownValues(t *testing.T) {
	t.Parallel()
	bases := []requirement.Basis{requirement.Text, requirement.Table, requirement.Implied}
	revisions := []requirement.Since{requirement.Since10, requirement.Since11, requirement.SinceNext, requirement.SinceDockerV2, requirement.SinceSchema1}
	anchor := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, r := range requirement.All() {
		if !slices.Contains(requirement.Levels(), r.Level) || !slices.Contains(bases, r.Basis) ||
			!slices.Contains(requirement.Features(), r.Feature) || !slices.Contains(revisions, r.Since) ||
			!slices.Contains(requirement.Profiles(), r.Profile) || !anchor.MatchString(r.Section) {
			t.Errorf("%s has a field out of its range: %+v", r.ID, r)
		}
		if r.Basis != requirement.Text && r.Level != requirement.Must {
			t.Errorf("%s: without a key word, yet %s", r.ID, r.Level)
		}
		if r.Provisional != (r.Since == requirement.SinceNext) {
			t.Errorf("%s: Provisional %v and Since %s contradict each other", r.ID, r.Provisional, r.Since)
		}
		if !ofItsSource(r) {
			t.Errorf("%s: chapter, profile, row and revision contradict each other: %+v", r.ID, r)
		}
	}
}

// ofItsSource tells whether what a requirement says of its source fits together.
// Docker's API speaks of signed manifests, too.
func ofItsSource(r requirement.Requirement) bool {
	docker, schema1 := r.Since == requirement.SinceDockerV2, r.Since == requirement.SinceSchema1
	switch r.Chapter() {
	case "docker":
		return docker && r.Profile == requirement.ProfileDockerV2 && r.Row == ""
	case "schema1":
		return (docker || schema1) && r.Profile == requirement.ProfileSchema1 && r.Row == ""
	}
	return !docker && !schema1 && r.Row != "" && requirement.ProfileFull.Includes(r)
}

// declared is one package variable that holds a requirement, as the source has it.
type declared struct{ name, id, file string }

func declarations(t *testing.T) []declared {
	t.Helper()
	var found []declared
	names, err := fs.Glob(sources, "*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := fs.ReadFile(sources, name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, variables(t, name, file)...)
	}
	return found
}

func variables(t *testing.T, name string, file *ast.File) []declared {
	t.Helper()
	var found []declared
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			value := spec.(*ast.ValueSpec)
			if len(value.Names) != 1 || len(value.Values) != 1 {
				t.Fatalf("%s: %v: want one name and one value", name, value.Names)
			}
			found = append(found, declared{value.Names[0].Name, idOf(value.Values[0]), name})
		}
	}
	return found
}

// idOf returns the ID field of a composite literal, or nothing.
func idOf(value ast.Expr) string {
	literal, ok := value.(*ast.CompositeLit)
	if !ok {
		return ""
	}
	for _, element := range literal.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, isIdent := pair.Key.(*ast.Ident)
		text, isLit := pair.Value.(*ast.BasicLit)
		if isIdent && isLit && key.Name == "ID" {
			id, err := strconv.Unquote(text.Value)
			if err == nil {
				return id
			}
		}
	}
	return ""
}

func camelCase(id string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(id, func(c rune) bool { return c == '.' || c == '-' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

func TestVariablesAreNamedAfterTheirIDs(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, d := range declarations(t) {
		if d.name != camelCase(d.id) {
			t.Errorf("%s: variable %s holds %q: want the name %s", d.file, d.name, d.id, camelCase(d.id))
		}
		chapter, _, _ := strings.Cut(d.id, ".")
		if d.file != chapter+".go" && d.file != "provisional.go" {
			t.Errorf("%s stands in %s", d.id, d.file)
		}
		ids = append(ids, d.id)
	}
	var all []string
	for _, r := range requirement.All() {
		all = append(all, r.ID)
	}
	slices.Sort(ids)
	slices.Sort(all)
	if !slices.Equal(ids, all) {
		t.Errorf("declared and listed requirements differ:\ndeclared %v\nlisted   %v", ids, all)
	}
}

func TestAllReturnsACopy(t *testing.T) {
	t.Parallel()
	requirement.All()[0].ID = "changed"
	if got := requirement.All()[0].ID; got == "changed" {
		t.Error("a caller's change shows up in the catalogue")
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	for _, want := range requirement.All() {
		if got, ok := requirement.Lookup(want.ID); !ok || got != want {
			t.Errorf("Lookup(%q) = %+v, %v", want.ID, got, ok)
		}
	}
	for _, id := range []string{"", "pull", "pull.blob", "pull.blob.unknown.", "PULL.BLOB.UNKNOWN"} {
		if got, ok := requirement.Lookup(id); ok {
			t.Errorf("Lookup(%q) = %+v", id, got)
		}
	}
}
