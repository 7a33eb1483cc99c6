package conformance

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

func pushingChunks(g *registrar) {
	minimumChunks(g)
	acceptingChunks(g)
	rangesOfChunks(g)
	malformedRanges(g)
	chunksOutOfOrder(g)
	closingChunks(g)
	digestsOfChunks(g)
	digestAlgorithms(g)
	g.It("answers 404 to a PATCH to an upload session that was never opened", requirement.ChunkedSessionPatchUnknown, func(c *Case) {
		c.Repo().GivenBlobs(c.Content.Blob(64))
		Expect(requestPatch().do(c, c.Repo().URL(c.neverOpened()))).To(HaveStatus(http.StatusNotFound))
	})
	sessionOfAnother(g, requestPatch(), requirement.ChunkedSessionPatchUnknown)
}

// largeChunk is larger than any minimum that is in use.
const largeChunk = 8 << 20

func minimumChunks(g *registrar) {
	g.It("announces a minimum chunk size as a number of bytes or not at all", requirement.ChunkedSessionMinimum, func(c *Case) {
		u := c.Repo().GivenUpload()
		values := u.Opened.Header().Values("OCI-Chunk-Min-Length")
		if len(values) == 0 {
			return
		}
		if n, err := strconv.ParseInt(values[0], 10, 64); err != nil || n < 0 || len(values) > 1 {
			c.Failf(u.Opened, "OCI-Chunk-Min-Length with a number of bytes", "OCI-Chunk-Min-Length: %s", strings.Join(values, ", "))
		}
	})
	g.It("takes a blob in chunks of one byte if it announces no minimum", requirement.ChunkedSessionMinimum, func(c *Case) {
		u, b := c.Repo().GivenUpload(), c.Content.Blob(3)
		if u.Opened.Header().Get("OCI-Chunk-Min-Length") != "" {
			return
		}
		var last *Exchange
		for i := range b.Content {
			if last = u.Patch(i, b.Content[i:i+1]); last.Status/100 != 2 {
				break
			}
		}
		if last.Status/100 == 2 {
			last = u.Put(b.Digest, nil)
		}
		if last.Status/100 == 2 {
			return
		}
		// Does it refuse any chunk, or short ones?
		large, big := c.Repo().GivenUpload(), c.Content.Blob(2*largeChunk)
		large.GivenPatch(0, big.Content[:largeChunk])
		large.GivenPatch(largeChunk, big.Content[largeChunk:])
		c.Given(requirement.ChunkedPutCreated, large.Put(big.Digest, nil), HaveSuccess())
		Expect(last).To(HaveSuccess())
	})
}

func acceptingChunks(g *registrar) {
	g.It("answers 202 to the first chunk and to the next", requirement.ChunkedPatchAccepted, func(c *Case) {
		u := c.Repo().GivenUpload()
		size := u.MinChunk(64)
		b := c.Content.Blob(2 * size)
		Expect(u.Patch(0, b.Content[:size])).To(HaveStatus(http.StatusAccepted))
		Expect(u.Patch(size, b.Content[size:])).To(HaveStatus(http.StatusAccepted))
	})
	g.It("answers 202 to a chunk of more than a megabyte", requirement.ChunkedPatchAccepted, func(c *Case) {
		u := c.Repo().GivenUpload()
		Expect(u.Patch(0, c.Content.Bytes(u.MinChunk(1<<20+1)))).To(HaveStatus(http.StatusAccepted))
	})
	g.It("sends a Location with the 202 to each chunk", requirement.ChunkedPatchLocation, func(c *Case) {
		u := c.Repo().GivenUpload()
		size := u.MinChunk(64)
		b := c.Content.Blob(2 * size)
		Expect(u.GivenPatch(0, b.Content[:size])).To(haveLocation())
		Expect(u.GivenPatch(size, b.Content[size:])).To(haveLocation())
	})
	for _, last := range []int{2, 63, 200} {
		g.It("takes a last chunk of "+strconv.Itoa(last)+" bytes after one of at least 64", requirement.ChunkedPatchLastLength, func(c *Case) {
			c.Repo().GivenChunkedUpload()
			u := c.Repo().GivenUpload()
			size := u.MinChunk(64)
			b := c.Content.Blob(size + last)
			u.GivenPatch(0, b.Content[:size])
			Expect(u.Patch(size, b.Content[size:])).To(HaveSuccess())
			Expect(u.Put(b.Digest, nil)).To(HaveSuccess())
		})
	}
	g.It("takes an only chunk of one byte", requirement.ChunkedPatchLastLength, func(c *Case) {
		c.Repo().GivenChunkedUpload()
		u, b := c.Repo().GivenUpload(), c.Content.Blob(1)
		Expect(u.Patch(0, b.Content)).To(HaveSuccess())
		Expect(u.Put(b.Digest, nil)).To(HaveSuccess())
	})
}

