package storage_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// A tagCall is an operation on a tag: a set of a manifest, a delete (set to
// ""), or a get, whose output is what it saw.
type tagCall struct {
	get bool
	set digest.Digest
}

// tagModel is a register; a delete may find that there is nothing.
var tagModel = porcupine.Model{
	Init: func() any { return digest.Digest("") },
	Step: func(state, input, output any) (bool, any) {
		in := input.(tagCall)
		if in.get {
			return state == output, state
		}
		return true, in.set
	},
}

func TestTagIsALinearizableRegister(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			// Two replicas; only one of them deletes.
			replicas := []registry.Repository{
				repository(t, storage.New(d, storage.Options{}), "linear"),
				repository(t, storage.New(d, storage.Options{}), "linear"),
			}
			config := push(t, replicas[0], []byte("{}"))
			var targets []registry.Descriptor
			for i := range 4 {
				m := image(t, config, fmt.Sprintf(`,"annotations":{"i":"%d"}`, i))
				desc, err := replicas[0].Manifests().Put(t.Context(), m, registry.PutOptions{})
				must(t, err)
				targets = append(targets, desc)
			}
			var mu sync.Mutex
			var history []porcupine.Operation
			start := time.Now()
			var wg sync.WaitGroup
			for client := range 6 {
				tags := replicas[client%2].Tags()
				wg.Go(func() {
					for range 60 {
						call := tagCall{get: rand.IntN(2) == 0}
						if !call.get {
							call.set = targets[rand.IntN(len(targets))].Digest
							if client == 0 && rand.IntN(4) == 0 {
								call.set = ""
							}
						}
						begin := time.Since(start)
						out, err := runTagCall(t, tags, call)
						end := time.Since(start)
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						history = append(history, porcupine.Operation{ClientId: client, Input: call, Call: int64(begin), Output: out, Return: int64(end)})
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			if result := porcupine.CheckOperationsTimeout(tagModel, history, 20*time.Second); result != porcupine.Ok {
				t.Fatalf("a history of %d calls is %s", len(history), result)
			}
		})
	}
}

func runTagCall(t *testing.T, tags registry.Tags, call tagCall) (digest.Digest, error) {
	var desc registry.Descriptor
	var err error
	switch {
	case call.get:
		desc, err = tags.Get(t.Context(), tag("t"))
	case call.set == "":
		err = tags.Delete(t.Context(), tag("t"))
	default:
		err = tags.Set(t.Context(), tag("t"), registry.Descriptor{Digest: call.set})
	}
	if errors.Is(err, registry.ErrManifestUnknown) && (call.get || call.set == "") {
		err = nil
	}
	return desc.Digest, err
}

func TestNoTagOutlivesItsManifest(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := repository(t, storage.New(open(t), storage.Options{}), "outlive")
			config := push(t, p, []byte("{}"))
			m := image(t, config, "")
			for range 20 {
				desc, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{})
				must(t, err)
				var wg sync.WaitGroup
				for i := range 4 {
					wg.Go(func() {
						err := p.Tags().Set(t.Context(), tag(fmt.Sprint("t", i)), desc)
						if err != nil && !errors.Is(err, registry.ErrManifestUnknown) {
							t.Error(err)
						}
					})
				}
				wg.Go(func() {
					if err := p.Manifests().Delete(t.Context(), desc.Digest); err != nil {
						t.Error(err)
					}
				})
				wg.Wait()
				if left := collect(t, p.Tags().All(t.Context(), registry.Tag{})); len(left) != 0 {
					t.Fatalf("tags of a deleted manifest: %v", left)
				}
			}
		})
	}
}

// TestConcurrentReferrersAreComplete pushes a thousand referrers of one subject
// at once, through two processes that share the store: each is listed once, in
// order, while the index is built and afterwards.
func TestConcurrentReferrersAreComplete(t *testing.T) {
	t.Parallel()
	const n = 1000
	for name, open := range map[string]func(*testing.T) driver.Driver{
		"inmemory": drivers["inmemory"],
		"filesystem": func(t *testing.T) driver.Driver {
			d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir(), NoSync: true})
			must(t, err)
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			replicas := []registry.Repository{
				repository(t, storage.New(d, storage.Options{}), "many"),
				repository(t, storage.New(d, storage.Options{}), "many"),
			}
			config := push(t, replicas[0], []byte("{}"))
			subject := describe([]byte("subject"))
			var wg sync.WaitGroup
			var acked atomic.Int64
			for i := range n {
				m := image(t, config, fmt.Sprintf(`,"annotations":{"i":"%d"},"subject":{"mediaType":"a/b","digest":%q,"size":1}`, i, subject.Digest))
				wg.Go(func() {
					if _, err := replicas[i%2].Manifests().Put(t.Context(), m, registry.PutOptions{}); err != nil {
						t.Error(err)
					}
					acked.Add(1)
				})
			}
			for done := false; !done; {
				before := acked.Load()
				done = before == n
				got := collect(t, replicas[before%2].Manifests().Referrers(t.Context(), subject.Digest, ""))
				if int64(len(got)) < before {
					t.Fatalf("%d referrers are listed, %d are acknowledged", len(got), before)
				}
				for i := range got {
					if i > 0 && got[i].Digest <= got[i-1].Digest {
						t.Fatal("a referrer is listed twice, or out of order")
					}
				}
			}
			wg.Wait()
			for _, p := range append(replicas, repository(t, storage.New(d, storage.Options{}), "many")) {
				if got := len(collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, ""))); got != n {
					t.Fatalf("%d of %d referrers are listed", got, n)
				}
			}
		})
	}
}

