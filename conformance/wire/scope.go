package wire

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// scopesOf returns the token scopes that a request to a registry needs, from
// its method and URL; none for what is not about a repository.
func scopesOf(r *http.Request) []string {
	_, path, ok := strings.Cut(r.URL.Path, "/v2/")
	if !ok || path == "" {
		return nil
	}
	if path == "_catalog" {
		return []string{"registry:catalog:*"}
	}
	name := ""
	for _, end := range []string{"/blobs/", "/manifests/", "/tags/list", "/referrers/"} {
		if i := strings.LastIndex(path, end); i > 0 {
			name = path[:i]
			break
		}
	}
	if name == "" {
		return nil
	}
	actions := "pull"
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		actions = "pull,push"
	case http.MethodDelete:
		actions = "delete"
	}
	scopes := []string{"repository:" + name + ":" + actions}
	if from := mountFrom(r.URL); from != "" {
		scopes = append(scopes, "repository:"+from+":pull")
	}
	return scopes
}

func mountFrom(u *url.URL) string {
	if !strings.Contains(u.RawQuery, "from=") {
		return ""
	}
	return u.Query().Get("from")
}

// unionScopes returns the scopes of both lists, one for each resource, with
// the actions of all, sorted.
func unionScopes(a, b []string) []string {
	actions := map[string][]string{}
	for _, scope := range slices.Concat(a, b) {
		for part := range strings.FieldsSeq(scope) {
			resource, list := "", ""
			if i := strings.LastIndexByte(part, ':'); i >= 0 {
				resource, list = part[:i], part[i+1:]
			} else {
				resource = part
			}
			actions[resource] = append(actions[resource], strings.Split(list, ",")...)
		}
	}
	union := make([]string, 0, len(actions))
	for resource, list := range actions {
		slices.Sort(list)
		if all := strings.Join(slices.Compact(list), ","); all != "" {
			resource += ":" + all
		}
		union = append(union, resource)
	}
	slices.Sort(union)
	return union
}
