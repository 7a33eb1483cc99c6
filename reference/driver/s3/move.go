package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/registryconform/conform/reference/driver"
)

var (
	// errNotTheSame says that the source was replaced while it was being copied.
	errNotTheSame = errors.New("the file is replaced again and again while it is being moved")
	errNoAnswer   = errors.New("the server does not say what it has copied")
	errNoTag      = errors.New("the server has given the object no entity tag")
)

// Move implements [driver.Driver]: the server copies, then the source is
// deleted, unless it was replaced meanwhile and the server can tell. After a
// failure both may be there.
func (d *Driver) Move(ctx context.Context, src, dst string) error {
	if err := check(ctx, src, false); err != nil {
		return err
	}
	if err := driver.CheckPath(name, dst, false); err != nil {
		return err
	}
	const tries = 10
	for range tries {
		file, err := d.head(ctx, src)
		if isNotFound(err) {
			// Without a bucket the answer is the same.
			_, listing := d.store.Exists(ctx, d.below(src))
			return cmp.Or(listing, err)
		}
		if err != nil || src == dst {
			return err
		}
		if err = d.moveVersion(ctx, file, dst); status(err) != http.StatusPreconditionFailed {
			return err
		}
	}
	return failure(ctx, errNotTheSame)
}

// MoveTo implements [driver.Mover].
func (w *writer) MoveTo(ctx context.Context, path string) error {
	if err := check(ctx, path, false); err != nil {
		return err
	}
	if w.ended != errCommitted {
		return failure(ctx, errDiscarded)
	}
	if path == w.path {
		return nil
	}
	if w.tag == nil {
		return failure(ctx, errNoTag)
	}
	err := w.d.moveVersion(ctx, info{path: w.path, size: w.sent, tag: w.tag}, path)
	if isNotFound(err) || status(err) == http.StatusPreconditionFailed {
		err = failure(ctx, errors.Join(errDiscarded, err))
	}
	return err
}

// moveVersion moves an object as it was seen. If another has taken its place since,
// the server answers that a precondition has failed.
func (d *Driver) moveVersion(ctx context.Context, file info, dst string) error {
	move := d.copy
	if file.size > d.p.MultipartCopyThreshold {
		move = d.copyParts
	}
	if err := move(ctx, file, dst); err != nil {
		return err
	}
	_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &d.p.Bucket, Key: aws.String(d.key(file.path)), IfMatch: file.tag})
	if err == nil || isAbsent(err) || status(err) == http.StatusPreconditionFailed {
		return nil
	}
	// Not every server takes a condition here.
	return d.deleteKeys(ctx, []string{d.key(file.path)})
}

// source names the object at path as a request to copy does.
func (d *Driver) source(path string) *string {
	return aws.String(url.PathEscape(d.p.Bucket) + "/" + (&url.URL{Path: d.key(path)}).EscapedPath())
}

// copy copies an object in one request.
func (d *Driver) copy(ctx context.Context, file info, dst string) error {
	_, err := d.client.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &d.p.Bucket, Key: aws.String(d.key(dst)), CopySource: d.source(file.path), CopySourceIfMatch: file.tag,
		ACL: d.p.acl(), StorageClass: d.p.storageClass(),
		ServerSideEncryption: d.p.encryption(), SSEKMSKeyId: d.p.keyID(),
	})
	return typed(ctx, file.path, err)
}

// copyParts copies a large object in parts.
func (d *Driver) copyParts(ctx context.Context, file info, dst string) error {
	u, err := d.create(ctx, d.key(dst))
	if err != nil {
		return err
	}
	// So that no writer takes the upload for one of its own.
	err = d.saveTail(ctx, u, notForWriters, nil)
	var parts []types.CompletedPart
	if err == nil {
		parts, err = d.copyRanges(ctx, file, u)
	}
	if err == nil {
		_, err = d.complete(ctx, u, parts, file.size)
	}
	clean, cancel := lasting(ctx, 0)
	defer cancel()
	if err != nil {
		d.abort(clean, u)
		return err
	}
	d.deleteKeys(clean, []string{d.tailKey(u)})
	return nil
}

// copyRanges copies the parts, some at a time.
func (d *Driver) copyRanges(ctx context.Context, file info, u upload) ([]types.CompletedPart, error) {
	// An object has 10000 parts at most.
	size := max(d.p.MultipartCopyChunkSize, (file.size+maxParts-1)/maxParts)
	parts := make([]types.CompletedPart, (file.size+size-1)/size)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, d.p.MultipartCopyConcurrency)
	var all sync.WaitGroup
	for i := range parts {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			from := int64(i) * size
			to := min(from+size, file.size) - 1
			out, err := d.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
				Bucket: &d.p.Bucket, Key: &u.key, UploadId: &u.id, PartNumber: aws.Int32(int32(i + 1)),
				CopySource: d.source(file.path), CopySourceIfMatch: file.tag,
				CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", from, to)),
			})
			if err == nil && out.CopyPartResult == nil {
				err = errNoAnswer
			}
			if err != nil {
				cancel(typed(ctx, file.path, err))
				return
			}
			parts[i] = types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.CopyPartResult.ETag}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil, failureOf(context.Cause(ctx))
	}
	return parts, nil
}

// failureOf wraps what is not one of the driver's errors yet.
func failureOf(err error) error {
	switch err.(type) {
	case driver.Error, driver.FullError, driver.PathNotFoundError:
		return err
	}
	return driver.Error{DriverName: name, Detail: err}
}
