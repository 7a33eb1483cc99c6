package quirk

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

func api() []Quirk {
	named := func(r *http.Request) bool { return placeOf(r).name != "" }
	badName := func(r *http.Request) bool { at := placeOf(r); return at.name != "" && !nameForm.MatchString(at.name) }
	return []Quirk{
		{"base-404", "GET /v2/ is answered with 404, as by a server that routes nothing but the endpoints in use.", refuse(on("GET HEAD", base), 404, "UNSUPPORTED")},
		{"base-500", "GET /v2/ is answered with 500.", refuse(on("GET HEAD", base), 500, "UNKNOWN")},
		{"base-no-version-header", "GET /v2/ has no Docker-Distribution-Api-Version, by which old clients know a registry.", answers(on("GET HEAD", base), every, drop("Docker-Distribution-Api-Version"))},
		{"name-folded", "A repository name outside the grammar is taken for the nearest name inside it, as by registries that fold case.", requests(badName, func(r *http.Request) { setPath(r, sound(r)) })},
		{"name-invalid-accepted", "Every request for a name outside the grammar succeeds with 200.", instead(badName, 200, "{}", "Content-Type", "application/json")},
		{"name-invalid-500", "A repository name outside the grammar is answered with 500, as by a router that fails on it.", refuse(badName, 500, "UNKNOWN")},
		{"name-invalid-code", "An invalid name is refused with another code than NAME_INVALID.", answers(badName, any4xx, setCode("UNSUPPORTED"))},
		{"name-nested-refused", "Names of more than two segments are refused, as by registries with one namespace a user.", refuse(and(named, func(r *http.Request) bool { return strings.Count(placeOf(r).name, "/") > 4 }), 400, "NAME_INVALID")},
		{"heads-405", "HEAD is not implemented for manifests and blobs.", refuse(on("HEAD", manifest, blob), 405, "UNSUPPORTED")},
		{"push-405", "Uploads and pushes of manifests are refused with 405, as by a mirror.", refuse(on("POST PUT PATCH", uploads, upload, manifest), 405, "UNSUPPORTED")},
		{"tags-not-served", "The tag list is not implemented: 405.", refuse(on("GET HEAD", tagList), 405, "UNSUPPORTED")},
		{"method-unknown-200", "A method that no endpoint has is answered with 200 and nothing done.", instead(func(r *http.Request) bool { return !strings.Contains("GET HEAD PUT POST PATCH DELETE", r.Method) }, 200, "")},
		{"method-refused-without-allow", "405 comes without Allow, which RFC 9110 demands.", answers(always, is(405), drop("Allow"))},
		{"namespace-used-unsaid", "The ns parameter selects the source of a pull, and OCI-Namespace does not say so.", requests(and(on("GET HEAD", manifest, blob), having("ns")), func(r *http.Request) {
			setPath(r, strings.Replace(r.URL.Path, "/v2/", "/v2/"+loosePart.ReplaceAllString(r.URL.Query().Get("ns"), "-")+"/", 1))
		})},
	}
}

// sound returns the path of r with a name inside the grammar.
func sound(r *http.Request) string {
	name := placeOf(r).name
	var parts []string
	for part := range strings.SplitSeq(strings.ToLower(name), "/") {
		part = strings.Trim(loosePart.ReplaceAllString(part, "-"), "-")
		if part == "" {
			part = "x"
		}
		parts = append(parts, part)
	}
	fixed := strings.Join(parts, "/")
	return strings.Replace(r.URL.Path, "/v2/"+name+"/", "/v2/"+fixed[:min(len(fixed), 200)]+"/", 1)
}

