// Package tools pins the programs that this repository is built, checked and
// measured with: linters, benchstat, and the registries and clients of other
// projects that the suite is tried against.
//
// It is a module of its own, so that none of their dependencies reaches the
// module that users import. build.sh puts the binaries where the Makefile and
// the tests look for them; the versions stand in go.mod and nowhere else.
package tools
