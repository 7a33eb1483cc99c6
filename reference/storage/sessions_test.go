package storage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// interrupted begins an upload and closes it after the first chunk.
func interrupted(t *testing.T, p registry.Repository, chunk []byte) registry.Upload {
	t.Helper()
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write(chunk)
	must(t, err)
	must(t, w.Close())
	return w.Upload()
}

func uploadPath(name, id, file string) string {
	return root + "/repositories/" + name + "/_uploads/" + id + "/" + file
}

// TestLifeOfAnUpload follows one from its beginning to each of its ends, and
// looks at the store: S-153, S-154, S-155, S-156, S-160, S-161, S-162, S-207,
// S-221, S-222, S-223, S-224, S-227, S-228, S-229, S-231, S-243, S-247, S-318,
// S-319, S-320, S-325, S-330, K-21.
func TestLifeOfAnUpload(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "life")
			begun := time.Now().UTC()
			first := interrupted(t, p, []byte("one "))
			second := interrupted(t, p, []byte("x"))
			for _, u := range []registry.Upload{first, second} {
				id, err := uuid.Parse(u.ID)
				must(t, err)
				if id.Version() != 4 || first.ID == second.ID || u.StartedAt.Location() != time.UTC || u.StartedAt.Before(begun) {
					t.Fatalf("upload %+v", u)
				}
			}
			text, err := d.GetContent(t.Context(), uploadPath("life", first.ID, "startedat"))
			must(t, err)
			started, err := time.Parse(time.RFC3339Nano, string(text))
			must(t, err)
			if !strings.HasSuffix(string(text), "Z") || !started.Equal(first.StartedAt) {
				t.Fatalf("the start is stored as %s, and was %v", text, first.StartedAt)
			}
			w, err := p.Blobs().Resume(t.Context(), first.ID)
			must(t, err)
			if u := w.Upload(); !u.StartedAt.Equal(first.StartedAt) || u.Size != 4 || u.ID != first.ID {
				t.Fatalf("resumed %+v, want %+v", u, first)
			}
			n, err := io.Copy(w, strings.NewReader(""))
			if n != 0 || err != nil {
				t.Fatalf("copying nothing: %d, %v", n, err)
			}
			n, err = io.Copy(w, iotest.OneByteReader(strings.NewReader("two")))
			if n != 3 || err != nil || w.Upload().Size != 7 {
				t.Fatalf("copied %d, size %d, %v", n, w.Upload().Size, err)
			}
			_, err = w.Commit(t.Context(), registry.Descriptor{Digest: digest.FromString("one two")})
			must(t, err)
			must(t, errors.Join(w.Cancel(t.Context()), w.Cancel(t.Context()), w.Close()))
			if got := string(read(t, p, digest.FromString("one two"))); got != "one two" {
				t.Fatalf("content %q", got)
			}
			w, err = p.Blobs().Resume(t.Context(), second.ID)
			must(t, err)
			must(t, w.Cancel(t.Context()))
			must(t, w.Close())
			for _, u := range []registry.Upload{first, second} {
				_, err := p.Blobs().Resume(t.Context(), u.ID)
				wantError(t, err, registry.ErrBlobUploadUnknown)
			}
			if left := files(t, d, root+"/repositories/life/_uploads"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestUploadsOfOthers: an upload of one repository is unknown in another, by
// whatever id (S-053, K-22).
func TestUploadsOfOthers(t *testing.T) {
	t.Parallel()
	r := storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{})
	p, q := repository(t, r, "a/b"), repository(t, r, "a")
	u := interrupted(t, p, []byte("mine"))
	for _, id := range []string{u.ID, "../../b/_uploads/" + u.ID, "b/_uploads/" + u.ID, strings.ToUpper(u.ID), "{" + u.ID + "}", "urn:uuid:" + u.ID, u.ID + "/", "", ".", ".."} {
		_, err := q.Blobs().Resume(t.Context(), id)
		wantError(t, err, registry.ErrBlobUploadUnknown)
		_, err = q.Blobs().Upload(t.Context(), id)
		wantError(t, err, registry.ErrBlobUploadUnknown)
	}
}

