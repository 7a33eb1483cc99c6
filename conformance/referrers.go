package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
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

// NeedReferrers ends the spec where the target has no referrers API. One that
// answers 404 to the referrers of a manifest that has none may still have it,
// so such a target is asked again about a manifest that has one.
func (c *Case) NeedReferrers() {
	ginkgo.GinkgoHelper()
	subject := c.Repo().GivenImage("").Descriptor()
	absent := func() *Exchange {
		x := c.Repo().Get(referrersPath(subject.Digest))
		if x.Status == http.StatusNotFound || x.Status == http.StatusMethodNotAllowed {
			return x
		}
		return nil
	}
	if absent() == nil {
		return
	}
	m := c.Content.Artifact(signatureType, fixtures.Subject(subject))
	pushed := c.Repo().GivenManifest(m.Digest.String(), m)
	x := absent()
	switch {
	case x == nil:
	case pushed.Header().Get("OCI-Subject") != "":
		c.Given(requirement.ReferrersListNever404, x, HaveSuccess())
	default:
		c.Unsupported(x, "there is no referrers API")
	}
}

// A referrersList is what the pages of one list hold together.
type referrersList struct {
	first *Exchange
	pages []*Exchange
	all   []v1.Descriptor
}

// maxPages bounds how many pages of a list a spec follows.
const maxPages = 100

// referrers reads all pages of the list of subject's referrers. A page that
// cannot be read blocks the spec.
func (c *Case) referrers(subject digest.Digest, edit ...func(*Request)) referrersList {
	ginkgo.GinkgoHelper()
	var list referrersList
	x := c.Repo().Get(referrersPath(subject), edit...)
	list.first = x
	c.givenListed(x)
	isIndex := requirement.ReferrersListIndex
	for range maxPages {
		index, err := readIndex(x)
		c.Given(isIndex, x, holds("an image index", err))
		list.pages = append(list.pages, x)
		list.all = append(list.all, index.Manifests...)
		next, more, err := nextPage(x)
		c.Given(requirement.ReferrersLinkForm, x, holds("a Link of relation next", err))
		if !more {
			return list
		}
		x = c.Do(Request{Method: http.MethodGet, URL: next})
		isIndex = requirement.ReferrersLinkPages
		c.Given(isIndex, x, HaveStatus(http.StatusOK))
	}
	c.Failf(x, fmt.Sprintf("an end of the list within %d pages", maxPages), "a Link to another page")
	return list
}

// givenListed blocks the spec unless x, an answer of the referrers API, is a
// list.
func (c *Case) givenListed(x *Exchange) {
	ginkgo.GinkgoHelper()
	c.Given(requirement.ReferrersListNever404, x, haveOtherThan(http.StatusNotFound))
	c.Given(requirement.ReferrersListOk, x, HaveStatus(http.StatusOK))
}

// holds wants err to be nil, and says it otherwise.
func holds(want string, err error) Matcher {
	return NewMatcher(want, func(*Exchange) string {
		if err != nil {
			return err.Error()
		}
		return ""
	})
}

// readIndex returns the image index in the body of x.
func readIndex(x *Exchange) (v1.Index, error) {
	var index v1.Index
	var fields map[string]json.RawMessage
	if err := x.JSON(&fields); err != nil {
		return index, err
	}
	if err := x.JSON(&index); err != nil {
		return index, err
	}
	switch {
	case index.SchemaVersion != 2:
		return index, fmt.Errorf("schemaVersion %d", index.SchemaVersion)
	case index.MediaType != "" && index.MediaType != v1.MediaTypeImageIndex:
		return index, fmt.Errorf("mediaType %q", index.MediaType)
	case !strings.HasPrefix(string(fields["manifests"]), "["):
		return index, fmt.Errorf("manifests is %.20s, not a list", orAbsent(fields["manifests"]))
	}
	return index, nil
}

func orAbsent(raw json.RawMessage) string {
	if raw == nil {
		return "absent"
	}
	return string(raw)
}

