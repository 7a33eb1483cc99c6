package storage_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/registry"
)

// TestDeleteLosesNoReferrer lets one replica push a manifest again while another
// deletes it, after the manifest has gone and before its place among the referrers
// has.
func TestDeleteLosesNoReferrer(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := open(t)
			p := replica(t, inner)
			subject := digest.FromString("subject")
			m := image(t, push(t, p, []byte("{}")), fmt.Sprintf(`,"subject":{"mediaType":"a/b","digest":%q,"size":7}`, subject))
			desc, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{})
			must(t, err)
			late := faulty.StopAt(1, faulty.On(faulty.Delete, "/_referrers/"))
			done := async(func() error { return replica(t, inner, late).Manifests().Delete(t.Context(), desc.Digest) })
			must(t, late.Await())
			_, err = p.Manifests().Put(t.Context(), m, registry.PutOptions{})
			must(t, err)
			late.Pass <- nil
			must(t, <-done)
			if n := len(collect(t, p.Manifests().Referrers(t.Context(), subject, ""))); n != 1 {
				t.Errorf("the manifest is there, and %d referrers are", n)
			}
		})
	}
}

// TestHalfATag lets one replica delete a tag between the two links that another
// writes for it. What is left can be deleted.
func TestHalfATag(t *testing.T) {
	t.Parallel()
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := open(t)
			p := replica(t, inner)
			desc, err := p.Manifests().Put(t.Context(), image(t, push(t, p, []byte("{}")), ""), registry.PutOptions{})
			must(t, err)
			half := faulty.StopAt(1, faulty.On(faulty.PutContent, "/tags/t/index/"))
			done := async(func() error { return replica(t, inner, half).Tags().Set(t.Context(), tag("t"), desc) })
			must(t, half.Await())
			must(t, p.Tags().Delete(t.Context(), tag("t")))
			half.Pass <- nil
			must(t, <-done)
			if _, err := p.Tags().Get(t.Context(), tag("t")); !errors.Is(err, registry.ErrManifestUnknown) {
				t.Fatalf("half a tag: %v", err)
			}
			must(t, p.Tags().Delete(t.Context(), tag("t")))
			if left := collect(t, p.Tags().All(t.Context(), registry.Tag{})); len(left) > 0 {
				t.Errorf("%v are left", left)
			}
			wantError(t, p.Tags().Delete(t.Context(), tag("t")), registry.ErrManifestUnknown)
		})
	}
}
