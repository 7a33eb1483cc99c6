package quirk

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

const (
	typeSigned   = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	typeUnsigned = "application/vnd.docker.distribution.manifest.v1+json"
)

// schema1 are faults of registries that take signed manifests of schema 1.
func schema1() []Quirk {
	put := on("PUT", manifest)
	get := on("GET", manifest)
	taken := []edit{setStatus(201), setBody("")}
	bad := func(is func(pretty) bool, code string) wrap {
		return answers(and(put, body(is)), whether(any4xx, coded(code)), taken...)
	}
	return []Quirk{
		{"schema1-push-202", "A signed manifest is answered with 202 for 201.", answers(and(put, body(pretty.signed)), is(201), setStatus(202))},
		{"schema1-push-no-location", "The 201 to a signed manifest has no Location.", answers(and(put, body(pretty.signed)), is(201), drop("Location"))},
		{"schema1-by-digest-refused", "A signed manifest is refused under a digest, even that of its payload.", refuse(and(put, byDigest, body(pretty.signed)), 400, "MANIFEST_INVALID")},
		{"schema1-rsa-refused", "Signatures by RSA are refused.", refuse(and(put, body(pretty.rsa)), 400, "MANIFEST_INVALID")},
		{"schema1-chain-refused", "Signatures with certificates in place of a key are refused.", refuse(and(put, body(pretty.chained)), 400, "MANIFEST_INVALID")},
		{"schema1-json-refused", "A signed manifest is refused as application/json.", refuse(and(put, contentType("application/json"), body(pretty.signed)), 400, "MANIFEST_INVALID")},
		{"schema1-get-respelled", "A signed manifest comes as JSON that was encoded again.", alike(isSigned, editBody(respellJSON))},
		{"schema1-get-unsigned", "A signed manifest comes without its signatures.", alike(isSigned, editBody(func(b []byte) []byte { return readPretty(b).payload() }))},
		{"schema1-get-signature-broken", "A signed manifest comes with a signature of which one letter is another.", alike(isSigned, editBody(breakSignature))},
		{"schema1-get-type-json", "A signed manifest comes as application/json.", alike(isSigned, set("Content-Type", "application/json"))},
		{"schema1-head-length-wrong", "A HEAD of a signed manifest has a length that is one too small.", answers(on("HEAD", manifest), isSigned, editHeader("Content-Length", func(s string) string { return plus(s, -1) }))},
		{"schema1-head-404", "A HEAD of a signed manifest is answered with 404.", answers(on("HEAD", manifest), isSigned, setStatus(404), setBody(""))},
		{"schema1-accept-needed", "A signed manifest is unknown to who doesn't accept its type by name.", answers(get, whether(isSigned, func(x *exchange) bool { return !accepting(typeSigned)(x) }), setStatus(404), set("Content-Type", "application/json"), setBody(errorBody("MANIFEST_UNKNOWN")))},
		{"schema1-rewritten-unsigned", "A schema 2 image is rewritten for old clients, and not signed.", answers(and(get, byTag), whether(is(200), rewritable), set("Content-Type", typeSigned), rewritten)},
		{"schema1-rewritten-500", "A schema 2 image is answered with 500 to old clients.", answers(and(get, byTag), whether(is(200), rewritable), setStatus(500), set("Content-Type", "application/json"), setBody(errorBody("UNKNOWN")))},
		{"schema1-digest-of-all", "Docker-Content-Digest is the digest of a signed manifest with its signatures.", both(
			alike(isSigned, func(x *exchange) { x.header.Set("Docker-Content-Digest", digestOf("", x.body)) }),
			answers(and(put, body(pretty.signed)), is(201), func(x *exchange) {
				x.header.Set("Docker-Content-Digest", digestOf("", bodyOf(x.r)))
			}))},
		{"schema1-digest-unchecked", "A signed manifest is taken under any digest.", answers(and(put, byDigest, body(pretty.signed)), coded("DIGEST_INVALID"), taken...)},
		{"schema1-signed-anew", "A signed manifest comes with a signature by the registry in place of those that were pushed, as later versions of Docker's did.", alike(isSigned, editBody(signedAnew))},
		{"schema1-signatures-latest", "Of a manifest's signatures those of the latest push come.", latestSignatures()},
		{"schema1-signatures-shuffled", "The order of a manifest's signatures is another each time.", shuffledSignatures(isSigned)},
		{"schema1-signature-twice", "A manifest's first signature comes twice.", alike(isSigned, editBody(func(b []byte) []byte {
			p := readPretty(b)
			return p.with(append(p.list[:1:1], p.list...))
		}))},
		{"schema1-unchecked", "Signatures are read, and not verified.", bad(pretty.whole, "MANIFEST_UNVERIFIED")},
		{"schema1-rsa-wrong-500", "A wrong signature by RSA is answered with 500, as the library tells it in other words.", answers(and(put, body(pretty.rsa)), coded("MANIFEST_UNVERIFIED"), setStatus(500), setCode("UNKNOWN"))},
		{"schema1-one-right-enough", "One right signature is enough, whatever the others are.", bad(func(p pretty) bool { return len(p.list) > 1 }, "MANIFEST_UNVERIFIED")},
		{"schema1-unverified-code", "A manifest that isn't verified is reported as MANIFEST_INVALID.", answers(put, coded("MANIFEST_UNVERIFIED"), setCode("MANIFEST_INVALID"))},
		{"schema1-unverified-500", "A manifest that isn't verified is answered with 500.", answers(put, coded("MANIFEST_UNVERIFIED"), setStatus(500))},
		{"schema1-kid-unchecked", "The kid of a key isn't looked at.", editSignatures(put, func(s *signature) { delete(s.jwk, "kid") })},
		{"schema1-algorithm-unchecked", "The algorithm that a signature claims isn't looked at.", editSignatures(put, func(s *signature) { s.header["alg"] = s.algorithm() })},
		{"schema1-keyless-201", "A signature without a usable key is taken.", bad(pretty.keyless, "MANIFEST_UNVERIFIED")},
		{"schema1-length-unchecked", "A protected length that isn't that of the payload is taken.", bad(func(p pretty) bool { return p.signed() && !p.protects() }, "MANIFEST_UNVERIFIED")},
		{"schema1-unprotected-dropped", "What stands outside the protected length is dropped, and the rest taken.", requests(and(put, body(pretty.protects)), func(r *http.Request) {
			p := readPretty(readBody(r))
			p.end = p.length()
			setRequestBody(r, p.with(p.list))
		})},
		{"schema1-unsigned-201", "A manifest without signatures is taken.", bad(func(p pretty) bool { return p.fields["fsLayers"] != nil && p.fields["signatures"] == nil }, "MANIFEST_UNVERIFIED")},
		{"schema1-empty-201", "A manifest with an empty list of signatures is taken.", bad(func(p pretty) bool { return p.fields["signatures"] != nil && len(p.list) == 0 }, "MANIFEST_UNVERIFIED")},
		{"schema1-refused-served", "A signed manifest that was refused is served all the same.", refusedServed()},
		{"schema1-name-any", "The name in a signed manifest may be that of another repository.", bad(func(p pretty) bool { return nameForm.MatchString(p.text("name")) && len(p.text("name")) < 256 }, "NAME_INVALID")},
		{"schema1-name-loose", "The name in a signed manifest must have a valid one in it.", bad(func(p pretty) bool {
			return !nameForm.MatchString(p.text("name")) && strings.ContainsAny(p.text("name"), "abcdefghijklmnopqrstuvwxyz")
		}, "NAME_INVALID")},
		{"schema1-tag-any", "The tag in a signed manifest may be another than the one that it is pushed to.", bad(pretty.signed, "TAG_INVALID")},
		{"schema1-tag-code", "A wrong tag in a signed manifest is reported as MANIFEST_INVALID.", answers(put, coded("TAG_INVALID"), setCode("MANIFEST_INVALID"))},
		{"schema1-history-any", "A signed manifest may have any number of entries of history.", bad(func(p pretty) bool { return p.signed() && p.count("history") != p.count("fsLayers") }, "MANIFEST_INVALID")},
		{"schema1-layers-one-reported", "Of all the layers that a signed manifest lacks, one is reported.", answers(and(put, body(pretty.signed)), any4xx, editErrorList(oneOfEachCode))},
		{"schema1-layers-repeated", "A missing layer of a signed manifest is reported twice.", answers(and(put, body(pretty.signed)), coded("MANIFEST_BLOB_UNKNOWN"), editErrorList(func(l []any) []any { return append(l, l[len(l)-1]) }))},
		{"schema1-errors-first", "Of all that is wrong with a signed manifest one kind is reported.", answers(and(put, body(pretty.signed)), any4xx, editErrorList(ofFirstCode))},
		{"schema1-mistyped-201", "A manifest of schema 1 is taken as one of schema 2, and the other way round.", answers(and(put, body(pretty.mistyped)), any4xx, taken...)},
		{"schema1-confused-201", "A signed manifest may have layers or manifests as well.", bad(func(p pretty) bool { return p.signed() && (p.fields["layers"] != nil || p.fields["manifests"] != nil) }, "MANIFEST_INVALID")},
		{"schema1-too-large-500", "A signed manifest that is too large is answered with 500.", answers(and(put, contentType(typeSigned)), is(413), setStatus(500))},
	}
}

