package garbage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/fsck"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// A scenario is a push that relies on what is garbage as long as it has not
// come. prepare makes the garbage, push returns what is acknowledged: the root
// of all that must be readable.
type scenario struct {
	name    string
	prepare func(t *testing.T, r *storage.Registry)
	push    func(t *testing.T, r *storage.Registry) (root digest.Digest, err error)
	// isBlob says that the root is a blob, which the grace period alone keeps.
	isBlob bool
}

func (s scenario) grace() time.Duration {
	if s.isBlob {
		return time.Hour
	}
	return 0
}

func scenarios() []scenario {
	const layer = "layer"
	long := strings.Repeat("long", 20<<10)
	image := func(t *testing.T, r *storage.Registry, tag string) (digest.Digest, error) {
		return put(t, open(t, r, "app"), tag, imageType, imageOf(digest.FromString(layer), len(layer), ""))
	}
	blobs := func(t *testing.T, r *storage.Registry) {
		for _, content := range []string{"{}", layer} {
			_, err := blob(t, open(t, r, "app"), content)
			must(t, err)
		}
	}
	untagged := func(t *testing.T, r *storage.Registry) {
		blobs(t, r)
		_, err := image(t, r, "")
		must(t, err)
	}
	child := digest.FromString(imageOf(digest.FromString(layer), len(layer), ""))
	uploaded := func(content string) scenario {
		return scenario{
			prepare: func(t *testing.T, r *storage.Registry) {
				dgst, err := blob(t, open(t, r, "app"), content)
				must(t, err)
				must(t, open(t, r, "app").Blobs().Delete(t.Context(), dgst))
			},
			push: func(t *testing.T, r *storage.Registry) (digest.Digest, error) {
				return blob(t, open(t, r, "app"), content)
			},
			isBlob: true,
		}
	}
	short, chunks := uploaded("short"), uploaded(long)
	short.name, chunks.name = "upload of a blob without a link", "upload of a file without a link"
	return []scenario{
		short,
		chunks,
		{"mount", blobs, func(t *testing.T, r *storage.Registry) (digest.Digest, error) {
			desc, err := open(t, r, "other").Blobs().Mount(t.Context(), open(t, r, "app").Name(), digest.FromString(layer))
			return desc.Digest, err
		}, true},
		{"image of blobs", blobs, func(t *testing.T, r *storage.Registry) (digest.Digest, error) {
			return image(t, r, "tag")
		}, false},
		{"image of blobs by other digests", func(t *testing.T, r *storage.Registry) {
			for _, content := range []string{"{}", layer} {
				_, err := blobBy(t, open(t, r, "app"), digest.SHA512, content)
				must(t, err)
			}
		}, func(t *testing.T, r *storage.Registry) (digest.Digest, error) {
			return put(t, open(t, r, "app"), "tag", imageType, strings.ReplaceAll(
				imageOf(digest.SHA512.FromString(layer), len(layer), ""), digest.FromString("{}").String(), digest.SHA512.FromString("{}").String()))
		}, false},
		{"image of blobs with a tag that names another", func(t *testing.T, r *storage.Registry) {
			blobs(t, r)
			_, err := put(t, open(t, r, "app"), "tag", imageType, other())
			must(t, err)
		}, func(t *testing.T, r *storage.Registry) (digest.Digest, error) {
			return image(t, r, "tag")
		}, false},
		{"tag", untagged, func(t *testing.T, r *storage.Registry) (digest.Digest, error) {
			parsed, err := registry.ParseTag("tag")
			must(t, err)
			return child, open(t, r, "app").Tags().Set(t.Context(), parsed, registry.Descriptor{Digest: child})
		}, false},
		{"push with a tag", untagged, func(t *testing.T, r *storage.Registry) (digest.Digest, error) {
			return image(t, r, "tag")
		}, false},
		{"index", untagged, func(t *testing.T, r *storage.Registry) (digest.Digest, error) {
			return put(t, open(t, r, "app"), "tag", indexType, indexOf(child, imageType))
		}, false},
		{"index of an index", func(t *testing.T, r *storage.Registry) {
			untagged(t, r)
			_, err := put(t, open(t, r, "app"), "", indexType, indexOf(child, imageType))
			must(t, err)
		}, func(t *testing.T, r *storage.Registry) (digest.Digest, error) {
			return put(t, open(t, r, "app"), "tag", indexType, indexOf(digest.FromString(indexOf(child, imageType)), indexType))
		}, false},
	}
}

