package ci

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/registryconform/conform/"

// A rule says what the packages that match its first field may import, of
// ours and directly. "x/..." is x and all below it, "x/*" what is directly
// below x. A package may import its own internal packages in any case.
type rule struct {
	packages string
	imports  string
	// banned are imports of others that it may not have; "std" bans all that
	// are not of the standard library.
	banned string
}

// rules returns the table; the first rule that matches a package counts. Test
// files are bound by judgeTest alone.
func rules() []rule {
	const (
		contracts = "reference/registry reference/manifest"
		ginkgo    = "github.com/onsi"
	)
	return []rule{
		{"reference", "", ""},
		{"reference/registry", "", ""},
		{"reference/driver", "", ""},
		{"reference/driver/*", "reference/driver reference/internal/lru", ""},
		{"reference/manifest", "reference/registry reference/manifest/*", "net/http"},
		{"reference/manifest/*", "reference/registry", "net/http"},
		{"reference/internal/lru", "", "std"},
		{"reference/internal/layout", "reference/registry", ""},
		{"reference/internal/contract", contracts, ""},
		{"reference/storage", contracts + " reference/driver reference/internal/layout reference/internal/lru", ""},
		{"reference/storage/internal/*", "reference/registry", "net/http"},
		{"reference/garbage", contracts + " reference/driver reference/internal/layout reference/storage", ""},
		{"reference/fsck", "reference/driver", ""},
		{"reference/cache/...", "reference/registry reference/cache reference/internal/lru", ""},
		{"reference/notify/...", contracts + " reference/auth/challenge", ""},
		{"reference/proxy/...", contracts + " reference/auth/challenge", ""},
		{"reference/client", contracts + " reference/auth/challenge", ""},
		{"reference/auth/challenge", "", ""},
		{"reference/auth/...", "reference/registry reference/auth reference/auth/challenge", ""},
		{"reference/server", contracts + " reference/auth reference/auth/challenge", ""},
		{"reference/server/internal/*", contracts, ""},
		{"reference/config", "", ""},
		{"reference/quirk", "", ""},
		{"reference/registrytest", "reference/server reference/storage reference/driver/inmemory reference/quirk", ""},
		{"drivertest/...", "drivertest", "std"},
		{"fixtures", "", ""},
		{"fixtures/...", "fixtures fixtures/malformed", ""},
		{"conformance/requirement", "", "std"},
		{"conformance/internal/jws", "", "std"},
		{"conformance/wire", "conformance/requirement", "std"},
		{"conformance/report", "conformance/requirement conformance/wire", ginkgo},
		{"conformance", "conformance/requirement conformance/wire conformance/report fixtures drivertest", ""},
		{"conformance/selftest", "...", ginkgo},
		{"cmd/conform/...", "...", ginkgo},
		{"ci/...", "...", ginkgo},
	}
}

// judgeTest says what is wrong with an import of a test file, or nothing:
// Ginkgo and Gomega are for package conformance.
func judgeTest(pkg, imported string) string {
	if pkg != "conformance" && strings.HasPrefix(imported, "github.com/onsi/") {
		return "Ginkgo and Gomega are for package conformance"
	}
	return ""
}

// judge says what is wrong with an import, or nothing.
func judge(pkg, imported string) string {
	table := rules()
	i := slices.IndexFunc(table, func(r rule) bool { return matches(r.packages, pkg) })
	if i < 0 {
		return "the package has no rule"
	}
	r := table[i]
	if ours, ok := strings.CutPrefix(imported, module); ok {
		switch {
		case strings.HasPrefix(ours, pkg+"/internal/"), strings.HasPrefix(pkg, ours+"/internal/"):
			return ""
		case slices.ContainsFunc(strings.Fields(r.imports), func(p string) bool { return matches(p, ours) }):
			return ""
		}
		return "not in the table"
	}
	external := strings.Contains(strings.Split(imported, "/")[0], ".")
	for _, ban := range strings.Fields(r.banned) {
		if ban == "std" && external || imported == ban || strings.HasPrefix(imported, ban+"/") {
			return "banned here"
		}
	}
	if strings.HasPrefix(imported, "github.com/testcontainers/") && !strings.HasPrefix(pkg, "cmd/conform") {
		return "testcontainers is for the command and for tests"
	}
	return ""
}

