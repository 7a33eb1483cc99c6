package client_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/client"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
)

// S-300: tags go with the manifest, in one request where the registry takes them
// so, and in one more for each where it does not.
func TestPutWithTags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tags     int
		digest   bool
		ignored  bool
		requests int
	}{
		{0, false, false, 1},
		{1, false, false, 1},
		{1, true, false, 1},
		{3, false, false, 1},
		{3, true, true, 4},
		{1, false, true, 1},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			t.Parallel()
			var puts ledger
			p := flawed(t, func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut && r.Header.Get("Content-Type") != "application/octet-stream" {
					puts.note(r)
					if c.ignored {
						r.URL.RawQuery = ""
					}
				}
				return true
			}, client.Options{})
			m := contract.Image(t, contract.Push(t, p, []byte("{}")), "")
			_, content := m.Payload()
			opts, want := registry.PutOptions{}, digest.FromBytes(content)
			for i := range c.tags {
				opts.Tags = append(opts.Tags, contract.Tag(fmt.Sprint("t", i)))
			}
			if c.digest {
				opts.Digest = want
			}
			desc, err := p.Manifests().Put(t.Context(), m, opts)
			if err != nil || desc.Digest != want {
				t.Fatal(desc, err)
			}
			if n := len(puts.all()); n != c.requests {
				t.Errorf("%d requests", n)
			}
			if c.tags == 0 {
				return
			}
			if got := contract.Collect(t, p.Tags().All(t.Context(), registry.Tag{})); fmt.Sprint(got) != fmt.Sprint(opts.Tags) {
				t.Errorf("tags %v", got)
			}
		})
	}
}
