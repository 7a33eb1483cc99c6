package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/registryconform/conform/reference/registry"
)

// maxPages bounds the pages of one list, beside its bytes.
const maxPages = 100_000

// pages calls f with the body of each page of a list, along the links, which
// must stay on the host and never come back.
func (r *Registry) pages(ctx context.Context, q *request, absent error, f func(body []byte) error) error {
	left, seen := r.options.MaxListBytes, map[string]bool{q.url.String(): true}
	for range maxPages {
		a, err := r.want(ctx, q, absent, http.StatusOK)
		if err != nil {
			return err
		}
		body, err := readAll(a, left)
		discard(a)
		if err == nil {
			err = f(body)
		}
		if err != nil {
			return q.failed(err)
		}
		target := next(a.Header.Values("Link"))
		if target == "" {
			return nil
		}
		// A link is held for the whole list, and counts for it.
		if left -= int64(len(body) + len(target)); left <= 0 {
			return q.failed(refuse("a list of more than %d bytes", r.options.MaxListBytes))
		}
		following := *q
		if following.url, err = r.leads(a.Request.URL, target, seen); err != nil {
			return q.failed(err)
		}
		q = &following
	}
	return q.failed(refuse("a list of more than %d pages", maxPages))
}

// leads returns where the link of a page leads, which was not seen before.
func (r *Registry) leads(page *url.URL, target string, seen map[string]bool) (*url.URL, error) {
	at, err := page.Parse(target)
	switch {
	case err != nil:
		return nil, refuse("a Link that can't be read")
	case !r.ours(at) || at.User != nil:
		return nil, refuse("a Link to another host")
	case seen[at.String()]:
		return nil, refuse("a Link to a page that was read")
	}
	seen[at.String()] = true
	return at, nil
}

// next returns the target of the link to the next page (RFC 8288 §3), or "".
func next(fields []string) string {
	for _, field := range fields {
		for rest := field; ; {
			start := strings.IndexByte(rest, '<')
			end := strings.IndexByte(rest, '>')
			if start < 0 || end < start {
				break
			}
			target := rest[start+1 : end]
			var params string
			params, rest = until(rest[end+1:], ',')
			if isNext(params) {
				return target
			}
		}
	}
	return ""
}

// until splits s at the first mark that is in no quoted string, which ends one
// part.
func until(s string, mark byte) (part, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == mark && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// isNext reports whether the first rel among the parameters holds next.
func isNext(params string) bool {
	for rest := params; rest != ""; {
		var param string
		param, rest = until(rest, ';')
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") {
			relations := strings.Fields(strings.Trim(strings.TrimSpace(value), `"`))
			return slices.ContainsFunc(relations, func(s string) bool { return strings.EqualFold(s, "next") })
		}
	}
	return false
}

// ordered yields what gather found, each once, by the order of compare and after
// the given one.
func ordered[T comparable](gather func() ([]T, error), compare func(x, y T) int, after T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		all, err := gather()
		if err != nil {
			yield(zero, err)
			return
		}
		slices.SortFunc(all, compare)
		for _, x := range slices.Compact(all) {
			if (after == zero || compare(x, after) > 0) && !yield(x, nil) {
				return
			}
		}
	}
}

// Repositories implements [registry.Registry]. Every call reads the whole
// catalogue.
func (r *Registry) Repositories(ctx context.Context, after registry.Name) iter.Seq2[registry.Name, error] {
	return ordered(func() ([]registry.Name, error) {
		q := &request{method: http.MethodGet, url: r.base.JoinPath("v2/_catalog"), header: http.Header{}, access: "_catalog"}
		var all []registry.Name
		err := r.pages(ctx, q, registry.ErrUnsupported.With("the registry has no catalogue"), func(body []byte) error {
			var page struct {
				Repositories []string `json:"repositories"`
			}
			if err := json.Unmarshal(body, &page); err != nil {
				return errors.New("the catalogue can't be read")
			}
			for _, s := range page.Repositories {
				name, err := registry.ParseName(s)
				if err != nil {
					return fmt.Errorf("the catalogue: %w", plain(err))
				}
				all = append(all, name)
			}
			return nil
		})
		return all, err
	}, registry.Name.Compare, after)
}

// plain returns an error without its code: what is wrong with an answer is not
// what is wrong with a request.
func plain(err error) error { return errors.New(err.Error()) }
