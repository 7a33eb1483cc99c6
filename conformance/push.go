package conformance

import (
	"net/http"
	"net/url"

	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

func pushingBlobs(g *registrar) {
	openingUploads(g)
	followingLocations(g)
	finishingUploads(g)
	servingFromLocation(g)
	mismatchedDigests(g)
	invalidDigests(g)
	g.It("answers 404 to a PUT to an upload session that was never opened", requirement.PushSessionPutUnknown, func(c *Case) {
		c.Repo().GivenBlobs(c.Content.Blob(64))
		Expect(requestPut().do(c, c.Repo().URL(c.neverOpened()))).To(HaveStatus(http.StatusNotFound))
	})
	sessionOfAnother(g, requestPut(), requirement.PushSessionPutUnknown)
}

// sessionOfAnother registers that a repository does not know the sessions of
// another one.
func sessionOfAnother(g *registrar, request sessionRequest, unknown requirement.Requirement) {
	g.It("answers 404 to "+request.verb+" an upload session of another repository", unknown, func(c *Case) {
		c.Other().GivenBlobs(c.Content.Blob(64))
		target, ok := c.Repo().GivenUpload().through(c.Other())
		if !ok {
			return
		}
		Expect(request.do(c, target)).To(HaveStatus(http.StatusNotFound))
	})
}

func openingUploads(g *registrar) {
	g.It("answers 202 to a POST that opens an upload session", requirement.PushUploadAccepted, func(c *Case) {
		x := c.Repo().OpenUpload()
		if _, err := locationOf(x); err == nil && x.Status/100 == 2 {
			c.Repo().upload(x)
		}
		Expect(x).To(HaveStatus(http.StatusAccepted))
	})
	g.It("answers 202 to a POST in a repository that holds content", requirement.PushUploadAccepted, func(c *Case) {
		c.Repo().GivenBlobs(c.Content.Blob(64))
		Expect(c.Repo().GivenUpload().Opened).To(HaveStatus(http.StatusAccepted))
	})
	g.It("sends the Location of a new upload session", requirement.PushUploadLocation, func(c *Case) {
		x := c.Repo().OpenUpload()
		c.Given(requirement.PushUploadAccepted, x, HaveSuccess())
		Expect(x).To(haveLocation())
		c.Repo().upload(x)
	})
	g.It("gives sessions of one repository different Locations", requirement.PushUploadSessionId, func(c *Case) {
		seen := map[string]bool{}
		for range 4 {
			u := c.Repo().GivenUpload()
			if seen[u.Location] {
				c.Failf(u.Opened, "a Location that no other session has", "the Location of an earlier session")
			}
			seen[u.Location] = true
		}
	})
	g.It("keeps the sessions of one repository apart", requirement.PushUploadSessionId, func(c *Case) {
		first, second := c.Repo().GivenUpload(), c.Repo().GivenUpload()
		one, two := c.Content.Blob(64), c.Content.Blob(64)
		c.Given(requirement.PushBlobCreated, second.Put(two.Digest, two.Content), HaveSuccess())
		Expect(first.Put(one.Digest, one.Content)).To(HaveSuccess())
	})
	g.It("answers 404 to a POST if it refuses to upload to an unknown repository", requirement.PushUploadRefused, func(c *Case) {
		x := c.Empty("").OpenUpload()
		switch x.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed:
			return // refused for another reason
		}
		if x.Status/100 == 2 {
			if _, err := locationOf(x); err == nil {
				c.Repo().upload(x)
			}
			return
		}
		Expect(x).To(HaveStatus(http.StatusNotFound))
	})
}

