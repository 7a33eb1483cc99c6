package quirk

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

func push() []Quirk {
	begin := and(on("POST", uploads), not(having("mount")), not(having("digest")))
	single := and(on("POST", uploads), having("digest"), not(having("mount")))
	finish := on("PUT", upload)
	return []Quirk{
		{"upload-post-200", "The POST that opens an upload is answered with 200 for 202.", answers(begin, is(202), setStatus(200))},
		{"upload-post-201", "The POST that opens an upload is answered with 201 for 202.", answers(begin, is(202), setStatus(201))},
		{"upload-no-location", "The POST that opens an upload has no Location.", answers(begin, is(202), drop("Location"))},
		{"upload-session-shared", "Two uploads that are open at once in a repository share one session, as where its id is the repository.", sharedSession()},
		{"upload-unknown-repository-400", "An upload to a repository that doesn't exist yet is refused with 400 for 404.", unknownRepository(begin, is(202), setStatus(400), drop("Location", "Range"), set("Content-Type", "application/json"), setBody(errorBody("NAME_UNKNOWN")))},
		{"upload-no-range", "The POST that opens an upload has no Range.", answers(begin, is(202), drop("Range"))},
		{"upload-no-uuid", "The POST that opens an upload has no Docker-Upload-UUID.", answers(begin, is(202), drop("Docker-Upload-UUID"))},
		{"put-blob-200", "The PUT that finishes an upload is answered with 200 for 201.", answers(finish, is(201), setStatus(200))},
		{"put-blob-202", "The PUT that finishes an upload is answered with 202, as by registries that verify later.", answers(finish, is(201), setStatus(202))},
		{"put-blob-no-location", "The PUT that finishes an upload has no Location.", answers(finish, is(201), drop("Location"))},
		{"put-blob-location-404", "The Location of a finished upload leads to nothing.", answers(finish, is(201), editHeader("Location", lost))},
		{"put-blob-location-session", "The Location of a finished upload is that of its session.", answers(finish, is(201), func(x *exchange) { x.header.Set("Location", x.r.URL.Path) })},
		{"put-no-digest-header", "The PUT that finishes an upload has no Docker-Content-Digest.", answers(finish, is(201), drop("Docker-Content-Digest"))},
		{"put-digest-mismatch-201", "A finished upload is stored under the digest that the client gave, without a check.", unchecked(finish)},
		{"put-digest-mismatch-500", "An upload whose digest doesn't match is answered with 500.", answers(and(finish, having("digest"), not(badDigest)), whether(is(400), coded("DIGEST_INVALID")), setStatus(500))},
		{"put-digest-mismatch-stored", "An upload whose digest doesn't match is refused, and can be pulled all the same.", uncheckedBut(finish, 400)},
		{"put-digest-mismatch-code", "An upload whose digest doesn't match is refused with BLOB_UPLOAD_INVALID.", answers(finish, is(400), setCode("BLOB_UPLOAD_INVALID"))},
		{"put-digest-malformed-500", "An upload under a malformed digest is answered with 500.", answers(and(on("PUT POST", upload, uploads), badDigest), is(400), setStatus(500))},
		{"put-digest-malformed-404", "An upload under a malformed digest is answered with 404.", answers(and(on("PUT POST", upload, uploads), badDigest), is(400), setStatus(404))},
		{"put-digest-malformed-201", "An upload under a malformed digest is answered with 201.", answers(and(on("PUT POST", upload, uploads), badDigest), is(400), setStatus(201), setBody(""), func(x *exchange) {
			x.header.Set("Location", "/v2/"+placeOf(x.r).name+"/blobs/"+emptyDigest)
		})},
		{"session-put-unknown-201", "A PUT to an unknown session is answered with 201.", answers(finish, whether(is(404), coded("BLOB_UPLOAD_UNKNOWN")), setStatus(201), setBody(""), func(x *exchange) {
			x.header.Set("Location", "/v2/"+placeOf(x.r).name+"/blobs/"+x.r.URL.Query().Get("digest"))
		})},
		{"session-put-unknown-500", "A PUT to an unknown session is answered with 500.", answers(finish, is(404), setStatus(500))},
		{"single-post-200", "A single POST is answered with 200 for 201.", answers(single, is(201), setStatus(200))},
		{"single-post-no-location", "The 201 to a single POST has no Location.", answers(single, is(201), drop("Location"))},
		{"single-post-digest-unchecked", "A single POST stores its body under the digest that the client gave, without a check.", unchecked(single)},
		{"single-post-length-unchecked", "A single POST stores what came of a body that ended early.", requests(single, func(r *http.Request) {
			setRequestBody(r, readBody(r))
			// The client's end of the connection may be closed by now.
			*r = *r.WithContext(context.WithoutCancel(r.Context()))
		})},
		{"single-post-refused", "A single POST is refused with 400, rather than made an upload session.", refuse(single, 400, "UNSUPPORTED")},
		{"single-post-202-no-location", "A single POST is answered with 202, without a session to go on with.", instead(single, 202, "")},
		{"blob-empty-refused", "A blob of no bytes is refused, though image layers can be so.", refuse(and(finish, asking("digest", emptyDigest)), 400, "BLOB_UPLOAD_INVALID")},
		{"blob-nul-trimmed", "NUL bytes at the end of a blob are lost when it is pulled, as where bytes pass through C strings.", answers(on("GET", blob), any2xx, editBody(func(b []byte) []byte { return []byte(strings.TrimRight(string(b), "\x00")) }))},
	}
}

