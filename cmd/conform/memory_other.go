//go:build !unix

package main

import (
	"fmt"
	"runtime"
)

// peakMemory returns what the Go runtime has from the system, for people.
func peakMemory() string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return fmt.Sprintf("memory %d MiB", m.Sys>>20)
}
