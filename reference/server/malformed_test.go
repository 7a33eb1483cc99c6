package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/registryconform/conform/fixtures/malformed"
)

// openMalformed returns a site that has what the vectors refer to.
func openMalformed(t *testing.T) (*site, malformed.Index) {
	t.Helper()
	x, err := malformed.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := openSchema1(t)
	for _, part := range x.Content {
		var a *answer
		if part.MediaType == "" {
			a = s.do(http.MethodPost, "/v2/"+x.Repository+"/blobs/uploads/?digest="+part.Digest.String(), string(part.Content), "Content-Type", "application/octet-stream")
		} else {
			a = s.do(http.MethodPut, "/v2/"+x.Repository+"/manifests/"+part.Digest.String(), string(part.Content), "Content-Type", part.MediaType)
		}
		a.want(http.StatusCreated)
	}
	return s, x
}

// answers reports whether the answer is that which the vector expects: never a
// failure of the server, always an error document.
func answers(t *testing.T, v malformed.Vector, a *answer, success int) bool {
	t.Helper()
	if v.Expect == malformed.Accept {
		if a.status != success {
			t.Errorf("%s: %d %s, want %d", v.Name, a.status, a.body, success)
		}
		return a.status == success
	}
	var document struct{ Errors []struct{ Code string } }
	if err := json.Unmarshal([]byte(a.body), &document); err != nil || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %d %q is no error document: %v", v.Name, a.status, a.body, err)
	}
	var codes []string
	for _, e := range document.Errors {
		codes = append(codes, e.Code)
	}
	if a.status != http.StatusBadRequest || !slices.Contains(codes, v.Expect) {
		t.Errorf("%s: %d %s, want 400 %s", v.Name, a.status, a.body, v.Expect)
	}
	return false
}

// Every malformed manifest is refused with the code that is expected; what is
// accepted comes back as it was.
func TestMalformedManifests(t *testing.T) {
	t.Parallel()
	s, x := openMalformed(t)
	for _, v := range x.Vectors {
		if v.Kind != malformed.Manifest {
			continue
		}
		path := "/v2/" + x.Repository + "/manifests/" + x.Reference
		if !answers(t, v, s.do(http.MethodPut, path, string(v.Content), "Content-Type", v.MediaType), http.StatusCreated) {
			continue
		}
		got := s.do(http.MethodGet, path, "")
		if mediaType, _, _ := strings.Cut(v.MediaType, ";"); got.status != http.StatusOK || got.header.Get("Content-Type") != mediaType {
			t.Errorf("%s comes back with %d as %s", v.Name, got.status, got.header.Get("Content-Type"))
		}
		if !strings.HasPrefix(v.Name, "signature/") && got.body != string(v.Content) { // signatures add up
			t.Errorf("%s comes back as %s", v.Name, got.body)
		}
	}
}

// Every malformed name, tag and digest in a path is answered as the client's
// fault: by its code, or as a path of no endpoint.
func TestMalformedPaths(t *testing.T) {
	t.Parallel()
	s, x := openMalformed(t)
	image := x.Content[slices.IndexFunc(x.Content, func(p malformed.Part) bool { return p.MediaType != "" })]
	for _, v := range x.Vectors {
		segments := strings.Split(string(v.Content), "/")
		for i := range segments {
			segments[i] = url.PathEscape(segments[i])
		}
		in := strings.Join(segments, "/")
		var got *answer
		success := http.StatusCreated
		switch v.Kind {
		case malformed.Name: // without its blobs, the image can't be pushed there
			got, success = s.do(http.MethodGet, "/v2/"+in+"/tags/list", ""), http.StatusNotFound
		case malformed.Tag:
			got = s.do(http.MethodPut, "/v2/"+x.Repository+"/manifests/"+in, string(image.Content), "Content-Type", image.MediaType)
		case malformed.Digest:
			got, success = s.do(http.MethodGet, "/v2/"+x.Repository+"/blobs/"+in, ""), http.StatusNotFound
		default:
			continue
		}
		if got.status == http.StatusNotFound && strings.Contains(got.body, "no such endpoint") && v.Expect != malformed.Accept {
			continue
		}
		answers(t, v, got, success)
	}
}

// Every layer is a blob like any other, archive or not.
func TestMalformedLayers(t *testing.T) {
	t.Parallel()
	s, x := openMalformed(t)
	for _, v := range x.Vectors {
		if v.Kind != malformed.Layer {
			continue
		}
		dgst := sum(string(v.Content))
		put := s.do(http.MethodPost, "/v2/"+x.Repository+"/blobs/uploads/?digest="+dgst, string(v.Content), "Content-Type", "application/octet-stream")
		if answers(t, v, put, http.StatusCreated) {
			if got := s.do(http.MethodGet, "/v2/"+x.Repository+"/blobs/"+dgst, ""); got.body != string(v.Content) {
				t.Errorf("%s comes back as %q", v.Name, got.body)
			}
		}
	}
}
