package conformance

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// usingHTTP judges the rules of HTTP where the specification is silent.
func usingHTTP(g *registrar) {
	headsWithoutBody(g)
	negotiating(g)
	conditions(g)
	g.It("sends Allow with a 405", requirement.ApiHttpSemantics, func(c *Case) {
		m := c.Repo().GivenImage(c.Tag("there"))
		for _, path := range []string{tagsPath, blobPath(m.Blobs[0].Digest), manifestPath(m.Digest.String())} {
			x := c.Repo().Do(http.MethodPatch, path, body("application/octet-stream", nil))
			if x.Status == http.StatusMethodNotAllowed {
				Expect(x).To(haveAllow())
			}
		}
	})
	g.It("does not succeed at a method that is not defined", requirement.ApiHttpSemantics, func(c *Case) {
		m := c.Repo().GivenImage(c.Tag("there"))
		for _, path := range []string{tagsPath, blobPath(m.Blobs[0].Digest), manifestPath(m.Digest.String())} {
			Expect(c.Repo().Do("CONFORM", path)).To(haveNothing())
		}
	})
	g.It("ignores a Range on a HEAD", requirement.ApiHttpSemantics, func(c *Case) {
		b := c.Content.Blob(rangedSize)
		c.Repo().GivenBlobs(b)
		plain := c.Repo().Head(blobPath(b.Digest))
		c.Given(requirement.PullBlobHead, plain, HaveStatus(http.StatusOK))
		length := plain.Header().Get("Content-Length")
		c.Given(requirement.PullHeadLength, plain, holdsIf(length == "" || length == strconv.Itoa(rangedSize), "the size as Content-Length", length))
		x := c.Repo().Head(blobPath(b.Digest), header("Range", "bytes=0-99"))
		Expect(x).To(HaveStatus(http.StatusOK))
		if length = x.Header().Get("Content-Length"); length != "" {
			Expect(x).To(holdsIf(length == strconv.Itoa(rangedSize), fmt.Sprintf("Content-Length: %d", rangedSize), "Content-Length: "+length))
		}
	})
	redirecting(g)
}

// haveAllow wants the Allow header of a 405, which may be empty (RFC 9110
// §15.5.6).
func haveAllow() Matcher {
	return NewMatcher("an Allow header", func(x *Exchange) string {
		if len(x.Header().Values("Allow")) == 0 {
			return "no Allow header"
		}
		return ""
	})
}

// headsWithoutBody asks over a connection of its own, since an HTTP library
// hides what must not be there.
func headsWithoutBody(g *registrar) {
	for _, of := range []struct {
		what string
		path func(*Case) string
		ok   requirement.Requirement
	}{
		{"a blob", func(c *Case) string {
			b := c.Content.Blob(512)
			c.Repo().GivenBlobs(b)
			return blobPath(b.Digest)
		}, requirement.PullBlobHead},
		{"a manifest", func(c *Case) string {
			return manifestPath(c.Repo().GivenImage("").Digest.String())
		}, requirement.PullManifestHead},
		{"a manifest by tag", func(c *Case) string {
			c.Repo().GivenImage(c.Tag("headed"))
			return manifestPath(c.Tag("headed"))
		}, requirement.PullManifestHead},
		{"a blob that is not there", func(c *Case) string { return blobPath(c.Content.Blob(64).Digest) }, requirement.Requirement{}},
		{"a manifest that is not there", func(c *Case) string { return manifestPath(c.Tag("absent")) }, requirement.Requirement{}},
	} {
		g.It("sends no body to a HEAD of "+of.what, requirement.ApiHttpSemantics, func(c *Case) {
			path := of.path(c)
			if of.ok.ID != "" {
				c.Given(of.ok, c.Repo().Head(path), HaveStatus(http.StatusOK))
			}
			x := c.Raw(RawRequest{ContentLength: -1, Request: Request{
				Method: http.MethodHead, URL: c.Repo().URL(path), Header: http.Header{"Accept": {strings.Join(manifestTypes(), ", ")}},
				Scopes: []string{"repository:" + c.Repo().Name + ":pull"},
			}})
			Expect(x).To(HaveNoBody())
		})
	}
	for _, kind := range ociKinds() {
		g.It("sends the type with a HEAD of "+kind.name+" as with a GET", requirement.ApiHttpSemantics, func(c *Case) {
			m, reference := c.pushedManifest(kind, "tag")
			x := c.Repo().Get(manifestPath(reference))
			c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
			c.Given(requirement.PullManifestContentType, x, HaveMediaType(m.MediaType))
			x = c.Repo().Head(manifestPath(reference))
			c.Given(requirement.PullManifestHead, x, HaveStatus(http.StatusOK))
			Expect(x).To(HaveMediaType(m.MediaType))
		})
	}
}

