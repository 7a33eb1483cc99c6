package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/internal/jws"
	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// signedManifests are the specs for pushes and pulls of manifests of schema 1.
func signedManifests(g *registrar) {
	g.It("answers 201 with a Location to a signed manifest", requirement.Schema1PushCreated, func(c *Case) {
		c.needPush()
		x := c.Repo().PutSigned(c.signed(c.key(fixtures.ES256)))
		Expect(x).To(HaveStatus(http.StatusCreated))
		Expect(x).To(haveLocation())
	})
	g.It("takes a signed manifest under the digest of its payload", requirement.Schema1PushDigest, func(c *Case) {
		c.needPush()
		m := c.signed(c.key(fixtures.ES256))
		c.Repo().GivenSigned(requirement.Schema1PushCreated, m)
		Expect(c.Repo().PutManifest(m.Digest.String(), m.Manifest)).To(HaveSuccess())
	})
	g.It("takes a signed manifest as application/json", requirement.Schema1PushTypeJson, func(c *Case) {
		c.needPush()
		c.Repo().GivenSigned(requirement.Schema1PushCreated, c.signed(c.key(fixtures.ES256)))
		m := c.signed(c.key(fixtures.ES256))
		m.MediaType = "application/json"
		Expect(c.Repo().PutSigned(m)).To(HaveSuccess())
	})
	for _, s := range signers() {
		if s.taken != requirement.Schema1PushCreated {
			g.It("takes "+s.name, s.taken, func(c *Case) {
				c.needPush()
				c.Repo().GivenSigned(requirement.Schema1PushCreated, c.signed(c.key(fixtures.ES256)))
				Expect(c.Repo().PutSigned(s.sign(c))).To(HaveSuccess())
			})
		}
		pullingSigned(g, s)
	}
	pullingSignedTypes(g)
	signedDigests(g)
	rewritingSchema2(g)
}

func pullingSigned(g *registrar, s signer) {
	for _, by := range []string{"tag", "digest"} {
		g.It("returns the payload of a manifest with "+s.name+" by "+by, requirement.Schema1PullContent, func(c *Case) {
			m, x := c.pulledSigned(s, by)
			Expect(x).To(HaveStatus(http.StatusOK))
			Expect(x).To(havePayload(m.Payload))
		})
		g.It("returns a manifest with "+s.name+" by "+by+" with right signatures", requirement.Schema1PullSigned, func(c *Case) {
			m, x := c.pulledSigned(s, by)
			c.Given(requirement.Schema1PullContent, x, HaveStatus(http.StatusOK))
			c.Given(requirement.Schema1PullContent, x, havePayload(m.Payload))
			Expect(x).To(haveRightSignatures())
		})
	}
}

// pulledSigned pushes a manifest to its tag and asks for it.
func (c *Case) pulledSigned(s signer, by string) (fixtures.SignedManifest, *Exchange) {
	ginkgo.GinkgoHelper()
	c.needPull()
	m := s.sign(c)
	c.Repo().GivenSigned(s.taken, m)
	reference := m.Tag
	if by == "digest" {
		reference = m.Digest.String()
	}
	return m, c.Repo().GetSigned(reference)
}

// havePayload wants a manifest, signed or not, whose payload is as it was pushed.
func havePayload(payload []byte) Matcher {
	return NewMatcher(fmt.Sprintf("the payload of %d bytes that was pushed", len(payload)), func(x *Exchange) string {
		got := x.Body()
		d, err := jws.Parse(x.Body())
		switch {
		case err == nil:
			got = d.Payload
		case !errors.Is(err, jws.ErrUnsigned):
			return "a manifest that can't be read: " + err.Error()
		}
		if !bytes.Equal(got, payload) {
			return fmt.Sprintf("another payload, of %d bytes", len(got))
		}
		return ""
	})
}

// haveRightSignatures wants a manifest with signatures, each of which is right.
func haveRightSignatures() Matcher {
	return NewMatcher("signatures that are right for the payload and their keys", func(x *Exchange) string {
		d, err := jws.Parse(x.Body())
		if err == nil {
			err = d.Verify()
		}
		if err != nil {
			return err.Error()
		}
		return ""
	})
}

