package manifest_test

import (
	"regexp"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
)

// K-74: every URL of a layer counts: a good one hides no bad one, wherever it
// stands.
func TestPolicyURLs(t *testing.T) {
	t.Parallel()
	const foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
	patterns := func(s ...string) (all []*regexp.Regexp) {
		for _, p := range s {
			all = append(all, regexp.MustCompile(p))
		}
		return all
	}
	limited := manifest.Policy{AllowURLs: patterns(`^https://good\.invalid/`, `^https://other\.invalid/`), DenyURLs: patterns(`/secret/`)}
	for _, c := range []struct {
		what, mediaType string
		policy          manifest.Policy
		urls            []string
		elsewhere, good bool
	}{
		{"any", foreign, manifest.Policy{}, []string{"https://a.invalid/x", "http://b.invalid"}, true, true},
		{"none", foreign, manifest.Policy{}, nil, false, true},
		{"ordinary layer", "application/vnd.oci.image.layer.v1.tar", limited, []string{"ftp://a#b"}, false, true},
		{"OCI", "application/vnd.oci.image.layer.nondistributable.v1.tar", limited, []string{"https://good.invalid/x"}, true, true},
		{"OCI gzip", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", limited, []string{"https://other.invalid/x"}, true, true},
		{"OCI zstd", "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", limited, []string{"https://bad.invalid/x"}, false, false},
		{"not allowed", foreign, limited, []string{"https://bad.invalid/x"}, false, false},
		{"denied", foreign, limited, []string{"https://good.invalid/secret/x"}, false, false},
		{"denied alone", foreign, manifest.Policy{DenyURLs: patterns("x")}, []string{"https://good.invalid/x"}, false, false},
		{"bad before good", foreign, limited, []string{"https://bad.invalid/", "https://good.invalid/x"}, false, false},
		{"bad after good", foreign, limited, []string{"https://good.invalid/x", "https://bad.invalid/"}, false, false},
		{"scheme", foreign, manifest.Policy{}, []string{"ftp://a.invalid/x"}, false, false},
		{"no host", foreign, manifest.Policy{}, []string{"https:///x"}, false, false},
		{"no scheme", foreign, manifest.Policy{}, []string{"//a.invalid/x"}, false, false},
		{"fragment", foreign, manifest.Policy{}, []string{"https://a.invalid/x#y"}, false, false},
		{"not a URL", foreign, manifest.Policy{}, []string{"https://a.invalid/%zz"}, false, false},
		{"empty", foreign, manifest.Policy{}, []string{""}, false, false},
	} {
		elsewhere, err := c.policy.Elsewhere(registry.Descriptor{MediaType: c.mediaType, URLs: c.urls})
		if elsewhere != c.elsewhere || (err == nil) != c.good {
			t.Errorf("%s: %v, %v", c.what, elsewhere, err)
		}
	}
}

// K-76: a child without a platform is for none, and ends nothing.
func TestPolicyPlatforms(t *testing.T) {
	t.Parallel()
	p := func(os, architecture, variant string) v1.Platform {
		return v1.Platform{OS: os, Architecture: architecture, Variant: variant}
	}
	amd64, v7 := p("linux", "amd64", ""), p("linux", "arm", "v7")
	for _, c := range []struct {
		what     string
		demanded manifest.Platforms
		child    *v1.Platform
		want     bool
	}{
		{"all", manifest.Platforms{}, &amd64, true},
		{"all, none told", manifest.Platforms{}, nil, true},
		{"none", manifest.Platforms{Only: true}, &amd64, false},
		{"listed", manifest.Platforms{Only: true, List: []v1.Platform{v7, amd64}}, &amd64, true},
		{"listed without variant", manifest.Platforms{Only: true, List: []v1.Platform{p("linux", "arm", "")}}, &v7, true},
		{"other variant", manifest.Platforms{Only: true, List: []v1.Platform{p("linux", "arm", "v6")}}, &v7, false},
		{"other architecture", manifest.Platforms{Only: true, List: []v1.Platform{amd64}}, &v7, false},
		{"other system", manifest.Platforms{Only: true, List: []v1.Platform{p("windows", "amd64", "")}}, &amd64, false},
		{"listed, none told", manifest.Platforms{Only: true, List: []v1.Platform{amd64}}, nil, false},
	} {
		if got := c.demanded.Demands(registry.Descriptor{Platform: c.child}); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
