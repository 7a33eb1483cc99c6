package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

const digestHeader = "Docker-Content-Digest"

// A blobKind is a kind of blob that specs push, by its name in texts.
type blobKind struct {
	name string
	make func(*Case) fixtures.Blob
	is   func(fixtures.Blob) bool
}

// blobKinds differ in what a registry may treat apart: length, and whether the
// content could be compressed or taken for something else.
func blobKinds() []blobKind {
	return []blobKind{
		{"a blob", func(c *Case) fixtures.Blob { return c.Content.Blob(4096) }, isAnyBlob},
		{"a blob of one megabyte", func(c *Case) fixtures.Blob { return c.Content.Blob(1<<20 + 1) }, func(b fixtures.Blob) bool {
			return len(b.Content) > 1<<20
		}},
		{"a blob of JSON text", func(c *Case) fixtures.Blob {
			text := `{"token":"` + c.Content.Token() + `","padding":"` + strings.Repeat("compressible ", 500) + `"}`
			return fixtures.NewBlob(fixtures.MediaTypeOctetStream, []byte(text))
		}, func(b fixtures.Blob) bool { return json.Valid(b.Content) }},
	}
}

func isAnyBlob(fixtures.Blob) bool { return true }

// pushedBlob pushes a blob, or takes one that is there already.
func (c *Case) pushedBlob(kind blobKind) fixtures.Blob {
	if c.access.held != nil {
		i := slices.IndexFunc(c.access.held.blobs, kind.is)
		if i < 0 {
			c.leaveOut("there is not " + kind.name)
		}
		b := c.access.held.blobs[i]
		if checkBytes(b) != "" {
			c.Given(requirement.PullBlobContent, c.Repo().Get(blobPath(b.Digest)), haveBlob(b))
		}
		return b
	}
	b := kind.make(c)
	c.Repo().GivenBlobs(b)
	return b
}

// someBlob is pushedBlob of any kind.
func (c *Case) someBlob(size int) fixtures.Blob {
	return c.pushedBlob(blobKind{"a blob", func(c *Case) fixtures.Blob { return c.Content.Blob(size) }, isAnyBlob})
}

// haveBlob wants the bytes of b.
func haveBlob(b fixtures.Blob) Matcher {
	body := HaveBody(b.Content)
	return NewMatcher(fmt.Sprintf("the %d bytes of %s", len(b.Content), b.Digest), func(x *Exchange) string {
		if wrong := body.Judge(x); wrong != "" {
			return wrong
		}
		return checkBytes(b)
	})
}

// checkBytes returns "" if the bytes of b, which came from the target if the run
// pushes nothing, are those of its digest.
func checkBytes(b fixtures.Blob) string {
	if got := b.Digest.Algorithm().FromBytes(b.Content); got != b.Digest {
		return fmt.Sprintf("%d bytes of the digest %s", len(b.Content), got)
	}
	return ""
}

func pullingBlobs(g *registrar) {
	for _, kind := range blobKinds() {
		get := func(c *Case) (fixtures.Blob, *Exchange) {
			b := c.pushedBlob(kind)
			return b, c.Repo().Get(blobPath(b.Digest))
		}
		g.It("answers 200 to a GET of "+kind.name, requirement.PullBlobOk, func(c *Case) {
			_, x := get(c)
			c.givenAPI(x)
			Expect(x).To(HaveStatus(http.StatusOK))
		})
		g.It("returns the bytes of "+kind.name, requirement.PullBlobContent, func(c *Case) {
			b, x := get(c)
			c.Given(requirement.PullBlobOk, x, HaveStatus(http.StatusOK))
			Expect(x).To(haveBlob(b))
		})
		g.It("names, with "+kind.name+", a digest of the bytes or none", requirement.PullBlobDigestMatches, func(c *Case) {
			b, x := get(c)
			c.Given(requirement.PullBlobOk, x, HaveStatus(http.StatusOK))
			c.Given(requirement.PullBlobContent, x, HaveBody(b.Content))
			Expect(x).To(haveDigestOfIfAny(b.Content))
		})
	}
	g.It("returns a blob again and again", requirement.PullBlobContent, func(c *Case) {
		b := c.someBlob(512)
		for range 3 {
			x := c.Repo().Get(blobPath(b.Digest))
			c.Given(requirement.PullBlobOk, x, HaveStatus(http.StatusOK))
			Expect(x).To(haveBlob(b))
		}
	})
	for _, r := range []requirement.Requirement{requirement.PullBlobDigestHeader, requirement.PullBlobDigestHeaderRequired} {
		g.It("sends Docker-Content-Digest with a blob", r, func(c *Case) {
			b := c.someBlob(512)
			x := c.Repo().Get(blobPath(b.Digest))
			c.Given(requirement.PullBlobOk, x, HaveStatus(http.StatusOK))
			if len(x.Redirect) > 0 && x.Header().Get(digestHeader) == "" {
				// What a redirect leads to need not be the registry's own
				// server; then the redirect may have the header.
				x = c.Repo().Get(blobPath(b.Digest), func(r *Request) { r.NoFollow = true })
				if x.Header().Get(digestHeader) == "" {
					c.NothingToJudge(x, "the answer comes from elsewhere, by a redirect")
				}
			}
			Expect(x).To(HaveSomeHeader(digestHeader))
		})
	}
	pullingSha512Blobs(g)
	pullingUnknownBlobs(g)
	headingBlobs(g)
}