// givenSigned blocks the spec unless x is the signed manifest m, with some
// signatures that are right, and returns these.
func (c *Case) givenSigned(m fixtures.SignedManifest, x *Exchange) []jws.Signature {
	ginkgo.GinkgoHelper()
	c.Given(requirement.Schema1PullContent, x, HaveStatus(http.StatusOK))
	c.Given(requirement.Schema1PullContent, x, havePayload(m.Payload))
	c.Given(requirement.Schema1PullSigned, x, haveRightSignatures())
	d, err := jws.Parse(x.Body())
	if err != nil {
		return nil // a matcher above has parsed it
	}
	return d.Signatures
}

func pullingSignedTypes(g *registrar) {
	es256 := signers()[0]
	for _, by := range []string{"tag", "digest"} {
		g.It("tells the type of a signed manifest by "+by, requirement.Schema1PullType, func(c *Case) {
			_, x := c.pulledSigned(es256, by)
			c.Given(requirement.Schema1PullContent, x, HaveStatus(http.StatusOK))
			Expect(x).To(HaveMediaType(fixtures.MediaTypeSchema1Signed))
		})
	}
	g.It("answers a HEAD of a signed manifest with the length of a GET", requirement.Schema1PullHead, func(c *Case) {
		c.needHead()
		m, x := c.pulledSigned(es256, "tag")
		c.givenSigned(m, x)
		head := c.Repo().Head(manifestPath(m.Tag), acceptSigned)
		Expect(head).To(HaveStatus(http.StatusOK))
		Expect(head).To(HaveHeader("Content-Length", strconv.Itoa(len(x.Body()))))
	})
	for _, accept := range []struct{ what, value string }{
		{"without an Accept", ""},
		{"that accepts anything", "*/*"},
		{"that accepts signed manifests and those of today", strings.Join(append(manifestTypes(), fixtures.MediaTypeSchema1Signed), ", ")},
		{"that accepts manifests of schema 1, signed or not", fixtures.MediaTypeSchema1Signed + ", " + fixtures.MediaTypeSchema1Unsigned},
	} {
		g.It("returns a signed manifest to a GET "+accept.what, requirement.Schema1PullAnyAccept, func(c *Case) {
			m, x := c.pulledSigned(es256, "tag")
			c.givenSigned(m, x)
			got := c.Repo().Get(manifestPath(m.Tag), func(r *Request) {
				if r.Header.Del("Accept"); accept.value != "" {
					r.Header.Set("Accept", accept.value)
				}
			})
			Expect(got).To(HaveStatus(http.StatusOK))
			Expect(got).To(havePayload(m.Payload))
		})
	}
}

func signedDigests(g *registrar) {
	es256 := signers()[0]
	g.It("names the digest of the payload of a signed manifest when it is pushed", requirement.Schema1DigestHeader, func(c *Case) {
		c.needPush()
		m := c.signed(c.key(fixtures.ES256))
		Expect(c.Repo().GivenSigned(requirement.Schema1PushCreated, m)).To(HaveHeader(digestHeader, m.Digest.String()))
	})
	for _, by := range []string{"tag", "digest"} {
		g.It("names the digest of the payload with a GET of a signed manifest by "+by, requirement.Schema1DigestHeader, func(c *Case) {
			m, x := c.pulledSigned(es256, by)
			c.givenSigned(m, x)
			Expect(x).To(HaveHeader(digestHeader, m.Digest.String()))
		})
		g.It("names the digest of the payload with a HEAD of a signed manifest by "+by, requirement.Schema1DigestHeader, func(c *Case) {
			c.needHead()
			m, x := c.pulledSigned(es256, by)
			c.givenSigned(m, x)
			reference := map[string]string{"tag": m.Tag, "digest": m.Digest.String()}[by]
			head := c.Repo().Head(manifestPath(reference), acceptSigned)
			c.Given(requirement.Schema1PullHead, head, HaveStatus(http.StatusOK))
			Expect(head).To(HaveHeader(digestHeader, m.Digest.String()))
		})
	}
	for _, wrong := range []struct {
		what string
		of   func(c *Case, m fixtures.SignedManifest) digest.Digest
	}{
		{"all its bytes", func(_ *Case, m fixtures.SignedManifest) digest.Digest { return digest.FromBytes(m.Content) }},
		{"another", func(c *Case, _ fixtures.SignedManifest) digest.Digest { return c.smallImage().Digest }},
	} {
		g.It("refuses a signed manifest under the digest of "+wrong.what, requirement.Schema1DigestMismatch, func(c *Case) {
			c.needPush()
			image := c.Repo().GivenImage("")
			c.Given(requirement.ManifestsDigestMismatch, c.Repo().TryManifest(c.smallImage().Digest.String(), image), haveRefusal())
			m := c.signed(c.key(fixtures.ES256))
			c.Repo().GivenSigned(requirement.Schema1PushCreated, m)
			Expect(c.Repo().TryManifest(wrong.of(c, m).String(), m.Manifest)).To(haveRefusal())
		})
	}
}

