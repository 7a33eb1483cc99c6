package conformance

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

func pullingManifests(g *registrar) {
	for _, kind := range ociKinds() {
		for _, by := range []string{"tag", "digest"} {
			pullingOneKind(g, kind, by)
			headingOneKind(g, kind, by)
		}
	}
	pullingTypes(g)
	pullingSha512Manifests(g)
	pullingUnknownManifests(g)
	pullingOtherReferences(g)
	pullingTagNames(g)
}

// pushedManifest pushes a manifest, or takes one that is there already, and
// returns what to ask for it by.
func (c *Case) pushedManifest(kind manifestKind, by string) (m fixtures.Manifest, reference string) {
	if c.access.held != nil {
		if m, reference = c.access.held.manifest(kind.is, by); reference == "" {
			c.leaveOut("there is not " + kind.name + " with a " + by)
		}
		if checkBytes(m.Blob) != "" {
			c.Given(requirement.PullManifestContent, c.Repo().Get(manifestPath(reference)), haveManifest(m))
		}
		return m, reference
	}
	m = kind.make(c)
	if by == "digest" {
		c.Repo().GivenManifest(m.Digest.String(), m)
		return m, m.Digest.String()
	}
	tag := c.Tag("pulled")
	c.Repo().GivenManifest(tag, m)
	return m, tag
}

func pullingOneKind(g *registrar, kind manifestKind, by string) {
	name := kind.name + " by " + by
	get := func(c *Case) (fixtures.Manifest, *Exchange) {
		m, reference := c.pushedManifest(kind, by)
		return m, c.Repo().Get(manifestPath(reference))
	}
	got := func(c *Case) (fixtures.Manifest, *Exchange) {
		m, x := get(c)
		c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
		return m, x
	}
	g.It("answers 200 to a GET of "+name, requirement.PullManifestOk, func(c *Case) {
		_, x := get(c)
		c.givenAPI(x)
		Expect(x).To(HaveStatus(http.StatusOK))
	})
	g.It("returns "+name, requirement.PullManifestContent, func(c *Case) {
		m, x := got(c)
		Expect(x).To(haveManifest(m))
	})
	g.It("tells the type of "+name, requirement.PullManifestContentType, func(c *Case) {
		m, x := got(c)
		Expect(x).To(HaveMediaType(m.MediaType))
	})
	g.It("adds no parameter to the type of "+name, requirement.PullManifestContentTypeBare, func(c *Case) {
		_, x := got(c)
		c.Given(requirement.PullManifestContentType, x, HaveSomeHeader("Content-Type"))
		Expect(x).To(haveBareType())
	})
	g.It("sends the digest with "+name, requirement.PullManifestDigestHeader, func(c *Case) {
		m, x := got(c)
		c.needOwnAnswer(x)
		Expect(x).To(haveDigestOf(m.Content))
	})
	g.It("sends Docker-Content-Digest with "+name, requirement.PullManifestDigestHeaderRequired, func(c *Case) {
		_, x := got(c)
		c.needOwnAnswer(x)
		Expect(x).To(HaveSomeHeader(digestHeader))
	})
}

func headingOneKind(g *registrar, kind manifestKind, by string) {
	name := kind.name + " by " + by
	head := func(c *Case) (fixtures.Manifest, *Exchange) {
		m, reference := c.pushedManifest(kind, by)
		return m, c.Repo().Head(manifestPath(reference))
	}
	headed := func(c *Case) (fixtures.Manifest, *Exchange) {
		m, x := head(c)
		c.Given(requirement.PullManifestHead, x, HaveStatus(http.StatusOK))
		return m, x
	}
	g.It("answers 200 to a HEAD of "+name, requirement.PullManifestHead, func(c *Case) {
		_, x := head(c)
		c.givenAPI(x)
		Expect(x).To(HaveStatus(http.StatusOK))
	})
	g.It("sends the digest with a HEAD of "+name, requirement.PullHeadDigestHeader, func(c *Case) {
		m, x := headed(c)
		c.needOwnAnswer(x)
		Expect(x).To(haveDigestOf(m.Content))
	})
	g.It("sends Docker-Content-Digest with a HEAD of "+name, requirement.PullHeadDigestHeaderRequired, func(c *Case) {
		_, x := headed(c)
		c.needOwnAnswer(x)
		Expect(x).To(HaveSomeHeader(digestHeader))
	})
	for _, r := range []requirement.Requirement{requirement.PullHeadLength, requirement.PullHeadLengthRequired} {
		g.It("sends the size with a HEAD of "+name, r, func(c *Case) {
			m, x := headed(c)
			Expect(x).To(HaveHeader("Content-Length", strconv.Itoa(len(m.Content))))
		})
	}
}

// haveManifest wants the document m. That each byte is as it was pushed is
// judged by another requirement.
func haveManifest(m fixtures.Manifest) Matcher {
	return NewMatcher("the manifest that was pushed", func(x *Exchange) string {
		if x.Equal(m.Content) {
			return checkBytes(m.Blob)
		}
		var want, got any
		if err := x.JSON(&got); err != nil {
			return err.Error()
		}
		if err := json.Unmarshal(m.Content, &want); err != nil || !reflect.DeepEqual(want, got) {
			return fmt.Sprintf("another document, of %d bytes", len(x.Body()))
		}
		return ""
	})
}

