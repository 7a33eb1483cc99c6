package quirk

import (
	"encoding/json"
	"net/http"
	"net/url"
)

func referrers() []Quirk {
	l := on("GET HEAD", referrerList)
	filter := and(l, having("artifactType"))
	noFilter := requests(filter, func(r *http.Request) { query(r, func(q url.Values) { q.Del("artifactType") }) })
	odd := func(r *http.Request) bool { return l(r) && !digestForm.MatchString(placeOf(r).arg) }
	none := whether(is(200), func(x *exchange) bool { return len(entriesOf(x)) == 0 })
	onePage := func(link func(string) string) wrap { return paged(l, "manifests", 1, link) }
	return []Quirk{
		{"referrers-203", "The list of referrers is answered with 203 for 200.", answers(l, is(200), setStatus(203))},
		{"referrers-404", "The list of referrers is answered with 404, though pushes are answered with OCI-Subject.", refuse(and(l, not(odd)), 404, "MANIFEST_UNKNOWN")},
		{"referrers-empty-404", "A subject without referrers is answered with 404.", answers(l, none, setStatus(404), setBody(errorBody("MANIFEST_UNKNOWN")))},
		{"referrers-digest-invalid-200", "The referrers of a malformed digest are answered with 200.", answers(odd, any4xx, setStatus(200), set("Content-Type", typeIndex), setBody(`{"schemaVersion":2,"mediaType":"`+typeIndex+`","manifests":[]}`))},
		{"referrers-digest-invalid-404", "The referrers of a malformed digest are answered with 404.", answers(odd, is(400), setStatus(404))},
		{"referrers-array", "The list of referrers is an array without an index around it.", answers(l, is(200), func(x *exchange) { x.replace(marshal(entriesOf(x))) })},
		{"referrers-no-media-type", "The list of referrers has no mediaType.", answers(l, is(200), editJSON(func(d map[string]any) { delete(d, "mediaType") }))},
		{"referrers-media-type-image", "The list of referrers says that it is an image.", answers(l, is(200), editJSON(func(d map[string]any) { d["mediaType"] = typeImage }))},
		{"referrers-schema-version", "The list of referrers has no schemaVersion.", answers(l, is(200), editJSON(func(d map[string]any) { delete(d, "schemaVersion") }))},
		{"referrers-content-type-json", "The list of referrers comes as application/json.", answers(l, is(200), set("Content-Type", "application/json"))},
		{"referrers-null", "An empty list of referrers is null.", answers(l, none, editJSON(func(d map[string]any) { d["manifests"] = nil }))},
		{"referrers-null-absent", "An empty list of referrers is left out.", answers(l, none, editJSON(func(d map[string]any) { delete(d, "manifests") }))},
		{"referrers-extra-entry", "The list of referrers has one that refers to something else.", answers(l, is(200), editEntries(func(e []any) []any { return append(e, foreignEntry()) }))},
		{"referrers-subject-listed", "The list of referrers has the subject itself.", answers(l, whether(is(200), func(x *exchange) bool { return len(entriesOf(x)) > 0 }), subjectListed)},
		{"referrers-duplicate", "The list of referrers has its first entry twice.", answers(l, is(200), editEntries(func(e []any) []any { return append(e, e[:min(1, len(e))]...) }))},
		{"referrers-missing-newest", "The list of referrers leaves out its last entry.", answers(l, is(200), editEntries(func(e []any) []any { return e[:max(len(e)-1, 0)] }))},
		{"referrers-stale", "The list of referrers stays what it was when first asked for, as in a cache that isn't emptied.", stale(l)},
		{"referrers-index-unlisted", "An index with a subject isn't listed.", answers(l, is(200), editEntries(func(e []any) []any { return without(e, typeIndex) }))},
		{"referrers-no-artifact-type", "Referrers are listed without artifactType.", answers(l, is(200), eachEntry(func(x *exchange, e map[string]any) { delete(e, "artifactType") }))},
		{"referrers-artifact-type-given-lost", "A referrer's own artifactType isn't listed.", answers(l, is(200), eachEntry(func(x *exchange, e map[string]any) {
			if source(x, e)["artifactType"] != nil {
				delete(e, "artifactType")
			}
		}))},
		{"referrers-artifact-type-config-lost", "A referrer without artifactType is listed without its config's media type.", answers(l, is(200), eachEntry(func(x *exchange, e map[string]any) {
			if source(x, e)["artifactType"] == nil {
				delete(e, "artifactType")
			}
		}))},
		{"referrers-artifact-type-always-config", "A referrer is listed by its config's media type though it has an artifactType.", answers(l, is(200), eachEntry(func(x *exchange, e map[string]any) {
			if config, ok := source(x, e)["config"].(map[string]any); ok {
				e["artifactType"] = config["mediaType"]
			}
		}))},
		{"referrers-artifact-type-invented", "An index without artifactType is listed with its media type as one.", answers(l, is(200), eachEntry(func(x *exchange, e map[string]any) {
			if e["mediaType"] == typeIndex && e["artifactType"] == nil {
				e["artifactType"] = typeIndex
			}
		}))},
		{"referrers-no-annotations", "Referrers are listed without annotations.", answers(l, is(200), eachEntry(func(x *exchange, e map[string]any) { delete(e, "annotations") }))},
		{"referrers-annotations-cut", "Of a referrer's annotations one is lost.", answers(l, is(200), eachEntry(func(x *exchange, e map[string]any) {
			a, _ := e["annotations"].(map[string]any)
			for key := range a {
				delete(a, key)
				break
			}
		}))},
		{"referrers-annotations-invented", "Referrers are listed with an annotation that they don't have.", answers(l, is(200), eachEntry(func(x *exchange, e map[string]any) {
			a, _ := e["annotations"].(map[string]any)
			if a == nil {
				a = map[string]any{}
			}
			a["org.example.listed"] = "yes"
			e["annotations"] = a
		}))},
		{"referrers-size-wrong", "Referrers are listed with a size one too great.", answers(l, is(200), eachEntry(func(x *exchange, e map[string]any) {
			if n, ok := e["size"].(float64); ok {
				e["size"] = n + 1
			}
		}))},
		{"referrers-first-page-only", "One page of referrers comes, without a Link to the rest.", onePage(func(string) string { return "" })},
		{"referrers-pages-overlap", "Each page of referrers repeats the end of the one before.", referrersOverlap(l)},
		{"referrers-link-bad-rel", "Referrers come in pages whose Link has the relation prev.", onePage(func(t string) string { return badRelation(nextLink(t)) })},
		{"referrers-link-bare", "Referrers come in pages whose Link has no angle brackets.", onePage(func(t string) string { return bare(nextLink(t)) })},
		{"referrers-page-not-index", "Referrers come in pages, of which the later are arrays.", both(onePage(nextLink), answers(and(l, having("page")), is(200), func(x *exchange) { x.replace(marshal(entriesOf(x))) }))},
		{"referrers-filter-ignored", "The filter by artifactType isn't applied, nor said to be.", noFilter},
		{"referrers-filter-lies", "The filter by artifactType is said to be applied, and isn't.", both(noFilter, answers(filter, is(200), set("OCI-Filters-Applied", "artifactType")))},
		{"referrers-filter-silent", "The filter by artifactType is applied, and not said to be.", answers(filter, is(200), drop("OCI-Filters-Applied"))},
		{"referrers-filter-header-value", "OCI-Filters-Applied holds the type that was asked for, not the name of the filter.", answers(filter, is(200), func(x *exchange) { x.header.Set("OCI-Filters-Applied", x.r.URL.Query().Get("artifactType")) })},
		{"referrers-filter-drops-all", "The filter by artifactType leaves nothing.", answers(filter, is(200), editEntries(func([]any) []any { return []any{} }))},
	}
}

