package quirk

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

func chunks() []Quirk {
	patch := on("PATCH", upload)
	finish := on("PUT", upload)
	rangeForm := regexp.MustCompile(`^[0-9]+-[0-9]+$`)
	malformed := func(r *http.Request) bool {
		v := r.Header.Get("Content-Range")
		return v != "" && !rangeForm.MatchString(v)
	}
	return []Quirk{
		{"chunks-405", "Chunks with a Content-Range are refused with 405, as by registries that take streams alone.", refuse(and(patch, withHeader("Content-Range")), 405, "UNSUPPORTED")},
		{"chunk-minimum-garbage", "OCI-Chunk-Min-Length is a negative number.", answers(on("POST", uploads), is(202), set("OCI-Chunk-Min-Length", "-5"))},
		{"chunk-minimum-words", "OCI-Chunk-Min-Length has a unit.", answers(on("POST", uploads), is(202), set("OCI-Chunk-Min-Length", "5MiB"))},
		{"patch-first-offset-accepted", "A first chunk may begin anywhere.", misplaced(patch, func(size, start int64) bool { return size == 0 && start > 0 })},
		{"patch-accepts-gap", "A later chunk that leaves a gap is appended all the same.", misplaced(patch, func(size, start int64) bool { return size > 0 && start > size })},
		{"patch-accepts-overlap", "A chunk that begins before the end of the upload is appended all the same.", misplaced(patch, func(size, start int64) bool { return size > 0 && start < size })},
		{"patch-range-malformed-accepted", "A Content-Range of another form is ignored, and the chunk taken.", requests(and(on("PATCH PUT", upload), malformed), unplace)},
		{"patch-range-malformed-400", "A chunk whose Content-Range has another form is refused with 400 for 416.", answers(and(on("PATCH", upload), malformed), is(416), setStatus(400))},
		{"patch-201", "A chunk is answered with 201 for 202.", answers(patch, is(202), setStatus(201))},
		{"patch-204", "A chunk is answered with 204 for 202, as the older API of Docker had it.", answers(patch, is(202), setStatus(204), drop("Content-Length"))},
		{"patch-no-location", "The answer to a chunk has no Location.", answers(patch, is(202), drop("Location"))},
		{"patch-no-range", "The answer to a chunk has no Range.", answers(patch, is(202), drop("Range"))},
		{"patch-range-bytes", "The Range after a chunk has the form bytes=0-N, as RFC 9110 would have it.", answers(patch, is(202), editHeader("Range", func(s string) string { return "bytes=" + s }))},
		{"patch-range-off-by-one", "The Range after a chunk ends at the size, not at the last byte.", answers(patch, is(202), editHeader("Range", endBy(1)))},
		{"patch-range-of-chunk", "The Range after a chunk counts that chunk alone.", answers(and(patch, withHeader("Content-Range")), is(202), func(x *exchange) {
			x.header.Set("Range", fmt.Sprintf("0-%d", max(x.r.ContentLength-1, 0)))
		})},
		{"patch-no-uuid", "The answer to a chunk has no Docker-Upload-UUID.", answers(patch, is(202), drop("Docker-Upload-UUID"))},
		{"patch-uuid-changes", "The Docker-Upload-UUID after a chunk is another.", answers(patch, is(202), editHeader("Docker-Upload-UUID", func(s string) string { return "x" + s }))},
		{"patch-out-of-order-400", "A chunk out of order is answered with 400 for 416.", answers(patch, is(416), setStatus(400))},
		{"patch-out-of-order-ends", "A chunk out of order ends the upload.", answers(patch, is(416), func(x *exchange) { ask(x.next, x.r, "DELETE", x.r.URL.Path, nil) })},
		{"patch-out-of-order-silent", "The 416 to a chunk has neither Location nor Range.", answers(patch, is(416), drop("Location", "Range"))},
		{"patch-publishes-early", "The bytes of an upload can be pulled before it is finished.", publishesEarly()},
		{"put-accepts-gap", "The chunk of a closing PUT may begin anywhere.", requests(and(finish, withHeader("Content-Range")), unplace)},
		{"put-out-of-order-400", "A closing PUT with a chunk out of order is answered with 400 for 416.", answers(finish, is(416), setStatus(400))},
		{"put-digest-missing-201", "A closing PUT without a digest is answered with 201.", instead(and(finish, not(having("digest"))), 201, "", "Location", "/v2/any/blobs/"+emptyDigest)},
		{"put-digest-missing-500", "A closing PUT without a digest is answered with 500.", refuse(and(finish, not(having("digest"))), 500, "UNKNOWN")},
		{"put-chunked-200", "The PUT that closes a chunked upload is answered with 200 for 201.", afterChunks(setStatus(200))},
		{"put-chunked-no-location", "The PUT that closes a chunked upload has no Location.", afterChunks(drop("Location"))},
		{"put-body-lost", "The body of a PUT that closes a chunked upload is not read, so that its digest can't match.", chunkedPut(func(r *http.Request) { setRequestBody(r, nil); r.Header.Del("Content-Range") })},
		{"digest-algorithm-ignored", "An upload that was opened for sha512 can be finished by sha256 alone.", algorithmIgnored()},
		{"disconnect-ends-upload", "A chunk whose connection breaks ends the upload, so that it can't be resumed.", disconnected(func(next http.Handler, r *http.Request) { ask(next, r, "DELETE", r.URL.Path, nil) })},
		{"disconnect-range-forgets", "After a chunk whose connection broke, the status doesn't count what came of it.", disconnectForgets()},
	}
}