// haveBareType wants a Content-Type without parameters.
func haveBareType() Matcher {
	return NewMatcher("a Content-Type without parameters", func(x *Exchange) string {
		value := x.Header().Get("Content-Type")
		if _, params, err := mime.ParseMediaType(value); err != nil || len(params) > 0 || strings.Contains(value, ";") {
			return "Content-Type: " + value
		}
		return ""
	})
}

// pullingTypes judges the types of manifests that do not say it themselves, so
// that a registry must remember it.
func pullingTypes(g *registrar) {
	for _, kind := range []struct {
		name string
		make func(*Case, ...fixtures.Option) fixtures.Manifest
	}{
		{"an image manifest", func(c *Case, o ...fixtures.Option) fixtures.Manifest { return c.smallImage(o...) }},
		{"an image index", func(c *Case, o ...fixtures.Option) fixtures.Manifest {
			return c.Content.Index([]fixtures.Manifest{c.smallImage()}, o...)
		}},
	} {
		g.It("returns "+kind.name+" without a mediaType field with the type that it was pushed with", requirement.PullManifestContentTypePushed, func(c *Case) {
			control := kind.make(c)
			c.Repo().GivenManifest(control.Digest.String(), control)
			x := c.Repo().Get(manifestPath(control.Digest.String()))
			c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
			c.Given(requirement.PullManifestContentType, x, HaveMediaType(control.MediaType))

			m := kind.make(c, fixtures.WithoutMediaType())
			c.Repo().GivenContent(m)
			tag := c.Tag("typed")
			x = c.Repo().PutManifest(tag, m)
			if x.Status/100 == 4 {
				c.NothingToJudge(x, "a manifest without a mediaType field is refused")
			}
			c.Given(requirement.ManifestsPushCreated, x, HaveSuccess())
			for _, reference := range []string{tag, m.Digest.String()} {
				x = c.Repo().Get(manifestPath(reference))
				c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
				Expect(x).To(HaveMediaType(m.MediaType))
			}
		})
	}
}

func pullingSha512Manifests(g *registrar) {
	judge := func(text string, r requirement.Requirement, by digest.Algorithm) {
		g.It(text, r, func(c *Case) {
			control := c.Repo().GivenImage("")
			x := c.Repo().Get(manifestPath(control.Digest.String()))
			c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
			c.Given(requirement.PullManifestDigestHeader, x, haveDigestOfIfAny(control.Content))
			m := c.smallImage()
			c.Repo().GivenContent(m)
			m.Blob = m.Under(by)
			x = c.Repo().PutManifest(m.Digest.String(), m)
			if by != digest.SHA256 && x.Status/100 == 4 {
				c.Unsupported(x, "manifests are not stored under "+by.String()+" digests")
			}
			c.Given(requirement.ManifestsPushCreated, x, HaveSuccess())
			x = c.Repo().Get(manifestPath(m.Digest.String()))
			c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
			if x.Header().Get(digestHeader) == "" {
				c.NothingToJudge(x, "there is no "+digestHeader)
			}
			Expect(x).To(haveDigestOf(m.Content))
		})
	}
	judge("names a manifest by a digest of it", requirement.PullManifestDigestCanonical, digest.SHA256)
	judge("names a manifest asked for by sha512 by a digest of it", requirement.PullManifestDigestAlgorithm, digest.SHA512)
}

func absentManifests() []notThere {
	inUse := func(c *Case) {
		if c.access.held == nil {
			c.Repo().GivenImage(c.Tag("there"))
		}
	}
	return []notThere{
		{"a tag that was never pushed", func(c *Case) string {
			inUse(c)
			return manifestPath(c.Tag("absent"))
		}},
		{"the digest of a manifest that was never pushed", func(c *Case) string {
			inUse(c)
			return manifestPath(c.Content.Missing(v1.MediaTypeImageManifest).Digest.String())
		}},
		{"the digest of a manifest that another repository holds", func(c *Case) string {
			inUse(c)
			return manifestPath(c.Other().GivenImage("").Digest.String())
		}},
		{"a tag that another repository holds", func(c *Case) string {
			inUse(c)
			tag := c.Tag("elsewhere")
			c.Other().GivenImage(tag)
			return manifestPath(tag)
		}},
		{"the digest of a blob that is no manifest", func(c *Case) string {
			m, _ := c.pushedManifest(ociKinds()[0], "tag")
			return manifestPath(m.Blobs[len(m.Blobs)-1].Digest.String())
		}},
	}
}

