package contract

import (
	"fmt"
	"testing"

	"github.com/registryconform/conform/reference/registry"
)

// checkTags shows S-133, K-65.
func checkTags(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "tags")
	config := Push(t, p, []byte("{}"))
	a, err := p.Manifests().Put(t.Context(), Image(t, config, ""), registry.PutOptions{})
	Must(t, err)
	b, err := p.Manifests().Put(t.Context(), Image(t, config, `,"annotations":{}`), registry.PutOptions{})
	Must(t, err)
	names := []string{"0", "A", "_", "a", "a-1", "a.1", "b", "latest"}
	for i := range names {
		Must(t, p.Tags().Set(t.Context(), Tag(names[len(names)-1-i]), a))
	}
	Must(t, p.Tags().Set(t.Context(), Tag("b"), b))
	for i, after := range append([]string{""}, names...) {
		from := registry.Tag{}
		if after != "" {
			from = Tag(after)
		}
		if got := Collect(t, p.Tags().All(t.Context(), from)); fmt.Sprint(got) != fmt.Sprint(tagsOf(names[i:])) {
			t.Fatalf("after %q: %v", after, got)
		}
	}
	got, err := p.Tags().Get(t.Context(), Tag("b"))
	Must(t, err)
	if got.Digest != b.Digest {
		t.Fatalf("b names %s", got.Digest)
	}
	if found := Collect(t, p.Tags().Lookup(t.Context(), b.Digest)); len(found) != 1 || found[0] != Tag("b") {
		t.Fatalf("lookup %v", found)
	}
	WantError(t, p.Tags().Set(t.Context(), Tag("c"), Describe([]byte("none"))), registry.ErrManifestUnknown)
	Must(t, p.Tags().Delete(t.Context(), Tag("b")))
	_, err = p.Tags().Get(t.Context(), Tag("b"))
	WantError(t, err, registry.ErrManifestUnknown)
	WantError(t, p.Tags().Delete(t.Context(), Tag("b")), registry.ErrManifestUnknown)
	_, err = p.Manifests().Get(t.Context(), b.Digest)
	Must(t, err)
}

func tagsOf(names []string) []registry.Tag {
	var all []registry.Tag
	for _, s := range names {
		all = append(all, Tag(s))
	}
	return all
}

func checkNoTags(t *testing.T, r registry.Registry) {
	p := Repository(t, r, "nothing")
	afters := []registry.Tag{{}, Tag("last")}
	all := func(after registry.Tag) ([]registry.Tag, error) {
		var got []registry.Tag
		for x, err := range p.Tags().All(t.Context(), after) {
			if err != nil {
				return nil, err
			}
			got = append(got, x)
		}
		return got, nil
	}
	unknown := func() {
		t.Helper()
		for _, after := range afters {
			_, err := all(after)
			WantError(t, err, registry.ErrNameUnknown)
		}
	}
	unknown()
	config := Push(t, p, []byte("{}"))
	empty := func() {
		t.Helper()
		for _, after := range afters {
			if got, err := all(after); err != nil || len(got) != 0 {
				t.Fatalf("after %q: tags %v, error %v", after, got, err)
			}
		}
	}
	empty()
	m, err := p.Manifests().Put(t.Context(), Image(t, config, ""), registry.PutOptions{Tags: []registry.Tag{Tag("t")}})
	Must(t, err)
	Must(t, p.Blobs().Delete(t.Context(), config.Digest))
	Must(t, p.Tags().Delete(t.Context(), Tag("t")))
	empty()
	Must(t, p.Manifests().Delete(t.Context(), m.Digest))
	unknown()
}
