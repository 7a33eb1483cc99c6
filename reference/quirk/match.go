package quirk

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// A kind is an endpoint of the API.
type kind int

const (
	none kind = iota
	base
	catalog
	tagList
	manifest
	referrerList
	uploads
	upload
	blob
)

// A place is what a path names.
type place struct {
	kind kind
	name string
	arg  string
}

// placeOf cuts a path from its right end, since names may hold slashes.
func placeOf(r *http.Request) place {
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	if !ok {
		if r.URL.Path == "/v2" {
			return place{kind: base}
		}
		return place{}
	}
	path = strings.TrimSuffix(path, "/")
	parts := strings.Split(path, "/")
	n := len(parts)
	at := func(i int) string {
		if i > n {
			return ""
		}
		return parts[n-i]
	}
	name := func(tail int) string { return strings.Join(parts[:max(n-tail, 0)], "/") }
	switch {
	case path == "":
		return place{kind: base}
	case path == "_catalog":
		return place{kind: catalog}
	case at(2) == "tags" && at(1) == "list":
		return place{tagList, name(2), ""}
	case at(2) == "manifests":
		return place{manifest, name(2), at(1)}
	case at(2) == "referrers":
		return place{referrerList, name(2), at(1)}
	case at(3) == "blobs" && at(2) == "uploads":
		return place{upload, name(3), at(1)}
	case at(2) == "blobs" && at(1) == "uploads":
		return place{uploads, name(2), ""}
	case at(2) == "blobs":
		return place{blob, name(2), at(1)}
	}
	return place{}
}

// setPath changes the path of r, which must be a copy.
func setPath(r *http.Request, path string) {
	r.URL.Path, r.URL.RawPath = path, ""
}

// A match tells whether a request is one that the quirk is about.
type match func(*http.Request) bool

// on matches requests to the endpoints by one of the methods, which stand in
// one string with spaces between them.
func on(methods string, kinds ...kind) match {
	return func(r *http.Request) bool {
		if !strings.Contains(" "+methods+" ", " "+r.Method+" ") {
			return false
		}
		at := placeOf(r).kind
		for _, k := range kinds {
			if k == at {
				return true
			}
		}
		return false
	}
}

func always(*http.Request) bool { return true }

// and matches what all of them match.
func and(all ...match) match {
	return func(r *http.Request) bool {
		for _, m := range all {
			if !m(r) {
				return false
			}
		}
		return true
	}
}

func not(m match) match { return func(r *http.Request) bool { return !m(r) } }

// having matches requests with a query parameter, whatever its value.
func having(parameter string) match {
	return func(r *http.Request) bool { return r.URL.Query().Has(parameter) }
}

// withHeader matches requests with a header, whatever its value.
func withHeader(key string) match {
	return func(r *http.Request) bool { return len(r.Header.Values(key)) > 0 }
}

// asking matches requests whose query parameter has the value.
func asking(parameter, value string) match {
	return func(r *http.Request) bool {
		return r.URL.Query().Get(parameter) == value && r.URL.Query().Has(parameter)
	}
}

var (
	digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$`)
	tagForm    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	looseTag   = regexp.MustCompile(`[^a-zA-Z0-9._-]`)
	nameForm   = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	loosePart  = regexp.MustCompile(`[^a-z0-9]+`)
)

// byTag and byDigest match by the form of the reference in the path.
func byTag(r *http.Request) bool    { return !strings.Contains(placeOf(r).arg, ":") }
func byDigest(r *http.Request) bool { return strings.Contains(placeOf(r).arg, ":") }

// argLike matches by the last segment of the path.
func argLike(pattern string) match {
	re := regexp.MustCompile(pattern)
	return func(r *http.Request) bool { return re.MatchString(placeOf(r).arg) }
}

// query changes the parameters of r, which must be a copy.
func query(r *http.Request, change func(url.Values)) {
	q := r.URL.Query()
	change(q)
	r.URL.RawQuery = q.Encode()
}
