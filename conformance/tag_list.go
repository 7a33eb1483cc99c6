package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

// GivenTags pushes one image under each of the tags, and returns them as the
// case names them.
func (c *Case) GivenTags(names ...string) []string {
	ginkgo.GinkgoHelper()
	m := c.smallImage()
	c.Repo().GivenContent(m)
	tags := make([]string, len(names))
	for i, name := range names {
		tags[i] = c.Tag(name)
		c.Given(requirement.ManifestsPushCreated, c.Repo().PutManifest(tags[i], m), HaveSuccess())
	}
	return tags
}

// readTags returns the tags in the body of x, an answer about the repository
// called name.
func readTags(x *Exchange, name string) ([]string, error) {
	var doc struct {
		Name *string
		Tags json.RawMessage
	}
	if err := x.JSON(&doc); err != nil {
		return nil, err
	}
	var tags []string
	switch err := json.Unmarshal(doc.Tags, &tags); {
	case doc.Name == nil:
		return nil, fmt.Errorf("an object without a name")
	case *doc.Name != name:
		return nil, fmt.Errorf("the name %q", *doc.Name)
	case doc.Tags == nil:
		return nil, fmt.Errorf("an object without tags")
	case err != nil:
		return nil, fmt.Errorf("tags that are %.60s", doc.Tags)
	}
	return tags, nil
}

// isNull reports whether the tags in the body of x are null.
func isNull(x *Exchange) bool {
	var doc struct{ Tags json.RawMessage }
	return x.JSON(&doc) == nil && string(doc.Tags) == "null"
}

// GivenTagPage reads one page of the tag list. If there is none, the target
// breaks r.
func (c *Case) GivenTagPage(r requirement.Requirement, x *Exchange) []string {
	ginkgo.GinkgoHelper()
	c.Given(r, x, HaveStatus(http.StatusOK))
	tags, err := readTags(x, c.Repo().Name)
	c.Given(requirement.TagsListForm, x, holds("an object with the name and a list of tags", err))
	return tags
}

// A tagList is what the pages of a tag list hold together.
type tagList struct {
	first *Exchange
	all   []string
	links int
}

// allTags reads the tag list to its end, from link to link.
func (c *Case) allTags() tagList {
	ginkgo.GinkgoHelper()
	return c.tagsAsked(requirement.TagsListOk)
}

// tagsAsked is allTags of an edited request, by which the target keeps r. A
// Link that leads to no page, or back to tags that were listed, blocks the
// spec.
func (c *Case) tagsAsked(r requirement.Requirement, edit ...func(*Request)) tagList {
	ginkgo.GinkgoHelper()
	x := c.Repo().Get(tagsPath, edit...)
	list := tagList{first: x}
	seen := map[string]bool{}
	empty := 0
	for range maxPages {
		tags := c.GivenTagPage(r, x)
		for _, tag := range tags {
			if seen[tag] && list.links > 0 {
				c.Given(brokenPage(x, requirement.TagsLinkForm, requirement.TagsLastAfter), x, holds("a next page with other tags", fmt.Errorf("the tag %s again", tag)))
			}
		}
		for _, tag := range tags {
			seen[tag] = true
		}
		if empty++; len(tags) > 0 {
			empty = 0
		}
		if empty > 2 {
			c.Given(requirement.TagsLinkForm, x, holds("an end of the list", fmt.Errorf("a Link after %d pages without tags", empty)))
		}
		list.all = append(list.all, tags...)
		next, ok, err := nextPage(x)
		c.Given(requirement.TagsLinkForm, x, holds("a Link of relation next", err))
		if !ok {
			return list
		}
		c.Given(requirement.TagsLinkForm, x, holdsIf(next != x.FinalURL(), "a Link to another page", "a Link to the same page"))
		list.links++
		x = c.Do(Request{Method: http.MethodGet, URL: next})
		c.Given(requirement.TagsLinkForm, x, holdsIf(x.Status == http.StatusOK, "a Link to the next page", x.Outcome()))
	}
	return list
}

// brokenPage returns what a target breaks whose answer x to a Link brings
// entries again: a Link that goes by last is right, and last is not heeded.
func brokenPage(x *Exchange, link, last requirement.Requirement) requirement.Requirement {
	if to, err := url.Parse(x.FinalURL()); err == nil && to.Query().Has("last") {
		return last
	}
	return link
}

