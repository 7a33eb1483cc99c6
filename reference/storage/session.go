package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// Create implements [registry.Blobs]. It touches no storage: the session is
// stored once it outlives its writer, or outgrows memory.
func (b *blobs) Create(ctx context.Context) (registry.BlobWriter, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("new upload id: %w", err)
	}
	u := &upload{
		blobs:   b,
		id:      id.String(),
		started: time.Now().UTC(),
		sign:    time.Now(),
		hashes:  canonicalHash(),
		known:   make(chan struct{}),
	}
	if _, err := b.r.claim(ctx, u); err != nil {
		return nil, err
	}
	close(u.known)
	return u, nil
}

// Resume implements [registry.Blobs].
func (b *blobs) Resume(ctx context.Context, id string) (registry.BlobWriter, error) {
	if !isSessionID(id) {
		return nil, registry.ErrBlobUploadUnknown.With(id)
	}
	u := &upload{blobs: b, id: id, stored: true, known: make(chan struct{})}
	other, err := b.r.claim(ctx, u)
	switch {
	case err != nil:
		return nil, err
	case other != nil:
		return nil, errBusy()
	}
	defer close(u.known)
	if err := u.load(ctx); err != nil {
		b.r.release(u)
		return nil, err
	}
	return u, nil
}

// Upload implements [registry.Blobs]. Who wants to write meanwhile waits for it.
func (b *blobs) Upload(ctx context.Context, id string) (registry.Upload, error) {
	if !isSessionID(id) {
		return registry.Upload{}, registry.ErrBlobUploadUnknown.With(id)
	}
	u := &upload{blobs: b, id: id, stored: true, known: make(chan struct{})}
	other, err := b.r.claim(ctx, u)
	switch {
	case err != nil:
		return registry.Upload{}, err
	case other != nil:
		return other.Upload(), nil
	}
	defer close(u.known)
	defer b.r.release(u)
	if u.recall() {
		u.remember()
		return u.Upload(), nil
	}
	err = u.readStart(ctx)
	if err == nil {
		err = u.look(ctx)
	}
	if err != nil {
		return registry.Upload{}, err
	}
	return u.Upload(), nil
}

// look finds out how many bytes a stored session has, and changes nothing: another
// process may be at it.
func (u *upload) look(ctx context.Context) error {
	data := layout.UploadData(u.name, u.id)
	info, err := u.r.driver.Stat(ctx, data)
	if err == nil {
		u.size.Store(info.Size())
		return nil
	}
	if !absent(err) {
		return fmt.Errorf("stat upload %s: %w", u.id, err)
	}
	size, err := driver.Uncommitted(ctx, u.r.driver, data)
	if _, busy := errors.AsType[driver.BusyError](err); busy {
		// What is not closed is not sure yet.
		at, _, err := u.storedHash(ctx)
		if at != givenUp {
			u.size.Store(int64(at))
		}
		return err
	}
	if err != nil && !absent(err) {
		return mapped("look at upload "+u.id, err)
	}
	u.size.Store(size)
	return nil
}

func errBusy() error {
	return registry.ErrBlobUploadInvalid.With("another request is writing to the upload")
}

// isSessionID reports whether id has the form of those that Create makes. No
// other may come near a path.
func isSessionID(id string) bool {
	parsed, err := uuid.Parse(id)
	return err == nil && parsed.String() == id
}

// claim makes u the one writer of its session, or returns the one that is, once
// it is known how far that has come.
func (r *Registry) claim(ctx context.Context, u *upload) (*upload, error) {
	key := layout.Upload(u.name, u.id)
	for {
		other := r.claimant(key, u)
		if other == u {
			return nil, nil
		}
		select {
		case <-other.known:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if r.claimant(key, nil) == other {
			return other, nil
		}
	}
}

// claimant returns who has claimed a session, which u has if nobody else has.
func (r *Registry) claimant(key string, u *upload) *upload {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[key] == nil && u != nil {
		r.sessions[key] = u
	}
	return r.sessions[key]
}

// release lets others claim the session of u.
func (r *Registry) release(u *upload) {
	key := layout.Upload(u.name, u.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[key] == u {
		delete(r.sessions, key)
	}
}

// load reads a stored session and opens its content at the end.
func (u *upload) load(ctx context.Context) error {
	if u.recall() {
		return nil
	}
	if err := u.readStart(ctx); err != nil {
		return err
	}
	d, data := u.r.driver, layout.UploadData(u.name, u.id)
	committed, err := d.Stat(ctx, data)
	if err == nil {
		return u.recover(ctx, data, committed.ModTime())
	}
	if !absent(err) {
		return fmt.Errorf("stat upload %s: %w", u.id, err)
	}
	file, err := d.Writer(ctx, data, true)
	if err != nil {
		return mapped("open upload "+u.id, err)
	}
	u.file = file
	u.sign = u.started
	if u.file.Size() == 0 {
		// Nothing of it is stored yet, and perhaps never will be. What there is
		// of a file may be that of another process.
		u.hashes = canonicalHash()
		err = u.file.Close()
		u.file = nil
		return mapped("open upload "+u.id, err)
	}
	u.resumed = u.file.Size()
	u.size.Store(u.resumed)
	if u.hashes, err = u.loadHashes(ctx); err != nil {
		return errors.Join(err, u.file.Close())
	}
	return nil
}

// readStart reads when a stored session began, and with it that there is one.
func (u *upload) readStart(ctx context.Context) error {
	text, err := u.r.driver.GetContent(ctx, layout.UploadStartedAt(u.name, u.id))
	if absent(err) {
		return registry.ErrBlobUploadUnknown.With(u.id)
	}
	if err != nil {
		return fmt.Errorf("read upload %s: %w", u.id, err)
	}
	if u.started, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text))); err != nil {
		return fmt.Errorf("start of upload %s: %w", u.id, err)
	}
	return nil
}

