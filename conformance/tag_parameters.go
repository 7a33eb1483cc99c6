package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

// tagParameters returns an edit that adds n tag parameters, and the tags, which
// begin with name.
func (c *Case) tagParameters(name string, n int) ([]string, func(*Request)) {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = c.Tag(fmt.Sprintf("%s%03d", name, i))
	}
	return tags, func(r *Request) {
		for _, t := range tags {
			query("tag", t)(r)
		}
	}
}

// pushWithTags pushes an image by digest with tag parameters.
func (c *Case) pushWithTags(name string, n int) ([]string, *Exchange) {
	m := c.smallImage()
	c.Repo().GivenContent(m)
	tags, edit := c.tagParameters(name, n)
	for _, t := range tags {
		c.pushed.add(kindTag, c.Repo(), manifestPath(t))
	}
	return tags, c.Repo().PutManifest(m.Digest.String(), m, edit)
}

// namedTags returns the tags that OCI-Tag headers name.
func namedTags(x *Exchange) []string {
	var tags []string
	for _, value := range x.Header().Values("OCI-Tag") {
		for t := range strings.SplitSeq(value, ",") {
			tags = append(tags, strings.TrimSpace(t))
		}
	}
	return tags
}

// isTagged reports whether tag, which no other push has used, names a manifest,
// as the answer shows.
func (c *Case) isTagged(tag string) (bool, *Exchange) {
	x := c.Repo().Get(manifestPath(tag))
	return x.Status/100 == 2, x
}

func pushingTagParameters(g *registrar) {
	g.It("sets every tag given as a parameter, or none", requirement.ManifestsTagParamsSupported, func(c *Case) {
		tags, x := c.pushWithTags("t", 2)
		c.Given(requirement.ManifestsPushCreated, x, HaveSuccess())
		first, evidence := c.isTagged(tags[0])
		if !first && len(namedTags(x)) == 0 {
			c.Unsupported(evidence, "tag parameters are ignored")
		}
		for _, tag := range tags {
			if ok, got := c.isTagged(tag); !ok {
				c.Failf(got, "the manifest under the tag "+tag, "%s", got.Outcome())
			}
		}
	})
	g.It("takes ten tag parameters", requirement.ManifestsTagParamsTen, func(c *Case) {
		tags, x := c.pushWithTags("one", 1)
		c.Given(requirement.ManifestsPushCreated, x, HaveSuccess())
		if ok, got := c.isTagged(tags[0]); !ok {
			c.Unsupported(got, "tag parameters are ignored")
		}
		tags, x = c.pushWithTags("ten", 10)
		Expect(x).To(HaveSuccess())
		for _, tag := range tags {
			if ok, got := c.isTagged(tag); !ok {
				c.Failf(got, "the manifest under the tag "+tag, "%s", got.Outcome())
			}
		}
	})
	g.It("takes a great number of tag parameters, or answers 414", requirement.ManifestsTagParamsTooMany, func(c *Case) {
		_, x := c.pushWithTags("t", 500)
		if x.Status/100 == 2 && len(namedTags(x)) == 0 {
			c.Unsupported(x, "tag parameters are ignored")
		}
		if x.Status/100 != 2 {
			Expect(x).To(HaveStatus(http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge))
		}
	})
	g.It("names each tag in an OCI-Tag header", requirement.ManifestsTagParamsHeader, func(c *Case) {
		tags, x := c.pushWithTags("t", 3)
		c.Given(requirement.ManifestsPushCreated, x, HaveSuccess())
		named := namedTags(x)
		if ok, got := c.isTagged(tags[0]); !ok && len(named) == 0 {
			c.Unsupported(got, "tag parameters are ignored")
		}
		slices.Sort(named)
		if !slices.Equal(named, tags) {
			c.Failf(x, "OCI-Tag: "+strings.Join(tags, ", "), "OCI-Tag: %s", strings.Join(named, ", "))
		}
	})
}
