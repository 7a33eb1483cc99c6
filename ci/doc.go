// Package ci holds what builds, checks and compares the project: scripts that
// install what tests need, pinned tools, peers, and the test that keeps the
// direction of imports.
//
// Nothing here is part of what users import or run.
package ci