// recover takes content back that a push which never ended had committed. One
// that could still come to its end is left alone.
func (u *upload) recover(ctx context.Context, data string, committed time.Time) error {
	at, _, err := u.storedHash(ctx)
	if err != nil {
		return err
	}
	if at != givenUp && time.Since(committed) < commitTakes {
		return errBusy()
	}
	u.hashes = canonicalHash()
	if err := u.saveHash(ctx); err != nil { // what was given up is so no more
		return err
	}
	d := u.r.driver
	aside := layout.UploadRecovered(u.name, u.id)
	if err := d.Move(ctx, data, aside); err != nil {
		return mapped("recover upload "+u.id, err)
	}
	content, err := d.Reader(ctx, aside, 0)
	if err != nil {
		return fmt.Errorf("read upload %s: %w", u.id, err)
	}
	defer content.Close()
	if u.file, err = d.Writer(ctx, data, false); err != nil {
		return mapped("open upload "+u.id, err)
	}
	n, err := io.Copy(io.MultiWriter(u.file, u.hashes[0]), content)
	if err == nil {
		err = d.Delete(ctx, aside)
	}
	u.size.Store(n)
	if err != nil {
		return errors.Join(mapped("recover upload "+u.id, err), u.file.Close())
	}
	return nil
}

// A hash state is stored as the number of bytes hashed, eight of them big
// endian, the fingerprint of the file that they went to, if it has one, and what
// the hashes gave for their states, which is empty if that is not kept. givenUp
// stands for the number once a push has committed its file, failed, and is over.
const givenUp = math.MaxUint64

// giveUp lets others have a file that is committed.
func (u *upload) giveUp(ctx context.Context) error {
	state := binary.BigEndian.AppendUint64(nil, givenUp)
	return mapped("give up upload", u.r.driver.PutContent(ctx, layout.UploadHashState(u.name, u.id), state))
}

// saveHash stores the running hashes, and with it that the session is at work.
func (u *upload) saveHash(ctx context.Context) error {
	state := binary.BigEndian.AppendUint64(nil, uint64(u.size.Load()))
	if !u.r.options.DisableHashState {
		var err error
		if state, err = u.hashes.appendState(append(state, u.fingerprint()...)); err != nil {
			return err
		}
	}
	u.sign = time.Now()
	return mapped("store hash of upload", u.r.driver.PutContent(driver.Volatile(ctx), layout.UploadHashState(u.name, u.id), state))
}

// loadHashes returns the running hashes over all bytes of the session. They are
// nil if they are not known, so that the bytes must be read at the end.
func (u *upload) loadHashes(ctx context.Context) (hashes, error) {
	if u.size.Load() == 0 {
		return canonicalHash(), nil
	}
	if u.r.options.DisableHashState {
		return nil, nil
	}
	at, state, err := u.storedHash(ctx)
	if err != nil {
		return nil, err
	}
	state, ok := bytes.CutPrefix(state, []byte(u.fingerprint()))
	if at != uint64(u.size.Load()) || !ok {
		return nil, nil // others have written, too
	}
	return readHashes(state), nil
}

// fingerprint returns the name that the driver gives to the bytes of the file,
// "" if it keeps writers apart.
func (u *upload) fingerprint() string {
	if f, ok := u.file.(driver.Fingerprinter); ok {
		return f.Fingerprint()
	}
	return ""
}

