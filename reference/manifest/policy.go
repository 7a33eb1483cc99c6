package manifest

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/registry"
)

// A Policy says which of the references of a manifest a registry must hold
// before it takes the manifest. The zero Policy demands every child of an
// index, and every blob but for layers that may not be distributed and tell
// where they are, wherever that is.
type Policy struct {
	// AllowURLs are what each URL of such a layer must match one of; empty
	// means any. DenyURLs are what it must not match.
	AllowURLs, DenyURLs []*regexp.Regexp
	// Platforms limits what is demanded of an index.
	Platforms Platforms
}

// Platforms say which children of an index are demanded.
type Platforms struct {
	// Only demands no others than the children for one of List: none at
	// all where that is empty. Otherwise every child is.
	Only bool
	// List are platforms. What one leaves empty matches anything.
	List []v1.Platform
}

// Demands reports whether the manifest desc, a child of an index, must be here.
// One that tells no platform is for none.
func (p Platforms) Demands(desc registry.Descriptor) bool {
	if !p.Only {
		return true
	}
	matches := func(want, got string) bool { return want == "" || want == got }
	return desc.Platform != nil && slices.ContainsFunc(p.List, func(want v1.Platform) bool {
		return matches(want.OS, desc.Platform.OS) && matches(want.Architecture, desc.Platform.Architecture) &&
			matches(want.Variant, desc.Platform.Variant)
	})
}

// Elsewhere reports whether desc, a blob of an image, need not be here: whether
// it is a layer that may not be distributed, and says where it is. A URL by
// which that can't be had, or that the policy forbids, is an error in a sentence for
// the client, whatever other URLs there are.
func (p Policy) Elsewhere(desc registry.Descriptor) (bool, error) {
	switch desc.MediaType {
	case "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
	default:
		return false, nil
	}
	for _, s := range desc.URLs {
		if err := p.checkURL(s); err != nil {
			return false, fmt.Errorf("layer %s: %w", desc.Digest, err)
		}
	}
	return len(desc.URLs) > 0, nil
}

func (p Policy) checkURL(s string) error {
	matches := func(r *regexp.Regexp) bool { return r.MatchString(s) }
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the URL %.200q is not one of http or https", s)
	case u.Fragment != "":
		return fmt.Errorf("the URL %.200q has a fragment", s)
	case len(p.AllowURLs) > 0 && !slices.ContainsFunc(p.AllowURLs, matches), slices.ContainsFunc(p.DenyURLs, matches):
		return fmt.Errorf("the URL %.200q is not allowed here", s)
	}
	return nil
}
