package conformance

import (
	"net/http"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

// A progress is how far an upload has come when its status is asked for.
type progress struct {
	name  string
	bytes func(size int) []int // the lengths of the chunks
	// ends are the last positions that Range can name.
	ends func(size int) []int
}

func progresses() []progress {
	return []progress{
		// The position of the last byte is -1 then, and "0-0" what
		// registries send since there is no form for that.
		{"that has just begun", func(int) []int { return nil }, func(int) []int { return []int{0, -1} }},
		{"with one byte", func(int) []int { return []int{1} }, func(int) []int { return []int{0} }},
		{"with a chunk", func(n int) []int { return []int{n} }, func(n int) []int { return []int{n - 1} }},
		{"with two chunks", func(n int) []int { return []int{n, n + 7} }, func(n int) []int { return []int{2*n + 6} }},
	}
}

// bring opens a session and sends the chunks.
func (p progress) bring(r *Repo) (u *Upload, size int) {
	ginkgo.GinkgoHelper()
	u = r.GivenUpload()
	size = u.MinChunk(64)
	offset := 0
	for _, n := range p.bytes(size) {
		u.GivenPatch(offset, r.c.Content.Bytes(n))
		offset += n
	}
	return u, size
}

func statusOfUploads(g *registrar) {
	for _, p := range progresses() {
		g.It("answers 204 to a GET of an upload session "+p.name, requirement.ChunkedStatusActive, func(c *Case) {
			u, _ := p.bring(c.Repo())
			Expect(u.Status()).To(HaveStatus(http.StatusNoContent))
		})
		g.It("sends a Location with the status of an upload session "+p.name, requirement.ChunkedStatusLocation, func(c *Case) {
			u, _ := p.bring(c.Repo())
			x := u.Status()
			c.Given(requirement.ChunkedStatusActive, x, HaveSuccess())
			Expect(x).To(haveLocation())
		})
		g.It("sends Range with the status of an upload session "+p.name, requirement.ChunkedStatusRange, func(c *Case) {
			u, size := p.bring(c.Repo())
			x := u.Status()
			c.Given(requirement.ChunkedStatusActive, x, HaveSuccess())
			Expect(x).To(haveRange(p.ends(size)...))
		})
	}
	g.It("goes on with an upload at the Location of its status", requirement.ChunkedStatusLocation, func(c *Case) {
		c.Repo().GivenChunkedUpload()
		u := c.Repo().GivenUpload()
		size := u.MinChunk(64)
		b := c.Content.Blob(2 * size)
		u.GivenPatch(0, b.Content[:size])
		c.Given(requirement.ChunkedStatusActive, u.Status(), HaveSuccess())
		Expect(u.Patch(size, b.Content[size:])).To(HaveSuccess())
		Expect(u.Put(b.Digest, nil)).To(HaveSuccess())
	})
	g.It("answers 404 to a GET of an upload session that was never opened", requirement.ChunkedSessionStatusUnknown, func(c *Case) {
		c.Repo().GivenBlobs(c.Content.Blob(64))
		Expect(c.Repo().Get(c.neverOpened())).To(HaveStatus(http.StatusNotFound))
	})
	sessionOfAnother(g, requestGet(), requirement.ChunkedSessionStatusUnknown)
}