// storedHash returns the state that saveHash stored, and at how many bytes; both
// are nothing if there is none.
func (u *upload) storedHash(ctx context.Context) (at uint64, state []byte, err error) {
	content, err := u.r.driver.GetContent(ctx, layout.UploadHashState(u.name, u.id))
	if err != nil && !absent(err) {
		return 0, nil, fmt.Errorf("read hash of upload %s: %w", u.id, err)
	}
	if err != nil || len(content) < 8 {
		return 0, nil, nil
	}
	return binary.BigEndian.Uint64(content), content[8:], nil
}

// store makes the session known to other processes. A crash of the machine may
// lose it again, as long as it has no content. One that began long ago is seen
// to be at work before it is seen to be old.
func (u *upload) store(ctx context.Context) error {
	if u.stored {
		return nil
	}
	if time.Since(u.started) > signOfLife {
		if err := u.saveHash(ctx); err != nil {
			return err
		}
	}
	if err := u.putStart(driver.Volatile(ctx)); err != nil {
		return err
	}
	u.stored = true
	return nil
}

func (u *upload) putStart(ctx context.Context) error {
	started := u.started.Format(time.RFC3339Nano)
	return mapped("store upload", u.r.driver.PutContent(ctx, layout.UploadStartedAt(u.name, u.id), []byte(started)))
}

// keep makes the content last, so that another process can go on with it. The
// first to do so lets the start of the session last, too.
func (u *upload) keep(ctx context.Context) error {
	var err error
	if _, ok := u.r.driver.(driver.Publisher); ok && u.resumed == 0 {
		err = u.putStart(ctx)
	}
	// Whatever failed, others must get at the upload, be it to cancel it.
	if err = errors.Join(err, mapped("keep upload "+u.id, u.file.Close())); err != nil {
		return err
	}
	if u.broken != nil || u.size.Load() == u.resumed {
		return nil
	}
	return u.saveHash(ctx)
}

// spill moves what memory holds into a file of the driver.
func (u *upload) spill(ctx context.Context) error {
	if u.file != nil {
		return nil
	}
	known := u.stored // by another process, perhaps, which may have written to it
	if err := u.store(ctx); err != nil {
		return err
	}
	file, err := u.r.driver.Writer(ctx, layout.UploadData(u.name, u.id), known)
	if err != nil {
		return mapped("write upload", err)
	}
	if file.Size() > 0 {
		return errors.Join(errBusy(), file.Close())
	}
	if _, told := file.(driver.Fingerprinter); known && !told {
		// A hash that is left of another file would pass for that of this one.
		err = u.r.remove(driver.Volatile(ctx), layout.UploadHashState(u.name, u.id))
	}
	if err == nil {
		err = writeAll(file, u.memory)
	}
	if err != nil {
		return mapped("write upload", errors.Join(err, file.Cancel(ctx), file.Close()))
	}
	u.file = file
	u.forget()
	return nil
}

// forget drops what memory holds, of which the driver has taken all. Its room others
// get.
func (u *upload) forget() {
	if u.memory != nil {
		room := u.memory[:0]
		u.r.rooms.Put(&room)
		u.memory = nil
	}
}

func writeAll(file driver.FileWriter, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := file.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// discard removes all that is stored of the session.
func (u *upload) discard(ctx context.Context) error {
	if !u.stored {
		return nil
	}
	return u.r.remove(driver.Volatile(ctx), layout.Upload(u.name, u.id))
}

// readBack hashes the bytes of the session again, canonically and by the algorithm
// of want.
func (u *upload) readBack(ctx context.Context, want digest.Digest) (digest.Digest, bool, error) {
	content, err := u.written(ctx)
	if err != nil {
		return "", false, fmt.Errorf("read upload %s back: %w", u.id, err)
	}
	defer content.Close()
	counted := &counter{r: content}
	canonical, verified, err := verify(counted, want)
	if err == nil && counted.n != u.size.Load() {
		err = fmt.Errorf("%d bytes were written, %d can be read", u.size.Load(), counted.n)
	}
	if err != nil {
		return "", false, fmt.Errorf("read upload %s back: %w", u.id, err)
	}
	return canonical, verified, nil
}

// written returns the bytes of the file. Where they can't be read before, it
// commits them.
func (u *upload) written(ctx context.Context) (io.ReadCloser, error) {
	if own, ok := u.file.(io.ReaderAt); ok {
		return io.NopCloser(io.NewSectionReader(own, 0, u.size.Load())), nil
	}
	if err := u.seal(ctx); err != nil {
		return nil, err
	}
	return u.r.driver.Reader(ctx, layout.UploadData(u.name, u.id), 0)
}
