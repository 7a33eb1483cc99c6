package storage_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// drivers are those that the tests run over.
var drivers = map[string]func(*testing.T) driver.Driver{
	"inmemory": func(*testing.T) driver.Driver { return inmemory.New(inmemory.Parameters{}) },
	"filesystem": func(t *testing.T) driver.Driver {
		d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir()})
		must(t, err)
		return d
	},
}

// S-127
// It shows S-307.
func TestContract(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		for suffix, o := range map[string]storage.Options{"": {}, ", exclusive": {Exclusive: true}} {
			t.Run(name+suffix, func(t *testing.T) {
				t.Parallel()
				contract.Run(t, contract.Limits{}, func(t *testing.T) registry.Registry { return storage.New(open(t), o) })
			})
		}
	}
}

// TestDisabledFeatures shows S-219, K-95.
func TestDisabledFeatures(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	p := repository(t, storage.New(d, storage.Options{}), "off")
	content := []byte("{}")
	config := push(t, p, content)
	desc, err := p.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{Tags: []registry.Tag{tag("t")}})
	must(t, err)

	off := storage.New(d, storage.Options{DisableDelete: true, DisableMount: true})
	p = repository(t, off, "off")
	unknown := digest.FromString("unknown")
	wantError(t, p.Blobs().Delete(t.Context(), config.Digest), registry.ErrUnsupported)
	wantError(t, p.Blobs().Delete(t.Context(), unknown), registry.ErrUnsupported)
	wantError(t, p.Manifests().Delete(t.Context(), desc.Digest), registry.ErrUnsupported)
	wantError(t, p.Tags().Delete(t.Context(), tag("t")), registry.ErrUnsupported)
	for _, from := range []registry.Name{{}, p.Name()} {
		_, err = repository(t, off, "to").Blobs().Mount(t.Context(), from, config.Digest)
		wantError(t, err, registry.ErrUnsupported)
	}
	if string(read(t, p, config.Digest)) != "{}" {
		t.Fatal("content differs")
	}
	if _, err := p.Tags().Get(t.Context(), tag("t")); err != nil {
		t.Fatal(err)
	}

	anonymous := repository(t, storage.New(d, storage.Options{DisableAnonymousMount: true}), "to")
	_, err = anonymous.Blobs().Mount(t.Context(), registry.Name{}, config.Digest)
	wantError(t, err, registry.ErrUnsupported)
	_, err = anonymous.Blobs().Mount(t.Context(), p.Name(), config.Digest)
	must(t, err)
}

// TestLayoutOnDisk spells the paths out, since other registries read them.
// It shows S-130, S-131, S-210, S-343.
func TestLayoutOnDisk(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "foo/bar")
			config := push(t, p, []byte("{}"))
			m := image(t, config, "")
			_, body := m.Payload()
			var ids []string
			for _, alg := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
				desc, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{Digest: alg.FromBytes(body), Tags: []registry.Tag{tag("t")}})
				must(t, err)
				ids = append(ids, desc.Digest.Encoded())
			}
			c := config.Digest.Encoded()
			const repo = "/docker/registry/v2/repositories/foo/bar/"
			want := map[string]string{
				"/docker/registry/v2/blobs/sha256/" + c[:2] + "/" + c + "/data":           "{}",
				"/docker/registry/v2/blobs/sha256/" + ids[0][:2] + "/" + ids[0] + "/data": string(body),
				repo + "_layers/sha256/" + c + "/link":                                    "sha256:" + c,
				repo + "_manifests/revisions/sha256/" + ids[0] + "/link":                  "sha256:" + ids[0],
				repo + "_manifests/revisions/sha512/" + ids[1] + "/link":                  "sha256:" + ids[0],
				repo + "_manifests/tags/t/current/link":                                   "sha256:" + ids[0],
				repo + "_manifests/tags/t/index/sha256/" + ids[0] + "/link":               "sha256:" + ids[0],
			}
			must(t, d.Walk(t.Context(), "/", func(i driver.FileInfo) error {
				if i.IsDir() {
					return nil
				}
				content, err := d.GetContent(t.Context(), i.Path())
				if err != nil || want[i.Path()] != string(content) {
					t.Errorf("%s: %q, %v", i.Path(), content, err)
				}
				delete(want, i.Path())
				return nil
			}))
			if len(want) > 0 {
				t.Errorf("missing: %v", want)
			}
		})
	}
}

// TestDamageIsNotAbsence has links and content that can't be understood.
func TestDamageIsNotAbsence(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	p := repository(t, storage.New(d, storage.Options{}), "damage")
	config := push(t, p, []byte("{}"))
	desc, err := p.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{Tags: []registry.Tag{tag("t")}})
	must(t, err)
	const repo = "/docker/registry/v2/repositories/damage/"
	must(t, d.PutContent(t.Context(), repo+"_layers/sha256/"+config.Digest.Encoded()+"/link", []byte("nonsense")))
	must(t, d.PutContent(t.Context(), repo+"_manifests/tags/t/current/link", nil))
	hex := desc.Digest.Encoded()
	must(t, d.PutContent(t.Context(), "/docker/registry/v2/blobs/sha256/"+hex[:2]+"/"+hex+"/data", []byte(`{"schemaVersion":2}`)))
	p = repository(t, storage.New(d, storage.Options{}), "damage")
	_, blob := p.Blobs().Stat(t.Context(), config.Digest)
	_, current := p.Tags().Get(t.Context(), tag("t"))
	_, m := p.Manifests().Get(t.Context(), desc.Digest)
	for what, err := range map[string]error{"blob": blob, "tag": current, "manifest": m} {
		if err == nil || len(registry.Errors(err)) != 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestManifestsAreReadOnceAndInBounds(t *testing.T) {
	t.Parallel()
	var reads atomic.Int64
	d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), func(op faulty.Op, path string) error {
		if op == faulty.GetContent && strings.HasSuffix(path, "/data") {
			reads.Add(1)
		}
		return nil
	})
	p := repository(t, storage.New(d, storage.Options{}), "read")
	config := push(t, p, []byte("{}"))
	var all []digest.Digest
	for i := range 40 {
		note := strings.Repeat("x", 20<<10)
		desc, err := p.Manifests().Put(t.Context(), image(t, config, fmt.Sprintf(`,"annotations":{"i":"%d","n":%q}`, i, note)), registry.PutOptions{})
		must(t, err)
		all = append(all, desc.Digest)
	}
	get := func(dgst digest.Digest) {
		t.Helper()
		m, err := p.Manifests().Get(t.Context(), dgst)
		must(t, err)
		if _, content := m.Payload(); digest.FromBytes(content) != dgst {
			t.Fatal("another manifest came back")
		}
	}
	get(all[0])
	get(all[0])
	if n := reads.Load(); n != 1 {
		t.Fatalf("a manifest was read %d times for two calls", n)
	}
	for _, dgst := range all {
		get(dgst)
	}
	get(all[0])
	if n := reads.Load(); n != 41 {
		t.Fatalf("%d reads; what was used least was to be forgotten", n)
	}
	must(t, p.Manifests().Delete(t.Context(), all[0]))
	_, err := p.Manifests().Get(t.Context(), all[0])
	wantError(t, err, registry.ErrManifestUnknown)
}
