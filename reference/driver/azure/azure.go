// Package azure is a storage driver over a container of Azure Blob Storage, or
// of a server that speaks its protocol. The blob of path /a/b is ROOT/a/b.
//
// A writer stages blocks under the name that its content will have. Nobody sees
// a block before the list of blocks is committed, which is one request that
// publishes all of them or none: what was there can be read until then, and is
// kept if the commit fails. Blocks under another name would have to be copied,
// and a copy that fails leaves an empty blob where there was content; append
// blobs show every byte as it is written. A block list also takes a request that
// is sent twice, because its answer was lost, for one.
//
// The server keeps blocks, but doesn't say whose they are and can't drop them.
// So each upload has a record, a blob below ROOT/~uploads, a name that no path
// can have. It names the upload, whose blocks carry that name, and holds the
// bytes that make no block yet, so that an upload in small pieces doesn't run
// out of blocks, of which a blob has 50000. The size of blocks doubles after
// each 10000, so that 4 MiB at the beginning are enough for 1.2 TiB. An upload
// without its record is gone, whatever blocks are left: the server drops these
// with the next commit of the name, or after a week. Who goes on with an upload
// puts a new mark on its record, so that a writer that was left behind can
// neither commit nor cancel it.
//
// Content that is put, or moved, to a path takes away the blocks of an upload to
// that path; to go on with it fails then. There are no locks: of two calls that
// race, one wins. A file and a directory of one name can coexist. It needs an
// account without a hierarchical namespace.
package azure

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/registryconform/conform/reference/driver"
)

const (
	name = "azure"

	// contentType is that of every blob.
	contentType = "application/octet-stream"
)

// A Driver is a [driver.Driver] over a container. Make one with [New].
type Driver struct {
	p      Parameters
	client *container.Client
	store  driver.FlatStore
	signer signer
}

var _ driver.Driver = (*Driver)(nil)

// New returns the driver of a container. It asks the server nothing; an error is
// of the parameters.
func New(p Parameters) (*Driver, error) {
	p, err := p.checked()
	if err != nil {
		return nil, err
	}
	d := &Driver{p: p}
	root := p.RootDirectory
	if root != "" {
		root += "/"
	}
	d.store = driver.FlatStore{DriverName: name, Root: root, Fetch: d.fetch}
	if d.client, d.signer, err = p.open(); err != nil {
		return nil, err
	}
	return d, nil
}

// Name returns "azure".
func (d *Driver) Name() string { return name }

// CreateContainer makes the container, unless it is there already. Stores in use
// have theirs; it is for new ones.
func (d *Driver) CreateContainer(ctx context.Context) error {
	_, err := d.client.Create(ctx, nil)
	if hasCode(err, "ContainerAlreadyExists") {
		return nil
	}
	return failure(ctx, err)
}

// blob returns the client of the blob of a key.
func (d *Driver) blob(key string) *blockblob.Client { return d.client.NewBlockBlobClient(key) }

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

// PutContent implements [driver.Driver]. A blob of another type, such as an
// append blob of other software, is deleted first.
func (d *Driver) PutContent(ctx context.Context, path string, content []byte) error {
	if err := check(ctx, path, false); err != nil {
		return err
	}
	_, err := d.replace(ctx, d.store.Key(path), content, nil)
	return failure(ctx, err)
}

// replace puts content, also where there is a blob of another type, and returns
// the entity tag of that.
func (d *Driver) replace(ctx context.Context, key string, content []byte, metadata map[string]*string) (azcore.ETag, error) {
	tag, err := d.put(ctx, key, content, metadata, nil)
	if hasCode(err, "InvalidBlobType") {
		if _, err = d.delete(ctx, key, nil); err == nil {
			tag, err = d.put(ctx, key, content, metadata, nil)
		}
	}
	return tag, err
}

// put replaces the blob of a key in one request.
func (d *Driver) put(ctx context.Context, key string, content []byte, metadata map[string]*string, match *azcore.ETag) (azcore.ETag, error) {
	out, err := d.blob(key).Upload(ctx, streaming.NopCloser(bytes.NewReader(content)), &blockblob.UploadOptions{
		HTTPHeaders: headers(), Metadata: metadata, AccessConditions: matches(match),
	})
	if err != nil {
		return "", err
	}
	return tagged(out.ETag)
}

