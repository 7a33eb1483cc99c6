package quirk

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

func variations() []Quirk {
	begin := on("POST", uploads)
	del := on("DELETE", manifest, blob)
	l := on("GET HEAD", referrerList)
	plainTags := and(on("GET HEAD", tagList), not(having("n")), not(having("last")))
	unsupported := func(m match, status int) wrap { return refuse(m, status, "UNSUPPORTED") }
	// One error alone must be told by its code.
	free := func(x *exchange) bool { return any4xx(x) && !coded("MANIFEST_BLOB_UNKNOWN")(x) }
	dockerHeaders := answers(always, every, drop("Docker-Content-Digest", "Docker-Distribution-Api-Version", "Docker-Upload-UUID"))
	return []Quirk{
		{"get-chunked", "A GET is answered without Content-Length, by chunked coding.", getChunked()},
		{"delete-blob-400", "The deletion of blobs is off: 400.", unsupported(on("DELETE", blob), 400)},
		{"delete-blob-405", "The deletion of blobs is off: 405.", unsupported(on("DELETE", blob), 405)},
		{"delete-tag-400", "The deletion of tags is off: 400.", unsupported(and(del, byTag), 400)},
		{"delete-tag-405", "The deletion of tags is off: 405.", unsupported(and(on("DELETE", manifest), byTag), 405)},
		{"delete-all-400", "Deletion is off: 400.", unsupported(del, 400)},
		{"delete-all-405", "Deletion is off: 405.", unsupported(del, 405)},
		{"sha512-refused", "Digests by another algorithm than sha256 are refused with 400.", refuse(namesSha512, 400, "DIGEST_INVALID")},
		{"digest-canonical", "Docker-Content-Digest and Location hold the sha256 of what was asked for by sha512.", canonical()},
		{"tags-immutable", "A tag can't be moved to other content, nor deleted.", immutableTags()},
		{"referrers-unsupported", "There is no referrers API: 404, and no OCI-Subject.", both(refuse(l, 404, "UNSUPPORTED"), answers(on("PUT", manifest), every, drop("OCI-Subject")))},
		{"referrers-one-per-page", "Referrers come one to a page, with a Link to the next.", paged(l, "manifests", 1, nextLink)},
		{"referrers-unfiltered", "The filter of referrers isn't supported, and OCI-Filters-Applied not sent.", requests(l, func(r *http.Request) { query(r, func(q url.Values) { q.Del("artifactType") }) })},
		{"tags-paged", "The tag list comes in pages of two though n isn't given.", requests(plainTags, func(r *http.Request) { query(r, func(q url.Values) { q.Set("n", "2") }) })},
		{"tags-link-absolute", "The Link of the tag list is an absolute URL.", answers(on("GET HEAD", tagList, referrerList, catalog), any2xx, func(x *exchange) {
			editHeader("Link", func(s string) string { return strings.Replace(s, "<", "<"+origin(x.r), 1) })(x)
		})},
		{"blob-redirected", "A blob is answered with 307 to another URL.", redirected("/storage/", "/blobs/", on("GET HEAD", blob))},
		{"manifest-redirected", "A manifest is answered with 307 to another URL.", redirected("/storage/", "/manifests/", on("GET HEAD", manifest))},
		{"location-absolute", "Each Location is an absolute URL.", answers(always, every, func(x *exchange) {
			editHeader("Location", func(s string) string {
				if strings.HasPrefix(s, "/") {
					return origin(x.r) + s
				}
				return s
			})(x)
		})},
		{"upload-path-opaque", "Uploads go to a path outside /v2/.", opaqueUploads()},
		{"upload-no-query", "The Location of an upload has no query.", answers(on("POST GET PATCH", uploads, upload), any2xx, editHeader("Location", func(s string) string { s, _, _ = strings.Cut(s, "?"); return s }))},
		{"upload-query-needed", "The Location of an upload has a query parameter without which the upload is unknown.", both(
			answers(on("POST GET PATCH", uploads, upload), any2xx, editHeader("Location", func(s string) string { return s + queryMark(s) + "ticket=1" })),
			refuse(and(on("GET PATCH PUT DELETE", upload), not(having("ticket"))), 404, "BLOB_UPLOAD_UNKNOWN"))},
		{"length-required", "A manifest without Content-Length is refused with 411.", refuse(and(on("PUT", manifest), func(r *http.Request) bool { return r.ContentLength < 0 }), 411, "SIZE_INVALID")},
		{"rate-limited", "Every 50th request is answered with 429 and Retry-After: 0.", everyNth(50, 429, "TOOMANYREQUESTS")},
		{"unavailable-at-times", "Every 50th request is answered with 503 and Retry-After: 0.", everyNth(50, 503, "UNAVAILABLE")},
		{"single-post-unsupported", "A single POST opens an upload session: 202.", requests(and(begin, having("digest")), func(r *http.Request) {
			query(r, func(q url.Values) { q.Del("digest") })
			setRequestBody(r, nil)
		})},
		{"mount-unsupported", "A mount opens an upload session: 202.", requests(begin, func(r *http.Request) {
			query(r, func(q url.Values) { q.Del("mount"); q.Del("from") })
		})},
		{"mount-anonymous-unsupported", "A mount without from opens an upload session: 202.", requests(and(begin, having("mount"), not(having("from"))), func(r *http.Request) {
			query(r, func(q url.Values) { q.Del("mount") })
		})},
		{"range-unsupported", "A range of a blob is answered with 200 and the whole.", requests(on("GET", blob), func(r *http.Request) { r.Header.Del("Range") })},
		{"docker-headers-none", "There are no headers of Docker's.", dockerHeaders},
		{"chunk-minimum", "OCI-Chunk-Min-Length is announced: 1024 bytes.", answers(begin, is(202), set("OCI-Chunk-Min-Length", "1024"))},
		{"cancel-unsupported", "The cancellation of uploads is refused with 405.", unsupported(on("DELETE", upload), 405)},
		{"tag-params-ignored", "Tag parameters are ignored, and OCI-Tag isn't sent.", requests(and(on("PUT", manifest), having("tag")), func(r *http.Request) { query(r, func(q url.Values) { q.Del("tag") }) })},
		{"tag-params-414", "More than ten tag parameters are refused with 414.", refuse(and(on("PUT", manifest), func(r *http.Request) bool { return len(r.URL.Query()["tag"]) > 10 }), 414, "UNSUPPORTED")},
		{"errors-plain", "Errors are plain text, but for those that must have a code.", answers(always, free, set("Content-Type", "text/plain"), setBody("no\n"))},
		{"errors-empty", "Errors have no body, but for those that must have a code.", answers(always, free, drop("Content-Type"), setBody(""))},
		{"errors-no-detail", "Errors have no detail and an empty message.", answers(always, any4xx, editErrors(func(e map[string]any) { delete(e, "detail"); e["message"] = "" }))},
		{"warning", "Every answer has a Warning as the specification wants it.", answers(always, every, add("Warning", `299 - "this registry is for tests"`))},
		{"catalog-unsupported", "There is no catalogue: 404.", refuse(on("GET HEAD", catalog), 404, "UNSUPPORTED")},
		{"name-invalid-404", "Names outside the grammar are not found: 404.", refuse(func(r *http.Request) bool { n := placeOf(r).name; return n != "" && !nameForm.MatchString(n) }, 404, "NAME_UNKNOWN")},
		{"schema1-signatures-compact", "The signatures of a manifest of schema 1 come in one line.", alike(isSigned, editBody(func(b []byte) []byte {
			p := readPretty(b)
			return p.with(p.list)
		}))},
		{"schema1-old-clients-404", "A schema 2 image is unknown to clients that know schema 1 alone.", answers(on("GET", manifest), rewritable, setStatus(404), set("Content-Type", "application/json"), setBody(errorBody("MANIFEST_UNKNOWN")))},
		{"reference-invalid-404", "A GET of a manifest by a malformed digest is answered with 404.", answers(on("GET HEAD", manifest), is(400), setStatus(404), setCode("MANIFEST_UNKNOWN"))},
	}
}