func followingLocations(g *registrar) {
	g.It("gives an upload session an absolute or relative http URL that leads to it", requirement.PushUploadLocationForm, func(c *Case) {
		u := c.Repo().GivenUpload()
		to, err := url.Parse(u.Location)
		if err != nil || (to.Scheme != "http" && to.Scheme != "https") || to.Host == "" {
			c.Failf(u.Opened, "a Location that is an http or https URL", "%s", u.Location)
		}
		b := c.Content.Blob(64)
		c.Given(requirement.PushBlobCreated, u.Put(b.Digest, b.Content), HaveSuccess())
	})
	for _, form := range []struct {
		text  string
		place func(query, digest string) string
	}{
		{"after what the Location has", func(query, digest string) string { return query + "&digest=" + digest }},
		{"before what the Location has", func(query, digest string) string { return "digest=" + digest + "&" + query }},
		{"with its colon escaped", func(query, digest string) string { return query + "&digest=" + url.QueryEscape(digest) }},
	} {
		g.It("takes a digest parameter "+form.text, requirement.PushUploadLocationQuery, func(c *Case) {
			putWhole().given(c.Repo())
			u, b := c.Repo().GivenUpload(), c.Content.Blob(64)
			to, err := url.Parse(u.Location)
			if err != nil {
				c.Failf(u.Opened, "a Location that is a URL", "%v", err)
			}
			if to.RawQuery == "" {
				to.RawQuery = "digest=" + url.QueryEscape(b.Digest.String())
			} else {
				to.RawQuery = form.place(to.RawQuery, b.Digest.String())
			}
			c.pushed.add(kindBlob, c.Repo(), blobPath(b.Digest))
			u.Location = to.String()
			Expect(u.Do(http.MethodPut, body(octetStream, b.Content))).To(HaveSuccess())
		})
	}
}

func finishingUploads(g *registrar) {
	for _, sized := range []struct {
		name string
		size int
	}{{"a blob of one byte", 1}, {"a small blob", 64}, {"a blob of several megabytes", 3<<20 + 17}} {
		g.It("answers 201 to the PUT of "+sized.name, requirement.PushBlobCreated, func(c *Case) {
			b := c.Content.Blob(sized.size)
			Expect(c.Repo().GivenUpload().Put(b.Digest, b.Content)).To(HaveStatus(http.StatusCreated))
		})
	}
	g.It("answers 201 to the PUT of a blob that it holds already", requirement.PushBlobCreated, func(c *Case) {
		b := c.Content.Blob(64)
		c.Repo().GivenBlobs(b)
		Expect(c.Repo().GivenUpload().Put(b.Digest, b.Content)).To(HaveStatus(http.StatusCreated))
	})
	g.It("answers 201 to the PUT of a blob that another repository holds", requirement.PushBlobCreated, func(c *Case) {
		b := c.Content.Blob(64)
		c.Other().GivenBlobs(b)
		Expect(c.Repo().GivenUpload().Put(b.Digest, b.Content)).To(HaveStatus(http.StatusCreated))
	})
	g.It("answers 201 to the right bytes after it refused wrong ones", requirement.PushBlobCreated, func(c *Case) {
		b := c.Content.Blob(64)
		c.Given(requirement.PushBlobDigestMismatch, c.Repo().GivenUpload().Put(b.Digest, b.Corrupt()), haveRefusal())
		Expect(c.Repo().GivenUpload().Put(b.Digest, b.Content)).To(HaveStatus(http.StatusCreated))
	})
	g.It("sends a Location with the 201 to a PUT", requirement.PushBlobLocation, func(c *Case) {
		b := c.Content.Blob(64)
		x := c.Repo().GivenUpload().Put(b.Digest, b.Content)
		c.Given(requirement.PushBlobCreated, x, HaveSuccess())
		Expect(x).To(haveLocation())
	})
}

func servingFromLocation(g *registrar) {
	for _, kind := range uploadKinds() {
		g.It("serves a blob sent "+kind.name+" from the Location of the 201", requirement.PushBlobLocationPullable, func(c *Case) {
			c.Repo().GivenServing()
			up := kind.bring(c.Repo())
			x := up.put(up.blob.Digest)
			c.Given(kind.created, x, HaveSuccess())
			location := requirement.PushBlobLocation
			if kind.created.ID != requirement.PushBlobCreated.ID {
				location = requirement.ChunkedPutLocation
			}
			c.Given(location, x, haveLocation())
			to, _ := locationOf(x)
			Expect(c.Do(Request{Method: http.MethodGet, URL: to})).To(haveServed(up.blob.Content))
		})
	}
}

