package garbage_test

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/fsck"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, r *storage.Registry, name string) registry.Repository {
	t.Helper()
	parsed, err := registry.ParseName(name)
	must(t, err)
	p, err := r.Repository(t.Context(), parsed)
	must(t, err)
	return p
}

func blob(t *testing.T, p registry.Repository, content string) (digest.Digest, error) {
	t.Helper()
	return blobBy(t, p, digest.Canonical, content)
}

func blobBy(t *testing.T, p registry.Repository, algorithm digest.Algorithm, content string) (digest.Digest, error) {
	w, err := p.Blobs().Create(t.Context())
	if err != nil {
		return "", err
	}
	if _, err = w.Write([]byte(content)); err != nil {
		return "", err
	}
	dgst := algorithm.FromString(content)
	_, err = w.Commit(t.Context(), registry.Descriptor{Digest: dgst})
	return dgst, err
}

func put(t *testing.T, p registry.Repository, tag, mediaType, content string) (digest.Digest, error) {
	m, err := manifest.Default().Parse(mediaType, []byte(content))
	if err != nil {
		return "", err
	}
	var opts registry.PutOptions
	if tag != "" {
		parsed, err := registry.ParseTag(tag)
		if err != nil {
			return "", err
		}
		opts.Tags = []registry.Tag{parsed}
	}
	desc, err := p.Manifests().Put(t.Context(), m, opts)
	return desc.Digest, err
}

// image pushes an image of one layer, and returns manifest and layer.
func image(t *testing.T, p registry.Repository, tag, layer, extra string) (digest.Digest, digest.Digest, error) {
	if _, err := blob(t, p, "{}"); err != nil {
		return "", "", err
	}
	l, err := blob(t, p, layer)
	if err != nil {
		return "", "", err
	}
	m, err := put(t, p, tag, imageType, imageOf(l, len(layer), extra))
	return m, l, err
}

func index(t *testing.T, p registry.Repository, tag string, child digest.Digest, childType string) digest.Digest {
	t.Helper()
	dgst, err := put(t, p, tag, indexType, indexOf(child, childType))
	must(t, err)
	return dgst
}

func collect(t *testing.T, r *storage.Registry, d driver.Driver, o garbage.Options) []garbage.Item {
	t.Helper()
	var all []garbage.Item
	must(t, garbage.Collect(t.Context(), r, d, o, func(i garbage.Item) error {
		all = append(all, i)
		return nil
	}))
	slices.SortFunc(all, func(a, b garbage.Item) int { return slices.Compare(key(a), key(b)) })
	return all
}

func key(i garbage.Item) []string { return []string{string(i.Kind), i.Repository, i.Name} }

// sound fails if a checker finds anything wrong with the store.
func sound(t *testing.T, d driver.Driver) {
	t.Helper()
	_, err := fsck.Check(t.Context(), d, fsck.Options{}, func(f fsck.Finding) error {
		t.Errorf("the store has %+v", f)
		return nil
	})
	must(t, err)
}

// readable fails unless the manifest and all that it refers to can be read.
func readable(t *testing.T, p registry.Repository, dgst digest.Digest) {
	t.Helper()
	m, err := p.Manifests().Get(t.Context(), dgst)
	if err != nil {
		t.Errorf("manifest %s: %v", dgst, err)
		return
	}
	for _, desc := range m.References() {
		if mediaType, _ := m.Payload(); mediaType == indexType {
			readable(t, p, desc.Digest)
			continue
		}
		r, err := p.Blobs().Open(t.Context(), desc.Digest)
		if err != nil {
			t.Errorf("blob %s of %s: %v", desc.Digest, dgst, err)
			continue
		}
		content, err := io.ReadAll(r)
		r.Close()
		if err != nil || desc.Digest.Algorithm().FromBytes(content) != desc.Digest {
			t.Errorf("blob %s of %s: %d bytes, %v", desc.Digest, dgst, len(content), err)
		}
	}
}

// unwritable returns a driver by which nothing can be changed.
func unwritable(d driver.Driver) driver.Driver {
	return faulty.Wrap(d, func(op faulty.Op, path string) error {
		switch op {
		case faulty.PutContent, faulty.Writer, faulty.Move, faulty.Delete:
			return fmt.Errorf("%s %s, though nothing may be changed", op, path)
		}
		return nil
	})
}

