package quirk

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

func docker() []Quirk {
	c := on("GET HEAD", catalog)
	n, last := and(c, having("n")), and(c, having("last"))
	gets := on("GET HEAD", manifest)
	typed := func(mediaType string) condition {
		return func(x *exchange) bool { return x.status == 200 && x.header.Get("Content-Type") == mediaType }
	}
	swap := editRepositories(func(r []any) []any {
		if len(r) > 1 {
			r[0], r[len(r)-1] = r[len(r)-1], r[0]
		}
		return r
	})
	return []Quirk{
		{"blob-unknown-code", "An unknown blob is reported as MANIFEST_UNKNOWN.", answers(on("GET", blob), is(404), setCode("MANIFEST_UNKNOWN"))},
		{"blob-digest-invalid-500", "A GET of a blob by a digest of an unknown algorithm is answered with 500.", answers(on("GET HEAD", blob), is(400), setStatus(500))},
		{"blob-digest-invalid-404", "A GET of a blob by a digest of an unknown algorithm is answered with 404.", answers(on("GET HEAD", blob), is(400), setStatus(404), setCode("BLOB_UNKNOWN"))},
		{"manifest-unknown-code", "An unknown manifest is reported as BLOB_UNKNOWN.", answers(on("GET", manifest), is(404), setCode("BLOB_UNKNOWN"))},
		{"docker-mistyped-201", "The type that a manifest tells may be another than the one that it is pushed with.", answers(and(on("PUT", manifest), body(toldOtherwise)), is(400), setStatus(201), setBody(""))},
		{"docker-confused-201", "An image may have manifests, and a list layers.", answers(and(on("PUT", manifest), body(dockerConfused)), is(400), setStatus(201), setBody(""))},
		{"docker-image-as-oci", "A schema 2 image comes with the media type of OCI, as after a conversion.", answers(gets, typed(typeDockerImage), set("Content-Type", typeImage))},
		{"docker-list-as-oci", "A manifest list comes with the media type of OCI, as after a conversion.", answers(gets, typed(typeDockerList), set("Content-Type", typeIndex))},
		{"docker-image-refused", "Schema 2 images are refused.", refuse(and(on("PUT", manifest), contentType(typeDockerImage)), 400, "MANIFEST_INVALID")},
		{"docker-list-refused", "Manifest lists are refused.", refuse(and(on("PUT", manifest), contentType(typeDockerList)), 400, "MANIFEST_INVALID")},
		{"docker-list-first-image", "A manifest list pulled by tag is answered with its first image, as old registries did for old clients.", answers(and(on("GET", manifest), byTag), typed(typeDockerList), firstChild)},
		{"docker-image-respelled", "A schema 2 image comes as JSON that was encoded again.", answers(gets, typed(typeDockerImage), editBody(respellJSON))},
		{"catalog-404", "The catalogue is answered with 404.", refuse(c, 404, "UNSUPPORTED")},
		{"catalog-500", "The catalogue is answered with 500, as where the walk of a large store takes too long.", refuse(c, 500, "UNKNOWN")},
		{"catalog-bare-array", "The catalogue is an array without the object around it.", answers(c, is(200), func(x *exchange) {
			var names []any
			probe := &exchange{body: x.body, header: http.Header{}}
			editJSON(func(d map[string]any) { names = list(d, "repositories") })(probe)
			x.replace(marshal(names))
		})},
		{"catalog-content-type-html", "The catalogue comes as text/html.", answers(c, is(200), set("Content-Type", "text/html"))},
		{"catalog-unsorted", "The catalogue is not in order.", answers(c, is(200), swap)},
		{"catalog-n-ignored", "The n of the catalogue is ignored.", requests(n, func(r *http.Request) { query(r, func(q url.Values) { q.Del("n") }) })},
		{"catalog-n-plus-one", "One repository more than n comes.", requests(n, func(r *http.Request) { query(r, func(q url.Values) { q.Set("n", plusOne(q.Get("n"))) }) })},
		{"catalog-no-link", "The catalogue has no Link though more follows.", answers(c, is(200), drop("Link"))},
		{"catalog-link-bad-rel", "The Link of the catalogue has the relation prev.", answers(c, is(200), editHeader("Link", badRelation))},
		{"catalog-link-for-ever", "The last page of the catalogue has a Link, too.", answers(n, is(200), func(x *exchange) {
			if x.header.Get("Link") == "" {
				x.header.Set("Link", nextLink("/v2/_catalog?n="+x.r.URL.Query().Get("n")+"&last=zzzz"))
			}
		})},
		{"catalog-last-ignored", "The last of the catalogue is ignored.", requests(last, func(r *http.Request) { query(r, func(q url.Values) { q.Del("last") }) })},
		{"catalog-last-inclusive", "The page after last begins with last itself.", answers(last, is(200), func(x *exchange) {
			editRepositories(func(r []any) []any { return append([]any{x.r.URL.Query().Get("last")}, r...) })(x)
		})},
	}
}

// toldOtherwise tells whether the body names another media type than the request.
func toldOtherwise(p pretty) bool {
	return strings.Contains(p.text("mediaType"), "docker") && p.text("mediaType") != p.mediaType
}

// dockerConfused tells whether a body of Docker's can be taken for an image and
// for a list.
func dockerConfused(p pretty) bool {
	return p.mediaType == p.text("mediaType") && strings.Contains(p.mediaType, "docker") && p.fields["layers"] != nil && p.fields["manifests"] != nil
}

func editRepositories(change func([]any) []any) edit {
	return editJSON(func(d map[string]any) { d["repositories"] = change(list(d, "repositories")) })
}

func contentType(mediaType string) match {
	return func(r *http.Request) bool { return r.Header.Get("Content-Type") == mediaType }
}

// firstChild answers a list with the first manifest that it names.
func firstChild(x *exchange) {
	var doc struct{ Manifests []struct{ Digest string } }
	if json.Unmarshal(x.body, &doc) != nil || len(doc.Manifests) == 0 {
		return
	}
	child := ask(x.next, x.r, "GET", "/v2/"+placeOf(x.r).name+"/manifests/"+doc.Manifests[0].Digest, nil)
	x.status, x.header, x.body = child.status, child.header, child.body
}
