// Command behaviours holds the lists of what the reference registry does
// against the tree: ci/behaviours.tsv, what it must do (S-ids), and
// ci/faults.tsv, the faults of older registries that it must not repeat
// (K-ids). It prints each id with what shows it, those without, and totals.
//
//	go run ./ci/behaviours     at the root of the repository
//
// A list has a line for each id, with four fields between tabs: the id; the
// kind, B for behaviour, C for behaviour of an older profile, P for a rule of
// the project, H for history; a sentence; and what shows it, separated by
// "; ":
//
//	reference/storage:TestX     a test, by the folder of its package. The test,
//	                            or a function of its package that it uses, or
//	                            the contract that it runs, or the script of a
//	                            subtest, names the id.
//	doc:PATH                    a document; enough for kinds P and H
//	cmd:make TARGET, cmd:PATH   a command; enough for kinds P and H
//	yields:WHAT                 the behaviour gave way to a better one, which
//	                            the sentence tells
//	later:AREA                  the part of the registry is not built yet
package main
