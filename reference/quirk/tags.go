package quirk

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func tags() []Quirk {
	l := on("GET HEAD", tagList)
	n, last := and(l, having("n")), and(l, having("last"))
	zero := and(l, asking("n", "0"))
	plain := and(l, not(having("n")), not(having("last")))
	swap := editTags(func(t []any) []any {
		if len(t) > 1 {
			t[0], t[len(t)-1] = t[len(t)-1], t[0]
		}
		return t
	})
	return []Quirk{
		{"tags-404", "The tag list of a repository that is there is answered with 404.", answers(l, is(200), setStatus(404), setBody(errorBody("NAME_UNKNOWN")))},
		{"tags-203", "The tag list is answered with 203 for 200.", answers(l, is(200), setStatus(203))},
		{"tags-unsorted", "The tag list without parameters is not in order, as where it comes by time.", answers(plain, is(200), swap)},
		{"tags-n-unsorted", "A page of n tags is not in order.", answers(and(n, not(having("last"))), is(200), swap)},
		{"tags-last-unsorted", "The tags after last are not in order.", answers(last, is(200), swap)},
		{"tags-case-order", "Tags with small letters come before those with capital letters.", answers(and(l, not(having("n"))), is(200), editTags(smallFirst))},
		{"tags-name-wrong", "The tag list names another repository.", answers(l, is(200), editJSON(func(d map[string]any) { d["name"] = "library/" + placeName(d) }))},
		{"tags-no-name", "The tag list has no name.", answers(l, is(200), editJSON(func(d map[string]any) { delete(d, "name") }))},
		{"tags-bare-array", "The tag list is an array without the object around it.", answers(l, is(200), func(x *exchange) { x.replace(marshal(tagsOf(x.body))) })},
		{"tags-objects", "Each tag is an object with a name.", answers(l, is(200), editTags(func(t []any) []any {
			for i := range t {
				t[i] = map[string]any{"name": t[i]}
			}
			return t
		}))},
		{"tags-content-type-html", "The tag list comes as text/html.", answers(l, is(200), set("Content-Type", "text/html"))},
		{"tags-n-ignored", "n is ignored, and all tags come.", requests(n, func(r *http.Request) { query(r, func(q url.Values) { q.Del("n") }) })},
		{"tags-n-plus-one", "One tag more than n comes.", requests(and(n, not(zero)), func(r *http.Request) {
			query(r, func(q url.Values) { q.Set("n", plusOne(q.Get("n"))) })
		})},
		{"tags-n-short", "One tag less than n comes, and no Link.", answers(and(n, not(zero)), is(200), drop("Link"), editTags(func(t []any) []any { return t[:max(len(t)-1, 0)] }))},
		{"tags-n-starts-late", "A page without last begins at the second tag.", startsLate(and(n, not(having("last")), not(zero)))},
		{"tags-n-400", "n is refused with 400.", refuse(and(n, not(zero)), 400, "UNSUPPORTED")},
		{"tags-link-bad-rel", "The Link of the tag list has the relation prev.", answers(l, is(200), editHeader("Link", badRelation))},
		{"tags-link-bare", "The Link of the tag list has no angle brackets.", answers(l, is(200), editHeader("Link", bare))},
		{"tags-link-missing", "The tag list has no Link though more tags follow.", answers(l, is(200), drop("Link"))},
		{"tags-link-loops", "The Link of the tag list leads to the same page.", answers(l, whether(is(200), linked), func(x *exchange) {
			x.header.Set("Link", nextLink(x.r.URL.RequestURI()))
		})},
		{"tags-n-zero-all", "n=0 means all tags.", requests(zero, func(r *http.Request) { query(r, func(q url.Values) { q.Del("n") }) })},
		{"tags-n-zero-link", "The empty list for n=0 has a Link.", answers(zero, is(200), func(x *exchange) {
			x.header.Set("Link", "<"+x.r.URL.Path+`?n=1>; rel="next"`)
		})},
		{"tags-n-zero-400", "n=0 is refused with 400.", refuse(zero, 400, "UNSUPPORTED")},
		{"tags-last-ignored", "last is ignored, so that a client gets the first page again.", requests(last, func(r *http.Request) { query(r, func(q url.Values) { q.Del("last") }) })},
		{"tags-last-inclusive", "The page after last begins with last itself.", answers(last, is(200), func(x *exchange) {
			editTags(func(t []any) []any { return append([]any{x.r.URL.Query().Get("last")}, t...) })(x)
		})},
		{"tags-last-skips", "The page after last leaves out the first tag that follows.", answers(last, is(200), editTags(func(t []any) []any { return t[min(1, len(t)):] }))},
		{"tags-repository-unknown-200", "The tag list of a repository that doesn't exist is answered with 200 and no tags.", answers(l, is(404), setStatus(200), func(x *exchange) {
			x.replace(marshal(map[string]any{"name": placeOf(x.r).name, "tags": []string{}}))
		})},
		{"tags-repository-unknown-500", "The tag list of a repository that doesn't exist is answered with 500.", answers(l, is(404), setStatus(500))},
		{"tags-repository-unknown-code", "The tag list of a repository that doesn't exist is refused with MANIFEST_UNKNOWN.", answers(l, is(404), setCode("MANIFEST_UNKNOWN"))},
		{"tags-missing-newest", "The tag list leaves out the greatest tag.", answers(plain, is(200), editTags(func(t []any) []any { return t[:max(len(t)-1, 0)] }))},
		{"tags-stale", "The tag list stays what it was when first asked for, as in a cache that isn't emptied.", stale(plain)},
	}
}

