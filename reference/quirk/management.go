package quirk

import "net/http"

func management() []Quirk {
	del := on("DELETE", manifest)
	tag, man, blb := and(del, byTag), and(del, byDigest), on("DELETE", blob)
	return []Quirk{
		{"delete-tag-200", "The deletion of a tag is answered with 200 for 202.", answers(tag, is(202), setStatus(200))},
		{"delete-tag-204", "The deletion of a tag is answered with 204 for 202.", answers(tag, is(202), setStatus(204), drop("Content-Length"))},
		{"delete-tag-noop", "The deletion of a tag is acknowledged, and the tag stays.", deleteNoop(tag)},
		{"delete-tag-403", "The deletion of tags is off, and refused with 403.", refuse(tag, 403, "DENIED")},
		{"delete-tag-404", "The deletion of tags is off, and answered with 404.", refuse(tag, 404, "MANIFEST_UNKNOWN")},
		{"delete-tag-501", "The deletion of tags is not implemented: 501.", refuse(tag, 501, "UNSUPPORTED")},
		{"delete-manifest-200", "The deletion of a manifest is answered with 200 for 202.", answers(man, is(202), setStatus(200))},
		{"delete-manifest-204", "The deletion of a manifest is answered with 204 for 202.", answers(man, is(202), setStatus(204), drop("Content-Length"))},
		{"delete-manifest-noop", "The deletion of a manifest is acknowledged, and the manifest stays.", deleteNoop(man)},
		{"delete-manifest-keeps-tags", "The tags of a deleted manifest stay and can be pulled.", keepsTags()},
		{"delete-manifest-403", "The deletion of manifests is off, and refused with 403.", refuse(man, 403, "DENIED")},
		{"delete-manifest-404", "The deletion of manifests is off, and answered with 404.", refuse(man, 404, "MANIFEST_UNKNOWN")},
		{"delete-manifest-501", "The deletion of manifests is not implemented: 501.", refuse(man, 501, "UNSUPPORTED")},
		{"delete-manifest-unknown-202", "The deletion of an unknown manifest is acknowledged.", answers(del, is(404), setStatus(202), setBody(""))},
		{"delete-manifest-unknown-500", "The deletion of an unknown manifest is answered with 500.", answers(del, is(404), setStatus(500))},
		{"delete-manifest-unknown-code", "The deletion of an unknown manifest is reported as BLOB_UNKNOWN.", answers(del, is(404), setCode("BLOB_UNKNOWN"))},
		{"delete-repository-unknown-202", "The deletion of a manifest in a repository that doesn't exist is acknowledged.", unknownRepository(del, is(404), setStatus(202), setBody(""))},
		{"delete-blob-200", "The deletion of a blob is answered with 200 for 202.", answers(blb, is(202), setStatus(200))},
		{"delete-blob-204", "The deletion of a blob is answered with 204 for 202.", answers(blb, is(202), setStatus(204), drop("Content-Length"))},
		{"delete-blob-noop", "The deletion of a blob is acknowledged, and the blob stays, as one with a cache that isn't emptied.", deleteNoop(blb)},
		{"delete-blob-403", "The deletion of blobs is off, and refused with 403.", refuse(blb, 403, "DENIED")},
		{"delete-blob-404", "The deletion of blobs is off, and answered with 404.", refuse(blb, 404, "BLOB_UNKNOWN")},
		{"delete-blob-501", "The deletion of blobs is not implemented: 501.", refuse(blb, 501, "UNSUPPORTED")},
		{"delete-blob-405-deletes", "The deletion of a blob is refused with 405, and done.", answers(blb, is(202), setStatus(405), set("Allow", "GET, HEAD"), set("Content-Type", "application/json"), setBody(errorBody("UNSUPPORTED")))},
		{"delete-manifest-405-deletes", "The deletion of a manifest is refused with 405, and done.", answers(man, is(202), setStatus(405), set("Allow", "GET, HEAD, PUT"), set("Content-Type", "application/json"), setBody(errorBody("UNSUPPORTED")))},
		{"delete-blob-405-code", "The deletion of blobs is off, and refused with DENIED.", refuse(blb, 405, "DENIED")},
		{"delete-manifest-405-code", "The deletion of manifests is off, and refused with DENIED.", refuse(man, 405, "DENIED")},
		{"delete-blob-unknown-202", "The deletion of an unknown blob is acknowledged.", answers(blb, is(404), setStatus(202), setBody(""))},
		{"delete-blob-unknown-500", "The deletion of an unknown blob is answered with 500.", answers(blb, is(404), setStatus(500))},
		{"delete-blob-unknown-code", "The deletion of an unknown blob is reported as MANIFEST_UNKNOWN.", answers(blb, is(404), setCode("MANIFEST_UNKNOWN"))},
		{"delete-blob-for-ever", "A blob that was deleted can't be pulled though it is pushed again.", deletedForEver()},
	}
}

// deleteNoop acknowledges the deletion of what is there.
func deleteNoop(m match) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m(r) && ask(next, r, "HEAD", r.URL.Path, nil).status == http.StatusOK {
				w.Header().Set("Content-Length", "0")
				w.WriteHeader(http.StatusAccepted)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// keepsTags remembers each tag that was pushed with its manifest, and answers
// a pull from there when the manifest is gone.
func keepsTags() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		at := placeOf(r)
		if at.kind != manifest || !byTag(r) {
			next.ServeHTTP(w, r)
			return
		}
		key := at.name + ":" + at.arg
		var pushed []byte
		if r.Method == http.MethodPut {
			pushed = readBody(r)
			r = r.Clone(r.Context())
			setRequestBody(r, pushed)
		}
		x := do(next, r)
		if r.Method == http.MethodPut && x.status == http.StatusCreated {
			m.put(key, string(pushed))
			m.put(key+" type", r.Header.Get("Content-Type"))
		}
		body, kept := m.get(key)
		switch {
		case r.Method == http.MethodDelete && x.status == http.StatusAccepted:
			m.forget(key)
		case on("GET HEAD", manifest)(r) && x.status == http.StatusNotFound && kept:
			mediaType, _ := m.get(key + " type")
			x.status = http.StatusOK
			x.header.Set("Content-Type", mediaType)
			x.header.Set("Docker-Content-Digest", digestOf("sha256:", []byte(body)))
			x.replace([]byte(body))
		}
		x.send(w)
	})
}

func deletedForEver() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		at := placeOf(r)
		if at.kind != blob {
			next.ServeHTTP(w, r)
			return
		}
		if _, gone := m.get(at.name + "@" + at.arg); gone {
			refuse(always, 404, "BLOB_UNKNOWN")(next).ServeHTTP(w, r)
			return
		}
		x := do(next, r)
		if r.Method == http.MethodDelete && x.status == http.StatusAccepted {
			m.put(at.name+"@"+at.arg, "")
		}
		x.send(w)
	})
}
