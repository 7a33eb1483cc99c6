package frontdoor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryconform/conform/ci/need"
)

// few are rules that take no time.
func few() []string { return []string{"CONT-02", "WALK-0*", "MOVE-01", "RESU-01"} }

func lower(patterns []string) []string {
	all := make([]string, len(patterns))
	for i, p := range patterns {
		all[i] = strings.ToLower(p)
	}
	return all
}

// image is a Dockerfile of an S3 server that keeps its content in the container.
const image = `FROM scratch
COPY versitygw /versitygw
COPY data /data
ENV ROOT_ACCESS_KEY=conform ROOT_SECRET_KEY=conform-secret-key
ENTRYPOINT ["/versitygw", "--quiet", "--port", ":7070", "posix", "/data"]
`

// TestLocalExample runs the shortest of what the README shows.
func TestLocalExample(t *testing.T) { testLocalDriver(t) }

// TestExamples runs what the README shows, where its author would.
func TestExamples(t *testing.T) {
	need.Engine(t)
	program, err := os.ReadFile(need.Tool(t, "versitygw"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	context := filepath.Join(dir, "testdata", "server")
	if err := os.MkdirAll(filepath.Join(context, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"Dockerfile": []byte(image), "versitygw": program, "data/keep": nil} {
		if err := os.WriteFile(filepath.Join(context, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// No image can be pulled, that of testcontainers' own helper among them.
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	if _, err := os.Stat("/.dockerenv"); err == nil {
		t.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	}
	t.Chdir(dir)
	t.Run("TestDriver", testDriver)
	t.Run("TestDriverSpecs", testDriverSpecs)
	if _, err := os.Stat(filepath.Join("reports", "junit.xml")); err != nil {
		t.Error(err)
	}
}

// TestReadmeShowsTheExamples demands that the README has them word for word.
func TestReadmeShowsTheExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(need.Root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"local_test.go", "driver_test.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(readme), "```go\n"+shown(string(source))+"```\n") {
			t.Errorf("the README does not show this:\n%s", shown(string(source)))
		}
	}
}

// shown is what the README shows of a source: all behind the imports, but what is
// for our own test.
func shown(source string) string {
	_, source, _ = strings.Cut(source, "\n)\n\n")
	var kept strings.Builder
	for line := range strings.Lines(source) {
		if !strings.Contains(line, "// not in the README") {
			kept.WriteString(line)
		}
	}
	return strings.NewReplacer("func testDriver", "func TestDriver", "func testLocalDriver", "func TestDriver", "conformance.Options{\n\t})", "conformance.Options{})").Replace(kept.String())
}
