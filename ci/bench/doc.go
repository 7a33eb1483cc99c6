//go:build linux

// Command bench puts the same loads on our registry and on those of other
// projects, in turn and interleaved, and prints by how much ours is ahead:
//
//	make bench
//	go run ./ci/bench -conform bin/conform -rounds 5 -out ci/performance.md
//
// In each round every server starts anew with an empty store and the same
// content, and each load is put on one server after the other, beginning with
// another one each round. A figure is the median of the rounds. One column is
// a server of ours that does nothing but answer: the ceiling of the loads.
//
// It runs on Linux: processor time and memory come from /proc. It opens no
// port but on the loopback interface, and keeps what servers store in a folder
// that it removes.
package main
