package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// maxParts is how many parts an upload has at most.
	maxParts = 10000
	// tails is the folder of what is left over behind the last part of an
	// upload. No path can lead there.
	tails = "~tails/"
	// notForWriters is the offset in the tail of an upload that is a copy.
	notForWriters = math.MaxInt64
	// tailHeader is the length of the offset before the bytes of a tail.
	tailHeader = 8
)

// An upload is a multipart upload that is neither completed nor aborted.
type upload struct {
	key, id   string
	initiated time.Time
}

// create begins an upload.
func (d *Driver) create(ctx context.Context, key string) (upload, error) {
	out, err := d.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &d.p.Bucket, Key: &key, ContentType: aws.String(contentType),
		ACL: d.p.acl(), StorageClass: d.p.storageClass(),
		ServerSideEncryption: d.p.encryption(), SSEKMSKeyId: d.p.keyID(),
	})
	if err != nil {
		return upload{}, failure(ctx, err)
	}
	return upload{key: key, id: aws.ToString(out.UploadId)}, nil
}

// uploads calls f for each upload whose key begins with prefix.
func (d *Driver) uploads(ctx context.Context, prefix string, f func(upload) error) error {
	in := &s3.ListMultipartUploadsInput{Bucket: &d.p.Bucket, Prefix: &prefix}
	for {
		out, err := d.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return failure(ctx, err)
		}
		for _, u := range out.Uploads {
			// Some servers take the prefix for a hint.
			if key := aws.ToString(u.Key); strings.HasPrefix(key, prefix) {
				if err := f(upload{key, aws.ToString(u.UploadId), aws.ToTime(u.Initiated)}); err != nil {
					return err
				}
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		next, id := aws.ToString(out.NextKeyMarker), aws.ToString(out.NextUploadIdMarker)
		if next == "" || next == aws.ToString(in.KeyMarker) && id == aws.ToString(in.UploadIdMarker) {
			return failure(ctx, errCutShort)
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// uploadsOf returns the uploads of one key.
func (d *Driver) uploadsOf(ctx context.Context, key string) ([]upload, error) {
	var all []upload
	err := d.uploads(ctx, key, func(u upload) error {
		if u.key == key {
			all = append(all, u)
		}
		return nil
	})
	return all, err
}

// abort ends an upload and removes its tail. One that is gone is aborted.
func (d *Driver) abort(ctx context.Context, u upload) error {
	_, err := d.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &d.p.Bucket, Key: &u.key, UploadId: &u.id,
	})
	if err != nil && !isGone(err) && !isAbsent(err) {
		return failure(ctx, err)
	}
	return d.deleteKeys(ctx, []string{d.tailKey(u)})
}

// abortBelow aborts the uploads for a path and all below.
func (d *Driver) abortBelow(ctx context.Context, path string) error {
	var all []upload
	err := d.uploads(ctx, d.key(path), func(u upload) error {
		if u.key == d.key(path) || strings.HasPrefix(u.key, d.below(path)) {
			all = append(all, u)
		}
		return nil
	})
	for _, u := range all {
		err = errors.Join(err, d.abort(ctx, u))
	}
	return err
}

// AbortOrphans implements [driver.OrphanAborter]. It removes the tails of uploads
// that are no more, too.
func (d *Driver) AbortOrphans(ctx context.Context, before time.Time, keep func(path string) (bool, error)) (int, error) {
	aborted, alive := 0, map[string]bool{}
	var old []upload
	err := d.uploads(ctx, d.root, func(u upload) error {
		stays := !u.initiated.Before(before)
		if !stays {
			var err error
			if stays, err = keep("/" + strings.TrimPrefix(u.key, d.root)); err != nil {
				return err
			}
		}
		if stays {
			alive[d.tailKey(u)] = true
		} else {
			old = append(old, u)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, u := range old {
		if err := d.abort(ctx, u); err != nil {
			return aborted, err
		}
		aborted++
	}
	left := d.store.Pages(d.root+tails, "")
	for {
		o, ok, err := left.Next(ctx)
		if err != nil || !ok {
			return aborted, err
		}
		if !alive[o.Key] && o.ModTime.Before(before) {
			if err := d.deleteKeys(ctx, []string{o.Key}); err != nil {
				return aborted, err
			}
		}
	}
}

// A part is one of an upload.
type part struct {
	number int32
	size   int64
	etag   string
}

// parts returns the parts of an upload in their order.
func (d *Driver) parts(ctx context.Context, u upload) ([]part, error) {
	var all []part
	in := &s3.ListPartsInput{Bucket: &d.p.Bucket, Key: &u.key, UploadId: &u.id}
	for {
		out, err := d.client.ListParts(ctx, in)
		if err != nil {
			return nil, failure(ctx, err)
		}
		for _, p := range out.Parts {
			all = append(all, part{aws.ToInt32(p.PartNumber), aws.ToInt64(p.Size), aws.ToString(p.ETag)})
		}
		if !aws.ToBool(out.IsTruncated) {
			break
		}
		// Where the marker stands still the listing would never end.
		if len(out.Parts) == 0 || aws.ToString(out.NextPartNumberMarker) == aws.ToString(in.PartNumberMarker) {
			return nil, failure(ctx, errCutShort)
		}
		in.PartNumberMarker = out.NextPartNumberMarker
	}
	slices.SortFunc(all, func(a, b part) int { return int(a.number - b.number) })
	for i, p := range all {
		if p.number != int32(i+1) {
			return nil, failure(ctx, fmt.Errorf("upload of %s: part %d is missing", u.key, i+1))
		}
	}
	return all, nil
}

// tailKey returns where the tail of an upload lies.
func (d *Driver) tailKey(u upload) string {
	sum := sha256.Sum256([]byte(u.key + "\x00" + u.id))
	return d.root + tails + hex.EncodeToString(sum[:16])
}

// saveTail keeps the bytes of an upload from offset on, which make no part yet.
// The offset tells later whether parts have taken the place of the tail.
func (d *Driver) saveTail(ctx context.Context, u upload, offset int64, tail []byte) error {
	body := append(binary.BigEndian.AppendUint64(make([]byte, 0, tailHeader+len(tail)), uint64(offset)), tail...)
	_, err := d.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &d.p.Bucket, Key: aws.String(d.tailKey(u)), Body: bytes.NewReader(body),
		ContentType: aws.String(contentType), ACL: d.p.acl(),
		ServerSideEncryption: d.p.encryption(), SSEKMSKeyId: d.p.keyID(),
	})
	return failure(ctx, err)
}

// loadTail returns the tail of an upload and its offset, 0 if there is none.
func (d *Driver) loadTail(ctx context.Context, u upload) (offset int64, tail []byte, err error) {
	out, err := d.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &d.p.Bucket, Key: aws.String(d.tailKey(u))})
	if err != nil {
		if isAbsent(err) {
			return 0, nil, nil
		}
		return 0, nil, failure(ctx, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxChunk))
	if err == nil && len(body) < tailHeader {
		err = fmt.Errorf("the tail of the upload of %s is damaged", u.key)
	}
	if err != nil {
		return 0, nil, failure(ctx, err)
	}
	return int64(binary.BigEndian.Uint64(body)), body[tailHeader:], nil
}

// complete publishes an upload of so many bytes, and returns the entity tag of the
// object.
func (d *Driver) complete(ctx context.Context, u upload, parts []types.CompletedPart, size int64) (*string, error) {
	out, err := d.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &d.p.Bucket, Key: &u.key, UploadId: &u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	switch {
	case err == nil:
		return out.ETag, nil
	case isGone(err):
		if tag := d.completed(ctx, u, parts, size); tag != nil {
			return tag, nil
		}
		err = errors.Join(errDiscarded, err)
	case code(err) == "InvalidPart":
		// Another writer has put its own in the place of one of them.
		err = errors.Join(errGoneOn, err)
	}
	return nil, failure(ctx, err)
}

// completed returns the entity tag of the object if that is the one of the upload:
// the answer to an earlier request was lost, and the repeated one found no upload
// any more.
func (d *Driver) completed(ctx context.Context, u upload, parts []types.CompletedPart, size int64) *string {
	out, err := d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &d.p.Bucket, Key: &u.key})
	if err != nil || aws.ToInt64(out.ContentLength) != size {
		return nil
	}
	sum := md5.New()
	for _, p := range parts {
		one, err := hex.DecodeString(strings.Trim(aws.ToString(p.ETag), `"`))
		if err != nil {
			return nil
		}
		sum.Write(one)
	}
	want := fmt.Sprintf("%x-%d", sum.Sum(nil), len(parts))
	if strings.Trim(aws.ToString(out.ETag), `"`) != want {
		return nil
	}
	return out.ETag
}