// errNoTag says that an answer lacks what tells one version from others.
var errNoTag = errors.New("the server's answer has no entity tag")

// tagged returns the entity tag of an answer, which has to have one.
func tagged(tag *azcore.ETag) (azcore.ETag, error) {
	if value(tag) == "" {
		return "", errNoTag
	}
	return *tag, nil
}

func headers() *blob.HTTPHeaders {
	return &blob.HTTPHeaders{BlobContentType: to.Ptr(contentType)}
}

// matches is the condition that a blob is of that version, if one is given.
func matches(tag *azcore.ETag) *blob.AccessConditions {
	if tag == nil {
		return nil
	}
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: tag}}
}

// delete removes the blob of a key, of that version if one is given, and reports
// whether it was there. If the answer to an earlier try was lost, it was.
func (d *Driver) delete(ctx context.Context, key string, match *azcore.ETag) (found bool, err error) {
	lost := 0
	_, err = d.blob(key).Delete(context.WithValue(ctx, lostKey{}, &lost), &blob.DeleteOptions{
		DeleteSnapshots: to.Ptr(blob.DeleteSnapshotsOptionTypeInclude), AccessConditions: matches(match),
	})
	if isAbsent(err) {
		return lost > 0, nil
	}
	return err == nil, err
}

// head returns what the server says of the blob of a key.
func (d *Driver) head(ctx context.Context, key string) (properties, error) {
	out, err := d.blob(key).GetProperties(ctx, nil)
	if err != nil {
		return properties{}, err
	}
	tag, err := tagged(out.ETag)
	if err != nil {
		return properties{}, err
	}
	p := properties{size: value(out.ContentLength), tag: tag, modified: value(out.LastModified), metadata: map[string]string{}}
	for key, text := range out.Metadata {
		p.metadata[strings.ToLower(key)] = value(text)
	}
	if !isWhole(out.CopyStatus) {
		return p, errNotCopied
	}
	return p, nil
}

// properties are those of a blob.
type properties struct {
	size     int64
	modified time.Time
	tag      azcore.ETag
	metadata map[string]string // by names in lower case
}

// errNotCopied says that a blob is the empty shell of a copy that goes on, or
// that failed.
var errNotCopied = errors.New("the blob is a copy that is not complete")

// isWhole reports whether a blob has its content: it is no copy, or a complete
// one.
func isWhole(s *blob.CopyStatusType) bool { return s == nil || *s == blob.CopyStatusTypeSuccess }

// Stat implements [driver.Driver].
func (d *Driver) Stat(ctx context.Context, path string) (driver.FileInfo, error) {
	if err := check(ctx, path, true); err != nil {
		return nil, err
	}
	if path == "/" {
		return info{path: path, dir: true}, nil
	}
	file, err := d.head(ctx, d.store.Key(path))
	if err == nil {
		return info{path: path, size: file.size, modified: file.modified}, nil
	}
	if err = typed(ctx, path, err); !isNotFound(err) {
		return nil, err
	}
	any, err := d.store.Exists(ctx, d.store.Below(path))
	if err != nil {
		return nil, err
	}
	if !any {
		return nil, notFound(path)
	}
	return info{path: path, dir: true}, nil
}

// RedirectURL implements [driver.Driver]. The URL is signed, and good for 20
// minutes and for GET and HEAD; for requests of other methods there is none.
func (d *Driver) RedirectURL(r *http.Request, path string) (string, error) {
	if err := driver.CheckPath(name, path, false); err != nil {
		return "", err
	}
	if r == nil || r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != "" {
		return "", nil
	}
	key := d.store.Key(path)
	query, err := d.signer.sign(r.Context(), key)
	if err != nil {
		return "", failure(r.Context(), err)
	}
	return d.blob(key).URL() + "?" + query, nil
}

// info is a [driver.FileInfo].
type info struct {
	path     string
	size     int64
	modified time.Time
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
