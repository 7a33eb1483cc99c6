package conformance

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// A Repo is a repository of the target, as one spec uses it. What is pushed
// through its methods is removed at the end of the spec.
type Repo struct {
	c    *Case
	Name string
}

// Paths below a repository, for the requests of [Repo].
func blobPath(d digest.Digest) string      { return "blobs/" + d.String() }
func manifestPath(reference string) string { return "manifests/" + reference }
func referrersPath(d digest.Digest) string { return "referrers/" + d.String() }

const (
	uploadsPath = "blobs/uploads/"
	tagsPath    = "tags/list"
)

// manifestTypes are what a client of today accepts (Accept).
func manifestTypes() []string {
	return []string{
		v1.MediaTypeImageManifest, v1.MediaTypeImageIndex,
		fixtures.MediaTypeDockerManifest, fixtures.MediaTypeDockerList,
	}
}

// URL returns the URL of path below the repository, relative to the target.
func (r *Repo) URL(path string) string { return r.c.access.root + r.Name + "/" + path }

// request returns a request for path below the repository. Manifests are asked
// for with an Accept header.
func (r *Repo) request(method, path string, edit []func(*wire.Request)) wire.Request {
	request := wire.Request{Method: method, URL: r.URL(path), Header: http.Header{}}
	if strings.HasPrefix(path, "manifests/") && (method == http.MethodGet || method == http.MethodHead) {
		request.Header.Set("Accept", strings.Join(manifestTypes(), ", "))
	}
	for _, f := range edit {
		f(&request)
	}
	return request
}

// Do sends a request for path below the repository, edited in turn by the
// given functions.
func (r *Repo) Do(method, path string, edit ...func(*wire.Request)) *wire.Exchange {
	return r.c.Do(r.request(method, path, edit))
}

// Get sends a GET for path below the repository.
func (r *Repo) Get(path string, edit ...func(*wire.Request)) *wire.Exchange {
	return r.Do(http.MethodGet, path, edit...)
}

// Head sends a HEAD for path below the repository.
func (r *Repo) Head(path string, edit ...func(*wire.Request)) *wire.Exchange {
	return r.Do(http.MethodHead, path, edit...)
}

// Delete sends a DELETE for path below the repository.
func (r *Repo) Delete(path string, edit ...func(*wire.Request)) *wire.Exchange {
	return r.Do(http.MethodDelete, path, edit...)
}

// query adds a query parameter to a request; header sets a header field;
// body sets the body with its type.
func query(name, value string) func(*wire.Request) {
	return func(r *wire.Request) {
		if r.Query == nil {
			r.Query = url.Values{}
		}
		r.Query.Add(name, value)
	}
}

func header(name, value string) func(*wire.Request) {
	return func(r *wire.Request) { r.Header.Set(name, value) }
}

func body(mediaType string, content []byte) func(*wire.Request) {
	return func(r *wire.Request) {
		r.Body = content
		if r.Body == nil {
			r.Body = []byte{}
		}
		if mediaType != "" {
			r.Header.Set("Content-Type", mediaType)
		}
	}
}

// PutManifest pushes m, and nothing that it refers to, under reference.
func (r *Repo) PutManifest(reference string, m fixtures.Manifest, edit ...func(*wire.Request)) *wire.Exchange {
	r.c.pushed.add(kindManifest, r, manifestPath(m.Digest.String()))
	if !strings.Contains(reference, ":") {
		r.c.pushed.add(kindTag, r, manifestPath(reference))
	}
	edit = append([]func(*wire.Request){body(m.MediaType, m.Content)}, edit...)
	return r.Do(http.MethodPut, manifestPath(reference), edit...)
}

// TryManifest is PutManifest of what should be refused, which is removed only
// if it is not.
func (r *Repo) TryManifest(reference string, m fixtures.Manifest, edit ...func(*wire.Request)) *wire.Exchange {
	edit = append([]func(*wire.Request){body(m.MediaType, m.Content)}, edit...)
	x := r.Do(http.MethodPut, manifestPath(reference), edit...)
	if x.Status/100 == 2 {
		r.c.pushed.add(kindTag, r, manifestPath(reference))
	}
	return x
}

// GivenBlobs pushes blobs by POST and PUT.
func (r *Repo) GivenBlobs(blobs ...fixtures.Blob) {
	ginkgo.GinkgoHelper()
	for _, b := range blobs {
		u := r.GivenUpload()
		r.c.Given(requirement.PushBlobCreated, u.Put(b.Digest, b.Content), wire.HaveSuccess())
	}
}

// GivenContent pushes what m refers to, in an order that any registry takes,
// but not m itself.
func (r *Repo) GivenContent(m fixtures.Manifest) {
	ginkgo.GinkgoHelper()
	r.GivenBlobs(m.Blobs...)
	for _, child := range m.Children {
		r.GivenManifest(child.Digest.String(), child)
	}
}

// GivenManifest pushes m, with what it refers to, under reference.
func (r *Repo) GivenManifest(reference string, m fixtures.Manifest, edit ...func(*wire.Request)) *wire.Exchange {
	ginkgo.GinkgoHelper()
	r.GivenContent(m)
	x := r.PutManifest(reference, m, edit...)
	r.c.Given(requirement.ManifestsPushCreated, x, wire.HaveSuccess())
	return x
}

// GivenImage pushes a small image of the spec's own content under reference,
// or by digest if that is "". Then one that is there already does as well.
func (r *Repo) GivenImage(reference string, options ...fixtures.Option) fixtures.Manifest {
	ginkgo.GinkgoHelper()
	if r.c.access.held != nil && reference == "" && len(options) == 0 && r == r.c.Repo() {
		m, _ := r.c.pushedManifest(ociKinds()[0], "digest")
		return m
	}
	m := r.c.Content.Image(append([]fixtures.Option{fixtures.Layers(1), fixtures.LayerSize(64)}, options...)...).Manifest
	if reference == "" {
		reference = m.Digest.String()
	}
	r.GivenManifest(reference, m)
	return m
}
