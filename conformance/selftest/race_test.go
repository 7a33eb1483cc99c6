//go:build race

package selftest

// every is how many quirks the matrix goes on by: under the race detector a
// sample of them shows the races that all would.
const every = 10
