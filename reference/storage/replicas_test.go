package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/azure"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/driver/s3"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// part is more than the drivers keep before they send it.
const part = 5<<20 + 100

// shared opens drivers over one store, as replicas do.
func shared(t *testing.T) map[string]func() (driver.Driver, error) {
	dir := t.TempDir()
	objects, blobs := backends.StartS3(t), backends.StartAzure(t)
	azures := func() (*azure.Driver, error) {
		p, err := azure.ParseParameters(blobs.Parameters("replicas"))
		if err != nil {
			return nil, err
		}
		p.ChunkSize = 1 << 20
		return azure.New(p)
	}
	d, err := azures()
	must(t, err)
	must(t, d.CreateContainer(t.Context()))
	return map[string]func() (driver.Driver, error){
		"filesystem": func() (driver.Driver, error) { return filesystem.New(filesystem.Parameters{Root: dir}) },
		"s3": func() (driver.Driver, error) {
			p, err := s3.ParseParameters(objects.Parameters())
			if err != nil {
				return nil, err
			}
			p.ChunkSize = 5 << 20
			return s3.New(p)
		},
		"azure": func() (driver.Driver, error) { return azures() },
	}
}

// sharedOrOwn opens drivers over one store, that of this process as well.
func sharedOrOwn(t *testing.T) map[string]func() (driver.Driver, error) {
	all, memory := shared(t), inmemory.New(inmemory.Parameters{})
	all["inmemory"] = func() (driver.Driver, error) { return memory, nil }
	return all
}

// openReplicas returns a repository as so many replicas of a registry have it.
func openReplicas(t *testing.T, open func() (driver.Driver, error), n int, name string) []registry.Repository {
	t.Helper()
	replicas := make([]registry.Repository, n)
	for i := range replicas {
		d, err := open()
		must(t, err)
		replicas[i] = repository(t, storage.New(d, storage.Options{}), name)
	}
	return replicas
}

// TestTwoReplicasAtOneUpload lets two replicas go on with one upload at the same
// time, with other bytes each, in every order. Whatever becomes of the upload, a
// blob has the bytes that its digest says (S-145).
func TestTwoReplicasAtOneUpload(t *testing.T) {
	t.Parallel()
	for name, open := range shared(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replicas := openReplicas(t, open, 3, "shared")
			committed := 0
			for n, order := range []string{"AABB", "ABAB", "ABBA", "BABA", "BAAB", "BBAA"} {
				for _, wants := range []byte("AB") {
					for _, commits := range []bool{false, true} {
						if race(t, replicas, n, order, wants, commits) {
							committed++
						}
					}
				}
			}
			t.Logf("%d of 24 uploads became a blob", committed)
			if committed == 0 {
				t.Error("no upload became a blob")
			}
		})
	}
}

// race lets replicas A and B write to one upload, and then end, in the given
// order, of which each letter is a step. Then the upload is to become the content
// that wants has written: by the one itself, or by a third replica. It reports
// whether there is a blob.
func race(t *testing.T, replicas []registry.Repository, n int, order string, wants byte, commits bool) bool {
	t.Helper()
	begin := fmt.Appendf(nil, "%d%c%v", n, wants, commits)
	u := interrupted(t, replicas[2], begin)
	var writers [2]registry.BlobWriter
	var errs [2]error
	contents := [2][]byte{bytes.Repeat([]byte("A"), part), bytes.Repeat([]byte("B"), part)}
	for i := range writers {
		writers[i], errs[i] = replicas[i].Blobs().Resume(t.Context(), u.ID)
	}
	want := digest.FromBytes(append(bytes.Clone(begin), contents[wants-'A']...))
	step := map[byte]int{}
	for _, who := range []byte(order) {
		i := who - 'A'
		step[who]++
		switch {
		case errs[i] != nil:
		case step[who] == 1:
			_, errs[i] = writers[i].Write(contents[i])
		case commits && who == wants:
			_, err := writers[i].Commit(t.Context(), registry.Descriptor{Digest: want})
			errs[i] = errors.Join(err, writers[i].Close())
		default:
			errs[i] = writers[i].Close()
		}
	}
	if !commits {
		w, err := replicas[2].Blobs().Resume(t.Context(), u.ID)
		if err == nil {
			_, err = w.Commit(t.Context(), registry.Descriptor{Digest: want})
			err = errors.Join(err, w.Close())
		}
		errs[wants-'A'] = err
	}
	for _, err := range errs {
		if err != nil && len(registry.Errors(err)) == 0 {
			t.Errorf("%s (order %s): who comes second is told of a failure: %v", begin, order, err)
		}
	}
	blob, err := replicas[2].Blobs().Open(t.Context(), want)
	if errors.Is(err, registry.ErrBlobUnknown) {
		if errs[wants-'A'] == nil {
			t.Errorf("%s: a blob that was acknowledged is absent", begin)
		}
		return false
	}
	must(t, err)
	defer blob.Close()
	got, err := io.ReadAll(blob)
	must(t, err)
	if digest.FromBytes(got) != want {
		t.Errorf("%s (order %s): a blob of %d bytes has others than its digest says", begin, order, len(got))
	}
	return true
}

