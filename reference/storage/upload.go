package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// memoryBound is how much of an upload may stay in memory until it ends. What
// is pushed in one go and is no longer costs no session on disk.
const memoryBound = 64 << 10

// signOfLife is how often an upload that goes on is seen to be at work, so that
// it is not taken for one that was given up.
const signOfLife = time.Minute

// commitTakes is how long a push is given for its end, from the commit of its file
// to the move to where content lies. Nobody else takes the file meanwhile.
const commitTakes = 10 * time.Minute

// An upload is a [registry.BlobWriter].
type upload struct {
	*blobs
	id      string
	started time.Time
	known   chan struct{} // closed once the above and size are, or the claim is given up

	sign    time.Time         // when the session was last seen to be at work
	resumed int64             // bytes of earlier writers
	size    atomic.Int64      // read by others, too
	hashes  hashes            // over all bytes; nil if they are unknown
	memory  []byte            // all bytes, while there is no file
	file    driver.FileWriter // nil: all is in memory
	stored  bool              // something of the session may be in the store
	sealed  bool              // the file is committed and closed
	moved   bool              // and was moved to where content lies
	broken  error             // a write failed: what the file holds is unknown
	ended   bool
	shut    bool
}

var _ registry.BlobWriter = (*upload)(nil)

var errEnded = errors.New("the upload has ended")

// Upload implements [registry.BlobWriter].
func (u *upload) Upload() registry.Upload {
	return registry.Upload{ID: u.id, Size: u.size.Load(), StartedAt: u.started}
}

// Expect implements [registry.BlobWriter].
func (u *upload) Expect(algorithm digest.Algorithm) {
	if u.size.Load() == 0 {
		u.hashes.expect(algorithm)
	}
}

// Write implements [io.Writer].
func (u *upload) Write(p []byte) (int, error) {
	switch {
	case u.ended || u.shut:
		return 0, errEnded
	case u.broken != nil:
		return 0, u.broken
	}
	// io.Writer has no context; what one write may take, the driver bounds.
	if u.file == nil && len(u.memory)+len(p) > memoryBound {
		if err := u.spill(context.Background()); err != nil {
			return 0, err
		}
	}
	n := len(p)
	if u.file == nil {
		if u.memory == nil {
			u.memory = *u.r.rooms.Get().(*[]byte)
		}
		u.memory = append(u.memory, p...)
	} else {
		var err error
		if n, err = u.file.Write(p); err != nil {
			u.broken = mapped("write upload "+u.id, err)
		}
	}
	u.hashes.write(p[:n])
	u.size.Add(int64(n))
	if u.broken == nil && u.file != nil && time.Since(u.sign) > signOfLife {
		u.broken = u.saveHash(context.Background())
	}
	return n, u.broken
}

// Close implements [registry.BlobWriter].
func (u *upload) Close() error {
	if u.shut {
		return nil
	}
	u.shut = true
	defer u.r.release(u)
	if u.ended || u.remember() {
		return nil
	}
	ctx := context.Background()
	if err := u.store(ctx); err != nil {
		return err
	}
	if u.file == nil && len(u.memory) > 0 {
		if err := u.spill(ctx); err != nil {
			return err
		}
	}
	switch {
	case u.file == nil || u.moved:
		return nil
	case u.sealed:
		return u.giveUp(ctx)
	}
	return u.keep(ctx)
}

// Cancel implements [registry.BlobWriter].
func (u *upload) Cancel(ctx context.Context) error {
	if u.ended || u.shut {
		return nil
	}
	return u.end(ctx)
}

// end discards the session.
func (u *upload) end(ctx context.Context) error {
	u.ended = true
	var errs []error
	if u.file != nil && !u.sealed {
		errs = append(errs, u.file.Cancel(ctx), u.file.Close())
	}
	errs = append(errs, u.discard(ctx))
	// A driver may not have done with memory after a call that failed.
	u.memory, u.file = nil, nil
	u.r.release(u)
	return mapped("discard upload "+u.id, errors.Join(errs...))
}

