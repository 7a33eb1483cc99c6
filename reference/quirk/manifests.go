package quirk

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

func manifests() []Quirk {
	put := on("PUT", manifest)
	tagParams := and(put, having("tag"))
	hasParameters := func(r *http.Request) bool { return strings.Contains(r.Header.Get("Content-Type"), ";") }
	badReference := func(r *http.Request) bool {
		a := placeOf(r).arg
		return !digestForm.MatchString(a) && !tagForm.MatchString(a)
	}
	return []Quirk{
		{"manifest-put-200", "A stored manifest is answered with 200 for 201.", answers(put, is(201), setStatus(200))},
		{"manifest-put-202", "A stored manifest is answered with 202 for 201, as the first version of Docker's registry did.", answers(put, is(201), setStatus(202))},
		{"manifest-put-no-location", "The 201 to a manifest has no Location.", answers(put, is(201), drop("Location"))},
		{"manifest-put-location-404", "The Location of a stored manifest leads to nothing.", answers(put, is(201), editHeader("Location", lost))},
		{"manifest-put-no-digest-header", "The 201 to a manifest has no Docker-Content-Digest.", answers(put, is(201), drop("Docker-Content-Digest"))},
		{"manifest-put-wrong-digest-header", "The 201 to a manifest has a Docker-Content-Digest of other bytes.", answers(put, is(201), set("Docker-Content-Digest", emptyDigest))},
		{"manifest-put-respells", "A manifest pushed by tag is decoded and encoded again before it is stored.", requests(and(put, byTag), func(r *http.Request) { setRequestBody(r, respellJSON(readBody(r))) })},
		{"manifest-parameters-refused", "A Content-Type with parameters is refused when a manifest is pushed.", refuse(and(put, hasParameters), 400, "MANIFEST_INVALID")},
		{"manifest-reference-any", "A manifest is stored under a reference that is neither digest nor tag.", instead(and(put, badReference), 201, "", "Location", "/v2/any/manifests/"+absentDigest)},
		{"manifest-reference-500", "A push under a reference that is neither digest nor tag is answered with 500.", refuse(and(put, badReference), 500, "UNKNOWN")},
		{"manifest-unknown-content-code", "A manifest refused for unknown content is reported as MANIFEST_INVALID.", answers(put, coded("MANIFEST_BLOB_UNKNOWN"), setCode("MANIFEST_INVALID"))},
		{"manifest-unknown-content-once", "Of all the blobs that a manifest lacks, the first alone is reported.", answers(put, coded("MANIFEST_BLOB_UNKNOWN"), editJSON(func(doc map[string]any) {
			if l := list(doc, "errors"); len(l) > 0 {
				doc["errors"] = l[:1]
			}
		}))},
		{"manifest-unknown-content-500", "A manifest with unknown content is answered with 500.", answers(put, coded("MANIFEST_BLOB_UNKNOWN"), setStatus(500), setCode("UNKNOWN"))},
		{"manifest-digest-mismatch-201", "A manifest pushed under a digest that isn't its own is stored there.", manifestUnchecked()},
		{"manifest-too-large-400", "A manifest that is too large is refused with 400 for 413, as for any other reason.", answers(put, is(413), setStatus(400))},
		{"manifest-too-large-500", "A manifest that is too large is answered with 500.", answers(put, is(413), setStatus(500))},
		{"manifest-256kib-limit", "Manifests of more than 256 KiB are refused.", limited(put, 256<<10)},
		{"manifest-malformed-201", "A body that is no manifest is taken as one.", answers(and(put, not(badReference)), whether(is(400), coded("MANIFEST_INVALID")), setStatus(201), setBody(""), func(x *exchange) {
			x.header.Set("Location", "/v2/"+placeOf(x.r).name+"/manifests/"+absentDigest)
			x.header.Set("Docker-Content-Digest", absentDigest)
		})},
		{"manifest-malformed-code", "A body that is no manifest is reported as MANIFEST_UNKNOWN.", answers(and(put, not(badReference)), whether(is(400), coded("MANIFEST_INVALID")), setCode("MANIFEST_UNKNOWN"))},
		{"manifest-malformed-500", "A body that is no manifest is answered with 500.", answers(and(put, not(badReference)), whether(is(400), coded("MANIFEST_INVALID")), setStatus(500))},
		{"tag-move-ignored", "A push to a tag that is there is acknowledged, and the tag stays where it was, as in a cache that isn't emptied.", tagStays()},
		{"tag-params-five", "More than five tag parameters are refused with 414.", refuse(and(tagParams, func(r *http.Request) bool { return len(r.URL.Query()["tag"]) > 5 }), 414, "MANIFEST_INVALID")},
		{"tag-params-unsaid", "Tag parameters are obeyed, and OCI-Tag says nothing of them.", answers(tagParams, is(201), drop("OCI-Tag"))},
		{"tag-params-first", "Of all the tags set for tag parameters, OCI-Tag names the first.", answers(tagParams, is(201), editHeader("OCI-Tag", func(s string) string { return s }))},
		{"tag-params-lies", "OCI-Tag names tags that weren't set.", both(requests(tagParams, func(r *http.Request) {
			query(r, func(q url.Values) { q.Del("tag") })
		}), tagged(tagParams))},
		{"fallback-tag-refused", "Tags of the referrers fallback are refused, as by registries that keep that form to themselves.", refuse(and(put, argLike(`^sha256-[0-9a-f]{64}$`)), 400, "MANIFEST_INVALID")},
		{"fallback-tag-sha512-refused", "Fallback tags of another algorithm than sha256 are refused.", refuse(and(put, argLike(`^sha512-[0-9a-f]{64}$`)), 400, "MANIFEST_INVALID")},
		{"tag-over-72-refused", "Tags of more than 72 characters are refused, though 128 are allowed.", refuse(and(put, argLike(`^[^:]{73,128}$`)), 400, "MANIFEST_INVALID")},
		{"tag-two-hyphens-refused", "Tags with more than one hyphen before 64 hexadecimal digits are refused.", refuse(and(put, argLike(`^[^:]+-[^:]+-[0-9a-zA-Z]+$`)), 400, "MANIFEST_INVALID")},
	}
}

