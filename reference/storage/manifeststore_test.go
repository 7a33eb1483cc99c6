package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// failing returns a view of d in which calls on paths that hold part fail.
func failing(d driver.Driver, part string) driver.Driver {
	return faulty.Wrap(d, func(_ faulty.Op, path string) error {
		if strings.Contains(path, part) {
			return errMedium
		}
		return nil
	})
}

// wantOutage demands a failure of the store, told as it is and to no client.
func wantOutage(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, errMedium) || len(registry.Errors(err)) != 0 {
		t.Errorf("%s: %v, want the failure of the medium", what, err)
	}
}

// S-251: the compiler checks that the manifests of a store keep the contract,
// the one of the whole registry included.
func TestManifestsKeepTheContract(t *testing.T) {
	t.Parallel()
	var r registry.Registry = storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{})
	var m registry.Manifests = repository(t, r, "a/b").Manifests()
	wantError(t, second(m.Get(t.Context(), digest.FromString(""))), registry.ErrManifestUnknown)
}

// A manifest is there, is unknown with its digest told, or can't be looked for
// (S-252, S-253, S-254, S-255, S-256, S-257, S-259, S-260, S-263): a failure is
// never told as absence, nor what is damaged as a manifest (S-258, K-09, K-72).
func TestManifestIsThereUnknownOrOutOfReach(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	s := openSigning(t, d)
	x := s.image(s.source.Key(fixtures.ES256))
	must(t, second(s.put(x, registry.PutOptions{})))
	plain, err := s.Manifests().Put(t.Context(), image(t, push(t, s.Repository, []byte("{}")), ""), registry.PutOptions{})
	must(t, err)
	for _, dgst := range []digest.Digest{x.Digest, plain.Digest} {
		_, err := s.Manifests().Stat(t.Context(), dgst)
		must(t, err)
	}
	unknown := digest.FromString("unknown")
	for what, err := range map[string]error{
		"stat": second(s.Manifests().Stat(t.Context(), unknown)), "get": second(s.Manifests().Get(t.Context(), unknown)),
	} {
		if wantError(t, err, registry.ErrManifestUnknown); !strings.Contains(err.Error(), unknown.String()) {
			t.Errorf("%s: %v does not name it", what, err)
		}
	}
	for part, dgst := range map[string]digest.Digest{"_manifests/revisions": plain.Digest, "/blobs/": plain.Digest, "/signatures": x.Digest} {
		other := openSigning(t, failing(d, part))
		wantOutage(t, "get with failing "+part, second(other.Manifests().Get(t.Context(), dgst)))
		wantOutage(t, "stat with failing "+part, second(other.Manifests().Stat(t.Context(), dgst)))
	}
	for _, damage := range []string{"", "{", "[]", `{"schemaVersion":2,"mediaType":"application/vnd.example+json","config":{}}`, `{"schemaVersion":2}`, `{"schemaVersion":7}`} {
		dgst := digest.FromString(damage)
		must(t, d.PutContent(t.Context(), blobPath(dgst), []byte(damage)))
		must(t, d.PutContent(t.Context(), manifestsFolder+"/revisions/sha256/"+dgst.Encoded()+"/link", []byte(dgst)))
		if m, err := s.Manifests().Get(t.Context(), dgst); err == nil || len(registry.Errors(err)) != 0 {
			t.Errorf("%q is served as %v, %v", damage, m, err)
		}
	}
	must(t, d.Delete(t.Context(), blobPath(plain.Digest)))
	wantError(t, second(openSigning(t, d).Manifests().Get(t.Context(), plain.Digest)), registry.ErrManifestUnknown)
}

// An option belongs to one call (S-250, S-264, S-265, S-301, K-07): pushes that
// leave out the check of references run beside ones that do not, which stay
// refused.
func TestManifestOptionsBelongToTheirCall(t *testing.T) {
	t.Parallel()
	p := repository(t, storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{}), "options")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			m := image(t, describe([]byte(fmt.Sprint("missing", i))), "")
			for range 20 {
				opts := registry.PutOptions{SkipReferences: i%2 == 0}
				kept := opts
				_, err := p.Manifests().Put(t.Context(), m, opts)
				if opts.SkipReferences && err != nil || !opts.SkipReferences && !errors.Is(err, registry.ErrManifestBlobUnknown) {
					t.Errorf("skip %v: %v", opts.SkipReferences, err)
				}
				if opts.SkipReferences != kept.SkipReferences || opts.Tags != nil {
					t.Errorf("the options became %+v", opts)
				}
			}
		})
	}
	group.Wait()
}

