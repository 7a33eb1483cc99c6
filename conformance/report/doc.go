// Package report is what a run found, as a value, and the ways to show it: on
// the console, as results.json, JUnit, HTML and a shell script that repeats
// each finding.
//
// [Judge] comes first; [Formats] lists the files, [WriteFiles] writes them,
// [Console] shows the run while it goes on, and [Read] reads results.json back.
// What a target answered is data everywhere: no format lets it act on the
// reader's terminal, browser, shell or XML parser.
//
// A [Result] belongs to one spec. What counts, and the verdict, are computed
// from the results and the options of the run alone, so that a report that was
// read back gives the same verdict. The package runs nothing and knows nothing
// of Ginkgo.
package report
