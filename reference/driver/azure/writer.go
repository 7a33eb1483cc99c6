package azure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/registryconform/conform/reference/driver"
)

var (
	errClosed    = errors.New("the writer is closed")
	errCommitted = errors.New("the writer is committed")
	errCancelled = errors.New("the writer is cancelled")
	errTaken     = error(driver.BusyError{DriverName: name})
	errDiscarded = error(driver.DiscardedError{DriverName: name})
	errTooLong   = fmt.Errorf("a blob has %d blocks at most: a larger chunksize makes room", maxBlocks)
)

// writer is a [driver.FileWriter] that stages blocks.
type writer struct {
	d      *Driver
	ctx    context.Context // for writes, which have none; never done
	path   string
	key    string
	record record
	blocks []string // the ids of those that were staged
	sent   int64    // bytes in them
	buf    []byte   // what comes behind them, a block at most
	saved  int64    // what the server had in full when the writer was opened
	ended  error    // why nothing but Close may follow
	shut   bool
	print  string      // the fingerprint, once it is closed
	tag    azcore.ETag // of the blob, once it is committed
}

var (
	_ driver.Fingerprinter = (*writer)(nil)
	_ driver.Mover         = (*writer)(nil)
)

// Writer implements [driver.Driver]. What the writer sends does not end with
// ctx; Commit and Cancel have their own.
func (d *Driver) Writer(ctx context.Context, path string, append bool) (driver.FileWriter, error) {
	if err := check(ctx, path, false); err != nil {
		return nil, err
	}
	w := &writer{d: d, ctx: context.WithoutCancel(ctx), path: path, key: d.store.Key(path)}
	if append {
		found, err := w.resume(ctx)
		if err != nil {
			return nil, err
		}
		if found {
			return w, nil
		}
	}
	var err error
	if w.record, err = d.begin(ctx, path); err != nil {
		return nil, failure(ctx, err)
	}
	return w, nil
}

// Uncommitted implements [driver.Peeker].
func (d *Driver) Uncommitted(ctx context.Context, path string) (int64, error) {
	if err := check(ctx, path, false); err != nil {
		return 0, err
	}
	w := &writer{d: d, path: path, key: d.store.Key(path)}
	pending, _, err := w.find(ctx)
	if err == nil && !pending {
		return 0, driver.PathNotFoundError{Path: path, DriverName: name}
	}
	if err == nil {
		err = w.load(ctx)
	}
	return w.Size(), failure(ctx, err)
}

// find looks for the record of the upload, and reports whether there is one, and
// the size of the content there.
func (w *writer) find(ctx context.Context) (pending bool, size int64, err error) {
	file, err := w.d.head(ctx, w.key)
	if err != nil && !isAbsent(err) && !errors.Is(err, errNotCopied) {
		return false, 0, err
	}
	r, err := w.d.find(ctx, w.path)
	if err != nil && !isAbsent(err) {
		return false, 0, err
	}
	w.record = r
	// The record of content that is committed was left by a crash.
	return err == nil && r.upload != file.metadata[metaUpload], file.size, nil
}

// resume goes on with the upload to path, and reports whether there is one. If
// not, it demands that the content there is empty.
func (w *writer) resume(ctx context.Context) (bool, error) {
	pending, size, err := w.find(ctx)
	switch {
	case err != nil:
		return false, failure(ctx, err)
	case !pending && size > 0:
		return false, driver.CommittedError{Path: w.path, DriverName: name}
	case !pending:
		return false, nil
	}
	if err = w.d.take(ctx, &w.record); err == nil {
		err = w.load(ctx)
	}
	return true, failure(ctx, err)
}

// load reads what the server has of the upload.
func (w *writer) load(ctx context.Context) error {
	var err error
	if w.blocks, w.sent, err = w.d.blocks(ctx, w.key, w.record.upload); err != nil {
		return err
	}
	switch {
	case w.record.offset > w.sent:
		return fmt.Errorf("%d bytes are missing: %w", w.record.offset-w.sent, errDiscarded)
	case w.record.offset == w.sent:
		if w.buf, err = w.d.tail(ctx, &w.record); err != nil {
			return err
		}
	}
	w.saved = w.Size()
	return nil
}

