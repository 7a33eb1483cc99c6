package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

func dockerLists(g *registrar) {
	g.It("lists tags as application/json", requirement.DockerTagsList, func(c *Case) {
		c.GivenTags("a", "b")
		x := c.Repo().Get(tagsPath)
		c.GivenTagPage(requirement.TagsListOk, x)
		Expect(x).To(HaveMediaType("application/json"))
	})
	g.It("answers 404 with NAME_UNKNOWN for the tags of an unknown repository", requirement.DockerTagsUnknown, func(c *Case) {
		c.Repo().GivenErrorDocuments()
		x := c.Empty("-tags").Get(tagsPath)
		c.Given(requirement.TagsRepositoryUnknown, x, HaveStatus(http.StatusNotFound))
		Expect(x).To(haveAnyErrorCode("NAME_UNKNOWN"))
	})
	g.It("pages tags with a Link as long as more follow", requirement.DockerTagsPage, func(c *Case) {
		tags, whole := c.GivenOrderedTags(lowerTags()...)
		c.givenPages(whole)
		c.givenLast(keep(whole.all, tags))
		c.moreTags(query("n", "2"))
		c.moreTags(query("n", "1"), query("last", keep(whole.all, tags)[0]))
		list := c.tagsAsked(requirement.TagsNExact, query("n", strconv.Itoa(c.pageSize(2))))
		Expect(list.first).To(haveEach(list.all, tags))
	})
	g.It("lists repositories as application/json", requirement.DockerCatalogList, func(c *Case) {
		c.givenRepositories()
		x := c.getCatalog()
		_, err := readCatalog(x)
		Expect(x).To(holds("an object with a list of repositories", err))
		Expect(x).To(HaveMediaType("application/json"))
		list := c.catalogFrom(c.getCatalog())
		for _, name := range []string{c.Repo().Name, c.Other().Name} {
			if list.ended {
				Expect(x).To(holdsIf(slices.Contains(list.all, name), "the repository "+name, fmt.Sprintf("%d others", len(list.all))))
			}
		}
	})
	g.It("lists repositories in lexical order", requirement.DockerCatalogOrder, func(c *Case) {
		c.givenRepositories()
		list := c.catalogFrom(c.getCatalog())
		Expect(list.first).To(haveCatalogOrder(list.all))
	})
	dockerCatalogPages(g)
}

// moreTags asks for a page of tags that more follow, and judges its Link.
func (c *Case) moreTags(edit ...func(*Request)) {
	ginkgo.GinkgoHelper()
	x := c.Repo().Get(tagsPath, edit...)
	c.GivenTagPage(requirement.TagsNExact, x)
	Expect(x).To(HaveSomeHeader("Link"))
	_, ok, err := nextPage(x)
	c.Given(requirement.TagsLinkForm, x, holds("a Link of relation next", err))
	c.Given(requirement.TagsLinkForm, x, holdsIf(ok, "a Link of relation next", "Link: "+x.Header().Get("Link")))
}

func dockerCatalogPages(g *registrar) {
	for _, n := range []int{1, 2} {
		g.It(fmt.Sprintf("returns %d repositories at most if so many are asked for", n), requirement.DockerCatalogPage, func(c *Case) {
			c.givenRepositories()
			c.getCatalog()
			x := c.catalogPage(query("n", strconv.Itoa(n)))
			Expect(x).To(HaveStatus(http.StatusOK))
			page := c.givenCatalog(x)
			Expect(x).To(holdsIf(len(page) <= n && len(page) > 0, fmt.Sprintf("1 to %d repositories", n), strconv.Itoa(len(page))))
		})
	}
	g.It("sends a Link as long as more repositories follow", requirement.DockerCatalogLink, func(c *Case) {
		c.givenRepositories()
		c.getCatalog()
		x := c.catalogPage(query("n", "1"))
		c.Given(requirement.DockerCatalogPage, x, HaveStatus(http.StatusOK))
		page := c.givenCatalog(x)
		c.Given(requirement.DockerCatalogPage, x, holdsIf(len(page) == 1, "1 repository", strconv.Itoa(len(page))))
		_, ok, err := nextPage(x)
		Expect(x).To(holds("a Link of relation next", err))
		Expect(x).To(holdsIf(ok, "a Link of relation next", "no such Link, and more repositories follow"))
	})
	g.It("sends no Link once all repositories have been listed", requirement.DockerCatalogLink, func(c *Case) {
		c.givenRepositories()
		list := c.catalogFrom(c.getCatalog())
		if !list.ended {
			c.NothingToJudge(list.first, fmt.Sprintf("the list has more than %d pages", maxPages))
		}
	})
	g.It("leads from Link to Link to each repository", requirement.DockerCatalogLink, func(c *Case) {
		c.givenRepositories()
		whole := c.catalogFrom(c.getCatalog())
		list := c.catalogFrom(c.catalogPage(query("n", strconv.Itoa(max(2, len(whole.all)/20)))))
		for _, name := range []string{c.Repo().Name, c.Other().Name} {
			if list.ended && slices.Contains(whole.all, name) {
				Expect(list.first).To(holdsIf(slices.Contains(list.all, name), "the repository "+name, fmt.Sprintf("%d others", len(list.all))))
			}
		}
	})
	g.It("lists the repositories that follow last", requirement.DockerCatalogLast, func(c *Case) {
		c.givenRepositories()
		c.getCatalog()
		last := c.Repo().Name
		// A page with room for all that there is here: where last is ignored it shows.
		x := c.catalogPage(query("n", "100"), query("last", last))
		Expect(x).To(HaveStatus(http.StatusOK))
		page := c.givenCatalog(x)
		Expect(x).To(holdsIf(!slices.Contains(page, last), "repositories after "+last, strings.Join(page, " ")))
		c.Given(requirement.DockerCatalogOrder, x, haveCatalogOrder(page))
		Expect(x).To(haveCatalogOrder(append([]string{last}, page...)))
		if follows := c.Other().Name; follows > last {
			Expect(x).To(holdsIf(len(page) > 0, "repositories after "+last, "none"))
		}
	})
}

