package contract

import (
	"bytes"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// checkBlob shows S-052, S-110, S-232, S-233, S-234, S-241.
func checkBlob(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "a/b")
	for _, size := range []int{0, 1, 64 << 10, 64<<10 + 1, 1 << 20} {
		content := bytes.Repeat([]byte{byte(size), 7}, size)[:size]
		desc := Push(t, p, content)
		if want := Describe(content); desc.Digest != want.Digest || desc.Size != want.Size {
			t.Fatalf("committed %+v, want %+v", desc, want)
		}
		stat, err := p.Blobs().Stat(t.Context(), desc.Digest)
		Must(t, err)
		if stat.Size != int64(size) || stat.Digest != desc.Digest {
			t.Fatalf("stat %+v", stat)
		}
		if !bytes.Equal(Read(t, p, desc.Digest), content) {
			t.Fatalf("%d bytes came back changed", size)
		}
	}
	unknown := digest.FromString("nothing")
	_, err := p.Blobs().Stat(t.Context(), unknown)
	WantError(t, err, registry.ErrBlobUnknown)
	_, err = p.Blobs().Open(t.Context(), unknown)
	WantError(t, err, registry.ErrBlobUnknown)
	_, err = Repository(t, r, "a/c").Blobs().Stat(t.Context(), Describe(nil).Digest)
	WantError(t, err, registry.ErrBlobUnknown)
}

// checkChunks shows S-227, S-228, S-152, S-164.
func (l Limits) checkChunks(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "chunks")
	for _, size := range []int{3, 40 << 10, 300 << 10} {
		var content []byte
		w, err := p.Blobs().Create(t.Context())
		Must(t, err)
		id := w.Upload().ID
		for i := range 4 {
			chunk := bytes.Repeat([]byte{byte(i), byte(size)}, size)
			content = append(content, chunk...)
			n, err := w.Write(chunk)
			Must(t, err)
			if n != len(chunk) || w.Upload().Size != int64(len(content)) {
				t.Fatalf("wrote %d, size %d", n, w.Upload().Size)
			}
			started := w.Upload().StartedAt
			if started.IsZero() != (l.NoStartTime != "") {
				t.Fatalf("the upload was started at %v", started)
			}
			Must(t, w.Close())
			Must(t, w.Close())
			if _, err := w.Write(chunk); err == nil {
				t.Fatal("write after close")
			}
			u, err := p.Blobs().Upload(t.Context(), id)
			Must(t, err)
			if u.Size != int64(len(content)) || !u.StartedAt.Equal(started) || u.ID != id {
				t.Fatalf("status %+v, want %d bytes from %v", u, len(content), started)
			}
			w, err = p.Blobs().Resume(t.Context(), id)
			Must(t, err)
		}
		desc, err := w.Commit(t.Context(), Describe(content))
		Must(t, err)
		Must(t, w.Close())
		if !bytes.Equal(Read(t, p, desc.Digest), content) {
			t.Fatal("content came back changed")
		}
	}
}

// checkUploadEnds shows S-222, S-223, S-231, S-243, K-22, K-44.
func checkUploadEnds(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "ends")
	gone := func(id string) {
		t.Helper()
		_, err := p.Blobs().Resume(t.Context(), id)
		WantError(t, err, registry.ErrBlobUploadUnknown)
		_, err = p.Blobs().Upload(t.Context(), id)
		WantError(t, err, registry.ErrBlobUploadUnknown)
	}
	for _, id := range []string{"", "..", "../../x", "00000000-0000-4000-8000-000000000000", "{00000000-0000-4000-8000-000000000000}"} {
		gone(id)
	}
	content := bytes.Repeat([]byte("end"), 50<<10)
	for _, closed := range []bool{false, true} {
		w, err := p.Blobs().Create(t.Context())
		Must(t, err)
		id := w.Upload().ID
		_, err = w.Write(content)
		Must(t, err)
		if closed {
			Must(t, w.Close())
			w, err = p.Blobs().Resume(t.Context(), id)
			Must(t, err)
			_, err = Repository(t, r, "other").Blobs().Upload(t.Context(), id)
			WantError(t, err, registry.ErrBlobUploadUnknown)
		}
		Must(t, w.Cancel(t.Context()))
		Must(t, w.Cancel(t.Context()))
		Must(t, w.Close())
		gone(id)
	}
	w, err := p.Blobs().Create(t.Context())
	Must(t, err)
	_, err = w.Write(content)
	Must(t, err)
	_, err = w.Commit(t.Context(), Describe(content))
	Must(t, err)
	Must(t, w.Cancel(t.Context()))
	Must(t, w.Close())
	gone(w.Upload().ID)
	if !bytes.Equal(Read(t, p, Describe(content).Digest), content) {
		t.Fatal("cancel after commit lost the blob")
	}
}

