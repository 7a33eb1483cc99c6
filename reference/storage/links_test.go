package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

const root = "/docker/registry/v2"

// dataPath is where the bytes of a digest lie.
func dataPath(dgst digest.Digest) string {
	return root + "/blobs/" + dgst.Algorithm().String() + "/" + dgst.Encoded()[:2] + "/" + dgst.Encoded() + "/data"
}

// linkPath is a link of a repository, in the folder _layers or
// _manifests/revisions.
func linkPath(name, folder string, dgst digest.Digest) string {
	return root + "/repositories/" + name + "/" + folder + "/" + strings.Replace(dgst.String(), ":", "/", 1) + "/link"
}

// files returns the content of every file below a path.
func files(t *testing.T, d driver.Driver, below string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := d.Walk(t.Context(), below, func(i driver.FileInfo) error {
		if i.IsDir() {
			return nil
		}
		content, err := d.GetContent(t.Context(), i.Path())
		all[i.Path()] = string(content)
		return err
	})
	if err != nil && !strings.Contains(err.Error(), "not found") {
		t.Fatal(err)
	}
	return all
}

// TestLinksDecide has content in the store that a repository may not see: no
// link, no content (S-050, S-051, S-054, S-193, S-194, S-216, S-302, S-336).
func TestLinksDecide(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{})
	p, q := repository(t, r, "with"), repository(t, r, "without")
	desc := push(t, p, []byte("content"))
	read(t, p, desc.Digest)
	_, err := q.Blobs().Stat(t.Context(), desc.Digest)
	wantError(t, err, registry.ErrBlobUnknown)
	_, err = q.Blobs().Open(t.Context(), desc.Digest)
	wantError(t, err, registry.ErrBlobUnknown)
	_, err = serve(t, q, "GET", desc.Digest, nil)
	wantError(t, err, registry.ErrBlobUnknown)
	wantError(t, q.Blobs().Delete(t.Context(), desc.Digest), registry.ErrBlobUnknown)
	must(t, d.Delete(t.Context(), linkPath("with", "_layers", desc.Digest)))
	_, err = p.Blobs().Stat(t.Context(), desc.Digest)
	wantError(t, err, registry.ErrBlobUnknown)
	if content, err := d.GetContent(t.Context(), dataPath(desc.Digest)); err != nil || string(content) != "content" {
		t.Fatalf("the content is %q, %v", content, err)
	}
}

// TestLinkSetsAreApart has a manifest's bytes among blobs and a blob's among
// manifests: a link of one kind opens nothing of another (S-055, S-129, K-15).
func TestLinkSetsAreApart(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	p := repository(t, storage.New(d, storage.Options{}), "apart")
	config := push(t, p, []byte("{}"))
	m := image(t, config, "")
	_, body := m.Payload()
	asBlob := push(t, p, body)
	_, err := p.Manifests().Get(t.Context(), asBlob.Digest)
	wantError(t, err, registry.ErrManifestUnknown)
	wantError(t, p.Tags().Set(t.Context(), tag("t"), asBlob), registry.ErrManifestUnknown)
	must(t, p.Blobs().Delete(t.Context(), asBlob.Digest))

	desc, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{Tags: []registry.Tag{tag("t")}})
	must(t, err)
	_, err = p.Blobs().Stat(t.Context(), desc.Digest)
	wantError(t, err, registry.ErrBlobUnknown)
	wantError(t, p.Blobs().Delete(t.Context(), desc.Digest), registry.ErrBlobUnknown)
	// A tag comes and goes without its revision.
	must(t, p.Tags().Delete(t.Context(), tag("t")))
	_, err = p.Manifests().Get(t.Context(), desc.Digest)
	must(t, err)
}

// TestManifestLinksAmongLayers reads what distribution 2.1.0 wrote: the links to
// manifests among those to layers (S-056, S-338, K-16). They are read where that
// is asked for, and harm nothing where it is not.
func TestManifestLinksAmongLayers(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	modern := repository(t, storage.New(d, storage.Options{}), "old")
	config := push(t, modern, []byte("{}"))
	desc, err := modern.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{Tags: []registry.Tag{tag("t")}})
	must(t, err)
	must(t, d.Delete(t.Context(), linkPath("old", "_manifests/revisions", desc.Digest)))
	must(t, d.PutContent(t.Context(), linkPath("old", "_layers", desc.Digest), []byte(desc.Digest)))

	_, err = modern.Manifests().Get(t.Context(), desc.Digest)
	wantError(t, err, registry.ErrManifestUnknown)
	read(t, modern, config.Digest)
	tolerant := repository(t, storage.New(d, storage.Options{ManifestLinksAmongLayers: true}), "old")
	current, err := tolerant.Tags().Get(t.Context(), tag("t"))
	must(t, err)
	got, err := tolerant.Manifests().Stat(t.Context(), current.Digest)
	must(t, err)
	if got.Digest != desc.Digest || got.Size != desc.Size {
		t.Fatalf("got %+v, want %+v", got, desc)
	}
	// A layer is no manifest for it.
	_, err = tolerant.Manifests().Get(t.Context(), config.Digest)
	wantError(t, err, registry.ErrManifestUnknown)
	must(t, tolerant.Manifests().Delete(t.Context(), desc.Digest))
	for _, p := range []registry.Repository{tolerant, modern} {
		_, err = p.Manifests().Get(t.Context(), desc.Digest)
		wantError(t, err, registry.ErrManifestUnknown)
	}
}

