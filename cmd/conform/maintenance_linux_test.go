package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestMaintenanceMemory checks and collects a store of 160 MiB in 10,000 blobs:
// neither takes memory for what is in them, and little for their names.
func TestMaintenanceMemory(t *testing.T) {
	t.Parallel()
	const blobs, size, mostMiB = 10_000, 16 << 10, 80
	shared := "/dev/shm" // where there is one: to make so many files on disk takes a minute
	if _, err := os.Stat(shared); err != nil {
		shared = ""
	}
	store, err := os.MkdirTemp(shared, "conform-maintenance")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(store) })
	v2 := filepath.Join(store, "docker", "registry", "v2")
	content := make([]byte, size)
	for i := range blobs {
		binary.BigEndian.PutUint32(content, uint32(i))
		hex := fmt.Sprintf("%x", sha256.Sum256(content))
		put(t, filepath.Join(v2, "blobs", "sha256", hex[:2], hex, "data"), content)
		put(t, filepath.Join(v2, "repositories", "app", "_layers", "sha256", hex, "link"), []byte("sha256:"+hex))
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"fsck", store}, `(?m)^10000 contents \(163840000 bytes\), 10000 links, .* 0 violations`},
		{[]string{"gc", "--dry-run", "--grace", "0s", store}, `(?m)^would remove .*\b10000 contents \(163840000 bytes\)`},
	} {
		out, peak := peakOf(t, exec.Command("conform", c.args...))
		t.Logf("%s: %d MiB", c.args[0], peak>>20)
		if !regexp.MustCompile(c.want).Match(out) {
			t.Errorf("%v: want %s\n%.500s", c.args, c.want, out[max(0, len(out)-500):])
		}
		if peak > mostMiB<<20*memoryFactor {
			t.Errorf("%v: %d MiB, want at most %d", c.args, peak>>20, mostMiB)
		}
	}
}

func put(t *testing.T, full string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, content, 0o666); err != nil {
		t.Fatal(err)
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// peakOf runs a command to its end and returns its output and the most memory that
// it was seen to have, in bytes. What the system says in the end would count this
// process, from which it was forked.
func peakOf(t *testing.T, command *exec.Cmd) (out []byte, peak int64) {
	t.Helper()
	var printed bytes.Buffer
	command.Stdout, command.Stderr = &printed, &printed
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	for {
		select {
		case err := <-done:
			if err != nil || peak == 0 {
				t.Fatalf("%v: %v, peak %d\n%s", command.Args, err, peak, printed.Bytes())
			}
			return printed.Bytes(), peak
		case <-time.After(2 * time.Millisecond):
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", command.Process.Pid))
		if m := highWater.FindSubmatch(status); m != nil {
			kB, _ := strconv.ParseInt(string(m[1]), 10, 64)
			peak = kB << 10
		}
	}
}
