package s3

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/registryconform/conform/reference/driver"
)

var errCutShort = errors.New("the server cut a listing short, and does not say where it goes on")

// An object is an entry of a listing; one that ends in a slash can stand for
// all keys that begin so.
type object struct {
	key      string
	size     int64
	modified time.Time
}

// pages is a listing of the keys that begin with prefix, in the order of bytes.
type pages struct {
	d         *Driver
	prefix    string
	delimiter string
	size      int32 // keys a page at most; 0: as the server likes

	page  []object
	after string // no key up to this one is wanted
	token *string
	last  bool // page is the last
}

// pages lists the keys below prefix; with a delimiter, those that hold it
// behind the prefix are listed as one.
func (d *Driver) pages(prefix, delimiter string) *pages {
	return &pages{d: d, prefix: prefix, delimiter: delimiter}
}

// next returns the next entry, if there is one.
func (p *pages) next(ctx context.Context) (object, bool, error) {
	for {
		for len(p.page) > 0 {
			o := p.page[0]
			p.page = p.page[1:]
			if o.key > p.after {
				return o, true, nil
			}
		}
		if p.last {
			return object{}, false, nil
		}
		if err := p.fetch(ctx); err != nil {
			return object{}, false, err
		}
	}
}

// skipTo leaves out all keys up to and including after, without asking for
// more than it must of them.
func (p *pages) skipTo(after string) {
	if after <= p.after {
		return
	}
	p.after = after
	n, _ := slices.BinarySearchFunc(p.page, after, func(o object, key string) int { return cmp.Compare(o.key, key) })
	p.page = p.page[n:]
	if len(p.page) == 0 {
		p.token = nil
	}
}

// holds reports whether a key begins with prefix, which is not before the next
// entry, if the page at hand tells.
func (p *pages) holds(prefix string) (holds, known bool) {
	n, _ := slices.BinarySearchFunc(p.page, prefix, func(o object, key string) int { return cmp.Compare(o.key, key) })
	if n < len(p.page) {
		return strings.HasPrefix(p.page[n].key, prefix), true
	}
	return false, p.last
}

// fetch gets the next page.
func (p *pages) fetch(ctx context.Context) error {
	in := &s3.ListObjectsV2Input{Bucket: &p.d.p.Bucket, Prefix: &p.prefix, ContinuationToken: p.token}
	if p.delimiter != "" {
		in.Delimiter = &p.delimiter
	}
	if p.size > 0 {
		in.MaxKeys = &p.size
	}
	if p.token == nil && p.after != "" {
		in.StartAfter = &p.after
	}
	out, err := p.d.client.ListObjectsV2(ctx, in)
	if err != nil {
		return failure(ctx, err)
	}
	p.page = p.page[:0]
	for _, o := range out.Contents {
		p.page = append(p.page, object{aws.ToString(o.Key), aws.ToInt64(o.Size), aws.ToTime(o.LastModified)})
	}
	for _, o := range out.CommonPrefixes {
		p.page = append(p.page, object{key: aws.ToString(o.Prefix)})
	}
	slices.SortFunc(p.page, func(a, b object) int { return cmp.Compare(a.key, b.key) })
	p.last, p.token = !aws.ToBool(out.IsTruncated), out.NextContinuationToken
	if p.last || p.token != nil && *p.token != "" {
		return nil
	}
	return failure(ctx, errCutShort)
}

// List implements [driver.Driver].
func (d *Driver) List(ctx context.Context, path string) ([]string, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	prefix := d.below(path)
	p := d.pages(prefix, "/")
	paths, found := []string{}, path == "/"
	for {
		o, ok, err := p.next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		found = true
		child := "/" + strings.TrimSuffix(strings.TrimPrefix(o.key, d.root), "/")
		if o.key != prefix && driver.CheckPath(name, child, false) == nil {
			paths = append(paths, child)
		}
	}
	if !found {
		return nil, notFound(path)
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
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
	p := d.pages(d.below(path), "")
	for {
		o, ok, err := p.next(ctx)
		if err != nil {
			return found, err
		}
		if ok {
			keys = append(keys, o.key)
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