func pullingSha512Blobs(g *registrar) {
	g.It("names, with a blob asked for by sha512, a digest of the bytes or none", requirement.PullBlobDigestMatches, func(c *Case) {
		b := c.Content.Blob(512).Under(digest.SHA512)
		x := c.Repo().GivenUpload().Put(b.Digest, b.Content)
		if x.Status/100 == 4 {
			c.NothingToJudge(x, "blobs are not stored under sha512 digests")
		}
		c.Given(requirement.PushBlobCreated, x, HaveSuccess())
		x = c.Repo().Get(blobPath(b.Digest))
		c.Given(requirement.PullBlobOk, x, HaveStatus(http.StatusOK))
		c.Given(requirement.PullBlobContent, x, HaveBody(b.Content))
		Expect(x).To(haveDigestOfIfAny(b.Content))
	})
}

// notThere makes a path of content that the repository c.Repo() lacks, though
// it exists and holds other content.
type notThere struct {
	what string
	path func(*Case) string
}

func absentBlobs() []notThere {
	return []notThere{
		{"a blob that was never pushed", func(c *Case) string {
			c.someBlob(64)
			return blobPath(c.Content.Blob(64).Digest)
		}},
		{"a blob that another repository holds", func(c *Case) string {
			c.Repo().GivenBlobs(c.Content.Blob(64))
			b := c.Content.Blob(64)
			c.Other().GivenBlobs(b)
			return blobPath(b.Digest)
		}},
	}
}

func pullingUnknownBlobs(g *registrar) {
	for _, absent := range absentBlobs() {
		g.It("answers 404 for "+absent.what, requirement.PullBlobUnknown, func(c *Case) {
			Expect(c.Repo().Get(absent.path(c))).To(HaveStatus(http.StatusNotFound))
		})
		g.It("answers 404 to a HEAD of "+absent.what, requirement.PullBlobHeadUnknown, func(c *Case) {
			path := absent.path(c)
			c.Given(requirement.PullBlobUnknown, c.Repo().Get(path), haveNothing())
			x := c.Repo().Head(path)
			c.givenAPI(x)
			Expect(x).To(HaveStatus(http.StatusNotFound))
		})
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		g.It("answers 404 to a "+method+" of a blob in a repository that does not exist", requirement.PullRepositoryUnknown, func(c *Case) {
			empty := c.Empty("-blob")
			path := blobPath(c.Content.Blob(64).Digest)
			c.someBlob(64)
			c.Given(requirement.PullBlobUnknown, c.Repo().Get(path), HaveStatus(http.StatusNotFound))
			if method == http.MethodHead {
				c.givenHeadUnknown(path, requirement.PullBlobHeadUnknown)
			}
			x := empty.Do(method, path)
			c.givenAPI(x)
			Expect(x).To(HaveStatus(http.StatusNotFound))
		})
	}
}

// givenHeadUnknown blocks the spec unless a HEAD of what is not there in a
// repository that exists is answered with 404, by the requirement unknown.
func (c *Case) givenHeadUnknown(path string, unknown requirement.Requirement) {
	ginkgo.GinkgoHelper()
	x := c.Repo().Head(path)
	c.givenAPI(x)
	c.Given(unknown, x, HaveStatus(http.StatusNotFound))
}

