package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// A switchboard fails the calls of one kind on one path.
type switchboard struct {
	op     faulty.Op
	suffix string
	failed int
}

func (s *switchboard) hook(op faulty.Op, path string) error {
	if s.op == op && strings.HasSuffix(path, s.suffix) {
		s.failed++
		return errMedium
	}
	return nil
}

// TestFailuresAreToldAsSuch fails one call of the driver after the other under
// each call of the registry: the driver's error comes back, and no other, least
// of all one that says that something is absent.
func TestFailuresAreToldAsSuch(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("c"), 100<<10)
	for name, tc := range map[string]struct {
		op     faulty.Op
		suffix string
		call   func(ctx context.Context, s *stage) error
	}{
		"S-337 Stat reads a link": {faulty.GetContent, "/link", func(ctx context.Context, s *stage) error {
			_, err := s.p.Blobs().Stat(ctx, s.blob)
			return err
		}},
		"S-309 Stat asks for the content": {faulty.Stat, "/data", func(ctx context.Context, s *stage) error {
			_, err := s.p.Blobs().Stat(ctx, s.blob)
			return err
		}},
		"S-310 Open opens": {faulty.Reader, "/data", func(ctx context.Context, s *stage) error {
			_, err := s.p.Blobs().Open(ctx, s.blob)
			return err
		}},
		"S-328 Delete removes": {faulty.Delete, "", func(ctx context.Context, s *stage) error { return s.p.Blobs().Delete(ctx, s.blob) }},
		"S-327 Delete looks":   {faulty.GetContent, "/link", func(ctx context.Context, s *stage) error { return s.p.Blobs().Delete(ctx, s.blob) }},
		"S-314 a blob is stored": {faulty.PutContent, "/data", func(ctx context.Context, s *stage) error {
			return pushChunksTo(ctx, s.p, []byte("small"))
		}},
		"S-316 S-334 a blob is linked": {faulty.PutContent, "/link", func(ctx context.Context, s *stage) error {
			return pushChunksTo(ctx, s.p, []byte("small"))
		}},
		"S-329 an upload is opened": {faulty.Writer, "/data", func(ctx context.Context, s *stage) error { return pushChunksTo(ctx, s.p, content) }},
		"S-321 a start is stored":   {faulty.PutContent, "/startedat", func(ctx context.Context, s *stage) error { return pushChunksTo(ctx, s.p, content) }},
		"S-323 a start is read": {faulty.GetContent, "/startedat", func(ctx context.Context, s *stage) error {
			_, err := s.p.Blobs().Resume(ctx, s.upload)
			return err
		}},
		"S-254 S-256 a manifest's link is read": {faulty.GetContent, "/link", func(ctx context.Context, s *stage) error {
			_, err := s.p.Manifests().Get(ctx, s.manifest)
			return err
		}},
		"S-259 a manifest's content is read": {faulty.GetContent, "/data", func(ctx context.Context, s *stage) error {
			_, err := s.fresh.Manifests().Get(ctx, s.manifest)
			return err
		}},
		"S-269 a manifest is stored": {faulty.PutContent, "/data", func(ctx context.Context, s *stage) error {
			_, err := s.p.Manifests().Put(ctx, s.other, registry.PutOptions{})
			return err
		}},
		"S-287 K-12 a reference is looked for": {faulty.GetContent, "/link", func(ctx context.Context, s *stage) error {
			_, err := s.p.Manifests().Put(ctx, s.other, registry.PutOptions{})
			return err
		}},
		"S-132 a tag is read": {faulty.GetContent, "/current/link", func(ctx context.Context, s *stage) error {
			_, err := s.p.Tags().Get(ctx, tag("t"))
			return err
		}},
		"K-63 tags are listed": {faulty.Walk, "/tags", func(ctx context.Context, s *stage) error {
			for _, err := range s.p.Tags().All(ctx, registry.Tag{}) {
				return err
			}
			return nil
		}},
		"K-63 repositories are listed": {faulty.Walk, "/repositories", func(ctx context.Context, s *stage) error {
			for _, err := range s.r.Repositories(ctx, registry.Name{}) {
				return err
			}
			return nil
		}},
		"K-63 a repository is looked into": {faulty.Walk, "/revisions", func(ctx context.Context, s *stage) error {
			for _, err := range s.r.Repositories(ctx, registry.Name{}) {
				return err
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.fail.op, s.fail.suffix = tc.op, tc.suffix
			err := tc.call(t.Context(), s)
			if !errors.Is(err, errMedium) || len(registry.Errors(err)) > 0 {
				t.Fatalf("got the error %v", err)
			}
			if s.fail.failed == 0 {
				t.Fatal("nothing failed")
			}
			// What failed half way is found again, whole, once the driver works.
			s.fail.op = ""
			must(t, pushChunksTo(t.Context(), s.p, content))
			must(t, pushChunksTo(t.Context(), s.p, []byte("small")))
			if _, err := s.p.Blobs().Stat(t.Context(), digest.FromString("small")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A stage is a registry with some content over a driver that can fail.
type stage struct {
	fail           switchboard
	r              registry.Registry
	p, fresh       registry.Repository
	blob, manifest digest.Digest
	other          registry.Manifest
	upload         string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{}
	d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), s.fail.hook)
	s.r = storage.New(d, storage.Options{})
	s.p, s.fresh = repository(t, s.r, "stage"), repository(t, storage.New(d, storage.Options{}), "stage")
	config := push(t, s.p, []byte("{}"))
	desc, err := s.p.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{Tags: []registry.Tag{tag("t")}})
	must(t, err)
	w, err := s.p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write([]byte("begun"))
	must(t, err)
	must(t, w.Close())
	s.blob, s.manifest, s.upload = config.Digest, desc.Digest, w.Upload().ID
	s.other = image(t, config, `,"annotations":{"o":"ther"}`)
	return s
}

// pushChunksTo pushes a blob, and checks that a push that fails returns no
// descriptor.
func pushChunksTo(ctx context.Context, p registry.Repository, content []byte) error {
	w, err := p.Blobs().Create(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	defer w.Cancel(ctx)
	if _, err := w.Write(content); err != nil {
		return err
	}
	desc, err := w.Commit(ctx, describe(content))
	if err != nil && desc.Digest != "" {
		return fmt.Errorf("a failed push returns %+v", desc)
	}
	return err
}

// TestNothingIsVisibleOfAPushThatFailed: without its link a blob is unknown
// (S-314, S-316), the session lives on and can be committed again (K-49), and
// nothing of it is left behind thereafter (K-20).
func TestNothingIsVisibleOfAPushThatFailed(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("v"), 100<<10)
	for _, at := range []switchboard{
		{op: faulty.Writer, suffix: "/data"},
		{op: faulty.PutContent, suffix: "/startedat"},
		{op: faulty.Commit, suffix: "/data"},
		{op: faulty.Move, suffix: "/data"},
		{op: faulty.PutContent, suffix: "/link"},
	} {
		t.Run(string(at.op)+at.suffix, func(t *testing.T) {
			t.Parallel()
			fail := at
			d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), fail.hook)
			p := repository(t, storage.New(d, storage.Options{}), "half")
			w, err := p.Blobs().Create(t.Context())
			must(t, err)
			_, err = w.Write(content)
			if err == nil {
				_, err = w.Commit(t.Context(), describe(content))
			}
			if !errors.Is(err, errMedium) {
				t.Fatalf("got the error %v", err)
			}
			_, err = p.Blobs().Stat(t.Context(), describe(content).Digest)
			wantError(t, err, registry.ErrBlobUnknown)
			fail.op = ""
			if at.op == faulty.Commit || at.op == faulty.Move {
				_, err = w.Commit(t.Context(), describe(content))
				must(t, err)
				read(t, p, describe(content).Digest)
			}
			must(t, w.Cancel(t.Context()))
			must(t, w.Close())
			if left := files(t, d, root+"/repositories/half/_uploads"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
