// Package selftest is the proof that the suite has teeth and bites nobody
// innocent. It holds tests only.
//
// The sound reference registry passes every spec, and so it does under every
// legal variation. Under each quirk, which breaks one promise, exactly the
// requirements that this package lists for it fail by themselves; what they
// block is marked so. Every MUST and SHOULD that has a spec is broken by at
// least one quirk: a spec that nothing can make fail tests nothing.
package selftest