func headingBlobs(g *registrar) {
	for _, kind := range blobKinds() {
		head := func(c *Case) (fixtures.Blob, *Exchange) {
			b := c.pushedBlob(kind)
			return b, c.Repo().Head(blobPath(b.Digest))
		}
		g.It("answers 200 to a HEAD of "+kind.name, requirement.PullBlobHead, func(c *Case) {
			_, x := head(c)
			c.givenAPI(x)
			Expect(x).To(HaveStatus(http.StatusOK))
		})
		g.It("sends the digest with a HEAD of "+kind.name, requirement.PullHeadDigestHeader, func(c *Case) {
			b, x := head(c)
			c.Given(requirement.PullBlobHead, x, HaveStatus(http.StatusOK))
			c.needOwnAnswer(x)
			Expect(x).To(haveDigestOf(b.Content))
		})
		g.It("sends Docker-Content-Digest with a HEAD of "+kind.name, requirement.PullHeadDigestHeaderRequired, func(c *Case) {
			_, x := head(c)
			c.Given(requirement.PullBlobHead, x, HaveStatus(http.StatusOK))
			c.needOwnAnswer(x)
			Expect(x).To(HaveSomeHeader(digestHeader))
		})
		for _, r := range []requirement.Requirement{requirement.PullHeadLength, requirement.PullHeadLengthRequired} {
			g.It("sends the size with a HEAD of "+kind.name, r, func(c *Case) {
				b, x := head(c)
				c.Given(requirement.PullBlobHead, x, HaveStatus(http.StatusOK))
				Expect(x).To(HaveHeader("Content-Length", strconv.Itoa(len(b.Content))))
			})
		}
	}
}

// needOwnAnswer ends the spec if x has no digest and comes, by a redirect, from
// what need not be the registry's own server.
func (c *Case) needOwnAnswer(x *Exchange) {
	ginkgo.GinkgoHelper()
	if len(x.Redirect) > 0 && x.Header().Get(digestHeader) == "" {
		c.NothingToJudge(x, "the answer comes from elsewhere, by a redirect")
	}
}

// givenAPI blocks the spec if x says that the registry lacks the part of the
// API that was asked: every registry serves that of pull.
func (c *Case) givenAPI(x *Exchange) {
	ginkgo.GinkgoHelper()
	c.Given(requirement.ApiCategoriesPull, x, haveImplementation())
}

// haveImplementation wants any answer but that the method is not implemented.
func haveImplementation() Matcher {
	return NewMatcher("an answer of an API that exists", func(x *Exchange) string {
		if x.Status == http.StatusMethodNotAllowed || x.Status == http.StatusNotImplemented {
			return StatusText(x.Status)
		}
		return ""
	}).Partial()
}

// checkDigest returns "" if value is a digest of content by an algorithm that
// the suite knows, or well-formed and of another one.
func checkDigest(value string, content []byte) string {
	d, err := digest.Parse(value)
	switch {
	case err == digest.ErrDigestUnsupported:
		return ""
	case err != nil:
		return fmt.Sprintf("%s: %.200s, which is no digest", digestHeader, value)
	case d != d.Algorithm().FromBytes(content):
		return fmt.Sprintf("%s: %s, which is not the digest of the %d bytes", digestHeader, d, len(content))
	}
	return ""
}

// haveDigestOf wants Docker-Content-Digest to be a digest of content, by any
// algorithm.
func haveDigestOf(content []byte) Matcher {
	return NewMatcher(digestHeader+" with a digest of the content", func(x *Exchange) string {
		value := x.Header().Get(digestHeader)
		if value == "" {
			return "no " + digestHeader + " header"
		}
		return checkDigest(value, content)
	})
}

// haveDigestOfIfAny is haveDigestOf, or no such header.
func haveDigestOfIfAny(contents ...[]byte) Matcher {
	return NewMatcher(digestHeader+" with a digest of the content, or none", func(x *Exchange) string {
		value, wrong := x.Header().Get(digestHeader), ""
		if value == "" {
			return ""
		}
		for _, content := range contents {
			if wrong = checkDigest(value, content); wrong == "" {
				return ""
			}
		}
		return wrong
	})
}