// What can't be stored is refused with its type (S-266), and each cause is an
// error of its own kind (S-267, S-288).
func TestManifestRefusalsAreTyped(t *testing.T) {
	t.Parallel()
	s := openSigning(t, inmemory.New(inmemory.Parameters{}))
	plain := repository(t, storage.New(s.Driver, storage.Options{}), "a/b")
	x := s.image(s.source.Key(fixtures.ES256))
	m, err := s.table.Parse(x.MediaType, x.Content)
	must(t, err)
	_, err = plain.Manifests().Put(t.Context(), m, registry.PutOptions{})
	if wantError(t, err, registry.ErrManifestInvalid); !strings.Contains(err.Error(), x.MediaType) {
		t.Errorf("%v does not name %s", err, x.MediaType)
	}
	bad := s.source.Signed("a/c", "latest", nil)
	m, err = s.table.Parse(bad.MediaType, bad.Content)
	must(t, err)
	_, err = s.Manifests().Put(t.Context(), m, registry.PutOptions{})
	for _, want := range []*registry.Error{registry.ErrNameInvalid, registry.ErrManifestUnverified, registry.ErrManifestBlobUnknown} {
		var as *registry.Error
		if !errors.Is(err, want) || !errors.As(err, &as) {
			t.Errorf("%v is not %v", err, want)
		}
	}
	if _, err := s.put(x, registry.PutOptions{}); err != nil {
		t.Errorf("a sound manifest: %#v", err)
	}
}

// Each reference is looked for once, a missing one named once by its digest,
// and their number is bounded (S-285, S-286, K-13); a store that fails is a
// failure of the server whatever else is missing (K-12).
func TestManifestReferencesAreLookedForOnce(t *testing.T) {
	t.Parallel()
	d, looked := inmemory.New(inmemory.Parameters{}), map[string]int{}
	counting := faulty.Wrap(d, func(_ faulty.Op, path string) error {
		if strings.Contains(path, "/_layers/") {
			looked[path]++
		}
		return nil
	})
	p := repository(t, storage.New(counting, storage.Options{}), "a/b")
	config := push(t, p, []byte("{}"))
	clear(looked)
	missing := describe([]byte("missing"))
	_, err := p.Manifests().Put(t.Context(), image(t, config, "", missing, missing, config, missing), registry.PutOptions{})
	if all := registry.Errors(err); len(all) != 1 || !strings.Contains(all[0].Error(), missing.Digest.String()) {
		t.Errorf("one missing blob: %v", err)
	}
	for path, n := range looked {
		if n != 1 {
			t.Errorf("%s was looked at %d times", path, n)
		}
	}
	var many []registry.Descriptor
	for i := range 1000 {
		many = append(many, describe([]byte(fmt.Sprint(i))))
	}
	_, err = p.Manifests().Put(t.Context(), image(t, config, "", many...), registry.PutOptions{})
	if n := len(registry.Errors(err)); n == 0 || n > 64 {
		t.Errorf("%d errors for 1000 missing blobs", n)
	}
	broken := repository(t, storage.New(failing(d, "/_layers/sha256/"+config.Digest.Encoded()), storage.Options{}), "a/b")
	_, err = broken.Manifests().Put(t.Context(), image(t, config, "", many...), registry.PutOptions{})
	wantOutage(t, "references", err)
}

// A push returns the digest of what it stored (S-273) and sets no tag that was
// not asked for (S-274); it writes the link to the manifest once, after all
// that belongs to it (S-270, S-345, K-10), without an upload session (S-198),
// and a failure to store is told (S-269).
func TestManifestIsLinkedLast(t *testing.T) {
	t.Parallel()
	var written []string
	d := inmemory.New(inmemory.Parameters{})
	s := openSigning(t, faulty.Wrap(d, func(op faulty.Op, path string) error {
		if op == faulty.PutContent {
			written = append(written, path)
		}
		return nil
	}))
	x := s.image(s.source.Key(fixtures.ES256), s.source.Key(fixtures.RS256))
	written = nil
	desc, err := s.put(x, registry.PutOptions{})
	must(t, err)
	link := manifestsFolder + "/revisions/sha256/" + x.Digest.Encoded() + "/link"
	if at := slices.Index(written, link); at != len(written)-1 || len(written) != 6 {
		t.Errorf("written in order: %v", written)
	}
	content, err := d.GetContent(t.Context(), link)
	must(t, err)
	if desc.Digest != digest.FromBytes(x.Payload) || digest.Digest(content) != desc.Digest {
		t.Errorf("%s is linked as %s, want %s", desc.Digest, content, digest.FromBytes(x.Payload))
	}
	for _, err := range s.Tags().All(t.Context(), registry.Tag{}) {
		must(t, err)
		t.Error("there is a tag")
	}
	broken := openSigning(t, failing(d, "/blobs/"))
	wantOutage(t, "store", second(broken.put(x, registry.PutOptions{SkipReferences: true})))
}

