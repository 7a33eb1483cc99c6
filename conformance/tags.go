package conformance

import (
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

// lowerTags are tags whose order is the same in every lexical order; none is
// the beginning of another. They are pushed in this order, which is none.
func lowerTags() []string { return []string{"c", "x2", "a", "x10", "b", "1"} }

// mixedTags are tags whose order depends on whether case is folded.
func mixedTags() []string { return []string{"h", "G", "f", "L", "K", "j"} }

func listingTags(g *registrar) {
	g.It("answers 200 with the tags of a repository", requirement.TagsListOk, func(c *Case) {
		c.GivenTags("a", "b")
		Expect(c.Repo().Get(tagsPath)).To(HaveStatus(http.StatusOK))
	})
	g.It("answers 200 for a repository without tags", requirement.TagsListOk, func(c *Case) {
		c.NeedInventedNames()
		c.Repo().GivenImage("")
		Expect(c.Repo().Get(tagsPath)).To(HaveStatus(http.StatusOK))
	})
	g.It("lists no tags for a repository without tags", requirement.TagsListEmpty, func(c *Case) {
		c.NeedInventedNames()
		c.Repo().GivenImage("")
		x := c.Repo().Get(tagsPath)
		tags := c.GivenTagPage(requirement.TagsListOk, x)
		Expect(x).To(holdsIf(len(tags) == 0, "no tags", strings.Join(tags, ", ")))
	})
	g.It("lists tags as an object with the name and each tag once", requirement.TagsListForm, func(c *Case) {
		tags := c.GivenTags(lowerTags()...)
		x := c.Repo().Get(tagsPath)
		c.Given(requirement.TagsListOk, x, HaveStatus(http.StatusOK))
		_, err := readTags(x, c.Repo().Name)
		Expect(x).To(holds("an object with the name and a list of tags", err))
		Expect(x).To(holdsIf(!isNull(x), "a list of tags", "null"))
		list := c.allTags()
		Expect(list.first).To(haveEach(list.all, tags))
	})
	g.It("lists a tag that was pushed after the list was read", requirement.TagsListForm, func(c *Case) {
		tags := c.GivenTags("a", "b")
		c.givenHeld(c.allTags(), tags)
		tags = append(tags, c.GivenTags("d", "e")...)
		list := c.allTags()
		Expect(list.first).To(haveEach(list.all, tags))
	})
	g.It("answers 404 for a repository that does not exist", requirement.TagsRepositoryUnknown, func(c *Case) {
		c.NeedInventedNames()
		c.GivenTags("a")
		c.Given(requirement.TagsListOk, c.Repo().Get(tagsPath), HaveStatus(http.StatusOK))
		Expect(c.Empty("-tags").Get(tagsPath)).To(HaveStatus(http.StatusNotFound))
	})
	orderingTags(g)
	pagingTags(g)
	linkingTags(g)
	emptyPages(g)
	tagsAfterLast(g)
}

func orderingTags(g *registrar) {
	g.It("lists tags in lexical order", requirement.TagsListOrder, func(c *Case) {
		tags := c.GivenTags(lowerTags()...)
		list := c.allTags()
		c.givenHeld(list, tags)
		Expect(list.first).To(haveOrder(keep(list.all, tags)))
	})
	g.It("lists twelve tags in lexical order", requirement.TagsListOrder, func(c *Case) {
		tags := c.GivenTags("v9", "v10", "k", "v1x", "z", "0", "m", "v2x", "w", "v11", "l", "00x")
		list := c.allTags()
		c.givenHeld(list, tags)
		Expect(list.first).To(haveOrder(keep(list.all, tags)))
	})
	g.It("orders tags of mixed case by folded case or by byte", requirement.TagsListOrderWidened, func(c *Case) {
		c.GivenOrderedTags(lowerTags()...)
		tags := c.GivenTags(mixedTags()...)
		list := c.allTags()
		c.givenHeld(list, tags)
		Expect(list.first).To(haveOrder(keep(list.all, tags)))
	})
	g.It("orders pages of tags of mixed case as it does the whole list", requirement.TagsListOrderWidened, func(c *Case) {
		c.GivenOrderedTags(lowerTags()...)
		tags := c.GivenTags(mixedTags()...)
		whole := keep(c.allTags().all, tags)
		x := c.Repo().Get(tagsPath, query("n", "1000"))
		if x.Status/100 == 4 {
			c.NothingToJudge(x, "a page of 1000 tags is refused")
		}
		page := keep(c.GivenTagPage(requirement.TagsNExact, x), tags)
		Expect(x).To(haveOrder(page))
		if len(page) == len(whole) {
			Expect(x).To(holdsIf(slices.Equal(page, whole), strings.Join(whole, " "), strings.Join(page, " ")))
		}
	})
}

func pagingTags(g *registrar) {
	for _, n := range []int{1, 2, 5} {
		g.It(fmt.Sprintf("returns %d tags if so many are asked for and more exist", n), requirement.TagsNExact, func(c *Case) {
			tags := c.GivenTags(lowerTags()...)
			c.givenHeld(c.allTags(), tags)
			x := c.Repo().Get(tagsPath, query("n", strconv.Itoa(n)))
			page := c.GivenTagPage(requirement.TagsNExact, x)
			_, more, err := nextPage(x)
			c.Given(requirement.TagsLinkForm, x, holds("a Link of relation next", err))
			ok := len(page) == n || len(page) < n && more
			Expect(x).To(holdsIf(ok, fmt.Sprintf("%d tags, or fewer with a Link", n), fmt.Sprintf("%d tags", len(page))))
		})
	}
	g.It("returns every tag if as many are asked for as exist", requirement.TagsNExact, func(c *Case) {
		c.NeedInventedNames()
		tags := c.GivenTags(lowerTags()...)
		whole := c.allTags()
		c.givenHeld(whole, tags)
		c.givenPages(whole)
		x := c.Repo().Get(tagsPath, query("n", strconv.Itoa(len(tags))))
		page := c.GivenTagPage(requirement.TagsNExact, x)
		_, more, err := nextPage(x)
		c.Given(requirement.TagsLinkForm, x, holds("a Link of relation next", err))
		ok := len(page) == len(tags) || len(page) < len(tags) && more
		Expect(x).To(holdsIf(ok, fmt.Sprintf("%d tags, or fewer with a Link", len(tags)), fmt.Sprintf("%d tags", len(page))))
	})
	g.It("returns fewer tags than asked for only if no more exist, or with a Link", requirement.TagsNFewer, func(c *Case) {
		tags := c.GivenTags(lowerTags()...)
		whole := c.allTags()
		c.givenHeld(whole, tags)
		c.givenPages(whole)
		list := c.tagsAsked(requirement.TagsNExact, query("n", "99"))
		Expect(list.first).To(haveEach(list.all, tags))
	})
	g.It("begins a page at the start of the list", requirement.TagsNStart, func(c *Case) {
		c.NeedInventedNames()
		_, list := c.GivenOrderedTags(lowerTags()...)
		x := c.Repo().Get(tagsPath, query("n", "2"))
		page := c.GivenTagPage(requirement.TagsNExact, x)
		Expect(x).To(haveSameTags(page, list.all[:min(len(page), len(list.all))]))
	})
	g.It("returns a page of tags in lexical order", requirement.TagsNOrder, func(c *Case) {
		c.GivenOrderedTags(lowerTags()...)
		x := c.Repo().Get(tagsPath, query("n", "5"))
		page := c.GivenTagPage(requirement.TagsNExact, x)
		Expect(x).To(haveOrder(c.comparable(page)))
	})
}

// comparable returns those of tags whose order no reading of the text leaves
// open: all of them where the repository holds only the case's own.
func (c *Case) comparable(tags []string) []string {
	own := make([]string, 0, len(lowerTags()))
	for _, name := range lowerTags() {
		own = append(own, c.Tag(name))
	}
	return keep(tags, own)
}

func linkingTags(g *registrar) {
	g.It("leads from Link to Link to each tag once", requirement.TagsLinkGiven, func(c *Case) {
		tags, whole := c.GivenOrderedTags(lowerTags()...)
		c.givenPages(whole)
		c.givenLast(keep(whole.all, tags))
		list := c.tagsAsked(requirement.TagsNExact, query("n", strconv.Itoa(c.pageSize(2))))
		if list.links == 0 {
			c.NothingToJudge(list.first, "there is no Link")
		}
		Expect(list.first).To(haveEach(list.all, tags))
	})
	g.It("writes a Link with the relation next", requirement.TagsLinkForm, func(c *Case) {
		tags, whole := c.GivenOrderedTags(lowerTags()...)
		x := c.Repo().Get(tagsPath, query("n", "2"))
		c.GivenTagPage(requirement.TagsNExact, x)
		if x.Header().Get("Link") == "" {
			c.NothingToJudge(x, "there is no Link")
		}
		_, ok, err := nextPage(x)
		Expect(x).To(holds("a Link of relation next", err))
		Expect(x).To(holdsIf(ok, "a Link of relation next", "Link: "+strings.Join(x.Header().Values("Link"), ", ")))
		c.givenPages(whole)
		c.givenLast(keep(whole.all, tags))
		// Following the links ends at the end of the list.
		c.tagsAsked(requirement.TagsNExact, query("n", strconv.Itoa(c.pageSize(len(tags)/2))))
	})
}

// pageSize returns n, or where the repository may hold much more than the
// case's own tags a size that comes to an end.
func (c *Case) pageSize(n int) int {
	if c.access.registry.fixed() {
		return 50
	}
	return n
}

func emptyPages(g *registrar) {
	zero := func(c *Case) *Exchange {
		c.GivenTags("a", "b")
		x := c.Repo().Get(tagsPath)
		c.GivenTagPage(requirement.TagsListOk, x)
		one := c.Repo().Get(tagsPath, query("n", "1"))
		page := c.GivenTagPage(requirement.TagsNExact, one)
		c.Given(requirement.TagsNExact, one, holdsIf(len(page) <= 1, "1 tag", fmt.Sprintf("%d tags", len(page))))
		return c.Repo().Get(tagsPath, query("n", "0"))
	}
	g.It("returns an empty list of tags for n=0", requirement.TagsNZero, func(c *Case) {
		x := zero(c)
		Expect(x).To(HaveStatus(http.StatusOK))
		tags, err := readTags(x, c.Repo().Name)
		Expect(x).To(holds("an object with the name and a list of tags", err))
		Expect(x).To(holdsIf(len(tags) == 0 && !isNull(x), "an empty list of tags", fmt.Sprintf("tags: %q", tags)))
	})
	g.It("sends no Link for n=0", requirement.TagsNZeroLink, func(c *Case) {
		x := zero(c)
		c.Given(requirement.TagsNZero, x, HaveStatus(http.StatusOK))
		tags, err := readTags(x, c.Repo().Name)
		c.Given(requirement.TagsNZero, x, holdsIf(err == nil && len(tags) == 0, "an empty list of tags", fmt.Sprintf("tags: %q", tags)))
		Expect(x).To(HaveNoHeader("Link"))
	})
}

// tagsFrom returns what follows last, by pages of n where n is not 0. The text
// leaves it open whether a full page has a Link to the next one: without, the
// client goes on from the last tag of the page.
func (c *Case) tagsFrom(last string, n int) tagList {
	ginkgo.GinkgoHelper()
	edit := []func(*Request){query("last", last)}
	if n > 0 {
		edit = append(edit, query("n", strconv.Itoa(n)))
	}
	whole := c.tagsAsked(requirement.TagsLastAfter, edit...)
	page := whole
	for range maxPages {
		if n == 0 || page.links > 0 || len(page.all) < n {
			break
		}
		page = c.tagsAsked(requirement.TagsLastAfter, query("last", page.all[len(page.all)-1]), query("n", strconv.Itoa(n)))
		if len(page.all) == 0 || slices.Contains(whole.all, page.all[0]) {
			break
		}
		whole.all = append(whole.all, page.all...)
	}
	return whole
}

func tagsAfterLast(g *registrar) {
	g.It("leaves out the tag that last names", requirement.TagsLastAfter, func(c *Case) {
		tags := c.GivenTags(lowerTags()...)
		held := c.allTags()
		c.givenHeld(held, tags)
		c.givenPages(held)
		list := c.tagsFrom(tags[1], c.pageSize(len(tags)))
		got := keep(list.all, tags)
		Expect(list.first).To(holdsIf(!slices.Contains(got, tags[1]), "tags without "+tags[1], strings.Join(got, " ")))
	})
	for _, n := range []int{2, 50} {
		g.It(fmt.Sprintf("returns the tags that follow last, %d a page", n), requirement.TagsLastAfter, func(c *Case) {
			tags, whole := c.GivenOrderedTags(lowerTags()...)
			own := keep(whole.all, tags)
			c.givenPages(whole)
			for _, at := range []int{0, 2, len(own) - 1} {
				list := c.tagsFrom(own[at], c.pageSize(n))
				got, want := keep(list.all, tags), own[at+1:]
				Expect(list.first).To(holdsIf(haveSame(got, want), strings.Join(want, " ")+" after "+own[at], strings.Join(got, " ")))
			}
		})
	}
	g.It("returns the tags after last in lexical order", requirement.TagsLastOrder, func(c *Case) {
		tags, whole := c.GivenOrderedTags(lowerTags()...)
		own := keep(whole.all, tags)
		c.givenPages(whole)
		x := c.Repo().Get(tagsPath, query("n", "50"), query("last", own[0]))
		page := c.GivenTagPage(requirement.TagsLastAfter, x)
		Expect(x).To(haveOrder(keep(page, tags)))
	})
	g.It("takes last without n", requirement.TagsLastWithoutN, func(c *Case) {
		tags, whole := c.GivenOrderedTags(lowerTags()...)
		own := keep(whole.all, tags)
		c.givenPages(whole)
		c.givenLast(own)
		x := c.Repo().Get(tagsPath, query("last", own[1]))
		if x.Status/100 == 4 {
			c.NothingToJudge(x, "last without n is refused")
		}
		list := c.tagsFrom(own[1], 0)
		got := keep(list.all, tags)
		if haveSame(got, own) {
			c.NothingToJudge(x, "last without n is ignored")
		}
		Expect(list.first).To(holdsIf(haveSame(got, own[2:]), strings.Join(own[2:], " ")+" after "+own[1], strings.Join(got, " ")))
	})
}

// haveSame reports whether two lists hold the same, in any order.
func haveSame(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