// queryMark returns what goes before one more parameter.
func queryMark(location string) string {
	if strings.Contains(location, "?") {
		return "&"
	}
	return "?"
}

func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func namesSha512(r *http.Request) bool {
	return strings.HasPrefix(placeOf(r).arg, "sha512:") || strings.HasPrefix(r.URL.Query().Get("digest"), "sha512:") ||
		strings.HasPrefix(r.URL.Query().Get("mount"), "sha512:") || strings.HasPrefix(r.URL.Query().Get("digest-algorithm"), "sha512")
}

// getChunked flushes before the end, so that no length can be told.
func getChunked() wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				next.ServeHTTP(w, r)
				return
			}
			x := do(next, r)
			if x.status >= 200 && x.status < 300 && x.status != http.StatusNoContent {
				x.header.Del("Content-Length")
				x.header.Set("Transfer-Encoding", "chunked")
			}
			x.send(w)
		})
	}
}

// canonical keeps content under its sha256 as well, and names it so.
func canonical() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		if !namesSha512(r) || !on("GET HEAD PUT POST", manifest, blob, uploads, upload)(r) {
			next.ServeHTTP(w, r)
			return
		}
		x := do(next, r)
		given := x.header.Get("Docker-Content-Digest")
		if strings.HasPrefix(given, "sha512:") && placeOf(r).kind != manifest || r.Method == http.MethodGet {
			if real := sha256Of(m, x, given); real != "" {
				x.header.Set("Docker-Content-Digest", real)
			}
		}
		x.send(w)
	})
}

