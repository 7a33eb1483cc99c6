package peers_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/ci/peers"
	"github.com/registryconform/conform/ci/push"
	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/fsck"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// An estate is what registries over one store must serve: images by repository
// and tag, or digest.
type estate struct {
	images    map[string]map[string]fixtures.Manifest
	gone      map[string][]fixtures.Manifest // deleted, by repository
	referrers map[string]map[digest.Digest][]digest.Digest
	source    *fixtures.Source
	shared    fixtures.Layer
	round     int
}

func newEstate(t *testing.T) *estate {
	s := fixtures.New(t.Name())
	return &estate{
		images: map[string]map[string]fixtures.Manifest{}, gone: map[string][]fixtures.Manifest{},
		referrers: map[string]map[digest.Digest][]digest.Digest{},
		source:    s, shared: s.Layer(v1.MediaTypeImageLayerGzip, 100<<10),
	}
}

// add pushes a manifest under a tag, or its digest if that is "".
func (e *estate) add(t *testing.T, c push.Client, repository, tag string, m fixtures.Manifest) {
	t.Helper()
	if tag == "" {
		tag = m.Digest.String()
	}
	if err := c.Image(t.Context(), repository, tag, m); err != nil {
		t.Fatal(err)
	}
	if e.images[repository] == nil {
		e.images[repository] = map[string]fixtures.Manifest{}
	}
	e.images[repository][tag] = m
}

// grow pushes some of everything, beside and over what was there before.
func (e *estate) grow(t *testing.T, c push.Client) {
	t.Helper()
	e.round++
	s := e.source
	platform := func(arch string) fixtures.Manifest {
		return s.Image(fixtures.Platform("linux", arch), fixtures.GivenLayers(e.shared, s.Layer(v1.MediaTypeImageLayerGzip, 2<<10))).Manifest
	}
	name := func(tag string) string { return fmt.Sprint(tag, e.round) }
	docker := s.DockerImage().Manifest
	e.add(t, c, "team/docker", name("v"), docker)
	e.add(t, c, "team/docker", "latest", docker)
	e.add(t, c, "team/docker", name("list"), s.DockerList([]fixtures.Manifest{s.DockerImage().Manifest, s.DockerImage().Manifest}))
	e.add(t, c, "team/oci", name("index"), s.Index([]fixtures.Manifest{platform("amd64"), platform("arm64")}))
	e.add(t, c, "team/oci", "moved", platform("amd64"))
	e.add(t, c, "team/oci", "moved", platform("arm64"))
	e.add(t, c, "team/oci/below", name("shared"), platform("amd64"))
	e.add(t, c, name("only"), "latest", s.Image(fixtures.Layers(0)).Manifest)
	alias := s.Layer(v1.MediaTypeImageLayerGzip, 2<<10)
	alias.Blob = alias.Under(digest.SHA512)
	e.add(t, c, "aliases", name("sha"), s.Image(fixtures.GivenLayers(alias)).Manifest)

	subject := s.Image().Manifest
	e.add(t, c, "signed", name("image"), subject)
	signature := s.Artifact("application/vnd.example.signature", fixtures.Subject(subject.Descriptor()))
	e.add(t, c, "signed", "", signature)
	if e.referrers["signed"] == nil {
		e.referrers["signed"] = map[digest.Digest][]digest.Digest{}
	}
	e.referrers["signed"][subject.Digest] = []digest.Digest{signature.Digest}

	gone := s.Image(fixtures.LayerSize(50 << 10)).Manifest
	e.add(t, c, "team/oci", "gone", gone)
	delete(e.images["team/oci"], "gone")
	e.gone["team/oci"] = append(e.gone["team/oci"], gone)
	if _, _, err := c.Do(t.Context(), http.MethodDelete, "/v2/team/oci/manifests/"+gone.Digest.String(), nil, nil, http.StatusAccepted); err != nil {
		t.Fatal(err)
	}
}

// check demands the estate, image by image, with its lists.
func (e *estate) check(t *testing.T, c push.Client) {
	t.Helper()
	var catalog struct{ Repositories []string }
	list(t, c, "/v2/_catalog?n=100", &catalog)
	if want := slices.Sorted(maps.Keys(e.images)); !slices.Equal(slices.Sorted(slices.Values(catalog.Repositories)), want) {
		t.Errorf("the catalogue has %q, want %q", catalog.Repositories, want)
	}
	for repository, images := range e.images {
		var want []string
		for reference, m := range images {
			if err := c.Whole(t.Context(), repository, reference, m); err != nil {
				t.Error(err)
			}
			if err := c.Whole(t.Context(), repository, m.Digest.String(), m); err != nil {
				t.Error(err)
			}
			if reference != m.Digest.String() {
				want = append(want, reference)
			}
		}
		var tags struct{ Tags []string }
		list(t, c, "/v2/"+repository+"/tags/list", &tags)
		slices.Sort(want)
		if !slices.Equal(slices.Sorted(slices.Values(tags.Tags)), want) {
			t.Errorf("%s has the tags %q, want %q", repository, tags.Tags, want)
		}
	}
	for repository, images := range e.gone {
		for _, m := range images {
			for _, reference := range []string{"gone", m.Digest.String()} {
				if _, _, err := c.Do(t.Context(), http.MethodGet, "/v2/"+repository+"/manifests/"+reference, nil, nil, http.StatusNotFound); err != nil {
					t.Errorf("deleted: %v", err)
				}
			}
		}
	}
}

