package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/registryconform/conform/reference/driver"
)

// Reader implements [driver.Driver]. A connection that breaks is made anew, as
// long as the object is the same.
func (d *Driver) Reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if err := driver.CheckPath(name, path, false); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, driver.InvalidOffsetError{Path: path, Offset: offset, DriverName: name}
	}
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	return driver.NewVersionReader(ctx, name, path, offset, func(at int64, tag string) (driver.Version, error) {
		return d.open(ctx, path, at, tag)
	})
}

// open is the [driver.Opener] of the object at path.
func (d *Driver) open(ctx context.Context, path string, at int64, tag string) (driver.Version, error) {
	in := &s3.GetObjectInput{Bucket: &d.p.Bucket, Key: aws.String(d.key(path))}
	if at > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", at))
	}
	if tag != "" {
		in.IfMatch = &tag
	}
	out, err := d.client.GetObject(ctx, in)
	switch {
	case err != nil && (code(err) == "InvalidRange" || status(err) == http.StatusRequestedRangeNotSatisfiable):
		return driver.Version{}, driver.ErrPastEnd
	case err != nil && tag != "" && (isAbsent(err) || status(err) == http.StatusPreconditionFailed):
		return driver.Version{}, driver.ErrReplaced
	case err != nil:
		return driver.Version{}, typed(ctx, path, err)
	}
	v := driver.Version{Body: out.Body, Tag: aws.ToString(out.ETag), Size: -1, Whole: at > 0 && out.ContentRange == nil}
	if out.ContentLength != nil {
		v.Size = *out.ContentLength
		if !v.Whole {
			v.Size += at
		}
	}
	return v, nil
}