// A read looks at the link once, and the manifests of a repository can be
// enumerated (K-11, S-276). What it serves does not depend on who reads (S-294).
func TestManifestReadsLookAtTheLinkOnce(t *testing.T) {
	t.Parallel()
	links := 0
	d := inmemory.New(inmemory.Parameters{})
	r := storage.New(faulty.Wrap(d, func(_ faulty.Op, path string) error {
		if strings.HasSuffix(path, "/link") {
			links++
		}
		return nil
	}), storage.Options{})
	p := repository(t, r, "a/b")
	config := push(t, p, []byte("{}"))
	var want []digest.Digest
	for i := range 5 {
		desc, err := p.Manifests().Put(t.Context(), image(t, config, fmt.Sprintf(`,"annotations":{"n":"%d"}`, i)), registry.PutOptions{})
		must(t, err)
		want = append(want, desc.Digest)
	}
	links = 0
	must(t, second(p.Manifests().Get(t.Context(), want[0])))
	if links != 1 {
		t.Errorf("%d looks at links for one read", links)
	}
	got := collect(t, p.Manifests().All(t.Context()))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("enumerated %v, want %v", got, want)
	}
	for _, err := range repository(t, storage.New(failing(d, "revisions"), storage.Options{}), "a/b").Manifests().All(t.Context()) {
		wantOutage(t, "enumeration", err)
	}
}

// Deleting says unknown where there is nothing, and is refused where deletes
// are off, whatever there is (S-275); the layers stay (S-192).
func TestManifestDelete(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	p := repository(t, storage.New(d, storage.Options{}), "a/b")
	config, layer := push(t, p, []byte("{}")), push(t, p, []byte("layer"))
	desc, err := p.Manifests().Put(t.Context(), image(t, config, "", layer), registry.PutOptions{})
	must(t, err)
	off := repository(t, storage.New(d, storage.Options{DisableDelete: true}), "a/b")
	for _, dgst := range []digest.Digest{desc.Digest, digest.FromString("unknown")} {
		wantError(t, off.Manifests().Delete(t.Context(), dgst), registry.ErrUnsupported)
	}
	wantError(t, p.Manifests().Delete(t.Context(), digest.FromString("unknown")), registry.ErrManifestUnknown)
	must(t, p.Manifests().Delete(t.Context(), desc.Digest))
	wantError(t, p.Manifests().Delete(t.Context(), desc.Digest), registry.ErrManifestUnknown)
	for _, b := range []registry.Descriptor{config, layer} {
		must(t, second(p.Blobs().Stat(t.Context(), b.Digest)))
	}
}

type contextKey struct{}

// seeing passes on the value of each context that the driver is called with.
type seeing struct {
	driver.Driver
	seen func(any)
}

func (s seeing) GetContent(ctx context.Context, path string) ([]byte, error) {
	s.seen(ctx.Value(contextKey{}))
	return s.Driver.GetContent(ctx, path)
}

func (s seeing) PutContent(ctx context.Context, path string, content []byte) error {
	s.seen(ctx.Value(contextKey{}))
	return s.Driver.PutContent(ctx, path, content)
}

func (s seeing) Stat(ctx context.Context, path string) (driver.FileInfo, error) {
	s.seen(ctx.Value(contextKey{}))
	return s.Driver.Stat(ctx, path)
}

// Each call works under its own context, the one of the repository's making
// plays no part (K-08).
func TestManifestCallsUseTheirContext(t *testing.T) {
	t.Parallel()
	var seen []any
	d := seeing{inmemory.New(inmemory.Parameters{}), func(v any) { seen = append(seen, v) }}
	r := storage.New(d, storage.Options{})
	name, err := registry.ParseName("a/b")
	must(t, err)
	made, cancel := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "made"))
	p, err := r.Repository(made, name)
	must(t, err)
	cancel()
	config := push(t, p, []byte("{}"))
	seen = nil
	ctx := context.WithValue(t.Context(), contextKey{}, "call")
	desc, err := p.Manifests().Put(ctx, image(t, config, ""), registry.PutOptions{Tags: []registry.Tag{tag("latest")}})
	must(t, err)
	again := repository(t, storage.New(d, storage.Options{}), "a/b") // which has not kept the manifest
	must(t, second(again.Manifests().Get(ctx, desc.Digest)))
	must(t, second(again.Tags().Get(ctx, tag("latest"))))
	if len(seen) < 6 || slices.ContainsFunc(seen, func(v any) bool { return v != "call" }) {
		t.Errorf("the driver was called with %v", seen)
	}
}

