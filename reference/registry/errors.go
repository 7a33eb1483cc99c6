package registry

import (
	"errors"
	"fmt"
	"net/http"
)

// An Error is a failure that has a code on the wire. The sentinels below are
// the whole set; make one for a case with [Error.With] or [Error.Wrap], and
// test with [errors.Is], which compares code and status.
//
// Errors are values: no method changes its receiver.
type Error struct {
	// Code is the registered code: upper case and underscores.
	Code string
	// Status is the HTTP status of an answer whose first error this is.
	Status int
	// Message says in a sentence what failed. It never holds a path of the
	// server, nor a secret.
	Message string
	// Detail is nil, or a value that JSON can hold, for the client.
	Detail any
	cause  error
}

// The failures of the distribution specification ("Error codes"). Where the
// table there has no code of its own for a failure, the nearest one of the
// table is used, since a code outside it is not allowed.
var (
	ErrBlobUnknown         = &Error{Code: "BLOB_UNKNOWN", Status: http.StatusNotFound, Message: "blob unknown to registry"}
	ErrBlobUploadInvalid   = &Error{Code: "BLOB_UPLOAD_INVALID", Status: http.StatusBadRequest, Message: "blob upload invalid"}
	ErrBlobUploadUnknown   = &Error{Code: "BLOB_UPLOAD_UNKNOWN", Status: http.StatusNotFound, Message: "blob upload unknown to registry"}
	ErrDigestInvalid       = &Error{Code: "DIGEST_INVALID", Status: http.StatusBadRequest, Message: "provided digest did not match uploaded content"}
	ErrManifestBlobUnknown = &Error{Code: "MANIFEST_BLOB_UNKNOWN", Status: http.StatusBadRequest, Message: "manifest references a manifest or blob unknown to registry"}
	ErrManifestInvalid     = &Error{Code: "MANIFEST_INVALID", Status: http.StatusBadRequest, Message: "manifest invalid"}
	ErrManifestTooLarge    = &Error{Code: "MANIFEST_INVALID", Status: http.StatusRequestEntityTooLarge, Message: "manifest too large"}
	ErrManifestUnknown     = &Error{Code: "MANIFEST_UNKNOWN", Status: http.StatusNotFound, Message: "manifest unknown to registry"}
	ErrNameInvalid         = &Error{Code: "NAME_INVALID", Status: http.StatusBadRequest, Message: "invalid repository name"}
	ErrNameUnknown         = &Error{Code: "NAME_UNKNOWN", Status: http.StatusNotFound, Message: "repository name not known to registry"}
	ErrRangeInvalid        = &Error{Code: "BLOB_UPLOAD_INVALID", Status: http.StatusRequestedRangeNotSatisfiable, Message: "chunk does not begin where the upload ends"}
	ErrRangeUnsatisfiable  = &Error{Code: "SIZE_INVALID", Status: http.StatusRequestedRangeNotSatisfiable, Message: "no requested range lies within the content"}
	ErrSizeInvalid         = &Error{Code: "SIZE_INVALID", Status: http.StatusBadRequest, Message: "provided length did not match content length"}
	ErrUnauthorized        = &Error{Code: "UNAUTHORIZED", Status: http.StatusUnauthorized, Message: "authentication required"}
	ErrDenied              = &Error{Code: "DENIED", Status: http.StatusForbidden, Message: "requested access to the resource is denied"}
	ErrUnsupported         = &Error{Code: "UNSUPPORTED", Status: http.StatusMethodNotAllowed, Message: "the operation is unsupported"}
	ErrPaginationInvalid   = &Error{Code: "UNSUPPORTED", Status: http.StatusBadRequest, Message: "invalid number of results requested"}
	ErrTooManyRequests     = &Error{Code: "TOOMANYREQUESTS", Status: http.StatusTooManyRequests, Message: "too many requests"}
)

// Failures whose codes are older than the distribution specification
// ("Legacy Docker support, error codes"), and failures of the server itself.
var (
	ErrTagInvalid         = &Error{Code: "TAG_INVALID", Status: http.StatusBadRequest, Message: "invalid tag"}
	ErrManifestUnverified = &Error{Code: "MANIFEST_UNVERIFIED", Status: http.StatusBadRequest, Message: "manifest failed signature verification"}
	ErrUnavailable        = &Error{Code: "UNAVAILABLE", Status: http.StatusServiceUnavailable, Message: "service unavailable"}
	ErrStorageFull        = &Error{Code: "UNAVAILABLE", Status: http.StatusInsufficientStorage, Message: "the storage is full"}
	ErrUnknown            = &Error{Code: "UNKNOWN", Status: http.StatusInternalServerError, Message: "unknown error"}
)

// With returns a copy of e with the given detail for the client.
func (e *Error) With(detail any) *Error {
	c := *e
	c.Detail = detail
	return &c
}

// Wrap returns a copy of e that has cause for its reason. The client is told
// the text of cause, so a cause that could hold a path of the server or a
// secret must not be wrapped this way.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.Detail = cause.Error()
	c.cause = cause
	return &c
}

// Error returns code, message and detail.
func (e *Error) Error() string {
	if e.Detail == nil {
		return e.Code + ": " + e.Message
	}
	return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Detail)
}

// Unwrap returns the reason given to [Error.Wrap], or nil.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error of the same code and status.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Status == e.Status
}

// Errors returns every *Error in the tree of err, in order, following both
// forms of Unwrap. It is empty for an error that has none: a failure of the
// server itself.
func Errors(err error) []*Error {
	switch x := err.(type) {
	case nil:
		return nil
	case *Error:
		return []*Error{x}
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, inner := range x.Unwrap() {
			all = append(all, Errors(inner)...)
		}
		return all
	}
	return Errors(errors.Unwrap(err))
}
