package clients_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/manifest/schema1"
)

// dockerContent returns an image of schema 2 and a list of two, for seed.
func dockerContent(seed string) (image, list fixtures.Manifest) {
	s := fixtures.New(seed)
	amd64 := s.DockerImage(fixtures.Layers(3), fixtures.LayerSize(200<<10)).Manifest
	arm64 := s.DockerImage(fixtures.LayerSize(1<<10), fixtures.Platform("linux", "arm64")).Manifest
	return s.DockerImage(fixtures.LayerSize(64 << 10)).Manifest, s.DockerList([]fixtures.Manifest{amd64, arm64})
}

// writeDir writes m in skopeo's own form, a folder of files named by their
// hashes, and returns it.
func writeDir(t *testing.T, m fixtures.Manifest) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "version"), "Directory Transport Version: 1.1\n")
	write(t, filepath.Join(dir, "manifest.json"), string(m.Content))
	for name, content := range dirFiles(m) {
		write(t, filepath.Join(dir, name), string(content))
	}
	return dir
}

// dirFiles returns what such a folder holds beside the manifest.
func dirFiles(m fixtures.Manifest) map[string][]byte {
	all := map[string][]byte{}
	for _, b := range m.Blobs {
		all[b.Digest.Encoded()] = b.Content
	}
	for _, child := range m.Children {
		all[child.Digest.Encoded()+".manifest.json"] = child.Content
		maps.Copy(all, dirFiles(child))
	}
	return all
}

