package ci

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// keptContexts are the structures that may keep a context, each because it lives
// for one call or ends it.
func keptContexts() []string {
	return []string{
		"reference/client.reader",
		"reference/client.upload",
		"reference/server.call",
		"reference/storage.seeker",
		"reference/driver.versionReader",
		"reference/driver/azure.writer",
		"reference/driver/s3.writer",
		"reference/garbage.collector",
		"reference/cache/redis.Cache",
	}
}

// contexts returns "package.Type" for each structure of the reference that keeps
// a context (S-006, S-303, K-08, K-24).
func contexts(root fs.FS) ([]string, error) {
	var found []string
	err := fs.WalkDir(root, "reference", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok && slices.ContainsFunc(s.Fields.List, isContext) {
				found = append(found, path.Dir(name)+"."+spec.Name.Name)
			}
			return true
		})
		return nil
	})
	return found, err
}

func isContext(f *ast.Field) bool {
	sel, ok := f.Type.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "context" && sel.Sel.Name == "Context"
}

// TestContextsAreNotKept: a context is for the call it was given to (S-006,
// S-303, K-08, K-24).
func TestContextsAreNotKept(t *testing.T) {
	t.Parallel()
	found, err := contexts(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		if !slices.Contains(keptContexts(), name) {
			t.Errorf("%s keeps a context", name)
		}
	}
	for _, name := range keptContexts() {
		if !slices.Contains(found, name) {
			t.Errorf("%s keeps no context any more", name)
		}
	}
	planted := fstest.MapFS{"reference/a/a.go": {Data: []byte("package a\n\nimport \"context\"\n\ntype T struct{ ctx context.Context }\n")}}
	if found, err := contexts(planted); err != nil || len(found) != 1 || found[0] != "reference/a.T" {
		t.Errorf("a planted context: %v, %v", found, err)
	}
}

// TestDependencies: none that we chose is +incompatible (S-004), and digests are computed by
// the standard library alone (S-032).
func TestDependencies(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		if strings.Contains(line, "+incompatible") && !strings.Contains(line, "// indirect") {
			t.Errorf("go.mod requires %s", line)
		}
	}
	err = fs.WalkDir(os.DirFS(".."), "reference", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path.Join("..", name), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			third := strings.Contains(strings.Split(imported, "/")[0], ".") && imported != "github.com/opencontainers/go-digest"
			if base := path.Base(imported); third && (strings.Contains(base, "hash") || strings.Contains(base, "sha") || strings.Contains(base, "digest") || strings.Contains(base, "blake")) {
				t.Errorf("%s imports %s", name, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
