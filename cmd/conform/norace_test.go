//go:build !race

package main

const (
	memoryFactor = 1
	timeFactor   = 1
)
