package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// A tree is what the lists are held against.
type tree struct {
	root  fs.FS
	funcs map[string]map[string]function // of test files, by folder and name
	names map[string][]string            // the ids that a test file names
}

// A function is one of a test file.
type function struct {
	text string // with its comment
	uses []string
}

var isID = regexp.MustCompile(`\b[SK]-\d{2,3}\b`)

// readTree reads every test file and script below root.
func readTree(root fs.FS) (*tree, error) {
	t := &tree{root: root, funcs: map[string]map[string]function{}, names: map[string][]string{}}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."), d.Name() == "bin" && d.IsDir():
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go") && path.Ext(name) != ".txtar" && !isShared(name):
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		// The checker's own tests plant ids that are none.
		if path.Dir(name) != "ci/behaviours" {
			t.names[name] = isID.FindAllString(string(source), -1)
		}
		if path.Ext(name) == ".txtar" {
			return nil
		}
		return t.addFile(name, source)
	})
	return t, err
}

// isShared reports whether a file is of a package of tests that other packages
// run.
func isShared(name string) bool {
	return path.Ext(name) == ".go" && (path.Dir(name) == contract || path.Base(path.Dir(name)) == "suite")
}

// contract is the package whose tests several packages run.
const contract = "reference/internal/contract"

func (t *tree) addFile(name string, source []byte) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.ParseComments)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	if t.funcs[dir] == nil {
		t.funcs[dir] = map[string]function{}
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		begin := f.Pos()
		if f.Doc != nil {
			begin = f.Doc.Pos()
		}
		x := function{text: string(source[set.Position(begin).Offset:set.Position(f.End()).Offset])}
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				x.uses = append(x.uses, id.Name)
			}
			return true
		})
		t.funcs[dir][f.Name.Name] = x
	}
	return nil
}

// fault says what is wrong with a test as that which shows id, or "".
func (t *tree) fault(test, id string) string {
	dir, name, _ := strings.Cut(test, ":")
	name, sub, _ := strings.Cut(name, "/")
	if _, ok := t.funcs[dir][name]; !ok || !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") {
		return "there is no test " + test
	}
	if t.mentions(dir, name, id, map[string]bool{}) {
		return ""
	}
	if sub != "" {
		script, err := fs.ReadFile(t.root, path.Join(dir, "testdata", sub+".txtar"))
		if err == nil && names(string(script), id) {
			return ""
		}
	}
	return test + " does not name it"
}

// mentions reports whether a function, one of its folder that it uses, or the
// contract that it runs, names the id.
func (t *tree) mentions(dir, name, id string, seen map[string]bool) bool {
	f, ok := t.funcs[dir][name]
	if !ok || seen[name] {
		return false
	}
	seen[name] = true
	if names(f.text, id) {
		return true
	}
	for _, used := range f.uses {
		if t.mentions(dir, used, id, seen) || used == "contract" && t.mentions(contract, "Run", id, map[string]bool{}) {
			return true
		}
	}
	return false
}

func names(text, id string) bool {
	for _, found := range isID.FindAllString(text, -1) {
		if found == id {
			return true
		}
	}
	return false
}
