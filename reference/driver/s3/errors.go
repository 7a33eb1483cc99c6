package s3

import (
	"context"
	"errors"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/registryconform/conform/reference/driver"
)

// code returns the server's code for a failure, or "".
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// status returns the status of the answer that err is about, or 0.
func status(err error) int {
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return answer.HTTPStatusCode()
	}
	return 0
}

// isAbsent reports whether the server says that there is no such object. That
// the bucket is not there means something else.
func isAbsent(err error) bool {
	switch code(err) {
	case "NoSuchKey", "NotFound":
		return true
	}
	return false
}

// isGone reports whether the server says that there is no such upload.
func isGone(err error) bool { return code(err) == "NoSuchUpload" }

// typed gives a failure about the object at path its type.
func typed(ctx context.Context, path string, err error) error {
	if err != nil && isAbsent(err) {
		return notFound(path)
	}
	return failure(ctx, err)
}

// failure gives a failure its type, but never that something is absent. The
// error of a context that is done can be found in it.
func failure(ctx context.Context, err error) error {
	failed := driver.Failure(ctx, name, err)
	switch {
	case status(err) == http.StatusInsufficientStorage, code(err) == "QuotaExceeded", code(err) == "XMinioStorageFull":
		return driver.FullError{DriverName: name, Detail: errors.Unwrap(failed)}
	}
	return failed
}
