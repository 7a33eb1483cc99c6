package storage_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/ci/backends/nemesis"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/s3"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

func moves(op faulty.Op, _ string) bool { return op == faulty.Move }

// replica is the repository as a process of its own has it, with stops.
func replica(t *testing.T, inner driver.Driver, stops ...*faulty.Stop) registry.Repository {
	t.Helper()
	return repository(t, storage.New(faulty.Stopping(inner, stops...), storage.Options{}), "shared")
}

func async(f func() error) chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

func commit(w registry.BlobWriter, content []byte) chan error {
	return async(func() error { _, err := w.Commit(context.Background(), describe(content)); return err })
}

// begun returns an upload of content that is not committed.
func begun(t *testing.T, p registry.Repository, content []byte) registry.BlobWriter {
	t.Helper()
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write(content)
	must(t, err)
	return w
}

// givenUp returns the id of an upload whose commit failed between the commit of its
// file and the move.
func givenUp(t *testing.T, inner driver.Driver, content []byte) string {
	t.Helper()
	w := begun(t, replica(t, inner, faulty.FailAt(moves)), content)
	if err := <-commit(w, content); err == nil {
		t.Fatal("the commit did not fail")
	}
	must(t, w.Close())
	return w.Upload().ID
}

// hasItsBytes demands that the blob of content is there, and whole.
func hasItsBytes(t *testing.T, inner driver.Driver, content []byte) {
	t.Helper()
	if got := read(t, replica(t, inner), describe(content).Digest); !bytes.Equal(got, content) {
		t.Errorf("the blob has %d bytes that are not its own", len(got))
	}
}

// TestCommitIsNotOvertaken stops a replica between the commit of a file and the
// move to where content lies, and lets another take the upload, with other bytes,
// as far as that goes. What the first one commits has its own bytes (S-145).
func TestCommitIsNotOvertaken(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner, content := open(t), bytes.Repeat([]byte("1"), 100<<10)
			first := faulty.StopAt(1, moves)
			w := begun(t, replica(t, inner, first), content)
			done := commit(w, content)
			must(t, first.Await())

			second := faulty.StopAt(2, moves) // its first one takes the bytes back
			other, err := replica(t, inner, second).Blobs().Resume(t.Context(), w.Upload().ID)
			if !errors.Is(err, registry.ErrBlobUploadInvalid) {
				t.Errorf("an upload that is being committed is resumed: %v", err)
			}
			if err == nil {
				_, err = other.Write([]byte("2"))
				must(t, err)
				commit(other, append(bytes.Clone(content), '2'))
				must(t, second.Await())
			}
			first.Pass <- nil
			must(t, <-done)
			second.Pass <- nil
			hasItsBytes(t, inner, content)
		})
	}
}

// TestCommitOfWhatWasGivenUp lets one replica fail and give up, another take the
// upload over, and demands that a third one leaves that alone: also if who took it
// over broke off, and another ends it.
func TestCommitOfWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		for at, c := range map[string]struct {
			breaks *faulty.Stop
			move   int // which one of the last replica's is that of its commit
		}{
			"whole":         {nil, 2},
			"not begun":     {faulty.FailAt(faulty.On(faulty.PutContent, "/hashstate")), 2},
			"not moved":     {faulty.FailAt(moves), 2},
			"nearly at end": {faulty.FailAt(faulty.On(faulty.Delete, "/recovered")), 1},
		} {
			t.Run(name+" "+at, func(t *testing.T) {
				t.Parallel()
				inner, content := open(t), bytes.Repeat([]byte("1"), 100<<10)
				id := givenUp(t, inner, content)
				if c.breaks != nil {
					if _, err := replica(t, inner, c.breaks).Blobs().Resume(t.Context(), id); err == nil {
						t.Fatal("the second one does not fail")
					}
				}
				last := faulty.StopAt(c.move, moves)
				other, err := replica(t, aged{inner, 11 * time.Minute}, last).Blobs().Resume(t.Context(), id)
				must(t, err)
				done := commit(other, content)
				must(t, last.Await())
				_, err = replica(t, inner).Blobs().Resume(t.Context(), id)
				last.Pass <- nil
				must(t, <-done)
				wantError(t, err, registry.ErrBlobUploadInvalid)
				hasItsBytes(t, inner, content)
			})
		}
	}
}

