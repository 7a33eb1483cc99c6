// Command conform tests whether a container registry keeps its promises, and
// serves a registry that keeps them all.
//
// There is a file for each verb; testdata holds a script for each, which is its
// manual and its test. The command reads flags, the environment and files, and
// leaves everything else to the packages: what is judged to conformance, what
// is served to reference.
package main
