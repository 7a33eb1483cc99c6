package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// Bounds of what is looked at of the content that a target holds already.
const (
	maxFoundChildren = 4
	maxFoundBlobs    = 8
)

// Content names manifests that the first repository of a target holds already.
// Where there are some, a run changes nothing there: it judges the pull of them
// and of their blobs, and leaves out each spec that needs content of its own.
type Content struct {
	Tags    []string
	Digests []digest.Digest
}

// Given reports whether there is any.
func (g Content) Given() bool { return len(g.Tags)+len(g.Digests) > 0 }

// A found manifest has a tag, unless it was given by its digest or by an index.
type found struct {
	fixtures.Manifest
	tag string
}

// content is what a target holds already. Bytes are as they came: whether they
// are those of the digest is for specs to judge.
type content struct {
	manifests []found
	blobs     []fixtures.Blob
}

// find reads the content that is given. It fails if a manifest isn't there.
func (a *access) find(ctx context.Context, given Content) error {
	held := &content{}
	for _, tag := range given.Tags {
		m, err := a.findTagged(ctx, tag)
		if err != nil {
			return err
		}
		held.manifests = append(held.manifests, found{m, tag})
	}
	for _, d := range given.Digests {
		m, err := a.findManifest(ctx, d)
		if err != nil {
			return err
		}
		held.manifests = append(held.manifests, found{m, ""})
	}
	for _, m := range held.manifests {
		children := documentOf(m.Content).Manifests
		for _, desc := range children[:min(maxFoundChildren, len(children))] {
			if child, err := a.findManifest(ctx, desc.Digest); err == nil { // an index may be sparse
				held.manifests = append(held.manifests, found{child, ""})
			}
		}
	}
	a.findBlobs(ctx, held)
	a.held = held
	return nil
}

// findManifest reads a manifest by its digest.
func (a *access) findManifest(ctx context.Context, d digest.Digest) (fixtures.Manifest, error) {
	m, _, err := a.pull(ctx, d.String())
	m.Digest = d
	return m, err
}

// findTagged reads a manifest by its tag, or by the digest that comes with it if
// that is another than that of the bytes, and names something.
func (a *access) findTagged(ctx context.Context, tag string) (fixtures.Manifest, error) {
	m, x, err := a.pull(ctx, tag)
	if err != nil {
		return m, err
	}
	if told, err := digest.Parse(x.Header().Get(digestHeader)); err == nil && told != m.Digest {
		if named, err := a.findManifest(ctx, told); err == nil {
			return named, nil
		}
	}
	return m, nil
}

// pull gets a manifest, whose digest is that of the bytes that come.
func (a *access) pull(ctx context.Context, reference string) (fixtures.Manifest, *wire.Exchange, error) {
	repository := a.registry.Repositories[0]
	x := a.client.Recorder().Do(ctx, wire.Request{
		Method: http.MethodGet, URL: a.root + repository + "/" + manifestPath(reference),
		Header: http.Header{"Accept": {strings.Join(manifestTypes(), ", ")}},
	})
	if x.Status/100 != 2 {
		return fixtures.Manifest{}, x, fmt.Errorf("the content %s of %s can't be pulled: %s", reference, repository, x.Outcome())
	}
	document := documentOf(x.Body())
	m := fixtures.Manifest{Blob: fixtures.NewBlob(document.MediaType, slices.Clone(x.Body())), ArtifactType: document.ArtifactType}
	if m.MediaType == "" {
		m.MediaType, _, _ = mime.ParseMediaType(x.Header().Get("Content-Type"))
	}
	return m, x, nil
}

// A document is what an image or an index says of itself and refers to.
type document struct {
	MediaType    string          `json:"mediaType"`
	ArtifactType string          `json:"artifactType"`
	Config       v1.Descriptor   `json:"config"`
	Layers       []v1.Descriptor `json:"layers"`
	Manifests    []v1.Descriptor `json:"manifests"`
}

func documentOf(content []byte) (d document) {
	_ = json.Unmarshal(content, &d) // what is none refers to nothing
	return d
}

// findBlobs reads the smallest blobs of each manifest.
func (a *access) findBlobs(ctx context.Context, held *content) {
	for i, m := range held.manifests {
		of := documentOf(m.Content)
		all := slices.DeleteFunc(append(of.Layers, of.Config), func(d v1.Descriptor) bool {
			return d.Digest.Validate() != nil || len(d.URLs) > 0 || d.Size > wire.DefaultMaxBody
		})
		slices.SortStableFunc(all, func(x, y v1.Descriptor) int { return int(x.Size - y.Size) })
		for _, desc := range all {
			if slices.ContainsFunc(held.blobs, func(b fixtures.Blob) bool { return b.Digest == desc.Digest }) {
				continue
			}
			if len(held.blobs) == maxFoundBlobs {
				return
			}
			x := a.client.Recorder().Do(ctx, wire.Request{Method: http.MethodGet, URL: a.root + a.registry.Repositories[0] + "/" + blobPath(desc.Digest)})
			b := fixtures.Blob{MediaType: desc.MediaType, Digest: desc.Digest, Content: slices.Clone(x.Body())}
			held.blobs = append(held.blobs, b)
			held.manifests[i].Blobs = append(held.manifests[i].Blobs, b)
		}
	}
}

// manifest returns one of the manifests that is what is wanted, with a reference
// by tag or by digest, or "" if there is none.
func (h *content) manifest(is func(fixtures.Manifest) bool, by string) (fixtures.Manifest, string) {
	for _, m := range h.manifests {
		switch {
		case !is(m.Manifest):
		case by == "digest":
			return m.Manifest, m.Digest.String()
		case m.tag != "":
			return m.Manifest, m.tag
		}
	}
	return fixtures.Manifest{}, ""
}

// leaveOut ends the spec: the run judges what the target holds already.
func (c *Case) leaveOut(why string) {
	ginkgo.GinkgoHelper()
	c.end(report.NotSelected, why+", and the run pushes nothing")
}

// mayDo ends the spec before a request that could change what the target holds,
// if the run is not to.
func (c *Case) mayDo(method string) {
	ginkgo.GinkgoHelper()
	if c.access.held != nil && method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions {
		c.leaveOut("the spec needs content of its own")
	}
}
