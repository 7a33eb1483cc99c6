package conformance

import (
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

// Single sends content in a single POST as the blob d.
func (r *Repo) Single(d digest.Digest, content []byte) *Exchange {
	r.c.pushed.add(kindBlob, r, blobPath(d))
	x := r.OpenUpload(query("digest", d.String()), body(octetStream, content))
	if _, err := locationOf(x); err == nil && x.Status == http.StatusAccepted {
		r.upload(x)
	}
	return x
}

// needSingle ends the spec unless the target takes a blob in a single POST.
func (r *Repo) needSingle() {
	ginkgo.GinkgoHelper()
	b := r.c.Content.Blob(64)
	r.judgeSupport(r.Single(b.Digest, b.Content))
}

// judgeSupport ends the spec if x, the answer to a single POST, says that the
// target does not take a blob so.
func (r *Repo) judgeSupport(x *Exchange) {
	ginkgo.GinkgoHelper()
	if x.Status == http.StatusAccepted {
		r.c.Unsupported(x, "a single POST opens an upload session")
	}
	r.c.Given(requirement.PushSingleFallback, x, HaveSuccess())
}

func pushingInOnePost(g *registrar) {
	singlePosts(g)
	mismatchedPosts(g)
}

func singlePosts(g *registrar) {
	g.It("takes a blob in a single POST or opens an upload session for it", requirement.PushSingleSupported, func(c *Case) {
		c.Repo().GivenServing()
		b := c.Content.Blob(64)
		x := c.Repo().Single(b.Digest, b.Content)
		c.Given(requirement.PushSingleFallback, x, HaveSuccess())
		if x.Status == http.StatusAccepted {
			c.Given(requirement.PushSingleFallback, x, haveLocation())
			c.Given(requirement.PushSingleFallback, c.Repo().upload(x).Put(b.Digest, b.Content), HaveSuccess())
		}
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
	})
	g.It("answers 201 to a single POST whose blob it stores", requirement.PushSingleCreated, func(c *Case) {
		b := c.Content.Blob(64)
		c.Repo().GivenAbsent(b.Digest)
		x := c.Repo().Single(b.Digest, b.Content)
		if x.Status == http.StatusAccepted && haveNothing().Judge(c.Repo().Get(blobPath(b.Digest))) != "" {
			c.Failf(x, StatusText(http.StatusCreated)+", as the blob is served from now on", "%s", StatusText(x.Status))
		}
		c.Repo().judgeSupport(x)
		Expect(x).To(HaveStatus(http.StatusCreated))
	})
	g.It("answers 201 to a single POST of a blob that it holds already", requirement.PushSingleCreated, func(c *Case) {
		c.Repo().needSingle()
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		x := c.Repo().Single(b.Digest, b.Content)
		c.Repo().judgeSupport(x)
		Expect(x).To(HaveStatus(http.StatusCreated))
	})
	g.It("sends a Location with the 201 to a single POST", requirement.PushSingleLocation, func(c *Case) {
		b := c.Content.Blob(64)
		x := c.Repo().Single(b.Digest, b.Content)
		c.Repo().judgeSupport(x)
		Expect(x).To(haveLocation())
	})
	g.It("opens an upload session that can be finished if it stores no blob from a single POST", requirement.PushSingleFallback, func(c *Case) {
		putWhole().given(c.Repo())
		b := c.Content.Blob(64)
		x := c.Repo().Single(b.Digest, b.Content)
		if x.Status/100 == 2 && x.Status != http.StatusAccepted {
			return
		}
		Expect(x).To(HaveStatus(http.StatusAccepted))
		Expect(x).To(haveLocation())
		Expect(c.Repo().upload(x).Put(b.Digest, b.Content)).To(HaveSuccess())
	})
}

// mismatchedPosts judges bodies that are not what the single POST says of
// them. What the answer is, or whether there is one, is left open.
func mismatchedPosts(g *registrar) {
	g.It("stores no blob from a single POST whose body is shorter than its Content-Length", requirement.PushSingleLengthMismatch, func(c *Case) {
		c.Repo().needSingle()
		b := c.Content.Blob(64)
		c.Repo().GivenAbsent(b.Digest)
		c.pushed.add(kindBlob, c.Repo(), blobPath(b.Digest))
		r := c.Repo().request(http.MethodPost, uploadsPath, []func(*Request){body(octetStream, b.Content), query("digest", b.Digest.String())})
		x := c.Raw(RawRequest{Request: r, ContentLength: len(b.Content) + 32, CloseWrite: true})
		if x.Status == http.StatusCreated {
			c.Failf(x, "no 201 for 64 bytes of 96", "%s", StatusText(x.Status))
		}
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveNothing())
	})
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		g.It("stores no blob from a single POST whose body does not match its "+algorithm.String()+" digest", requirement.PushSingleDigestMismatch, func(c *Case) {
			c.Repo().needSingle()
			claimed, b := c.Content.Blob(64).Under(algorithm).Digest, c.Content.Blob(64)
			c.Repo().GivenAbsent(claimed)
			x := c.Repo().Single(claimed, b.Content)
			if x.Status == http.StatusCreated {
				c.Failf(x, "no 201 for bytes of another digest", "%s", StatusText(x.Status))
			}
			Expect(c.Repo().Get(blobPath(claimed))).To(haveNothing())
			Expect(c.Repo().Get(blobPath(b.Digest))).To(haveNothing())
		})
	}
}