// TestIndexOfReferrersIsBuiltOnce: a repository without the marker is scanned
// for the first list of referrers, and for no other.
func TestIndexOfReferrersIsBuiltOnce(t *testing.T) {
	t.Parallel()
	var l ledger
	d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), l.hook)
	p := repository(t, storage.New(d, storage.Options{}), "once")
	config := push(t, p, []byte("{}"))
	subject := describe([]byte("subject"))
	for i := range 20 {
		_, err := p.Manifests().Put(t.Context(), image(t, config, fmt.Sprintf(`,"annotations":{"i":"%d"},"subject":{"mediaType":"a/b","digest":%q,"size":1}`, i, subject.Digest)), registry.PutOptions{})
		must(t, err)
	}
	must(t, d.Delete(t.Context(), root+"/repositories/once/_referrers"))
	for i := range 3 {
		l.take()
		other := repository(t, storage.New(d, storage.Options{}), "once")
		if got := collect(t, other.Manifests().Referrers(t.Context(), subject.Digest, "")); len(got) != 20 {
			t.Fatalf("%d referrers", len(got))
		}
		scans := 0
		for _, call := range l.take() {
			if strings.HasPrefix(call, "Walk ") && strings.Contains(call, "/_manifests/revisions") {
				scans++
			}
		}
		if want := map[bool]int{true: 1, false: 0}[i == 0]; scans != want {
			t.Errorf("list %d scans the repository %d times, want %d", i, scans, want)
		}
	}
}

func TestReferrersIndexIsRebuiltAndChecked(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			p := repository(t, storage.New(d, storage.Options{}), "index")
			config := push(t, p, []byte("{}"))
			subject := describe([]byte("subject"))
			m := image(t, config, fmt.Sprintf(`,"subject":{"mediaType":"a/b","digest":%q,"size":1}`, subject.Digest))
			desc, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{})
			must(t, err)
			const root = "/docker/registry/v2/repositories/index/"
			must(t, d.Delete(t.Context(), root+"_referrers"))
			listed := func() []registry.Descriptor {
				return collect(t, p.Manifests().Referrers(t.Context(), subject.Digest, ""))
			}
			if got := listed(); len(got) != 1 || got[0].Digest != desc.Digest {
				t.Fatalf("without an index: %v", got)
			}
			if _, err := d.Stat(t.Context(), root+"_referrers/complete"); err != nil {
				t.Fatal(err)
			}
			dead := digest.FromString("dead")
			other, err := p.Manifests().Put(t.Context(), image(t, config, fmt.Sprintf(`,"subject":{"mediaType":"a/b","digest":%q,"size":1}`, dead)), registry.PutOptions{})
			must(t, err)
			plain, err := p.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{})
			must(t, err)
			for _, entry := range []digest.Digest{dead, config.Digest, other.Digest, plain.Digest} {
				path := root + "_referrers/sha256/" + subject.Digest.Encoded() + "/sha256/" + entry.Encoded() + "/link"
				must(t, d.PutContent(t.Context(), path, []byte(entry)))
			}
			if got := listed(); len(got) != 1 {
				t.Fatalf("dead entries are listed: %v", got)
			}
			must(t, d.Delete(t.Context(), root+"_manifests/revisions"))
			if got := listed(); len(got) != 0 {
				t.Fatalf("an entry without its manifest is listed: %v", got)
			}
			nobody := repository(t, storage.New(d, storage.Options{}), "nobody")
			if got := collect(t, nobody.Manifests().Referrers(t.Context(), subject.Digest, "")); len(got) != 0 {
				t.Fatal(got)
			}
			if _, err := d.Stat(t.Context(), "/docker/registry/v2/repositories/nobody"); err == nil {
				t.Fatal("a question made a repository")
			} else if _, ok := errors.AsType[driver.PathNotFoundError](err); !ok {
				t.Fatal(err)
			}
		})
	}
}

// TestStatusOfAnUploadIsInNobodysWay: who asks how far an upload has come, keeps no
// chunk out and is told what an earlier chunk made sure of.
func TestStatusOfAnUploadIsInNobodysWay(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := repository(t, storage.New(open(t), storage.Options{}), "status")
			u := interrupted(t, p, make([]byte, 1000))
			var sure atomic.Int64
			sure.Store(u.Size)
			done := make(chan struct{})
			var asking sync.WaitGroup
			for range 2 {
				asking.Go(func() {
					for {
						least := sure.Load()
						got, err := p.Blobs().Upload(t.Context(), u.ID)
						if err != nil || got.Size < least || !got.StartedAt.Equal(u.StartedAt) {
							t.Errorf("status %+v, %v, want %d bytes or more", got, err, least)
							return
						}
						select {
						case <-done:
							return
						default:
						}
					}
				})
			}
			for range 50 {
				w, err := p.Blobs().Resume(t.Context(), u.ID)
				if err == nil {
					_, err = w.Write(make([]byte, 3000))
					err = errors.Join(err, w.Close())
				}
				if err != nil {
					t.Errorf("chunk: %v", err)
					break
				}
				sure.Store(w.Upload().Size)
			}
			close(done)
			asking.Wait()
		})
	}
}
