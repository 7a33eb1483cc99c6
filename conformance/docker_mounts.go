package conformance

import (
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

// dockerMounts are the specs of the Docker Registry HTTP API V2 for mounts.
func dockerMounts(g *registrar) {
	g.It("answers 201 with a Location to a mount", requirement.DockerMountCreated, func(c *Case) {
		_, x := c.mountedFromOther()
		Expect(x).To(HaveStatus(http.StatusCreated))
		Expect(x).To(haveLocation())
	})
	g.It("serves a mounted blob without an upload", requirement.DockerMountCreated, func(c *Case) {
		c.Other().GivenServing()
		c.Other().GivenHeads()
		b, _ := c.mountedFromOther()
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
		Expect(c.Repo().Head(blobPath(b.Digest))).To(HaveSuccess())
	})
	g.It("sends Docker-Content-Digest with the 201 to a mount", requirement.DockerMountDigestHeader, func(c *Case) {
		b, x := c.mountedFromOther()
		c.Given(requirement.DockerMountCreated, x, HaveSuccess())
		Expect(x).To(haveDigestOf(b.Content))
	})
	dockerMountsThatFail(g)
}

func dockerMountsThatFail(g *registrar) {
	opened := func(c *Case, x *Exchange) {
		ginkgo.GinkgoHelper()
		Expect(x).To(HaveStatus(http.StatusAccepted))
		Expect(x).To(haveLocation())
	}
	g.It("answers 202 with a Location to a mount of a blob that nobody has pushed", requirement.DockerMountFallback, func(c *Case) {
		c.Other().GivenBlobs(c.Content.Blob(64))
		opened(c, c.Repo().Mount(c.Content.Blob(64).Digest.String(), c.Other().Name))
	})
	g.It("answers 202 with a Location to a mount from a repository that does not exist", requirement.DockerMountFallback, func(c *Case) {
		c.Repo().GivenUpload()
		opened(c, c.Repo().Mount(c.Content.Blob(64).Digest.String(), c.Empty("").Name))
	})
	malformed := func(text, d, from string) {
		g.It("answers 400 or opens an upload for a mount with a malformed "+text, requirement.DockerMountFallback, func(c *Case) {
			c.Other().GivenBlobs(c.Content.Blob(64))
			c.Repo().GivenUpload()
			source := from
			if source == "" {
				source = c.Other().Name
			}
			x := c.Repo().OpenUpload(query("mount", d), query("from", source))
			if x.Status == http.StatusAccepted {
				Expect(x).To(haveLocation())
				c.Repo().upload(x)
				return
			}
			Expect(x).To(HaveStatus(http.StatusBadRequest))
		})
	}
	whole := digest.FromString("").String()
	malformed("digest", whole[:40], "")
	malformed("name", whole, "Not/A/Name..")
}
