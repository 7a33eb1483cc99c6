package crash_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/registryconform/conform/ci/peers"
	"github.com/registryconform/conform/ci/push"
	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/storage"
)

// collectorOf names the environment variable that makes the test binary a
// collector of the store in that folder.
const collectorOf = "CRASH_TEST_COLLECTOR_OF"

// collectForever collects without a grace period, again and again, until there
// is a file "stop" in the folder above the store.
func collectForever(dir string) int {
	runs, removed := 0, 0
	for {
		d, err := filesystem.New(filesystem.Parameters{Root: dir})
		if err == nil {
			err = garbage.Collect(context.Background(), storage.New(d, storage.Options{}), d,
				garbage.Options{Untagged: true}, func(garbage.Item) error { removed++; return nil })
		}
		if err != nil {
			fmt.Println("collect:", err)
			return 1
		}
		runs++
		if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "stop")); err == nil {
			fmt.Printf("%d collections removed %d things\n", runs, removed)
			return 0
		}
	}
}

// TestP5CollectionBesideServers collects garbage in a process of its own, over
// and over and without a grace period, while clients push images that share
// layers through two servers over the same store: what was acknowledged is
// whole at the end.
func TestP5CollectionBesideServers(t *testing.T) {
	t.Parallel()
	top := peers.TempDir(t)
	dir := filepath.Join(top, "store")
	servers := []*server{serve(t, dir, "--durability", "relaxed"), serve(t, dir, "--durability", "relaxed")}
	collector := exec.Command(os.Args[0])
	collector.Env = append(os.Environ(), collectorOf+"="+dir)
	var said strings.Builder
	collector.Stdout, collector.Stderr = &said, &said
	if err := collector.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { collector.Process.Kill() })

	// The same layers again and again: now garbage, now needed.
	source := fixtures.New("collected")
	var images []fixtures.Manifest
	for i := range 12 {
		images = append(images, source.Image(fixtures.Layers(1+i%3), fixtures.LayerSize(2<<10+i%2*100<<10)).Manifest)
	}
	acked := make([]map[string]fixtures.Manifest, 4)
	refused := make([]map[string]bool, 4)
	var pushing sync.WaitGroup
	for i := range acked {
		acked[i], refused[i] = map[string]fixtures.Manifest{}, map[string]bool{}
		pushing.Go(func() {
			for n := range 120 {
				image, s := images[(n*5+i)%len(images)], servers[(n+i)%2]
				tag := fmt.Sprintf("w%d-%d", i, n%3)
				switch err := pushMounting(t.Context(), s.Client, fmt.Sprintf("app%d", i%2), tag, image); {
				case err == nil:
					acked[i][tag] = image
				default:
					refused[i][image.Digest.Encoded()] = true
				}
			}
		})
	}
	pushing.Wait()
	if err := os.WriteFile(filepath.Join(top, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := collector.Wait(); err != nil {
		t.Errorf("the collector ended with %v: %s", err, said.String())
	}
	count := 0
	for i, tags := range acked {
		for tag, image := range tags {
			count++
			if err := servers[i%2].Whole(t.Context(), fmt.Sprintf("app%d", i%2), tag, image); err != nil {
				t.Errorf("acknowledged: %v", err)
			}
		}
	}
	if out, err := exec.Command("conform", "gc", "--untagged", "--grace", "0s", dir).CombinedOutput(); err != nil {
		t.Errorf("conform gc: %v: %s", err, out)
	}
	for i, tags := range acked {
		for tag, image := range tags {
			if err := servers[i%2].Whole(t.Context(), fmt.Sprintf("app%d", i%2), tag, image); err != nil {
				t.Errorf("acknowledged, and after a collection at rest: %v", err)
			}
		}
	}
	for _, wrong := range fsck(t, dir) {
		if !excused(wrong, refused) {
			t.Errorf("fsck: %s", wrong)
		}
	}
	t.Logf("%d tags are whole; %s", count, strings.TrimSpace(said.String()))
	if count == 0 || strings.Contains(said.String(), "removed 0 ") {
		t.Error("nothing was tested")
	}
}

// pushMounting pushes an image, of which it mounts what the other repository may
// have.
func pushMounting(ctx context.Context, c push.Client, repository, tag string, image fixtures.Manifest) error {
	other := map[string]string{"app0": "app1", "app1": "app0"}[repository]
	for i, b := range image.Blobs {
		if c.Mount(ctx, repository, other, b.Digest) == nil {
			continue
		}
		if _, err := c.Blob(ctx, repository, b.Content, i%3); err != nil {
			return err
		}
	}
	return c.Manifest(ctx, repository, tag, image.MediaType, image.Content)
}

// excused reports whether a finding is of a push that was refused, since it was
// under way when a collection began that gave it no time to end: a link to a
// blob that is gone, or a manifest without what it refers to. That all is there
// that was acknowledged has been seen already.
func excused(finding string, refused []map[string]bool) bool {
	if strings.Contains(finding, "/_layers/") {
		return true
	}
	for _, digests := range refused {
		for dgst := range digests {
			if strings.Contains(finding, "/revisions/sha256/"+dgst) {
				return true
			}
		}
	}
	return false
}
