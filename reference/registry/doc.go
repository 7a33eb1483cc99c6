// Package registry is the vocabulary of the reference registry and the
// contracts in which its parts meet: names, tags, digests and references as
// validated values; [Registry], [Repository], [Blobs], [Manifests] and [Tags];
// and one typed error for each error code of the wire.
//
// It imports nothing of this module. A store, an HTTP client, a pull-through
// proxy and a notifier all implement [Registry], so that they can be stacked
// in any order that makes sense, and [server.New] serves any of them.
//
// Names and digests that reach an interface of this package are valid: no
// method takes a repository, tag or digest as a bare string from outside.
// [Name] and [Tag] can only be made by parsing. A [digest.Digest] is checked
// by [ParseDigest] at the edge.
//
// [server.New]: https://pkg.go.dev/github.com/registryconform/conform/reference/server#New
package registry