func badDigest(r *http.Request) bool {
	return r.URL.Query().Has("digest") && !digestForm.MatchString(r.URL.Query().Get("digest"))
}

// lost turns a Location into one that leads to nothing.
func lost(location string) string {
	i := strings.LastIndex(location, "/")
	return location[:i+1] + absentDigest
}

// sharedSession hands out the last session of a repository again, as long as
// nothing was sent to it.
func sharedSession() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		at := placeOf(r)
		if at.kind == upload && r.Method != http.MethodGet {
			m.forget(at.name)
		}
		if at.kind != uploads || r.URL.RawQuery != "" {
			next.ServeHTTP(w, r)
			return
		}
		x := do(next, r)
		if location, ok := m.get(at.name); ok {
			x.header.Set("Location", location)
		}
		m.put(at.name, x.header.Get("Location"))
		x.send(w)
	})
}

// unchecked takes any digest for the digest of the bytes that came.
func unchecked(m match) wrap { return uncheckedBut(m, 0) }

// uncheckedBut stores bytes under a digest that they don't have, and answers
// with the status then, unless that is 0. The bytes are stored under their own
// digest in truth, and a note is kept of the other.
func uncheckedBut(which match, status int) wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		at := placeOf(r)
		given := r.URL.Query().Get("digest")
		switch {
		case at.kind == blob:
			if real, ok := m.get(at.name + "@" + at.arg); ok && r.Method != http.MethodDelete {
				r = r.Clone(r.Context())
				setPath(r, "/v2/"+at.name+"/blobs/"+real)
			}
			next.ServeHTTP(w, r)
		case at.kind == upload && r.Method == http.MethodPatch:
			b := readBody(r)
			before, _ := m.get(r.URL.Path)
			r = r.Clone(r.Context())
			setRequestBody(r, b)
			x := do(next, r)
			if x.status == http.StatusAccepted {
				m.put(r.URL.Path, before+string(b))
			}
			x.send(w)
		case which(r) && digestForm.MatchString(given):
			storeAs(m, next, w, r, given, status)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func storeAs(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request, given string, status int) {
	at := placeOf(r)
	b := readBody(r)
	before, _ := m.get(r.URL.Path)
	real := digestOf(given, []byte(before+string(b)))
	r = r.Clone(r.Context())
	setRequestBody(r, b)
	query(r, func(q url.Values) { q.Set("digest", real) })
	x := do(next, r)
	if x.status == http.StatusCreated && real != given {
		m.put(at.name+"@"+given, real)
		for _, key := range []string{"Location", "Docker-Content-Digest"} {
			x.header.Set(key, strings.Replace(x.header.Get(key), real, given, 1))
		}
		if status != 0 {
			x.status = status
			x.header.Set("Content-Type", "application/json")
			x.replace([]byte(errorBody("DIGEST_INVALID")))
		}
	}
	x.send(w)
}