// sameDir demands that the folder holds m with all that belongs to it, byte
// for byte, and nothing else.
func sameDir(t *testing.T, dir string, m fixtures.Manifest) {
	t.Helper()
	want := dirFiles(m)
	want["manifest.json"] = m.Content
	got := map[string][]byte{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() == "version" {
			continue
		}
		if got[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("the folder holds %q, want the bytes of %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// serveSchema1 is serve with manifests of schema 1.
func serveSchema1(t *testing.T) string {
	t.Helper()
	return need.Server(t, exec.Command("conform", "serve", "--addr", "127.0.0.1:0", "--schema1"),
		regexp.MustCompile(`^listening on http://(\S+)`))
}

// skopeoCopy copies all of an image, and may not change a byte.
func skopeoCopy(skopeo client, source, destination string) {
	skopeo.t.Helper()
	skopeo.run("--insecure-policy", "copy", "--all", "--preserve-digests",
		"--src-tls-verify=false", "--dest-tls-verify=false", source, destination)
}

// Images and lists of schema 2, and signed manifests of schema 1 of every
// algorithm, come back byte for byte by skopeo.
func TestSkopeoDockerFormats(t *testing.T) {
	skopeo := newClient(t, need.Program(t, "skopeo", "skopeo"))
	image, list := dockerContent("skopeo")
	all := map[string]fixtures.Manifest{"image": image, "list": list}
	source := fixtures.New("skopeo schema 1")
	for _, a := range fixtures.Algorithms() {
		name := strings.ToLower(string(a))
		all[name] = source.Signed("skopeo/"+name, "v1", []fixtures.Key{source.Key(a), source.Key(fixtures.ES256)}).Manifest
	}
	host := serveSchema1(t)
	for name, m := range all {
		t.Run(name, func(t *testing.T) {
			skopeo := skopeo
			skopeo.t = t
			remote := "docker://" + host + "/skopeo/" + name + ":v1"
			skopeoCopy(skopeo, "dir:"+writeDir(t, m), remote)
			if raw := skopeo.run("inspect", "--raw", "--tls-verify=false", remote); raw != string(m.Content) {
				t.Errorf("the registry's manifest is %s, want %s", raw, m.Content)
			}
			out := t.TempDir()
			skopeoCopy(skopeo, remote, "dir:"+out)
			sameDir(t, out, m)
		})
	}
}

// An image of schema 2 that skopeo converts to schema 1 and signs is taken and
// served as it was pushed, with a signature that is right and the layers that
// it had.
func TestSkopeoConvertsToSchema1(t *testing.T) {
	skopeo := newClient(t, need.Program(t, "skopeo", "skopeo"))
	image, _ := dockerContent("skopeo v2s1")
	host := serveSchema1(t)
	remote := "docker://" + host + "/skopeo/converted:v1"
	skopeo.run("--insecure-policy", "copy", "--format", "v2s1", "--dest-tls-verify=false", "dir:"+writeDir(t, image), remote)
	served := get(t, host, "/v2/skopeo/converted/manifests/v1", schema1.MediaType)
	m, err := schema1.Parse(served)
	if err != nil {
		t.Fatalf("%v\n%s", err, served)
	}
	if keys, err := schema1.Verify(m); err != nil || len(keys) != 1 {
		t.Errorf("signed by %v, %v", keys, err)
	}
	if d := m.Document(); d.Name != "skopeo/converted" || d.Tag != "v1" || len(d.FSLayers) != len(image.Blobs)-1 {
		t.Errorf("converted to %+v", d)
	}
	if digested := get(t, host, "/v2/skopeo/converted/manifests/"+m.Digest().String(), schema1.MediaType); !bytes.Equal(digested, served) {
		t.Errorf("by digest:\n%s\nby tag:\n%s", digested, served)
	}
	out := t.TempDir()
	skopeoCopy(skopeo, remote, "dir:"+out)
	manifest, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil || !bytes.Equal(manifest, served) {
		t.Errorf("pulled %s, %v\nwant %s", manifest, err, served)
	}
	for _, layer := range m.Document().FSLayers {
		content, err := os.ReadFile(filepath.Join(out, layer.BlobSum.Encoded()))
		if err != nil || digest.FromBytes(content) != layer.BlobSum {
			t.Errorf("layer %s: %v", layer.BlobSum, err)
		}
	}
}

// Images and lists of schema 2 come back byte for byte by crane.
func TestCraneDockerFormats(t *testing.T) {
	crane := newClient(t, need.Tool(t, "crane"))
	image, list := dockerContent("crane")
	host := serve(t)
	for name, m := range map[string]fixtures.Manifest{"image": image, "list": list} {
		t.Run(name, func(t *testing.T) {
			crane := crane
			crane.t = t
			remote := host + "/crane/docker/" + name + ":v1"
			crane.run("push", writeLayout(t, m, "v1"), remote)
			if raw := crane.run("manifest", remote); raw != string(m.Content) {
				t.Errorf("the registry's manifest is %s, want %s", raw, m.Content)
			}
			out := filepath.Join(t.TempDir(), "layout")
			crane.run("pull", "--format=oci", remote, out)
			sameLayout(t, out, m)
		})
	}
}

// What the engine has pulled from one registry it pushes to another: the same
// config byte for byte, and the same archives of the layers, which it packs
// anew.
func TestDockerPushesWhatItPulled(t *testing.T) {
	docker, crane := newClient(t, need.Engine(t)), newClient(t, need.Tool(t, "crane"))
	first, second := serve(t), serve(t)
	image, _ := dockerContent("docker")
	for _, host := range []string{first, second} {
		t.Cleanup(func() { forget(docker, host+"/docker/bytes:v1") })
	}
	crane.run("push", writeLayout(t, image, "v1"), first+"/docker/bytes:v1")
	docker.run("pull", "--quiet", first+"/docker/bytes:v1")
	docker.run("tag", first+"/docker/bytes:v1", second+"/docker/bytes:v1")
	docker.run("push", second+"/docker/bytes:v1")
	var pushed v1.Manifest
	if err := json.Unmarshal(get(t, second, "/v2/docker/bytes/manifests/v1", image.MediaType), &pushed); err != nil {
		t.Fatal(err)
	}
	got := [][]byte{get(t, second, "/v2/docker/bytes/blobs/"+pushed.Config.Digest.String(), "*/*")}
	for _, d := range pushed.Layers {
		got = append(got, unzip(t, get(t, second, "/v2/docker/bytes/blobs/"+d.Digest.String(), "*/*")))
	}
	want := [][]byte{image.Blobs[0].Content}
	for _, b := range image.Blobs[1:] {
		want = append(want, unzip(t, b.Content))
	}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("the engine pushes another config or other layers than it has pulled: %v", pushed)
	}
}

func unzip(t *testing.T, content []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