func pull() []Quirk {
	gets := on("GET", manifest)
	getBlob := on("GET", blob)
	ranged := and(getBlob, withHeader("Range"))
	whole := and(getBlob, not(withHeader("Range")))
	odd := func(r *http.Request) bool {
		a := placeOf(r).arg
		return strings.Contains(a, ":") && !digestForm.MatchString(a)
	}
	long := func(r *http.Request) bool { return byTag(r) && len(placeOf(r).arg) > 128 }
	badTag := func(r *http.Request) bool { return byTag(r) && !long(r) && !tagForm.MatchString(placeOf(r).arg) }
	flip := editBody(func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	extra := editBody(func(b []byte) []byte { return append(b, '\n') })
	respell := editBody(respellJSON)
	return []Quirk{
		{"reference-malformed-200", "A GET of a manifest by a malformed digest is answered with 200 and some manifest.", instead(and(on("GET HEAD", manifest), odd), 200, `{"schemaVersion":2}`, "Content-Type", typeImage)},
		{"tag-too-long-truncated", "A tag of more than 128 characters is cut there, and goes on as valid.", requests(and(on("GET HEAD PUT", manifest), long), func(r *http.Request) {
			setPath(r, strings.TrimSuffix(r.URL.Path, placeOf(r).arg)+placeOf(r).arg[:128])
		})},
		{"tag-grammar-loose", "A tag outside the grammar is rewritten to one inside it, and goes on as valid.", requests(and(on("GET HEAD PUT", manifest), badTag), func(r *http.Request) {
			at := placeOf(r)
			setPath(r, strings.TrimSuffix(r.URL.Path, at.arg)+"x"+looseTag.ReplaceAllString(at.arg, "-"))
		})},
		{"tag-invalid-pull-200", "A GET of a manifest by a tag outside the grammar is answered with 200.", instead(and(on("GET HEAD", manifest), func(r *http.Request) bool { return long(r) || badTag(r) }), 200, `{"schemaVersion":2}`, "Content-Type", typeImage)},
		{"manifest-get-no-content-type", "A manifest comes without Content-Type.", answers(on("GET HEAD", manifest), any2xx, untyped)},
		{"manifest-get-content-type-json", "A manifest comes as application/json, as from a file server.", answers(on("GET HEAD", manifest), any2xx, set("Content-Type", "application/json"))},
		{"manifest-get-content-type-docker", "An OCI manifest comes with the media type of Docker's schema 2, as after a conversion by old servers.", answers(on("GET HEAD", manifest), whether(any2xx, func(x *exchange) bool { return x.header.Get("Content-Type") == typeImage }), set("Content-Type", typeDockerImage))},
		{"manifest-get-type-guessed", "A manifest without a mediaType field comes as Docker's schema 2, as from a server that guesses.", answers(gets, whether(any2xx, untold), set("Content-Type", typeDockerImage))},
		{"manifest-get-charset", "The Content-Type of a manifest has a charset, as frameworks like to add.", answers(on("GET HEAD", manifest), any2xx, editHeader("Content-Type", func(s string) string { return s + "; charset=utf-8" }))},
		{"manifest-get-respelled", "A manifest comes as JSON that was decoded and encoded again, so that its digest differs.", answers(gets, any2xx, respell)},
		{"manifest-get-newline", "A manifest comes with a newline that it didn't have.", answers(gets, any2xx, extra)},
		{"manifest-get-by-tag-respelled", "A manifest pulled by tag, and not by digest, was encoded again.", answers(and(gets, byTag), any2xx, respell)},
		{"manifest-get-203", "A manifest comes with 203 for 200, as through a transforming proxy.", answers(gets, is(200), setStatus(203))},
		{"manifest-get-no-digest-header", "A GET of a manifest has no Docker-Content-Digest.", answers(gets, any2xx, drop("Docker-Content-Digest"))},
		{"manifest-get-wrong-digest-header", "A GET of a manifest has a Docker-Content-Digest of other bytes.", answers(gets, any2xx, set("Docker-Content-Digest", emptyDigest))},
		{"manifest-unknown-200", "A GET of an unknown manifest is answered with 200 and an empty object.", answers(gets, is(404), setStatus(200), setBody("{}"))},
		{"manifest-unknown-500", "A GET of an unknown manifest is answered with 500.", answers(gets, is(404), setStatus(500))},
		{"manifest-unknown-400", "A GET of an unknown manifest is answered with 400.", answers(gets, is(404), setStatus(400))},
		{"blob-get-wrong-bytes", "A blob comes with one bit flipped, as from a disk that rots.", answers(whole, any2xx, flip)},
		{"blob-get-extra-byte", "A blob comes with a byte too many.", answers(whole, any2xx, extra)},
		{"blob-get-cut", "The connection ends one byte before the end of a blob.", answers(whole, any2xx, func(x *exchange) { x.cut = true })},
		{"blob-get-empty", "A blob comes with no bytes, as after a crash that lost its data.", answers(whole, any2xx, setBody(""))},
		{"blob-get-203", "A blob comes with 203 for 200.", answers(whole, is(200), setStatus(203))},
		{"blob-get-no-digest-header", "A GET of a blob has no Docker-Content-Digest.", answers(getBlob, any2xx, drop("Docker-Content-Digest"))},
		{"blob-get-wrong-digest-header", "A GET of a blob has a Docker-Content-Digest of other bytes.", answers(getBlob, any2xx, set("Docker-Content-Digest", emptyDigest))},
		{"blob-unknown-200", "A GET of an unknown blob is answered with 200 and no bytes.", answers(getBlob, is(404), setStatus(200), setBody(""))},
		{"blob-unknown-500", "A GET of an unknown blob is answered with 500, as where a missing file is an error of the disk.", answers(getBlob, is(404), setStatus(500))},
		{"blob-everywhere", "A blob pushed to one repository can be pulled from every other, as where links are not checked.", blobEverywhere()},
		{"repository-unknown-200", "A pull from a repository that doesn't exist is answered with 200.", unknownRepository(on("GET HEAD", manifest, blob), is(404), setStatus(200), setBody("{}"))},
		{"repository-unknown-403", "A pull from a repository that doesn't exist is answered with 403, as by registries that hide what exists.", unknownRepository(on("GET HEAD", manifest, blob), is(404), setStatus(403), setCode("DENIED"))},
		{"range-wrong-bytes", "A range of a blob begins one byte early.", answers(ranged, is(206), flip)},
		{"range-no-content-range", "A range of a blob comes without Content-Range.", answers(ranged, is(206), drop("Content-Range"))},
		{"range-as-200", "A range of a blob comes with 200, so that a client takes a part for the whole.", answers(ranged, is(206), setStatus(200), drop("Content-Range"))},
		{"range-unmet-206", "A range beyond the end of a blob is answered with 206 and no bytes.", answers(ranged, is(416), setStatus(206), setBody(""))},
		{"range-unmet-500", "A range beyond the end of a blob is answered with 500.", answers(ranged, is(416), setStatus(500))},
		{"range-whole-206", "A range of a blob is answered with 206 and the whole blob.", answers206Whole(ranged)},
		{"range-suffix-as-prefix", "The last n bytes of a blob are answered with the first.", requests(and(ranged, func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Range"), "bytes=-") }), func(r *http.Request) {
			r.Header.Set("Range", "bytes=0"+strings.TrimPrefix(r.Header.Get("Range"), "bytes="))
		})},
	}
}

func heads() []Quirk {
	headBlob, headManifest := on("HEAD", blob), on("HEAD", manifest)
	return []Quirk{
		{"head-blob-404", "HEAD of a blob that is there is answered with 404, so that clients push it again.", answers(headBlob, is(200), setStatus(404))},
		{"head-manifest-404", "HEAD of a manifest that is there is answered with 404.", answers(headManifest, is(200), setStatus(404))},
		{"head-blob-204", "HEAD of a blob is answered with 204.", answers(headBlob, is(200), setStatus(204), drop("Content-Length"))},
		{"head-manifest-204", "HEAD of a manifest is answered with 204.", answers(headManifest, is(200), setStatus(204), drop("Content-Length"))},
		{"head-no-digest-header", "HEAD has no Docker-Content-Digest.", answers(on("HEAD", blob, manifest), is(200), drop("Docker-Content-Digest"))},
		{"head-blob-no-digest-header", "HEAD of a blob has no Docker-Content-Digest.", answers(headBlob, is(200), drop("Docker-Content-Digest"))},
		{"head-manifest-no-digest-header", "HEAD of a manifest has no Docker-Content-Digest.", answers(headManifest, is(200), drop("Docker-Content-Digest"))},
		{"head-blob-no-length", "HEAD of a blob has no Content-Length, as behind a proxy that compresses.", answers(headBlob, is(200), drop("Content-Length"))},
		{"head-manifest-no-length", "HEAD of a manifest has no Content-Length.", answers(headManifest, is(200), drop("Content-Length"))},
		{"head-blob-wrong-length", "HEAD of a blob tells a size one too great.", answers(headBlob, is(200), editHeader("Content-Length", plusOne))},
		{"head-manifest-wrong-length", "HEAD of a manifest tells a size one too great.", answers(headManifest, is(200), editHeader("Content-Length", plusOne))},
		{"head-blob-200-when-missing", "HEAD of an unknown blob is answered with 200, so that clients never push it.", answers(headBlob, is(404), setStatus(200))},
		{"head-manifest-200-when-missing", "HEAD of an unknown manifest is answered with 200.", answers(headManifest, is(404), setStatus(200))},
		{"head-blob-500-when-missing", "HEAD of an unknown blob is answered with 500.", answers(headBlob, is(404), setStatus(500))},
		{"head-manifest-500-when-missing", "HEAD of an unknown manifest is answered with 500.", answers(headManifest, is(404), setStatus(500))},
	}
}

// unknownRepository edits answers about repositories that nothing was written
// to yet, if the condition holds.
func unknownRepository(m match, due condition, edits ...edit) wrap {
	return remembering(func(known *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		name := placeOf(r).name
		if name == "" {
			next.ServeHTTP(w, r)
			return
		}
		x := do(next, r)
		_, ok := known.get(name)
		switch {
		case !ok && m(r) && due(x):
			for _, e := range edits {
				e(x)
			}
		case on("POST PUT", uploads, upload, manifest)(r) && any2xx(x):
			known.put(name, "")
		}
		x.send(w)
	})
}

func answers206Whole(m match) wrap {
	return answers(m, is(206), func(x *exchange) {
		whole := ask(x.next, x.r, "GET", x.r.URL.Path, nil)
		x.replace(whole.body)
	})
}

// blobEverywhere remembers where each blob was pushed, and serves it from there.
func blobEverywhere() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		x := do(next, r)
		at := placeOf(r)
		switch {
		case at.kind == upload && x.status == http.StatusCreated:
			m.put(r.URL.Query().Get("digest"), at.name)
		case at.kind == blob && x.status == http.StatusNotFound:
			if name, ok := m.get(at.arg); ok {
				x = ask(next, r, r.Method, "/v2/"+name+"/blobs/"+url.PathEscape(at.arg), nil)
			}
		}
		x.send(w)
	})
}

// untold reports whether the manifest in x has no mediaType field.
func untold(x *exchange) bool {
	var doc struct{ MediaType string }
	return json.Unmarshal(x.body, &doc) == nil && doc.MediaType == ""
}
