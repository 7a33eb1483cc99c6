package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/onsi/ginkgo/v2"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// A signer is a way to sign a manifest of schema 1, and the requirement that
// such a signature is taken.
type signer struct {
	name  string
	taken requirement.Requirement
	sign  func(c *Case) fixtures.SignedManifest
}

// signers are the algorithms with a bare key, and with a chain of certificates.
func signers() []signer {
	var all []signer
	for _, a := range fixtures.Algorithms() {
		taken := requirement.Schema1PushAlgorithms
		if a == fixtures.ES256 {
			taken = requirement.Schema1PushCreated
		}
		all = append(all, signer{"a signature by " + string(a), taken, func(c *Case) fixtures.SignedManifest { return c.signed(c.key(a)) }})
	}
	for _, a := range []fixtures.Algorithm{fixtures.ES256, fixtures.RS256} {
		all = append(all, signer{"a signature by " + string(a) + " with a chain of certificates", requirement.Schema1PushChain, func(c *Case) fixtures.SignedManifest {
			return c.signed().ResignWithChain(c.key(a))
		}})
	}
	return all
}

// maxKeys is the greatest number of keys of an algorithm that a spec asks for.
const maxKeys = 4

// The keys are the same for all specs and runs, since they, and those of RSA
// most, take long to make: what is signed differs. A key of RSA signs by each
// of its algorithms.
var (
	ellipticKeys = sync.OnceValue(func() map[fixtures.Algorithm][]fixtures.Key {
		source, all := fixtures.New("conform"), map[fixtures.Algorithm][]fixtures.Key{}
		for _, a := range []fixtures.Algorithm{fixtures.ES256, fixtures.ES384, fixtures.ES512} {
			for range maxKeys {
				all[a] = append(all[a], source.Key(a))
			}
		}
		return all
	})
	keyOfRSA = sync.OnceValue(func() fixtures.Key { return fixtures.New("conform").Key(fixtures.RS256) })
)

// key returns a key to sign by the algorithm: another for each call, but of RSA
// there is one.
func (c *Case) key(a fixtures.Algorithm) fixtures.Key {
	if elliptic, ok := ellipticKeys()[a]; ok {
		c.keys++
		return elliptic[(c.keys-1)%maxKeys]
	}
	k := keyOfRSA()
	k.Algorithm = a
	return k
}

// signed returns a manifest of one small layer for the spec's repository, with
// a tag of its own, signed by the keys.
func (c *Case) signed(keys ...fixtures.Key) fixtures.SignedManifest {
	c.signedTags++
	return c.signedAs(c.Repo().Name, c.Tag(fmt.Sprintf("signed%d", c.signedTags)), keys...)
}

func (c *Case) signedAs(name, tag string, keys ...fixtures.Key) fixtures.SignedManifest {
	return c.Content.Signed(name, tag, keys, fixtures.Layers(1), fixtures.LayerSize(64))
}

// withFields returns m with another payload, which the keys have signed.
func withFields(m fixtures.SignedManifest, change func(map[string]any), keys ...fixtures.Key) fixtures.SignedManifest {
	var fields map[string]any
	// A manifest that was made here is a JSON object.
	_ = json.Unmarshal(m.Payload, &fields)
	change(fields)
	m.Payload, _ = json.MarshalIndent(fields, "", "   ")
	return m.Resign(keys...)
}

// PutSigned pushes m, and the layers that it names, to its tag.
func (r *Repo) PutSigned(m fixtures.SignedManifest) *Exchange {
	ginkgo.GinkgoHelper()
	r.GivenBlobs(m.Blobs...)
	return r.PutManifest(m.Tag, m.Manifest)
}

// GivenSigned is [Repo.PutSigned] of what the target must take by the given
// requirement.
func (r *Repo) GivenSigned(taken requirement.Requirement, m fixtures.SignedManifest) *Exchange {
	ginkgo.GinkgoHelper()
	x := r.PutSigned(m)
	r.c.Given(taken, x, HaveSuccess())
	return x
}

// GetSigned asks for a signed manifest.
func (r *Repo) GetSigned(reference string) *Exchange {
	return r.Get(manifestPath(reference), acceptSigned)
}

func acceptSigned(r *Request) { r.Header.Set("Accept", fixtures.MediaTypeSchema1Signed) }

// schema1Support is what a run finds out once about schema 1 in its target.
type schema1Support struct {
	// refusal is the answer that shows that there is no schema 1, and why
	// tells how; nil if there is.
	refusal *Exchange
	why     string
	// An image of today, and what became of it. Where that goes wrong, the
	// fault is none of schema 1.
	image                             fixtures.Manifest
	put, byTag, byDigest, head, wrong *Exchange
}

