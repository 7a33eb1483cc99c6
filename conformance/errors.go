package conformance

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

// A refusal is a request that a registry has reason to answer with 4xx.
type refusal struct {
	to   string
	send func(*Case) *Exchange
}

func refusals() []refusal {
	return slices.Concat(refusedPulls(), refusedPushes(), refusedOthers())
}

// partRefused is the refusal whose body is judged with ranges.
const partRefused = "a GET of a part that the blob lacks"

func refusedPulls() []refusal {
	return []refusal{
		{"a GET of a manifest by an unknown tag", func(c *Case) *Exchange {
			c.Repo().GivenImage("")
			return c.Repo().Get(manifestPath(c.Tag("absent")))
		}},
		{"a GET of a manifest by an unknown digest", func(c *Case) *Exchange {
			c.Repo().GivenImage("")
			return c.Repo().Get(manifestPath(c.Content.Missing(v1.MediaTypeImageManifest).Digest.String()))
		}},
		{"a GET of an unknown blob", func(c *Case) *Exchange {
			c.someBlob(64)
			return c.Repo().Get(blobPath(c.Content.Blob(64).Digest))
		}},
		{"a GET of a manifest by a malformed digest", func(c *Case) *Exchange {
			return c.Repo().Get(manifestPath("sha256:zzzz"))
		}},
		{"a GET of a manifest by a malformed tag", func(c *Case) *Exchange {
			return c.Repo().Get(manifestPath(".malformed"))
		}},
		{"a GET of a blob by a malformed digest", func(c *Case) *Exchange {
			return c.Repo().Get("blobs/sha256:zzzz")
		}},
		{partRefused, func(c *Case) *Exchange {
			b := c.someBlob(64)
			beyond := max(1000, len(b.Content))
			return c.Repo().Get(blobPath(b.Digest), header("Range", fmt.Sprintf("bytes=%d-%d", beyond, beyond+999)))
		}},
		{"a GET from an unknown repository", func(c *Case) *Exchange {
			return c.Empty("-refused").Get(manifestPath("latest"))
		}},
		{"a GET by a malformed name", func(c *Case) *Exchange { return c.below("Upper").Get(tagsPath) }},
	}
}

func refusedPushes() []refusal {
	unknown := func(c *Case) string {
		return strings.TrimSuffix(c.Repo().URL(uploadsPath), "/") + "/00000000-0000-4000-8000-000000000000"
	}
	return []refusal{
		{"a PUT of a text as a manifest", func(c *Case) *Exchange {
			return c.Repo().Do(http.MethodPut, manifestPath(c.Tag("refused")), body(v1.MediaTypeImageManifest, []byte("not a manifest")))
		}},
		{"a PUT of a manifest under the digest of another", func(c *Case) *Exchange {
			m := c.Repo().GivenImage("")
			return c.Repo().TryManifest(c.Content.Missing(v1.MediaTypeImageManifest).Digest.String(), m)
		}},
		{"a PUT of a manifest by a malformed tag", func(c *Case) *Exchange {
			return c.Repo().TryManifest(".malformed", c.Repo().GivenImage(""))
		}},
		{"a PUT of a blob under the digest of another", func(c *Case) *Exchange {
			return c.Repo().GivenUpload().Put(c.Content.Blob(64).Digest, c.Content.Bytes(64))
		}},
		{"a PUT of a blob under a malformed digest", func(c *Case) *Exchange {
			u := c.Repo().GivenUpload()
			return u.Do(http.MethodPut, body(octetStream, c.Content.Bytes(64)), query("digest", "sha256:zzzz"))
		}},
		{"a PATCH of an unknown upload", func(c *Case) *Exchange {
			c.Repo().GivenUpload()
			edit := func(r *Request) { r.URL = unknown(c) }
			return c.Repo().Do(http.MethodPatch, uploadsPath, edit, body(octetStream, c.Content.Bytes(64)))
		}},
		{"a GET of an unknown upload", func(c *Case) *Exchange {
			return c.Repo().Get(uploadsPath, func(r *Request) { r.URL = unknown(c) })
		}},
		{"a chunk out of order", func(c *Case) *Exchange {
			return c.Repo().GivenUpload().Patch(1000, c.Content.Bytes(64))
		}},
	}
}

