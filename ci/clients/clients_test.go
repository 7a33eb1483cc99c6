package clients_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/fixtures"
)

func TestMain(m *testing.M) { os.Exit(need.WithConform(m)) }

// serve runs "conform serve" and returns the registry's host and port.
func serve(t *testing.T) string {
	t.Helper()
	return need.Server(t, exec.Command("conform", "serve", "--addr", "127.0.0.1:0"),
		regexp.MustCompile(`^listening on http://(\S+)`))
}

// A client is a program with a configuration of its own, so that a user's
// credentials and settings play no part.
type client struct {
	t       *testing.T
	program string
	env     []string
}

func newClient(t *testing.T, program string) client {
	t.Helper()
	dir := t.TempDir()
	return client{t: t, program: program, env: append(os.Environ(),
		"DOCKER_CONFIG="+dir, "REGISTRY_AUTH_FILE="+filepath.Join(dir, "auth.json"), "DOCKER_BUILDKIT=0",
		"DOCKER_CLI_EXPERIMENTAL=enabled")}
}

// run runs the client, which must end well, and returns its standard output.
func (c client) run(args ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, c.program, args...)
	command.Env = c.env
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		c.t.Fatalf("%s: %v\n%s%s", command, err, &stdout, &stderr)
	}
	return stdout.String()
}

// get returns what the registry answers with 200 at path.
func get(t *testing.T, host, path, accept string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v\n%s", path, response.Status, err, body)
	}
	return body
}

func TestSkopeo(t *testing.T) {
	skopeo := newClient(t, need.Program(t, "skopeo", "skopeo"))
	image, index := content("skopeo")
	for name, m := range map[string]fixtures.Manifest{"image": image, "index": index} {
		t.Run(name, func(t *testing.T) {
			skopeo := skopeo
			skopeo.t = t
			host := serve(t)
			remote := "docker://" + host + "/skopeo/" + name + ":v1"
			copyAll := func(source, destination string) {
				skopeo.run("--insecure-policy", "copy", "--all", "--preserve-digests",
					"--src-tls-verify=false", "--dest-tls-verify=false", source, destination)
			}
			copyAll("oci:"+writeLayout(t, m, "v1")+":v1", remote)
			if raw := skopeo.run("inspect", "--raw", "--tls-verify=false", remote); raw != string(m.Content) {
				t.Errorf("the registry's manifest is %s, want %s", raw, m.Content)
			}
			out := t.TempDir()
			copyAll(remote, "oci:"+out+":v1")
			sameLayout(t, out, m)

			// From repository to repository, which mounts the blobs.
			other := "docker://" + host + "/skopeo/copies/" + name + ":v2"
			copyAll(remote, other)
			out = t.TempDir()
			copyAll(other, "oci:"+out+":v2")
			sameLayout(t, out, m)

			skopeo.run("delete", "--tls-verify=false", remote)
			tags := skopeo.run("list-tags", "--tls-verify=false", "docker://"+host+"/skopeo/copies/"+name)
			if !strings.Contains(tags, `"v2"`) {
				t.Errorf("the tags after a deletion elsewhere are %s", tags)
			}
		})
	}
}

func TestCrane(t *testing.T) {
	program := need.Tool(t, "crane")
	image, index := content("crane")
	for name, m := range map[string]fixtures.Manifest{"image": image, "index": index} {
		t.Run(name, func(t *testing.T) {
			crane := newClient(t, program)
			host := serve(t)
			remote := host + "/crane/" + name + ":v1"
			push := []string{"push", writeLayout(t, m, "v1"), remote}
			if got := strings.TrimSpace(crane.run(push...)); !strings.HasSuffix(got, "@"+m.Digest.String()) {
				t.Errorf("pushed %s, want %s", got, m.Digest)
			}
			if raw := crane.run("manifest", remote); raw != string(m.Content) {
				t.Errorf("the registry's manifest is %s, want %s", raw, m.Content)
			}
			out := filepath.Join(t.TempDir(), "layout")
			crane.run("pull", "--format=oci", remote, out)
			sameLayout(t, out, m)

			other := host + "/crane/copies/" + name + ":v2"
			crane.run("copy", remote, other)
			crane.run("validate", "--remote", other)
			crane.run("tag", other, "v3")
			if tags := strings.Fields(crane.run("ls", host+"/crane/copies/"+name)); len(tags) != 2 || tags[0] != "v2" || tags[1] != "v3" {
				t.Errorf("the tags are %q, want v2 and v3", tags)
			}
			out = filepath.Join(t.TempDir(), "layout")
			crane.run("pull", "--format=oci", host+"/crane/copies/"+name+"@"+m.Digest.String(), out)
			sameLayout(t, out, m)
			if repositories := crane.run("catalog", host); !strings.Contains(repositories, "crane/copies/"+name) {
				t.Errorf("the catalog is %q", repositories)
			}
			crane.run("delete", host+"/crane/copies/"+name+"@"+m.Digest.String())
		})
	}
}