// TestEveryLinkIsCanonical looks at the links of a blob and of a manifest that
// were pushed by SHA-512 too: all hold the canonical digest (S-044, S-331,
// S-341), one is written for each digest (S-332), the parts of the layout begin
// with an underscore (S-107), and repositories hold no content (S-137).
func TestEveryLinkIsCanonical(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "team/app")
			content := []byte("{}")
			for range 2 {
				must(t, pushAs(t, p, content, digest.SHA512.FromBytes(content)))
				must(t, pushAs(t, p, content, digest.FromBytes(content)))
			}
			m := image(t, describe(content), "")
			_, body := m.Payload()
			_, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: digest.SHA512.FromBytes(body), Tags: []registry.Tag{tag("t")}})
			must(t, err)
			blob, revision := digest.FromBytes(content), digest.FromBytes(body)
			want := map[string]string{
				linkPath("team/app", "_layers", blob):                                       blob.String(),
				linkPath("team/app", "_layers", digest.SHA512.FromBytes(content)):           blob.String(),
				linkPath("team/app", "_manifests/revisions", revision):                      revision.String(),
				linkPath("team/app", "_manifests/revisions", digest.SHA512.FromBytes(body)): revision.String(),
				root + "/repositories/team/app/_manifests/tags/t/current/link":              revision.String(),
				linkPath("team/app", "_manifests/tags/t/index", revision):                   revision.String(),
			}
			got := files(t, d, root+"/repositories")
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("repositories hold %v, want %v", got, want)
			}
		})
	}
}

// TestDeleteTakesEveryAlias deletes by any of its digests a blob that has
// several (S-342, K-18), and again at once (K-19).
func TestDeleteTakesEveryAlias(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "aliases")
			content, tarsums := layer(t, 100)
			other := push(t, p, []byte("other"))
			all := append(tarsums, digest.FromBytes(content), digest.SHA384.FromBytes(content), digest.SHA512.FromBytes(content))
			for _, by := range all {
				for _, as := range all {
					must(t, pushAs(t, p, content, as))
				}
				failures := make(chan error)
				for range 2 {
					go func() { failures <- p.Blobs().Delete(context.Background(), by) }()
				}
				first, second := <-failures, <-failures
				if (first == nil) == (second == nil) {
					t.Fatalf("two deletes of %s at once: %v, %v", by, first, second)
				}
				if first == nil {
					first = second
				}
				wantError(t, first, registry.ErrBlobUnknown)
				if left := files(t, d, root+"/repositories/aliases"); len(left) != 1 || left[linkPath("aliases", "_layers", other.Digest)] == "" {
					t.Fatalf("links left: %v", left)
				}
			}
		})
	}
}

// TestBlobsHaveOneType, whatever the client says (S-242, S-312, S-317, K-14).
func TestBlobsHaveOneType(t *testing.T) {
	t.Parallel()
	p := repository(t, storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{}), "types")
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	_, err = w.Write([]byte("typed"))
	must(t, err)
	want := describe([]byte("typed"))
	want.MediaType = "application/vnd.example.layer"
	desc, err := w.Commit(t.Context(), want)
	must(t, err)
	stat, err := p.Blobs().Stat(t.Context(), want.Digest)
	must(t, err)
	if desc.MediaType != "application/octet-stream" || fmt.Sprint(stat) != fmt.Sprint(desc) || stat.Size != 5 {
		t.Fatalf("committed %+v, stat %+v", desc, stat)
	}
	resp, err := serve(t, p, "GET", want.Digest, nil)
	must(t, err)
	if got := resp.Header.Get("Content-Type"); got != desc.MediaType {
		t.Errorf("served as %s", got)
	}
}

