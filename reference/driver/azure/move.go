package azure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/registryconform/conform/reference/driver"
)

const (
	// firstLook and lastLook are the waits between two looks at a copy that
	// goes on, the first and the longest.
	firstLook = 50 * time.Millisecond
	lastLook  = 2 * time.Second
)

var (
	// errReplaced says that the source is not the version that was seen.
	errReplaced = errors.New("the file was replaced")
	// errNotTheSame says that the source was replaced while it was being copied.
	errNotTheSame = errors.New("the file is replaced again and again while it is being moved")
)

// Move implements [driver.Driver]: the server copies, which within an account
// it does at once, then the source is deleted, unless it was replaced meanwhile.
// After a failure both may be there.
func (d *Driver) Move(ctx context.Context, src, dst string) error {
	if err := check(ctx, src, false); err != nil {
		return err
	}
	if err := driver.CheckPath(name, dst, false); err != nil {
		return err
	}
	const tries = 10
	for range tries {
		file, err := d.head(ctx, d.store.Key(src))
		if err != nil || src == dst {
			return typed(ctx, src, err)
		}
		if err = d.moveVersion(ctx, src, file.tag, dst); err != errReplaced {
			return failure(ctx, err)
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
	err := w.d.moveVersion(ctx, w.path, w.tag, path)
	if err == errReplaced {
		err = errDiscarded
	}
	return failure(ctx, err)
}

// moveVersion moves a version of a blob. It fails with errReplaced if that is no
// more there.
func (d *Driver) moveVersion(ctx context.Context, src string, tag azcore.ETag, dst string) error {
	from, to := d.store.Key(src), d.store.Key(dst)
	err := d.copy(ctx, from, tag, to)
	if hasCode(err, "InvalidBlobType") {
		// What is there is a blob of another type, of other software.
		if _, err = d.delete(ctx, to, nil); err == nil {
			err = d.copy(ctx, from, tag, to)
		}
	}
	if isOther(err) || hasCode(err, "SourceConditionNotMet") || hasCode(err, "CannotVerifyCopySource") {
		return errReplaced
	}
	if err == nil {
		_, err = d.delete(ctx, from, &tag)
	}
	if hasCode(err, "ConditionNotMet") {
		return nil
	}
	return err
}

// copy copies a version of a blob, and awaits the end of it. A copy that is given
// up is aborted, but for one to where there was a blob: that has gone by now, and
// what is copied may be the same.
func (d *Driver) copy(ctx context.Context, from string, tag azcore.ETag, to string) error {
	dst := d.blob(to)
	start := func(conditions *blob.AccessConditions) (blob.StartCopyFromURLResponse, error) {
		return dst.StartCopyFromURL(ctx, d.blob(from).URL(), &blob.StartCopyFromURLOptions{
			SourceModifiedAccessConditions: &blob.SourceModifiedAccessConditions{SourceIfMatch: &tag},
			AccessConditions:               conditions,
		})
	}
	anyTag := azcore.ETagAny
	out, err := start(&blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &anyTag}})
	replaces := hasCode(err, "BlobAlreadyExists") || hasCode(err, "TargetConditionNotMet") || hasCode(err, "ConditionNotMet")
	if replaces {
		out, err = start(nil)
	}
	if err != nil || isWhole(out.CopyStatus) {
		return err
	}
	if err = await(ctx, dst, value(out.CopyID)); err != nil && !replaces {
		clean, cancel := lasting(ctx, 0)
		defer cancel()
		// The copy may be complete by now. If not, the blob is not read.
		dst.AbortCopyFromURL(clean, value(out.CopyID), nil)
	}
	return err
}

// await waits for the end of a copy.
func await(ctx context.Context, dst *blockblob.Client, id string) error {
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		now, err := dst.GetProperties(ctx, nil)
		switch {
		case err != nil:
			return err
		case value(now.CopyID) != id || isWhole(now.CopyStatus):
			return nil // another write may have come after the copy
		case *now.CopyStatus != blob.CopyStatusTypePending:
			return fmt.Errorf("the copy ended: %s %s", *now.CopyStatus, value(now.CopyStatusDescription))
		}
	}
}