// other is an image that needs nothing that could be garbage.
func other() string {
	return imageOf(digest.FromString("{}"), 2, "")
}

// imageOf returns the manifest of an image of one layer, with extra fields at the end.
func imageOf(layer digest.Digest, size int, extra string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},`+
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]%s}`, imageType, digest.FromString("{}"), layer, size, extra)
}

func indexOf(child digest.Digest, childType string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":9}]}`, indexType, childType, child)
}

// An actor is a process that waits before each of its calls.
type actor struct {
	calls int
	gate  chan struct{}
	ready atomic.Bool // at the gate
	done  atomic.Bool
}

func (a *actor) hook(faulty.Op, string) error {
	a.ready.Store(true)
	<-a.gate
	a.calls++
	return nil
}

func (a *actor) start(f func()) {
	a.gate = make(chan struct{})
	go func() {
		f()
		a.done.Store(true)
	}()
}

// A schedule says whether the first of two is to make its next call, by how
// many calls each has made.
type schedule func(first, second int) bool

// interleave lets the two make their calls one at a time. Where the one whose
// turn it is waits for the other, that goes on.
func interleave(first, second *actor, s schedule) {
	for {
		synctest.Wait()
		switch {
		case first.done.Load() && second.done.Load():
			return
		case first.ready.Load() && (!second.ready.Load() || s(first.calls, second.calls)):
			first.ready.Store(false)
			first.gate <- struct{}{}
		case second.ready.Load():
			second.ready.Store(false)
			second.gate <- struct{}{}
		default:
			time.Sleep(time.Millisecond) // they wait for time to pass
		}
	}
}

// twice lets the first make calls up to number i, then the second up to j,
// then each go to its end.
func twice(i, j int) schedule {
	return func(first, second int) bool { return first < i || second >= j }
}

// random goes on with the same one for a while, again and again.
func random(seed uint64) schedule {
	source := rand.New(rand.NewPCG(seed, 0))
	now := source.IntN(2) == 0
	return func(int, int) bool {
		if source.IntN(4) == 0 {
			now = !now
		}
		return now
	}
}

// A mutant takes a step of what keeps pushes and collections apart away from
// the driver of one of them.
type mutant struct {
	name            string
	push, collector func(driver.Driver) driver.Driver
}

func (m mutant) wrap(push, collector driver.Driver) (driver.Driver, driver.Driver) {
	if m.push != nil {
		push = m.push(push)
	}
	if m.collector != nil {
		collector = m.collector(collector)
	}
	return push, collector
}

// An outcome tells how it went.
type outcome struct {
	accepted bool
	removed  int
	lost     []string // what is wrong though the push was accepted
	// calls made by the two
	pushCalls, collectorCalls int
}

// run lets the two go by the schedule; the collector is the first or second.
func (s scenario) run(t *testing.T, m mutant, collectorFirst bool, by schedule) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		d := inmemory.New(inmemory.Parameters{})
		s.prepare(t, storage.New(d, storage.Options{}))
		time.Sleep(2 * s.grace())
		// A collection that had nothing to do comes before.
		_, quiet := m.wrap(d, d)
		collect(t, storage.New(quiet, storage.Options{}), quiet, garbage.Options{Grace: 1000 * time.Hour})
		var pusher, collector actor
		pd, cd := m.wrap(faulty.Wrap(d, pusher.hook), faulty.Wrap(d, collector.hook))
		var root digest.Digest
		var err error
		pusher.start(func() { root, err = s.push(t, storage.New(pd, storage.Options{})) })
		collector.start(func() {
			must(t, garbage.Collect(t.Context(), storage.New(cd, storage.Options{}), cd, garbage.Options{Untagged: true, Grace: s.grace()},
				func(garbage.Item) error { o.removed++; return nil }))
		})
		if collectorFirst {
			interleave(&collector, &pusher, by)
		} else {
			interleave(&pusher, &collector, by)
		}
		o.accepted, o.pushCalls, o.collectorCalls = err == nil, pusher.calls, collector.calls
		if err == nil {
			o.lost = s.lost(t, d, root)
		} else if parsed, _ := registry.ParseTag("tag"); strings.Contains(s.name, "names another") {
			// It names what it did, unless that was collected in the meantime.
			p, want := open(t, storage.New(d, storage.Options{}), "app"), digest.FromString(other())
			_, gone := p.Manifests().Get(t.Context(), want)
			if gone != nil {
				want = ""
			}
			if desc, err := p.Tags().Get(t.Context(), parsed); desc.Digest != want {
				o.lost = []string{fmt.Sprintf("the tag of a push that was refused names %q, %v, want %q", desc.Digest, err, want)}
			}
		}
	})
	return o
}

