package conformance

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// rangedSize is the size of the blobs that specs ask parts of.
const rangedSize = 2048

// A byteRange is a Range header and the part of a blob of rangedSize bytes that
// it asks for, both ends included.
type byteRange struct {
	text, header string
	first, last  int
}

func satisfiableRanges() []byteRange {
	return []byteRange{
		{"the first bytes", "bytes=0-99", 0, 99},
		{"bytes from the middle", "bytes=1000-1999", 1000, 1999},
		{"the first byte", "bytes=0-0", 0, 0},
		{"the last byte", "bytes=2047-2047", 2047, 2047},
		{"all bytes from an offset on", "bytes=1500-", 1500, 2047},
		{"all bytes as a range without end", "bytes=0-", 0, 2047},
		{"the last bytes by a suffix", "bytes=-100", 1948, 2047},
		{"all bytes by a suffix longer than the blob", "bytes=-99999", 0, 2047},
		{"the bytes up to the end by a range that goes beyond it", "bytes=2000-99999", 2000, 2047},
	}
}

func pullingRanges(g *registrar) {
	for _, part := range satisfiableRanges() {
		g.It("returns "+part.text, requirement.PullBlobRange, func(c *Case) {
			get := c.getRange
			if part.last-part.first+1 == rangedSize {
				get = c.getOddRange
			}
			b, x := get(part.header)
			Expect(x).To(HaveStatus(http.StatusPartialContent))
			Expect(x).To(haveContentRange(part.first, part.last))
			Expect(x).To(HaveBody(b.Content[part.first : part.last+1]))
			Expect(x).To(haveDigestOfIfAny(b.Content, b.Content[part.first:part.last+1]))
		})
	}
	for _, beyond := range []struct{ text, header string }{
		{"a range that begins at the end of the blob", "bytes=2048-"},
		{"a range that lies beyond the end of the blob", "bytes=5000-5999"},
	} {
		g.It("answers 416 to "+beyond.text, requirement.PullBlobRange, func(c *Case) {
			_, x := c.getOddRange(beyond.header)
			Expect(x).To(HaveStatus(http.StatusRequestedRangeNotSatisfiable))
			Expect(x).To(haveUnsatisfiedRange())
		})
	}
	g.It("answers 416 or no bytes to a suffix of no bytes", requirement.PullBlobRange, func(c *Case) {
		// Go's own file server answers 206 without a body, which does no harm.
		_, x := c.getOddRange("bytes=-0")
		Expect(x).To(HaveStatus(http.StatusRequestedRangeNotSatisfiable, http.StatusPartialContent))
		if x.Status == http.StatusPartialContent {
			Expect(x).To(HaveNoBody())
		}
	})
	for _, malformed := range []struct{ text, header string }{
		{"a range without numbers", "bytes=abc"},
		{"a range that ends before it begins", "bytes=500-100"},
		{"a range with neither end", "bytes=-"},
		{"a range without a unit", "0-99"},
		{"a range in a unit that is not defined", "lines=0-9"},
	} {
		g.It("ignores or refuses "+malformed.text, requirement.PullBlobRange, func(c *Case) {
			b, x := c.getOddRange(malformed.header)
			if x.Status/100 == 4 {
				return
			}
			Expect(x).To(HaveStatus(http.StatusOK))
			c.Given(requirement.PullBlobContent, x, HaveBody(b.Content))
		})
	}
	g.It("answers two ranges by the parts that they name", requirement.PullBlobRange, func(c *Case) {
		b, x := c.getOddRange("bytes=0-9,1000-1019")
		Expect(x).To(HaveStatus(http.StatusPartialContent))
		Expect(x).To(haveParts(b, [2]int{0, 9}, [2]int{1000, 1019}))
	})
	g.It("answers two ranges of which one cannot be met by the other", requirement.PullBlobRange, func(c *Case) {
		b, x := c.getOddRange("bytes=0-9,9000-9009")
		Expect(x).To(HaveStatus(http.StatusPartialContent))
		Expect(x).To(haveParts(b, [2]int{0, 9}))
	})
	pullingConditionalRanges(g)
}

func pullingConditionalRanges(g *registrar) {
	g.It("returns the whole blob if If-Range names another version", requirement.PullBlobRange, func(c *Case) {
		c.getRange("bytes=0-99")
		b := c.Content.Blob(rangedSize)
		c.Repo().GivenBlobs(b)
		x := c.Repo().Get(blobPath(b.Digest), header("Range", "bytes=0-99"), header("If-Range", `"another-version"`))
		Expect(x).To(HaveStatus(http.StatusOK))
		Expect(x).To(HaveBody(b.Content))
	})
	g.It("returns a part if If-Range names the version", requirement.PullBlobRange, func(c *Case) {
		b, x := c.getRange("bytes=0-99")
		Expect(x).To(HaveStatus(http.StatusPartialContent))
		etag := x.Header().Get("ETag")
		if etag == "" || strings.HasPrefix(etag, "W/") {
			c.NothingToJudge(x, "there is no strong ETag, and If-Range needs one")
		}
		x = c.Repo().Get(blobPath(b.Digest), header("Range", "bytes=100-199"), header("If-Range", etag))
		if x.Status == http.StatusOK && x.Equal(b.Content) {
			c.NothingToJudge(x, "If-Range is answered with the whole")
		}
		Expect(x).To(HaveStatus(http.StatusPartialContent))
		Expect(x).To(HaveBody(b.Content[100:200]))
	})
}

