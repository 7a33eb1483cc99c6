//go:build linux

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/need"
)

// asNull, if set, makes the test binary the server that is the ceiling.
const asNull = "BENCH_TEST_NULL"

func TestMain(m *testing.M) {
	if os.Getenv(asNull) != "" {
		if err := bench(os.Args[1:], os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(need.WithConform(m))
}

// TestEachLoadOnEachServer puts every load on every server for no time at all:
// each operation is done once, and every answer is looked at.
func TestEachLoadOnEachServer(t *testing.T) {
	conform, err := exec.LookPath("conform")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asNull, "1")
	programs := tools{
		self:         self,
		conform:      conform,
		distribution: need.Tool(t, "registry"),
		debian:       need.Program(t, "docker-registry", "docker-registry"),
		crane:        need.Tool(t, "crane"),
	}
	small := newContent(miB)
	small.tags = 2
	r := &run{content: small, rounds: 1, time: time.Nanosecond, dir: t.TempDir(), progress: io.Discard}
	if err := r.choose(programs, "", ""); err != nil {
		t.Fatal(err)
	}
	if len(r.candidates) != 9 {
		t.Fatalf("%d candidates", len(r.candidates))
	}
	res, err := r.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range r.candidates {
		if c.store != "none" && res.peaks[i] < miB {
			t.Errorf("%s (%s) has had %d bytes of memory", c.name, c.store, res.peaks[i])
		}
		for l, load := range r.loads {
			if len(res.samples[i][l]) == 0 && (c.without == nil || !c.without.MatchString(load.name)) {
				t.Errorf("%s was not put on %s (%s)", load.name, c.name, c.store)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, []byte("above\n"+beginMark+"\nold\n"+endMark+"\nbelow\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := update(file, tables(r, res)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"above\n", "\nbelow\n", "### In memory", "| push of a small image |", "| peak memory |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the document lacks %q:\n%s", want, text)
		}
	}
}

// TestWrongAnswersAreNoticed asks the ceiling for what it does not give.
func TestWrongAnswersAreNoticed(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asNull, "1")
	all := candidates(tools{self: self})
	s, err := start(t.Context(), all[0], t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	c, err := dial(s.host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	w := &worker{conn: c, host: s.host}
	if _, err := w.do(404, w.head("GET", "/v2/")); err == nil {
		t.Error("a status that was not wanted is taken")
	}
}
