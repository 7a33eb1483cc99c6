package conformance

import (
	"net/http"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

const versionHeader = "Docker-Distribution-Api-Version"

// dockerAPI judges what Docker's API says of the base, of names and of errors.
func dockerAPI(g *registrar) {
	anonymous := func(c *Case) *Exchange {
		return c.Do(Request{Method: http.MethodGet, URL: c.Root(), Anonymous: true})
	}
	g.It("answers 200 to a GET of the base, or 401 with a challenge", requirement.DockerBaseOk, func(c *Case) {
		x := anonymous(c)
		Expect(x).To(HaveStatus(http.StatusOK, http.StatusUnauthorized))
		if x.Status == http.StatusUnauthorized {
			Expect(x).To(HaveSomeHeader("WWW-Authenticate"))
		}
		Expect(c.getBase()).To(HaveStatus(http.StatusOK))
	})
	g.It("tells the version of the API with the base", requirement.DockerBaseVersionHeader, func(c *Case) {
		for _, x := range []*Exchange{anonymous(c), c.getBase()} {
			c.Given(requirement.DockerBaseOk, x, HaveStatus(http.StatusOK, http.StatusUnauthorized))
			Expect(x).To(haveVersion())
		}
	})
	for _, r := range refusals() {
		if !slices.Contains(actionableRefusals(), r.to) {
			continue
		}
		g.It("reports errors with code and message to "+r.to, requirement.DockerErrorsForm, func(c *Case) {
			x := c.refused(r)
			if saysJSON(x) || isJSON(x) {
				c.errorsOf(x)
			}
			Expect(x).To(haveDockerErrors())
		})
	}
	for _, bad := range invalidComponents() {
		g.It("answers 400 or 404 to a name with "+bad.what, requirement.DockerNameInvalid, func(c *Case) {
			c.Repo().GivenErrorDocuments()
			x := c.below(bad.component).Get(manifestPath("latest"), func(r *Request) { r.NoFollow = true })
			c.Given(requirement.ApiNameGrammar, x, haveNothing())
			Expect(x).To(HaveStatus(http.StatusBadRequest, http.StatusNotFound))
			if x.Status == http.StatusBadRequest {
				Expect(x).To(haveAnyErrorCode("NAME_INVALID"))
			}
		})
	}
	dockerUnknown(g)
	dockerHeads(g)
}

// actionableRefusals are those that Docker's API has a code for.
func actionableRefusals() []string {
	return []string{
		"a GET of a manifest by an unknown tag",
		"a GET of a manifest by an unknown digest",
		"a GET of an unknown blob",
		"a PUT of a text as a manifest",
		"a PUT of a blob under the digest of another",
		"a GET of an unknown upload",
		"a GET of the tags of an unknown repository",
	}
}

// haveVersion wants the version among the words of its header.
func haveVersion() Matcher {
	return NewMatcher(versionHeader+": registry/2.0", func(x *Exchange) string {
		values := x.Header().Values(versionHeader)
		switch {
		case len(values) == 0:
			return "no " + versionHeader + " header"
		case !slices.Contains(strings.Fields(strings.Join(values, " ")), "registry/2.0"):
			return versionHeader + ": " + strings.Join(values, ", ")
		}
		return ""
	})
}

// haveDockerErrors wants a JSON list of errors, each with a code and a message,
// which may be empty.
func haveDockerErrors() Matcher {
	return NewMatcher("a JSON list of errors with code and message", func(x *Exchange) string {
		list, err := readErrors(x)
		switch {
		case err != nil:
			return err.Error()
		case len(list) == 0:
			return "no error in the body"
		}
		for _, e := range list {
			if e["message"] == nil {
				return "an error without a message"
			}
		}
		return ""
	})
}

func dockerUnknown(g *registrar) {
	for _, absent := range absentBlobs() {
		g.It("answers 404 with BLOB_UNKNOWN for "+absent.what, requirement.DockerBlobUnknown, func(c *Case) {
			c.Repo().GivenErrorDocuments()
			x := c.Repo().Get(absent.path(c))
			c.Given(requirement.PullBlobUnknown, x, HaveStatus(http.StatusNotFound))
			Expect(x).To(haveAnyErrorCode("BLOB_UNKNOWN"))
		})
	}
	for _, absent := range absentManifests()[:2] {
		g.It("answers 404 with MANIFEST_UNKNOWN for "+absent.what, requirement.DockerManifestUnknown, func(c *Case) {
			c.Repo().GivenErrorDocuments()
			x := c.Repo().Get(absent.path(c))
			c.Given(requirement.PullManifestUnknown, x, HaveStatus(http.StatusNotFound))
			Expect(x).To(haveAnyErrorCode("MANIFEST_UNKNOWN"))
		})
	}
	g.It("answers 404 with NAME_UNKNOWN or MANIFEST_UNKNOWN from an unknown repository", requirement.DockerManifestUnknown, func(c *Case) {
		c.Repo().GivenErrorDocuments()
		x := c.Empty("-unknown").Get(manifestPath("latest"))
		c.Given(requirement.PullRepositoryUnknown, x, HaveStatus(http.StatusNotFound))
		Expect(x).To(HaveErrorCode("MANIFEST_UNKNOWN", "NAME_UNKNOWN"))
	})
	g.It("answers 400 with DIGEST_INVALID to a digest of an unknown algorithm", requirement.DockerBlobDigestInvalid, func(c *Case) {
		c.Repo().GivenErrorDocuments()
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		x := c.Repo().Get("blobs/sha257:" + b.Digest.Encoded())
		Expect(x).To(HaveStatus(http.StatusBadRequest))
		Expect(x).To(haveAnyErrorCode("DIGEST_INVALID"))
	})
}

func dockerHeads(g *registrar) {
	g.It("sends length and digest with a HEAD of a blob", requirement.DockerBlobHead, func(c *Case) {
		b := c.Content.Blob(512)
		c.Repo().GivenBlobs(b)
		x := c.Repo().Head(blobPath(b.Digest))
		c.Given(requirement.PullBlobHead, x, HaveStatus(http.StatusOK))
		c.dockerHead(x)
	})
	for _, by := range []string{"tag", "digest"} {
		g.It("sends length and digest with a HEAD of a manifest by "+by, requirement.DockerManifestHead, func(c *Case) {
			_, reference := c.pushedManifest(ociKinds()[0], by)
			x := c.Repo().Head(manifestPath(reference))
			c.Given(requirement.PullManifestHead, x, HaveStatus(http.StatusOK))
			c.dockerHead(x)
		})
	}
}

// dockerHead judges that the headers are there; what they say is judged by
// requirements of their own.
func (c *Case) dockerHead(x *Exchange) {
	ginkgo.GinkgoHelper()
	c.needOwnAnswer(x)
	Expect(x).To(HaveSomeHeader("Content-Length"))
	Expect(x).To(HaveSomeHeader(digestHeader))
}