func pullingUnknownManifests(g *registrar) {
	for _, absent := range absentManifests() {
		g.It("answers 404 for "+absent.what, requirement.PullManifestUnknown, func(c *Case) {
			Expect(c.Repo().Get(absent.path(c))).To(HaveStatus(http.StatusNotFound))
		})
		g.It("answers 404 to a HEAD of "+absent.what, requirement.PullManifestHeadUnknown, func(c *Case) {
			path := absent.path(c)
			c.Given(requirement.PullManifestUnknown, c.Repo().Get(path), haveNothing())
			x := c.Repo().Head(path)
			c.givenAPI(x)
			Expect(x).To(HaveStatus(http.StatusNotFound))
		})
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, by := range []string{"tag", "digest"} {
			g.It("answers 404 to a "+method+" of a manifest by "+by+" in a repository that does not exist", requirement.PullRepositoryUnknown, func(c *Case) {
				reference := "latest"
				if by == "digest" {
					reference = c.Content.Missing(v1.MediaTypeImageManifest).Digest.String()
				}
				empty := c.Empty("-manifest")
				c.Repo().GivenImage("")
				c.Given(requirement.PullManifestUnknown, c.Repo().Get(manifestPath(reference)), HaveStatus(http.StatusNotFound))
				if method == http.MethodHead {
					c.givenHeadUnknown(manifestPath(reference), requirement.PullManifestHeadUnknown)
				}
				x := empty.Do(method, manifestPath(reference))
				c.givenAPI(x)
				Expect(x).To(HaveStatus(http.StatusNotFound))
			})
		}
	}
}

// pullingOtherReferences asks for a manifest by what is almost its tag or its
// digest.
func pullingOtherReferences(g *registrar) {
	for _, bad := range []struct {
		what string
		make func(tag string, d digest.Digest) string
	}{
		{"a digest with too few digits", func(_ string, d digest.Digest) string { return d.String()[:len(d)-1] }},
		{"a digest with one digit too many", func(_ string, d digest.Digest) string { return d.String() + "0" }},
		{"a digest in upper case", func(_ string, d digest.Digest) string { return "sha256:" + strings.ToUpper(d.Encoded()) }},
		{"a digest whose algorithm is in upper case", func(_ string, d digest.Digest) string { return "SHA256:" + d.Encoded() }},
		{"a digest without an algorithm", func(_ string, d digest.Digest) string { return ":" + d.Encoded() }},
		{"a digest of other characters than hexadecimal digits", func(string, digest.Digest) string { return "sha256:" + strings.Repeat("z", 64) }},
		{"a tag and a digest", func(tag string, d digest.Digest) string { return tag + "@" + d.String() }},
		{"a tag with a colon", func(tag string, _ digest.Digest) string { return ":" + tag }},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			g.It("does not answer a "+method+" by "+bad.what+" with success", requirement.PullReferenceOther, func(c *Case) {
				m, tag := c.pushedManifest(ociKinds()[0], "tag")
				Expect(c.Repo().Do(method, manifestPath(bad.make(tag, m.Digest)))).To(haveNothing())
			})
		}
	}
}

// pullingTagNames judges tags that are none, and the longest ones that are.
func pullingTagNames(g *registrar) {
	refuse := func(what, tag string, r requirement.Requirement) {
		g.It("takes "+what+" neither in a push nor in a pull", r, func(c *Case) {
			m := c.Repo().GivenImage("")
			absent := manifestPath(c.Tag("absent"))
			c.Given(requirement.PullManifestUnknown, c.Repo().Get(absent), haveNothing())
			c.Given(requirement.PullManifestHeadUnknown, c.Repo().Head(absent), haveNothing())
			Expect(c.Repo().TryManifest(tag, m)).To(haveNothing())
			Expect(c.Repo().Get(manifestPath(tag))).To(haveNothing())
			Expect(c.Repo().Head(manifestPath(tag))).To(haveNothing())
		})
	}
	refuse("a tag of 129 characters", strings.Repeat("a", 129), requirement.PullTagLength)
	refuse("a tag of 1000 characters", strings.Repeat("b", 1000), requirement.PullTagLength)
	for _, bad := range []struct{ what, tag string }{
		{"a tag that begins with a dot", ".dotted"},
		{"a tag that begins with a hyphen", "-hyphenated"},
		{"a tag with a plus sign", "1.0+build"},
		{"a tag with a space", "a%20b"},
		{"a tag with an at sign", "a@b"},
		{"a tag with a tilde", "1.0~rc1"},
		{"a tag with a percent sign", "a%25b"},
		{"a tag with a letter beyond ASCII", "caf%C3%A9"},
	} {
		refuse(bad.what, bad.tag, requirement.PullTagGrammar)
	}
	for _, good := range []struct{ what, tag string }{
		{"a tag of every kind of character", "_Aa0.b-c_d..e--f__G"},
		{"a tag of one digit", "0"},
		{"a tag of 128 characters", strings.Repeat("long.tag", 16)},
	} {
		g.It("answers 201 to an image pushed by "+good.what, requirement.ManifestsPushCreated, func(c *Case) {
			tag := good.tag
			if given := c.Tag("x"); given != "x" && len(tag) < 64 {
				tag += strings.TrimPrefix(given, "x")
			} else if given != "x" {
				tag = given + tag[len(given):]
			}
			m := c.smallImage()
			c.Repo().GivenContent(m)
			Expect(c.Repo().PutManifest(tag, m)).To(HaveStatus(http.StatusCreated))
			x := c.Repo().Get(manifestPath(tag))
			c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
		})
	}
}
