package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// maxSignatures is how many signatures are kept of one manifest: as many as
// one document can bring.
const maxSignatures = 64

// identity returns what the digest of x is of.
func identity(x registry.Manifest) []byte {
	if signed, ok := x.(registry.SignedManifest); ok {
		return signed.Canonical()
	}
	_, content := x.Payload()
	return content
}

// check returns what x says to be wrong with itself here.
func (m *manifests) check(x registry.Manifest, tags []registry.Tag) error {
	if signed, ok := x.(registry.SignedManifest); ok {
		return signed.Check(m.name, tags)
	}
	return nil
}

// signed returns a manifest with the signatures that the repository has of it.
// The result is kept by all that it is made of.
func (m *manifests) signed(ctx context.Context, canonical digest.Digest) (kept, error) {
	known, err := m.signatures(ctx, canonical)
	if err != nil {
		return kept{}, err
	}
	key := signedKey(canonical, known)
	if k, _ := m.r.recent.get(key); k.manifest != nil {
		return k, nil
	}
	x, err := m.r.load(ctx, canonical)
	if err != nil {
		return kept{}, err
	}
	signed, ok := x.(registry.SignedManifest)
	if !ok || len(known) == 0 {
		return parsed(x), nil
	}
	var contents [][]byte
	complete := true
	for _, dgst := range known {
		content, err := m.signature(ctx, canonical, dgst)
		if err != nil {
			return kept{}, err
		}
		if content == nil {
			complete = false
			continue
		}
		contents = append(contents, content)
	}
	joined, err := signed.WithSignatures(contents)
	if err != nil {
		return kept{}, fmt.Errorf("manifest %s: %w", canonical, err)
	}
	k := parsed(joined)
	if complete {
		m.r.recent.put(key, k)
	}
	return k, nil
}

// signedKey names a manifest with exactly these signatures, in order.
func signedKey(canonical digest.Digest, signatures []digest.Digest) digest.Digest {
	if len(signatures) == 0 {
		return canonical
	}
	return digest.FromString(fmt.Sprint(canonical, signatures))
}

// keep remembers what was just stored as it will be read, so that a pull needs
// neither parse nor join anything. It is by the way: what fails is not kept.
func (m *manifests) keep(canonical digest.Digest, x registry.Manifest) {
	signed, ok := x.(registry.SignedManifest)
	if !ok {
		m.r.recent.put(canonical, parsed(x))
		return
	}
	contents := signed.Signatures()
	bare, err := signed.WithSignatures(nil)
	if err != nil {
		return
	}
	m.r.recent.put(canonical, parsed(bare))
	var known []digest.Digest
	for _, content := range contents {
		known = append(known, digest.Canonical.FromBytes(content))
	}
	slices.Sort(known)
	if joined, err := signed.WithSignatures(contents); err == nil && len(known) > 0 {
		m.r.recent.put(signedKey(canonical, known), parsed(joined))
	}
}

// signatures returns the digests of the signatures of a manifest, in order.
// What is in the folder but is no link to one is passed over.
func (m *manifests) signatures(ctx context.Context, canonical digest.Digest) ([]digest.Digest, error) {
	algorithms, err := m.r.list(ctx, layout.Signatures(m.name, canonical))
	if err != nil {
		return nil, fmt.Errorf("list signatures: %w", err)
	}
	var all []digest.Digest
	for _, dir := range algorithms {
		folders, err := m.r.list(ctx, dir)
		if err != nil {
			return nil, fmt.Errorf("list signatures: %w", err)
		}
		for _, folder := range folders {
			if dgst, ok := layout.DigestOf(folder); ok {
				all = append(all, dgst)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// signature reads a signature, or nil if its link or its content is gone.
func (m *manifests) signature(ctx context.Context, canonical, dgst digest.Digest) ([]byte, error) {
	target, err := m.r.readLink(ctx, layout.Link(layout.Signatures(m.name, canonical), dgst))
	if target == "" || err != nil {
		return nil, err
	}
	content, err := m.r.driver.GetContent(ctx, layout.Blob(target))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read signature %s: %w", target, err)
	}
	if target.Algorithm().FromBytes(content) != target {
		return nil, fmt.Errorf("signature %s: the stored bytes have another digest", target)
	}
	return content, nil
}

// addSignatures stores the signatures of x beside those that the manifest has.
// Where they would be too many, older ones go: a client that signs the same
// manifest over and over must not be locked out, nor make it grow.
func (m *manifests) addSignatures(ctx context.Context, canonical digest.Digest, x registry.Manifest) error {
	signed, ok := x.(registry.SignedManifest)
	if !ok {
		return nil
	}
	contents := signed.Signatures()
	if len(contents) == 0 {
		return nil
	}
	folder := layout.Signatures(m.name, canonical)
	var added []digest.Digest
	for _, content := range contents {
		dgst := digest.Canonical.FromBytes(content)
		own := driver.File{Path: layout.Blob(dgst), Content: content}
		if err := m.r.publish(ctx, "store signature", own, link(layout.Link(folder, dgst), dgst)); err != nil {
			return err
		}
		added = append(added, dgst)
	}
	known, err := m.signatures(ctx, canonical)
	if err != nil {
		return err
	}
	excess := len(known) - maxSignatures
	for _, dgst := range known {
		if excess <= 0 {
			break
		}
		if slices.Contains(added, dgst) {
			continue
		}
		if err := m.r.remove(ctx, layout.Under(folder, dgst)); err != nil {
			return err
		}
		excess--
	}
	return nil
}

// isSignature reports whether a path relative to the folder of revisions lies
// among the signatures of one.
func isSignature(relative string) bool {
	parts := strings.Split(strings.Trim(relative, "/"), "/")
	return len(parts) > 3 && parts[2] == layout.SignaturesFolder
}