// TestUploadEndedByAnotherReplica lets one replica cancel or commit an upload to
// which another is writing. Where the driver allows that, whoever writes is told
// that the upload is unknown, not of a failure; what it wrote is gone, and what
// was committed stays.
func TestUploadEndedByAnotherReplica(t *testing.T) {
	t.Parallel()
	for name, open := range shared(t) {
		for _, commits := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/commits=%v", name, commits), func(t *testing.T) {
				t.Parallel()
				replicas := openReplicas(t, open, 2, "ended")
				begin := fmt.Appendf(nil, "ended %v", commits)
				u := interrupted(t, replicas[0], begin)
				writing, err := replicas[0].Blobs().Resume(t.Context(), u.ID)
				must(t, err)
				_, err = writing.Write(bytes.Repeat([]byte("A"), part))
				must(t, err)
				other, err := replicas[1].Blobs().Resume(t.Context(), u.ID)
				if name == "filesystem" {
					if !errors.Is(err, registry.ErrBlobUploadInvalid) {
						t.Errorf("an upload that is being written to can be resumed: %v", err)
					}
					must(t, writing.Cancel(t.Context()))
					return
				}
				must(t, err)
				all := bytes.Clone(begin)
				if commits {
					all = append(all, bytes.Repeat([]byte("A"), int(other.Upload().Size)-len(begin))...)
					_, err = other.Commit(t.Context(), registry.Descriptor{Digest: digest.FromBytes(all)})
				} else {
					err = other.Cancel(t.Context())
				}
				must(t, errors.Join(err, other.Close()))

				_, err = writing.Write(bytes.Repeat([]byte("A"), 2*part))
				if err == nil {
					whole := append(bytes.Clone(begin), bytes.Repeat([]byte("A"), 3*part)...)
					_, err = writing.Commit(t.Context(), registry.Descriptor{Digest: digest.FromBytes(whole)})
				}
				if !errors.Is(err, registry.ErrBlobUploadUnknown) {
					t.Errorf("who goes on with an upload that has ended gets %v, want %v", err, registry.ErrBlobUploadUnknown)
				}
				if err := writing.Close(); err != nil && !errors.Is(err, registry.ErrBlobUploadUnknown) {
					t.Errorf("closing it: %v", err)
				}
				if _, err := replicas[1].Blobs().Resume(t.Context(), u.ID); !errors.Is(err, registry.ErrBlobUploadUnknown) {
					t.Errorf("the upload has ended, and can be resumed: %v", err)
				}
				want := error(nil)
				if !commits {
					want = registry.ErrBlobUnknown
				}
				if _, err := replicas[1].Blobs().Stat(t.Context(), digest.FromBytes(all)); !errors.Is(err, want) {
					t.Errorf("the blob: %v, want %v", err, want)
				}
			})
		}
	}
}

// TestFingerprintsOutliveTheirWriter demands that what a writer has closed has the
// same fingerprint for the next one, of another process, so that nothing is read
// back; and another one for other bytes.
func TestFingerprintsOutliveTheirWriter(t *testing.T) {
	t.Parallel()
	for name, open := range shared(t) {
		if name == "filesystem" {
			continue // it keeps writers apart
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for _, size := range []int{100, part, 3 * part, 10 << 20} {
				path := fmt.Sprintf("/prints/%d", size)
				closed := ""
				for _, appends := range []bool{false, true} {
					d, err := open()
					must(t, err)
					w, err := d.Writer(t.Context(), path, appends)
					must(t, err)
					own := w.(driver.Fingerprinter)
					if appends && (own.Fingerprint() != closed || w.Size() != int64(size)) {
						t.Errorf("%d bytes: the next writer has %d, and another fingerprint", size, w.Size())
					}
					_, err = w.Write(make([]byte, size))
					must(t, errors.Join(err, w.Close()))
					closed = own.Fingerprint()
					seen[closed] = true
				}
			}
			if len(seen) != 8 {
				t.Errorf("8 files have %d fingerprints", len(seen))
			}
		})
	}
}