// usable reports why the writer takes no more calls.
func (w *writer) usable() error {
	switch {
	case w.shut:
		return failure(w.ctx, errClosed)
	case w.ended != nil:
		return failure(w.ctx, w.ended)
	}
	return nil
}

func (w *writer) Size() int64 { return w.sent + int64(len(w.buf)) }

func (w *writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	written := 0
	for len(p) > 0 {
		room := w.d.blockSize(len(w.blocks)) - len(w.buf)
		if room <= 0 {
			ctx, cancel := lasting(w.ctx, len(w.buf))
			err := w.send(ctx)
			cancel()
			if err != nil {
				return written, failure(w.ctx, err)
			}
			continue
		}
		n := min(room, len(p))
		w.buf = append(w.buf, p[:n]...)
		p, written = p[n:], written+n
	}
	return written, nil
}

// send makes a block of the buffer. After a failure it can be called again.
func (w *writer) send(ctx context.Context) error {
	if len(w.blocks) == maxBlocks {
		return errTooLong
	}
	id := blockID(w.record.upload, len(w.blocks), w.buf)
	body := streaming.NopCloser(bytes.NewReader(w.buf))
	if _, err := w.d.blob(w.key).StageBlock(ctx, id, body, nil); err != nil {
		return err
	}
	w.blocks = append(w.blocks, id)
	w.sent += int64(len(w.buf))
	w.buf = w.buf[:0]
	return nil
}

func (w *writer) Commit(ctx context.Context) error {
	if err := w.usable(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return failure(ctx, err)
	}
	if err := w.commit(ctx); err != nil {
		return failure(ctx, err)
	}
	w.ended, w.sent, w.buf = errCommitted, w.Size(), nil
	clean, cancel := lasting(ctx, 0)
	defer cancel()
	// The content is published: a record that stays behind does no harm.
	w.d.delete(clean, w.record.key, &w.record.tag)
	return nil
}

func (w *writer) commit(ctx context.Context) (err error) {
	if err := w.d.owned(ctx, &w.record); err != nil {
		return err
	}
	if len(w.blocks) == 0 {
		w.tag, err = w.d.replace(ctx, w.key, w.buf, map[string]*string{metaUpload: &w.record.upload})
		return err
	}
	if len(w.buf) > 0 {
		if err := w.send(ctx); err != nil {
			return err
		}
	}
	w.tag, err = w.d.publish(ctx, w.key, w.record.upload, w.blocks, w.sent)
	return err
}

// Cancel goes on although ctx is done, so that nothing is left behind.
func (w *writer) Cancel(ctx context.Context) error {
	if w.ended != nil {
		return failure(ctx, w.ended)
	}
	clean, cancel := lasting(ctx, 0)
	defer cancel()
	err := w.d.owned(clean, &w.record)
	if err == nil {
		_, err = w.d.delete(clean, w.record.key, &w.record.tag)
	}
	switch taken := errors.Is(err, errTaken) || isOther(err); {
	case taken && w.shut:
		return failure(ctx, errTaken)
	case err != nil && !taken && !errors.Is(err, errDiscarded):
		return failure(ctx, err)
	}
	w.ended, w.sent, w.buf = errCancelled, w.Size(), nil
	return nil
}

func (w *writer) Close() error {
	if w.shut || w.ended != nil {
		w.shut = true
		return nil
	}
	w.shut = true
	ctx, cancel := lasting(w.ctx, len(w.buf))
	defer cancel()
	err := w.keep(ctx)
	w.print = w.fingerprint()
	w.sent, w.buf = w.Size(), nil
	return failure(ctx, err)
}

// Fingerprint implements [driver.Fingerprinter].
func (w *writer) Fingerprint() string {
	if w.shut {
		return w.print
	}
	return w.fingerprint()
}

// fingerprint is that of the ids of the blocks, and of the tail.
func (w *writer) fingerprint() string {
	return driver.PrintParts(slices.Values(w.blocks), w.buf)
}

// keep gives the server what it doesn't have yet, and makes the record say how
// much there is: blocks that the server loses are missed then.
func (w *writer) keep(ctx context.Context) error {
	if w.Size() == w.saved {
		return nil
	}
	if len(w.buf) >= w.d.blockSize(len(w.blocks)) {
		if err := w.send(ctx); err != nil {
			return err
		}
	}
	return w.d.save(ctx, &w.record, w.sent, w.buf)
}