func subjects() []Quirk {
	put := on("PUT", manifest)
	return []Quirk{
		{"subject-absent-refused", "A manifest whose subject isn't there is refused, though it may come later.", subjectRequired()},
		{"subject-no-header", "A push with a subject is not answered with OCI-Subject.", answers(put, is(201), drop("OCI-Subject"))},
		{"subject-wrong-header", "OCI-Subject is the digest of the manifest pushed, not of its subject.", answers(put, is(201), editHeader("OCI-Subject", func(string) string { return absentDigest }))},
	}
}

// limited refuses bodies of more than n bytes with 413.
func limited(m match, n int) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !m(r) {
				next.ServeHTTP(w, r)
				return
			}
			b := readBody(r)
			if len(b) > n {
				refuse(always, 413, "MANIFEST_INVALID")(next).ServeHTTP(w, r)
				return
			}
			r = r.Clone(r.Context())
			setRequestBody(r, b)
			next.ServeHTTP(w, r)
		})
	}
}

// manifestUnchecked stores a manifest under its own digest, and keeps a note
// that it goes by the digest given.
func manifestUnchecked() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		at := placeOf(r)
		if at.kind != manifest || !digestForm.MatchString(at.arg) {
			next.ServeHTTP(w, r)
			return
		}
		real, noted := m.get(at.name + "@" + at.arg)
		r = r.Clone(r.Context())
		if r.Method == http.MethodPut {
			b := readBody(r)
			setRequestBody(r, b)
			if own := ownDigest(at.arg, b); own != at.arg {
				real, noted = own, true
				m.put(at.name+"@"+at.arg, own)
			}
		}
		if noted {
			setPath(r, "/v2/"+at.name+"/manifests/"+real)
		}
		x := do(next, r)
		if noted {
			for _, key := range []string{"Location", "Docker-Content-Digest"} {
				if v := x.header.Get(key); v != "" {
					x.header.Set(key, strings.ReplaceAll(v, real, at.arg))
				}
			}
		}
		x.send(w)
	})
}

// tagStays sends a push to a tag that is there to its digest instead.
func tagStays() wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if on("PUT", manifest)(r) && byTag(r) && ask(next, r, "HEAD", r.URL.Path, nil).status == http.StatusOK {
				b := readBody(r)
				r = r.Clone(r.Context())
				setRequestBody(r, b)
				setPath(r, "/v2/"+placeOf(r).name+"/manifests/"+ownDigest("sha256:", b))
			}
			next.ServeHTTP(w, r)
		})
	}
}

// tagged names each tag parameter in OCI-Tag.
func tagged(m match) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !m(r) {
				next.ServeHTTP(w, r)
				return
			}
			names := r.URL.Query()["tag"]
			x := do(next, r)
			if x.status == http.StatusCreated {
				x.header["Oci-Tag"] = names
			}
			x.send(w)
		})
	}
}

func subjectRequired() wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !on("PUT", manifest)(r) {
				next.ServeHTTP(w, r)
				return
			}
			b := readBody(r)
			r = r.Clone(r.Context())
			setRequestBody(r, b)
			var doc struct{ Subject *struct{ Digest string } }
			if json.Unmarshal(b, &doc) == nil && doc.Subject != nil &&
				ask(next, r, "HEAD", "/v2/"+placeOf(r).name+"/manifests/"+doc.Subject.Digest, nil).status != http.StatusOK {
				refuse(always, 404, "MANIFEST_UNKNOWN")(next).ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
