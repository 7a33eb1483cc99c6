package embedded

import (
	"net/http"
	"slices"
)

// front puts before the registry what does not depend on its content.
func front(h http.Handler, o Options) http.Handler {
	if o.ReadOnly {
		h = readOnly(h)
	}
	if len(o.Headers) > 0 {
		h = withHeaders(h, o.Headers)
	}
	return h
}

// readOnly refuses every request that would change something.
func readOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", "GET, HEAD")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusMethodNotAllowed)
		w.Write([]byte(`{"errors":[{"code":"UNSUPPORTED","message":"the registry is read-only"}]}` + "\n"))
	})
}

// withHeaders adds headers to each answer.
func withHeaders(h http.Handler, headers http.Header) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range headers {
			w.Header()[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
		h.ServeHTTP(w, r)
	})
}
