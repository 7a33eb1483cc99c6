// Package server answers HTTP for any [registry.Registry]: the OCI
// distribution specification 1.1.1 with what its main branch adds (digest of
// everything in Docker-Content-Digest, cancelled uploads, tag parameters), and
// the catalogue of the Docker Registry HTTP API V2.
//
// A request is read into a value, dispatched by a table of endpoint and
// method, and handled by a function that returns an error; errors are written
// in one place, always as the specification's JSON document. The package holds
// no content and does not authenticate: what is stored, and by whom it may be
// seen, is the registry's business.
//
// Bodies of blobs are streamed; bodies of manifests and the pages of lists are
// bounded by [Options]. A client that stalls for longer than
// [Options.StallTimeout] is cut off, and what it sent of a blob is kept.
package server