func entriesOf(x *exchange) []any {
	entries := []any{}
	probe := &exchange{body: x.body, header: http.Header{}}
	editJSON(func(d map[string]any) { entries = append(entries, list(d, "manifests")...) })(probe)
	return entries
}

// editEntries changes the list of an index.
func editEntries(change func([]any) []any) edit {
	return editJSON(func(d map[string]any) {
		entries := change(list(d, "manifests"))
		if entries == nil {
			entries = []any{}
		}
		d["manifests"] = entries
	})
}

// eachEntry changes each descriptor of an index.
func eachEntry(change func(*exchange, map[string]any)) edit {
	return func(x *exchange) {
		editEntries(func(entries []any) []any {
			for _, e := range entries {
				if d, ok := e.(map[string]any); ok {
					change(x, d)
				}
			}
			return entries
		})(x)
	}
}

// source pulls the manifest that a descriptor names.
func source(x *exchange, entry map[string]any) map[string]any {
	digest, _ := entry["digest"].(string)
	var doc map[string]any
	// What can't be read has no fields.
	_ = json.Unmarshal(ask(x.next, x.r, "GET", "/v2/"+placeOf(x.r).name+"/manifests/"+digest, nil).body, &doc)
	return doc
}

func without(entries []any, mediaType string) []any {
	kept := []any{}
	for _, e := range entries {
		if d, ok := e.(map[string]any); ok && d["mediaType"] == mediaType {
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

func foreignEntry() map[string]any {
	return map[string]any{"mediaType": typeImage, "digest": absentDigest, "size": 2, "artifactType": "application/vnd.example.other"}
}

func subjectListed(x *exchange) {
	editEntries(func(entries []any) []any {
		return append(entries, map[string]any{"mediaType": typeImage, "digest": placeOf(x.r).arg, "size": 2})
	})(x)
}

// referrersOverlap sends pages of two of which one stood on the page before.
func referrersOverlap(m match) wrap {
	return both(paged(m, "manifests", 1, nextLink), answers(and(m, having("page")), is(200), func(x *exchange) {
		u := *x.r.URL
		q := u.Query()
		q.Del("page")
		u.RawQuery = q.Encode()
		first := entriesOf(ask(x.next, x.r, "GET", u.RequestURI(), nil))
		editEntries(func(entries []any) []any { return append(first[:min(1, len(first))], entries...) })(x)
	}))
}
