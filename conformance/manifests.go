package conformance

import (
	"net/http"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// A manifestKind is a kind of manifest that specs push, by its name in texts; is
// tells whether one that is there already is of it.
type manifestKind struct {
	name string
	make func(*Case) fixtures.Manifest
	is   func(fixtures.Manifest) bool
}

// ociKinds are the kinds of manifest of the image specification that a
// registry takes, whatever else it supports.
func ociKinds() []manifestKind {
	return []manifestKind{
		{"an image manifest", func(c *Case) fixtures.Manifest { return c.smallImage() }, isImage},
		{"an image index", func(c *Case) fixtures.Manifest {
			return c.Content.Index([]fixtures.Manifest{c.smallImage(), c.smallImage(fixtures.Platform("linux", "arm64"))})
		}, func(m fixtures.Manifest) bool {
			return m.MediaType == v1.MediaTypeImageIndex || m.MediaType == fixtures.MediaTypeDockerList
		}},
		{"an artifact manifest", func(c *Case) fixtures.Manifest {
			return c.Content.Artifact("application/vnd.example.artifact")
		}, func(m fixtures.Manifest) bool {
			return m.MediaType == v1.MediaTypeImageManifest && m.ArtifactType != ""
		}},
	}
}

func isImage(m fixtures.Manifest) bool {
	return (m.MediaType == v1.MediaTypeImageManifest || m.MediaType == fixtures.MediaTypeDockerManifest) && m.ArtifactType == ""
}

func (c *Case) smallImage(options ...fixtures.Option) fixtures.Manifest {
	return c.Content.Image(append([]fixtures.Option{fixtures.Layers(1), fixtures.LayerSize(64)}, options...)...).Manifest
}

func pushingManifests(g *registrar) {
	pushingEveryKind(g)
	for _, length := range []struct {
		text string
		make func(*Case) fixtures.Manifest
	}{
		{"stores a manifest without a mediaType field byte for byte", func(c *Case) fixtures.Manifest {
			return c.smallImage(fixtures.WithoutMediaType())
		}},
		{"stores a manifest with fields of its own and escapes byte for byte", func(c *Case) fixtures.Manifest {
			return c.smallImage(fixtures.Field("org.example.unknown", `{"b":[1,2.50,"\u003c\/"],"a":null}`))
		}},
	} {
		g.It(length.text, requirement.ManifestsContentExact, func(c *Case) {
			m := length.make(c)
			c.Repo().GivenManifest(m.Digest.String(), m)
			x := c.Repo().Get(manifestPath(m.Digest.String()))
			c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
			c.Given(requirement.PullManifestContent, x, haveManifest(m))
			Expect(x).To(HaveBody(m.Content))
		})
	}
	movingTags(g)
	pushingReferences(g)
	pushingUnknownContent(g)
	pushingSizes(g)
	pushingSubjects(g)
	pushingTagParameters(g)
}

// pushingEveryKind judges what holds for a push of each kind of manifest, by
// tag and by digest.
func pushingEveryKind(g *registrar) {
	for _, kind := range ociKinds() {
		for _, by := range []string{"tag", "digest"} {
			push := func(c *Case) (fixtures.Manifest, *Exchange) {
				m := kind.make(c)
				c.Repo().GivenContent(m)
				reference := m.Digest.String()
				if by == "tag" {
					reference = c.Tag("pushed")
				}
				return m, c.Repo().PutManifest(reference, m)
			}
			g.It("answers 201 to "+kind.name+" pushed by "+by, requirement.ManifestsPushCreated, func(c *Case) {
				_, x := push(c)
				Expect(x).To(HaveStatus(http.StatusCreated))
			})
			g.It("sends a Location for "+kind.name+" pushed by "+by, requirement.ManifestsPushLocation, func(c *Case) {
				_, x := push(c)
				c.Given(requirement.ManifestsPushCreated, x, HaveSuccess())
				Expect(x).To(haveLocation())
			})
			g.It("serves "+kind.name+" from the Location of its push by "+by, requirement.ManifestsPushLocationPullable, func(c *Case) {
				m, x := push(c)
				c.Given(requirement.ManifestsPushCreated, x, HaveSuccess())
				c.Given(requirement.ManifestsPushLocation, x, haveLocation())
				c.givenServed(m)
				location, _ := locationOf(x)
				got := c.Do(Request{Method: http.MethodGet, URL: location, Header: http.Header{"Accept": {strings.Join(manifestTypes(), ", ")}}})
				Expect(got).To(HaveSuccess())
				Expect(got).To(HaveBody(m.Content))
			})
		}
		g.It("stores "+kind.name+" byte for byte", requirement.ManifestsContentExact, func(c *Case) {
			m := kind.make(c)
			tag := c.Tag("exact")
			c.Repo().GivenManifest(tag, m)
			for _, reference := range []string{tag, m.Digest.String()} {
				x := c.Repo().Get(manifestPath(reference))
				c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
				c.Given(requirement.PullManifestContent, x, haveManifest(m))
				Expect(x).To(HaveBody(m.Content))
			}
		})
	}
	g.It("names the digest that the client gave", requirement.ManifestsPushDigestHeader, func(c *Case) {
		m := c.smallImage()
		x := c.Repo().GivenManifest(m.Digest.String(), m)
		Expect(x).To(haveDigestHeaderIfAny(m.Digest))
	})
	g.It("names the sha512 digest that the client gave", requirement.ManifestsPushDigestHeader, func(c *Case) {
		m := c.smallImage()
		c.Repo().GivenContent(m)
		m.Blob = m.Under(digest.SHA512)
		x := c.Repo().PutManifest(m.Digest.String(), m)
		if x.Status/100 == 4 {
			c.Unsupported(x, "manifests are not stored under sha512 digests")
		}
		c.Given(requirement.ManifestsPushCreated, x, HaveSuccess())
		Expect(x).To(haveDigestHeaderIfAny(m.Digest))
	})
	g.It("takes a manifest whose Content-Type has a parameter", requirement.ManifestsContentTypeParameters, func(c *Case) {
		m := c.smallImage()
		c.Repo().GivenContent(m)
		x := c.Repo().PutManifest(m.Digest.String(), m, header("Content-Type", m.MediaType+"; charset=utf-8"))
		Expect(x).To(HaveSuccess())
		other := c.Repo().GivenImage("")
		for _, digest := range []digest.Digest{other.Digest, m.Digest} {
			got := c.Repo().Get(manifestPath(digest.String()))
			c.Given(requirement.PullManifestOk, got, HaveStatus(http.StatusOK))
			if digest == other.Digest {
				c.Given(requirement.PullManifestContentTypePushed, got, HaveMediaType(m.MediaType))
			}
			Expect(got).To(HaveMediaType(m.MediaType))
		}
	})
}

// haveDigestHeaderIfAny wants Docker-Content-Digest to be want, or absent.
func haveDigestHeaderIfAny(want digest.Digest) Matcher {
	return NewMatcher("Docker-Content-Digest: "+want.String()+", or none", func(x *Exchange) string {
		if got := x.Header().Get("Docker-Content-Digest"); got != "" && got != want.String() {
			return "Docker-Content-Digest: " + got
		}
		return ""
	})
}

// haveRefusal wants a 4xx status.
func haveRefusal() Matcher {
	return NewMatcher("a 4xx status", func(x *Exchange) string {
		if x.Status/100 == 4 {
			return ""
		}
		return StatusText(x.Status)
	})
}

// movingTags judges what a tag names that was pushed to twice. A target may
// refuse to move it.
func movingTags(g *registrar) {
	g.It("returns the manifest that was pushed to a tag last", requirement.PullManifestContent, func(c *Case) {
		tag := c.Tag("moved")
		first := c.Repo().GivenImage(tag)
		x := c.Repo().Get(manifestPath(tag))
		c.Given(requirement.PullManifestOk, x, HaveSuccess())
		c.Given(requirement.PullManifestContent, x, HaveBody(first.Content))
		second := c.smallImage()
		c.Repo().GivenContent(second)
		moved := c.Repo().PutManifest(tag, second)
		if moved.Status/100 == 4 {
			c.NothingToJudge(moved, "a tag cannot be moved")
		}
		c.Given(requirement.ManifestsPushCreated, moved, HaveSuccess())
		x = c.Repo().Get(manifestPath(tag))
		c.Given(requirement.PullManifestOk, x, HaveSuccess())
		Expect(x).To(HaveBody(second.Content))
	})
}

func pushingReferences(g *registrar) {
	for _, bad := range []struct{ what, reference string }{
		{"a digest with too few digits", "sha256:0123456789abcdef"},
		{"a digest with other characters than hexadecimal digits", "sha256:" + strings.Repeat("z", 64)},
		{"a digest without an algorithm", ":" + strings.Repeat("0", 64)},
	} {
		g.It("refuses a manifest pushed under "+bad.what, requirement.ManifestsReferenceOther, func(c *Case) {
			m := c.smallImage()
			c.Repo().GivenContent(m)
			Expect(c.Repo().PutManifest(bad.reference, m)).To(haveRefusal())
		})
	}
	for _, kind := range ociKinds() {
		g.It("refuses "+kind.name+" pushed under the digest of another", requirement.ManifestsDigestMismatch, func(c *Case) {
			m := kind.make(c)
			c.Repo().GivenContent(m)
			other := c.smallImage()
			c.pushed.add(kindManifest, c.Repo(), manifestPath(other.Digest.String()))
			Expect(c.Repo().PutManifest(other.Digest.String(), m)).To(haveRefusal())
			c.givenUnknownIs404()
			x := c.Repo().Get(manifestPath(other.Digest.String()))
			if x.Status/100 == 2 {
				c.Failf(x, "no manifest under a digest that is not its own", "%s", x.Outcome())
			}
		})
	}
}

// pushingUnknownContent judges manifests that name what the repository lacks.
func pushingUnknownContent(g *registrar) {
	cases := []struct {
		what string
		push func(*Case) (fixtures.Manifest, *Exchange)
	}{
		{"a layer", func(c *Case) (fixtures.Manifest, *Exchange) {
			image := c.Content.Image(fixtures.Layers(1), fixtures.LayerSize(64))
			c.Repo().GivenBlobs(image.Config)
			return image.Manifest, c.Repo().PutManifest(image.Digest.String(), image.Manifest)
		}},
		{"a config", func(c *Case) (fixtures.Manifest, *Exchange) {
			image := c.Content.Image(fixtures.Layers(1), fixtures.LayerSize(64))
			c.Repo().GivenBlobs(image.Layers[0].Blob)
			return image.Manifest, c.Repo().PutManifest(image.Digest.String(), image.Manifest)
		}},
		{"a layer that need not be distributed and that", func(c *Case) (fixtures.Manifest, *Exchange) {
			image := c.Content.Image(fixtures.Layers(1), fixtures.LayerType(fixtures.MediaTypeNonDistributableGzip))
			c.Repo().GivenContent(image.Manifest)
			return image.Manifest, c.Repo().PutManifest(image.Digest.String(), image.Manifest)
		}},
		{"a child", func(c *Case) (fixtures.Manifest, *Exchange) {
			index := c.Content.Index([]fixtures.Manifest{c.smallImage()})
			return index, c.Repo().PutManifest(index.Digest.String(), index)
		}},
	}
	for _, u := range cases {
		g.It("stores or refuses a manifest that names "+u.what+" it does not hold", requirement.ManifestsContentUnknown, func(c *Case) {
			m, x := u.push(c)
			if x.Status/100 != 4 {
				Expect(x).To(HaveSuccess())
				c.givenServed(m)
				return
			}
			c.givenUnknownIs404()
			if got := c.Repo().Get(manifestPath(m.Digest.String())); got.Status/100 == 2 {
				c.Failf(got, "no manifest that was refused", "%s", got.Outcome())
			}
		})
		g.It("reports MANIFEST_BLOB_UNKNOWN if it refuses a manifest that names "+u.what+" it does not hold", requirement.ManifestsContentUnknownCode, func(c *Case) {
			c.Repo().GivenImage("") // a registry that refuses every push refuses none for this reason
			_, x := u.push(c)
			if x.Status/100 == 2 {
				c.NothingToJudge(x, "such a manifest is stored")
			}
			c.Given(requirement.ManifestsContentUnknown, x, haveRefusal())
			if !isJSON(x) {
				c.NothingToJudge(x, "the refusal has no JSON body, as any 4xx answer may")
			}
			c.givenErrors(x)
			Expect(x).To(haveAnyErrorCode("MANIFEST_BLOB_UNKNOWN"))
		})
	}
	g.It("stores an image without layers, or refuses it", requirement.ManifestsContentNoBlobs, func(c *Case) {
		m := c.Content.Image(fixtures.Layers(0)).Manifest
		c.Repo().GivenContent(m)
		x := c.Repo().PutManifest(m.Digest.String(), m)
		if x.Status/100 == 4 {
			c.Unsupported(x, "a manifest without layers is refused")
		}
		Expect(x).To(HaveSuccess())
		c.givenServed(m)
	})
}

// givenErrors blocks the spec unless the errors in x, a JSON body, are told as
// the specification wants all errors told.
func (c *Case) givenErrors(x *Exchange) {
	ginkgo.GinkgoHelper()
	list, err := readErrors(x)
	c.Given(requirement.ErrorsBodyForm, x, holds("an errors document", err))
	c.Given(requirement.ErrorsMessageForm, x, holdsIf(badMessage(list) == "", "messages that are text", badMessage(list)))
	c.Given(requirement.ErrorsCodeForm, x, holdsIf(badCode(list) == "", "codes of upper-case letters and underscores", badCode(list)))
	c.Given(requirement.ErrorsCodeListed, x, holdsIf(unlistedCode(list) == "", "a code of the list in the specification", unlistedCode(list)))
}

// haveAnyErrorCode wants an errors document in which the code stands.
func haveAnyErrorCode(code string) Matcher {
	return NewMatcher("error code "+code, func(x *Exchange) string {
		doc, err := x.Errors()
		if err != nil {
			return err.Error()
		}
		codes := make([]string, len(doc))
		for i, e := range doc {
			codes[i] = e.Code
		}
		if slices.Contains(codes, code) {
			return ""
		}
		return "error codes " + strings.Join(codes, ", ")
	})
}

// fourMegabytes is the size that a registry is asked to take.
const fourMegabytes = 4_000_000

func pushingSizes(g *registrar) {
	g.It("takes a manifest of 4 megabytes", requirement.ManifestsSizeFourMegabytes, func(c *Case) {
		m := c.smallImage(fixtures.ExactSize(fourMegabytes))
		c.Repo().GivenContent(m)
		Expect(c.Repo().PutManifest(m.Digest.String(), m)).To(HaveSuccess())
	})
	g.It("answers 413 to a manifest of 8 MiB, if it refuses it", requirement.ManifestsSizeTooLarge, func(c *Case) {
		m := c.smallImage(fixtures.ExactSize(8 << 20))
		c.Repo().GivenContent(m)
		x := c.Repo().PutManifest(m.Digest.String(), m)
		if x.Status/100 == 2 {
			c.Unsupported(x, "a manifest of 8 MiB is taken, so no limit shows")
		}
		Expect(x).To(HaveStatus(http.StatusRequestEntityTooLarge))
	})
}

func pushingSubjects(g *registrar) {
	for _, kind := range []struct {
		name string
		make func(*Case, fixtures.Option) fixtures.Manifest
	}{
		{"an image", func(c *Case, subject fixtures.Option) fixtures.Manifest { return c.smallImage(subject) }},
		{"an artifact", func(c *Case, subject fixtures.Option) fixtures.Manifest {
			return c.Content.Artifact("application/vnd.example.signature", subject)
		}},
		{"an index", func(c *Case, subject fixtures.Option) fixtures.Manifest {
			return c.Content.Index([]fixtures.Manifest{c.smallImage()}, subject)
		}},
	} {
		g.It("takes "+kind.name+" whose subject is not there", requirement.ManifestsSubjectAbsent, func(c *Case) {
			m := kind.make(c, fixtures.Subject(c.Content.Missing(v1.MediaTypeImageManifest)))
			c.Repo().GivenContent(m)
			Expect(c.Repo().PutManifest(m.Digest.String(), m)).To(HaveSuccess())
			c.givenServed(m)
		})
		for _, absent := range []bool{false, true} {
			text := "sends OCI-Subject for " + kind.name + " whose subject is there"
			if absent {
				text = "sends OCI-Subject for " + kind.name + " whose subject is not there"
			}
			g.It(text, requirement.ManifestsSubjectHeader, func(c *Case) {
				c.NeedReferrers()
				subject := c.Content.Missing(v1.MediaTypeImageManifest)
				if !absent {
					subject = c.Repo().GivenImage("").Descriptor()
				}
				m := kind.make(c, fixtures.Subject(subject))
				c.Repo().GivenContent(m)
				x := c.Repo().PutManifest(m.Digest.String(), m)
				if absent {
					c.Given(requirement.ManifestsSubjectAbsent, x, HaveSuccess())
				}
				c.Given(requirement.ManifestsPushCreated, x, HaveSuccess())
				Expect(x).To(HaveHeader("OCI-Subject", subject.Digest.String()))
			})
		}
	}
}

// givenServed blocks the spec unless m, which was pushed, is served by its
// digest.
func (c *Case) givenServed(m fixtures.Manifest) {
	ginkgo.GinkgoHelper()
	x := c.Repo().Get(manifestPath(m.Digest.String()))
	c.Given(requirement.PullManifestOk, x, HaveSuccess())
	c.Given(requirement.PullManifestContent, x, HaveBody(m.Content))
}

// givenUnknownIs404 blocks the spec where a 404 cannot tell that a manifest is
// not there.
func (c *Case) givenUnknownIs404() {
	ginkgo.GinkgoHelper()
	x := c.Repo().Get(manifestPath(c.Content.Missing(v1.MediaTypeImageManifest).Digest.String()))
	c.Given(requirement.PullManifestUnknown, x, HaveStatus(http.StatusNotFound))
}
