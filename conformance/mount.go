package conformance

import (
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// Mount asks for the blob d of the repository called from, or of any if from
// is "".
func (r *Repo) Mount(d, from string) *Exchange {
	edits := []func(*Request){query("mount", d)}
	if from != "" {
		edits = append(edits, query("from", from), func(q *Request) {
			q.Scopes = append(q.Scopes, "repository:"+r.Name+":pull,push", "repository:"+from+":pull")
		})
	}
	if digest.Digest(d).Validate() == nil {
		r.c.pushed.add(kindBlob, r, blobPath(digest.Digest(d)))
	}
	x := r.OpenUpload(edits...)
	if _, err := locationOf(x); err == nil && x.Status == http.StatusAccepted {
		r.upload(x)
	}
	return x
}

// mountedFromOther returns a blob of the other repository and the answer to
// the mount of it, which ends the spec unless it is a success without upload.
func (c *Case) mountedFromOther() (fixtures.Blob, *Exchange) {
	ginkgo.GinkgoHelper()
	b := c.Content.Blob(64)
	c.Other().GivenBlobs(b)
	x := c.Repo().Mount(b.Digest.String(), c.Other().Name)
	c.needMount(x)
	return b, x
}

// needMount ends the spec if x does not say that a blob was mounted.
func (c *Case) needMount(x *Exchange) {
	ginkgo.GinkgoHelper()
	if x.Status == http.StatusAccepted {
		c.Unsupported(x, "a mount opens an upload session")
	}
	c.Given(requirement.MountBlobFallback, x, HaveSuccess())
}

func mountingBlobs(g *registrar) {
	g.It("answers 201 to the mount of a blob of another repository", requirement.MountBlobCreated, func(c *Case) {
		_, x := c.mountedFromOther()
		Expect(x).To(HaveStatus(http.StatusCreated))
	})
	g.It("serves a blob that it mounted", requirement.MountBlobCreated, func(c *Case) {
		c.Other().GivenServing()
		b, _ := c.mountedFromOther()
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
	})
	g.It("sends a Location with the 201 to a mount", requirement.MountBlobLocation, func(c *Case) {
		_, x := c.mountedFromOther()
		c.Given(requirement.MountBlobCreated, x, HaveSuccess())
		Expect(x).To(haveLocation())
	})
	g.It("serves a blob that it mounted from the Location of the 201", requirement.MountBlobLocation, func(c *Case) {
		c.Other().GivenServing()
		b, x := c.mountedFromOther()
		c.Given(requirement.MountBlobCreated, c.Repo().Get(blobPath(b.Digest)), HaveSuccess())
		Expect(x).To(haveLocation())
		to, _ := locationOf(x)
		Expect(c.Do(Request{Method: http.MethodGet, URL: to})).To(haveServed(b.Content))
	})
	g.It("serves a blob that it mounted by its sha512 digest from the Location of the 201", requirement.MountBlobLocation, func(c *Case) {
		c.Other().GivenServing()
		b := c.Content.Blob(64).Under(digest.SHA512)
		if x := c.Other().GivenUpload().Put(b.Digest, b.Content); x.Status/100 != 2 {
			c.NothingToJudge(x, "sha512 is not taken")
		}
		x := c.Repo().Mount(b.Digest.String(), c.Other().Name)
		c.needMount(x)
		Expect(x).To(haveLocation())
		to, _ := locationOf(x)
		Expect(c.Do(Request{Method: http.MethodGet, URL: to})).To(haveServed(b.Content))
	})
	g.It("names a digest of the mounted blob's content or none", requirement.MountBlobDigestCanonical, func(c *Case) {
		b, x := c.mountedFromOther()
		if x.Header().Get("Docker-Content-Digest") != "" {
			Expect(x).To(haveDigestOf(b.Content))
		}
	})
	mountingAnonymously(g)
	mountsThatFail(g)
}

func mountingAnonymously(g *registrar) {
	g.It("mounts a blob without from or opens an upload session for it", requirement.MountAnonymousSupported, func(c *Case) {
		c.Other().GivenServing()
		b := c.Content.Blob(64)
		c.Other().GivenBlobs(b)
		x := c.Repo().Mount(b.Digest.String(), "")
		c.Given(requirement.MountBlobFallback, x, HaveSuccess())
		if x.Status == http.StatusAccepted {
			c.Given(requirement.MountBlobFallback, x, haveLocation())
			c.Given(requirement.MountBlobFallback, c.Repo().upload(x).Put(b.Digest, b.Content), HaveSuccess())
		}
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
	})
	g.It("serves a blob that it mounted without from", requirement.MountAnonymousFound, func(c *Case) {
		c.Other().GivenServing()
		b := c.Content.Blob(64)
		c.Other().GivenBlobs(b)
		x := c.Repo().Mount(b.Digest.String(), "")
		c.needMount(x)
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
	})
	g.It("mounts no blob without from that nobody has pushed", requirement.MountAnonymousFound, func(c *Case) {
		b := c.Content.Blob(64)
		c.Other().GivenBlobs(b)
		c.needMount(c.Repo().Mount(b.Digest.String(), ""))
		x := c.Repo().Mount(c.Content.Blob(64).Digest.String(), "")
		if x.Status/100 == 2 && x.Status != http.StatusAccepted {
			c.Failf(x, StatusText(http.StatusAccepted)+" or a refusal", "%s", StatusText(x.Status))
		}
	})
}

// mountsThatFail judges mounts that cannot be done: an upload session stands
// in for each of them.
func mountsThatFail(g *registrar) {
	opensSession := func(text string, what func(c *Case) (b fixtures.Blob, from string)) {
		g.It("opens an upload session for the mount of "+text, requirement.MountBlobFallback, func(c *Case) {
			c.Repo().GivenServing()
			b, from := what(c)
			x := c.Repo().Mount(b.Digest.String(), from)
			Expect(x).To(HaveStatus(http.StatusAccepted))
			Expect(x).To(haveLocation())
			Expect(c.Repo().upload(x).Put(b.Digest, b.Content)).To(HaveSuccess())
			Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
		})
	}
	opensSession("a blob that nobody has pushed", func(c *Case) (fixtures.Blob, string) {
		c.Other().GivenBlobs(c.Content.Blob(64))
		return c.Content.Blob(64), c.Other().Name
	})
	opensSession("a blob that nobody has pushed from a repository that does not exist", func(c *Case) (fixtures.Blob, string) {
		return c.Content.Blob(64), c.Empty("").Name
	})
	opensSession("a blob that nobody has pushed from the repository itself", func(c *Case) (fixtures.Blob, string) {
		return c.Content.Blob(64), c.Repo().Name
	})
	g.It("opens an upload session for the mount of a blob that was deleted", requirement.MountBlobFallback, func(c *Case) {
		b := c.Content.Blob(64)
		c.Other().GivenAbsent(b.Digest)
		c.Other().GivenBlobs(b)
		x := c.Other().Delete(blobPath(b.Digest))
		if refusesDeletion(x) {
			return
		}
		c.Given(requirement.ManagementBlobAccepted, x, HaveSuccess())
		c.Given(requirement.DockerBlobDeleted, c.Other().Get(blobPath(b.Digest)), haveNothing())
		Expect(c.Repo().Mount(b.Digest.String(), c.Other().Name)).To(HaveStatus(http.StatusAccepted))
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveNothing())
	})

	answers := func(text string, what func(c *Case) *Exchange) {
		g.It("mounts or opens an upload session for "+text, requirement.MountBlobFallback, func(c *Case) {
			Expect(what(c)).To(HaveSuccess())
		})
	}
	answers("a blob of another repository", func(c *Case) *Exchange {
		b := c.Content.Blob(64)
		c.Other().GivenBlobs(b)
		return c.Repo().Mount(b.Digest.String(), c.Other().Name)
	})
	answers("a blob that the repository holds already", func(c *Case) *Exchange {
		b := c.Content.Blob(64)
		c.Other().GivenBlobs(b)
		c.Repo().GivenBlobs(b)
		return c.Repo().Mount(b.Digest.String(), c.Other().Name)
	})
	answers("a blob of the repository itself", func(c *Case) *Exchange {
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		return c.Repo().Mount(b.Digest.String(), c.Repo().Name)
	})
	answers("a blob without from", func(c *Case) *Exchange {
		b := c.Content.Blob(64)
		c.Other().GivenBlobs(b)
		return c.Repo().Mount(b.Digest.String(), "")
	})
}