// checkMismatch shows S-178, S-248, K-43, K-45.
func checkMismatch(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "mismatch")
	for _, size := range []int{5, 100 << 10} {
		content := bytes.Repeat([]byte("x"), size)
		good := Describe(content)
		other := Describe([]byte("other"))
		for _, c := range []struct {
			want registry.Descriptor
			err  *registry.Error
		}{
			{registry.Descriptor{Digest: other.Digest}, registry.ErrDigestInvalid},
			{registry.Descriptor{Digest: digest.SHA512.FromString("other")}, registry.ErrDigestInvalid},
			{registry.Descriptor{Digest: good.Digest, Size: good.Size + 1}, registry.ErrSizeInvalid},
			{registry.Descriptor{Digest: "sha256:abc"}, registry.ErrDigestInvalid},
			{registry.Descriptor{}, registry.ErrDigestInvalid},
		} {
			w, err := p.Blobs().Create(t.Context())
			Must(t, err)
			_, err = w.Write(content)
			Must(t, err)
			_, err = w.Commit(t.Context(), c.want)
			WantError(t, err, c.err)
			Must(t, w.Cancel(t.Context()))
			Must(t, w.Close())
			_, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
			WantError(t, err, registry.ErrBlobUploadUnknown)
			_, err = p.Blobs().Stat(t.Context(), good.Digest)
			WantError(t, err, registry.ErrBlobUnknown)
		}
	}
}

// checkOneWriter shows K-23, K-99.
func checkOneWriter(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "one")
	w, err := p.Blobs().Create(t.Context())
	Must(t, err)
	_, err = w.Write([]byte("abc"))
	Must(t, err)
	_, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
	WantError(t, err, registry.ErrBlobUploadInvalid)
	u, err := p.Blobs().Upload(t.Context(), w.Upload().ID)
	Must(t, err)
	if u.Size != 3 {
		t.Fatalf("status says %d bytes", u.Size)
	}
	_, err = w.Write([]byte("def"))
	Must(t, err)
	_, err = w.Commit(t.Context(), Describe([]byte("abcdef")))
	Must(t, err)
}

// checkAlias shows S-044, S-309, S-310, K-18, K-26, K-46.
func checkAlias(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "alias")
	for _, size := range []int{9, 200 << 10} {
		content := bytes.Repeat([]byte("a"), size)
		alias, canonical := digest.SHA512.FromBytes(content), digest.FromBytes(content)
		w, err := p.Blobs().Create(t.Context())
		Must(t, err)
		_, err = w.Write(content)
		Must(t, err)
		desc, err := w.Commit(t.Context(), registry.Descriptor{Digest: alias})
		Must(t, err)
		if desc.Digest != alias || desc.Size != int64(size) {
			t.Fatalf("committed %+v", desc)
		}
		for _, dgst := range []digest.Digest{alias, canonical} {
			stat, err := p.Blobs().Stat(t.Context(), dgst)
			Must(t, err)
			if stat.Digest != dgst {
				t.Fatalf("stat of %s bears %s", dgst, stat.Digest)
			}
			if !bytes.Equal(Read(t, p, dgst), content) {
				t.Fatal("content differs")
			}
		}
		q := Repository(t, r, "alias-mounted")
		_, err = q.Blobs().Mount(t.Context(), p.Name(), alias)
		Must(t, err)
		_, err = q.Blobs().Stat(t.Context(), canonical)
		Must(t, err)
		Must(t, p.Blobs().Delete(t.Context(), canonical))
		for _, dgst := range []digest.Digest{alias, canonical} {
			_, err := p.Blobs().Stat(t.Context(), dgst)
			WantError(t, err, registry.ErrBlobUnknown)
		}
	}
}

// checkMount shows S-194, S-208.
func checkMount(t *testing.T, r registry.Registry) {
	p, q, s := Repository(t, r, "from"), Repository(t, r, "to"), Repository(t, r, "any")
	content := []byte("mounted")
	desc := Push(t, p, content)
	_, err := q.Blobs().Mount(t.Context(), s.Name(), desc.Digest)
	WantError(t, err, registry.ErrBlobUnknown)
	got, err := q.Blobs().Mount(t.Context(), p.Name(), desc.Digest)
	Must(t, err)
	if got.Digest != desc.Digest || got.Size != desc.Size {
		t.Fatalf("mounted %+v", got)
	}
	Must(t, p.Blobs().Delete(t.Context(), desc.Digest))
	if !bytes.Equal(Read(t, q, desc.Digest), content) {
		t.Fatal("content differs")
	}
	_, err = s.Blobs().Mount(t.Context(), registry.Name{}, desc.Digest)
	Must(t, err)
	for _, x := range []registry.Repository{q, s} {
		Must(t, x.Blobs().Delete(t.Context(), desc.Digest))
	}
	_, err = s.Blobs().Mount(t.Context(), registry.Name{}, desc.Digest)
	WantError(t, err, registry.ErrBlobUnknown)
}

// checkBlobDelete shows S-235, S-236, S-237, S-238, S-239.
func checkBlobDelete(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "delete")
	content := []byte("deleted")
	for range 2 {
		desc := Push(t, p, content)
		Must(t, p.Blobs().Delete(t.Context(), desc.Digest))
		_, err := p.Blobs().Open(t.Context(), desc.Digest)
		WantError(t, err, registry.ErrBlobUnknown)
		WantError(t, p.Blobs().Delete(t.Context(), desc.Digest), registry.ErrBlobUnknown)
	}
}