// lost tells what of the root is not there.
func (s scenario) lost(t *testing.T, d driver.Driver, root digest.Digest) (wrong []string) {
	r := storage.New(d, storage.Options{})
	if s.isBlob {
		found := false
		for _, name := range []string{"app", "other"} {
			_, err := open(t, r, name).Blobs().Stat(t.Context(), root)
			found = found || err == nil
		}
		if !found {
			wrong = append(wrong, "blob "+root.String())
		}
	} else if _, err := open(t, r, "app").Manifests().Get(t.Context(), root); err != nil {
		wrong = append(wrong, err.Error())
	}
	_, err := fsck.Check(t.Context(), d, fsck.Options{}, func(f fsck.Finding) error {
		wrong = append(wrong, f.Path+": "+f.Message)
		return nil
	})
	must(t, err)
	return wrong
}

// seeds is how many random schedules are tried.
const seeds = 200

// all runs every schedule of two switches, and random ones, until f returns
// false.
func (s scenario) all(t *testing.T, m mutant, f func(outcome, string) bool) {
	for _, collectorFirst := range []bool{false, true} {
		whole := s.run(t, m, collectorFirst, twice(0, 0))
		first, second := whole.pushCalls, whole.collectorCalls
		if collectorFirst {
			first, second = second, first
		}
		for i := 0; i <= first; i++ {
			for j := 0; j <= second; j++ {
				if !f(s.run(t, m, collectorFirst, twice(i, j)), fmt.Sprint("collector first: ", collectorFirst, ", up to ", i, " and ", j)) {
					return
				}
			}
		}
	}
	for seed := range uint64(seeds) {
		if !f(s.run(t, m, false, random(seed)), fmt.Sprint("seed ", seed)) {
			return
		}
	}
}

// TestP5Interleavings stops push and collector at every call of theirs and
// lets the other go on, and lets them take turns at random: what was accepted
// is there.
//
// K-51
func TestP5Interleavings(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			accepted, refused, kept := 0, 0, 0
			s.all(t, mutant{}, func(o outcome, schedule string) bool {
				switch {
				case !o.accepted:
					refused++
				case o.removed == 0:
					kept++
				default:
					accepted++
				}
				if len(o.lost) > 0 {
					t.Errorf("%s: lost %s", schedule, strings.Join(o.lost, "\n"))
				}
				return !t.Failed()
			})
			t.Logf("%d accepted, %d of them with all kept, %d refused", accepted+kept, kept, refused)
			if accepted+kept == 0 || refused+accepted == 0 {
				t.Error("nothing was tested")
			}
		})
	}
}

const v2 = "/docker/registry/v2/_garbage"

// tampered is a driver some calls of which are replaced.
type tampered struct {
	driver.Driver
	get  func(ctx context.Context, path string) ([]byte, error)
	put  func(ctx context.Context, path string, content []byte) error
	list func(ctx context.Context, path string) ([]string, error)
}

func (d *tampered) GetContent(ctx context.Context, path string) ([]byte, error) {
	if d.get != nil {
		return d.get(ctx, path)
	}
	return d.Driver.GetContent(ctx, path)
}

func (d *tampered) PutContent(ctx context.Context, path string, content []byte) error {
	if d.put != nil {
		return d.put(ctx, path, content)
	}
	return d.Driver.PutContent(ctx, path, content)
}

func (d *tampered) List(ctx context.Context, path string) ([]string, error) {
	if d.list != nil {
		return d.list(ctx, path)
	}
	return d.Driver.List(ctx, path)
}

func isState(path string) bool { return path == v2+"/state" }
func isUse(path string) bool   { return strings.HasPrefix(path, v2+"/uses/") }

func removingNothing(state []byte) []byte {
	var s map[string]any
	if json.Unmarshal(state, &s) != nil {
		return state
	}
	delete(s, "removing")
	content, _ := json.Marshal(s)
	return content
}