// isSigned is the condition that the answer is a signed manifest.
func isSigned(x *exchange) bool {
	return x.status == http.StatusOK && x.header.Get("Content-Type") == typeSigned
}

// accepting is the condition that the request names the media type as one that
// it accepts.
func accepting(mediaType string) condition {
	return func(x *exchange) bool {
		return strings.Contains(strings.Join(x.r.Header.Values("Accept"), ","), mediaType)
	}
}

// rewritable is the condition that the answer is a schema 2 image, for a client
// that knows schema 1 alone.
func rewritable(x *exchange) bool {
	return x.header.Get("Content-Type") == typeDockerImage && accepting(typeSigned)(x) && !accepting(typeDockerImage)(x)
}

// rewritten is a schema 2 image in schema 1, unsigned.
func rewritten(x *exchange) {
	var image struct{ Layers []struct{ Digest string } }
	_ = json.Unmarshal(x.body, &image)
	layers, history := []any{}, []any{}
	for i := range image.Layers {
		layers = append(layers, map[string]string{"blobSum": image.Layers[len(image.Layers)-1-i].Digest})
		history = append(history, map[string]string{"v1Compatibility": "{}"})
	}
	at := placeOf(x.r)
	x.replace(marshal(map[string]any{
		"schemaVersion": 1, "name": at.name, "tag": at.arg, "architecture": "amd64", "fsLayers": layers, "history": history,
	}))
	x.header.Set("Docker-Content-Digest", digestOf("", x.body))
}

