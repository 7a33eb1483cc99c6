package conformance

import (
	"net/http"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

// dockerUploads are the specs of the Docker Registry HTTP API V2 for the life
// of an upload.
func dockerUploads(g *registrar) {
	dockerOpening(g)
	dockerStatus(g)
	dockerChunks(g)
	dockerDisorder(g)
	dockerResuming(g)
	dockerCompleting(g)
	dockerDigests(g)
	dockerCancelling(g)
	dockerGone(g)
}

func dockerOpening(g *registrar) {
	g.It("answers 202 with a Location to a POST that opens an upload", requirement.DockerUploadCreate, func(c *Case) {
		x := c.Repo().OpenUpload()
		if _, err := locationOf(x); err == nil && x.Status/100 == 2 {
			c.Repo().upload(x)
		}
		Expect(x).To(HaveStatus(http.StatusAccepted))
		Expect(x).To(haveLocation())
	})
	g.It("sends Range: 0-0 with the 202 that opens an upload", requirement.DockerUploadCreateRange, func(c *Case) {
		Expect(c.Repo().GivenUpload().Opened).To(haveDockerRange(0))
	})
	g.It("sends Docker-Upload-UUID with the 202 that opens an upload", requirement.DockerUploadCreateUuid, func(c *Case) {
		c.needDockerHeaders()
		Expect(c.Repo().GivenUpload().Opened).To(HaveSomeHeader("Docker-Upload-UUID"))
	})
	g.It("gives each upload a Docker-Upload-UUID of its own", requirement.DockerUploadCreateUuid, func(c *Case) {
		c.needDockerHeaders()
		first, second := c.Repo().GivenUpload().Opened, c.Repo().GivenUpload().Opened
		Expect(second).To(HaveSomeHeader("Docker-Upload-UUID"))
		if id := second.Header().Get("Docker-Upload-UUID"); id == first.Header().Get("Docker-Upload-UUID") {
			c.Failf(second, "a Docker-Upload-UUID that no other upload has", "that of another upload, %s", id)
		}
	})
}

// needDockerHeaders ends the spec if the target sends none of Docker's own
// headers: they are left out as a whole, not forgotten in one place.
func (c *Case) needDockerHeaders() {
	ginkgo.GinkgoHelper()
	b := c.Content.Blob(64)
	base := c.Do(Request{Method: http.MethodGet, URL: c.Root()})
	u := c.Repo().GivenUpload()
	for _, x := range []*Exchange{base, u.Opened, u.Put(b.Digest, b.Content), c.Repo().Head(blobPath(b.Digest))} {
		for _, name := range []string{"Docker-Distribution-Api-Version", "Docker-Upload-UUID", "Docker-Content-Digest"} {
			if x.Header().Get(name) != "" {
				return
			}
		}
	}
	c.Unsupported(base, "no header of Docker's own is sent with this, an upload and a blob")
}

// givenUuid returns the Docker-Upload-UUID that the upload was opened with.
func (u *Upload) givenUuid() string {
	ginkgo.GinkgoHelper()
	u.repo.c.Given(requirement.DockerUploadCreateUuid, u.Opened, HaveSomeHeader("Docker-Upload-UUID"))
	return u.Opened.Header().Get("Docker-Upload-UUID")
}

func dockerStatus(g *registrar) {
	for _, p := range progresses() {
		g.It("answers 204 to a GET of an upload "+p.name, requirement.DockerUploadStatus, func(c *Case) {
			u, _ := p.bring(c.Repo())
			Expect(u.Status()).To(HaveStatus(http.StatusNoContent))
		})
		given := func(c *Case) (*Upload, *Exchange, int) {
			u, size := p.bring(c.Repo())
			x := u.Status()
			c.Given(requirement.DockerUploadStatus, x, HaveSuccess())
			return u, x, size
		}
		g.It("sends a Location with the status of an upload "+p.name, requirement.DockerUploadStatusLocation, func(c *Case) {
			_, x, _ := given(c)
			Expect(x).To(haveLocation())
		})
		g.It("sends Range with the status of an upload "+p.name, requirement.DockerUploadStatusRange, func(c *Case) {
			_, x, size := given(c)
			// Of no bytes and of one byte the form is the same.
			Expect(x).To(haveDockerRange(p.ends(size)...))
		})
		g.It("sends the Docker-Upload-UUID with the status of an upload "+p.name, requirement.DockerUploadStatusUuid, func(c *Case) {
			c.needDockerHeaders()
			u, x, _ := given(c)
			Expect(x).To(HaveHeader("Docker-Upload-UUID", u.givenUuid()))
		})
	}
}

func dockerChunks(g *registrar) {
	accepted := func(x *Exchange, end int) {
		ginkgo.GinkgoHelper()
		Expect(x).To(HaveStatus(http.StatusAccepted, http.StatusNoContent))
		Expect(x).To(haveLocation())
		Expect(x).To(haveDockerRange(end))
	}
	g.It("answers 202 or 204 with Location and Range to chunks in order", requirement.DockerUploadPatch, func(c *Case) {
		u := c.Repo().GivenUpload()
		size := u.MinChunk(64)
		accepted(u.Patch(0, c.Content.Bytes(size)), size-1)
		accepted(u.Patch(size, c.Content.Bytes(size+7)), 2*size+6)
	})
	g.It("answers 202 or 204 with Location and Range to a stream", requirement.DockerUploadPatch, func(c *Case) {
		u := c.Repo().GivenUpload()
		size := u.MinChunk(64)
		accepted(u.Stream(c.Content.Bytes(size)), size-1)
	})
	g.It("answers 202 or 204 with Location and Range to a stream without a Content-Length", requirement.DockerUploadPatch, func(c *Case) {
		u := c.Repo().GivenUpload()
		size := u.MinChunk(64)
		x := u.Stream(c.Content.Bytes(size), func(r *Request) { r.Chunked = true })
		if x.Status == http.StatusLengthRequired {
			return // any server can demand it (RFC 9110 §15.5.12)
		}
		accepted(x, size-1)
	})
	g.It("sends the Docker-Upload-UUID when it accepts a chunk", requirement.DockerUploadPatchUuid, func(c *Case) {
		c.needDockerHeaders()
		u := c.Repo().GivenUpload()
		id := u.givenUuid()
		size := u.MinChunk(64)
		Expect(u.GivenPatch(0, c.Content.Bytes(size))).To(HaveHeader("Docker-Upload-UUID", id))
		Expect(u.GivenPatch(size, c.Content.Bytes(size))).To(HaveHeader("Docker-Upload-UUID", id))
	})
}

func dockerDisorder(g *registrar) {
	for _, disorder := range disorders() {
		g.It("answers 416 to a chunk that "+disorder.what+", and goes on when the right one comes", requirement.DockerUploadOutOfOrder, func(c *Case) {
			c.Repo().GivenChunkedUpload()
			u := c.Repo().GivenUpload()
			size := u.MinChunk(64)
			b := c.Content.Blob(2 * size)
			u.GivenPatch(0, b.Content[:size])
			Expect(u.Patch(disorder.at(size), c.Content.Bytes(size))).To(HaveStatus(http.StatusRequestedRangeNotSatisfiable))
			Expect(u.Patch(size, b.Content[size:])).To(HaveSuccess())
			Expect(u.Put(b.Digest, nil)).To(HaveSuccess())
		})
		g.It("sends Location and Range with the 416 to a chunk that "+disorder.what, requirement.DockerUploadOutOfOrderStatus, func(c *Case) {
			u := c.Repo().GivenUpload()
			size := u.MinChunk(64)
			u.GivenPatch(0, c.Content.Bytes(size))
			x := u.Patch(disorder.at(size), c.Content.Bytes(size))
			c.Given(requirement.DockerUploadOutOfOrder, x, haveRefusal())
			Expect(x).To(haveLocation())
			Expect(x).To(haveDockerRange(size - 1))
		})
	}
	for _, bad := range []string{"0-", "0-31,32-63", "a-b", "+0-63"} {
		g.It("answers 416 to a chunk whose Content-Range is "+bad, requirement.DockerUploadRangeForm, func(c *Case) {
			u := c.Repo().GivenUpload()
			size := u.MinChunk(64)
			u.GivenPatch(0, c.Content.Bytes(size))
			c.Given(requirement.DockerUploadOutOfOrder, u.Patch(2*size, c.Content.Bytes(size)), HaveStatus(http.StatusRequestedRangeNotSatisfiable))
			x := c.Repo().GivenUpload().Stream(c.Content.Bytes(size), header("Content-Range", bad))
			Expect(x).To(HaveStatus(http.StatusRequestedRangeNotSatisfiable))
		})
	}
}

func dockerCompleting(g *registrar) {
	for _, kind := range uploadKinds() {
		g.It("answers 201 or 204 with a Location when a blob sent "+kind.name+" is complete", requirement.DockerUploadComplete, func(c *Case) {
			up := kind.bring(c.Repo())
			x := up.put(up.blob.Digest)
			Expect(x).To(HaveStatus(http.StatusCreated, http.StatusNoContent))
			Expect(x).To(haveLocation())
		})
		g.It("sends Docker-Content-Digest when a blob sent "+kind.name+" is complete", requirement.DockerUploadCompleteDigest, func(c *Case) {
			c.needDockerHeaders()
			up := kind.bring(c.Repo())
			x := up.put(up.blob.Digest)
			c.Given(requirement.DockerUploadComplete, x, HaveSuccess())
			Expect(x).To(haveDigestOf(up.blob.Content))
		})
	}
	g.It("serves a blob that was streamed and whose last bytes came in the PUT", requirement.DockerUploadComplete, func(c *Case) {
		c.Repo().GivenServing()
		u := c.Repo().GivenUpload()
		size := u.MinChunk(64)
		b := c.Content.Blob(size + 7)
		x := u.Stream(b.Content[:size])
		c.Given(requirement.DockerUploadPatch, x, HaveSuccess())
		c.Given(requirement.DockerUploadPatch, x, haveLocation())
		Expect(u.Put(b.Digest, b.Content[size:])).To(HaveSuccess())
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
	})
}

func dockerDigests(g *registrar) {
	for _, kind := range uploadKinds() {
		g.It("answers 400 to a PUT without a digest for a blob sent "+kind.name, requirement.DockerUploadDigestMissing, func(c *Case) {
			up := kind.bring(c.Repo())
			c.pushed.add(kindBlob, c.Repo(), blobPath(up.blob.Digest))
			edits := append([]func(*Request){body(octetStream, up.rest)}, up.edits...)
			Expect(up.Do(http.MethodPut, edits...)).To(HaveStatus(http.StatusBadRequest))
		})
		g.It("answers 400 with DIGEST_INVALID to the digest of other content for a blob sent "+kind.name, requirement.DockerUploadDigestMismatch, func(c *Case) {
			claimed := c.Content.Blob(64).Digest
			c.Repo().GivenAbsent(claimed)
			c.Repo().GivenErrorDocuments()
			kind.given(c.Repo())
			up := kind.bring(c.Repo())
			up.GivenUnpublished()
			x := up.put(claimed)
			Expect(x).To(HaveStatus(http.StatusBadRequest))
			Expect(x).To(HaveErrorCode("DIGEST_INVALID"))
			for _, d := range []digest.Digest{claimed, up.blob.Digest} {
				Expect(c.Repo().Get(blobPath(d))).To(haveNothing())
			}
		})
	}
}

// cancelled returns the Location of an upload that was cancelled.
func (c *Case) cancelled(p progress) string {
	ginkgo.GinkgoHelper()
	u, _ := p.bring(c.Repo())
	x := u.Cancel()
	c.needDockerCancel(x)
	c.Given(requirement.DockerUploadCancel, x, HaveSuccess())
	return u.Location
}

// needDockerCancel ends the spec if x says that the target knows no such
// request.
func (c *Case) needDockerCancel(x *Exchange) {
	ginkgo.GinkgoHelper()
	if x.Status == http.StatusMethodNotAllowed || x.Status == http.StatusNotImplemented {
		c.Unsupported(x, "an upload cannot be cancelled")
	}
}

func dockerCancelling(g *registrar) {
	for _, p := range cancellable() {
		g.It("answers 204 to a DELETE of an upload "+p.name, requirement.DockerUploadCancel, func(c *Case) {
			u, _ := p.bring(c.Repo())
			x := u.Cancel()
			c.needDockerCancel(x)
			Expect(x).To(HaveStatus(http.StatusNoContent))
		})
		for _, after := range []struct {
			sessionRequest
			gone requirement.Requirement
		}{
			{requestGet(), requirement.DockerUploadCancelledGet},
			{requestPatch(), requirement.DockerUploadCancelledPatch},
			{requestPut(), requirement.DockerUploadCancelledPut},
			{requestDelete(), requirement.DockerUploadCancelledDelete},
		} {
			g.It("answers 404 to "+after.verb+" a cancelled upload "+p.name, after.gone, func(c *Case) {
				after.givenUnknown(c)
				x := after.do(c, c.cancelled(p))
				Expect(x).To(HaveStatus(http.StatusNotFound))
				Expect(x).To(HaveErrorCode("BLOB_UPLOAD_UNKNOWN"))
			})
		}
	}
}

// givenUnknown blocks the spec unless the answer to the request is right for an
// upload that was never opened.
func (q sessionRequest) givenUnknown(c *Case) {
	ginkgo.GinkgoHelper()
	c.Repo().GivenErrorDocuments()
	x := q.do(c, c.Repo().URL(c.neverOpened()))
	if x.Status == http.StatusMethodNotAllowed {
		return // what that means is for the spec to say
	}
	c.Given(requirement.DockerUploadUnknown, x, HaveStatus(http.StatusNotFound))
	c.Given(requirement.DockerUploadUnknown, x, HaveErrorCode("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"))
}

// dockerGone judges uploads that are finished or that never were.
func dockerGone(g *registrar) {
	for _, kind := range []uploadKind{putWhole(), putChunks()} {
		for _, after := range []struct {
			sessionRequest
			gone requirement.Requirement
		}{
			{requestGet(), requirement.DockerUploadFinishedGet},
			{requestPatch(), requirement.DockerUploadFinishedPatch},
			{requestPut(), requirement.DockerUploadFinishedPut},
		} {
			g.It("answers 404 to "+after.verb+" the finished upload of a blob sent "+kind.name, after.gone, func(c *Case) {
				after.givenUnknown(c)
				up := kind.bring(c.Repo())
				c.Given(requirement.DockerUploadComplete, up.put(up.blob.Digest), HaveSuccess())
				x := after.do(c, up.Location)
				Expect(x).To(HaveStatus(http.StatusNotFound))
				Expect(x).To(HaveErrorCode("BLOB_UPLOAD_UNKNOWN"))
			})
		}
	}
	for _, request := range []sessionRequest{requestGet(), requestPatch(), requestPut(), requestDelete()} {
		unknown := func(c *Case, target string) {
			c.Repo().GivenErrorDocuments()
			x := request.do(c, target)
			if request.name == http.MethodDelete && x.Status == http.StatusMethodNotAllowed {
				return // uploads cannot be cancelled
			}
			Expect(x).To(HaveStatus(http.StatusNotFound))
			Expect(x).To(HaveErrorCode("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"))
		}
		g.It("answers 404 to "+request.verb+" an upload that was never opened", requirement.DockerUploadUnknown, func(c *Case) {
			c.Repo().GivenBlobs(c.Content.Blob(64))
			unknown(c, c.Repo().URL(c.neverOpened()))
		})
		g.It("answers 404 to "+request.verb+" an upload of another repository", requirement.DockerUploadUnknown, func(c *Case) {
			c.Repo().GivenBlobs(c.Content.Blob(64))
			c.Other().GivenBlobs(c.Content.Blob(64))
			if target, ok := c.Repo().GivenUpload().through(c.Other()); ok {
				unknown(c, target)
			}
		})
	}
}

// Bounds of what a spec waits for a target that still works on a request whose
// connection broke: in all less than a second.
const (
	resumeAttempts = 12
	resumePause    = 5 * time.Millisecond
	resumeMaxPause = 100 * time.Millisecond
)

func dockerResuming(g *registrar) {
	for _, kind := range []struct {
		name string
		send func(u *Upload, offset int, chunk []byte, edit func(*Request))
	}{
		{"chunk", func(u *Upload, offset int, chunk []byte, edit func(*Request)) { u.Patch(offset, chunk, edit) }},
		{"stream", func(u *Upload, _ int, chunk []byte, edit func(*Request)) { u.Stream(chunk, edit) }},
	} {
		g.It("finishes an upload from where its status ends after the connection broke in a "+kind.name, requirement.DockerUploadResume, func(c *Case) {
			c.Repo().GivenChunkedUpload()
			c.Repo().GivenServing()
			u := c.Repo().GivenUpload()
			first := u.MinChunk(64)
			b := c.Content.Blob(first + 64<<10)
			u.GivenPatch(0, b.Content[:first])
			x := u.Status()
			c.Given(requirement.DockerUploadStatus, x, HaveSuccess())
			c.Given(requirement.DockerUploadStatusRange, x, haveDockerRange(first-1))
			kind.send(u, first, b.Content[first:], func(r *Request) { r.DropAfter = 32 << 10 })
			c.resume(u, b.Content, first, first+32<<10)
			Expect(u.Put(b.Digest, nil)).To(HaveSuccess())
			Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
		})
	}
}

// awaitProgress asks for the status until it counts more than the bytes that
// the target had acknowledged, or, since it need not keep what came of a broken
// chunk, for a while.
func (c *Case) awaitProgress(u *Upload, acknowledged int) {
	for attempt := range resumeAttempts / 2 {
		if end, ok := rangeEnd(u.Status()); ok && end >= acknowledged {
			return
		}
		if !c.pause(resumePause << attempt) {
			return
		}
	}
}

// resume sends the rest of content, of which the target acknowledged some bytes
// and was sent no more than the given ones, from the end that the status of the
// upload reports. The target may not have noticed yet that the connection
// broke: it is asked again while it refuses.
func (c *Case) resume(u *Upload, content []byte, acknowledged, sent int) {
	ginkgo.GinkgoHelper()
	c.awaitProgress(u, acknowledged)
	var x *Exchange
	for attempt := range resumeAttempts {
		if attempt > 0 && !c.pause(min(resumePause<<attempt, resumeMaxPause)) {
			break
		}
		if x = u.Status(); x.Status/100 != 2 {
			continue
		}
		end, ok := rangeEnd(x)
		if !ok || end >= sent {
			c.Failf(x, "a Range that ends within the bytes that were sent", "Range: %s", x.Header().Get("Range"))
		}
		next := end + 1
		if end == 0 && attempt%2 == 1 {
			next = 0 // nothing and one byte look the same
		}
		if x = u.Patch(next, content[next:]); x.Status/100 == 2 {
			return
		}
	}
	Expect(x).To(HaveSuccess())
}

// pause waits, and reports false if the spec ends meanwhile.
func (c *Case) pause(d time.Duration) bool {
	select {
	case <-c.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