// sha256Of returns the sha256 of the content that has the other digest.
func sha256Of(m *memo, x *exchange, other string) string {
	if real, ok := m.get(other); ok {
		return real
	}
	at := placeOf(x.r)
	kind := "blobs/"
	if at.kind == manifest {
		kind = "manifests/"
	}
	content := ask(x.next, x.r, "GET", "/v2/"+at.name+"/"+kind+other, nil)
	if content.status != http.StatusOK {
		return ""
	}
	real := digestOf("sha256:", content.body)
	m.put(other, real)
	return real
}

func immutableTags() wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Another signature makes no other content of a signed manifest, and its payload alone
			// could tell: these are let through.
			signed := strings.Contains(r.Header.Get("Content-Type"), "prettyjws")
			if !on("PUT DELETE", manifest)(r) || !byTag(r) || signed {
				next.ServeHTTP(w, r)
				return
			}
			if r.Method == http.MethodDelete {
				refuse(always, 405, "UNSUPPORTED")(next).ServeHTTP(w, r)
				return
			}
			b := readBody(r)
			r = r.Clone(r.Context())
			setRequestBody(r, b)
			there := ask(next, r, "HEAD", r.URL.Path, nil)
			if there.status == http.StatusOK && there.header.Get("Docker-Content-Digest") != digestOf("sha256:", b) {
				refuse(always, 409, "DENIED")(next).ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// redirected answers what matches with 307 to a path of its own, on which it
// serves the same.
func redirected(prefix, kind string, m match) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok && strings.Contains(rest, kind) {
				r = r.Clone(r.Context())
				setPath(r, "/v2/"+rest)
				next.ServeHTTP(w, r)
				return
			}
			if !m(r) || do(next, headOf(r)).status != http.StatusOK {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Location", prefix+strings.TrimPrefix(r.URL.RequestURI(), "/v2/"))
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
	}
}

// headOf is a HEAD of what r asks for.
func headOf(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.Method = http.MethodHead
	return r
}

// opaqueUploads moves the sessions to a path outside the API.
func opaqueUploads() wrap {
	const prefix = "/transfer/"
	return func(next http.Handler) http.Handler {
		moved := answers(on("POST GET HEAD PATCH", uploads, upload), every, editHeader("Location", func(s string) string {
			if !strings.Contains(s, "/blobs/uploads/") {
				return s
			}
			return prefix + strings.TrimPrefix(s, "/v2/")
		}))(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok {
				r = r.Clone(r.Context())
				setPath(r, "/v2/"+rest)
			}
			moved.ServeHTTP(w, r)
		})
	}
}

func everyNth(n uint64, status int, code string) wrap {
	return func(next http.Handler) http.Handler {
		var count atomic.Uint64
		fail := instead(always, status, errorBody(code), "Content-Type", "application/json", "Retry-After", "0")(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if count.Add(1)%n == 0 {
				fail.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