func rangesOfChunks(g *registrar) {
	g.It("tells in Range where a first chunk ended", requirement.ChunkedPatchRange, func(c *Case) {
		u := c.Repo().GivenUpload()
		size := u.MinChunk(64)
		Expect(u.GivenPatch(0, c.Content.Bytes(size))).To(haveRange(size - 1))
	})
	g.It("tells in Range where a chunk of one byte ended", requirement.ChunkedPatchRange, func(c *Case) {
		Expect(c.Repo().GivenUpload().GivenPatch(0, c.Content.Bytes(1))).To(haveRange(0))
	})
	// Before the text was made clear, the bytes of the chunk alone could be
	// meant.
	g.It("tells in Range where a second chunk ended", requirement.ChunkedPatchRange, func(c *Case) {
		x, first, second := c.secondChunk()
		Expect(x).To(haveRange(first+second-1, second-1))
	})
	g.It("tells in Range what it received of a chunk whose Content-Range promises more, or refuses that", requirement.ChunkedPatchRange, func(c *Case) {
		u := c.Repo().GivenUpload()
		size := u.MinChunk(64)
		x := u.Stream(c.Content.Bytes(size), header("Content-Range", spanOf(0, size+36)))
		if x.Status/100 == 2 {
			Expect(x).To(haveRange(size - 1))
			return
		}
		Expect(x).To(haveRefusal())
	})
	g.It("counts all bytes of the blob in the Range of a second chunk", requirement.ChunkedPatchRangeWhole, func(c *Case) {
		x, first, second := c.secondChunk()
		c.Given(requirement.ChunkedPatchRange, x, haveRange(first+second-1, second-1))
		Expect(x).To(haveRange(first + second - 1))
	})
}

// secondChunk returns the answer to a second chunk, and the lengths of both.
func (c *Case) secondChunk() (x *Exchange, first, second int) {
	ginkgo.GinkgoHelper()
	u := c.Repo().GivenUpload()
	first = u.MinChunk(64)
	second = first + 7
	u.GivenPatch(0, c.Content.Bytes(first))
	return u.GivenPatch(first, c.Content.Bytes(second)), first, second
}

func malformedRanges(g *registrar) {
	for _, bad := range []struct {
		what   string
		ranges []string
	}{
		{"has a unit or a total length", []string{"bytes 0-63/64", "bytes=0-63", "0-63/64", "bytes 0-63/*"}},
		{"lacks a number or has one too many", []string{"0-", "-63", "0", "0-63-64", "0-31,32-63"}},
		{"has something else than numbers", []string{"a-b", "0--63", "+0-63", "0x0-0x3f", "0-63.0", "0..63"}},
	} {
		g.It("refuses a chunk whose Content-Range "+bad.what, requirement.ChunkedPatchRangeForm, func(c *Case) {
			u := c.Repo().GivenUpload()
			if u.MinChunk(64) > 64 {
				return // a chunk of 64 bytes can be refused for its length
			}
			u.GivenPatch(0, c.Content.Bytes(64))
			for _, value := range bad.ranges {
				Expect(c.Repo().GivenUpload().Stream(c.Content.Bytes(64), header("Content-Range", value))).To(haveRefusal())
			}
		})
	}
	for _, bad := range []struct {
		what string
		span func(size int) string
	}{
		{"begins at 1", func(size int) string { return spanOf(1, size) }},
		{"begins far from 0", func(size int) string { return spanOf(10*size, size) }},
		{"ends at 0 and begins at its end", func(size int) string { return strconv.Itoa(size-1) + "-0" }},
	} {
		g.It("refuses a first chunk whose Content-Range "+bad.what, requirement.ChunkedPatchFirstOffset, func(c *Case) {
			size := c.Repo().GivenUpload().MinChunk(64)
			x := c.Repo().GivenUpload().Stream(c.Content.Bytes(size), header("Content-Range", bad.span(size)))
			Expect(x).To(haveRefusal())
		})
	}
}

