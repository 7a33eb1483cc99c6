package quirk

import "net/http"

func mounts() []Quirk {
	mount := and(on("POST", uploads), having("mount"))
	from := and(mount, having("from"))
	return []Quirk{
		{"mount-200", "A mount is answered with 200 for 201.", answers(mount, is(201), setStatus(200))},
		{"mount-no-location", "The 201 to a mount has no Location.", answers(mount, is(201), drop("Location"))},
		{"mount-no-digest-header", "The 201 to a mount has no Docker-Content-Digest.", answers(mount, is(201), drop("Docker-Content-Digest"))},
		{"mount-lies", "A mount is answered with 201, and the blob isn't there.", instead2xx(from)},
		{"mount-anonymous-lies", "A mount without from is answered with 201 for a blob that is nowhere.", answers(and(mount, not(having("from"))), is(202), setStatus(201), located)},
		{"mount-unknown-201", "A mount of a blob that its source doesn't hold is answered with 201.", answers(from, is(202), setStatus(201), located)},
		{"mount-unknown-404", "A mount that can't be done is answered with 404, not with an upload session.", answers(mount, is(202), setStatus(404), drop("Location", "Range"), setBody(errorBody("BLOB_UNKNOWN")), set("Content-Type", "application/json"))},
		{"mount-unknown-500", "A mount that can't be done is answered with 500.", answers(mount, is(202), setStatus(500), drop("Location", "Range"))},
		{"mount-fallback-no-location", "The 202 to a mount that can't be done has no Location.", answers(mount, is(202), drop("Location"))},
		{"mount-anonymous-405", "A mount without from is answered with 405, not with an upload session.", refuse(and(mount, not(having("from"))), 405, "UNSUPPORTED")},
	}
}

// located gives an answer the Location of the blob that was asked for.
func located(x *exchange) {
	x.header.Del("Range")
	x.header.Set("Location", "/v2/"+placeOf(x.r).name+"/blobs/"+x.r.URL.Query().Get("mount"))
	x.header.Set("Docker-Content-Digest", x.r.URL.Query().Get("mount"))
}

// instead2xx answers a mount with 201 without doing it.
func instead2xx(m match) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !m(r) {
				next.ServeHTTP(w, r)
				return
			}
			x := &exchange{r: r, next: next, header: http.Header{}, status: http.StatusCreated}
			located(x)
			x.replace(nil)
			x.send(w)
		})
	}
}
