package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/reference/registry"
)

// maxReferrersBytes bounds the index of one page, so that a client that reads
// no more than a manifest's size can read it.
const maxReferrersBytes = 4 << 20

// A referrersPage is one page of a list of referrers.
type referrersPage struct {
	entries []json.RawMessage
	last    digest.Digest
	more    bool
}

// listReferrers answers GET of the referrers of a digest (section "Listing
// Referrers"). Whether subject or repository exist makes no difference.
func (c *call) listReferrers() error {
	subject, err := registry.ParseDigest(c.arg)
	if err != nil {
		return err
	}
	q := c.query()
	var after digest.Digest
	if s := q.Get("last"); s != "" {
		if after, err = registry.ParseDigest(s); err != nil {
			return registry.ErrPaginationInvalid.Wrap(err)
		}
	}
	artifactType := q.Get("artifactType")
	p, err := c.referrersPage(subject, after, artifactType)
	if err != nil {
		return err
	}
	h := c.w.Header()
	if artifactType != "" {
		h.Set("OCI-Filters-Applied", "artifactType")
	}
	if p.more {
		next := url.Values{"last": {p.last.String()}}
		if artifactType != "" {
			next.Set("artifactType", artifactType)
		}
		h.Set("Link", "<"+c.r.URL.EscapedPath()+"?"+next.Encode()+`>; rel="next"`)
	}
	b, err := encode(struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Manifests     []json.RawMessage `json:"manifests"`
	}{2, v1.MediaTypeImageIndex, p.entries})
	if err != nil {
		return fmt.Errorf("referrers of %s: %w", subject, err)
	}
	return c.json(v1.MediaTypeImageIndex, b)
}

func (c *call) referrersPage(subject, after digest.Digest, artifactType string) (referrersPage, error) {
	p := referrersPage{entries: []json.RawMessage{}}
	// The frame of the index and a comma for each entry.
	size := 256
	for desc, err := range c.repo.Manifests().Referrers(c.ctx, subject, after) {
		if err != nil {
			return p, err
		}
		if artifactType != "" && desc.ArtifactType != artifactType {
			continue
		}
		entry, err := encode(desc)
		if err != nil {
			return p, fmt.Errorf("referrer %s: %w", desc.Digest, err)
		}
		size += len(entry) + 1
		if len(p.entries) == c.server.options.ReferrersMax || len(p.entries) > 0 && size > maxReferrersBytes {
			p.more = true
			return p, nil
		}
		p.entries = append(p.entries, entry)
		p.last = desc.Digest
	}
	return p, nil
}

// encode is JSON without the escapes that are for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
