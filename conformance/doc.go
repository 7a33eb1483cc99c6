// Package conformance judges a target, such as a container registry at a URL,
// by the requirements of package requirement, and says so in a report.
//
// [Run] is the one way in: the command line, "go test" and the suite's own
// test go through it. A spec judges one requirement. It stands in the file of
// its chapter (pull.go, push.go, …) as a text and a function over a [Case],
// and becomes a Ginkgo It that is labelled by [Covers].
//
// A spec has a repository of its own, sends requests that are recorded, and
// ends in one of the outcomes of package report. What it does before the thing
// that it judges are Given steps: a Given that does not hold blocks the spec,
// and names the requirement that was broken, so that one cause is one failure.
// A spec is never stricter than the sentence that it judges.
//
// The package is the only one that knows Ginkgo. It imports nothing of the
// reference registry: the judge shares no code with the defendant.
package conformance
