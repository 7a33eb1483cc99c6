//go:build !race

package selftest

// every is how many quirks the matrix goes on by.
const every = 1
