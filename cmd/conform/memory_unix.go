//go:build unix

package main

import (
	"fmt"
	"runtime"
	"syscall"
)

// peakMemory returns the largest resident size that the process had, for
// people (getrusage: in kilobytes, but for Darwin, which has bytes).
func peakMemory() string {
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
