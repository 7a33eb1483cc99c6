package route_test

import (
	"strings"
	"testing"

	"github.com/registryconform/conform/reference/server/internal/route"
)

const sum = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParse(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]route.Route{
		"":                                   {Kind: route.Root},
		"/":                                  {Kind: route.Root},
		"/v2":                                {Kind: route.Base},
		"/v2/":                               {Kind: route.Base},
		"/v2/_catalog":                       {Kind: route.Catalog},
		"/v2/a/tags/list":                    {Kind: route.Tags, Name: "a"},
		"/v2/a/b/c/tags/list":                {Kind: route.Tags, Name: "a/b/c"},
		"/v2/tags/list/tags/list":            {Kind: route.Tags, Name: "tags/list"},
		"/v2/a/manifests/tags/list":          {Kind: route.Tags, Name: "a/manifests"},
		"/v2/a/manifests/latest":             {Kind: route.Manifest, Name: "a", Arg: "latest"},
		"/v2/a/manifests/list":               {Kind: route.Manifest, Name: "a", Arg: "list"},
		"/v2/a/manifests/manifests/v1":       {Kind: route.Manifest, Name: "a/manifests", Arg: "v1"},
		"/v2/a/manifests/manifests":          {Kind: route.Manifest, Name: "a", Arg: "manifests"},
		"/v2/a/tags/manifests/tags":          {Kind: route.Manifest, Name: "a/tags", Arg: "tags"},
		"/v2/a/blobs/uploads/manifests/x":    {Kind: route.Manifest, Name: "a/blobs/uploads", Arg: "x"},
		"/v2/a/manifests/" + sum:             {Kind: route.Manifest, Name: "a", Arg: sum},
		"/v2/a/manifests/sha256%3Aab":        {Kind: route.Manifest, Name: "a", Arg: "sha256:ab"},
		"/v2/a/referrers/" + sum:             {Kind: route.Referrers, Name: "a", Arg: sum},
		"/v2/a/b/referrers/x":                {Kind: route.Referrers, Name: "a/b", Arg: "x"},
		"/v2/a/blobs/" + sum:                 {Kind: route.Blob, Name: "a", Arg: sum},
		"/v2/blobs/blobs/blobs/" + sum:       {Kind: route.Blob, Name: "blobs/blobs", Arg: sum},
		"/v2/a/blobs/uploads":                {Kind: route.Uploads, Name: "a"},
		"/v2/a/blobs/uploads/":               {Kind: route.Uploads, Name: "a"},
		"/v2/a/manifests/blobs/uploads/":     {Kind: route.Uploads, Name: "a/manifests"},
		"/v2/a/blobs/uploads/blobs/uploads/": {Kind: route.Uploads, Name: "a/blobs/uploads"},
		"/v2/a/blobs/uploads/1-2_3.4=":       {Kind: route.Upload, Name: "a", Arg: "1-2_3.4="},
		"/v2/a/blobs/uploads/uploads":        {Kind: route.Upload, Name: "a", Arg: "uploads"},
		"/v2/uploads/blobs/uploads/id":       {Kind: route.Upload, Name: "uploads", Arg: "id"},
		"/v2/A/B/tags/list":                  {Kind: route.Tags, Name: "A/B"},
		"/v2/a%20b/tags/list":                {Kind: route.Tags, Name: "a b"},

		"/v1/":                        {},
		"/v2x":                        {},
		"/v2/a":                       {},
		"/v2/_catalog/":               {},
		"/v2/a/_catalog":              {},
		"/v2/tags/list":               {},
		"/v2/manifests/latest":        {},
		"/v2/blobs/" + sum:            {},
		"/v2/blobs/uploads/":          {},
		"/v2/blobs/uploads/id":        {Kind: route.None},
		"/v2/a/tags/list/":            {},
		"/v2/a/manifests/":            {},
		"/v2/a/manifests/latest/":     {},
		"/v2/a/blobs/uploads/id/":     {},
		"/v2/a/blobs/uploads//":       {},
		"/v2//tags/list":              {},
		"/v2/a//b/tags/list":          {},
		"/v2/a/../b/tags/list":        {},
		"/v2/a/%2e%2e/b/tags/list":    {},
		"/v2/a/./tags/list":           {},
		"/v2/a%2Fb/tags/list":         {},
		"/v2/a/manifests/..%2f..%2fx": {},
		"/v2/a/manifests/%zz":         {},
		"//v2/a/tags/list":            {},
	} {
		if got := route.Parse(path); got != want {
			t.Errorf("Parse(%q) = %+v, want %+v", path, got, want)
		}
	}
}

// What is not refused names exactly the segments of the path, in their order,
// so that no path can reach another repository than the one it spells.
func FuzzParse(f *testing.F) {
	f.Add("/v2/a/blobs/uploads/x")
	f.Add("/v2/a/../b/tags/list")
	f.Add("/v2/%2e%2e/manifests/x")
	f.Fuzz(func(t *testing.T, path string) {
		r := route.Parse(path)
		if r.Name == "" {
			return
		}
		for s := range strings.SplitSeq(r.Name, "/") {
			if s == "" || s == "." || s == ".." {
				t.Errorf("Parse(%q) let the segment %q into the name", path, s)
			}
		}
		if strings.Contains(r.Arg, "/") {
			t.Errorf("Parse(%q) let a slash into the argument", path)
		}
	})
}