// negotiating asks for manifests by Accept headers that all take the type of
// what is there (RFC 9110 §12.5.1).
func negotiating(g *registrar) {
	for _, accept := range []struct {
		text   string
		values func(mediaType string) []string
	}{
		{"without an Accept header", func(string) []string { return nil }},
		{"with a wildcard in Accept", func(string) []string { return []string{"*/*"} }},
		{"with a wildcard for subtypes in Accept", func(string) []string { return []string{"text/html, application/*"} }},
		{"with its type last in a list", func(t string) []string { return []string{"text/html, application/json, " + t} }},
		{"with its type in a second Accept line", func(t string) []string { return []string{"text/html", t} }},
		{"with its type at a low weight", func(t string) []string { return []string{"text/html;q=1.0," + t + ";q=0.1"} }},
		{"with its type in upper case", func(t string) []string { return []string{strings.ToUpper(t)} }},
	} {
		for _, kind := range ociKinds()[:2] {
			g.It("returns "+kind.name+" "+accept.text, requirement.ApiHttpSemantics, func(c *Case) {
				m, tag := c.pushedManifest(kind, "tag")
				for _, reference := range []string{tag, m.Digest.String()} {
					x := c.Repo().Get(manifestPath(reference))
					c.Given(requirement.PullManifestOk, x, HaveStatus(http.StatusOK))
					c.Given(requirement.PullManifestContent, x, haveManifest(m))
					x = c.Repo().Get(manifestPath(reference), func(r *Request) {
						r.Header.Del("Accept")
						if values := accept.values(m.MediaType); values != nil {
							r.Header["Accept"] = values
						}
					})
					Expect(x).To(HaveStatus(http.StatusOK))
					Expect(x).To(haveManifest(m))
				}
			})
		}
	}
	g.It("returns an image that is asked for by digest as it is, or none, if Accept does not take it", requirement.ApiHttpSemantics, func(c *Case) {
		m := c.Repo().GivenImage("")
		c.Given(requirement.PullManifestOk, c.Repo().Get(manifestPath(m.Digest.String())), HaveStatus(http.StatusOK))
		x := c.Repo().Get(manifestPath(m.Digest.String()), header("Accept", v1.MediaTypeImageIndex))
		if x.Status/100 == 4 {
			return
		}
		Expect(x).To(HaveStatus(http.StatusOK))
		c.Given(requirement.PullManifestContent, x, haveManifest(m))
	})
}

var entityTag = regexp.MustCompile(`^(W/)?"[\x21\x23-\x7e\x80-\xff]*"$`)

// conditions judges ETag and If-None-Match where there is an ETag (RFC 9110
// §8.8.3, §13.1.2).
func conditions(g *registrar) {
	for _, of := range []struct {
		what string
		push func(*Case) (string, fixtures.Blob)
		// ok and content are judged elsewhere.
		ok, content requirement.Requirement
	}{
		{"a manifest", func(c *Case) (string, fixtures.Blob) {
			m := c.Repo().GivenImage("")
			return manifestPath(m.Digest.String()), m.Blob
		}, requirement.PullManifestOk, requirement.ManifestsContentExact},
		{"a blob", func(c *Case) (string, fixtures.Blob) {
			b := c.Content.Blob(512)
			c.Repo().GivenBlobs(b)
			return blobPath(b.Digest), b
		}, requirement.PullBlobOk, requirement.PullBlobContent},
	} {
		tagged := func(c *Case) (path string, b fixtures.Blob, etag string) {
			path, b = of.push(c)
			x := c.Repo().Get(path)
			c.Given(of.ok, x, HaveStatus(http.StatusOK))
			c.Given(of.content, x, HaveBody(b.Content))
			if etag = x.Header().Get("ETag"); etag == "" {
				c.NothingToJudge(x, "there is no ETag")
			}
			return path, b, etag
		}
		g.It("writes the ETag of "+of.what+" in quotes", requirement.ApiHttpSemantics, func(c *Case) {
			path, _, etag := tagged(c)
			x := c.Repo().Get(path)
			Expect(x).To(holdsIf(entityTag.MatchString(etag), "an ETag in quotes", "ETag: "+etag))
		})
		g.It("answers If-None-Match of "+of.what+" with 304 or the content", requirement.ApiHttpSemantics, func(c *Case) {
			path, b, etag := tagged(c)
			x := c.Repo().Get(path, header("If-None-Match", etag))
			Expect(x).To(HaveStatus(http.StatusNotModified, http.StatusOK))
			if x.Status == http.StatusNotModified {
				Expect(x).To(HaveNoBody())
			}
			x = c.Repo().Get(path, header("If-None-Match", `"another-version"`))
			Expect(x).To(HaveStatus(http.StatusOK))
			Expect(x).To(holdsIf(len(x.Body()) == len(b.Content), fmt.Sprintf("%d bytes", len(b.Content)), fmt.Sprintf("%d bytes", len(x.Body()))))
		})
	}
}

