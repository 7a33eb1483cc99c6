package azure

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

const (
	// maxBlocks is how many blocks a blob has at most, and growth after how
	// many their size doubles.
	maxBlocks = 50000
	growth    = 10000
	// records is the folder of the records of uploads. No path can lead
	// there.
	records = "~uploads/"

	// Names of metadata: of a record all three, of content that a writer
	// committed the first.
	metaUpload, metaOffset, metaMark = "upload", "offset", "mark"
)

// A record is what the server keeps of an upload beside its blocks.
type record struct {
	key    string
	upload string // names the upload: 16 hexadecimal digits
	offset int64  // what comes before the tail
	mark   string // names the writer that has the upload, and its last change of the record
	tag    azcore.ETag
}

// recordKey returns the key of the record of an upload to path.
func (d *Driver) recordKey(path string) string { return d.store.Root + records + path[1:] }

// random returns a name that nobody else has.
func random() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func (r *record) metadata() map[string]*string {
	return map[string]*string{
		metaUpload: &r.upload, metaOffset: to.Ptr(strconv.FormatInt(r.offset, 10)), metaMark: &r.mark,
	}
}

// read sets r to what the server says of it.
func (r *record) read(p properties) error {
	r.upload, r.mark, r.tag = p.metadata[metaUpload], p.metadata[metaMark], p.tag
	var err error
	r.offset, err = strconv.ParseInt(p.metadata[metaOffset], 10, 64)
	if err != nil || len(r.upload) != 16 || r.offset < 0 {
		return fmt.Errorf("%s: not the record of an upload", r.key)
	}
	return nil
}

// begin makes the record of a new upload, in the place of any other.
func (d *Driver) begin(ctx context.Context, path string) (record, error) {
	r := record{key: d.recordKey(path), upload: random(), mark: random()}
	var err error
	r.tag, err = d.put(ctx, r.key, nil, r.metadata(), nil)
	return r, err
}

// find returns the record of the upload to path. Without one the error is that
// of an absent blob.
func (d *Driver) find(ctx context.Context, path string) (record, error) {
	r := record{key: d.recordKey(path)}
	p, err := d.head(ctx, r.key)
	if err == nil {
		err = r.read(p)
	}
	return r, err
}

// take puts a new mark on a record, so that the writer that had it has lost it.
func (d *Driver) take(ctx context.Context, r *record) error {
	r.mark = random()
	out, err := d.blob(r.key).SetMetadata(ctx, r.metadata(), &blob.SetMetadataOptions{AccessConditions: matches(&r.tag)})
	if err == nil {
		r.tag, err = tagged(out.ETag)
	}
	return d.settle(ctx, r, err)
}

// save changes the record: the upload has so many bytes in its blocks, and a
// tail.
func (d *Driver) save(ctx context.Context, r *record, offset int64, tail []byte) error {
	next := *r
	next.offset, next.mark = offset, random()
	tag, err := d.put(ctx, r.key, tail, next.metadata(), &r.tag)
	next.tag = tag
	if err = d.settle(ctx, &next, err); err == nil {
		*r = next
	}
	return err
}

// settle finds out whether a change of a record that the server refused, as one
// of another version, was made by an earlier try, whose answer was lost.
func (d *Driver) settle(ctx context.Context, r *record, err error) error {
	if !isOther(err) {
		return err
	}
	now, failed := d.head(ctx, r.key)
	switch {
	case failed == nil && now.metadata[metaMark] == r.mark:
		r.tag = now.tag
		return nil
	case isAbsent(failed):
		return errDiscarded
	case failed != nil:
		return failed
	}
	return errTaken
}

// owned demands that a writer still has its upload.
func (d *Driver) owned(ctx context.Context, r *record) error {
	now, err := d.head(ctx, r.key)
	switch {
	case isAbsent(err):
		return errDiscarded
	case err == nil && now.metadata[metaMark] != r.mark:
		return errTaken
	}
	return err
}

// tail returns the bytes of an upload that make no block yet.
func (d *Driver) tail(ctx context.Context, r *record) ([]byte, error) {
	out, err := d.blob(r.key).DownloadStream(ctx, &blob.DownloadStreamOptions{AccessConditions: matches(&r.tag)})
	if err != nil {
		return nil, err
	}
	body := out.NewRetryReader(ctx, nil)
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, maxChunk))
}

// blockID returns the id of a block of an upload, by its content: of two writers
// of one block neither takes the place of the other's. All ids have one length.
func blockID(upload string, number int, content []byte) string {
	b, _ := hex.DecodeString(upload)
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(b, uint32(number)), sum[:16]...))
}

// numberOf returns which block of an upload an id is of.
func numberOf(upload, id string) (int, bool) {
	b, err := base64.StdEncoding.DecodeString(id)
	if err != nil || len(b) < 12 || hex.EncodeToString(b[:8]) != upload {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(b[8:])), true
}

// blocks returns the ids of the blocks that the server has of an upload to key,
// and their size. It fails with errTaken if it has two of one number.
func (d *Driver) blocks(ctx context.Context, key, upload string) (ids []string, size int64, err error) {
	out, err := d.blob(key).GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil)
	if isAbsent(err) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	all := map[int]*blockblob.Block{}
	for _, b := range out.UncommittedBlocks {
		n, ok := numberOf(upload, *b.Name)
		if ok && all[n] != nil {
			return nil, 0, errTaken
		}
		if ok {
			all[n] = b
		}
	}
	for {
		b := all[len(ids)]
		if b == nil {
			return ids, size, nil
		}
		ids, size = append(ids, *b.Name), size+*b.Size
	}
}

// blockSize returns the size of a block.
func (d *Driver) blockSize(number int) int {
	return int(min(d.p.ChunkSize<<(number/growth), maxChunk))
}

// publish makes the blocks of an upload, of so many bytes, the content of key, and
// returns the entity tag of that.
func (d *Driver) publish(ctx context.Context, key, upload string, ids []string, size int64) (azcore.ETag, error) {
	out, err := d.blob(key).CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{
		HTTPHeaders: headers(), Metadata: map[string]*string{metaUpload: &upload},
	})
	if err == nil {
		return tagged(out.ETag)
	}
	if !hasCode(err, "InvalidBlockList") {
		return "", err
	}
	// An earlier try, whose answer was lost, may have done it.
	if now, failed := d.head(ctx, key); failed == nil && now.metadata[metaUpload] == upload && now.size == size {
		return now.tag, nil
	}
	return "", errors.Join(errDiscarded, told(err))
}