// find returns the entry of d in the list, or fails the spec.
func (c *Case) find(list referrersList, d digest.Digest) v1.Descriptor {
	ginkgo.GinkgoHelper()
	i := slices.IndexFunc(list.all, func(e v1.Descriptor) bool { return e.Digest == d })
	if i < 0 {
		blame := requirement.ReferrersListPushed
		if len(list.all) > 0 {
			blame = requirement.ReferrersLinkNeeded
		}
		c.Given(blame, list.first, holds("the referrer "+d.String(), fmt.Errorf("a list of %d others", len(list.all))))
	}
	return list.all[i]
}

// A referrerKind is a kind of manifest that can have a subject.
type referrerKind struct {
	name string
	make func(*Case, ...fixtures.Option) fixtures.Manifest
}

const (
	signatureType = "application/vnd.example.signature"
	sbomType      = "application/vnd.example.sbom"
)

func referrerKinds() []referrerKind {
	return []referrerKind{
		{"an artifact", func(c *Case, o ...fixtures.Option) fixtures.Manifest { return c.Content.Artifact(signatureType, o...) }},
		{"an image", func(c *Case, o ...fixtures.Option) fixtures.Manifest { return c.smallImage(o...) }},
		{"an index", func(c *Case, o ...fixtures.Option) fixtures.Manifest {
			return c.Content.IndexArtifact(signatureType, []fixtures.Manifest{c.smallImage()}, o...)
		}},
	}
}

// givenReferrer pushes a referrer of subject.
func (c *Case) givenReferrer(kind referrerKind, subject v1.Descriptor, o ...fixtures.Option) fixtures.Manifest {
	ginkgo.GinkgoHelper()
	m := kind.make(c, append([]fixtures.Option{fixtures.Subject(subject)}, o...)...)
	c.Repo().GivenManifest(m.Digest.String(), m)
	return m
}

func listingReferrers(g *registrar) {
	g.It("answers 200 to the referrers of a manifest", requirement.ReferrersListOk, func(c *Case) {
		c.NeedReferrers()
		subject := c.Repo().GivenImage("").Descriptor()
		c.givenReferrer(referrerKinds()[0], subject)
		Expect(c.Repo().Get(referrersPath(subject.Digest))).To(HaveStatus(http.StatusOK))
	})
	g.It("does not answer 404 to the referrers of a digest that is not there", requirement.ReferrersListNever404, func(c *Case) {
		c.NeedReferrers()
		x := c.Repo().Get(referrersPath(c.Content.Missing(v1.MediaTypeImageManifest).Digest))
		Expect(x).NotTo(HaveStatus(http.StatusNotFound))
	})
	for _, bad := range []struct{ what, digest string }{
		{"too few digits", "sha256:0123456789abcdef"},
		{"other characters than hexadecimal digits", "sha256:" + strings.Repeat("z", 64)},
	} {
		g.It("answers 400 to the referrers of a digest with "+bad.what, requirement.ReferrersDigestInvalid, func(c *Case) {
			c.NeedReferrers()
			Expect(c.Repo().Get("referrers/" + bad.digest)).To(HaveStatus(http.StatusBadRequest))
		})
	}
	g.It("lists referrers as an image index", requirement.ReferrersListIndex, func(c *Case) {
		c.NeedReferrers()
		subject := c.Repo().GivenImage("").Descriptor()
		c.givenReferrer(referrerKinds()[0], subject)
		x := c.Repo().Get(referrersPath(subject.Digest))
		c.givenListed(x)
		_, err := readIndex(x)
		Expect(x).To(holds("an image index", err))
	})
	for _, some := range []bool{true, false} {
		text := "sends a list of referrers as an OCI image index"
		if !some {
			text = "sends an empty list of referrers as an OCI image index"
		}
		g.It(text, requirement.ReferrersListContentType, func(c *Case) {
			c.NeedReferrers()
			subject := c.Repo().GivenImage("").Descriptor()
			if some {
				c.givenReferrer(referrerKinds()[0], subject)
			}
			x := c.Repo().Get(referrersPath(subject.Digest))
			c.givenListed(x)
			Expect(x).To(HaveMediaType(v1.MediaTypeImageIndex))
		})
	}
	listingEntries(g)
	listingDeleted(g)
	listingEmpty(g)
	listingPages(g)
	filteringReferrers(g)
	fallbackTags(g)
}

