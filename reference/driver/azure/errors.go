package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/registryconform/conform/reference/driver"
)

// An answer is a failure that the server told, in one line.
type answer struct{ *azcore.ResponseError }

func (a answer) Error() string {
	text := fmt.Sprintf("%d %s", a.StatusCode, a.ErrorCode)
	if a.RawResponse != nil && a.RawResponse.Request != nil {
		r := a.RawResponse.Request
		text = fmt.Sprintf("%s %s: %s", r.Method, r.URL.Path, text)
	}
	return text
}

// Unwrap returns the failure as the client library has it.
func (a answer) Unwrap() error { return a.ResponseError }

// hasCode reports whether err is the server's failure of that code.
func hasCode(err error, code string) bool {
	long, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && long.ErrorCode == code
}

// isAbsent reports whether the server says that there is no such blob. That the
// container is not there means something else.
func isAbsent(err error) bool { return hasCode(err, "BlobNotFound") }

// isOther reports whether the server says that the blob is not of the version
// that was asked for, or is not there at all.
func isOther(err error) bool { return hasCode(err, "ConditionNotMet") || isAbsent(err) }

// typed gives a failure about the blob at path its type.
func typed(ctx context.Context, path string, err error) error {
	if isAbsent(err) || errors.Is(err, errNotCopied) {
		return notFound(path)
	}
	return failure(ctx, err)
}

// told gives a failure that the server told its one line.
func told(err error) error {
	if long, ok := err.(*azcore.ResponseError); ok {
		return answer{long}
	}
	return err
}

// failure gives a failure its type, but never that something is absent. The
// error of a context that is done can be found in it.
func failure(ctx context.Context, err error) error {
	failed := driver.Failure(ctx, name, told(err))
	if long, ok := errors.AsType[*azcore.ResponseError](err); ok && long.StatusCode == http.StatusInsufficientStorage {
		return driver.FullError{DriverName: name, Detail: errors.Unwrap(failed)}
	}
	return failed
}
