//go:build race

package main

// The race detector needs several times the memory.
const memoryFactor = 6