// disorders are offsets at which a second chunk must not begin, by the size of
// the first one.
func disorders() []struct {
	what string
	at   func(size int) int
} {
	return []struct {
		what string
		at   func(size int) int
	}{
		{"leaves a gap of a byte", func(size int) int { return size + 1 }},
		{"leaves a gap of a chunk", func(size int) int { return 2 * size }},
		{"begins a byte too early", func(size int) int { return size - 1 }},
		{"begins at 0 again", func(int) int { return 0 }},
	}
}

func chunksOutOfOrder(g *registrar) {
	for _, disorder := range disorders() {
		g.It("answers 416 to a chunk that "+disorder.what, requirement.ChunkedPatchOutOfOrder, func(c *Case) {
			u := c.Repo().GivenUpload()
			size := u.MinChunk(64)
			u.GivenPatch(0, c.Content.Bytes(size))
			Expect(u.Patch(disorder.at(size), c.Content.Bytes(size))).To(HaveStatus(http.StatusRequestedRangeNotSatisfiable))
		})
		g.It("takes nothing of a chunk that "+disorder.what, requirement.ChunkedPatchOutOfOrder, func(c *Case) {
			c.Repo().GivenChunkedUpload()
			u := c.Repo().GivenUpload()
			size := u.MinChunk(64)
			b := c.Content.Blob(2 * size)
			u.GivenPatch(0, b.Content[:size])
			c.Given(requirement.ChunkedStatusActive, u.Status(), HaveSuccess())
			u.Patch(disorder.at(size), c.Content.Bytes(size))
			Expect(u.Status()).To(HaveSuccess())
			Expect(u.Patch(size, b.Content[size:])).To(HaveSuccess())
			Expect(u.Put(b.Digest, nil)).To(HaveSuccess())
		})
		g.It("answers 416 to a closing PUT with a chunk that "+disorder.what, requirement.ChunkedPutOutOfOrder, func(c *Case) {
			putLastChunk().given(c.Repo())
			u := c.Repo().GivenUpload()
			size := u.MinChunk(64)
			b := c.Content.Blob(2 * size)
			u.GivenPatch(0, b.Content[:size])
			x := u.Put(b.Digest, b.Content[size:], header("Content-Range", spanOf(disorder.at(size), size)))
			Expect(x).To(HaveStatus(http.StatusRequestedRangeNotSatisfiable))
		})
	}
	g.It("answers 416 to a closing PUT whose only chunk does not begin at 0", requirement.ChunkedPutOutOfOrder, func(c *Case) {
		b := c.Content.Blob(64)
		x := c.Repo().GivenUpload().Put(b.Digest, b.Content, header("Content-Range", spanOf(64, 64)))
		Expect(x).To(HaveStatus(http.StatusRequestedRangeNotSatisfiable))
	})
}

func closingChunks(g *registrar) {
	for _, kind := range chunkedKinds() {
		g.It("answers 201 to the PUT that closes the upload of a blob sent "+kind.name, requirement.ChunkedPutCreated, func(c *Case) {
			up := kind.bring(c.Repo())
			x := up.put(up.blob.Digest)
			c.Given(kind.created, x, HaveSuccess())
			Expect(x).To(HaveStatus(http.StatusCreated))
		})
		g.It("sends a Location when it closes the upload of a blob sent "+kind.name, requirement.ChunkedPutLocation, func(c *Case) {
			up := kind.bring(c.Repo())
			x := up.put(up.blob.Digest)
			c.Given(kind.created, x, HaveSuccess())
			Expect(x).To(haveLocation())
		})
		g.It("serves nothing of a blob sent "+kind.name+" before the closing PUT", requirement.ChunkedPutCloses, func(c *Case) {
			c.Repo().GivenHeads()
			up := kind.bring(c.Repo())
			for _, d := range []digest.Digest{up.blob.Digest, digest.FromBytes(up.blob.Content[:up.size])} {
				c.pushed.add(kindBlob, c.Repo(), blobPath(d))
				Expect(c.Repo().Get(blobPath(d))).To(haveNothing())
				Expect(c.Repo().Head(blobPath(d))).To(haveNothing())
			}
		})
	}
	for _, kind := range []uploadKind{putChunks(), putLastChunk()} {
		g.It("serves a blob sent "+kind.name, requirement.ChunkedPutLastChunk, func(c *Case) {
			c.Repo().GivenServing()
			up := kind.bring(c.Repo())
			Expect(up.put(up.blob.Digest)).To(HaveSuccess())
			Expect(c.Repo().Get(blobPath(up.blob.Digest))).To(haveServed(up.blob.Content))
		})
	}
	g.It("takes a closing PUT without a body and without a Content-Type", requirement.ChunkedPutBody, func(c *Case) {
		up := putChunks().bring(c.Repo())
		c.pushed.add(kindBlob, c.Repo(), blobPath(up.blob.Digest))
		Expect(up.Do(http.MethodPut, body("", nil), query("digest", up.blob.Digest.String()))).To(HaveSuccess())
	})
	g.It("takes a closing PUT with no bytes of type application/octet-stream", requirement.ChunkedPutBody, func(c *Case) {
		up := putChunks().bring(c.Repo())
		Expect(up.Put(up.blob.Digest, nil)).To(HaveSuccess())
	})
}

