// Package route reads the path of a request to the registry's API.
//
// A repository name may hold slashes, and segments such as "blobs" or "tags",
// so a path is cut from its right end, where the shapes of the endpoints
// stand; what is left over is the name. It knows paths alone: no methods, no
// grammar of names, tags or digests.
package route

import (
	"net/url"
	"strings"
)

// A Kind is an endpoint of the API.
type Kind int

// The endpoints. None stands for a path that names none of them.
const (
	None      Kind = iota
	Root           // /
	Base           // /v2/
	Catalog        // /v2/_catalog
	Tags           // /v2/<name>/tags/list
	Manifest       // /v2/<name>/manifests/<reference>
	Referrers      // /v2/<name>/referrers/<digest>
	Uploads        // /v2/<name>/blobs/uploads/
	Upload         // /v2/<name>/blobs/uploads/<id>
	Blob           // /v2/<name>/blobs/<digest>
)

// A Route is a path that was read. Name and Arg are decoded, and not yet
// checked against any grammar.
type Route struct {
	Kind Kind
	// Name is the repository, for the kinds that have one.
	Name string
	// Arg is the reference, digest or session id, for the kinds that have one.
	Arg string
}

// Parse reads an escaped path, as [url.URL.EscapedPath] gives it. The route is
// None for a path of no endpoint, and for one that could be read in two ways:
// with an empty, "." or ".." segment, a wrong escape, or an escaped slash.
func Parse(escaped string) Route {
	switch escaped {
	case "", "/":
		return Route{Kind: Root}
	case "/v2", "/v2/":
		return Route{Kind: Base}
	}
	rest, ok := strings.CutPrefix(escaped, "/v2/")
	if !ok {
		return Route{}
	}
	rest, slash := strings.CutSuffix(rest, "/")
	segments, ok := split(rest)
	if !ok {
		return Route{}
	}
	r := cut(segments)
	if slash && r.Kind != Uploads {
		return Route{}
	}
	return r
}

// split returns the decoded segments of a path, unless one of them could be
// taken for more or less than a segment.
func split(path string) ([]string, bool) {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		s, err := url.PathUnescape(s)
		if err != nil || s == "" || s == "." || s == ".." || strings.Contains(s, "/") {
			return nil, false
		}
		segments[i] = s
	}
	return segments, true
}

func cut(segments []string) Route {
	n := len(segments)
	// at returns the i-th segment from the right, beginning with 1.
	at := func(i int) string {
		if i > n {
			return ""
		}
		return segments[n-i]
	}
	name := func(tail int) string { return strings.Join(segments[:max(0, n-tail)], "/") }
	r := Route{}
	switch {
	case n == 1 && at(1) == "_catalog":
		return Route{Kind: Catalog}
	case at(2) == "tags" && at(1) == "list":
		r = Route{Kind: Tags, Name: name(2)}
	case at(2) == "manifests":
		r = Route{Kind: Manifest, Name: name(2), Arg: at(1)}
	case at(2) == "referrers":
		r = Route{Kind: Referrers, Name: name(2), Arg: at(1)}
	case at(3) == "blobs" && at(2) == "uploads":
		r = Route{Kind: Upload, Name: name(3), Arg: at(1)}
	case at(2) == "blobs" && at(1) == "uploads":
		r = Route{Kind: Uploads, Name: name(2)}
	case at(2) == "blobs":
		r = Route{Kind: Blob, Name: name(2), Arg: at(1)}
	}
	if r.Name == "" {
		return Route{}
	}
	return r
}
