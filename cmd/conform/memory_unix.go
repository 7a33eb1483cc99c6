//go:build unix

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// peakMemory returns the largest resident size that the process had, for
// people. Where the kernel tells that of the program alone, it is that;
// getrusage, in kilobytes but for Darwin, which has bytes, may begin with that of
// the process that has started it.
func peakMemory() string {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		var kib int64
		if _, rest, ok := strings.Cut(string(status), "\nVmHWM:"); ok {
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				return fmt.Sprintf("peak memory %d MiB", kib>>10)
			}
		}
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return "peak memory unknown"
	}
	bytes := int64(usage.Maxrss) << 10
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		bytes >>= 10
	}
	return fmt.Sprintf("peak memory %d MiB", bytes>>20)
}
