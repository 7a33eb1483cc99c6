package storage_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// A gate holds the n-th move of a driver up.
type gate struct {
	driver.Driver
	reached chan struct{}
	pass    chan error // what becomes of the move
}

func gated(inner driver.Driver, n int32) *gate {
	g := &gate{reached: make(chan struct{}), pass: make(chan error, 1)}
	var moves atomic.Int32
	g.Driver = faulty.Wrap(inner, func(op faulty.Op, _ string) error {
		if op != faulty.Move || moves.Add(1) != n {
			return nil
		}
		close(g.reached)
		return <-g.pass
	})
	return g
}

// stopped returns an upload of content whose commit has come to the gate, and what
// becomes of it.
func (g *gate) stopped(t *testing.T, name string, content []byte) (registry.BlobWriter, chan error) {
	t.Helper()
	w, err := repository(t, storage.New(g, storage.Options{}), name).Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write(content)
	must(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := w.Commit(t.Context(), describe(content))
		done <- err
	}()
	<-g.reached
	return w, done
}

// TestCommitIsNotOvertaken stops a replica between the commit of a file and the
// move to where content lies, and lets another take the upload, with other bytes,
// as far as that goes. What the first one commits has its own bytes.
func TestCommitIsNotOvertaken(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := open(t)
			first := gated(inner, 1)
			content := bytes.Repeat([]byte("1"), 100<<10)
			w, done := first.stopped(t, "overtaken", content)

			second := gated(inner, 2) // its first one takes the bytes back
			other, err := repository(t, storage.New(second, storage.Options{}), "overtaken").Blobs().Resume(t.Context(), w.Upload().ID)
			if !errors.Is(err, registry.ErrBlobUploadInvalid) {
				t.Errorf("an upload that is being committed is resumed: %v", err)
			}
			if err == nil {
				_, err = other.Write([]byte("2"))
				must(t, err)
				go other.Commit(t.Context(), describe(append(bytes.Clone(content), '2')))
				<-second.reached
			}
			first.pass <- nil
			must(t, <-done)
			second.pass <- nil
			if got := read(t, repository(t, storage.New(inner, storage.Options{}), "overtaken"), describe(content).Digest); !bytes.Equal(got, content) {
				t.Errorf("the blob has %d bytes that are not its own", len(got))
			}
		})
	}
}

// TestCommitOfWhatWasGivenUp lets one replica fail and give up, another take the
// upload over, and demands that a third one leaves that alone.
func TestCommitOfWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := open(t)
			first := gated(inner, 1)
			content := bytes.Repeat([]byte("1"), 100<<10)
			w, failed := first.stopped(t, "givenup", content)
			first.pass <- errors.New("the medium is at fault")
			if err := <-failed; err == nil {
				t.Fatal("the commit did not fail")
			}
			must(t, w.Close())

			second := gated(inner, 2) // its first one takes the bytes back
			other, err := repository(t, storage.New(second, storage.Options{}), "givenup").Blobs().Resume(t.Context(), w.Upload().ID)
			must(t, err)
			done := make(chan error, 1)
			go func() {
				_, err := other.Commit(t.Context(), describe(content))
				done <- err
			}()
			<-second.reached
			third := repository(t, storage.New(inner, storage.Options{}), "givenup")
			_, err = third.Blobs().Resume(t.Context(), w.Upload().ID)
			second.pass <- nil
			must(t, <-done)
			wantError(t, err, registry.ErrBlobUploadInvalid)
			if got := read(t, third, describe(content).Digest); !bytes.Equal(got, content) {
				t.Errorf("the blob has %d bytes that are not its own", len(got))
			}
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
				inner := open(t)
				g := gated(inner, 1)
				content := bytes.Repeat([]byte("1"), 100<<10)
				w, done := g.stopped(t, "killed", content)
				g.pass <- errors.New("killed")
				if err := <-done; err == nil {
					t.Fatal("the commit did not fail")
				}
				if closes {
					must(t, w.Close())
				}
				for _, age := range []time.Duration{0, 9 * time.Minute, 11 * time.Minute} {
					p := repository(t, storage.New(aged{inner, age}, storage.Options{}), "killed")
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