// NeedSchema1 ends the spec where the target has nothing to do with schema 1,
// in either of the ways in which that is legal: it refuses a manifest whose
// signature is right, for none of the reasons that belong to schema 1, or it
// takes any bytes as they are, unread, signatures be they right or wrong.
func (c *Case) NeedSchema1() {
	ginkgo.GinkgoHelper()
	s := c.access.schema1Found()
	if s == nil {
		s = c.findSchema1()
		c.access.setSchema1(s)
	}
	c.Given(requirement.ManifestsPushCreated, s.put, HaveSuccess())
	if c.also = s.refusal; s.refusal != nil {
		c.Unsupported(s.refusal, s.why)
	}
}

func (c *Case) findSchema1() *schema1Support {
	ginkgo.GinkgoHelper()
	s := &schema1Support{image: c.smallImage()}
	tag := c.Tag("control")
	c.Repo().GivenContent(s.image)
	s.put = c.Repo().PutManifest(tag, s.image)
	s.byTag, s.byDigest = c.Repo().Get(manifestPath(tag)), c.Repo().Get(manifestPath(s.image.Digest.String()))
	s.head = c.Repo().Head(manifestPath(tag))
	s.wrong = c.Repo().TryManifest(c.Tag("malformed"), fixtures.Manifest{Blob: fixtures.NewBlob(fixtures.MediaTypeDockerManifest, []byte("not a manifest"))})
	m := c.signedAs(c.Repo().Name, c.Tag("probe"), c.key(fixtures.ES256))
	x := c.Repo().PutSigned(m)
	switch {
	case x.Status/100 == 4 && !readsSchema1(x):
		s.refusal, s.why = x, "manifests of schema 1 are refused"
	case x.Status/100 == 2:
		changed := m.Manifest
		changed.Content = tamperedPayload(m)
		y := c.Repo().TryManifest(m.Tag, changed)
		if y.Status/100 == 2 && c.Repo().GetSigned(digest.FromBytes(changed.Content).String()).Status/100 == 2 {
			s.refusal, s.why = y, "manifests of schema 1 are stored unread: one with a wrong signature is taken, under the digest of all its bytes"
		}
	}
	return s
}

// readsSchema1 reports whether an error in x is of a kind that only a registry
// which reads manifests of schema 1 can find.
func readsSchema1(x *Exchange) bool {
	return haveOneOf("MANIFEST_UNVERIFIED", "NAME_INVALID", "TAG_INVALID", "DIGEST_INVALID", "BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN").Judge(x) == ""
}

func (a *access) schema1Found() *schema1Support {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.schema1
}

func (a *access) setSchema1(s *schema1Support) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.schema1 = s
}

// needPush ends the spec where there is no schema 1, and blocks it where pushes
// of any manifest are answered wrongly.
func (c *Case) needPush() {
	ginkgo.GinkgoHelper()
	c.NeedSchema1()
	s := c.access.schema1Found()
	c.Given(requirement.ManifestsPushCreated, s.put, HaveStatus(http.StatusCreated))
	c.Given(requirement.ManifestsPushLocation, s.put, haveLocation())
	c.Given(requirement.DockerManifestCreated, s.put, HaveHeader(digestHeader, s.image.Digest.String()))
}

// needPull is needPush, and blocks the spec where pulls of any manifest are
// answered wrongly, too.
func (c *Case) needPull() {
	ginkgo.GinkgoHelper()
	c.needPush()
	s := c.access.schema1Found()
	for _, x := range []*Exchange{s.byTag, s.byDigest} {
		c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
		c.Given(requirement.PullManifestContent, x, HaveBody(s.image.Content))
		c.Given(requirement.PullManifestContentType, x, HaveMediaType(s.image.MediaType))
		c.Given(requirement.PullManifestDigestHeader, x, HaveHeader(digestHeader, s.image.Digest.String()))
	}
}

// needHead is needPull for HEAD.
func (c *Case) needHead() {
	ginkgo.GinkgoHelper()
	c.needPull()
	s := c.access.schema1Found()
	c.givenAPI(s.head)
	c.Given(requirement.PullManifestHead, s.head, HaveStatus(http.StatusOK))
	c.Given(requirement.PullHeadDigestHeader, s.head, HaveHeader(digestHeader, s.image.Digest.String()))
	c.Given(requirement.PullHeadLength, s.head, HaveHeader("Content-Length", strconv.Itoa(len(s.image.Content))))
}

// needRefusals is needPush, and blocks the spec where errors, or the refusal of
// what is no manifest at all, are told wrongly.
func (c *Case) needRefusals() {
	ginkgo.GinkgoHelper()
	c.needPush()
	c.Repo().GivenErrorDocuments()
	wrong := c.access.schema1Found().wrong
	c.Given(requirement.DockerManifestInvalid, wrong, HaveStatus(http.StatusBadRequest))
	c.Given(requirement.DockerManifestInvalid, wrong, HaveErrorCode("MANIFEST_INVALID"))
}