// editErrorList changes the list of errors.
func editErrorList(change func([]any) []any) edit {
	return editJSON(func(doc map[string]any) {
		if l := list(doc, "errors"); len(l) > 0 {
			doc["errors"] = change(l)
		}
	})
}

func codeOf(entry any) any {
	fields, _ := entry.(map[string]any)
	return fields["code"]
}

func oneOfEachCode(l []any) []any {
	return slices.CompactFunc(l, func(a, b any) bool { return codeOf(a) == codeOf(b) })
}

func ofFirstCode(l []any) []any {
	return slices.DeleteFunc(l, func(e any) bool { return codeOf(e) != codeOf(l[0]) })
}

// alike edits the answers to GET and HEAD of a manifest in the same way, since a
// HEAD is answered from a GET.
func alike(due condition, edits ...edit) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !on("GET HEAD", manifest)(r) {
				next.ServeHTTP(w, r)
				return
			}
			get := r.Clone(r.Context())
			get.Method = http.MethodGet
			x := do(next, get)
			if due(x) {
				for _, e := range edits {
					e(x)
				}
			}
			if r.Method == http.MethodHead {
				x.body = nil
			}
			x.send(w)
		})
	}
}

// latestSignatures serves a signed manifest as it was pushed last.
func latestSignatures() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		name := placeOf(r).name + "@"
		if on("PUT", manifest)(r) {
			r = r.Clone(r.Context())
			pushed := bodyOf(r)
			x := do(next, r)
			if x.status == http.StatusCreated && readPretty(pushed).signed() {
				m.put(name+x.header.Get("Docker-Content-Digest"), string(pushed))
			}
			x.send(w)
			return
		}
		alike(isSigned, func(x *exchange) {
			if latest, ok := m.get(name + x.header.Get("Docker-Content-Digest")); ok {
				x.replace([]byte(latest))
			}
		})(next).ServeHTTP(w, r)
	})
}

// shuffledSignatures turns the list of signatures around every other time.
func shuffledSignatures(due condition) wrap {
	return func(next http.Handler) http.Handler {
		var count atomic.Uint64
		return alike(due, func(x *exchange) {
			p := readPretty(x.body)
			if count.Add(1)%2 == 0 {
				slices.Reverse(p.list)
			}
			x.replace(p.with(p.list))
		})(next)
	}
}

// refusedServed serves at a tag the signed manifest that was refused there last.
func refusedServed() wrap {
	return remembering(func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request) {
		switch {
		case on("PUT", manifest)(r):
			r = r.Clone(r.Context())
			pushed := bodyOf(r)
			x := do(next, r)
			if any4xx(x) && readPretty(pushed).signed() {
				m.put(r.URL.Path, string(pushed))
			}
			x.send(w)
		case on("GET", manifest)(r):
			x := do(next, r)
			if refused, ok := m.get(r.URL.Path); ok && x.status == http.StatusNotFound {
				x.status = http.StatusOK
				x.header.Set("Content-Type", typeSigned)
				x.replace([]byte(refused))
			}
			x.send(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
