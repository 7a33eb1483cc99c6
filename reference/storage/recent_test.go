package storage_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// work counts what is done to manifests.
type work struct{ parsed, checked, joined atomic.Int32 }

// counted is a signed manifest that counts.
type counted struct {
	registry.SignedManifest
	work *work
}

func (c counted) Check(name registry.Name, tags []registry.Tag) error {
	c.work.checked.Add(1)
	return c.SignedManifest.Check(name, tags)
}

func (c counted) WithSignatures(signatures [][]byte) (registry.Manifest, error) {
	c.work.joined.Add(1)
	joined, err := c.SignedManifest.WithSignatures(signatures)
	return c.work.count(joined), err
}

func (w *work) count(m registry.Manifest) registry.Manifest {
	if signed, ok := m.(registry.SignedManifest); ok {
		return counted{signed, w}
	}
	return m
}

// table returns a table of every format whose parsers count.
func (w *work) table(t *testing.T) *manifest.Table {
	t.Helper()
	formats := append(manifest.Formats(), manifest.Schema1(schema1.Options{}))
	for i, f := range formats {
		formats[i].Parse = func(content []byte, fields map[string]json.RawMessage) (registry.Manifest, error) {
			w.parsed.Add(1)
			m, err := f.Parse(content, fields)
			return w.count(m), err
		}
	}
	table, err := manifest.New(formats...)
	must(t, err)
	return table
}

// K-73: a pull parses, verifies and writes nothing that a push has done, and
// gives the very bytes that were pushed (S-181, S-188, S-197).
func TestPullsOfWhatWasPushedDoNoWork(t *testing.T) {
	t.Parallel()
	w := &work{}
	table := w.table(t)
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(d, storage.Options{Manifests: table})
	p, source := repository(t, r, "a/b"), fixtures.New("pulls")
	img, docker := source.Image(), source.DockerImage()
	signed := source.Signed("a/b", "latest", []fixtures.Key{source.Key(fixtures.ES256), source.Key(fixtures.RS256)})
	all := []fixtures.Manifest{
		img.Manifest, docker.Manifest, source.Index([]fixtures.Manifest{img.Manifest}),
		source.DockerList([]fixtures.Manifest{docker.Manifest}), source.Artifact("a/b", fixtures.Subject(img.Descriptor())), signed.Manifest,
	}
	for _, x := range all {
		for _, b := range x.Blobs {
			push(t, p, b.Content)
		}
		m, err := table.Parse(x.MediaType, x.Content)
		must(t, err)
		must(t, second(p.Manifests().Put(t.Context(), m, registry.PutOptions{Tags: []registry.Tag{tag("latest")}})))
	}
	parsed, checked, joined := w.parsed.Load(), w.checked.Load(), w.joined.Load()
	if parsed != int32(len(all)) || checked != 1 {
		t.Errorf("pushes parsed %d and verified %d times, want %d and 1", parsed, checked, len(all))
	}
	for range 2 {
		for _, x := range all {
			m, err := p.Manifests().Get(t.Context(), x.Digest)
			must(t, err)
			if mediaType, content := m.Payload(); mediaType != x.MediaType || !bytes.Equal(content, x.Content) {
				t.Errorf("%s came back as %s: %s", x.MediaType, mediaType, content)
			}
			wantContent(t, p, x)
			must(t, second(p.Tags().Get(t.Context(), tag("latest"))))
		}
	}
	for range p.Manifests().Referrers(t.Context(), img.Digest, "") {
	}
	if w.parsed.Load() != parsed || w.checked.Load() != checked || w.joined.Load() != joined {
		t.Errorf("pulls parsed %d, verified %d and joined %d times", w.parsed.Load()-parsed, w.checked.Load()-checked, w.joined.Load()-joined)
	}

	// Another process has nothing in memory. It joins what is stored apart, once.
	p = repository(t, storage.New(d, storage.Options{Manifests: table}), "a/b")
	for range 2 {
		for _, x := range all {
			wantContent(t, p, x)
		}
	}
	if n := w.parsed.Load() - parsed; n != 1 || w.checked.Load() != checked || w.joined.Load() != joined+1 {
		t.Errorf("pulls from another process parsed %d, verified %d and joined %d times, want 1, 0 and 1", n, w.checked.Load()-checked, w.joined.Load()-joined)
	}
}

func wantContent(t *testing.T, p registry.Repository, x fixtures.Manifest) {
	t.Helper()
	got, err := p.Manifests().Content(t.Context(), x.Digest)
	must(t, err)
	if got.MediaType != x.MediaType || !bytes.Equal(got.Content, x.Content) || got.Digest != digest.FromBytes(x.Content) {
		t.Errorf("%s is served as %s, %s: %s", x.MediaType, got.MediaType, got.Digest, got.Content)
	}
	desc, err := p.Manifests().Stat(t.Context(), x.Digest)
	must(t, err)
	if want := got.Describe(x.Digest); !reflect.DeepEqual(desc, want) {
		t.Errorf("stat %+v, want %+v", desc, want)
	}
}