// holdsIf wants ok to be true; got is what there is instead.
func holdsIf(ok bool, want, got string) Matcher {
	return NewMatcher(want, func(*Exchange) string {
		if ok {
			return ""
		}
		return got
	})
}

// disorder returns "" if list is sorted by one of the orders, else two tags
// that are not in the order that fails latest.
func disorder(list []string, orders ...func(a, b string) int) string {
	worst := -1
	for _, order := range orders {
		at := -1
		for i := 1; i < len(list); i++ {
			if order(list[i-1], list[i]) > 0 {
				at = i
				break
			}
		}
		if at < 0 {
			return ""
		}
		worst = max(worst, at)
	}
	return fmt.Sprintf("%s before %s", list[worst-1], list[worst])
}

// lexicalOrders are the orders that count as lexical: by byte, and by folded
// case with either case as the one that other characters are compared to.
func lexicalOrders() []func(a, b string) int {
	return []func(a, b string) int{
		strings.Compare,
		func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) },
		func(a, b string) int { return strings.Compare(strings.ToUpper(a), strings.ToUpper(b)) },
	}
}

// haveOrder wants list to be in lexical order.
func haveOrder(list []string) Matcher {
	wrong := disorder(list, lexicalOrders()...)
	return holdsIf(wrong == "", "lexical order", wrong)
}

// keep returns those of list that are in want, in the order of list.
func keep(list, want []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !slices.Contains(want, s) })
}

// GivenOrderedTags pushes tags and reads the list of them all, in order.
func (c *Case) GivenOrderedTags(names ...string) (tags []string, list tagList) {
	ginkgo.GinkgoHelper()
	tags = c.GivenTags(names...)
	list = c.allTags()
	c.givenHeld(list, tags)
	c.Given(requirement.TagsListOrder, list.first, haveOrder(keep(list.all, tags)))
	return tags, list
}

// givenHeld blocks the spec unless the list has each of tags once.
func (c *Case) givenHeld(list tagList, tags []string) {
	ginkgo.GinkgoHelper()
	c.Given(requirement.TagsListForm, list.first, haveEach(list.all, tags))
}

// haveEach wants each of want once in list.
func haveEach(list, want []string) Matcher {
	return NewMatcher("each tag of the repository once", func(*Exchange) string {
		for _, tag := range want {
			n := len(keep(list, []string{tag}))
			if n != 1 {
				return fmt.Sprintf("the tag %s %d times among %d", tag, n, len(list))
			}
		}
		return ""
	})
}

// givenPages blocks the spec unless n is heeded, as far as that is not what it
// judges. whole is the list that was read without n.
func (c *Case) givenPages(whole tagList) {
	ginkgo.GinkgoHelper()
	x := c.Repo().Get(tagsPath, query("n", "2"))
	page := c.GivenTagPage(requirement.TagsNExact, x)
	_, more, err := nextPage(x)
	c.Given(requirement.TagsLinkForm, x, holds("a Link of relation next", err))
	ok := len(page) == 2 || len(page) < 2 && more
	c.Given(requirement.TagsNExact, x, holdsIf(ok, "2 tags, or fewer with a Link", fmt.Sprintf("%d tags", len(page))))
	if !c.access.registry.fixed() {
		c.Given(requirement.TagsNStart, x, haveSameTags(page, whole.all[:min(len(page), len(whole.all))]))
	}
}

// givenLast blocks the spec unless last is heeded. own are the case's tags in
// the order of the list.
func (c *Case) givenLast(own []string) {
	ginkgo.GinkgoHelper()
	x := c.Repo().Get(tagsPath, query("n", "2"), query("last", own[0]))
	page := c.GivenTagPage(requirement.TagsLastAfter, x)
	c.Given(requirement.TagsLastAfter, x, holdsIf(!slices.Contains(page, own[0]), "tags after "+own[0], strings.Join(page, " ")))
	if !c.access.registry.fixed() {
		c.Given(requirement.TagsLastAfter, x, haveSameTags(page, own[1:min(1+len(page), len(own))]))
	}
}

// haveSameTags wants page to hold want, in any order.
func haveSameTags(page, want []string) Matcher {
	return holdsIf(haveSame(page, want), strings.Join(want, " "), strings.Join(page, " "))
}
