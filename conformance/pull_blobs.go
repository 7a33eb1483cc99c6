package conformance

import (
	"net/http"

	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

func pullingBlobs(g *registrar) {
	g.It("answers 404 for a blob that was never pushed", requirement.PullBlobUnknown, func(c *Case) {
		repo := c.Repo()
		repo.GivenBlobs(c.Content.Blob(64))
		Expect(repo.Get(blobPath(c.Content.Blob(64).Digest))).To(HaveStatus(http.StatusNotFound))
	})

	g.It("returns the bytes of a blob", requirement.PullBlobContent, func(c *Case) {
		blob := c.Content.Blob(4096)
		repo := c.Repo()
		repo.GivenBlobs(blob)
		x := repo.Get(blobPath(blob.Digest))
		c.Given(requirement.PullBlobOk, x, HaveStatus(http.StatusOK))
		Expect(x).To(HaveBody(blob.Content))
	})
}
