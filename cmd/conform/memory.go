package main

import (
	"math"
	"runtime/debug"
)

// runMemory is the heap up to which a run may grow without effort. Bodies of
// many megabytes come and go in a run, and what they leave is to be reused.
const runMemory = 96 << 20

// boundMemory lets the collector work harder beyond runMemory, unless
// GOMEMLIMIT says otherwise.
func boundMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(runMemory)
	}
}