// TestDamagedStart: an upload without a start is unknown (S-322), and one whose
// start is no time is a failure, not absence (S-324).
func TestDamagedStart(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	p := repository(t, storage.New(d, storage.Options{}), "start")
	u := interrupted(t, p, bytes.Repeat([]byte("s"), 100<<10))
	must(t, d.PutContent(t.Context(), uploadPath("start", u.ID, "startedat"), []byte("yesterday")))
	_, err := p.Blobs().Resume(t.Context(), u.ID)
	if err == nil || len(registry.Errors(err)) > 0 {
		t.Errorf("a start that is no time: %v", err)
	}
	// Older registries write whole seconds.
	must(t, d.PutContent(t.Context(), uploadPath("start", u.ID, "startedat"), []byte("2015-08-01T12:00:00Z")))
	w, err := p.Blobs().Resume(t.Context(), u.ID)
	must(t, err)
	must(t, w.Close())
	if got := w.Upload().StartedAt; got.Year() != 2015 {
		t.Errorf("started %v", got)
	}
	must(t, d.Delete(t.Context(), uploadPath("start", u.ID, "startedat")))
	_, err = p.Blobs().Resume(t.Context(), u.ID)
	wantError(t, err, registry.ErrBlobUploadUnknown)
}

// TestHashStateOfTheStandardLibrary reads the stored state by the standard
// library (S-030), and has states that don't fit: they are not used, and all is
// read instead (S-031, K-48).
func TestHashStateOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	first, second := bytes.Repeat([]byte("1"), 100_000), bytes.Repeat([]byte("2"), 1000)
	whole := append(bytes.Clone(first), second...)
	for name, spoil := range map[string]func(state []byte) []byte{
		"as it is":      func(s []byte) []byte { return s },
		"of fewer":      func(s []byte) []byte { binary.BigEndian.PutUint64(s, 99_999); return s },
		"cut short":     func(s []byte) []byte { return s[:20] },
		"empty":         func([]byte) []byte { return nil },
		"of other make": func(s []byte) []byte { copy(s[8:], "xxxx"); return s },
		"gone":          nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, reads := counter(inmemory.New(inmemory.Parameters{}))
			p := repository(t, storage.New(d, storage.Options{}), "state")
			u := interrupted(t, p, first)
			file := uploadPath("state", u.ID, "hashstate")
			state, err := d.GetContent(t.Context(), file)
			must(t, err)
			h := sha256.New()
			must(t, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state[8:]))
			if at := binary.BigEndian.Uint64(state); at != uint64(len(first)) || digest.NewDigest(digest.SHA256, h) != digest.FromBytes(first) {
				t.Fatalf("the state is of %d bytes, and of others", at)
			}
			want := int64(1)
			switch {
			case spoil == nil:
				must(t, d.Delete(t.Context(), file))
			default:
				if spoilt := spoil(bytes.Clone(state)); bytes.Equal(spoilt, state) {
					want = 0
				} else {
					must(t, d.PutContent(t.Context(), file, spoilt))
				}
			}
			w, err := p.Blobs().Resume(t.Context(), u.ID)
			must(t, err)
			_, err = w.Write(second)
			must(t, err)
			_, err = w.Commit(t.Context(), describe(whole))
			must(t, err)
			if got := reads.Load(); got != want {
				t.Errorf("read back %d times, want %d", got, want)
			}
		})
	}
}

// TestCloseKeepsWhatWasWritten with hash states on and off (S-228, K-41), and a
// close after a cancel brings nothing back (K-42).
func TestCloseKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		for _, o := range []storage.Options{{}, {DisableHashState: true}} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := open(t)
				p := repository(t, storage.New(d, o), "close")
				u := interrupted(t, p, []byte("five!"))
				w, err := p.Blobs().Resume(t.Context(), u.ID)
				must(t, err)
				if got := w.Upload().Size; got != 5 {
					t.Fatalf("%d bytes are left of five", got)
				}
				_, err = w.Write([]byte("more"))
				must(t, err)
				must(t, errors.Join(w.Cancel(t.Context()), w.Close(), w.Close()))
				if left := files(t, d, root+"/repositories/close"); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
			})
		}
	}
}

