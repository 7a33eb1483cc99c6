package azure

import (
	"context"
	"errors"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/registryconform/conform/reference/driver"
)

var errNoList = errors.New("the server's answer has no list")

// fetch gets a page of a listing.
func (d *Driver) fetch(ctx context.Context, q driver.FlatQuery) (page []driver.FlatEntry, next string, err error) {
	var limit *int32
	if q.Limit > 0 {
		limit = &q.Limit
	}
	var marker *string
	if q.Token != "" {
		marker = &q.Token
	}
	include := container.ListBlobsInclude{Copy: true}
	var items []*container.BlobItem
	if q.Delimiter == "" {
		out, err := d.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
			Prefix: &q.Prefix, MaxResults: limit, Marker: marker, Include: include,
		}).NextPage(ctx)
		if err != nil {
			return nil, "", failure(ctx, err)
		}
		if out.Segment == nil {
			return nil, "", failure(ctx, errNoList)
		}
		items, next = out.Segment.BlobItems, value(out.NextMarker)
	} else {
		out, err := d.client.NewListBlobsHierarchyPager(q.Delimiter, &container.ListBlobsHierarchyOptions{
			Prefix: &q.Prefix, MaxResults: limit, Marker: marker, Include: include,
		}).NextPage(ctx)
		if err != nil {
			return nil, "", failure(ctx, err)
		}
		if out.Segment == nil {
			return nil, "", failure(ctx, errNoList)
		}
		items, next = out.Segment.BlobItems, value(out.NextMarker)
		for _, p := range out.Segment.BlobPrefixes {
			page = append(page, driver.FlatEntry{Key: value(p.Name)})
		}
	}
	for _, item := range items {
		if p := value(item.Properties); isWhole(p.CopyStatus) {
			page = append(page, driver.FlatEntry{
				Key: value(item.Name), Size: value(p.ContentLength), ModTime: value(p.LastModified),
			})
		}
	}
	return page, next, nil
}

// value returns what an answer has, or the zero value if it lacks it.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// List implements [driver.Driver].
func (d *Driver) List(ctx context.Context, path string) ([]string, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	return d.store.List(ctx, path)
}

// Walk implements [driver.Driver]. It lists flat, 5000 blobs a request, and
// tells directories from the names. The server can't begin in the middle: what a
// hint leaves out is listed all the same.
func (d *Driver) Walk(ctx context.Context, path string, f driver.WalkFunc, options ...func(*driver.WalkOptions)) error {
	if err := check(ctx, path, true); err != nil {
		return err
	}
	return d.store.Walk(ctx, path, f, options...)
}

// Delete implements [driver.Driver].
func (d *Driver) Delete(ctx context.Context, path string) error {
	if err := check(ctx, path, false); err != nil {
		return err
	}
	file, err := d.delete(ctx, d.store.Key(path), nil)
	if err != nil {
		return failure(ctx, err)
	}
	below, err := d.deleteAll(ctx, d.store.Below(path), func(string) bool { return true })
	if err != nil {
		return err
	}
	record := d.recordKey(path)
	_, err = d.deleteAll(ctx, record, func(key string) bool {
		return key == record || strings.HasPrefix(key, record+"/")
	})
	if err != nil {
		return err
	}
	if !file && !below {
		return notFound(path)
	}
	return nil
}

// batch is how many blobs one request deletes at most.
const batch = 256

// deleteAll deletes the blobs whose keys begin with prefix and are chosen, and
// reports whether there were any.
func (d *Driver) deleteAll(ctx context.Context, prefix string, chosen func(key string) bool) (found bool, err error) {
	var keys []string
	p := d.store.Pages(prefix, "")
	for {
		o, ok, err := p.Next(ctx)
		if err != nil {
			return found, err
		}
		if ok && chosen(o.Key) {
			keys = append(keys, o.Key)
		}
		if len(keys) == batch || !ok && len(keys) > 0 {
			found = true
			if err := d.deleteBatch(ctx, keys); err != nil {
				return found, failure(ctx, err)
			}
			keys = keys[:0]
		}
		if !ok {
			return found, nil
		}
	}
}

// deleteBatch deletes up to 256 blobs. One that is not there is deleted.
func (d *Driver) deleteBatch(ctx context.Context, keys []string) error {
	if len(keys) == 1 {
		_, err := d.delete(ctx, keys[0], nil)
		return err
	}
	b, err := d.client.NewBatchBuilder()
	if err != nil {
		return err
	}
	for _, key := range keys {
		o := container.BatchDeleteOptions{DeleteOptions: blob.DeleteOptions{DeleteSnapshots: to.Ptr(blob.DeleteSnapshotsOptionTypeInclude)}}
		if err := b.Delete(key, &o); err != nil {
			return err
		}
	}
	out, err := d.client.SubmitBatch(ctx, b, nil)
	if err != nil {
		return err
	}
	var errs []error
	for _, item := range out.Responses {
		if item.Error != nil && !isAbsent(item.Error) && len(errs) < 3 {
			errs = append(errs, told(item.Error))
		}
	}
	if len(out.Responses) != len(keys) {
		errs = append(errs, errors.New("the server did not answer all of a batch of deletes"))
	}
	return errors.Join(errs...)
}
