// Package frontdoor holds the examples that the README gives to authors of
// storage drivers, as tests: they run, over a server in a container, and the
// README shows them word for word.
//
// It holds tests alone.
package frontdoor
