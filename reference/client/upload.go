package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

const (
	// maxChunk bounds what a registry may ask for as the least chunk.
	maxChunk = 64 << 20
	// closing bounds what Close sends.
	closing = time.Minute
	// maxKept bounds the Locations that are kept of sessions without a writer.
	maxKept = 1000
)

// An upload is a [registry.BlobWriter]. It holds the bytes that the registry has
// not acknowledged, up to a chunk.
type upload struct {
	b *blobs
	// Writes stand for the call that made the writer, whose context they have.
	ctx      context.Context
	id       string
	location *url.URL
	chunk    int

	size   atomic.Int64 // all bytes; read by others, too
	sent   int64        // acknowledged
	buffer []byte       // the bytes after them
	// one tells that a Range of 0-0, which stands for no byte as well, is one.
	one bool
	// unsure tells that the session was resumed with a Range of 0-0.
	unsure bool
	broken error
	ended  bool
	shut   bool
}

var _ registry.BlobWriter = (*upload)(nil)

var errEnded = errors.New("the upload has ended")

// Create implements [registry.Blobs].
func (b *blobs) Create(ctx context.Context) (registry.BlobWriter, error) {
	q := b.request(http.MethodPost, "blobs/uploads/")
	q.once = true
	a, err := b.r.want(ctx, q, nil, http.StatusAccepted)
	if err != nil {
		return nil, err
	}
	discard(a)
	u := &upload{b: b, ctx: ctx, chunk: b.r.options.ChunkSize}
	if err := u.moved(a); err != nil {
		return nil, q.failed(err)
	}
	if least, err := strconv.Atoi(a.Header.Get("OCI-Chunk-Min-Length")); err == nil && least > u.chunk {
		if least > maxChunk {
			return nil, q.failed(refuse("chunks of %d bytes or more", least))
		}
		u.chunk = least
	}
	if u.id = a.Header.Get("Docker-Upload-UUID"); !isSegment(u.id) {
		u.id = path.Base(u.location.Path)
	}
	b.r.claim(u)
	return u, nil
}

// isSegment reports whether an id can stand in a path as it is.
func isSegment(id string) bool {
	return id != "" && strings.Trim(id, ".") != "" && len(id) <= 1024 &&
		!strings.ContainsFunc(id, func(c rune) bool {
			return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-_.=~", c)
		})
}

func (u *upload) key() string { return u.b.name.String() + " " + u.id }

// claim makes u the one writer of its session here, or returns the one that is.
func (r *Registry) claim(u *upload) *upload {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.sessions[u.key()]; other != nil {
		return other
	}
	r.sessions[u.key()] = u
	return nil
}

// release lets others claim the session. The Location of one that lives is kept,
// since some registries take no other.
func (r *Registry) release(u *upload) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[u.key()] != u {
		return
	}
	delete(r.sessions, u.key())
	delete(r.kept, u.key())
	if u.ended || u.location == nil {
		return
	}
	if len(r.kept) >= maxKept {
		clear(r.kept)
	}
	r.kept[u.key()] = u.location
}

// bare returns the URL of the session by its id alone.
func (u *upload) bare() *url.URL {
	return u.b.r.base.JoinPath("v2", u.b.name.String(), "blobs/uploads", u.id)
}

// Resume implements [registry.Blobs].
func (b *blobs) Resume(ctx context.Context, id string) (registry.BlobWriter, error) {
	if !isSegment(id) {
		return nil, registry.ErrBlobUploadUnknown.With(id)
	}
	u := &upload{b: b, ctx: ctx, id: id, chunk: b.r.options.ChunkSize}
	if b.r.claim(u) != nil {
		return nil, registry.ErrBlobUploadInvalid.With("another writer is at work on the upload")
	}
	if err := u.load(ctx); err != nil {
		b.r.release(u)
		return nil, err
	}
	return u, nil
}

// Upload implements [registry.Blobs].
func (b *blobs) Upload(ctx context.Context, id string) (registry.Upload, error) {
	if !isSegment(id) {
		return registry.Upload{}, registry.ErrBlobUploadUnknown.With(id)
	}
	u := &upload{b: b, ctx: ctx, id: id}
	if other := b.r.claim(u); other != nil {
		return other.Upload(), nil
	}
	defer b.r.release(u)
	err := u.load(ctx)
	return u.Upload(), err
}

