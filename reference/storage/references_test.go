package storage_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

func codesOf(err error) string {
	var all []string
	for _, e := range registry.Errors(err) {
		all = append(all, e.Code)
	}
	return strings.Join(all, " ")
}

// A layer that need not be here is looked at by the policy alone (K-74); that
// it is named first so does not spare another of the same digest.
func TestReferencesElsewhere(t *testing.T) {
	t.Parallel()
	r := storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{References: manifest.Policy{
		AllowURLs: []*regexp.Regexp{regexp.MustCompile(`^https://good\.invalid/`)},
	}})
	p := repository(t, r, "a")
	here, missing := push(t, p, []byte("{}")), describe([]byte("missing"))
	layer := func(mediaType, urls string) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":7,"urls":[%s]}`, mediaType, missing.Digest, urls)
	}
	const foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar"
	good, bad := layer(foreign, `"https://good.invalid/"`), layer(foreign, `"https://good.invalid/","https://bad.invalid/"`)
	plain := layer(v1.MediaTypeImageLayer, `"https://good.invalid/"`)
	for layers, want := range map[string]string{
		good:                             "",
		bad:                              "MANIFEST_INVALID",
		layer(foreign, ""):               "MANIFEST_BLOB_UNKNOWN",
		plain:                            "MANIFEST_BLOB_UNKNOWN",
		good + "," + plain:               "MANIFEST_BLOB_UNKNOWN",
		plain + "," + bad + "," + plain:  "MANIFEST_BLOB_UNKNOWN MANIFEST_INVALID",
		good + "," + good + "," + good:   "",
		plain + "," + plain + "," + good: "MANIFEST_BLOB_UNKNOWN",
	} {
		m := parse(t, v1.MediaTypeImageManifest, fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":2},"layers":[%s]}`, here.Digest, layers))
		_, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{})
		if (err == nil) != (want == "") || codesOf(err) != want {
			t.Errorf("%s: %v, want %s", layers, err, want)
		}
	}
}

// The children of an index that must be here are those of the policy (K-76).
func TestReferencesPlatforms(t *testing.T) {
	t.Parallel()
	child := func(s, platform string) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1%s}`, v1.MediaTypeImageManifest, describe([]byte(s)).Digest, platform)
	}
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[%s,%s,%s]}`, child("1", `,"platform":{"os":"linux","architecture":"amd64"}`),
		child("2", `,"platform":{"os":"atari","architecture":"m68k"}`), child("3", ""))
	for _, c := range []struct {
		platforms manifest.Platforms
		unknown   int
	}{
		{manifest.Platforms{}, 3},
		{manifest.Platforms{Only: true}, 0},
		{manifest.Platforms{Only: true, List: []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm"}}}, 1},
	} {
		r := storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{References: manifest.Policy{Platforms: c.platforms}})
		_, err := repository(t, r, "a").Manifests().Put(t.Context(), parse(t, v1.MediaTypeImageIndex, index), registry.PutOptions{})
		if want := strings.TrimSpace(strings.Repeat("MANIFEST_BLOB_UNKNOWN ", c.unknown)); codesOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("%+v: %v, want %d unknown", c.platforms, err, c.unknown)
		}
	}
}

// What an index names by the media type of a manifest must be one here; what it
// names by another may be a blob, as caches of builds do.
func TestReferencesOfAnIndexToBlobs(t *testing.T) {
	t.Parallel()
	p := repository(t, storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{}), "a")
	layer, config := push(t, p, []byte("layer")), push(t, p, []byte("{}"))
	child := image(t, config, "", layer)
	manifested, err := p.Manifests().Put(t.Context(), child, registry.PutOptions{})
	must(t, err)
	missing := describe([]byte("missing"))
	for _, c := range []struct {
		mediaType string
		child     registry.Descriptor
		want      string
	}{
		{v1.MediaTypeImageLayerGzip, layer, ""},
		{"application/vnd.buildkit.cacheconfig.v0", config, ""},
		{v1.MediaTypeImageLayerGzip, missing, "MANIFEST_BLOB_UNKNOWN"},
		{v1.MediaTypeImageManifest, layer, "MANIFEST_BLOB_UNKNOWN"},
		{v1.MediaTypeImageManifest, manifested, ""},
		{"application/vnd.unknown.manifest", manifested, ""},
	} {
		index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, c.mediaType, c.child.Digest, c.child.Size)
		_, err := p.Manifests().Put(t.Context(), parse(t, v1.MediaTypeImageIndex, index), registry.PutOptions{})
		if codesOf(err) != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s of %s: %v, want %q", c.mediaType, c.child.Digest, err, c.want)
		}
	}
}