// Commit implements [registry.BlobWriter].
func (u *upload) Commit(ctx context.Context, want registry.Descriptor) (registry.Descriptor, error) {
	switch {
	case u.ended || u.shut:
		return registry.Descriptor{}, errEnded
	case u.broken != nil:
		return registry.Descriptor{}, u.broken
	}
	canonical, err := u.verify(ctx, want)
	if isMismatch(err) {
		return registry.Descriptor{}, errors.Join(err, u.end(ctx))
	}
	if err == nil {
		err = u.flush(ctx)
	}
	if err == nil {
		err = u.linking(ctx, canonical, want.Digest, func() error { return u.show(ctx, canonical, want.Digest) })
	}
	if err != nil {
		return registry.Descriptor{}, err
	}
	u.ended = true
	u.file = nil
	u.forget()
	// The blob is there; what the session left is no reason to deny it.
	_ = u.discard(ctx)
	u.r.release(u)
	return registry.Descriptor{MediaType: mediaTypeBlob, Digest: want.Digest, Size: u.size.Load()}, nil
}

func isMismatch(err error) bool {
	return errors.Is(err, registry.ErrDigestInvalid) || errors.Is(err, registry.ErrSizeInvalid)
}

// verify checks the bytes against want and returns their canonical digest. If
// the running hash can't tell, it reads the file back.
func (u *upload) verify(ctx context.Context, want registry.Descriptor) (digest.Digest, error) {
	if err := registry.CheckDigest(want.Digest); err != nil {
		return "", registry.ErrDigestInvalid.Wrap(err)
	}
	if size := u.size.Load(); want.Size != 0 && want.Size != size {
		return "", registry.ErrSizeInvalid.With(fmt.Sprintf("%d bytes were received, %d announced", size, want.Size))
	}
	canonical, told := u.hashes.sum(digest.Canonical), u.hashes.sum(want.Digest.Algorithm())
	verified := false
	switch {
	case told != "":
		verified = told == want.Digest
	case u.file == nil:
		var err error
		if canonical, verified, err = verify(bytes.NewReader(u.memory), want.Digest); err != nil {
			return "", err
		}
	default:
		var err error
		if canonical, verified, err = u.readBack(ctx, want.Digest); err != nil {
			return "", err
		}
	}
	if !verified {
		return "", registry.ErrDigestInvalid.With(want.Digest.String())
	}
	return canonical, nil
}

// seal commits the file, once.
func (u *upload) seal(ctx context.Context) error {
	if u.sealed {
		return nil
	}
	if err := u.file.Commit(ctx); err != nil {
		return mapped("commit upload "+u.id, err)
	}
	u.sealed = true
	return mapped("commit upload "+u.id, u.file.Close())
}

// show makes the bytes the content of the canonical digest, and links it.
func (u *upload) show(ctx context.Context, canonical, alias digest.Digest) error {
	files := links(layout.Layers(u.name), canonical, alias)
	if u.file != nil && !u.direct() {
		if err := u.move(ctx, canonical); err != nil {
			return err
		}
	} else {
		content := driver.File{Path: layout.Blob(canonical), Content: u.memory, Writer: u.file}
		files = append([]driver.File{content}, files...)
	}
	if err := u.r.publish(ctx, "store blob", files...); err != nil {
		return err
	}
	u.sealed, u.moved = u.file != nil, u.file != nil
	return nil
}

// direct reports whether the driver can give the file its place at once.
func (u *upload) direct() bool {
	_, ok := u.r.driver.(driver.Publisher)
	return ok && !u.sealed
}

// flush lets the driver do what takes long before others wait for it.
func (u *upload) flush(ctx context.Context) error {
	switch f, ok := u.file.(interface{ Sync() error }); {
	case u.file == nil:
		return nil
	case !u.direct():
		return u.seal(ctx)
	case ok:
		return mapped("write upload "+u.id, f.Sync())
	}
	return nil
}

// move makes the file the content of the canonical digest. Content that is
// there already is replaced by the same, so that it is as young as this push.
// That it was moved already is no failure, as long as it is still there.
func (u *upload) move(ctx context.Context, canonical digest.Digest) error {
	if err := u.seal(ctx); err != nil {
		return err
	}
	if u.moved {
		_, err := u.r.contentSize(ctx, canonical)
		if errors.Is(err, errNoContent) {
			return registry.ErrUnavailable.With("the blob was collected meanwhile, push it again")
		}
		return err
	}
	var err error
	if own, ok := u.file.(driver.Mover); ok {
		err = own.MoveTo(ctx, layout.Blob(canonical))
	} else {
		err = u.r.driver.Move(ctx, layout.UploadData(u.name, u.id), layout.Blob(canonical))
	}
	u.moved = err == nil
	return mapped("store blob", err)
}