// listingEntries judges the descriptors in a list.
func listingEntries(g *registrar) {
	for _, kind := range referrerKinds() {
		g.It("lists "+kind.name+" pushed after its subject", requirement.ReferrersListPushed, func(c *Case) {
			c.NeedReferrers()
			subject := c.Repo().GivenImage("").Descriptor()
			m := c.givenReferrer(kind, subject)
			entry := c.find(c.referrers(subject.Digest), m.Digest)
			if entry.Size != int64(len(m.Content)) || entry.MediaType != m.MediaType {
				c.Failf(c.recorder.Last(), fmt.Sprintf("%s of %d bytes", m.MediaType, len(m.Content)), "%s of %d bytes", entry.MediaType, entry.Size)
			}
		})
		g.It("lists "+kind.name+" pushed before its subject", requirement.ReferrersListPushed, func(c *Case) {
			c.NeedReferrers()
			image := c.smallImage()
			m := kind.make(c, fixtures.Subject(image.Descriptor()))
			c.Repo().GivenContent(m)
			c.Given(requirement.ManifestsSubjectAbsent, c.Repo().PutManifest(m.Digest.String(), m), HaveSuccess())
			c.Repo().GivenManifest(image.Digest.String(), image)
			c.find(c.referrers(image.Digest), m.Digest)
		})
		g.It("lists "+kind.name+" with its annotations", requirement.ReferrersListAnnotations, func(c *Case) {
			c.NeedReferrers()
			subject := c.Repo().GivenImage("").Descriptor()
			m := c.givenReferrer(kind, subject, fixtures.Annotations(map[string]string{"org.example.note": "\u00e9 <&> \"quoted\"", "org.example.empty": ""}))
			entry := c.find(c.referrers(subject.Digest), m.Digest)
			if !maps.Equal(entry.Annotations, m.Annotations) {
				c.Failf(c.recorder.Last(), fmt.Sprintf("annotations %q", m.Annotations), "annotations %q", entry.Annotations)
			}
		})
	}
	g.It("lists a referrer that has no annotations without any", requirement.ReferrersListAnnotations, func(c *Case) {
		c.NeedReferrers()
		subject := c.Repo().GivenImage("").Descriptor()
		m := c.smallImage(fixtures.Subject(subject))
		c.Repo().GivenManifest(m.Digest.String(), m)
		entry := c.find(c.referrers(subject.Digest), m.Digest)
		if !maps.Equal(entry.Annotations, m.Annotations) {
			c.Failf(c.recorder.Last(), fmt.Sprintf("annotations %q", m.Annotations), "annotations %q", entry.Annotations)
		}
	})
	artifactType := func(text string, r requirement.Requirement, make func(*Case, v1.Descriptor) fixtures.Manifest) {
		g.It(text, r, func(c *Case) {
			c.NeedReferrers()
			subject := c.Repo().GivenImage("").Descriptor()
			m := make(c, subject)
			c.Repo().GivenManifest(m.Digest.String(), m)
			entry := c.find(c.referrers(subject.Digest), m.Digest)
			if want := m.Referrer().ArtifactType; entry.ArtifactType != want {
				c.Failf(c.recorder.Last(), fmt.Sprintf("artifactType %q", want), "artifactType %q", entry.ArtifactType)
			}
		})
	}
	artifactType("lists an image manifest with its artifactType", requirement.ReferrersArtifactTypeGiven, func(c *Case, s v1.Descriptor) fixtures.Manifest {
		return c.Content.Artifact(sbomType, fixtures.Subject(s))
	})
	artifactType("lists an index with its artifactType", requirement.ReferrersArtifactTypeGiven, func(c *Case, s v1.Descriptor) fixtures.Manifest {
		return c.Content.IndexArtifact(sbomType, []fixtures.Manifest{c.smallImage()}, fixtures.Subject(s))
	})
	artifactType("lists a manifest without artifactType with the type of its config", requirement.ReferrersArtifactTypeConfig, func(c *Case, s v1.Descriptor) fixtures.Manifest {
		return c.smallImage(fixtures.Subject(s), fixtures.ConfigType("application/vnd.example.config.v1+json"))
	})
	artifactType("lists an index without artifactType with none", requirement.ReferrersArtifactTypeIndex, func(c *Case, s v1.Descriptor) fixtures.Manifest {
		return c.Content.Index([]fixtures.Manifest{c.smallImage()}, fixtures.Subject(s))
	})
	g.It("lists the referrers of a manifest and nothing else", requirement.ReferrersListOnly, func(c *Case) {
		c.NeedReferrers()
		subject := c.Repo().GivenImage("").Descriptor()
		other := c.Repo().GivenImage("").Descriptor()
		c.givenReferrer(referrerKinds()[0], other)
		var want []string
		for _, kind := range referrerKinds() {
			want = append(want, c.givenReferrer(kind, subject).Digest.String())
		}
		list := c.referrers(subject.Digest)
		var got []string
		for _, e := range list.all {
			got = append(got, e.Digest.String())
		}
		for _, d := range got {
			if !slices.Contains(want, d) {
				c.Failf(list.first, "none but "+strings.Join(want, ", "), "%s", d)
			}
		}
	})
}

