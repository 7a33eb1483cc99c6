package s3

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/registryconform/conform/reference/driver"
)

var errCutShort = errors.New("the server cut a listing short, and does not say where it goes on")

// fetch gets a page of a listing.
func (d *Driver) fetch(ctx context.Context, q driver.FlatQuery) (page []driver.FlatEntry, next string, err error) {
	in := &s3.ListObjectsV2Input{Bucket: &d.p.Bucket, Prefix: &q.Prefix}
	if q.Delimiter != "" {
		in.Delimiter = &q.Delimiter
	}
	if q.Limit > 0 {
		in.MaxKeys = &q.Limit
	}
	switch {
	case q.After != "":
		in.StartAfter = &q.After
	case q.Token != "":
		in.ContinuationToken = &q.Token
	}
	out, err := d.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, "", failure(ctx, err)
	}
	for _, o := range out.Contents {
		page = append(page, driver.FlatEntry{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), ModTime: aws.ToTime(o.LastModified)})
	}
	for _, o := range out.CommonPrefixes {
		page = append(page, driver.FlatEntry{Key: aws.ToString(o.Prefix)})
	}
	switch next = aws.ToString(out.NextContinuationToken); {
	case !aws.ToBool(out.IsTruncated):
		return page, "", nil
	case next == "":
		return nil, "", failure(ctx, errCutShort)
	}
	return page, next, nil
}

// List implements [driver.Driver].
func (d *Driver) List(ctx context.Context, path string) ([]string, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	return d.store.List(ctx, path)
}

// Walk implements [driver.Driver]. It lists flat, a thousand keys a request,
// and tells directories from the keys.
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
	found, err := d.deleteObjects(ctx, path)
	if err != nil {
		return err
	}
	if err := d.abortBelow(ctx, path); err != nil {
		return err
	}
	if !found {
		return notFound(path)
	}
	return nil
}

// batch is how many objects one request deletes at most.
const batch = 1000

// deleteObjects deletes the object at path and all below, and reports whether
// there were any.
func (d *Driver) deleteObjects(ctx context.Context, path string) (found bool, err error) {
	var keys []string
	_, err = d.head(ctx, path)
	switch {
	case err == nil:
		keys = append(keys, d.key(path))
	case !isNotFound(err):
		return false, err
	}
	p := d.store.Pages(d.below(path), "")
	for {
		o, ok, err := p.Next(ctx)
		if err != nil {
			return found, err
		}
		if ok {
			keys = append(keys, o.Key)
		}
		if len(keys) == batch || !ok && len(keys) > 0 {
			found = true
			if err := d.deleteKeys(ctx, keys); err != nil {
				return found, err
			}
			keys = keys[:0]
		}
		if !ok {
			return found, nil
		}
	}
}

// deleteKeys deletes up to 1000 objects. One that is not there is deleted.
func (d *Driver) deleteKeys(ctx context.Context, keys []string) error {
	if len(keys) == 1 {
		_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &d.p.Bucket, Key: &keys[0]})
		if err != nil && !isAbsent(err) {
			return failure(ctx, err)
		}
		return nil
	}
	all := make([]types.ObjectIdentifier, len(keys))
	for i := range keys {
		all[i].Key = &keys[i]
	}
	out, err := d.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &d.p.Bucket, Delete: &types.Delete{Objects: all, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return failure(ctx, err)
	}
	var errs []error
	for _, e := range out.Errors {
		if c := aws.ToString(e.Code); c != "NoSuchKey" && c != "NotFound" && len(errs) < 3 {
			errs = append(errs, errors.New(aws.ToString(e.Key)+": "+c+": "+aws.ToString(e.Message)))
		}
	}
	return failure(ctx, errors.Join(errs...))
}
