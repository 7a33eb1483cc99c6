// Package jws reads the signed manifests of Docker's first image format
// ("Image Manifest Version 2, Schema 1") and checks their signatures, for the
// judge of registries.
//
// It rests on the standard library alone. It shares no code with the registry
// that is judged, and none with libtrust, which signed such manifests first: a
// fault of either must show, not cancel out.
//
// A signed manifest is a JSON object whose last member, "signatures", is a list
// of JSON web signatures (RFC 7515). Each has a protected header that says
// which bytes of the document, counted from its beginning (formatLength), and
// which end (formatTail) together are the payload that is signed.
package jws