// load asks for the state of a session that is known by its id alone.
func (u *upload) load(ctx context.Context) error {
	u.b.r.mu.Lock()
	u.location = u.b.r.kept[u.key()]
	u.b.r.mu.Unlock()
	if u.location == nil {
		u.location = u.bare()
	}
	end, err := u.status(ctx)
	if errors.Is(err, registry.ErrBlobUploadUnknown) {
		u.ended = true
	}
	if err != nil {
		return err
	}
	if end == 1 {
		// None is likelier than one. A chunk that is refused finds it out.
		end, u.unsure = 0, true
	}
	u.sent = end
	u.size.Store(end)
	return nil
}

// Expect implements [registry.BlobWriter]: the session is open already, and the
// registry finds out.
func (u *upload) Expect(digest.Algorithm) {}

// Upload implements [registry.BlobWriter].
func (u *upload) Upload() registry.Upload {
	return registry.Upload{ID: u.id, Size: u.size.Load()}
}

// Write implements [io.Writer].
func (u *upload) Write(p []byte) (int, error) {
	switch {
	case u.ended || u.shut:
		return 0, errEnded
	case u.broken != nil:
		return 0, u.broken
	}
	written := 0
	for len(p) > 0 {
		n := min(len(p), u.chunk-len(u.buffer))
		u.buffer = append(u.buffer, p[:n]...)
		u.size.Add(int64(n))
		p, written = p[n:], written+n
		if len(u.buffer) == u.chunk {
			if err := u.flush(u.ctx); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

// Commit implements [registry.BlobWriter].
func (u *upload) Commit(ctx context.Context, want registry.Descriptor) (registry.Descriptor, error) {
	switch {
	case u.ended || u.shut:
		return registry.Descriptor{}, errEnded
	case u.broken != nil:
		return registry.Descriptor{}, u.broken
	}
	var err error
	size := u.size.Load()
	if invalid := want.Digest.Validate(); invalid != nil {
		err = registry.ErrDigestInvalid.Wrap(invalid)
	} else if want.Size != 0 && want.Size != size && !u.unsure {
		err = registry.ErrSizeInvalid.With(fmt.Sprintf("%d bytes were written, %d announced", size, want.Size))
	} else {
		err = u.put(ctx, want.Digest)
	}
	if errors.Is(err, registry.ErrDigestInvalid) || errors.Is(err, registry.ErrSizeInvalid) {
		return registry.Descriptor{}, errors.Join(err, u.Cancel(ctx))
	}
	if err != nil {
		return registry.Descriptor{}, err
	}
	u.end()
	if u.unsure {
		return u.b.Stat(ctx, want.Digest)
	}
	return registry.Descriptor{MediaType: mediaTypeBlob, Digest: want.Digest, Size: u.size.Load()}, nil
}

func (u *upload) end() {
	u.ended, u.buffer = true, nil
	u.b.r.release(u)
}

// Cancel implements [registry.BlobWriter].
func (u *upload) Cancel(ctx context.Context) error {
	if u.ended || u.shut {
		return nil
	}
	u.end()
	return u.abandon(ctx)
}

// abandon asks the registry to forget the session; that it has is fine.
func (u *upload) abandon(ctx context.Context) error {
	err := u.b.remove(ctx, u.request(http.MethodDelete), registry.ErrBlobUploadUnknown)
	if errors.Is(err, registry.ErrBlobUploadUnknown) {
		return nil
	}
	return err
}

// Close implements [registry.BlobWriter]. It sends what is held back.
func (u *upload) Close() error {
	if u.shut {
		return nil
	}
	u.shut = true
	if u.ended {
		return nil
	}
	defer u.b.r.release(u)
	if u.broken != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), closing)
	defer cancel()
	return u.flush(ctx)
}

// matches reports whether the repository holds the blob by now: the answer to a
// commit may have been lost.
func (u *upload) matches(ctx context.Context, dgst digest.Digest) bool {
	desc, err := u.b.Stat(ctx, dgst)
	return err == nil && (desc.Size == u.size.Load() || u.unsure)
}
