package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A PathNotFoundError says that there is nothing at Path.
type PathNotFoundError struct {
	Path       string
	DriverName string
}

func (e PathNotFoundError) Error() string {
	return fmt.Sprintf("%s: path not found: %s", e.DriverName, e.Path)
}

// An InvalidPathError says that Path is outside the rules of [CheckPath].
type InvalidPathError struct {
	Path       string
	DriverName string
}

func (e InvalidPathError) Error() string {
	return fmt.Sprintf("%s: invalid path: %s", e.DriverName, e.Path)
}

// An InvalidOffsetError says that Offset is none of the file at Path.
type InvalidOffsetError struct {
	Path       string
	Offset     int64
	DriverName string
}

func (e InvalidOffsetError) Error() string {
	return fmt.Sprintf("%s: invalid offset: %d for path: %s", e.DriverName, e.Offset, e.Path)
}

// A CommittedError says that the file at Path is committed, so that nothing can
// be appended to it.
type CommittedError struct {
	Path       string
	DriverName string
}

func (e CommittedError) Error() string {
	return fmt.Sprintf("%s: append to committed content: %s", e.DriverName, e.Path)
}

// A BusyError says that another writer is at work on the file at Path, or has
// gone on with it. Path is empty where that is clear from the call.
type BusyError struct {
	Path       string
	DriverName string
}

func (e BusyError) Error() string {
	return strings.TrimSuffix(e.DriverName+": another writer is at work: "+e.Path, ": ")
}

// A DiscardedError says that what a writer of the file at Path wrote is no more:
// it was deleted, or another write to the path has taken its place. Path is empty
// where that is clear from the call.
type DiscardedError struct {
	Path       string
	DriverName string
}

func (e DiscardedError) Error() string {
	return strings.TrimSuffix(e.DriverName+": what the writer wrote was discarded: "+e.Path, ": ")
}

// An ErrUnsupportedMethod says that the driver lacks what was asked of it.
type ErrUnsupportedMethod struct{ DriverName string }

func (e ErrUnsupportedMethod) Error() string {
	return fmt.Sprintf("%s: unsupported method", e.DriverName)
}

// An Error wraps a failure of the medium.
type Error struct {
	DriverName string
	Detail     error
}

func (e Error) Error() string { return fmt.Sprintf("%s: %v", e.DriverName, e.Detail) }

// Unwrap returns the failure.
func (e Error) Unwrap() error { return e.Detail }

// A FullError says that the medium has no room for what was to be written.
type FullError struct {
	DriverName string
	Detail     error
}

func (e FullError) Error() string {
	return fmt.Sprintf("%s: no space left: %v", e.DriverName, e.Detail)
}

// Unwrap returns the failure.
func (e FullError) Unwrap() error { return e.Detail }

// Failure wraps an error of the medium in an [Error] of the driver called name;
// nil, [BusyError] and [DiscardedError] stay as they are. The error of ctx, if it
// is done, can be found in it, and [io.EOF] becomes [io.ErrUnexpectedEOF]: a
// connection that ended early is not the end of what is read.
func Failure(ctx context.Context, name string, err error) error {
	switch err.(type) {
	case nil, BusyError, DiscardedError:
		return err
	}
	if done := ctx.Err(); done != nil && !errors.Is(err, done) {
		err = errors.Join(done, err)
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %v", io.ErrUnexpectedEOF, err)
	}
	return Error{DriverName: name, Detail: err}
}
