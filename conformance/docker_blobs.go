package conformance

import (
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// dockerBlobs are the specs of the Docker Registry HTTP API V2 for the life of
// a blob.
func dockerBlobs(g *registrar) {
	specialBlobs(g)
	deletingBlobs(g)
	pushingAgain(g)
	refusingDeletion(g)
}

// specialBlobs judges content that registries are known to treat apart.
func specialBlobs(g *registrar) {
	for _, special := range []struct {
		name string
		r    requirement.Requirement
		blob fixtures.Blob
	}{
		{"a blob of no bytes", requirement.DockerBlobEmpty, fixtures.EmptyBlob()},
		{"a blob of 1024 NUL bytes", requirement.DockerBlobNulBytes, fixtures.EmptyTar().Blob},
	} {
		b := special.blob
		stored := func(c *Case) {
			Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
			Expect(c.Repo().Head(blobPath(b.Digest))).To(HaveSuccess())
		}
		g.It("stores and serves "+special.name+" by POST and PUT", special.r, func(c *Case) {
			c.Repo().GivenServing()
			c.Repo().GivenHeads()
			Expect(c.Repo().GivenUpload().Put(b.Digest, b.Content)).To(HaveSuccess())
			stored(c)
		})
		g.It("stores and serves "+special.name+" after a PATCH", special.r, func(c *Case) {
			c.Repo().GivenServing()
			c.Repo().GivenHeads()
			u := c.Repo().GivenUpload()
			c.Given(requirement.DockerUploadPatch, u.Stream(b.Content), HaveSuccess())
			Expect(u.Put(b.Digest, nil)).To(HaveSuccess())
			stored(c)
		})
	}
}

// GivenDeleted deletes a blob, which ends the spec where the target does not
// delete blobs.
func (r *Repo) GivenDeleted(b fixtures.Blob) {
	ginkgo.GinkgoHelper()
	r.c.Given(requirement.PullBlobOk, r.Get(blobPath(b.Digest)), HaveSuccess())
	r.c.delete(blobPath(b.Digest), requirement.DockerBlobDelete)
}

func deletingBlobs(g *registrar) {
	g.It("answers 202 to a DELETE of a blob", requirement.DockerBlobDelete, func(c *Case) {
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		c.Given(requirement.PullBlobOk, c.Repo().Get(blobPath(b.Digest)), HaveSuccess())
		x := c.Repo().Delete(blobPath(b.Digest))
		if refusesDeletion(x) {
			c.Unsupported(x, "deletion is disabled")
		}
		Expect(x).To(HaveStatus(http.StatusAccepted))
	})
	g.It("answers 404 to a GET and to a HEAD of a deleted blob", requirement.DockerBlobDeleted, func(c *Case) {
		c.Repo().GivenHeads()
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		c.Repo().GivenDeleted(b)
		Expect(c.Repo().Get(blobPath(b.Digest))).To(HaveStatus(http.StatusNotFound))
		Expect(c.Repo().Head(blobPath(b.Digest))).To(HaveStatus(http.StatusNotFound))
	})
	g.It("answers 404 for a deleted blob that was asked for by HEAD before", requirement.DockerBlobDeleted, func(c *Case) {
		c.Repo().GivenHeads()
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		c.Repo().Head(blobPath(b.Digest))
		c.Repo().GivenDeleted(b)
		Expect(c.Repo().Get(blobPath(b.Digest))).To(HaveStatus(http.StatusNotFound))
		Expect(c.Repo().Head(blobPath(b.Digest))).To(HaveStatus(http.StatusNotFound))
	})
	g.It("answers 404 with BLOB_UNKNOWN to a DELETE of a blob that was never there", requirement.DockerBlobDeleteUnknown, func(c *Case) {
		c.Repo().GivenErrorDocuments()
		c.Repo().GivenBlobs(c.Content.Blob(64))
		c.deletesNothing(c.Content.Blob(64))
	})
	g.It("answers 404 with BLOB_UNKNOWN to a second DELETE of a blob", requirement.DockerBlobDeleteUnknown, func(c *Case) {
		c.Repo().GivenErrorDocuments()
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		c.Repo().GivenDeleted(b)
		c.Repo().GivenAbsent(c.Content.Blob(64).Digest)
		c.Given(requirement.DockerBlobDeleted, c.Repo().Get(blobPath(b.Digest)), haveNothing())
		c.deletesNothing(b)
	})
}

// deletesNothing judges a DELETE of a blob that is not there.
func (c *Case) deletesNothing(b fixtures.Blob) {
	ginkgo.GinkgoHelper()
	x := c.Repo().Delete(blobPath(b.Digest))
	if refusesDeletion(x) {
		c.Unsupported(x, "deletion is disabled")
	}
	Expect(x).To(HaveStatus(http.StatusNotFound))
	Expect(x).To(HaveErrorCode("BLOB_UNKNOWN"))
}

func pushingAgain(g *registrar) {
	for _, kind := range []uploadKind{putWhole(), putChunks()} {
		g.It("stores and serves a deleted blob that is sent again "+kind.name, requirement.DockerBlobPushAgain, func(c *Case) {
			c.Repo().GivenServing()
			c.Repo().GivenHeads()
			up := kind.bring(c.Repo())
			c.Given(kind.created, up.put(up.blob.Digest), HaveSuccess())
			c.Repo().GivenDeleted(up.blob)
			u := c.Repo().GivenUpload()
			rest, edits := kind.send(u, up.blob.Content, up.size)
			Expect(u.Put(up.blob.Digest, rest, edits...)).To(HaveSuccess())
			Expect(c.Repo().Get(blobPath(up.blob.Digest))).To(haveServed(up.blob.Content))
			Expect(c.Repo().Head(blobPath(up.blob.Digest))).To(HaveSuccess())
		})
	}
	g.It("stores and serves a blob that was deleted, asked for and pushed again", requirement.DockerBlobPushAgain, func(c *Case) {
		c.Repo().GivenServing()
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		c.Repo().GivenDeleted(b)
		c.Repo().Get(blobPath(b.Digest))
		c.Repo().Head(blobPath(b.Digest))
		Expect(c.Repo().GivenUpload().Put(b.Digest, b.Content)).To(HaveSuccess())
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
	})
}

func refusingDeletion(g *registrar) {
	g.It("answers 405 with UNSUPPORTED if it does not delete a blob, and goes on serving it", requirement.DockerBlobDeleteRefused, func(c *Case) {
		c.Repo().GivenServing()
		c.Repo().GivenErrorDocuments()
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		x := c.Repo().Delete(blobPath(b.Digest))
		if x.Status/100 == 2 {
			return
		}
		Expect(x).To(HaveStatus(http.StatusMethodNotAllowed))
		Expect(x).To(HaveErrorCode("UNSUPPORTED"))
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
	})
}
