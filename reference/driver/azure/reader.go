package azure

import (
	"context"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/registryconform/conform/reference/driver"
)

// Reader implements [driver.Driver]. A connection that breaks is made anew, as
// long as the blob is the same.
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

// open is the [driver.Opener] of the blob at path.
func (d *Driver) open(ctx context.Context, path string, at int64, tag string) (driver.Version, error) {
	o := &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: at}}
	if tag != "" {
		version := azcore.ETag(tag)
		o.AccessConditions = matches(&version)
	}
	out, err := d.blob(d.store.Key(path)).DownloadStream(ctx, o)
	switch {
	case hasCode(err, "InvalidRange"):
		return driver.Version{}, driver.ErrPastEnd
	case tag != "" && (isAbsent(err) || hasCode(err, "ConditionNotMet")):
		return driver.Version{}, driver.ErrReplaced
	case err != nil:
		return driver.Version{}, typed(ctx, path, err)
	case !isWhole(out.CopyStatus):
		out.Body.Close()
		return driver.Version{}, notFound(path)
	}
	v := driver.Version{Body: out.Body, Tag: string(value(out.ETag)), Size: -1, Whole: at > 0 && out.ContentRange == nil}
	if out.ContentLength != nil {
		v.Size = *out.ContentLength
		if !v.Whole {
			v.Size += at
		}
	}
	return v, nil
}
