package conformance

import (
	"net/http"

	"github.com/onsi/ginkgo/v2"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/conformance/wire"
)

// haveServed wants content in the body of a success.
func haveServed(content []byte) wire.Matcher {
	success, same := wire.HaveSuccess(), wire.HaveBody(content)
	return wire.NewMatcher("a 2xx status with the bytes that were pushed", func(x *wire.Exchange) string {
		if got := success.Judge(x); got != "" {
			return got
		}
		return same.Judge(x)
	})
}

// haveNothing wants an answer that is no success: there is no such content.
func haveNothing() wire.Matcher {
	return wire.NewMatcher("no content, thus no 2xx status", func(x *wire.Exchange) string {
		if x.Status/100 == 2 {
			return wire.StatusText(x.Status)
		}
		return ""
	}).Partial()
}

// GivenServing blocks the spec unless an ordinary blob is served as it was
// pushed: what the spec then finds is about the blob that it judges.
func (r *Repo) GivenServing() {
	ginkgo.GinkgoHelper()
	b := r.c.Content.Blob(64)
	r.GivenBlobs(b)
	x := r.Get(blobPath(b.Digest))
	r.c.Given(requirement.PullBlobOk, x, wire.HaveSuccess())
	r.c.Given(requirement.PullBlobContent, x, wire.HaveBody(b.Content))
}

// GivenAbsent blocks the spec unless the blobs are not served yet.
func (r *Repo) GivenAbsent(digests ...digest.Digest) {
	ginkgo.GinkgoHelper()
	for _, d := range digests {
		r.c.Given(requirement.PullBlobUnknown, r.Get(blobPath(d)), haveNothing())
	}
}

// GivenHeads blocks the spec unless HEAD tells of a blob that is there, and of
// one that is not, as GET does.
func (r *Repo) GivenHeads() {
	ginkgo.GinkgoHelper()
	b := r.c.Content.Blob(64)
	r.GivenBlobs(b)
	r.c.Given(requirement.PullBlobHead, r.Head(blobPath(b.Digest)), wire.HaveSuccess())
	absent := r.c.Content.Blob(64).Digest
	r.c.Given(requirement.PullBlobUnknown, r.Get(blobPath(absent)), wire.HaveStatus(http.StatusNotFound))
	r.c.Given(requirement.PullBlobHeadUnknown, r.Head(blobPath(absent)), wire.HaveStatus(http.StatusNotFound))
}

// GivenErrorDocuments blocks the spec if the target's errors are not told in
// the form of the specification at all, so that their codes can be judged.
func (r *Repo) GivenErrorDocuments() {
	ginkgo.GinkgoHelper()
	x := r.Get(blobPath(r.c.Content.Blob(64).Digest))
	if x.Status/100 != 4 {
		return
	}
	if isJSON(x) || saysJSON(x) {
		r.c.givenErrors(x)
	}
	list, err := readErrors(x)
	r.c.Given(requirement.DockerErrorsForm, x, holdsIf(err == nil && len(list) > 0, "an errors document", "none"))
}