// listingDeleted judges the list once a referrer was deleted.
func listingDeleted(g *registrar) {
	g.It("does not list a referrer that was deleted", requirement.ReferrersListOnly, func(c *Case) {
		c.NeedReferrers()
		subject := c.Repo().GivenImage("").Descriptor()
		m := c.givenReferrer(referrerKinds()[0], subject)
		c.find(c.referrers(subject.Digest), m.Digest)
		c.givenReferrer(referrerKinds()[0], subject)
		c.delete(manifestPath(m.Digest.String()), requirement.ManagementManifestDisabled)
		list := c.referrers(subject.Digest)
		if slices.ContainsFunc(list.all, func(e v1.Descriptor) bool { return e.Digest == m.Digest }) {
			c.Failf(list.first, "manifests of the repository only", "%s, which was deleted", m.Digest)
		}
	})
}

// listingEmpty judges the answer when nothing refers to a digest.
func listingEmpty(g *registrar) {
	for _, there := range []bool{true, false} {
		text := "lists nothing for a manifest without referrers"
		if !there {
			text = "lists nothing for a digest that is not there"
		}
		g.It(text, requirement.ReferrersListEmpty, func(c *Case) {
			c.NeedReferrers()
			subject := c.Content.Missing(v1.MediaTypeImageManifest)
			if there {
				subject = c.Repo().GivenImage("").Descriptor()
			}
			x := c.Repo().Get(referrersPath(subject.Digest))
			c.givenListed(x)
			index, err := readIndex(x)
			Expect(x).To(holds("an image index with an empty list", err))
			if len(index.Manifests) > 0 {
				c.Failf(x, "an empty list", "%d entries", len(index.Manifests))
			}
		})
	}
}

// referrersOfOne is how many referrers a spec pushes to see pages.
const referrersOfOne = 5

// pagedReferrers pushes several referrers to one subject and reads the list.
func (c *Case) pagedReferrers() (referrersList, []digest.Digest) {
	ginkgo.GinkgoHelper()
	c.NeedReferrers()
	subject := c.Repo().GivenImage("").Descriptor()
	var want []digest.Digest
	for range referrersOfOne {
		want = append(want, c.givenReferrer(referrerKinds()[0], subject).Digest)
	}
	return c.referrers(subject.Digest), want
}

func listingPages(g *registrar) {
	g.It("lists all referrers, with a Link where one answer does not hold them", requirement.ReferrersLinkNeeded, func(c *Case) {
		list, want := c.pagedReferrers()
		for _, d := range want {
			if !slices.ContainsFunc(list.all, func(e v1.Descriptor) bool { return e.Digest == d }) {
				c.Failf(list.pages[len(list.pages)-1], "a Link to the page with "+d.String(), "%d of %d referrers on %d pages without it", len(list.all), len(want), len(list.pages))
			}
		}
	})
	g.It("lists no referrer on two pages", requirement.ReferrersLinkPages, func(c *Case) {
		list, _ := c.pagedReferrers()
		if len(list.pages) < 2 {
			return
		}
		seen := map[digest.Digest]bool{}
		for _, e := range list.all {
			if seen[e.Digest] {
				c.Failf(list.first, "each referrer on one page", "%s on two", e.Digest)
			}
			seen[e.Digest] = true
		}
	})
	g.It("writes a Link of relation next, if any", requirement.ReferrersLinkForm, func(c *Case) {
		list, _ := c.pagedReferrers()
		for _, page := range list.pages {
			_, _, err := nextPage(page)
			Expect(page).To(holds("a Link of relation next, or none", err))
		}
	})
}