func refusedOthers() []refusal {
	return []refusal{
		{"a DELETE of an unknown manifest", func(c *Case) *Exchange {
			c.Repo().GivenImage("")
			return c.Repo().Delete(manifestPath(c.Content.Missing(v1.MediaTypeImageManifest).Digest.String()))
		}},
		{"a DELETE of an unknown blob", func(c *Case) *Exchange {
			c.Repo().GivenBlobs(c.Content.Blob(64))
			return c.Repo().Delete(blobPath(c.Content.Blob(64).Digest))
		}},
		{"a GET of the tags of an unknown repository", func(c *Case) *Exchange {
			return c.Empty("-refused").Get(tagsPath)
		}},
		{"a GET of tags by a number that is none", func(c *Case) *Exchange {
			c.Repo().GivenImage("")
			return c.Repo().Get(tagsPath, query("n", "many"))
		}},
		{"a GET of referrers by a malformed digest", func(c *Case) *Exchange {
			return c.Repo().Get(referrersPath(digest.Digest("sha256:zzzz")))
		}},
		{"a method that the path does not have", func(c *Case) *Exchange {
			return c.Repo().Do(http.MethodPost, tagsPath, body("application/json", []byte("{}")))
		}},
		{"a path that the API does not have", func(c *Case) *Exchange { return c.Repo().Get("nothing/here") }},
	}
}

// refused sends r and returns the answer, which is a 4xx: where it is not, the
// spec has nothing to judge.
func (c *Case) refused(r refusal) *Exchange {
	ginkgo.GinkgoHelper()
	x := r.send(c)
	if x.Status/100 != 4 {
		c.NothingToJudge(x, "the answer is not a 4xx")
	}
	return x
}

// refusedInJSON is refused for answers whose body is JSON.
func (c *Case) refusedInJSON(r refusal) *Exchange {
	ginkgo.GinkgoHelper()
	x := c.refused(r)
	if !saysJSON(x) && !isJSON(x) {
		c.NothingToJudge(x, "the body is not JSON")
	}
	return x
}

// errorsOf returns the errors in the body of x, or blocks the spec.
func (c *Case) errorsOf(x *Exchange) []map[string]json.RawMessage {
	ginkgo.GinkgoHelper()
	list, err := readErrors(x)
	c.Given(requirement.ErrorsBodyForm, x, holds("an object with a list of errors", err))
	return list
}

// saysJSON reports whether the Content-Type of x is one of JSON.
func saysJSON(x *Exchange) bool {
	t, _, err := mime.ParseMediaType(x.Header().Get("Content-Type"))
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// isJSON reports whether the body of x is a JSON object or list, whatever its
// type is said to be.
func isJSON(x *Exchange) bool {
	text := strings.TrimSpace(string(x.Body()))
	return (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) && json.Valid([]byte(text))
}

// readErrors returns the elements of the errors document in the body of x. A
// code that is absent is an error, one of the wrong form is not.
func readErrors(x *Exchange) ([]map[string]json.RawMessage, error) {
	if len(x.Body()) == 0 {
		return nil, nil
	}
	var doc map[string]json.RawMessage
	if err := x.JSON(&doc); err != nil {
		return nil, err
	}
	var list []map[string]json.RawMessage
	if doc["errors"] == nil {
		return nil, fmt.Errorf("an object without errors: %.100q", x.Body())
	}
	if err := json.Unmarshal(doc["errors"], &list); err != nil || list == nil {
		return nil, fmt.Errorf("errors that are no list of objects: %.100q", doc["errors"])
	}
	for _, e := range list {
		if e["code"] == nil {
			return nil, fmt.Errorf("an error without a code: %.100q", doc["errors"])
		}
	}
	return list, nil
}

var errorCode = regexp.MustCompile(`^[A-Z_]+$`)

// listedCodes are those of the section "Error codes", and the two that are left
// from Docker's schema 1.
func listedCodes() []string {
	return []string{
		"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
		"MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED",
		"DENIED", "UNSUPPORTED", "TOOMANYREQUESTS", "TAG_INVALID", "MANIFEST_UNVERIFIED",
	}
}

// badCode returns the first code that is no string of the form that codes have.
func badCode(list []map[string]json.RawMessage) string {
	for _, e := range list {
		var code string
		if err := json.Unmarshal(e["code"], &code); err != nil || !errorCode.MatchString(code) {
			return fmt.Sprintf("the code %.100s", e["code"])
		}
	}
	return ""
}

// unlistedCode returns the first code that is not listed.
func unlistedCode(list []map[string]json.RawMessage) string {
	for _, e := range list {
		var code string
		if err := json.Unmarshal(e["code"], &code); err == nil && !slices.Contains(listedCodes(), code) {
			return "the code " + code
		}
	}
	return ""
}

// badMessage returns the first message that is no text for people.
func badMessage(list []map[string]json.RawMessage) string {
	for _, e := range list {
		raw, ok := e["message"]
		if !ok {
			continue
		}
		var message *string
		if err := json.Unmarshal(raw, &message); err != nil || message == nil {
			return fmt.Sprintf("the message %.100s", raw)
		}
		unreadable := func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) && !unicode.IsSpace(r) }
		if strings.ContainsFunc(*message, unreadable) {
			return fmt.Sprintf("the message %.100q", *message)
		}
	}
	return ""
}