func mutants() []mutant {
	return []mutant{
		{name: "a push puts no use", push: func(d driver.Driver) driver.Driver {
			return &tampered{Driver: d, put: func(ctx context.Context, path string, content []byte) error {
				if isUse(path) {
					return nil
				}
				return d.PutContent(ctx, path, content)
			}}
		}},
		{name: "a push puts its use after it has looked", push: func(d driver.Driver) driver.Driver {
			var later func(context.Context) error
			return &tampered{Driver: d, put: func(ctx context.Context, path string, content []byte) error {
				if isUse(path) {
					later = func(ctx context.Context) error { return d.PutContent(ctx, path, content) }
					return nil
				}
				return d.PutContent(ctx, path, content)
			}, get: func(ctx context.Context, path string) ([]byte, error) {
				state, err := d.GetContent(ctx, path)
				if later != nil && strings.HasPrefix(path, v2+"/collectors") {
					must := later(ctx)
					later = nil
					if must != nil {
						return nil, must
					}
				}
				return state, err
			}}
		}},
		{name: "a push does not wait", push: func(d driver.Driver) driver.Driver {
			return &tampered{Driver: d, get: func(ctx context.Context, path string) ([]byte, error) {
				content, err := d.GetContent(ctx, path)
				if isState(path) && err == nil {
					content = removingNothing(content)
				}
				return content, err
			}}
		}},
		{name: "a push does not look again", push: func(d driver.Driver) driver.Driver {
			var first []byte
			return &tampered{Driver: d, get: func(ctx context.Context, path string) ([]byte, error) {
				content, err := d.GetContent(ctx, path)
				if isState(path) && err == nil {
					if first == nil {
						first = bytes.Clone(content)
					}
					return first, nil
				}
				return content, err
			}}
		}},
		{name: "a collector does not say that it is active", collector: func(d driver.Driver) driver.Driver {
			return &tampered{Driver: d, put: func(ctx context.Context, path string, content []byte) error {
				if isState(path) {
					return nil
				}
				return d.PutContent(ctx, path, content)
			}}
		}},
		{name: "a collector does not say what it removes", collector: func(d driver.Driver) driver.Driver {
			return &tampered{Driver: d, put: func(ctx context.Context, path string, content []byte) error {
				if isState(path) {
					content = removingNothing(content)
				}
				return d.PutContent(ctx, path, content)
			}}
		}},
		{name: "a collector does not read uses", collector: func(d driver.Driver) driver.Driver {
			return &tampered{Driver: d, list: func(ctx context.Context, path string) ([]string, error) {
				if isUse(path) {
					return nil, nil
				}
				return d.List(ctx, path)
			}}
		}},
		{name: "a collector reads uses before it says what it removes", collector: func(d driver.Driver) driver.Driver {
			var uses []string
			return &tampered{Driver: d, put: func(ctx context.Context, path string, content []byte) error {
				if isState(path) {
					var s struct{ Run string }
					if json.Unmarshal(content, &s) == nil {
						uses, _ = d.List(ctx, v2+"/uses/"+s.Run)
					}
				}
				return d.PutContent(ctx, path, content)
			}, list: func(ctx context.Context, path string) ([]string, error) {
				if isUse(path) {
					return uses, nil
				}
				return d.List(ctx, path)
			}}
		}},
		{name: "two collections have the same id", collector: func(d driver.Driver) driver.Driver {
			id := ""
			same := func(s string) string {
				if id == "" {
					return s
				}
				return strings.ReplaceAll(s, id, "same")
			}
			return &tampered{Driver: d, put: func(ctx context.Context, path string, content []byte) error {
				if rest, ok := strings.CutPrefix(path, v2+"/collectors/"); ok && id == "" {
					id = rest
				}
				return d.PutContent(ctx, same(path), []byte(same(string(content))))
			}, list: func(ctx context.Context, path string) ([]string, error) {
				all, err := d.List(ctx, same(path))
				for i := range all {
					if id != "" && strings.HasPrefix(all[i], v2+"/collectors") {
						all[i] = strings.ReplaceAll(all[i], "same", id)
					}
				}
				return all, err
			}}
		}},
	}
}

// TestInterleavingsNeedEveryStep takes each step of what keeps pushes and
// collections apart away: something must get lost.
func TestInterleavingsNeedEveryStep(t *testing.T) {
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			lost := ""
			for _, s := range scenarios() {
				s.all(t, m, func(o outcome, schedule string) bool {
					if len(o.lost) > 0 {
						lost = s.name + ", " + schedule + ": " + o.lost[0]
					}
					return lost == ""
				})
				if lost != "" {
					t.Log(lost)
					return
				}
			}
			t.Error("nothing was lost")
		})
	}
}
