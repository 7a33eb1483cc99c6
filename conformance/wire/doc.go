// Package wire sends HTTP requests to a registry under test and keeps what
// went over the wire as a value, the [Exchange].
//
// A [Client] knows the target: its address, TLS, credentials, time-outs and
// bounds. A [Recorder] of it belongs to one spec and keeps that spec's
// exchanges. Secrets are redacted before anything is kept. The matchers judge
// one exchange each and say what they wanted and what they got; they fit
// Gomega without importing it.
//
// The package knows HTTP and nothing of any requirement. Nothing that a target
// does makes it hang, panic or hold unbounded memory: time and bytes of every
// exchange are bounded.
package wire
