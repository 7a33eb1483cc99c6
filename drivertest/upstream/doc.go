// Package upstream judges storage drivers that this project didn't write: the
// in-memory, filesystem and S3 drivers of CNCF distribution v3, by the rules of
// package drivertest, against a golden list of what they break. It also
// measures distribution's filesystem driver beside ours.
//
// It holds tests alone, and is a module of its own so that nothing else depends
// on distribution.
package upstream