func filteringReferrers(g *registrar) {
	// filtered pushes referrers of two types and asks for one.
	filtered := func(c *Case) referrersList {
		c.NeedReferrers()
		subject := c.Repo().GivenImage("").Descriptor()
		wanted := c.Content.Artifact(sbomType, fixtures.Subject(subject))
		c.Repo().GivenManifest(wanted.Digest.String(), wanted)
		c.givenReferrer(referrerKinds()[0], subject)
		c.find(c.referrers(subject.Digest), wanted.Digest)
		list := c.referrers(subject.Digest, query("artifactType", sbomType))
		kept := slices.ContainsFunc(list.all, func(e v1.Descriptor) bool { return e.Digest == wanted.Digest })
		c.Given(requirement.ReferrersFilterSupported, list.first, holdsIf(kept, "the referrer "+wanted.Digest.String(), fmt.Sprintf("a list of %d others", len(list.all))))
		return list
	}
	g.It("lists only the referrers of the artifactType asked for", requirement.ReferrersFilterSupported, func(c *Case) {
		list := filtered(c)
		applied := list.first.Header().Get("OCI-Filters-Applied") != ""
		for _, e := range list.all {
			switch {
			case e.ArtifactType == sbomType:
			case applied:
				c.Failf(list.first, "artifactType "+sbomType+" only", "an entry of artifactType %q", e.ArtifactType)
			default:
				c.Unsupported(list.first, "filters are ignored")
			}
		}
	})
	g.It("says that it applied the filter", requirement.ReferrersFilterHeader, func(c *Case) {
		list := filtered(c)
		others := slices.ContainsFunc(list.all, func(e v1.Descriptor) bool { return e.ArtifactType != sbomType })
		if others && list.first.Header().Get("OCI-Filters-Applied") == "" {
			c.Unsupported(list.first, "filters are ignored")
		}
		Expect(list.first).To(HaveHeader("OCI-Filters-Applied", "artifactType"))
	})
	g.It("does not say that it applied a filter nobody asked for", requirement.ReferrersFilterHeader, func(c *Case) {
		c.NeedReferrers()
		subject := c.Repo().GivenImage("").Descriptor()
		c.givenReferrer(referrerKinds()[0], subject)
		x := c.Repo().Get(referrersPath(subject.Digest))
		c.givenListed(x)
		Expect(x).To(HaveNoHeader("OCI-Filters-Applied"))
	})
}

// fallbackTags judges that the index that a client keeps under a fallback tag
// is stored and served like any other.
func fallbackTags(g *registrar) {
	hex := func(c *Case, n int) string {
		d := digest.SHA512.FromBytes([]byte(c.Content.Token())).Encoded()
		return d[:n]
	}
	for _, f := range []struct {
		text string
		r    requirement.Requirement
		tag  func(*Case) string
	}{
		{"stores an index under the fallback tag of a digest", requirement.ReferrersFallbackTag, func(c *Case) string { return "sha256-" + hex(c, 64) }},
		{"stores an index under a fallback tag with an algorithm cut at 32 characters", requirement.ReferrersFallbackAlgorithmLength, func(c *Case) string {
			return strings.Repeat("a", 32) + "-" + hex(c, 64)
		}},
		{"stores an index under the fallback tag of a sha512 digest, cut at 64 characters", requirement.ReferrersFallbackEncodedLength, func(c *Case) string { return "sha512-" + hex(c, 64) }},
		{"stores an index under a fallback tag with hyphens for other characters", requirement.ReferrersFallbackCharacters, func(c *Case) string {
			return "test-algorithm-using-separators-" + hex(c, 64)
		}},
	} {
		g.It(f.text, f.r, func(c *Case) {
			tag := f.tag(c)
			child := c.Repo().GivenImage("")
			index := c.Content.Index([]fixtures.Manifest{child})
			Expect(c.Repo().PutManifest(tag, index)).To(HaveSuccess())
			x := c.Repo().Get(manifestPath(tag))
			Expect(x).To(HaveSuccess())
			c.Given(requirement.PullManifestContent, x, HaveBody(index.Content))
		})
	}
}
