package drivertest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestBenchmarkIsBenchfmt runs every benchmark once, in a process of its own, and demands the form
// that benchstat reads: lines of key: value, and names made of key=value.
func TestBenchmarkIsBenchfmt(t *testing.T) {
	t.Parallel()
	command := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkInMemory$", "-test.benchtime=1x")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var (
		result = regexp.MustCompile(`^BenchmarkInMemory/([a-z-]+)((?:/[a-z]+=[A-Za-z0-9-]+)*)(?:-\d+)?\s+1(\s+[\d.e+-]+ \S+)+$`)
		header = regexp.MustCompile(`^[a-z]+: \S`)
	)
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		m := result.FindStringSubmatch(line)
		switch {
		case m != nil:
			seen[m[1]] = true
			for _, unit := range []string{"MB/s", "B/op", "p99-ns", "ns/entry", "peak-heap-B", "slope"} {
				seen[unit] = seen[unit] || strings.Contains(line, " "+unit)
			}
		case header.MatchString(line):
			seen[line[:strings.Index(line, ":")]] = true
		case line != "PASS":
			t.Errorf("not a line of benchfmt: %s", line)
		}
	}
	for _, want := range []string{
		"budget", "goos", "pkg", "null", "put", "get", "stream-write", "stream-read", "read-range", "stat", "first-byte", "move", "delete", "list",
		"walk", "walk-page", "slope", "append", "commit", "cancel", "memory", "mixed", "MB/s", "B/op", "p99-ns", "ns/entry", "peak-heap-B",
	} {
		if !seen[want] {
			t.Errorf("there is no %s in\n%s", want, out)
		}
	}
}
