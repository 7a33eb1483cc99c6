package schema1

import (
	"errors"
	"fmt"
)

// What can be wrong with the signatures of a manifest. Each is tested for with
// [errors.Is]; none depends on the algorithm.
var (
	// ErrUnsigned says that there is no signature at all: the field is
	// absent, or is an empty list.
	ErrUnsigned = errors.New("the manifest has no signature")
	// ErrMalformed says that a signature, or the list of them, can't be
	// read.
	ErrMalformed = errors.New("the signature can't be read")
	// ErrConflict says that two signatures protect different bytes.
	ErrConflict = errors.New("the signatures protect different lengths or tails")
	// ErrUnprotected says that the document has content that no signature
	// protects.
	ErrUnprotected = errors.New("there is content outside the protected length")
	// ErrKey says that the key of a signature is absent, malformed, of an
	// unknown kind, or too large.
	ErrKey = errors.New("the key can't be used")
	// ErrAlgorithm says that the algorithm is unknown or not one of the key.
	ErrAlgorithm = errors.New("the algorithm does not belong to the key")
	// ErrSignature says that the signature is not one of the payload by
	// the key.
	ErrSignature = errors.New("the signature is wrong")
	// ErrChain says that the certificates of a signature can't be read, or
	// do not lead to a root, or that no signature has any.
	ErrChain = errors.New("the certificate chain is not valid")
	// ErrTooMany says that there are more signatures or certificates than
	// are looked at.
	ErrTooMany = errors.New("there are too many")
)

// A SignatureError says which signature is wrong. It wraps one of the errors
// above.
type SignatureError struct {
	// Index is the place of the signature in the document, from 0.
	Index int
	// Algorithm is what the signature claims, such as RS256; "" if it
	// could not be read.
	Algorithm string
	// Err is what is wrong.
	Err error
}

// Error names the signature and what is wrong.
func (e *SignatureError) Error() string {
	if e.Algorithm == "" {
		return fmt.Sprintf("signature %d: %v", e.Index, e.Err)
	}
	return fmt.Sprintf("signature %d (%.20q): %v", e.Index, e.Algorithm, e.Err)
}

// Unwrap returns what is wrong.
func (e *SignatureError) Unwrap() error { return e.Err }