// getRange pushes a blob and asks for a part of it. If the answer is the whole
// blob, as it may be to any range, the spec ends: ranges are not supported, or
// for a range beyond the plain ones there is nothing to judge.
func (c *Case) getRange(value string) (fixtures.Blob, *Exchange) {
	ginkgo.GinkgoHelper()
	b, x, whole := c.askRange(value)
	if whole {
		c.Unsupported(x, "the range is ignored and the whole blob returned")
	}
	return b, x
}

func (c *Case) getOddRange(value string) (fixtures.Blob, *Exchange) {
	ginkgo.GinkgoHelper()
	c.getRange("bytes=0-99")
	b, x, whole := c.askRange(value)
	if whole {
		c.NothingToJudge(x, "the range is ignored and the whole blob returned")
	}
	return b, x
}

func (c *Case) askRange(value string) (b fixtures.Blob, x *Exchange, isWhole bool) {
	ginkgo.GinkgoHelper()
	b = c.Content.Blob(rangedSize)
	c.Repo().GivenBlobs(b)
	whole := c.Repo().Get(blobPath(b.Digest))
	c.Given(requirement.PullBlobOk, whole, HaveStatus(http.StatusOK))
	c.Given(requirement.PullBlobContent, whole, HaveBody(b.Content))
	c.Given(requirement.PullBlobDigestMatches, whole, haveDigestOfIfAny(b.Content))
	x = c.Repo().Get(blobPath(b.Digest), header("Range", value))
	return b, x, x.Status == http.StatusOK && x.Equal(b.Content)
}

var (
	contentRange     = regexp.MustCompile(`^bytes (\d+)-(\d+)/(\d+|\*)$`)
	unsatisfiedRange = regexp.MustCompile(`^bytes \*/(\d+)$`)
)

// haveContentRange wants the Content-Range of a part of a ranged blob (RFC 9110
// §14.4). The length of the whole may be told as unknown.
func haveContentRange(first, last int) Matcher {
	return NewMatcher(fmt.Sprintf("Content-Range: bytes %d-%d/%d", first, last, rangedSize), func(x *Exchange) string {
		value := x.Header().Get("Content-Range")
		f, l, err := parseContentRange(value)
		switch {
		case err != nil:
			return err.Error()
		case f != first || l != last:
			return "Content-Range: " + value
		}
		return ""
	})
}

func parseContentRange(value string) (first, last int, err error) {
	m := contentRange.FindStringSubmatch(value)
	if m == nil {
		return 0, 0, fmt.Errorf("Content-Range: %.100q", value)
	}
	if m[3] != "*" && m[3] != strconv.Itoa(rangedSize) {
		return 0, 0, fmt.Errorf("the whole length %s, not %d, in Content-Range: %.100q", m[3], rangedSize, value)
	}
	first, _ = strconv.Atoi(m[1])
	last, _ = strconv.Atoi(m[2])
	return first, last, nil
}

// haveUnsatisfiedRange wants the Content-Range of a 416, where there is one, to
// tell the length (RFC 9110 §15.5.17).
func haveUnsatisfiedRange() Matcher {
	return NewMatcher(fmt.Sprintf("Content-Range: bytes */%d, or none", rangedSize), func(x *Exchange) string {
		value := x.Header().Get("Content-Range")
		if value == "" {
			return ""
		}
		if m := unsatisfiedRange.FindStringSubmatch(value); m == nil || m[1] != strconv.Itoa(rangedSize) {
			return fmt.Sprintf("Content-Range: %.100q", value)
		}
		return ""
	})
}

// haveParts wants the parts of b, both ends included: as multipart/byteranges
// in any order, or as one part that holds at least one of them (RFC 9110 §15.3.7
// lets a server join parts and send some of them only).
func haveParts(b fixtures.Blob, parts ...[2]int) Matcher {
	return NewMatcher(fmt.Sprintf("the parts %v of the blob", parts), func(x *Exchange) string {
		mediaType, params, _ := mime.ParseMediaType(x.Header().Get("Content-Type"))
		if mediaType != "multipart/byteranges" {
			return checkPart(b, x.Header().Get("Content-Range"), x.Body(), parts)
		}
		if len(parts) == 1 {
			return "several parts, in multipart/byteranges"
		}
		reader := multipart.NewReader(bytes.NewReader(x.Body()), params["boundary"])
		found := 0
		for {
			part, err := reader.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				return fmt.Sprintf("a multipart body that breaks: %v", err)
			}
			content, err := io.ReadAll(part)
			if err != nil {
				return fmt.Sprintf("a part that breaks: %v", err)
			}
			if wrong := checkPart(b, part.Header.Get("Content-Range"), content, parts); wrong != "" {
				return wrong
			}
			found++
		}
		if found == 0 {
			return "a multipart body without parts"
		}
		return ""
	})
}

// checkPart returns "" if content is what its Content-Range says of b, and that
// covers one of parts.
func checkPart(b fixtures.Blob, contentRange string, content []byte, parts [][2]int) string {
	first, last, err := parseContentRange(contentRange)
	switch {
	case err != nil:
		return err.Error()
	case last < first || last >= len(b.Content) || !bytes.Equal(content, b.Content[first:last+1]):
		return fmt.Sprintf("%d bytes that are not those of Content-Range: %s", len(content), contentRange)
	}
	for _, p := range parts {
		if first <= p[0] && last >= p[1] {
			return ""
		}
	}
	return "a part that was not asked for: " + contentRange
}