func mismatchedDigests(g *registrar) {
	for _, kind := range uploadKinds() {
		g.It("answers 400 to the digest of other content for a blob sent "+kind.name, requirement.PushBlobDigestMismatch, func(c *Case) {
			kind.given(c.Repo())
			up := kind.bring(c.Repo())
			Expect(up.put(c.Content.Blob(64).Digest)).To(HaveStatus(http.StatusBadRequest))
		})
		g.It("stores nothing under a digest that a blob sent "+kind.name+" does not match", requirement.PushBlobDigestMismatch, func(c *Case) {
			claimed := c.Content.Blob(64).Digest
			c.Repo().GivenAbsent(claimed)
			up := kind.bring(c.Repo())
			up.GivenUnpublished()
			up.put(claimed)
			Expect(c.Repo().Get(blobPath(claimed))).To(haveNothing())
			Expect(c.Repo().Get(blobPath(up.blob.Digest))).To(haveNothing())
		})
	}
	g.It("answers 400 to no bytes under the digest of some", requirement.PushBlobDigestMismatch, func(c *Case) {
		claimed := c.Content.Blob(64).Digest
		Expect(c.Repo().GivenUpload().Put(claimed, nil)).To(HaveStatus(http.StatusBadRequest))
	})
	g.It("answers 400 to some bytes under the digest of none", requirement.PushBlobDigestMismatch, func(c *Case) {
		x := c.Repo().GivenUpload().Do(http.MethodPut, body(octetStream, c.Content.Bytes(64)), query("digest", fixtures.EmptyBlob().Digest.String()))
		Expect(x).To(HaveStatus(http.StatusBadRequest))
	})
	g.It("keeps the blob that it holds when other bytes come under its digest", requirement.PushBlobDigestMismatch, func(c *Case) {
		b := c.Content.Blob(64)
		c.Repo().GivenServing()
		c.Repo().GivenBlobs(b)
		c.Repo().GivenUpload().Put(b.Digest, b.Corrupt())
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
	})
	g.It("stores nothing under a sha512 digest that the bytes do not match", requirement.PushBlobDigestMismatch, func(c *Case) {
		claimed := c.Content.Blob(64).SHA512()
		c.Repo().GivenAbsent(claimed)
		b := c.Content.Blob(64)
		Expect(c.Repo().GivenUpload().Put(claimed, b.Content)).To(haveRefusal())
		Expect(c.Repo().Get(blobPath(claimed))).To(haveNothing())
	})
}

// invalidDigests judges what the unreleased text says of digests that are
// malformed or of an unknown algorithm.
func invalidDigests(g *registrar) {
	hex := digest.FromString("").Encoded()
	malformed := []string{
		"sha256:" + hex[1:], "sha256:" + hex + "0", "sha256:g" + hex[1:], "sha256" + hex, "sha256:", hex,
		"sha256:../../../" + hex[9:],
	}
	g.It("answers 400 to a PUT with a malformed digest", requirement.PushBlobDigestInvalid, func(c *Case) {
		for _, d := range malformed {
			x := c.Repo().GivenUpload().Do(http.MethodPut, body(octetStream, c.Content.Bytes(64)), query("digest", d))
			Expect(x).To(HaveStatus(http.StatusBadRequest))
		}
	})
	g.It("answers 400 to a PUT with a digest of an algorithm that does not exist", requirement.PushBlobDigestInvalid, func(c *Case) {
		x := c.Repo().GivenUpload().Do(http.MethodPut, body(octetStream, c.Content.Bytes(64)), query("digest", "conform1:"+hex))
		Expect(x).To(HaveStatus(http.StatusBadRequest))
	})
	g.It("stores a blob under its sha512 digest or answers 400", requirement.PushBlobDigestInvalid, func(c *Case) {
		c.Repo().GivenServing()
		b := c.Content.Blob(64).Under(digest.SHA512)
		x := c.Repo().GivenUpload().Put(b.Digest, b.Content)
		if x.Status/100 != 2 {
			Expect(x).To(HaveStatus(http.StatusBadRequest))
			return
		}
		Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
	})
	g.It("answers 400 to a single POST with a malformed digest, or opens a session", requirement.PushBlobDigestInvalid, func(c *Case) {
		c.Repo().GivenUpload()
		for _, d := range malformed[:4] {
			x := c.Repo().OpenUpload(query("digest", d), body(octetStream, c.Content.Bytes(64)))
			if x.Status == http.StatusAccepted {
				c.Repo().upload(x)
			}
			Expect(x).To(HaveStatus(http.StatusBadRequest, http.StatusAccepted))
		}
	})
}
