// Package s3 is a storage driver over a bucket of Amazon S3, or of a server
// that speaks its protocol. The object of path /a/b is ROOT/a/b.
//
// A writer is a multipart upload: nothing of it is in view before its commit,
// and another process can go on with it. Parts all have the same size but the
// last, so that servers that demand it are content; what is left over when a
// writer is closed lies in an object of its own below ROOT/~tails, a name that
// no path can have. [Driver.AbortOrphans] removes what crashes left behind.
//
// There are no locks: of two calls that race, one wins. A file and a directory
// of one name can coexist if the server lets them. It needs a server that lists
// in the order of bytes and is consistent after a write.
package s3

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/registryconform/conform/reference/driver"
)

const (
	name = "s3"

	// redirectLife is how long a URL of RedirectURL can be used.
	redirectLife = 20 * time.Minute
)

// A Driver is a [driver.Driver] over a bucket. Make one with [New].
type Driver struct {
	p       Parameters
	root    string // "" or "x/y/"
	store   driver.FlatStore
	client  *s3.Client
	presign *s3.PresignClient
}

var (
	_ driver.Driver        = (*Driver)(nil)
	_ driver.OrphanAborter = (*Driver)(nil)
)

// New returns the driver of a bucket. It asks the server nothing; an error is
// of the parameters.
func New(p Parameters) (*Driver, error) {
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	client := newClient(p)
	d := &Driver{p: p, root: p.RootDirectory, client: client}
	if d.root != "" {
		d.root += "/"
	}
	d.store = driver.FlatStore{DriverName: name, Root: d.root, Fetch: d.fetch}
	d.presign = s3.NewPresignClient(client, s3.WithPresignExpires(redirectLife))
	return d, nil
}

// Name returns "s3".
func (d *Driver) Name() string { return name }

// CreateBucket makes the bucket, unless it is there already and belongs to the
// caller. Stores in use have theirs; it is for new ones.
func (d *Driver) CreateBucket(ctx context.Context) error {
	in := &s3.CreateBucketInput{Bucket: &d.p.Bucket}
	if d.p.Region != defaultRegion {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{
			LocationConstraint: types.BucketLocationConstraint(d.p.Region),
		}
	}
	_, err := d.client.CreateBucket(ctx, in)
	if c := code(err); err != nil && (c == "BucketAlreadyOwnedByYou" || c == "BucketAlreadyExists") {
		_, err = d.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &d.p.Bucket})
	}
	return failure(ctx, err)
}

// key returns the key of a path.
func (d *Driver) key(path string) string { return d.store.Key(path) }

// below returns what the keys below a path begin with.
func (d *Driver) below(path string) string { return d.store.Below(path) }

// check refuses a path outside the rules and a context that is done.
func check(ctx context.Context, path string, dir bool) error {
	if err := driver.CheckPath(name, path, dir); err != nil {
		return err
	}
	return failure(ctx, ctx.Err())
}

// GetContent implements [driver.Driver].
func (d *Driver) GetContent(ctx context.Context, path string) ([]byte, error) {
	r, err := d.Reader(ctx, path, 0)
	if err != nil {
		return nil, err
	}
	return driver.ReadAll(r)
}

// PutContent implements [driver.Driver].
func (d *Driver) PutContent(ctx context.Context, path string, content []byte) error {
	if err := check(ctx, path, false); err != nil {
		return err
	}
	_, err := d.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &d.p.Bucket, Key: aws.String(d.key(path)), Body: bytes.NewReader(content),
		ContentType: aws.String(contentType), ACL: d.p.acl(), StorageClass: d.p.storageClass(),
		ServerSideEncryption: d.p.encryption(), SSEKMSKeyId: d.p.keyID(),
	})
	return failure(ctx, err)
}

// contentType is that of every object.
const contentType = "application/octet-stream"

// head returns what the server says of the object at path.
func (d *Driver) head(ctx context.Context, path string) (info, error) {
	out, err := d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &d.p.Bucket, Key: aws.String(d.key(path))})
	if err != nil {
		return info{}, typed(ctx, path, err)
	}
	return info{path: path, size: aws.ToInt64(out.ContentLength), modified: aws.ToTime(out.LastModified), tag: out.ETag}, nil
}

// Stat implements [driver.Driver].
func (d *Driver) Stat(ctx context.Context, path string) (driver.FileInfo, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	if path == "/" {
		return info{path: path, dir: true}, nil
	}
	file, err := d.head(ctx, path)
	if err == nil {
		return file, nil
	}
	if !isNotFound(err) {
		return nil, err
	}
	any, err := d.store.Exists(ctx, d.below(path))
	if err != nil {
		return nil, err
	}
	if !any {
		return nil, notFound(path)
	}
	return info{path: path, dir: true}, nil
}

// RedirectURL implements [driver.Driver]. The URL is signed, and good for 20
// minutes and the request's own method, GET or HEAD; for others there is none.
func (d *Driver) RedirectURL(r *http.Request, path string) (string, error) {
	if err := driver.CheckPath(name, path, false); err != nil {
		return "", err
	}
	if r == nil {
		return "", nil
	}
	key := aws.String(d.key(path))
	switch r.Method {
	case http.MethodGet, "":
		signed, err := d.presign.PresignGetObject(r.Context(), &s3.GetObjectInput{Bucket: &d.p.Bucket, Key: key})
		if err != nil {
			return "", failure(r.Context(), err)
		}
		return signed.URL, nil
	case http.MethodHead:
		signed, err := d.presign.PresignHeadObject(r.Context(), &s3.HeadObjectInput{Bucket: &d.p.Bucket, Key: key})
		if err != nil {
			return "", failure(r.Context(), err)
		}
		return signed.URL, nil
	}
	return "", nil
}

// info is a [driver.FileInfo].
type info struct {
	path     string
	size     int64
	modified time.Time
	tag      *string // the entity tag of an object
	dir      bool
}

func (i info) Path() string       { return i.path }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.modified }
func (i info) IsDir() bool        { return i.dir }

func notFound(path string) error {
	return driver.PathNotFoundError{Path: path, DriverName: name}
}

func isNotFound(err error) bool {
	_, ok := errors.AsType[driver.PathNotFoundError](err)
	return ok
}