// TestCollect leaves what is needed and removes the rest: first without, then
// with the untagged manifests, each after a dry run that says the same
// and changes nothing.
// It shows K-31.
func TestCollect(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	p, q := open(t, r, "team/app"), open(t, r, "team")
	// What only the history of a tag names is untagged.
	gone, goneLayer, err := image(t, p, "latest", "gone", "")
	must(t, err)
	tagged, _, err := image(t, p, "latest", "tagged", "")
	must(t, err)
	child, _, err := image(t, p, "", "child", "")
	must(t, err)
	nested := index(t, p, "", child, imageType)
	top := index(t, p, "all", nested, indexType)
	signature, _, err := image(t, p, "", "signature", fmt.Sprintf(`,"artifactType":"a/b","subject":{"mediaType":%q,"digest":%q,"size":9}`, indexType, nested))
	must(t, err)
	goneIndex := index(t, p, "", gone, imageType)
	loose, err := blob(t, p, "loose")
	must(t, err)
	_, err = blob(t, q, "tagged")
	must(t, err)
	sound(t, d)

	for _, tc := range []struct {
		o    garbage.Options
		want [][]string
	}{
		{garbage.Options{Grace: time.Hour, Untagged: true}, nil},
		{garbage.Options{}, [][]string{
			{"content", "", loose.String()},
			{"layer", "team", digest.FromString("tagged").String()},
			{"layer", "team/app", loose.String()},
		}},
		{garbage.Options{Untagged: true}, [][]string{
			{"content", "", gone.String()},
			{"content", "", goneIndex.String()},
			{"content", "", goneLayer.String()},
			{"layer", "team/app", goneLayer.String()},
			{"manifest", "team/app", gone.String()},
			{"manifest", "team/app", goneIndex.String()},
		}},
		{garbage.Options{Untagged: true}, nil},
	} {
		slices.SortFunc(tc.want, slices.Compare)
		dry := tc.o
		dry.DryRun = true
		for _, o := range []garbage.Options{dry, tc.o} {
			over := driver.Driver(d)
			if o.DryRun {
				over = unwritable(d)
			}
			var got [][]string
			for _, i := range collect(t, storage.New(over, storage.Options{}), over, o) {
				got = append(got, key(i))
			}
			if !slices.EqualFunc(got, tc.want, slices.Equal) {
				t.Errorf("%+v removes %q, want %q", o, got, tc.want)
			}
			sound(t, d)
		}
	}
	for _, dgst := range []digest.Digest{tagged, top, signature} {
		readable(t, p, dgst)
	}
}

// TestBlobOfTwoDigests: a blob stays under each of its digests as long as a manifest
// names one of them, and goes under all of them after that.
func TestBlobOfTwoDigests(t *testing.T) {
	t.Parallel()
	for _, named := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		t.Run(named.String(), func(t *testing.T) {
			t.Parallel()
			d := inmemory.New(inmemory.Parameters{})
			r := storage.New(d, storage.Options{})
			p := open(t, r, "two")
			const content = "of two digests"
			for _, algorithm := range []digest.Algorithm{digest.SHA512, digest.SHA256} {
				_, err := blobBy(t, p, algorithm, content)
				must(t, err)
			}
			_, err := blob(t, p, "{}")
			must(t, err)
			m, err := put(t, p, "tag", imageType, imageOf(named.FromString(content), len(content), ""))
			must(t, err)
			found := func() (n int) {
				for _, algorithm := range []digest.Algorithm{digest.SHA512, digest.SHA256} {
					if _, err := p.Blobs().Stat(t.Context(), algorithm.FromString(content)); err == nil {
						n++
					}
				}
				return n
			}
			if gone := collect(t, r, d, garbage.Options{Untagged: true}); len(gone) > 0 || found() != 2 {
				t.Errorf("a blob that is needed: %v went, it is found by %d digests", gone, found())
			}
			readable(t, p, m)
			sound(t, d)
			must(t, p.Manifests().Delete(t.Context(), m))
			collect(t, r, d, garbage.Options{Untagged: true})
			if found() != 0 {
				t.Errorf("a blob that nobody needs is found by %d digests", found())
			}
			sound(t, d)
		})
	}
}

