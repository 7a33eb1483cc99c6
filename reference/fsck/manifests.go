package fsck

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// A node is as much of a descriptor as matters here.
type node struct {
	MediaType string   `json:"mediaType"`
	Digest    string   `json:"digest"`
	URLs      []string `json:"urls"`
}

// foreign reports whether the content need not be in the registry.
func (n node) foreign() bool {
	return len(n.URLs) > 0 && (strings.Contains(n.MediaType, ".foreign.") || strings.Contains(n.MediaType, ".nondistributable."))
}

// A document is what a manifest of any format refers to.
type document struct {
	Config    *node  `json:"config"`
	Layers    []node `json:"layers"`
	Blobs     []node `json:"blobs"`
	Manifests []node `json:"manifests"`
	FSLayers  []struct {
		BlobSum string `json:"blobSum"`
	} `json:"fsLayers"`
	Subject *node `json:"subject"`
}

// needs returns what must be among the blobs of the repository.
func (d *document) needs() []node {
	all := append(append([]node{}, d.Layers...), d.Blobs...)
	if d.Config != nil {
		all = append(all, *d.Config)
	}
	for _, l := range d.FSLayers {
		all = append(all, node{Digest: l.BlobSum})
	}
	return all
}

// load reads the content of a manifest; nil says that it is none.
func (c *checker) load(ctx context.Context, dgst string) (*document, error) {
	path := contentPath(dgst)
	info, err := c.d.Stat(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("stat %s: %w", path, err)
	}
	if info.Size() > manifestBound {
		return nil, nil
	}
	content, err := c.d.GetContent(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	doc := &document{}
	if json.Unmarshal(content, doc) != nil {
		return nil, nil
	}
	return doc, nil
}

// revision checks the link to a manifest, what the manifest refers to, and
// that the index of referrers has it.
func (c *checker) revision(ctx context.Context, e entry) error {
	target, err := c.link(ctx, e)
	if err != nil || target != e.parts[2]+":"+e.parts[3] {
		return settled(err) // an alias is checked where it leads to
	}
	c.sum.Manifests++
	doc, err := c.load(ctx, target)
	if err != nil {
		return err
	}
	if doc == nil {
		return c.violation(ManifestsClosed, e.path, "the content is no manifest")
	}
	for _, child := range doc.Manifests {
		if err := c.need(ctx, e, child, "_manifests/revisions", "_layers"); err != nil {
			return err
		}
	}
	for _, blob := range doc.needs() {
		if err := c.need(ctx, e, blob, "_layers"); err != nil {
			return err
		}
	}
	return c.indexed(ctx, e, target, doc.Subject)
}

// need checks that the repository has a link to n in one of the folders.
func (c *checker) need(ctx context.Context, e entry, n node, folders ...string) error {
	switch {
	case n.foreign() || strings.HasPrefix(n.Digest, "tarsum"):
		return nil
	case !valid(n.Digest):
		return c.violation(ManifestsClosed, e.path, "the manifest refers to %.100q, which is no digest", n.Digest)
	}
	for _, folder := range folders {
		there, err := c.exists(ctx, linkPath(repositories+"/"+e.name+"/"+folder, n.Digest))
		if there || err != nil {
			return err
		}
	}
	return c.violation(ManifestsClosed, e.path, "the manifest refers to %s, which the repository lacks", n.Digest)
}

// indexed checks that a complete index has the manifest under its subject.
func (c *checker) indexed(ctx context.Context, e entry, dgst string, subject *node) error {
	if subject == nil || !valid(subject.Digest) {
		return nil
	}
	index := repositories + "/" + e.name + "/_referrers"
	complete, err := c.exists(ctx, index+"/complete")
	if err != nil || !complete {
		return err
	}
	path := linkPath(index+"/"+strings.Replace(subject.Digest, ":", "/", 1), dgst)
	there, err := c.exists(ctx, path)
	if err == nil && !there {
		err = c.violation(ReferrersComplete, e.path, "the index of referrers lacks the manifest under its subject %s", subject.Digest)
	}
	return err
}

// referrer checks an entry of the index: the manifest may be gone, but must
// not have another subject.
func (c *checker) referrer(ctx context.Context, e entry) error {
	switch n := len(e.parts); {
	case e.dir, n == 2 && e.parts[1] == "complete":
		return nil
	case n != 6 || e.parts[5] != "link" || !valid(e.parts[1]+":"+e.parts[2]) || !valid(e.parts[3]+":"+e.parts[4]):
		return c.violation(NothingPartial, e.path, "the layout has no such file in the index of referrers")
	}
	subject, dgst := e.parts[1]+":"+e.parts[2], e.parts[3]+":"+e.parts[4]
	linked, err := c.exists(ctx, linkPath(repositories+"/"+e.name+"/_manifests/revisions", dgst))
	if err != nil {
		return err
	}
	if linked {
		if linked, err = c.exists(ctx, contentPath(dgst)); err != nil {
			return err
		}
	}
	if !linked {
		return c.leftover(ReferrersComplete, e.path, "the manifest of the entry is gone")
	}
	doc, err := c.load(ctx, dgst)
	if err != nil {
		return err
	}
	if doc == nil || doc.Subject == nil || doc.Subject.Digest != subject {
		return c.violation(ReferrersComplete, e.path, "the manifest of the entry has another subject")
	}
	return nil
}