// givenRepositories pushes an image to each of the case's two repositories, and
// to a third where names can be invented.
func (c *Case) givenRepositories() {
	ginkgo.GinkgoHelper()
	c.Repo().GivenImage(c.Tag("listed"))
	c.Other().GivenImage(c.Tag("listed"))
	if !c.access.registry.fixed() {
		(&Repo{c: c, Name: c.invent("-third")}).GivenImage(c.Tag("listed"))
	}
}

// catalogPage asks for repositories.
func (c *Case) catalogPage(edit ...func(*Request)) *Exchange {
	r := Request{Method: http.MethodGet, URL: c.Root() + "_catalog", Header: http.Header{}, Scopes: []string{"registry:catalog:*"}}
	for _, f := range edit {
		f(&r)
	}
	return c.Do(r)
}

// getCatalog asks for the list of repositories, and ends the spec where there is
// none or it is not for us.
func (c *Case) getCatalog() *Exchange {
	ginkgo.GinkgoHelper()
	x := c.catalogPage()
	if x.Status/100 == 4 || x.Status == http.StatusNotImplemented {
		c.Unsupported(x, "there is no list of repositories")
	}
	c.Given(requirement.DockerCatalogList, x, HaveStatus(http.StatusOK))
	return x
}

// readCatalog returns the repositories in the body of x.
func readCatalog(x *Exchange) ([]string, error) {
	var doc struct{ Repositories json.RawMessage }
	if err := x.JSON(&doc); err != nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal(doc.Repositories, &names); err != nil || names == nil {
		return nil, fmt.Errorf("repositories that are %.60q", doc.Repositories)
	}
	return names, nil
}

func (c *Case) givenCatalog(x *Exchange) []string {
	ginkgo.GinkgoHelper()
	names, err := readCatalog(x)
	c.Given(requirement.DockerCatalogList, x, holds("an object with a list of repositories", err))
	return names
}

// A catalog is what the pages of a list of repositories hold together.
type catalog struct {
	first *Exchange
	all   []string
	ended bool // there was an end within the pages that a spec follows
}

// catalogFrom reads the list on from its first page. A Link that leads nowhere
// or back blocks the spec.
func (c *Case) catalogFrom(x *Exchange) catalog {
	ginkgo.GinkgoHelper()
	list := catalog{first: x}
	seen := map[string]bool{}
	for range maxPages {
		c.Given(requirement.DockerCatalogLink, x, holdsIf(x.Status == http.StatusOK, "a page of repositories", x.Outcome()))
		page := c.givenCatalog(x)
		for _, name := range page {
			if seen[name] {
				c.Given(brokenPage(x, requirement.DockerCatalogLink, requirement.DockerCatalogLast), x, holds("other repositories on the next page", fmt.Errorf("the repository %s again", name)))
			}
			seen[name] = true
		}
		list.all = append(list.all, page...)
		next, ok, err := nextPage(x)
		c.Given(requirement.DockerCatalogLink, x, holds("a Link of relation next", err))
		if !ok {
			list.ended = true
			return list
		}
		c.Given(requirement.DockerCatalogLink, x, holdsIf(next != x.FinalURL(), "a Link to another page", "a Link to the same page"))
		if len(page) == 0 {
			c.Given(requirement.DockerCatalogLink, x, holds("no Link after all repositories", fmt.Errorf("a Link on a page without any")))
		}
		x = c.Do(Request{Method: http.MethodGet, URL: next, Scopes: []string{"registry:catalog:*"}})
	}
	return list
}

// haveCatalogOrder wants names in lexical order, by byte or by component.
func haveCatalogOrder(names []string) Matcher {
	byComponent := func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
	}
	wrong := disorder(names, strings.Compare, byComponent)
	return holdsIf(wrong == "", "lexical order", wrong)
}
