package client

// What the tests of parsers call.
var (
	Decode = decode
	Next   = next
)
