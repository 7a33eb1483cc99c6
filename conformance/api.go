package conformance

import (
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

func theAPI(g *registrar) {
	g.It("answers 200 to a GET of the base", requirement.ApiBaseOk, func(c *Case) {
		x := c.getBase()
		c.givenAPI(x)
		Expect(x).To(HaveStatus(http.StatusOK))
	})
	g.It("answers 200 or 401 to a GET of the base without credentials", requirement.ApiBaseLogin, func(c *Case) {
		c.Given(requirement.ApiBaseOk, c.getBase(), HaveStatus(http.StatusOK))
		x := c.Do(Request{Method: http.MethodGet, URL: c.Root(), Anonymous: true})
		Expect(x).To(HaveStatus(http.StatusOK, http.StatusUnauthorized))
	})
	g.It("serves GET and HEAD of the base, of manifests and of blobs", requirement.ApiCategoriesPull, func(c *Case) {
		m := c.Repo().GivenImage(c.Tag("served"))
		for _, x := range []*Exchange{
			c.getBase(),
			c.Repo().Get(manifestPath(m.Digest.String())),
			c.Repo().Head(manifestPath(m.Digest.String())),
			c.Repo().Get(manifestPath(c.Tag("served"))),
			c.Repo().Head(manifestPath(c.Tag("served"))),
			c.Repo().Get(blobPath(m.Blobs[0].Digest)),
			c.Repo().Head(blobPath(m.Blobs[0].Digest)),
		} {
			Expect(x).To(haveImplementation())
		}
	})
	g.It("serves pushes, tag lists and deletion or its refusal", requirement.ApiCategoriesOther, func(c *Case) {
		x := c.Repo().OpenUpload()
		Expect(x).To(haveImplementation())
		if x.Status/100 == 2 {
			c.Repo().upload(x)
		}
		tag := c.Tag("served")
		m := c.Repo().GivenImage(tag)
		Expect(c.Repo().Get(tagsPath)).To(haveImplementation())
		for _, path := range []string{manifestPath(tag), manifestPath(m.Digest.String()), blobPath(m.Blobs[0].Digest)} {
			Expect(c.Repo().Delete(path)).To(haveOtherThan(http.StatusNotImplemented))
		}
	})
	g.It("sends headers of Docker's, or none", requirement.ApiHeadersDocker, func(c *Case) {
		m := c.Repo().GivenImage("")
		for _, x := range []*Exchange{c.getBase(), c.Repo().Get(manifestPath(m.Digest.String())), c.Repo().Get(blobPath(m.Blobs[0].Digest))} {
			for name := range x.Header() {
				if strings.HasPrefix(name, "Docker-") {
					return
				}
			}
		}
		c.NothingToJudge(c.getBase(), "there are no headers of Docker's")
	})
	invalidNames(g)
	validNames(g)
}

func (c *Case) getBase() *Exchange { return c.Do(Request{Method: http.MethodGet, URL: c.Root()}) }

// haveOtherThan wants any status but this.
func haveOtherThan(status int) Matcher {
	return NewMatcher("another status than "+StatusText(status), func(x *Exchange) string {
		if x.Status == status {
			return StatusText(status)
		}
		return ""
	}).Partial()
}

// below returns a repository whose name is that of c.Repo() with one component
// more, which need not be valid.
func (c *Case) below(component string) *Repo {
	return &Repo{c: c, Name: c.Repo().Name + "/" + component}
}

// invalidComponents are components, as they stand in a URL, that make a name
// invalid.
func invalidComponents() []struct{ what, component string } {
	return []struct{ what, component string }{
		{"upper-case letters", "Upper"},
		{"a component that begins with a hyphen", "-a"},
		{"a component that ends in a hyphen", "a-"},
		{"a component that begins with an underscore", "_a"},
		{"a component that begins with a dot", ".a"},
		{"a component that ends in a dot", "a."},
		{"two dots in a row", "a..b"},
		{"three underscores in a row", "a___b"},
		{"a hyphen beside an underscore", "a-_b"},
		{"a plus sign", "a+b"},
		{"a tilde", "a~b"},
		{"an at sign", "a@b"},
		{"a colon", "a:b"},
		{"a space", "a%20b"},
		{"a letter beyond ASCII", "caf%C3%A9"},
	}
}

func invalidNames(g *registrar) {
	// A redirect to a name that is valid is no success of the invalid one.
	stay := func(r *Request) { r.NoFollow = true }
	for _, bad := range invalidComponents() {
		g.It("opens no upload in a repository whose name has "+bad.what, requirement.ApiNameGrammar, func(c *Case) {
			c.Repo().GivenUpload()
			repo := c.below(bad.component)
			x := repo.OpenUpload(stay)
			if x.Status/100 == 2 {
				repo.upload(x)
			}
			Expect(x).To(haveNothing())
		})
		g.It("stores and lists nothing in a repository whose name has "+bad.what, requirement.ApiNameGrammar, func(c *Case) {
			repo := c.below(bad.component)
			m := c.Content.Index([]fixtures.Manifest{})
			Expect(repo.TryManifest(m.Digest.String(), m, stay)).To(haveNothing())
			Expect(repo.Get(manifestPath(m.Digest.String()), stay)).To(haveNothing())
			Expect(repo.Get(tagsPath, stay)).To(haveNothing())
		})
	}
}

// validNames pushes to names that are rare, and valid, after one that is plain:
// what is refused then is refused for its name.
func validNames(g *registrar) {
	for _, good := range []struct{ what, component string }{
		{"two underscores", "a__b"},
		{"two hyphens", "a--b"},
		{"many hyphens", "a-----b"},
		{"a dot", "a.b"},
		{"every separator", "a.b_c__d-e--f0"},
		{"digits only", "0123"},
		{"components of one character", "a/b/c/0"},
		{"many components", "one/two/three/four/five/six/seven/eight"},
		{"a long component", strings.Repeat("a", 64)},
		{"components like paths of the API", "tags/manifests/blobs"},
	} {
		g.It("takes a repository name with "+good.what, requirement.ApiNameGrammar, func(c *Case) {
			c.NeedInventedNames()
			c.Repo().GivenUpload()
			c.below("plain/name").GivenUpload()
			repo := c.below(good.component)
			x := repo.OpenUpload()
			Expect(x).To(haveTaken())
			if x.Status == http.StatusForbidden || x.Status == http.StatusUnauthorized {
				c.NothingToJudge(x, "the name is denied")
			}
			c.Given(requirement.PushUploadAccepted, x, HaveSuccess())
			c.Given(requirement.PushUploadLocation, x, haveLocation())
			b := c.Content.Blob(64)
			x = repo.upload(x).Put(b.Digest, b.Content)
			Expect(x).To(haveTaken())
			c.Given(requirement.PushBlobCreated, x, HaveSuccess())
			x = repo.Get(blobPath(b.Digest))
			Expect(x).To(haveTaken())
			c.Given(requirement.PullBlobOk, x, HaveStatus(http.StatusOK))
			c.Given(requirement.PullBlobContent, x, HaveBody(b.Content))
		})
	}
}

// haveTaken wants an answer by which the name is no bad one: a registry may
// deny a name, and no more.
func haveTaken() Matcher {
	refusals := []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed}
	return NewMatcher("no refusal of a valid name", func(x *Exchange) string {
		if slices.Contains(refusals, x.Status) || x.Status/100 == 3 || x.Status/100 == 5 {
			return StatusText(x.Status)
		}
		return ""
	}).Partial()
}