// TestMovedTagKeepsItsPast: the earlier manifest is readable by digest (S-139,
// S-140, S-134), and the tag's folder tells what it named (S-133, S-296).
func TestMovedTagKeepsItsPast(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "moved")
			config := push(t, p, []byte("{}"))
			var past []registry.Descriptor
			for i := range 3 {
				desc, err := p.Manifests().Put(t.Context(), image(t, config, fmt.Sprintf(`,"annotations":{"i":"%d"}`, i)), registry.PutOptions{Tags: []registry.Tag{tag("t")}})
				must(t, err)
				past = append(past, desc)
				current, err := p.Tags().Get(t.Context(), tag("t"))
				must(t, err)
				byTag, err := p.Manifests().Get(t.Context(), current.Digest)
				must(t, err)
				if _, content := byTag.Payload(); digest.FromBytes(content) != desc.Digest {
					t.Fatal("the tag names another manifest")
				}
				for _, before := range past {
					_, err := p.Manifests().Get(t.Context(), before.Digest)
					must(t, err)
				}
			}
			history := files(t, d, root+"/repositories/moved/_manifests/tags/t/index")
			for _, desc := range past {
				if history[linkPath("moved", "_manifests/tags/t/index", desc.Digest)] != desc.Digest.String() {
					t.Errorf("the history %v lacks %s", history, desc.Digest)
				}
			}
			if len(history) != len(past) {
				t.Errorf("%d entries of history", len(history))
			}
			must(t, p.Tags().Delete(t.Context(), tag("t")))
			if left := files(t, d, root+"/repositories/moved/_manifests/tags"); len(left) != 0 {
				t.Errorf("a deleted tag leaves %v", left)
			}
		})
	}
}

// TestNothingButLinksIsDeleted keeps content, and the layers of a manifest, for
// the collector (S-192, S-238, S-239, K-25, K-56).
func TestNothingButLinksIsDeleted(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	p := repository(t, storage.New(d, storage.Options{}), "again")
	content := bytes.Repeat([]byte("again"), 30_000)
	layer := push(t, p, content)
	desc, err := p.Manifests().Put(t.Context(), image(t, layer, ""), registry.PutOptions{})
	must(t, err)
	must(t, p.Manifests().Delete(t.Context(), desc.Digest))
	if !bytes.Equal(read(t, p, layer.Digest), content) {
		t.Fatal("a layer went with its manifest")
	}
	// What is pushed again is stored again, whether or not a collector took it.
	for _, collected := range []bool{false, true} {
		must(t, p.Blobs().Delete(t.Context(), layer.Digest))
		if _, err := d.Stat(t.Context(), dataPath(layer.Digest)); err != nil {
			t.Fatalf("a delete took the content: %v", err)
		}
		if collected {
			must(t, d.Delete(t.Context(), dataPath(layer.Digest)))
		}
		again := push(t, p, content)
		stat, err := p.Blobs().Stat(t.Context(), layer.Digest)
		must(t, err)
		if fmt.Sprint(stat) != fmt.Sprint(again) || !bytes.Equal(read(t, p, layer.Digest), content) {
			t.Fatalf("pushed again: %+v", stat)
		}
	}
}

// TestDamagedContentIsRepairedByAPush does not trust what is at its place (K-50).
func TestDamagedContentIsRepairedByAPush(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		for _, size := range []int{10, 200 << 10} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				t.Parallel()
				d := open(t)
				p := repository(t, storage.New(d, storage.Options{}), "damaged")
				content := bytes.Repeat([]byte("g"), size)
				desc := push(t, p, content)
				must(t, d.PutContent(t.Context(), dataPath(desc.Digest), content[:size/2]))
				push(t, p, content)
				if !bytes.Equal(read(t, p, desc.Digest), content) {
					t.Fatal("the content is still damaged")
				}
			})
		}
	}
}

// TestMissingContentIsNoEmptyContent takes content away: it is unknown, never of
// length zero, but for the blob of no bytes, which is stored like any (S-110,
// S-246, S-257, K-11).
func TestMissingContentIsNoEmptyContent(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "missing")
			empty, some := push(t, p, nil), push(t, p, []byte("some"))
			desc, err := p.Manifests().Put(t.Context(), image(t, some, ""), registry.PutOptions{Tags: []registry.Tag{tag("t")}})
			must(t, err)
			if info, err := d.Stat(t.Context(), dataPath(empty.Digest)); err != nil || info.Size() != 0 || info.IsDir() {
				t.Fatalf("the blob of no bytes has no content: %v", err)
			}
			for _, dgst := range []digest.Digest{some.Digest, desc.Digest} {
				must(t, d.Delete(t.Context(), dataPath(dgst)))
			}
			_, err = p.Blobs().Stat(t.Context(), some.Digest)
			wantError(t, err, registry.ErrBlobUnknown)
			_, err = p.Blobs().Open(t.Context(), some.Digest)
			wantError(t, err, registry.ErrBlobUnknown)
			_, err = serve(t, p, "GET", some.Digest, nil)
			wantError(t, err, registry.ErrBlobUnknown)
			fresh := repository(t, storage.New(d, storage.Options{}), "missing")
			_, err = fresh.Manifests().Get(t.Context(), desc.Digest)
			wantError(t, err, registry.ErrManifestUnknown)
			if got := read(t, p, empty.Digest); len(got) != 0 {
				t.Fatalf("%d bytes", len(got))
			}
		})
	}
}
