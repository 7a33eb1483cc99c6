// Package report is what a run found, as a value, and the ways to show it: on
// the console, as results.json, JUnit, HTML and a shell script that repeats
// each finding.
//
// A [Result] belongs to one spec. What counts, and the verdict, are computed
// from the results and the options of the run alone, so that a report that was
// read back gives the same verdict. The package runs nothing and knows nothing
// of Ginkgo.
package report