// rewritingSchema2 judges what old clients get of new images. A registry may
// rewrite them, and must then do it well.
func rewritingSchema2(g *registrar) {
	for _, accept := range []struct{ what, value string }{
		{"accepts signed manifests of schema 1 alone", fixtures.MediaTypeSchema1Signed},
		{"accepts all of schema 1", fixtures.MediaTypeSchema1Signed + ", " + fixtures.MediaTypeSchema1Unsigned + ", application/json"},
	} {
		g.It("answers a client that "+accept.what+" with an image of schema 2 or what it is rewritten to", requirement.Schema1PullRewritten, func(c *Case) {
			c.needPull()
			m := c.Content.DockerImage(fixtures.Layers(2), fixtures.LayerSize(64))
			tag := c.Tag("rewritten")
			c.Repo().GivenBlobs(m.Blobs...)
			x := c.Repo().PutManifest(tag, m.Manifest)
			if x.Status/100 == 4 {
				c.NothingToJudge(x, "manifests of schema 2 are refused")
			}
			c.Given(requirement.DockerManifestCreated, x, HaveSuccess())
			today := c.Repo().Get(manifestPath(tag))
			c.Given(requirement.DockerManifestSchema2, today, HaveStatus(http.StatusOK))
			c.Given(requirement.DockerManifestSchema2, today, HaveBody(m.Content))
			c.Given(requirement.DockerManifestSchema2, today, HaveMediaType(m.MediaType))
			got := c.Repo().Get(manifestPath(tag), header("Accept", accept.value))
			Expect(got).To(HaveStatus(http.StatusOK, http.StatusNotFound, http.StatusNotAcceptable))
			if got.Status != http.StatusOK || got.Equal(m.Content) {
				return
			}
			Expect(got).To(HaveMediaType(fixtures.MediaTypeSchema1Signed))
			Expect(got).To(haveRightSignatures())
			Expect(got).To(haveLayersOf(m))
		})
	}
}

// haveLayersOf wants a manifest of schema 1 with the layers of m, the newest
// first; layers of no content may stand between them.
func haveLayersOf(m fixtures.Image) Matcher {
	return NewMatcher("the layers of the image in schema 1", func(x *Exchange) string {
		var doc struct {
			SchemaVersion int                                 `json:"schemaVersion"`
			FSLayers      []struct{ BlobSum digest.Digest }   `json:"fsLayers"`
			History       []struct{ V1Compatibility *string } `json:"history"`
		}
		if err := json.Unmarshal(x.Body(), &doc); err != nil {
			return err.Error()
		}
		var got, want []digest.Digest
		for _, l := range doc.FSLayers {
			if slices.ContainsFunc(m.Layers, func(of fixtures.Layer) bool { return of.Digest == l.BlobSum }) {
				got = append(got, l.BlobSum)
			}
		}
		for _, l := range slices.Backward(m.Layers) {
			want = append(want, l.Digest)
		}
		if doc.SchemaVersion != 1 || !slices.Equal(got, want) || len(doc.History) != len(doc.FSLayers) {
			return fmt.Sprintf("schemaVersion %d, the layers %v, %d entries of history", doc.SchemaVersion, got, len(doc.History))
		}
		return ""
	})
}