func tagsOf(body []byte) []any {
	var tags []any
	x := &exchange{body: body, header: http.Header{}}
	editJSON(func(d map[string]any) { tags = list(d, "tags") })(x)
	return tags
}

// editTags changes the tags of a list.
func editTags(change func([]any) []any) edit {
	return editJSON(func(d map[string]any) { d["tags"] = change(list(d, "tags")) })
}

func placeName(doc map[string]any) string {
	s, _ := doc["name"].(string)
	return s
}

// smallFirst orders strings by their bytes, with the case of letters swapped.
func smallFirst(tags []any) []any {
	key := func(v any) string {
		s, _ := v.(string)
		return strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z':
				return r - 'a' + 'A'
			case r >= 'A' && r <= 'Z':
				return r - 'A' + 'a'
			}
			return r
		}, s)
	}
	slices.SortFunc(tags, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	return tags
}

func badRelation(link string) string { return strings.Replace(link, `rel="next"`, `rel="prev"`, 1) }

func linked(x *exchange) bool { return x.header.Get("Link") != "" }

func bare(link string) string { return strings.NewReplacer("<", "", ">", "").Replace(link) }

// startsLate asks for one entry more, and leaves out the first.
func startsLate(m match) wrap {
	return both(
		answers(m, is(200), editTags(func(t []any) []any { return t[min(1, len(t)):] })),
		requests(m, func(r *http.Request) { query(r, func(q url.Values) { q.Set("n", plusOne(q.Get("n"))) }) }),
	)
}

// stale answers with what the same URL was answered with at first.
func stale(m match) wrap {
	return remembering(func(seen *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		if !m(r) {
			next.ServeHTTP(w, r)
			return
		}
		x := do(next, r)
		if x.status == http.StatusOK {
			if body, ok := seen.get(r.URL.RequestURI()); ok {
				x.replace([]byte(body))
			} else {
				seen.put(r.URL.RequestURI(), string(x.body))
			}
		}
		x.send(w)
	})
}

// paged cuts a list that comes whole into pages, for which it uses a parameter
// of its own; link makes the Link to the next page from its target.
func paged(m match, key string, size int, link func(string) string) wrap {
	return answers(m, is(200), func(x *exchange) {
		from, _ := strconv.Atoi(x.r.URL.Query().Get("page"))
		more := false
		editJSON(func(d map[string]any) {
			entries := list(d, key)
			from = min(max(from, 0), len(entries))
			end := min(from+size, len(entries))
			more = end < len(entries)
			d[key] = entries[from:end]
		})(x)
		if more {
			q := x.r.URL.Query()
			q.Set("page", strconv.Itoa(from+size))
			if v := link(x.r.URL.Path + "?" + q.Encode()); v != "" {
				x.header.Set("Link", v)
			}
		}
	})
}

func nextLink(target string) string { return "<" + target + `>; rel="next"` }