// TestMoverMovesItsOwn demands of each writer that is a [driver.Mover] that it moves
// what it has committed, also once it is closed, and nothing that another has put in
// its place.
func TestMoverMovesItsOwn(t *testing.T) {
	t.Parallel()
	all := sharedOrOwn(t)
	delete(all, "filesystem") // its writers are none
	for name, open := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			committed := func(content string) driver.FileWriter {
				d, err := open()
				must(t, err)
				w, err := d.Writer(t.Context(), "/mover/from", false)
				must(t, err)
				_, err = w.Write([]byte(content))
				must(t, err)
				must(t, errors.Join(w.Commit(t.Context()), w.Close()))
				return w
			}
			d, err := open()
			must(t, err)
			first, second := committed("first"), committed("second")
			if err := first.(driver.Mover).MoveTo(t.Context(), "/mover/to"); !errors.Is(err, driver.DiscardedError{DriverName: d.Name()}) {
				t.Errorf("a writer whose content was replaced: %v", err)
			}
			if _, err := d.Stat(t.Context(), "/mover/to"); err == nil {
				t.Error("it has moved what it has not committed")
			}
			must(t, second.(driver.Mover).MoveTo(t.Context(), "/mover/to"))
			if got, err := d.GetContent(t.Context(), "/mover/to"); string(got) != "second" || err != nil {
				t.Errorf("moved: %q, %v", got, err)
			}
			if err := second.(driver.Mover).MoveTo(t.Context(), "/mover/to"); !errors.Is(err, driver.DiscardedError{DriverName: d.Name()}) {
				t.Errorf("to move what is gone: %v", err)
			}
		})
	}
}

// TestAskingEndsNoUpload asks a replica how far an upload has come that another is
// at, and which has sent the store nothing yet. It goes on (S-145).
func TestAskingEndsNoUpload(t *testing.T) {
	t.Parallel()
	for name, open := range shared(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replicas := openReplicas(t, open, 2, "asked")
			content := bytes.Repeat([]byte("asked"), part/5)
			u := interrupted(t, replicas[0], nil)
			w, err := replicas[0].Blobs().Resume(t.Context(), u.ID)
			must(t, err)
			for rest := content; len(rest) > 0; rest = rest[min(len(rest), part/4):] {
				must(t, second(w.Write(rest[:min(len(rest), part/4)])))
				_, err := replicas[1].Blobs().Upload(t.Context(), u.ID)
				must(t, err)
			}
			must(t, second(w.Commit(t.Context(), registry.Descriptor{Digest: digest.FromBytes(content)})))
			must(t, w.Close())
			if got := read(t, replicas[1], digest.FromBytes(content)); !bytes.Equal(got, content) {
				t.Errorf("%d bytes came back", len(got))
			}
		})
	}
}

// plain is a driver that is nothing else.
type plain struct{ driver.Driver }

// TestUncommitted asks each driver, of another process, what a writer has left, and
// one that must open a writer for it. A driver that is asked takes nothing from who
// is writing.
func TestUncommitted(t *testing.T) {
	t.Parallel()
	for name, open := range sharedOrOwn(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			d, err := open()
			must(t, err)
			other, err := open()
			must(t, err)
			const path = "/uncommitted/file"
			asked := func(want int64, all ...driver.Driver) {
				t.Helper()
				for _, d := range all {
					got, err := driver.Uncommitted(ctx, d, path)
					_, busy := errors.AsType[driver.BusyError](err)
					_, none := errors.AsType[driver.PathNotFoundError](err)
					if got != max(want, 0) || none != (want == 0) || busy != (want < 0) || err != nil && !none && !busy {
						t.Errorf("%T: %d bytes, %v, want %d", d, got, err, want)
					}
				}
			}
			asked(0, d, other, plain{other})
			want := int64(0)
			for range 2 {
				w, err := d.Writer(ctx, path, true)
				must(t, err)
				must(t, second(w.Write(make([]byte, part))))
				if name == "filesystem" || name == "inmemory" {
					asked(-1, other, plain{other})
				} else if _, err := driver.Uncommitted(ctx, other, path); err != nil && !errors.As(err, new(driver.PathNotFoundError)) {
					t.Error(err)
				}
				must(t, second(w.Write([]byte("the end"))))
				must(t, w.Close())
				want += part + 7
				asked(want, d, other, plain{other})
			}
			w, err := d.Writer(ctx, path, true)
			must(t, err)
			if w.Size() != want {
				t.Errorf("%d bytes are there, want %d", w.Size(), want)
			}
			must(t, errors.Join(w.Commit(ctx), w.Close()))
			asked(0, d, other)
			must(t, d.Delete(ctx, path))
			asked(0, d, other, plain{other})
		})
	}
}

// TestAskingWhileAnUploadIsRecovered: whoever has given an upload up left no number
// of bytes.
func TestAskingWhileAnUploadIsRecovered(t *testing.T) {
	t.Parallel()
	d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir()})
	must(t, err)
	p := repository(t, storage.New(d, storage.Options{}), "given/up")
	u := interrupted(t, p, []byte("given up"))
	w, err := d.Writer(t.Context(), uploadPath("given/up", u.ID, "data"), true)
	must(t, err)
	defer w.Close()
	for state, want := range map[string]int64{"\xff\xff\xff\xff\xff\xff\xff\xff": 0, "\x00\x00\x00\x00\x00\x00\x00\x05": 5} {
		must(t, d.PutContent(t.Context(), uploadPath("given/up", u.ID, "hashstate"), []byte(state)))
		if got, err := p.Blobs().Upload(t.Context(), u.ID); err != nil || got.Size != want {
			t.Errorf("%q: %d bytes, %v, want %d", state, got.Size, err, want)
		}
	}
}