// TestRefusedCommits: a wrong digest or size ends the session, and leaves
// neither it (K-43) nor a blob, whether the bytes are in memory, in a file or
// resumed (S-178, S-248, S-249, K-45). A size that is not told is none that is
// wrong (S-177).
// It shows S-333, K-27.
func TestRefusedCommits(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "refused")
			for _, size := range []int{5, 100 << 10} {
				content := bytes.Repeat([]byte("r"), size)
				good := describe(content)
				for _, resumed := range []bool{false, true} {
					for _, tc := range []struct {
						want registry.Descriptor
						err  *registry.Error
					}{
						{registry.Descriptor{Digest: digest.FromString("other")}, registry.ErrDigestInvalid},
						{registry.Descriptor{Digest: digest.SHA512.FromString("other")}, registry.ErrDigestInvalid},
						{registry.Descriptor{Digest: good.Digest, Size: good.Size + 1}, registry.ErrSizeInvalid},
						{registry.Descriptor{Digest: good.Digest, Size: good.Size - 1}, registry.ErrSizeInvalid},
						{registry.Descriptor{Digest: digest.SHA512.FromBytes(content), Size: 1}, registry.ErrSizeInvalid},
						{registry.Descriptor{}, registry.ErrDigestInvalid},
						{registry.Descriptor{Digest: "sha256:abc"}, registry.ErrDigestInvalid},
						{registry.Descriptor{Digest: "md5:d41d8cd98f00b204e9800998ecf8427e"}, registry.ErrDigestInvalid},
					} {
						w, err := p.Blobs().Create(t.Context())
						must(t, err)
						_, err = w.Write(content)
						must(t, err)
						if resumed {
							must(t, w.Close())
							w, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
							must(t, err)
						}
						desc, err := w.Commit(t.Context(), tc.want)
						wantError(t, err, tc.err)
						if desc.Digest != "" {
							t.Fatalf("a refused commit returns %+v", desc)
						}
						must(t, errors.Join(w.Cancel(t.Context()), w.Close()))
						if left := files(t, d, root); len(left) > 0 {
							t.Fatalf("a refused commit leaves %v", left)
						}
					}
				}
			}
			must(t, pushAs(t, p, []byte("untold"), digest.FromString("untold")))
		})
	}
}

// TestTwoWritersAreNeverMixed: an upload has one writer at a time, in a process
// and among several that share the store (K-23). Asking for its status disturbs
// nobody (K-99).
func TestTwoWritersAreNeverMixed(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p, q := repository(t, storage.New(d, storage.Options{}), "two"), repository(t, storage.New(d, storage.Options{}), "two")
			base := bytes.Repeat([]byte("0"), 100<<10)
			u := interrupted(t, p, base)
			w, err := p.Blobs().Resume(t.Context(), u.ID)
			must(t, err)
			for _, other := range []registry.Repository{p, q} {
				_, err = other.Blobs().Resume(t.Context(), u.ID)
				wantError(t, err, registry.ErrBlobUploadInvalid)
				status, err := other.Blobs().Upload(t.Context(), u.ID)
				must(t, err)
				if status.Size != int64(len(base)) || !status.StartedAt.Equal(u.StartedAt) {
					t.Fatalf("the status is %+v", status)
				}
			}
			_, err = w.Write([]byte("one"))
			must(t, err)
			must(t, w.Close())
			w, err = q.Blobs().Resume(t.Context(), u.ID)
			must(t, err)
			_, err = w.Write([]byte("two"))
			must(t, err)
			whole := append(bytes.Clone(base), "onetwo"...)
			_, err = w.Commit(t.Context(), describe(whole))
			must(t, err)
			must(t, w.Close())
			if !bytes.Equal(read(t, p, describe(whole).Digest), whole) {
				t.Fatal("the content differs")
			}
		})
	}
}

