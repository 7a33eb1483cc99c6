package conformance

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/conformance/wire"
)

const octetStream = "application/octet-stream"

// An Upload is an upload session, followed from Location to Location as a
// client must.
type Upload struct {
	repo *Repo
	// Location is where the next request goes: an absolute URL.
	Location string
	// Opened is the answer to the POST that opened the session.
	Opened *wire.Exchange
}

// OpenUpload sends the POST that opens an upload session.
func (r *Repo) OpenUpload(edit ...func(*wire.Request)) *wire.Exchange {
	edit = append([]func(*wire.Request){body("", nil)}, edit...)
	return r.Do(http.MethodPost, uploadsPath, edit...)
}

// GivenUpload opens an upload session.
func (r *Repo) GivenUpload(edit ...func(*wire.Request)) *Upload {
	ginkgo.GinkgoHelper()
	x := r.OpenUpload(edit...)
	r.c.Given(requirement.PushUploadAccepted, x, wire.HaveSuccess())
	r.c.Given(requirement.PushUploadLocation, x, haveLocation())
	return r.upload(x)
}

// upload returns the session that x, an answer with a Location, opened.
func (r *Repo) upload(x *wire.Exchange) *Upload {
	u := &Upload{repo: r, Opened: x}
	u.follow(x)
	r.c.pushed.addURL(kindUpload, r, u.Location)
	return u
}

// follow takes the Location of x, if it has one, for the next request.
func (u *Upload) follow(x *wire.Exchange) {
	if to, err := locationOf(x); err == nil && x.Status/100 == 2 {
		u.Location = to
	}
}

// locationOf returns the absolute URL that the Location header of x names
// (RFC 9110 §10.2.2).
func locationOf(x *wire.Exchange) (string, error) {
	value := x.Header().Get("Location")
	if value == "" {
		return "", fmt.Errorf("no Location header")
	}
	base, err := url.Parse(x.FinalURL())
	if err != nil {
		return "", err
	}
	to, err := base.Parse(value)
	if err != nil {
		return "", fmt.Errorf("a Location that is no URL: %.200q", value)
	}
	return to.String(), nil
}

// haveLocation wants a Location header that is a URL.
func haveLocation() wire.Matcher {
	return wire.NewMatcher("a Location header", func(x *wire.Exchange) string {
		if _, err := locationOf(x); err != nil {
			return err.Error()
		}
		return ""
	})
}

// Do sends a request to the session and follows the Location of the answer.
func (u *Upload) Do(method string, edit ...func(*wire.Request)) *wire.Exchange {
	request := wire.Request{Method: method, URL: u.Location, Header: http.Header{}}
	for _, f := range edit {
		f(&request)
	}
	x := u.repo.c.Do(request)
	if method == http.MethodPatch || method == http.MethodGet {
		u.follow(x)
	}
	return x
}

// Patch sends a chunk that begins at the given offset, with Content-Range.
func (u *Upload) Patch(offset int, chunk []byte, edit ...func(*wire.Request)) *wire.Exchange {
	contentRange := fmt.Sprintf("%d-%d", offset, offset+len(chunk)-1)
	edit = append([]func(*wire.Request){body(octetStream, chunk), header("Content-Range", contentRange)}, edit...)
	return u.Do(http.MethodPatch, edit...)
}

// Stream sends content in one PATCH without Content-Range.
func (u *Upload) Stream(content []byte, edit ...func(*wire.Request)) *wire.Exchange {
	return u.Do(http.MethodPatch, append([]func(*wire.Request){body(octetStream, content)}, edit...)...)
}

// Put closes the session as the blob d, with content as the last bytes.
func (u *Upload) Put(d digest.Digest, content []byte, edit ...func(*wire.Request)) *wire.Exchange {
	u.repo.c.pushed.add(kindBlob, u.repo, blobPath(d))
	edit = append([]func(*wire.Request){body(octetStream, content), query("digest", d.String())}, edit...)
	x := u.Do(http.MethodPut, edit...)
	if x.Status/100 == 2 {
		u.repo.c.pushed.remove(kindUpload, u.Location)
	}
	return x
}

// Status asks how far the session has come.
func (u *Upload) Status() *wire.Exchange { return u.Do(http.MethodGet) }

// Cancel ends the session.
func (u *Upload) Cancel() *wire.Exchange { return u.Do(http.MethodDelete) }

// GivenPatch sends a chunk that must be accepted.
func (u *Upload) GivenPatch(offset int, chunk []byte) *wire.Exchange {
	ginkgo.GinkgoHelper()
	x := u.Patch(offset, chunk)
	u.repo.c.Given(requirement.ChunkedPatchAccepted, x, wire.HaveSuccess())
	return x
}

// MinChunk returns the least length of a chunk that the target announced when
// it opened the session (OCI-Chunk-Min-Length), and at least n.
func (u *Upload) MinChunk(n int) int {
	var announced int
	value := strings.TrimSpace(u.Opened.Header().Get("OCI-Chunk-Min-Length"))
	if _, err := fmt.Sscanf(value, "%d", &announced); err != nil || announced > maxAnnouncedChunk {
		return n
	}
	return max(n, announced)
}

// maxAnnouncedChunk is the greatest announced length that specs follow.
const maxAnnouncedChunk = 64 << 20
