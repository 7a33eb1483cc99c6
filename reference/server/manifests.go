package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// getManifest answers GET and HEAD of a manifest (section "Pulling
// manifests"). A manifest is served as it was pushed, whatever Accept says.
func (c *call) getManifest() error {
	ref, err := c.knownReference()
	if err != nil {
		return err
	}
	dgst, err := c.resolve(ref)
	if err != nil {
		return err
	}
	p, err := c.repo.Manifests().Content(c.ctx, dgst)
	if err != nil {
		return err
	}
	h := c.w.Header()
	// Signatures can be added under the same digest, so that the entity tag is
	// of all bytes (RFC 9110 §8.8.3).
	tag := `"` + p.Digest.String() + `"`
	h.Set("Docker-Content-Digest", dgst.String())
	h.Set("ETag", tag)
	if noneMatch(c.r.Header.Values("If-None-Match"), tag) {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", p.MediaType)
	h.Set("Content-Length", strconv.Itoa(len(p.Content)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(p.Content)
	return nil
}

// knownReference returns the reference of a call about content that is to be
// there already: what can't be a tag can't be known.
func (c *call) knownReference() (registry.Reference, error) {
	ref, err := registry.ParseReference(c.arg)
	if errors.Is(err, registry.ErrTagInvalid) {
		return ref, registry.ErrManifestUnknown.Wrap(err)
	}
	return ref, err
}

func (c *call) resolve(ref registry.Reference) (digest.Digest, error) {
	if dgst, ok := ref.Digest(); ok {
		return dgst, nil
	}
	tag, _ := ref.Tag()
	desc, err := c.repo.Tags().Get(c.ctx, tag)
	return desc.Digest, err
}

// noneMatch reports whether an entity tag is among those of If-None-Match, by
// the weak comparison (RFC 9110 §13.1.2). A bare digest counts as a tag, since
// clients send that too.
func noneMatch(values []string, tag string) bool {
	for _, value := range values {
		for entry := range strings.SplitSeq(value, ",") {
			entry = strings.TrimPrefix(strings.TrimSpace(entry), "W/")
			if entry == "*" || entry == tag || entry == strings.Trim(tag, `"`) {
				return true
			}
		}
	}
	return false
}

// putManifest answers PUT of a manifest (section "Pushing manifests").
func (c *call) putManifest() error {
	opts, err := c.putOptions()
	if err != nil {
		return err
	}
	content, err := c.manifestBody()
	if err != nil {
		return err
	}
	m, err := c.server.options.Manifests.Parse(c.r.Header.Get("Content-Type"), content)
	if err != nil {
		return err
	}
	desc, err := c.repo.Manifests().Put(c.ctx, m, opts)
	if err != nil {
		return err
	}
	h := c.w.Header()
	if subject := m.Subject(); subject != nil {
		h.Set("OCI-Subject", subject.Digest.String())
	}
	if opts.Digest != "" {
		for _, tag := range opts.Tags {
			h.Add("OCI-Tag", tag.String())
		}
	}
	return c.created("manifests", desc.Digest)
}

// putOptions reads the reference and, beside a digest, the tag parameters.
func (c *call) putOptions() (registry.PutOptions, error) {
	opts := registry.PutOptions{SkipReferences: c.server.options.AllowUnknownReferences}
	ref, err := registry.ParseReference(c.arg)
	if err != nil {
		return opts, invalidReference(err)
	}
	if tag, ok := ref.Tag(); ok {
		opts.Tags = []registry.Tag{tag}
		return opts, nil
	}
	opts.Digest, _ = ref.Digest()
	params := c.query()["tag"]
	if limit := c.server.options.MaxTagParams; len(params) > limit {
		return opts, errTooManyTags.With(fmt.Sprintf("%d tags, more than %d", len(params), limit))
	}
	for _, s := range params {
		tag, err := registry.ParseTag(s)
		if err != nil {
			return opts, invalidReference(err)
		}
		opts.Tags = append(opts.Tags, tag)
	}
	return opts, nil
}

// invalidReference gives a wrong tag the code that the specification has for
// it; TAG_INVALID belongs to older manifests.
func invalidReference(err error) error {
	if errors.Is(err, registry.ErrTagInvalid) {
		return registry.ErrManifestInvalid.Wrap(err)
	}
	return err
}

// manifestBody reads the body, of which it never holds more than the limit.
func (c *call) manifestBody() ([]byte, error) {
	limit := c.server.options.MaxManifestBytes
	if c.r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	return io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit))
}

// deleteManifest answers DELETE of a tag or a manifest (sections "Deleting
// tags" and "Deleting manifests").
func (c *call) deleteManifest() error {
	ref, err := c.knownReference()
	if err != nil {
		return err
	}
	if tag, ok := ref.Tag(); ok {
		err = c.repo.Tags().Delete(c.ctx, tag)
	} else {
		dgst, _ := ref.Digest()
		err = c.repo.Manifests().Delete(c.ctx, dgst)
	}
	if err != nil {
		return err
	}
	return c.empty(http.StatusAccepted)
}