// TestDocker pushes an image that the engine built and a list of two, and pulls
// them after the engine has forgotten them.
func TestDocker(t *testing.T) {
	docker := newClient(t, need.Engine(t))
	host := serve(t)
	remote := host + "/docker/image"
	image := func(tag string) (reference, id string) {
		reference = remote + ":" + tag
		dir := t.TempDir()
		write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY first /first\nCOPY second /second\nENV TAG="+tag+"\n")
		write(t, filepath.Join(dir, "first"), strings.Repeat("shared by both\n", 10000))
		write(t, filepath.Join(dir, "second"), tag)
		docker.run("build", "--quiet", "--tag", reference, dir)
		t.Cleanup(func() { forget(docker, reference) })
		return reference, strings.TrimSpace(docker.run("inspect", "--format", "{{.Id}}", reference))
	}
	const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	digests := map[string]digest.Digest{}
	for _, tag := range []string{"a", "b"} {
		reference, id := image(tag)
		docker.run("push", reference)
		manifest := get(t, host, "/v2/docker/image/manifests/"+tag, dockerManifest)
		digests[tag] = digest.FromBytes(manifest)
		if !bytes.Contains(manifest, []byte(id)) {
			t.Errorf("the manifest %s does not name the config %s", manifest, id)
		}
		docker.run("rmi", reference)
		if out := docker.run("images", "--quiet", "--no-trunc"); strings.Contains(out, id) {
			t.Fatalf("the engine still has %s", id)
		}
		docker.run("pull", "--quiet", reference)
		pulled := docker.run("inspect", "--format", "{{.Id}} {{.RepoDigests}}", reference)
		if want := id + " [" + remote + "@" + digests[tag].String() + "]\n"; pulled != want {
			t.Errorf("pulled %q, want %q", pulled, want)
		}
	}

	list := remote + ":list"
	docker.run("manifest", "create", "--insecure", list, remote+":a", remote+":b")
	docker.run("manifest", "annotate", "--arch", "arm64", list, remote+":b")
	pushed := digest.Digest(strings.TrimSpace(docker.run("manifest", "push", "--insecure", list)))
	text := get(t, host, "/v2/docker/image/manifests/list", "application/vnd.docker.distribution.manifest.list.v2+json")
	if got := digest.FromBytes(text); got != pushed {
		t.Errorf("the registry's list has the digest %s, the client pushed %s", got, pushed)
	}
	for tag, d := range digests {
		if !bytes.Contains(text, []byte(d)) {
			t.Errorf("the list %s does not name %s of %s", text, d, tag)
		}
	}
	forget(docker, remote+":a")
	docker.run("pull", "--quiet", list)
	t.Cleanup(func() { forget(docker, list) })
	if out := docker.run("inspect", "--format", "{{.RepoDigests}}", list); !strings.Contains(out, pushed.String()) {
		t.Errorf("pulled by the list: %s, want %s", out, pushed)
	}
}

// TestDockerPullsIndex lets the engine pull an OCI index that crane pushed.
func TestDockerPullsIndex(t *testing.T) {
	docker, crane := newClient(t, need.Engine(t)), newClient(t, need.Tool(t, "crane"))
	host := serve(t)
	_, index := content("docker index")
	remote := host + "/docker/index"
	crane.run("push", writeLayout(t, index, "v1"), remote+":v1")
	docker.run("pull", "--quiet", "--platform", "linux/amd64", remote+"@"+index.Digest.String())
	t.Cleanup(func() { forget(docker, remote+"@"+index.Digest.String()) })
	id := strings.TrimSpace(docker.run("inspect", "--format", "{{.Id}}", remote+"@"+index.Digest.String()))
	if _, ok := blobs(index.Children[0])[id]; !ok {
		t.Errorf("pulled the image %s, which is not the config of the index's amd64 image", id)
	}
}

// forget removes an image from the engine, if it is there.
func forget(docker client, reference string) {
	command := exec.Command(docker.program, "rmi", "--force", reference)
	command.Env = docker.env
	command.Run()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
