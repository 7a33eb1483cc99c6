// Package requirement is the catalogue of what a registry is judged by: one Requirement a
// sentence, as data. It stands below everything else of the judge and imports nothing of it:
// specs, reports, baselines and the command line all name requirements from here. It holds
// no spec and talks to no registry.
//
// # Sources
//
//   - The OCI distribution specification 1.1.1 (spec.md at tag v1.1.1): every normative
//     statement that a registry can be held to, one Requirement for each. What the text asks
//     of clients or of documents is left out. Row numbers all statements in the order of the
//     text, the left-out ones too, so that a gap is seen to be meant.
//   - What its main branch added or changed since. These rows are Provisional until a
//     release has them, with a Row that begins with D.
//   - The Docker Registry HTTP API V2 (docs/spec/api.md at tag v2.7.1 of distribution). It
//     uses no key words in the sense of RFC 2119: a behaviour fixed by its Detail section,
//     which lists request, status, headers and error codes of each endpoint, has the Basis
//     Table, one told in its prose Implied, and one with an explicit should Text. Where its
//     prose and its Detail section differ on a status or a code, either is accepted.
//   - The image manifest version 2, schema 1 (docs/spec/manifest-v2-1.md at the same tag),
//     for the chapter schema1, with what Docker's API says of signed manifests. Their Basis
//     is found in the same way: what the lists of answers and error codes fix is Table. That
//     a registry keeps the signatures that were pushed, and merges those of several signers,
//     is Implied: later registries signed for themselves.
//
// Since names the revision in which a row first appeared.
//
// # Identifiers
//
// An id is chapter.object.condition in lower case, with hyphens inside a part, and the Go
// name of a requirement is its id in camel case: pull.blob.unknown is PullBlobUnknown. Ids
// stand in baselines, reports and scripts of other people, so an id is never reused and never
// changes its meaning. A requirement that is dropped or split leaves its id as a Tombstone
// in Retired, with the reason and the ids that replace it.
//
// # Statements
//
// A Statement says in one sentence, in words of this project, what the registry does, with
// the registry as the subject left out. It holds every form that the text allows: a spec is
// never stricter than its sentence. A prohibition is phrased negatively and has the level
// of its demand (MUST NOT is Must); OPTIONAL is May.
//
// The package variables are values that nothing may change; functions return copies. All of
// it is safe for concurrent use.
package requirement