func sessions() []Quirk {
	status := on("GET HEAD", upload)
	cancel := on("DELETE", upload)
	return []Quirk{
		{"status-405", "The status of an upload is refused with 405, so that a client that lost its connection starts over.", refuse(status, 405, "UNSUPPORTED")},
		{"status-200", "The status of an upload is answered with 200 for 204.", answers(status, is(204), setStatus(200))},
		{"status-no-location", "The status of an upload has no Location.", answers(status, is(204), drop("Location"))},
		{"status-no-range", "The status of an upload has no Range.", answers(status, is(204), drop("Range"))},
		{"status-range-wrong", "The status of an upload counts one byte too few.", answers(status, is(204), editHeader("Range", endBy(-1)))},
		{"status-range-zero", "The status of an upload says 0-0 always, as early registries did.", answers(status, is(204), set("Range", "0-0"))},
		{"status-range-bytes", "The Range of an upload's status has the form bytes=0-N.", answers(status, is(204), editHeader("Range", func(s string) string { return "bytes=" + s }))},
		{"status-no-uuid", "The status of an upload has no Docker-Upload-UUID.", answers(status, is(204), drop("Docker-Upload-UUID"))},
		{"status-uuid-changes", "The Docker-Upload-UUID of an upload's status is another.", answers(status, is(204), editHeader("Docker-Upload-UUID", func(s string) string { return "x" + s }))},
		{"session-patch-unknown-202", "A PATCH to an unknown session is answered with 202.", answers(on("PATCH", upload), is(404), setStatus(202), setBody(""), set("Range", "0-0"), func(x *exchange) { x.header.Set("Location", x.r.URL.Path) })},
		{"session-patch-unknown-500", "A PATCH to an unknown session is answered with 500.", answers(on("PATCH", upload), is(404), setStatus(500))},
		{"session-status-unknown-204", "The status of an unknown session is answered with 204.", answers(status, is(404), setStatus(204), drop("Content-Length", "Content-Type"), func(x *exchange) {
			x.body = nil
			x.header.Set("Range", "0-0")
			x.header.Set("Location", x.r.URL.Path)
		})},
		{"session-status-unknown-500", "The status of an unknown session is answered with 500.", answers(status, is(404), setStatus(500))},
		{"session-unknown-code", "An unknown session is reported as BLOB_UNKNOWN.", answers(on("GET HEAD PATCH PUT DELETE", upload), is(404), setCode("BLOB_UNKNOWN"))},
		{"session-survives-put", "The status of a session is told though it was finished.", survives(on("GET", upload), finished, 204)},
		{"session-finished-patch-202", "A chunk to a finished session is answered with 202.", survives(on("PATCH", upload), finished, 202)},
		{"session-finished-put-201", "A second PUT to a finished session is answered with 201.", survives(on("PUT", upload), finished, 201)},
		{"cancel-200", "The cancellation of an upload is answered with 200 for 204.", answers(cancel, is(204), setStatus(200))},
		{"cancel-202", "The cancellation of an upload is answered with 202 for 204.", answers(cancel, is(204), setStatus(202))},
		{"cancel-noop", "The cancellation of an upload is acknowledged, and the upload goes on.", cancelNoop()},
		{"cancelled-status-204", "The status of a session is told though it was cancelled.", survives(on("GET", upload), cancelled, 204)},
		{"cancelled-patch-202", "A chunk to a cancelled session is answered with 202.", survives(on("PATCH", upload), cancelled, 202)},
		{"cancelled-put-201", "A PUT to a cancelled session is answered with 201.", survives(on("PUT", upload), cancelled, 201)},
		{"cancel-twice-204", "A second cancellation is acknowledged as the first.", survives(cancel, cancelled, 204)},
		{"session-everywhere", "A session can be gone on with in another repository.", sessionEverywhere()},
	}
}