func matches(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	ok, err := path.Match(pattern, pkg)
	return ok && err == nil
}

// violations returns a line for each import below root that breaks a rule.
// Modules of their own are left out.
func violations(root fs.FS) ([]string, int, error) {
	var found []string
	files := 0
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(root, name):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		files++
		lines, err := judgeFile(root, name)
		found = append(found, lines...)
		return err
	})
	return found, files, err
}

func skipped(root fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	_, err := fs.Stat(root, path.Join(dir, "go.mod"))
	return err == nil || path.Base(dir) == "testdata" || strings.HasPrefix(path.Base(dir), ".")
}

func judgeFile(root fs.FS, name string) ([]string, error) {
	source, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	pkg := path.Dir(name)
	var found []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		wrong := judgeTest(pkg, imported)
		if wrong == "" && !strings.HasSuffix(name, "_test.go") {
			wrong = judge(pkg, imported)
		}
		if wrong != "" {
			found = append(found, fmt.Sprintf("%s: %s imports %s: %s", set.Position(spec.Pos()), pkg, imported, wrong))
		}
	}
	return found, nil
}

// TestImports keeps the direction of imports (S-174, S-200, S-203). Who stores,
// serves, sends or fetches manifests imports the table of them and none of the
// formats (S-098, S-289), so that signatures are the business of one package
// (S-292).
func TestImports(t *testing.T) {
	t.Parallel()
	found, files, err := violations(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range found {
		t.Error(line)
	}
	if files < 100 {
		t.Errorf("%d files were looked at: where is the repository?", files)
	}
}

// TestImportsCanFail plants imports that must be found, and some that must not.
func TestImportsCanFail(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, imported string
		wrong          bool
	}{
		"the judge and the defendant":        {"conformance/a.go", module + "reference/registry", true},
		"the judge's test and the reference": {"conformance/a_test.go", module + "reference/registrytest", false},
		"the reference and the judge":        {"reference/server/a.go", module + "conformance/wire", true},
		"server and storage":                 {"reference/server/a.go", module + "reference/storage", true},
		"server and its internals":           {"reference/server/a.go", module + "reference/server/internal/route", false},
		"driver and driver":                  {"reference/driver/inmemory/a.go", module + "reference/driver/filesystem", true},
		"driver and contract":                {"reference/driver/inmemory/a.go", module + "reference/driver", false},
		"contract and driver":                {"reference/driver/a.go", module + "reference/driver/inmemory", true},
		"manifests and HTTP":                 {"reference/manifest/oci/a.go", "net/http", true},
		"drivertest and a library":           {"drivertest/a.go", "github.com/opencontainers/go-digest", true},
		"drivertest and a driver":            {"drivertest/a.go", module + "reference/driver/inmemory", true},
		"drivertest and the library":         {"drivertest/a.go", "testing/iotest", false},
		"drivertest's test and a driver":     {"drivertest/a_test.go", module + "reference/driver/inmemory", false},
		"wire and Gomega":                    {"conformance/wire/a.go", "github.com/onsi/gomega", true},
		"wire's test and Gomega":             {"conformance/wire/a_test.go", "github.com/onsi/gomega", true},
		"conformance and Ginkgo":             {"conformance/a.go", "github.com/onsi/ginkgo/v2", false},
		"reference and testcontainers":       {"reference/storage/a.go", "github.com/testcontainers/testcontainers-go", true},
		"the command":                        {"cmd/conform/a.go", module + "reference/server", false},
		"a package that nobody knows":        {"conformance/util/a.go", "fmt", true},
		"a module of its own":                {"ci/tools/a.go", "github.com/onsi/gomega", false},
	} {
		root := fstest.MapFS{
			tc.file:           {Data: fmt.Appendf(nil, "package a\n\nimport _ %q\n", tc.imported)},
			"ci/tools/go.mod": {},
		}
		found, _, err := violations(root)
		if err != nil || (len(found) > 0) != tc.wrong {
			t.Errorf("%s: found %q, %v", name, found, err)
		}
	}
}
