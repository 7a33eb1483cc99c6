package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

var errMedium = driver.Error{DriverName: "test", Detail: errors.New("input/output error")}

// workload pushes an image in chunks, tags it, adds a referrer and reads all
// of it back. It returns the first error.
func workload(t *testing.T, r registry.Registry, round int) error {
	ctx := context.Background()
	p := repository(t, r, "faults")
	config := []byte(fmt.Sprintf(`{"round":%d}`, round))
	layer := bytes.Repeat(config, 10_000)
	for _, content := range [][]byte{config, layer} {
		if err := pushChunks(ctx, p, content); err != nil {
			return err
		}
	}
	m := image(t, describe(config), "", describe(layer))
	desc, err := p.Manifests().Put(ctx, m, registry.PutOptions{Tags: []registry.Tag{tag("latest")}})
	if err != nil {
		return err
	}
	_, err = p.Manifests().Put(ctx, image(t, describe(config), fmt.Sprintf(`,"subject":{"mediaType":"a/b","digest":%q,"size":1}`, desc.Digest)), registry.PutOptions{})
	if err != nil {
		return err
	}
	return readAll(ctx, p, desc.Digest)
}

func pushChunks(ctx context.Context, p registry.Repository, content []byte) error {
	w, err := p.Blobs().Create(ctx)
	if err != nil {
		return err
	}
	id, half := w.Upload().ID, len(content)/2
	if _, err := w.Write(content[:half]); err != nil {
		return errors.Join(err, w.Cancel(ctx))
	}
	if err := w.Close(); err != nil {
		return err
	}
	if w, err = p.Blobs().Resume(ctx, id); err != nil {
		return err
	}
	if _, err := w.Write(content[half:]); err != nil {
		return errors.Join(err, w.Cancel(ctx))
	}
	if _, err := w.Commit(ctx, describe(content)); err != nil {
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

func readAll(ctx context.Context, p registry.Repository, dgst digest.Digest) error {
	current, err := p.Tags().Get(ctx, tag("latest"))
	if err != nil {
		return err
	}
	m, err := p.Manifests().Get(ctx, current.Digest)
	if err != nil {
		return err
	}
	for _, desc := range m.References() {
		stat, err := p.Blobs().Stat(ctx, desc.Digest)
		if err != nil {
			return err
		}
		if stat.Size != desc.Size {
			return fmt.Errorf("%s has %d bytes, want %d", desc.Digest, stat.Size, desc.Size)
		}
	}
	n := 0
	for _, err := range p.Manifests().Referrers(ctx, dgst, "") {
		if err != nil {
			return err
		}
		n++
	}
	if n != 1 {
		return fmt.Errorf("%d referrers", n)
	}
	return nil
}

// TestAnyFailingCall fails the N-th call of a driver, for every N of a
// workload: the failure is never told as the client's fault nor as absence,
// and afterwards all works.
func TestAnyFailingCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault error
		code  *registry.Error
	}{
		{"broken", errMedium, nil},
		{"full", driver.FullError{DriverName: "test", Detail: errors.New("no space")}, registry.ErrStorageFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seen := map[faulty.Op]bool{}
			n := int64(0)
			for done := false; !done; n++ {
				done = failAt(t, n, c.fault, c.code, seen)
			}
			if n < 40 || len(seen) < 9 {
				t.Fatalf("the workload made only %d calls of %v", n, seen)
			}
		})
	}
}

// failAt runs the workload with the n-th call failing, and reports whether
// there was no such call.
func failAt(t *testing.T, n int64, fault error, code *registry.Error, seen map[faulty.Op]bool) bool {
	var calls atomic.Int64
	var failed faulty.Op
	d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), func(op faulty.Op, _ string) error {
		if calls.Add(1) == n+1 {
			failed, seen[op] = op, true
			return fault
		}
		return nil
	})
	r := storage.New(d, storage.Options{})
	err := workload(t, r, 1)
	switch {
	case failed == "":
		must(t, err)
		return true
	case err == nil && failed != faulty.Delete:
		t.Errorf("call %d, %s, failed and nobody was told", n, failed)
	case err != nil && !errors.Is(err, fault):
		t.Errorf("call %d, %s: the cause is lost: %v", n, failed, err)
	}
	for _, e := range registry.Errors(err) {
		if code == nil || !errors.Is(e, code) {
			t.Errorf("call %d, %s: told as %v", n, failed, e)
		}
	}
	if err := workload(t, r, 2); err != nil {
		t.Errorf("after call %d, %s: %v", n, failed, err)
	}
	return false
}

func TestFullMemoryStore(t *testing.T) {
	t.Parallel()
	r := storage.New(inmemory.New(inmemory.Parameters{MaxBytes: 200 << 10}), storage.Options{})
	p := repository(t, r, "full")
	kept := push(t, p, bytes.Repeat([]byte("k"), 50<<10))
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write(bytes.Repeat([]byte("x"), 300<<10))
	wantError(t, err, registry.ErrStorageFull)
	must(t, w.Cancel(t.Context()))
	if got := read(t, p, kept.Digest); len(got) != 50<<10 {
		t.Fatalf("%d bytes are left", len(got))
	}
	push(t, p, bytes.Repeat([]byte("y"), 100<<10))
}

// TestTagOfWhichNothingCanBeRead: while it can't be told what a tag names, so that it
// could not name that again, it is not set.
func TestTagOfWhichNothingCanBeRead(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	p := repository(t, storage.New(d, storage.Options{}), "faults")
	config := push(t, p, []byte("{}"))
	var all []registry.Descriptor
	for _, extra := range []string{"", `,"annotations":{"a":"b"}`} {
		desc, err := p.Manifests().Put(t.Context(), image(t, config, extra), registry.PutOptions{})
		must(t, err)
		all = append(all, desc)
	}
	must(t, p.Tags().Set(t.Context(), tag("t"), all[0]))
	sick := repository(t, storage.New(failing(d, "/t/current/"), storage.Options{}), "faults")
	wantOutage(t, "set", sick.Tags().Set(t.Context(), tag("t"), all[1]))
	_, err := sick.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{Tags: []registry.Tag{tag("t")}})
	wantOutage(t, "push", err)
	if desc, err := p.Tags().Get(t.Context(), tag("t")); err != nil || desc.Digest != all[0].Digest {
		t.Errorf("the tag names %s, %v, want %s", desc.Digest, err, all[0].Digest)
	}
}