// TestTwoRecoverOneUpload lets a replica take the file away that another, which was
// quicker to take the upload over, has committed in its place. That one is told that
// the upload is gone.
func TestTwoRecoverOneUpload(t *testing.T) {
	t.Parallel()
	inner, content := drivers["inmemory"](t), bytes.Repeat([]byte("1"), 100<<10)
	id := givenUp(t, inner, content)
	looked, slowCommit := faulty.StopAt(1, faulty.On(faulty.PutContent, "/hashstate")), faulty.StopAt(2, moves)
	var slow registry.BlobWriter
	resumed := async(func() (err error) {
		slow, err = replica(t, inner, looked, slowCommit).Blobs().Resume(t.Context(), id)
		return err
	})
	must(t, looked.Await())

	quickCommit := faulty.StopAt(2, moves)
	quick, err := replica(t, inner, quickCommit).Blobs().Resume(t.Context(), id)
	must(t, err)
	_, err = quick.Write([]byte("2"))
	must(t, err)
	quickContent := append(bytes.Clone(content), '2')
	quickDone := commit(quick, quickContent)
	must(t, quickCommit.Await())

	looked.Pass <- nil
	must(t, <-resumed)
	_, err = slow.Write([]byte("3"))
	must(t, err)
	slowContent := append(bytes.Clone(quickContent), '3')
	slowDone := commit(slow, slowContent)
	must(t, slowCommit.Await())
	quickCommit.Pass <- nil
	wantError(t, <-quickDone, registry.ErrBlobUploadUnknown)
	slowCommit.Pass <- nil
	must(t, <-slowDone)
	hasItsBytes(t, inner, slowContent)
}

// TestReadBackIsNotOvertaken lets a client finish, after a long time, an upload by an
// algorithm that it has not announced, so that the file is read back. On a file
// system others can't come near the file meanwhile.
func TestReadBackIsNotOvertaken(t *testing.T) {
	t.Parallel()
	inner, content := drivers["filesystem"](t), bytes.Repeat([]byte("1"), 100<<10)
	u := interrupted(t, replica(t, inner), content)
	want := digest.SHA512.FromBytes(content)
	w, err := repository(t, storage.New(neverMoves{inner.(*filesystem.Driver), t}, storage.Options{}), "shared").Blobs().Resume(t.Context(), u.ID)
	must(t, err)
	_, err = w.Commit(t.Context(), registry.Descriptor{Digest: want})
	must(t, err)
	if got := read(t, replica(t, inner), want); !bytes.Equal(got, content) {
		t.Errorf("the blob has %d bytes that are not its own", len(got))
	}
}

// neverMoves is the driver of a file system that is a Publisher still.
type neverMoves struct {
	*filesystem.Driver
	t *testing.T
}

func (n neverMoves) Move(ctx context.Context, src, dst string) error {
	n.t.Errorf("%s is in view before it is moved", src)
	return n.Driver.Move(ctx, src, dst)
}