// redirecting judges that what answers with a redirect leads to the answer.
func redirecting(g *registrar) {
	g.It("answers itself, or by a redirect that leads to the answer", requirement.ApiHttpRedirect, func(c *Case) {
		tag := c.Tag("redirected")
		m := c.Repo().GivenImage(tag)
		c.redirectedTo(c.Repo().URL(manifestPath(tag)), requirement.PullManifestOk)
		c.redirectedTo(c.Repo().URL(manifestPath(m.Digest.String())), requirement.PullManifestOk)
		c.redirectedTo(c.Repo().URL(blobPath(m.Blobs[0].Digest)), requirement.PullBlobOk)
		c.redirectedTo(c.Repo().URL(tagsPath), requirement.TagsListOk)
		c.redirectedTo(c.Root(), requirement.ApiBaseOk)
	})
}

// redirectedTo judges a redirect, if url is answered by one.
func (c *Case) redirectedTo(url string, ok requirement.Requirement) {
	ginkgo.GinkgoHelper()
	accept := http.Header{"Accept": {strings.Join(manifestTypes(), ", ")}}
	c.Given(ok, c.Do(Request{Method: http.MethodGet, URL: url, Header: accept}), HaveStatus(http.StatusOK))
	x := c.Do(Request{Method: http.MethodGet, URL: url, Header: accept, NoFollow: true})
	if x.Status/100 == 3 {
		Expect(x).To(haveLocation())
		return
	}
	Expect(x).To(HaveStatus(http.StatusOK))
}

// proxying judges the ns parameter, by which a client tells a proxy of the
// registry that it means.
func proxying(g *registrar) {
	const (
		source = "registry.example"
		name   = "OCI-Namespace"
	)
	g.It("uses or ignores the ns parameter of a pull", requirement.ProxyNamespaceUsed, func(c *Case) {
		m := c.Repo().GivenImage("")
		path := manifestPath(m.Digest.String())
		c.Given(requirement.PullManifestOk, c.Repo().Get(path), HaveStatus(http.StatusOK))
		x := c.Repo().Get(path, query("ns", source))
		if x.Status == http.StatusOK {
			c.Given(requirement.PullManifestContent, x, haveManifest(m))
		}
		if x.Status == http.StatusOK && x.Header().Get(name) == "" {
			c.Unsupported(x, "the ns parameter is ignored")
		}
		Expect(x).To(haveOtherThan(http.StatusInternalServerError))
	})
	for _, of := range []struct {
		what string
		ok   requirement.Requirement
	}{{"a manifest", requirement.PullManifestOk}, {"a blob", requirement.PullBlobOk}} {
		g.It("echoes the ns parameter of a pull of "+of.what+" if it used it", requirement.ProxyNamespaceEchoed, func(c *Case) {
			m := c.Repo().GivenImage("")
			path := manifestPath(m.Digest.String())
			if of.what == "a blob" {
				path = blobPath(m.Blobs[0].Digest)
			}
			c.Given(of.ok, c.Repo().Get(path), HaveStatus(http.StatusOK))
			x := c.Repo().Get(path, query("ns", source))
			// What is there, and is not found for a source, is looked for
			// by the parameter.
			if x.Header().Get(name) == "" && x.Status != http.StatusNotFound {
				c.Unsupported(x, "the ns parameter is ignored")
			}
			Expect(x).To(HaveHeader(name, source))
		})
	}
}