func tellingErrors(g *registrar) {
	for _, r := range refusals() {
		g.It("tells an error in JSON by the form of the specification to "+r.to, requirement.ErrorsBodyForm, func(c *Case) {
			x := c.refusedInJSON(r)
			_, err := readErrors(x)
			Expect(x).To(holds("an object with a list of errors", err))
		})
		g.It("writes a code in upper case and underscores to "+r.to, requirement.ErrorsCodeForm, func(c *Case) {
			x := c.refusedInJSON(r)
			wrong := badCode(c.errorsOf(x))
			Expect(x).To(holdsIf(wrong == "", "codes of upper-case letters and underscores", wrong))
		})
		g.It("uses a listed code to "+r.to, requirement.ErrorsCodeListed, func(c *Case) {
			x := c.refusedInJSON(r)
			list := c.errorsOf(x)
			wrong := badCode(list)
			c.Given(requirement.ErrorsCodeForm, x, holdsIf(wrong == "", "codes of upper-case letters and underscores", wrong))
			unlisted := unlistedCode(list)
			Expect(x).To(holdsIf(unlisted == "", "a code of the list in the specification", unlisted))
		})
		g.It("gives a message for people, or none, to "+r.to, requirement.ErrorsMessageForm, func(c *Case) {
			x := c.refusedInJSON(r)
			wrong := badMessage(c.errorsOf(x))
			Expect(x).To(holdsIf(wrong == "", "a readable text as message, or none", wrong))
		})
	}
	g.It("sends a whole body, or none, with a 4xx", requirement.ErrorsBodyAny, func(c *Case) {
		for _, r := range refusedPulls() {
			if r.to == "a GET from an unknown repository" || r.to == partRefused {
				continue
			}
			if x := r.send(c); x.Status/100 == 4 {
				Expect(x).To(HaveStatus(x.Status))
				Expect(x).To(holdsIf(x.Err() == nil, "a whole body", x.Outcome()))
			}
		}
	})
	g.It("gives any detail, or none", requirement.ErrorsDetailForm, func(c *Case) {
		details := 0
		var last *Exchange
		for _, r := range refusedPulls()[:3] {
			last = c.refusedInJSON(r)
			for _, e := range c.errorsOf(last) {
				if e["detail"] != nil {
					details++
				}
			}
		}
		if details == 0 {
			c.NothingToJudge(last, "errors have no detail")
		}
	})
	tellingWarnings(g)
}

// haveErrors wants an errors document with n errors of the given codes.
func haveErrors(n int, codes ...string) Matcher {
	return NewMatcher(fmt.Sprintf("%d errors %s", n, strings.Join(codes, " or ")), func(x *Exchange) string {
		doc, err := x.Errors()
		if err != nil {
			return err.Error()
		}
		found := 0
		for _, e := range doc {
			if slices.Contains(codes, e.Code) {
				found++
			}
		}
		if found == n {
			return ""
		}
		return fmt.Sprintf("%d", found)
	})
}