// TestReplicasContendForAnUpload lets processes that share the store take an
// upload from each other as fast as they can: each chunk that was acknowledged
// is there once, and whole.
func TestReplicasContendForAnUpload(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			const replicas, chunks, size = 3, 10, 40_000
			u := interrupted(t, repository(t, storage.New(d, storage.Options{}), "contend"), []byte("."))
			var wg sync.WaitGroup
			for i := range replicas {
				p := repository(t, storage.New(d, storage.Options{}), "contend")
				wg.Go(func() {
					for n := 0; n < chunks; {
						w, err := p.Blobs().Resume(context.Background(), u.ID)
						if errors.Is(err, registry.ErrBlobUploadInvalid) {
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						_, err = w.Write(bytes.Repeat([]byte{byte('a' + i)}, size))
						if err = errors.Join(err, w.Close()); err != nil {
							t.Error(err)
							return
						}
						n++
					}
				})
			}
			wg.Wait()
			w, err := repository(t, storage.New(d, storage.Options{}), "contend").Blobs().Resume(t.Context(), u.ID)
			must(t, err)
			if got, want := w.Upload().Size, int64(1+replicas*chunks*size); got != want {
				t.Fatalf("%d bytes, want %d", got, want)
			}
			must(t, w.Close())
		})
	}
}

// TestShortWritesAreFailures (S-226): an upload of which a write took fewer
// bytes cannot be committed as if it had all.
func TestShortWritesAreFailures(t *testing.T) {
	t.Parallel()
	broken := true
	d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), func(op faulty.Op, _ string) error {
		if op == faulty.Write && broken {
			return errMedium
		}
		return nil
	})
	p := repository(t, storage.New(d, storage.Options{}), "short")
	content := bytes.Repeat([]byte("s"), 300<<10)
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	n, err := io.Copy(w, bytes.NewReader(content))
	if _, ok := errors.AsType[driver.Error](err); !ok || n == int64(len(content)) {
		t.Fatalf("%d bytes were taken, %v", n, err)
	}
	broken = false
	if _, err := w.Commit(t.Context(), describe(content)); err == nil {
		t.Fatal("an upload that lacks bytes is committed")
	}
	_, err = p.Blobs().Stat(t.Context(), describe(content).Digest)
	wantError(t, err, registry.ErrBlobUnknown)
}

// TestSessionIsSeenToBeAtWorkBeforeItIsSeen: whoever purges must never find a
// session that began long ago without the sign that it goes on.
func TestSessionIsSeenToBeAtWorkBeforeItIsSeen(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration][]string{
		time.Second: {"PutContent startedat", "Writer data"},
		time.Hour:   {"PutContent hashstate", "PutContent startedat", "Writer data"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var l ledger
			d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), l.hook)
			w, err := repository(t, storage.New(d, storage.Options{}), "long/ago").Blobs().Create(t.Context())
			must(t, err)
			time.Sleep(age)
			must(t, second(w.Write(make([]byte, 100<<10))))
			var got []string
			for _, call := range l.take() {
				if op, at, _ := strings.Cut(call, " "); op == "PutContent" || op == "Writer" {
					got = append(got, op+" "+path.Base(at))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("after %v: %q, want %q", age, got, want)
			}
			must(t, w.Cancel(t.Context()))
		})
	}
}

// TestWritingIsASignOfLife: an upload that goes on for long is seen to be at work
// once a minute, so that it is not purged.
func TestWritingIsASignOfLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), l.hook)
		w, err := repository(t, storage.New(d, storage.Options{}), "long").Blobs().Create(t.Context())
		must(t, err)
		must(t, second(w.Write(make([]byte, 100<<10))))
		l.take()
		signs := 0
		for range 40 {
			time.Sleep(15 * time.Second)
			must(t, second(w.Write([]byte("slow"))))
			for _, call := range l.take() {
				if strings.HasPrefix(call, "PutContent ") && path.Base(call) == "hashstate" {
					signs++
				}
			}
		}
		if signs < 8 || signs > 10 {
			t.Errorf("%d signs of life in ten minutes", signs)
		}
		must(t, w.Cancel(t.Context()))
	})
}
