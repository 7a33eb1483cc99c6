// Package reference is the map of the reference registry; it holds no code.
//
// Read it from the bottom up:
//
//	driver/            the storage-driver contract: a path-keyed byte store
//	  inmemory/ …      drivers
//	internal/layout/   name and digest → path of a driver
//	internal/lru/      keeps what was used last, within a bound
//	manifest/          media type → parser; what a manifest refers to
//	storage/           registry.Registry over a driver
//	cache/             what a store remembers of its blobs: in memory, in Redis
//	garbage/           removes from a store what no repository needs
//	fsck/              checks a store by its documented layout alone
//	client/            registry.Registry over HTTP, to any registry
//	auth/challenge/    parse and write WWW-Authenticate
//	registry/          vocabulary and contracts that all others meet in
//	config/            what a file and the environment say of a registry
//	server/            http.Handler over any registry.Registry
//	quirk/             named deviations, each a decorator of an http.Handler
//	registrytest/      a registry on a port, for the tests of a Go client
//
// Everything that stores or serves content is a [registry.Registry]: the
// store, the client, the proxy and the notifier. They meet in constructors
// only; there is no registry of implementations and no blank import.
//
// The judge (package conformance) shares no code with this tree.
//
// [registry.Registry]: https://pkg.go.dev/github.com/registryconform/conform/reference/registry#Registry
package reference
