package conformance

import (
	"net/http"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// refusesDeletion reports whether x is how a target says that it does not
// delete what is there.
func refusesDeletion(x *Exchange) bool {
	return x.Status == http.StatusBadRequest || x.Status == http.StatusMethodNotAllowed
}

// delete asks to delete what is at path, where it is. It ends the spec if the
// target refuses as it may, and blocks it if the answer is no success otherwise.
func (c *Case) delete(path string, disabled requirement.Requirement) *Exchange {
	ginkgo.GinkgoHelper()
	x := c.Repo().Delete(path)
	if refusesDeletion(x) {
		c.Unsupported(x, "deletion is disabled")
	}
	if x.Status/100 != 2 {
		c.givenPulled(path)
	}
	c.Given(disabled, x, HaveSuccess())
	return x
}

// givenPulled blocks the spec unless what was pushed to path can be pulled.
func (c *Case) givenPulled(path string) {
	ginkgo.GinkgoHelper()
	r := requirement.PullManifestOk
	if strings.HasPrefix(path, "blobs/") {
		r = requirement.PullBlobOk
	}
	c.Given(r, c.Repo().Get(path), HaveSuccess())
}

// A deletable is a kind of content that specs delete by one URL.
type deletable struct {
	name     string
	accepted requirement.Requirement
	disabled requirement.Requirement
	// push pushes one and returns its path.
	push func(*Case) string
}

func deletables() []deletable {
	manifest := func(kind manifestKind) deletable {
		return deletable{kind.name, requirement.ManagementManifestAccepted, requirement.ManagementManifestDisabled, func(c *Case) string {
			m := kind.make(c)
			c.Repo().GivenManifest(m.Digest.String(), m)
			return manifestPath(m.Digest.String())
		}}
	}
	all := []deletable{
		{"a tag", requirement.ManagementTagAccepted, requirement.ManagementTagDisabled, func(c *Case) string {
			tag := c.Tag("deleted")
			c.Repo().GivenImage(tag)
			return manifestPath(tag)
		}},
		{"a blob", requirement.ManagementBlobAccepted, requirement.ManagementBlobDisabled, func(c *Case) string {
			b := c.Content.Blob(64)
			c.Repo().GivenBlobs(b)
			return blobPath(b.Digest)
		}},
	}
	for _, kind := range ociKinds() {
		all = append(all, manifest(kind))
	}
	return all
}

func managingContent(g *registrar) {
	for _, d := range deletables() {
		g.It("answers 202 when it deletes "+d.name, d.accepted, func(c *Case) {
			x := c.delete(d.push(c), d.disabled)
			Expect(x).To(HaveStatus(http.StatusAccepted))
		})
		g.It("answers 400 or 405 if it does not delete "+d.name, d.disabled, func(c *Case) {
			path := d.push(c)
			c.givenPulled(path)
			x := c.Repo().Delete(path)
			if x.Status/100 == 2 {
				c.NothingToJudge(x, "deletion is not disabled")
			}
			Expect(x).To(HaveStatus(http.StatusBadRequest, http.StatusMethodNotAllowed))
			Expect(c.Repo().Get(path)).To(HaveSuccess())
		})
	}
	g.It("deletes manifests and blobs, or refuses to", requirement.ManagementDeleteSupported, func(c *Case) {
		m := c.Repo().GivenImage("")
		c.delete(manifestPath(m.Digest.String()), requirement.ManagementManifestDisabled)
		c.delete(blobPath(m.Blobs[0].Digest), requirement.ManagementBlobDisabled)
	})
	g.It("deletes tags, or refuses to", requirement.ManagementTagSupported, func(c *Case) {
		tag := c.Tag("deleted")
		c.Repo().GivenImage(tag)
		c.delete(manifestPath(tag), requirement.ManagementTagDisabled)
	})
	deletingTags(g)
	deletingManifests(g)
	g.It("answers 404 to a DELETE of a blob that was never pushed", requirement.ManagementBlobUnknown, func(c *Case) {
		c.Repo().GivenBlobs(c.Content.Blob(64))
		x := c.Repo().Delete(blobPath(c.Content.Blob(64).Digest))
		if refusesDeletion(x) {
			c.Unsupported(x, "deletion is disabled")
		}
		Expect(x).To(HaveStatus(http.StatusNotFound))
	})
	g.It("answers 404 to a DELETE of a blob of another repository", requirement.ManagementBlobUnknown, func(c *Case) {
		b := c.Content.Blob(64)
		c.Other().GivenBlobs(b)
		c.Repo().GivenBlobs(c.Content.Blob(64))
		c.Given(requirement.PullBlobHeadUnknown, c.Repo().Head(blobPath(b.Digest)), HaveStatus(http.StatusNotFound))
		x := c.Repo().Delete(blobPath(b.Digest))
		if refusesDeletion(x) {
			c.Unsupported(x, "deletion is disabled")
		}
		Expect(x).To(HaveStatus(http.StatusNotFound))
	})
}

func deletingTags(g *registrar) {
	g.It("answers 404 to a tag that was deleted", requirement.ManagementTagGone, func(c *Case) {
		tag, kept := c.Tag("deleted"), c.Tag("kept")
		m := c.Repo().GivenImage(tag)
		c.Given(requirement.ManifestsPushCreated, c.Repo().PutManifest(kept, m), HaveSuccess())
		c.delete(manifestPath(tag), requirement.ManagementTagDisabled)
		c.givenUnknownIs404()
		Expect(c.Repo().Get(manifestPath(tag))).To(HaveStatus(http.StatusNotFound))
	})
}

func deletingManifests(g *registrar) {
	for _, kind := range ociKinds() {
		g.It("answers 404 to the digest of "+kind.name+" that was deleted", requirement.ManagementManifestGone, func(c *Case) {
			m := kind.make(c)
			c.Repo().GivenManifest(m.Digest.String(), m)
			c.delete(manifestPath(m.Digest.String()), requirement.ManagementManifestDisabled)
			c.givenUnknownIs404()
			Expect(c.Repo().Get(manifestPath(m.Digest.String()))).To(HaveStatus(http.StatusNotFound))
		})
	}
	g.It("answers 404 to every tag of a manifest that was deleted", requirement.ManagementManifestTagsGone, func(c *Case) {
		first, second := c.Tag("first"), c.Tag("second")
		m := c.Repo().GivenImage(first)
		c.Given(requirement.ManifestsPushCreated, c.Repo().PutManifest(second, m), HaveSuccess())
		c.delete(manifestPath(m.Digest.String()), requirement.ManagementManifestDisabled)
		c.givenUnknownIs404()
		for _, tag := range []string{first, second} {
			Expect(c.Repo().Get(manifestPath(tag))).To(HaveStatus(http.StatusNotFound))
		}
	})
	g.It("answers 404 to a DELETE of a manifest in a repository that does not exist", requirement.ManagementManifestRepositoryUnknown, func(c *Case) {
		m := c.smallImage()
		x := c.Empty("").Delete(manifestPath(m.Digest.String()))
		if refusesDeletion(x) {
			c.Unsupported(x, "deletion is disabled")
		}
		Expect(x).To(HaveStatus(http.StatusNotFound))
	})
}

// dockerManifests are the specs of the Docker Registry HTTP API V2 for
// manifests.
func dockerManifests(g *registrar) {
	roundTrip := func(text string, r requirement.Requirement, make func(*Case) fixtures.Manifest) {
		g.It(text, r, func(c *Case) {
			m := make(c)
			tag := c.Tag("docker")
			for _, part := range m.All() {
				c.Repo().GivenBlobs(part.Blobs...)
				reference := part.Digest.String()
				if part.Digest == m.Digest {
					reference = tag
				}
				x := c.Repo().PutManifest(reference, part)
				if x.Status/100 == 4 {
					c.Unsupported(x, "manifests of type "+part.MediaType+" are refused")
				}
				Expect(x).To(HaveSuccess())
			}
			for _, reference := range []string{tag, m.Digest.String()} {
				got := c.Repo().Get(manifestPath(reference))
				Expect(got).To(HaveStatus(http.StatusOK))
				Expect(got).To(HaveMediaType(m.MediaType))
				Expect(got).To(HaveBody(m.Content))
			}
		})
	}
	roundTrip("returns a schema 2 manifest as it was pushed", requirement.DockerManifestSchema2, func(c *Case) fixtures.Manifest { return c.dockerImage() })
	roundTrip("returns a manifest list as it was pushed", requirement.DockerManifestList, func(c *Case) fixtures.Manifest {
		return c.Content.DockerList([]fixtures.Manifest{c.dockerImage(), c.dockerImage()})
	})
	g.It("answers 201 with Location and digest to a manifest", requirement.DockerManifestCreated, func(c *Case) {
		m := c.dockerImage()
		c.Repo().GivenContent(m)
		x := c.Repo().PutManifest(c.Tag("docker"), m)
		Expect(x).To(HaveStatus(http.StatusCreated))
		Expect(x).To(haveLocation())
		Expect(x).To(HaveHeader("Docker-Content-Digest", m.Digest.String()))
	})
	for _, bad := range []struct{ what, content string }{
		{"text", "not a manifest"},
		{"JSON that is cut off", `{"schemaVersion":2,"mediaType":"` + fixtures.MediaTypeDockerManifest + `","config":{`},
	} {
		g.It("answers 400 with MANIFEST_INVALID to "+bad.what, requirement.DockerManifestInvalid, func(c *Case) {
			c.Repo().GivenErrorDocuments()
			x := c.Repo().Do(http.MethodPut, manifestPath(c.Tag("invalid")), body(fixtures.MediaTypeDockerManifest, []byte(bad.content)))
			Expect(x).To(HaveStatus(http.StatusBadRequest))
			Expect(x).To(HaveErrorCode("MANIFEST_INVALID"))
		})
	}
	g.It("reports each missing blob once", requirement.DockerManifestBlobUnknown, func(c *Case) {
		c.Repo().GivenErrorDocuments()
		c.Repo().GivenImage("")
		m := c.Content.DockerImage(fixtures.Layers(2), fixtures.LayerSize(64)).Manifest
		x := c.Repo().PutManifest(c.Tag("docker"), m)
		if x.Status/100 == 2 {
			c.Unsupported(x, "a manifest with missing blobs is stored")
		}
		Expect(x).To(HaveStatus(http.StatusBadRequest))
		Expect(x).To(haveErrors(len(m.Blobs), "MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"))
	})
	dockerTypes(g)
	g.It("answers 202 to a DELETE of a manifest, then 404", requirement.DockerManifestDelete, func(c *Case) {
		m := c.Repo().GivenImage("")
		x := c.delete(manifestPath(m.Digest.String()), requirement.ManagementManifestDisabled)
		Expect(x).To(HaveStatus(http.StatusAccepted))
		c.givenUnknownIs404()
		Expect(c.Repo().Get(manifestPath(m.Digest.String()))).To(HaveStatus(http.StatusNotFound))
	})
	g.It("answers 404 with MANIFEST_UNKNOWN to a second DELETE of a manifest", requirement.DockerManifestDeleteUnknown, func(c *Case) {
		c.Repo().GivenErrorDocuments()
		c.Repo().GivenImage(c.Tag("kept"))
		m := c.Repo().GivenImage("")
		c.delete(manifestPath(m.Digest.String()), requirement.ManagementManifestDisabled)
		x := c.Repo().Delete(manifestPath(m.Digest.String()))
		Expect(x).To(HaveStatus(http.StatusNotFound))
		Expect(x).To(HaveErrorCode("MANIFEST_UNKNOWN"))
	})
	g.It("answers 405 with UNSUPPORTED if it does not delete a manifest", requirement.DockerManifestDeleteRefused, func(c *Case) {
		m := c.Repo().GivenImage("")
		c.givenPulled(manifestPath(m.Digest.String()))
		x := c.Repo().Delete(manifestPath(m.Digest.String()))
		if x.Status/100 == 2 {
			return
		}
		if refusesDeletion(x) {
			c.Given(requirement.ManagementManifestDisabled, c.Repo().Get(manifestPath(m.Digest.String())), HaveSuccess())
		}
		Expect(x).To(HaveStatus(http.StatusMethodNotAllowed))
		Expect(x).To(HaveErrorCode("UNSUPPORTED"))
	})
}

// dockerTypes judges bodies that can be taken for another kind of manifest than
// they are pushed as.
func dockerTypes(g *registrar) {
	image := func(c *Case, o ...fixtures.Option) fixtures.Manifest {
		return c.Content.DockerImage(append(o, fixtures.Layers(1), fixtures.LayerSize(64))...).Manifest
	}
	list := func(c *Case, o ...fixtures.Option) fixtures.Manifest {
		return c.Content.DockerList([]fixtures.Manifest{c.dockerImage()}, o...)
	}
	refuse := func(text string, r requirement.Requirement, make func(c *Case) fixtures.Manifest) {
		g.It(text, r, func(c *Case) {
			c.Repo().GivenErrorDocuments()
			x := c.Repo().Do(http.MethodPut, manifestPath(c.Tag("text")), body(fixtures.MediaTypeDockerManifest, []byte("not a manifest")))
			c.Given(requirement.DockerManifestInvalid, x, HaveStatus(http.StatusBadRequest))
			c.Given(requirement.DockerManifestInvalid, x, HaveErrorCode("MANIFEST_INVALID"))
			m := make(c)
			c.Repo().GivenBlobs(m.Blobs...)
			for _, child := range m.Children {
				c.Repo().GivenBlobs(child.Blobs...)
				if x := c.Repo().PutManifest(child.Digest.String(), child); x.Status/100 == 4 {
					c.Unsupported(x, "images of schema 2 are refused")
				}
			}
			Expect(c.Repo().TryManifest(c.Tag("docker"), m)).To(haveRefusal())
		})
	}
	as := func(mediaType string, m fixtures.Manifest) fixtures.Manifest {
		m.MediaType = mediaType
		return m
	}
	refuse("refuses an image that is pushed as a list", requirement.DockerManifestTypeMismatch, func(c *Case) fixtures.Manifest {
		return as(fixtures.MediaTypeDockerList, image(c))
	})
	refuse("refuses a list that is pushed as an image", requirement.DockerManifestTypeMismatch, func(c *Case) fixtures.Manifest {
		return as(fixtures.MediaTypeDockerManifest, list(c))
	})
	refuse("refuses an image that has manifests as well", requirement.DockerManifestConfused, func(c *Case) fixtures.Manifest {
		return image(c, fixtures.Field("manifests", "[]"))
	})
	refuse("refuses a list that has layers as well", requirement.DockerManifestConfused, func(c *Case) fixtures.Manifest {
		return list(c, fixtures.Field("layers", "[]"))
	})
}

func (c *Case) dockerImage() fixtures.Manifest {
	return c.Content.DockerImage(fixtures.Layers(1), fixtures.LayerSize(64)).Manifest
}