// TestTwoFilesOfOneUpload lets two replicas begin the file of one upload at the same
// time, of which S3 then has two: one of them commits, and the other is told that
// the upload is gone.
func TestTwoFilesOfOneUpload(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	open := func() driver.Driver {
		parameters := server.Parameters()
		parameters["regionendpoint"] = p.URL.String()
		parsed, err := s3.ParseParameters(parameters)
		must(t, err)
		d, err := s3.New(parsed)
		must(t, err)
		return d
	}
	u := interrupted(t, replica(t, open()), nil)
	contents := [][]byte{bytes.Repeat([]byte("A"), 100<<10), bytes.Repeat([]byte("B"), 100<<10)}
	var writers []registry.BlobWriter
	var stops []*faulty.Stop
	for range contents {
		s := faulty.StopAt(1, moves)
		w, err := replica(t, open(), s).Blobs().Resume(t.Context(), u.ID)
		must(t, err)
		writers, stops = append(writers, w), append(stops, s)
	}
	// Both have seen that there is no upload before either begins one.
	var both sync.WaitGroup
	both.Add(2)
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Query().Has("uploads") {
			both.Done()
			both.Wait()
		}
		p.Pass(w, r)
	})
	var written []chan error
	for i, w := range writers {
		written = append(written, async(func() error { _, err := w.Write(contents[i]); return err }))
	}
	for _, done := range written {
		must(t, <-done)
	}
	p.Use(nil)
	first := commit(writers[0], contents[0])
	must(t, stops[0].Await())
	second := commit(writers[1], contents[1])
	must(t, stops[1].Await())
	stops[0].Pass <- nil
	wantError(t, <-first, registry.ErrBlobUploadUnknown)
	stops[1].Pass <- nil
	must(t, <-second)
	hasItsBytes(t, open(), contents[1])
}

// TestHashOfAnotherFile lets the file of an upload go to where content lies and the
// link fail, and other bytes of the same number take its place, whose hash can't be
// stored. The hash of the first does not pass for theirs.
func TestHashOfAnotherFile(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner, content := open(t), bytes.Repeat([]byte("1"), 100<<10)
			u := interrupted(t, replica(t, inner), content)
			w, err := replica(t, inner, faulty.FailAt(faulty.On(faulty.PutContent, "/_layers/"))).Blobs().Resume(t.Context(), u.ID)
			must(t, err)
			if err := <-commit(w, content); err == nil {
				t.Fatal("the commit did not fail")
			}
			must(t, w.Close())
			w, err = replica(t, inner, faulty.FailAt(faulty.On(faulty.PutContent, "/hashstate"))).Blobs().Resume(t.Context(), u.ID)
			must(t, err)
			_, err = w.Write(bytes.Repeat([]byte("2"), len(content)))
			must(t, err)
			if w.Close() == nil {
				t.Fatal("the close did not fail")
			}
			w, err = replica(t, inner).Blobs().Resume(t.Context(), u.ID)
			must(t, err)
			wantError(t, <-commit(w, content), registry.ErrDigestInvalid)
		})
	}
}

// aged is a driver whose files are older than they are.
type aged struct {
	driver.Driver
	by time.Duration
}

func (a aged) Stat(ctx context.Context, path string) (driver.FileInfo, error) {
	info, err := a.Driver.Stat(ctx, path)
	if err != nil {
		return nil, err
	}
	return agedInfo{info, a.by}, nil
}

type agedInfo struct {
	driver.FileInfo
	by time.Duration
}

func (i agedInfo) ModTime() time.Time { return i.FileInfo.ModTime().Add(-i.by) }

// TestCommitThatNeverEnds takes an upload over from a process that was killed
// between commit and move: not as long as it could be at work, and then with all
// its bytes. From one that has failed and closed the upload it is taken at once.
func TestCommitThatNeverEnds(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		for _, closes := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				inner, content := open(t), bytes.Repeat([]byte("1"), 100<<10)
				w := begun(t, replica(t, inner, faulty.FailAt(moves)), content)
				if err := <-commit(w, content); err == nil {
					t.Fatal("the commit did not fail")
				}
				if closes {
					must(t, w.Close())
				}
				for _, age := range []time.Duration{0, 9 * time.Minute, 11 * time.Minute} {
					p := replica(t, aged{inner, age})
					taken := closes || age > 10*time.Minute
					u, err := p.Blobs().Upload(t.Context(), w.Upload().ID)
					must(t, err)
					if taken && u.Size != int64(len(content)) {
						t.Errorf("after %s it has %d bytes", age, u.Size)
					}
					other, err := p.Blobs().Resume(t.Context(), w.Upload().ID)
					if !taken {
						wantError(t, err, registry.ErrBlobUploadInvalid)
						continue
					}
					must(t, err)
					must(t, other.Close())
				}
			})
		}
	}
}
