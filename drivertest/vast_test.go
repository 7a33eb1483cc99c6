package drivertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/drivertest/internal/broken"
	"github.com/registryconform/conform/reference/driver/filesystem"
)

// TestVastObjects judges the rules about objects of many gigabytes, which only the long budget
// runs: a sound store passes them, and each has a wrong driver. DRIVERTEST_LONG enables it.
func TestVastObjects(t *testing.T) {
	if os.Getenv("DRIVERTEST_LONG") == "" {
		t.Skip("takes a minute or more: make test-drivers runs it")
	}
	gen := drivertest.Generator{}
	sound := broken.SoundVast(gen)
	cfg := soundConfig()
	cfg.Budget, cfg.Only, cfg.Hooks = drivertest.Long, []string{"READ-09", "LARG-0[1-4]", "LARG-07", "LEAK-06", "DELE-08"}, hooks(sound)
	cfg.Limits.StreamHeap = 96 << 20
	rep := drivertest.Check(t.Context(), open(sound), cfg)
	for _, res := range rep.Results {
		t.Logf("%s %s in %s %v", res.ID, res.Outcome, res.Duration.Round(1e6), res.Notes)
		if res.Outcome != drivertest.Passed {
			t.Errorf("a sound store: %s", res)
		}
	}
	for _, w := range broken.VastDrivers(gen) {
		cfg.Only, cfg.Hooks, cfg.Strict = []string{w.Rule}, hooks(w), true
		if res := outcome(t, drivertest.Check(t.Context(), open(w), cfg), w.Rule); res.Outcome != drivertest.Failed {
			t.Errorf("%s does not notice that %s: %s", w.Rule, w.Fault, res)
		} else {
			t.Logf("%-8s %-40s %s", w.Rule, w.Fault, res.Failures[0].Message)
		}
	}
	peakMemory(t)
}

// TestVastFiles judges the filesystem driver by the rules about objects of many gigabytes. It is
// enabled like TestVastObjects and takes 11 GiB of disk.
func TestVastFiles(t *testing.T) {
	if os.Getenv("DRIVERTEST_LONG") == "" {
		t.Skip("takes a minute or more, and 11 GiB of disk: make test-drivers runs it")
	}
	root := t.TempDir()
	d, err := filesystem.New(filesystem.Parameters{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	cfg := ours()
	cfg.Budget, cfg.Only = drivertest.Long, []string{"READ-09", "LARG-0[1-4]", "LARG-07", "LEAK-06"}
	cfg.Hooks.Sparse = func(path string, size int64) error {
		if err := d.PutContent(t.Context(), path, nil); err != nil {
			return err
		}
		return os.Truncate(filepath.Join(root, path), size)
	}
	rep := drivertest.Check(t.Context(), drivertest.Adapt(d), cfg)
	for _, res := range rep.Results {
		t.Logf("%s %s in %s %v", res.ID, res.Outcome, res.Duration.Round(1e6), res.Notes)
		if res.Outcome != drivertest.Passed {
			t.Error(res)
		}
	}
	peakMemory(t)
}

// peakMemory demands that the process never had more than 256 MiB, where the system tells.
func peakMemory(t *testing.T) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Logf("the peak of the memory is not known: %v", err)
		return
	}
	for line := range strings.Lines(string(status)) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			t.Logf("peak memory %d MiB", kib>>10)
			if kib > 256<<10 {
				t.Errorf("peak memory %d MiB: more than 256", kib>>10)
			}
		}
	}
}