// A tag, its history and a manifest that an older registry has written are
// read, moved and listed (S-296); a moved tag leaves the old manifest (S-139).
func TestManifestsAndTagsOfOlderRegistries(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	s := openSigning(t, d)
	x := s.image(s.source.Key(fixtures.ES256))
	must(t, d.PutContent(t.Context(), blobPath(x.Digest), x.Payload))
	for _, path := range []string{
		"/revisions/sha256/" + x.Digest.Encoded() + "/link", "/tags/old/current/link",
		"/tags/old/index/sha256/" + x.Digest.Encoded() + "/link",
	} {
		must(t, d.PutContent(t.Context(), manifestsFolder+path, []byte(x.Digest)))
	}
	current, err := s.Tags().Get(t.Context(), tag("old"))
	must(t, err)
	if mediaType, content := s.get(current.Digest); mediaType != schema1.MediaTypeUnsigned || string(content) != string(x.Payload) {
		t.Errorf("read as %s %s", mediaType, content)
	}
	if tags := collect(t, s.Tags().All(t.Context(), registry.Tag{})); len(tags) != 1 || tags[0] != tag("old") {
		t.Errorf("tags %v", tags)
	}
	newer := parse(t, v1.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[]}`)
	must(t, second(s.Manifests().Put(t.Context(), newer, registry.PutOptions{Tags: []registry.Tag{tag("old")}})))
	must(t, second(s.Manifests().Get(t.Context(), x.Digest)))
}

// Links of one kind open nothing of another: a blob is no manifest, a manifest
// no blob, and a signature neither (S-055, S-129, K-15).
func TestLinksAreApart(t *testing.T) {
	t.Parallel()
	s := openSigning(t, inmemory.New(inmemory.Parameters{}))
	x := s.image(s.source.Key(fixtures.ES256))
	must(t, second(s.put(x, registry.PutOptions{Tags: []registry.Tag{tag("latest")}})))
	document := push(t, s.Repository, []byte(`{"schemaVersion":2,"manifests":[]}`))
	signature := digest.FromBytes(x.Signatures[0])
	for what, dgst := range map[string]digest.Digest{"blob": document.Digest, "layer": x.Blobs[0].Digest, "signature": signature} {
		if _, err := s.Manifests().Get(t.Context(), dgst); !errors.Is(err, registry.ErrManifestUnknown) {
			t.Errorf("the %s as a manifest: %v", what, err)
		}
		if err := s.Tags().Set(t.Context(), tag("other"), registry.Descriptor{Digest: dgst}); !errors.Is(err, registry.ErrManifestUnknown) {
			t.Errorf("a tag of the %s: %v", what, err)
		}
	}
	for what, dgst := range map[string]digest.Digest{"manifest": x.Digest, "signature": signature} {
		if _, err := s.Blobs().Stat(t.Context(), dgst); !errors.Is(err, registry.ErrBlobUnknown) {
			t.Errorf("the %s as a blob: %v", what, err)
		}
	}
	must(t, s.Tags().Delete(t.Context(), tag("latest")))
	s.wantServed(x)
}

// Every key that signs well is taken, whoever's it is (S-277), and a policy can
// say otherwise; what it says is told with the rest (S-284).
func TestAnyKeyMaySign(t *testing.T) {
	t.Parallel()
	for _, a := range fixtures.Algorithms() {
		s := openSigning(t, inmemory.New(inmemory.Parameters{}))
		must(t, second(s.put(s.image(fixtures.New("anyone "+string(a)).Key(a)), registry.PutOptions{})))
	}
	refusal := errors.New("nobody we know")
	table := manifest.Default(manifest.WithSchema1(schema1.Options{Policy: func(*schema1.Manifest, []schema1.Signer) error { return refusal }}))
	x := fixtures.New("policy").Signed("a/b", "latest", []fixtures.Key{fixtures.New("policy").Key(fixtures.ES256)})
	m, err := table.Parse(x.MediaType, x.Content)
	must(t, err)
	r := storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{Manifests: table})
	_, err = repository(t, r, "a/b").Manifests().Put(t.Context(), m, registry.PutOptions{})
	if !errors.Is(err, refusal) || codesOf(err) != "MANIFEST_UNVERIFIED MANIFEST_BLOB_UNKNOWN MANIFEST_BLOB_UNKNOWN" {
		t.Errorf("refused by the policy: %v", err)
	}
}