// TestManifestOfTwoDigests: an index, or a manifest with a subject, may name another
// by any of its digests. It stays under all of them, and goes under all.
func TestManifestOfTwoDigests(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	p := open(t, r, "two")
	config, err := blob(t, p, "{}")
	must(t, err)
	content := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[]}`, imageType, config)
	m, err := manifest.Default().Parse(imageType, []byte(content))
	must(t, err)
	alias := digest.SHA512.FromString(content)
	_, err = p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: alias})
	must(t, err)
	top := index(t, p, "all", alias, imageType)
	referrer, _, err := image(t, p, "", "signature", fmt.Sprintf(`,"artifactType":"a/b","subject":{"mediaType":%q,"digest":%q,"size":9}`, imageType, alias))
	must(t, err)
	if gone := collect(t, r, d, garbage.Options{Untagged: true}); len(gone) > 0 {
		t.Errorf("what is needed went: %v", gone)
	}
	for _, dgst := range []digest.Digest{alias, digest.FromString(content), top, referrer} {
		readable(t, p, dgst)
	}
	sound(t, d)

	must(t, p.Manifests().Delete(t.Context(), top))
	var manifests []string
	for _, i := range collect(t, r, d, garbage.Options{Untagged: true}) {
		if i.Kind == garbage.Manifest {
			manifests = append(manifests, i.Name)
		}
	}
	want := []string{digest.FromString(content).String(), referrer.String()}
	slices.Sort(want)
	if !slices.Equal(manifests, want) {
		t.Errorf("%q went, want %q", manifests, want)
	}
	if left, err := d.List(t.Context(), "/docker/registry/v2/repositories/two/_manifests/revisions"); err == nil {
		t.Errorf("left: %q", left)
	}
	sound(t, d)
}

// TestUnreadableRepositoryStays leaves a repository alone of which a manifest
// can't be read, and collects the others.
func TestUnreadableRepositoryStays(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	p, q := open(t, r, "broken"), open(t, r, "healthy")
	m, _, err := image(t, p, "", "layer", "")
	must(t, err)
	_, err = blob(t, p, "kept")
	must(t, err)
	_, err = blob(t, q, "loose")
	must(t, err)
	must(t, d.PutContent(t.Context(), "/docker/registry/v2/blobs/sha256/"+m.Encoded()[:2]+"/"+m.Encoded()+"/data", []byte("x")))
	got := collect(t, storage.New(d, storage.Options{}), d, garbage.Options{Untagged: true})
	if len(got) != 3 || got[0].Kind != garbage.Content || got[1].Repository != "healthy" || got[2].Kind != garbage.Skipped || got[2].Repository != "broken" {
		t.Errorf("removed %+v", got)
	}
}

// TestP5CollectionDuringPushes collects without a grace period, again and
// again, while images are pushed that share layers with ones that were just
// deleted, through another registry over the same store, as another process
// would. All that was acknowledged must be readable at the end.
// It shows K-51.
func TestP5CollectionDuringPushes(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	var pushing, collecting sync.WaitGroup
	done := make(chan struct{})
	removed := 0
	collecting.Go(func() {
		for {
			err := garbage.Collect(t.Context(), storage.New(d, storage.Options{}), d, garbage.Options{Untagged: true},
				func(garbage.Item) error { removed++; return nil })
			if err != nil {
				t.Errorf("collect: %v", err)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	acked := make([]map[string]digest.Digest, 4)
	for worker := range acked {
		acked[worker] = map[string]digest.Digest{}
		p := open(t, r, fmt.Sprintf("team/app%d", worker%2))
		pushing.Go(func() {
			for i := range 150 {
				tag := fmt.Sprintf("t%d-%d", worker, i%10)
				// A refusal is no promise: its blob was collected first.
				if m, _, err := image(t, p, tag, fmt.Sprint("layer ", i%7), fmt.Sprintf(`,"annotations":{"n":"%d %d"}`, worker, i)); err == nil {
					acked[worker][tag] = m
				}
			}
		})
	}
	pushing.Wait()
	close(done)
	collecting.Wait()
	count := 0
	for worker, tags := range acked {
		p := open(t, r, fmt.Sprintf("team/app%d", worker%2))
		for name, dgst := range tags {
			count++
			readable(t, p, dgst)
			parsed, err := registry.ParseTag(name)
			must(t, err)
			if current, err := p.Tags().Get(t.Context(), parsed); err != nil || current.Digest != dgst {
				t.Errorf("tag %s names %s, %v, want %s", name, current.Digest, err, dgst)
			}
		}
	}
	t.Logf("%d tags readable, %d things removed", count, removed)
	if count == 0 || removed == 0 {
		t.Error("nothing was tested")
	}
}

// TestPurgeUploads purges by age, dry first.
//
// S-157 S-158 K-29
func TestPurgeUploads(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	p := open(t, r, "team/app")
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write([]byte("x"))
	must(t, err)
	must(t, w.Close())
	id := w.Upload().ID
	purge := func(before time.Time, dryRun bool) (ids []string) {
		t.Helper()
		must(t, garbage.PurgeUploads(t.Context(), d, before, dryRun, func(i garbage.Item) error {
			ids = append(ids, i.Name)
			return nil
		}))
		return ids
	}
	if ids := purge(time.Now().Add(-time.Hour), false); ids != nil {
		t.Errorf("a young upload was purged: %q", ids)
	}
	for _, dryRun := range []bool{true, false} {
		_, err := p.Blobs().Upload(t.Context(), id)
		must(t, err)
		if ids := purge(time.Now().Add(time.Hour), dryRun); !slices.Equal(ids, []string{id}) {
			t.Errorf("purged %q, want %q", ids, id)
		}
	}
	if _, err := p.Blobs().Upload(t.Context(), id); err == nil {
		t.Error("the upload is still there")
	}
}
