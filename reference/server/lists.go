package server

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"github.com/registryconform/conform/reference/registry"
)

// listTags answers GET of the tags of a repository (section "Listing tags").
func (c *call) listTags() error {
	limit := c.server.options.TagsMax
	n, err := c.pageSize(limit, limit)
	if err != nil {
		return err
	}
	// What is no tag has a place in the order all the same; it is looked
	// for from the start.
	last := c.query().Get("last")
	after, _ := registry.ParseTag(last)
	tags, more, err := page(c.repo.Tags().All(c.ctx, after), n, func(t registry.Tag) bool { return t.String() > last })
	if err != nil {
		return err
	}
	c.linkNext(tags, more, n)
	b, err := json.Marshal(struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{c.name.String(), tags})
	if err != nil {
		return fmt.Errorf("tags of %s: %w", c.name, err)
	}
	return c.json(contentJSON, b)
}

// catalog answers GET of the repositories (Docker Registry HTTP API V2,
// "Listing Repositories").
func (c *call) catalog() error {
	n, err := c.pageSize(c.server.options.CatalogPage, c.server.options.CatalogMax)
	if err != nil {
		return err
	}
	last := c.query().Get("last")
	after, parseErr := registry.ParseName(last)
	follows := func(name registry.Name) bool {
		return parseErr == nil || strings.ReplaceAll(name.String(), "/", "\x00") > strings.ReplaceAll(last, "/", "\x00")
	}
	names, more, err := page(c.server.registry.Repositories(c.ctx, after), n, follows)
	if err != nil {
		return err
	}
	c.linkNext(names, more, n)
	b, err := json.Marshal(struct {
		Repositories []string `json:"repositories"`
	}{names})
	if err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	return c.json(contentJSON, b)
}

// pageSize reads the parameter n: fallback without one, limit for more.
func (c *call) pageSize(fallback, limit int) (int, error) {
	s := c.query().Get("n")
	if s == "" {
		return fallback, nil
	}
	if !digits(s) {
		return 0, registry.ErrPaginationInvalid.With(fmt.Sprintf("n is %.100q", s))
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > limit {
		// Digits alone fail for nothing but being too many.
		n = limit
	}
	return n, nil
}

// fewItems is how many most lists have at most.
const fewItems = 128

// page returns the first n of seq for which follows holds, and whether there
// are more. It is never nil.
func page[T fmt.Stringer](seq iter.Seq2[T, error], n int, follows func(T) bool) ([]string, bool, error) {
	items := make([]string, 0, min(n, fewItems))
	for item, err := range seq {
		if err != nil {
			return nil, false, err
		}
		if !follows(item) {
			continue
		}
		if len(items) == n {
			return items, true, nil
		}
		items = append(items, item.String())
	}
	return items, false, nil
}

// linkNext points to the page after items, if there is one (RFC 5988).
func (c *call) linkNext(items []string, more bool, n int) {
	if !more || len(items) == 0 {
		return
	}
	q := url.Values{"last": {items[len(items)-1]}, "n": {strconv.Itoa(n)}}
	c.w.Header().Set("Link", "<"+c.r.URL.EscapedPath()+"?"+q.Encode()+`>; rel="next"`)
}
