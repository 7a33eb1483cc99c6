package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
)

// TestHugePages demands that the heap of a memory store may have huge pages, as
// much as asked for, and that the process is no larger for that; and that a store
// on disk, whose heap stays small, asks for none.
func TestHugePages(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no huge pages to give")
	}
	for _, c := range []struct {
		args []string
		kib  int
	}{
		{[]string{"--memory-limit", "32MiB"}, 32 << 10},
		{[]string{"--memory-limit", "4GiB"}, 256 << 10},
		{[]string{"--storage", t.TempDir()}, 0},
	} {
		s := startServe(t, c.args...)
		advised, resident := hugeAndResident(t, s.cmd.Process.Pid)
		if slack := 16 << 10; advised < c.kib || advised > c.kib+slack {
			t.Errorf("%v: %d KiB may be in huge pages, want %d", c.args, advised, c.kib)
		}
		if most := 64 << 10 * memoryFactor; resident > most {
			t.Errorf("%v: %d KiB in memory, want %d at most", c.args, resident, most)
		}
		s.cmd.Process.Signal(syscall.SIGTERM)
		s.end(t)
	}
}

// hugeAndResident returns how much of a process may be in huge pages because it
// asked for that, and how much of it is in memory, in KiB.
func hugeAndResident(t *testing.T, pid int) (huge, resident int) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mapping := regexp.MustCompile(`(?m)^Size: +(\d+) kB\n(?:.+\n)*?Rss: +(\d+) kB\n(?:.+\n)*?VmFlags: (.*)$`)
	for _, m := range mapping.FindAllSubmatch(maps, -1) {
		size, _ := strconv.Atoi(string(m[1]))
		rss, _ := strconv.Atoi(string(m[2]))
		resident += rss
		if regexp.MustCompile(`\bhg\b`).Match(m[3]) {
			huge += size
		}
	}
	return huge, resident
}
