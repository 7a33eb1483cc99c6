//go:build race

package main

// The race detector needs several times the memory, and the time.
const (
	memoryFactor = 6
	timeFactor   = 4
)