func digestsOfChunks(g *registrar) {
	for _, kind := range chunkedKinds() {
		g.It("refuses to close the upload of a blob sent "+kind.name+" without a digest", requirement.ChunkedPutDigest, func(c *Case) {
			kind.given(c.Repo())
			up := kind.bring(c.Repo())
			up.GivenUnpublished()
			c.pushed.add(kindBlob, c.Repo(), blobPath(up.blob.Digest))
			edits := append([]func(*Request){body(octetStream, up.rest)}, up.edits...)
			Expect(up.Do(http.MethodPut, edits...)).To(haveRefusal())
			Expect(c.Repo().Get(blobPath(up.blob.Digest))).To(haveNothing())
		})
		for _, claim := range []struct {
			what string
			of   func(c *Case, up *closing) digest.Digest
		}{
			{"other content", func(c *Case, _ *closing) digest.Digest { return c.Content.Blob(64).Digest }},
			{"its first half", func(_ *Case, up *closing) digest.Digest { return digest.FromBytes(up.blob.Content[:up.size]) }},
			{"its second half", func(_ *Case, up *closing) digest.Digest { return digest.FromBytes(up.blob.Content[up.size:]) }},
		} {
			g.It("refuses the digest of "+claim.what+" for a blob sent "+kind.name, requirement.ChunkedPutDigest, func(c *Case) {
				kind.given(c.Repo())
				c.Repo().GivenAbsent(c.Content.Blob(64).Digest)
				up := kind.bring(c.Repo())
				claimed := claim.of(c, up)
				up.GivenUnpublished(claimed)
				Expect(up.put(claimed)).To(haveRefusal())
				Expect(c.Repo().Get(blobPath(claimed))).To(haveNothing())
			})
		}
	}
}

// digestAlgorithms judges uploads that announce their algorithm, as the
// unreleased text has them.
func digestAlgorithms(g *registrar) {
	for _, kind := range uploadKinds() {
		g.It("finishes an upload announced as sha512 for a blob sent "+kind.name, requirement.ChunkedSessionDigestAlgorithm, func(c *Case) {
			c.Repo().GivenServing()
			kind.given(c.Repo())
			x := c.Repo().OpenUpload(query("digest-algorithm", "sha512"))
			if x.Status/100 == 4 {
				c.Unsupported(x, "an upload by sha512 is refused")
			}
			c.Given(requirement.PushUploadAccepted, x, HaveSuccess())
			c.Given(requirement.PushUploadLocation, x, haveLocation())
			u := c.Repo().upload(x)
			size := u.MinChunk(64)
			b := c.Content.Blob(2 * size).Under(digest.SHA512)
			rest, edits := kind.send(u, b.Content, size)
			x = u.Put(b.Digest, rest, edits...)
			if x.Status/100 == 4 {
				c.judgeSha512(x)
			}
			Expect(x).To(HaveSuccess())
			Expect(c.Repo().Get(blobPath(b.Digest))).To(haveServed(b.Content))
		})
	}
}

// judgeSha512 ends the spec if the target takes no sha512 digest, announced or
// not, as its refusal x may say.
func (c *Case) judgeSha512(x *Exchange) {
	ginkgo.GinkgoHelper()
	b := c.Content.Blob(64).Under(digest.SHA512)
	if plain := c.Repo().GivenUpload().Put(b.Digest, b.Content); plain.Status/100 == 4 {
		c.Unsupported(x, "a blob by sha512 is refused")
	}
}
