package driver

import (
	"context"
	"errors"
)

// A File is content for a path: bytes, or what was written to a writer.
type File struct {
	Path    string
	Content []byte
	// Writer, if set, is an open writer of the driver, for any path. What
	// it was given is committed to Path instead, and the writer closed.
	Writer FileWriter
}

// A Publisher is a [Driver] that brings several files into view for the price
// of one: what it waits for, it waits for once.
type Publisher interface {
	// Publish does what PutContent, or Commit, does for each file. None is
	// in view before those that stand before it; once it returns nil, a
	// crash loses none. When it fails, the first of them may be in view; a
	// writer whose content is not can go on.
	Publish(ctx context.Context, files ...File) error
}

var errWriters = errors.New("the driver can't publish what was written to a writer")

// Publish puts content, by the driver's own Publish if it has one. Without one it
// refuses files that have a writer.
func Publish(ctx context.Context, d Driver, files ...File) error {
	if p, ok := d.(Publisher); ok {
		return p.Publish(ctx, files...)
	}
	for _, f := range files {
		if f.Writer != nil {
			return Error{DriverName: d.Name(), Detail: errWriters}
		}
		if err := d.PutContent(ctx, f.Path, f.Content); err != nil {
			return err
		}
	}
	return nil
}

type volatileKey struct{}

// Volatile returns a context under which PutContent and Delete need not be
// durable: what they did may be undone by a crash of the machine, though not by
// one of the process. Only a [Publisher] may take notice.
func Volatile(ctx context.Context) context.Context {
	return context.WithValue(ctx, volatileKey{}, true)
}

// IsVolatile reports whether ctx is of [Volatile].
func IsVolatile(ctx context.Context) bool { return ctx.Value(volatileKey{}) != nil }