// unplace takes from r what says where its chunk belongs. r must be a copy.
func unplace(r *http.Request) {
	r.Header.Del("Content-Range")
	query(r, func(q url.Values) { q.Del("_state") })
}

// endBy moves the end of a range 0-N that is not that of an empty upload.
func endBy(n int64) func(string) string {
	return func(s string) string {
		first, last, ok := strings.Cut(s, "-")
		if !ok || last == "0" {
			return s
		}
		return first + "-" + plus(last, n)
	}
}

// sizeOf asks for the size of the session of r; 0 also where it has one byte.
func sizeOf(next http.Handler, r *http.Request) int64 {
	x := ask(next, r, "GET", r.URL.RequestURI(), nil)
	_, last, _ := strings.Cut(x.header.Get("Range"), "-")
	n, _ := strconv.ParseInt(last, 10, 64)
	if n == 0 {
		return 0
	}
	return n + 1
}

// misplaced appends chunks that are not where they belong.
func misplaced(m match, wrong func(size, start int64) bool) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			first, _, _ := strings.Cut(r.Header.Get("Content-Range"), "-")
			start, err := strconv.ParseInt(first, 10, 64)
			if m(r) && err == nil && wrong(sizeOf(next, r), start) {
				r = r.Clone(r.Context())
				unplace(r)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// publishesEarly serves what came by PATCH, from a copy, as a blob.
func publishesEarly() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		at := placeOf(r)
		switch {
		case at.kind == upload && r.Method == http.MethodPatch:
			b := readBody(r)
			r = r.Clone(r.Context())
			setRequestBody(r, b)
			x := do(next, r)
			if x.status == http.StatusAccepted {
				before, _ := m.get(r.URL.Path)
				all := before + string(b)
				m.put(r.URL.Path, all)
				m.put(at.name+"@"+digestOf("sha256:", []byte(all)), all)
			}
			x.send(w)
		case at.kind == upload && r.Method != http.MethodGet:
			// The session ends here, and its bytes are what they are.
			sent, _ := m.get(r.URL.Path)
			m.forget(at.name + "@" + digestOf("sha256:", []byte(sent)))
			next.ServeHTTP(w, r)
		case at.kind == blob && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			x := do(next, r)
			if content, ok := m.get(at.name + "@" + at.arg); ok && x.status == http.StatusNotFound {
				x.status = http.StatusOK
				x.header.Set("Content-Type", "application/octet-stream")
				x.replace([]byte(content))
			}
			x.send(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// noteChunks remembers in m the sessions that took a chunk by PATCH.
func noteChunks(m *memo, r *http.Request, x *exchange) {
	if r.Method == http.MethodPatch && x.status == http.StatusAccepted {
		m.put(r.URL.Path, "")
	}
}

// afterChunks edits the 201 of a PUT that closes a chunked upload.
func afterChunks(e edit) wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		if placeOf(r).kind != upload {
			next.ServeHTTP(w, r)
			return
		}
		x := do(next, r)
		noteChunks(m, r, x)
		if _, ok := m.get(r.URL.Path); ok && r.Method == http.MethodPut && x.status == http.StatusCreated {
			e(x)
		}
		x.send(w)
	})
}

