package conformance

import (
	"net/http"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// checkingSignedManifests are the specs for signed manifests whose signatures
// are right, and that are wrong otherwise.
func checkingSignedManifests(g *registrar) {
	checkingNames(g)
	checkingLayers(g)
	checkingTypes(g)
	g.It("answers a signed manifest of 8 MiB with 4xx, if it refuses it", requirement.Schema1SizeTooLarge, func(c *Case) {
		c.needPush()
		key := c.key(fixtures.ES256)
		m := withFields(c.signed(), func(f map[string]any) {
			f["history"] = []any{map[string]string{"v1Compatibility": strings.Repeat("x", 8<<20)}}
		}, key)
		x := c.Repo().PutSigned(m)
		if x.Status/100 == 2 {
			c.NothingToJudge(x, "such a manifest is taken, so no limit shows")
		}
		Expect(x).To(haveRefusal())
	})
}

// refusedSigned judges the refusal of a manifest that is signed as it is. One
// in order is taken.
func (c *Case) refusedSigned(make func(key fixtures.Key) fixtures.SignedManifest, codes ...string) {
	ginkgo.GinkgoHelper()
	c.needRefusals()
	key := c.key(fixtures.ES256)
	c.Repo().GivenSigned(requirement.Schema1PushCreated, c.signed(key))
	m := make(key)
	c.Repo().GivenBlobs(m.Blobs...)
	x := c.Repo().TryManifest(m.Tag, m.Manifest)
	Expect(x).To(HaveStatus(http.StatusBadRequest))
	Expect(x).To(haveOneOf(codes...))
}

func checkingNames(g *registrar) {
	g.It("answers 400 with NAME_INVALID or MANIFEST_INVALID to a manifest of another repository", requirement.Schema1NameMismatch, func(c *Case) {
		c.refusedSigned(func(key fixtures.Key) fixtures.SignedManifest {
			return c.signedAs(c.Other().Name, c.Tag("named"), key)
		}, "NAME_INVALID", "MANIFEST_INVALID")
	})
	for _, bad := range []struct{ what, name string }{
		{"in upper case", "UPPER/CASE"},
		{"that has a valid one in it", "../valid/name!"},
		{"of 256 characters", strings.Repeat("a/", 127) + "aa"},
		{"of no characters", ""},
	} {
		g.It("answers 400 with NAME_INVALID or MANIFEST_INVALID to a manifest with a name "+bad.what, requirement.Schema1NameInvalid, func(c *Case) {
			c.refusedSigned(func(key fixtures.Key) fixtures.SignedManifest {
				return c.signedAs(bad.name, c.Tag("named"), key)
			}, "NAME_INVALID", "MANIFEST_INVALID")
		})
	}
	g.It("answers 400 with TAG_INVALID to a manifest of another tag", requirement.Schema1TagMismatch, func(c *Case) {
		c.refusedSigned(func(key fixtures.Key) fixtures.SignedManifest {
			m := c.signedAs(c.Repo().Name, c.Tag("tagged"), key)
			m.Tag = c.Tag("elsewhere")
			return m
		}, "TAG_INVALID")
	})
}

func checkingLayers(g *registrar) {
	entry := map[string]string{"v1Compatibility": `{"id":"0"}`}
	for _, count := range []struct {
		what    string
		entries []any
	}{
		{"without history", []any{}},
		{"with more history than layers", []any{entry, entry}},
	} {
		g.It("answers 400 with MANIFEST_INVALID to a manifest "+count.what, requirement.Schema1HistoryCount, func(c *Case) {
			c.refusedSigned(func(key fixtures.Key) fixtures.SignedManifest {
				return withFields(c.signed(), func(f map[string]any) { f["history"] = count.entries }, key)
			}, "MANIFEST_INVALID")
		})
	}
	g.It("reports each of two missing layers", requirement.Schema1LayersUnknown, func(c *Case) {
		m := c.Content.Signed(c.Repo().Name, c.Tag("missing"), []fixtures.Key{c.key(fixtures.ES256)}, fixtures.Layers(2), fixtures.LayerSize(64))
		x := c.pushWithoutLayers(m)
		Expect(x).To(HaveStatus(http.StatusBadRequest))
		Expect(x).To(haveMissing(2))
	})
	g.It("reports a missing layer once that is named three times", requirement.Schema1LayersUnknownOnce, func(c *Case) {
		layer := c.Content.Layer(fixtures.MediaTypeSchema1Layer, 64)
		m := c.Content.Signed(c.Repo().Name, c.Tag("missing"), []fixtures.Key{c.key(fixtures.ES256)}, fixtures.Layers(0), fixtures.GivenLayers(layer, layer, layer))
		x := c.pushWithoutLayers(m)
		c.Given(requirement.Schema1LayersUnknown, x, HaveStatus(http.StatusBadRequest))
		c.Given(requirement.Schema1LayersUnknown, x, haveOneOf(missingCodes()...))
		Expect(x).To(haveErrors(1, missingCodes()...))
	})
	g.It("reports a wrong signature and a missing layer together", requirement.Schema1ErrorsSeveral, func(c *Case) {
		m := c.signed(c.key(fixtures.ES256))
		x := c.pushWithoutLayers(m)
		c.Given(requirement.Schema1LayersUnknown, x, haveOneOf(missingCodes()...))
		c.Repo().GivenSigned(requirement.Schema1PushCreated, m)
		changed := c.signed(c.key(fixtures.ES256))
		c.Repo().GivenBlobs(changed.Blobs...)
		changed.Content = tamperedPayload(changed)
		x = c.Repo().TryManifest(changed.Tag, changed.Manifest)
		c.Given(requirement.Schema1PayloadTampered, x, haveAnyErrorCode("MANIFEST_UNVERIFIED"))
		both := c.signed(c.key(fixtures.ES256))
		both.Content = tamperedPayload(both)
		x = c.Repo().TryManifest(both.Tag, both.Manifest)
		Expect(x).To(haveAnyErrorCode("MANIFEST_UNVERIFIED"))
		Expect(x).To(haveOneOf(missingCodes()...))
	})
}

func missingCodes() []string { return []string{"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"} }

// pushWithoutLayers pushes a manifest, but nothing that it names. The spec ends
// if such manifests are taken, and is blocked where missing blobs are reported
// wrongly whatever the manifest.
func (c *Case) pushWithoutLayers(m fixtures.SignedManifest) *Exchange {
	ginkgo.GinkgoHelper()
	c.needRefusals()
	c.Repo().GivenSigned(requirement.Schema1PushCreated, c.signed(c.key(fixtures.ES256)))
	image := c.Content.Image(fixtures.Layers(2), fixtures.LayerSize(64)).Manifest
	if x := c.Repo().TryManifest(c.Tag("image"), image); x.Status/100 != 2 {
		c.Given(requirement.DockerManifestBlobUnknown, x, HaveStatus(http.StatusBadRequest))
		c.Given(requirement.DockerManifestBlobUnknown, x, haveErrors(len(image.Blobs), missingCodes()...))
	}
	x := c.Repo().TryManifest(m.Tag, m.Manifest)
	if x.Status/100 == 2 {
		c.NothingToJudge(x, "a signed manifest without its layers is taken")
	}
	return x
}

// haveMissing wants at least n reports of missing content.
func haveMissing(n int) Matcher {
	return NewMatcher("a report of each missing layer", func(x *Exchange) string {
		list, err := x.Errors()
		if err != nil {
			return err.Error()
		}
		var codes []string
		missing := 0
		for _, e := range list {
			if codes = append(codes, e.Code); slices.Contains(missingCodes(), e.Code) {
				missing++
			}
		}
		if missing < n {
			return "error codes " + strings.Join(codes, ", ")
		}
		return ""
	})
}

func checkingTypes(g *registrar) {
	for _, mismatch := range []struct {
		what, mediaType string
		make            func(c *Case) fixtures.Manifest
	}{
		{"a signed manifest as an image of schema 2", fixtures.MediaTypeDockerManifest, func(c *Case) fixtures.Manifest { return c.signed(c.key(fixtures.ES256)).Manifest }},
		{"an image of schema 2 as a signed manifest", fixtures.MediaTypeSchema1Signed, func(c *Case) fixtures.Manifest { return c.dockerImage() }},
		{"an image of today as a signed manifest", fixtures.MediaTypeSchema1Signed, func(c *Case) fixtures.Manifest { return c.smallImage() }},
	} {
		g.It("refuses "+mismatch.what, requirement.Schema1TypeMismatch, func(c *Case) {
			c.needRefusals()
			c.Repo().GivenSigned(requirement.Schema1PushCreated, c.signed(c.key(fixtures.ES256)))
			m := mismatch.make(c)
			c.Repo().GivenBlobs(m.Blobs...)
			m.MediaType = mismatch.mediaType
			Expect(c.Repo().TryManifest(c.Tag("mistyped"), m)).To(haveRefusal())
		})
	}
	for _, field := range []string{"layers", "manifests"} {
		g.It("refuses a signed manifest that also has "+field, requirement.Schema1TypeConfused, func(c *Case) {
			c.needRefusals()
			key := c.key(fixtures.ES256)
			c.Repo().GivenSigned(requirement.Schema1PushCreated, c.signed(key))
			m := withFields(c.signed(), func(f map[string]any) { f[field] = []any{c.smallImage().Descriptor()} }, key)
			c.Repo().GivenBlobs(m.Blobs...)
			Expect(c.Repo().TryManifest(m.Tag, m.Manifest)).To(haveRefusal())
		})
	}
}