func list(t *testing.T, c push.Client, path string, into any) {
	t.Helper()
	_, body, err := c.Do(t.Context(), http.MethodGet, path, nil, nil, http.StatusOK)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkReferrers demands the lists of referrers, which not every peer has.
func (e *estate) checkReferrers(t *testing.T, c push.Client) {
	t.Helper()
	for repository, subjects := range e.referrers {
		for subject, want := range subjects {
			var index v1.Index
			list(t, c, "/v2/"+repository+"/referrers/"+subject.String(), &index)
			var got []digest.Digest
			for _, desc := range index.Manifests {
				got = append(got, desc.Digest)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s has the referrers %q, want %q", subject, got, want)
			}
		}
	}
}

// ours serves the store in dir by the reference, without content caches.
func ours(t *testing.T, dir string) push.Client {
	t.Helper()
	d := openStore(t, dir)
	s := httptest.NewServer(server.New(storage.New(d, storage.Options{}), server.Options{}))
	t.Cleanup(s.Close)
	return push.Client{URL: s.URL}
}

func openStore(t *testing.T, dir string) *filesystem.Driver {
	t.Helper()
	d, err := filesystem.New(filesystem.Parameters{Root: peers.Store(dir), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// sound demands that a check of the store finds nothing.
func sound(t *testing.T, dir string) {
	t.Helper()
	sum, err := fsck.Check(t.Context(), openStore(t, dir), fsck.Options{}, func(f fsck.Finding) error {
		t.Errorf("fsck: %+v", f)
		return nil
	})
	if err != nil || sum.Manifests == 0 {
		t.Errorf("fsck: %+v, %v", sum, err)
	}
}

// collect collects garbage that is old enough, and counts what was done.
func collect(t *testing.T, dir string, grace time.Duration) map[garbage.Kind]int {
	t.Helper()
	d := openStore(t, dir)
	done := map[garbage.Kind]int{}
	err := garbage.Collect(t.Context(), storage.New(d, storage.Options{}), d, garbage.Options{Grace: grace}, func(i garbage.Item) error {
		done[i.Kind]++
		return nil
	})
	if err != nil || done[garbage.Skipped] > 0 {
		t.Errorf("collected %v, %v", done, err)
	}
	return done
}

// TestLayout lets a real registry and ours take turns on one store, either of
// them first: each serves all that both have pushed, image by image, with tags
// and catalogue, and pushes more; a check finds the store sound; and after our
// collection of garbage both serve all of it.
//
// S-128 S-296
func TestLayout(t *testing.T) {
	for _, p := range []peers.Peer{peers.DebianRegistry(), peers.Distribution()} {
		for _, oursFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/ours first %v", p.Name, oursFirst), func(t *testing.T) {
				t.Parallel()
				dir, e := peers.TempDir(t), newEstate(t)
				turn := func(name string, f func(*testing.T)) {
					if !t.Failed() {
						t.Run(name, f)
					}
				}
				theirs := func(grow bool) func(*testing.T) {
					return func(t *testing.T) {
						c := push.Client{URL: p.StartIn(t, dir).String()}
						e.check(t, c)
						if grow {
							e.grow(t, c)
							e.check(t, c)
						}
					}
				}
				mine := func(grow bool) func(*testing.T) {
					return func(t *testing.T) {
						c := ours(t, dir)
						e.check(t, c)
						// It adds to the index what theirs has pushed since.
						collect(t, dir, time.Hour)
						e.checkReferrers(t, c)
						if grow {
							e.grow(t, c)
							e.check(t, c)
							e.checkReferrers(t, c)
						}
						sound(t, dir)
					}
				}
				if oursFirst {
					turn("ours pushes", mine(true))
				}
				turn("theirs pushes", theirs(true))
				turn("ours goes on", mine(true))
				turn("theirs goes on", theirs(true))
				turn("ours collects", func(t *testing.T) {
					done := collect(t, dir, 0)
					if done[garbage.Content] == 0 || done[garbage.Layer] == 0 || done[garbage.Indexed] == 0 {
						t.Errorf("collected %v", done)
					}
					sound(t, dir)
				})
				turn("theirs at the end", theirs(false))
				turn("ours at the end", mine(false))
			})
		}
	}
}