// chunkedPut changes the PUT that closes a chunked upload.
func chunkedPut(change func(*http.Request)) wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		if placeOf(r).kind != upload {
			next.ServeHTTP(w, r)
			return
		}
		if _, ok := m.get(r.URL.Path); ok && r.Method == http.MethodPut {
			r = r.Clone(r.Context())
			change(r)
		}
		x := do(next, r)
		noteChunks(m, r, x)
		x.send(w)
	})
}

func algorithmIgnored() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		at := placeOf(r)
		switch {
		case at.kind == uploads && r.URL.Query().Has("digest-algorithm"):
			x := do(next, r)
			if u, err := url.Parse(x.header.Get("Location")); err == nil {
				m.put(u.Path, "")
			}
			x.send(w)
		case at.kind == upload && r.Method == http.MethodPut && !strings.HasPrefix(r.URL.Query().Get("digest"), "sha256:"):
			if _, ok := m.get(r.URL.Path); ok {
				refuse(always, 400, "DIGEST_INVALID")(next).ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// A watchedBody tells whether it broke off.
type watchedBody struct {
	io.ReadCloser
	broke bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.broke = true
	}
	return n, err
}

// disconnected calls after for each chunk whose body broke off.
func disconnected(after func(next http.Handler, r *http.Request)) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !on("PATCH", upload)(r) {
				next.ServeHTTP(w, r)
				return
			}
			watched := &watchedBody{ReadCloser: r.Body}
			r = r.Clone(r.Context())
			r.Body = watched
			next.ServeHTTP(w, r)
			if watched.broke {
				// The context of r ends with its connection.
				after(next, r.WithContext(context.WithoutCancel(r.Context())))
			}
		})
	}
}

func disconnectForgets() wrap {
	return func(next http.Handler) http.Handler {
		broken := newMemo()
		status := answers(func(r *http.Request) bool {
			_, ok := broken.get(r.URL.Path)
			return ok && on("GET HEAD", upload)(r)
		}, is(204), set("Range", "0-0"))
		return status(disconnected(func(_ http.Handler, r *http.Request) { broken.put(r.URL.Path, "") })(next))
	}
}

// finished and cancelled tell what ended a session.
func finished(r *http.Request, status int) bool {
	return r.Method == http.MethodPut && status == http.StatusCreated
}

func cancelled(r *http.Request, status int) bool {
	return r.Method == http.MethodDelete && status == http.StatusNoContent
}

// survives answers requests to a session that was ended as if it were there.
func survives(which match, ended func(*http.Request, int) bool, status int) wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		if placeOf(r).kind != upload {
			next.ServeHTTP(w, r)
			return
		}
		x := do(next, r)
		_, over := m.get(r.URL.Path)
		switch {
		case ended(r, x.status):
			m.put(r.URL.Path, "")
		case over && which(r) && x.status == http.StatusNotFound:
			x.status, x.body = status, nil
			x.header.Del("Content-Type")
			x.header.Del("Content-Length")
			x.header.Set("Location", r.URL.Path)
			x.header.Set("Range", "0-0")
			x.header.Set("Docker-Upload-UUID", placeOf(r).arg)
		}
		x.send(w)
	})
}

// cancelNoop acknowledges the DELETE of a session that is there.
func cancelNoop() wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if on("DELETE", upload)(r) && ask(next, r, "GET", r.URL.RequestURI(), nil).status == http.StatusNoContent {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// sessionEverywhere leads to the repository in which a session was opened.
func sessionEverywhere() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		at := placeOf(r)
		switch at.kind {
		case uploads:
			x := do(next, r)
			if u, err := url.Parse(x.header.Get("Location")); err == nil && x.status == http.StatusAccepted {
				m.put(u.Path[strings.LastIndex(u.Path, "/")+1:], u.Path)
			}
			x.send(w)
			return
		case upload:
			if path, ok := m.get(at.arg); ok {
				r = r.Clone(r.Context())
				setPath(r, path)
				query(r, func(q url.Values) { q.Del("_state") })
			}
		}
		next.ServeHTTP(w, r)
	})
}
