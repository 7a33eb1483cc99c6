// Package disk mounts file systems for tests, small ones and such that fail, in a
// process whose mounts nobody else sees. It is for Linux.
//
// Only tests import it.
package disk
