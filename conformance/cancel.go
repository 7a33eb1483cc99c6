package conformance

import (
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

// needCancel ends the spec if x says that the target cancels no uploads, which
// the released text does not tell of.
func (c *Case) needCancel(x *Exchange) {
	ginkgo.GinkgoHelper()
	if x.Status/100 == 4 || x.Status == http.StatusNotImplemented {
		c.Unsupported(x, "an upload session cannot be cancelled")
	}
}

// cancellable are uploads that have come so far.
func cancellable() []progress { return progresses()[:3:3] }

func cancellingUploads(g *registrar) {
	for _, p := range cancellable() {
		g.It("answers 204 to a DELETE of an upload session "+p.name, requirement.CancelUploadAccepted, func(c *Case) {
			u, _ := p.bring(c.Repo())
			x := u.Cancel()
			c.needCancel(x)
			Expect(x).To(HaveStatus(http.StatusNoContent))
		})
	}
	g.It("cancels no other upload session", requirement.CancelUploadAccepted, func(c *Case) {
		c.Repo().GivenSeparateSessions()
		kept := putWhole().bring(c.Repo())
		x := c.Repo().GivenUpload().Cancel()
		c.needCancel(x)
		c.Given(requirement.CancelUploadAccepted, x, HaveSuccess())
		Expect(kept.put(kept.blob.Digest)).To(HaveSuccess())
	})
	for _, p := range cancellable() {
		cancelledRefuses(g, requestGet(), p)
	}
	cancelledRefuses(g, requestPatch(), cancellable()[0])
	cancelledRefuses(g, requestPut(), cancellable()[0])
	for _, kind := range chunkedKinds() {
		g.It("stores nothing of a blob sent "+kind.name+" whose upload was cancelled", requirement.CancelUploadGone, func(c *Case) {
			up := kind.bring(c.Repo())
			up.GivenUnpublished()
			x := up.Cancel()
			c.needCancel(x)
			c.Given(requirement.CancelUploadAccepted, x, HaveSuccess())
			up.put(up.blob.Digest)
			Expect(c.Repo().Get(blobPath(up.blob.Digest))).To(haveNothing())
		})
	}
}

// GivenSeparateSessions blocks the spec if two sessions of the repository are
// one.
func (r *Repo) GivenSeparateSessions() {
	ginkgo.GinkgoHelper()
	first, second := putWhole().bring(r), putWhole().bring(r)
	r.c.Given(requirement.PushBlobCreated, second.put(second.blob.Digest), HaveSuccess())
	r.c.Given(requirement.PushUploadSessionId, first.put(first.blob.Digest), HaveSuccess())
}

// cancelledRefuses registers that a session that was cancelled takes no such
// request any more.
func cancelledRefuses(g *registrar, request sessionRequest, p progress) {
	g.It("refuses "+request.verb+" a cancelled upload session "+p.name, requirement.CancelUploadGone, func(c *Case) {
		c.Given(request.unknown, request.do(c, c.Repo().URL(c.neverOpened())), haveRefusal())
		u, _ := p.bring(c.Repo())
		x := u.Cancel()
		c.needCancel(x)
		c.Given(requirement.CancelUploadAccepted, x, HaveSuccess())
		Expect(request.do(c, u.Location)).To(haveRefusal())
	})
}
