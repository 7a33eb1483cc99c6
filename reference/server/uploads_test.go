package server_test

import (
	"bufio"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

func TestUploadBegins(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{ChunkMinLength: 77}, storage.Options{})
	a := s.do("POST", "/v2/a/b/blobs/uploads/", "").want(202).
		has("Range", "0-0", "Content-Length", "0", "OCI-Chunk-Min-Length", "77")
	id := a.header.Get("Docker-Upload-UUID")
	if prefix := "/v2/a/b/blobs/uploads/" + id + "?_state="; id == "" || !strings.HasPrefix(a.header.Get("Location"), prefix) {
		t.Errorf("Location %q, id %q", a.header.Get("Location"), id)
	}
	s.do("POST", "/v2/a/b/blobs/uploads", "").want(202)
	s.do("POST", "/v2/a/b/blobs/uploads/?digest-algorithm=sha512", "").want(202)
	s.do("POST", "/v2/a/b/blobs/uploads/?digest-algorithm=md4", "").want(400, "DIGEST_INVALID")
}

// patchCase is a chunk to a session that has the bytes "01234".
type patchCase struct {
	span, body string
	status     int
	code       string
}

func patchCases() map[string]patchCase {
	return map[string]patchCase{
		"in order":       {"5-7", "567", 202, ""},
		"streamed":       {"", "567", 202, ""},
		"gap":            {"6-8", "678", 416, "BLOB_UPLOAD_INVALID"},
		"overlap":        {"4-6", "456", 416, "BLOB_UPLOAD_INVALID"},
		"again":          {"0-4", "01234", 416, "BLOB_UPLOAD_INVALID"},
		"reversed":       {"7-5", "567", 416, "BLOB_UPLOAD_INVALID"},
		"bytes":          {"bytes 5-7/8", "567", 416, "BLOB_UPLOAD_INVALID"},
		"bytes equal":    {"bytes=5-7", "567", 416, "BLOB_UPLOAD_INVALID"},
		"open":           {"5-", "567", 416, "BLOB_UPLOAD_INVALID"},
		"negative":       {"-5-7", "567", 416, "BLOB_UPLOAD_INVALID"},
		"signed":         {"+5-7", "567", 416, "BLOB_UPLOAD_INVALID"},
		"words":          {"five", "567", 416, "BLOB_UPLOAD_INVALID"},
		"overflow":       {"5-99999999999999999999", "567", 416, "BLOB_UPLOAD_INVALID"},
		"length too big": {"5-7", "5678", 400, "SIZE_INVALID"},
		"length small":   {"5-7", "56", 400, "SIZE_INVALID"},
	}
}

// TestPatch shows K-82, K-86.
func TestPatch(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	for name, c := range patchCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{t: t, url: s.url}
			at := s.do("PATCH", s.begin("a"), "01234", "Content-Range", "0-4").want(202).has("Range", "0-4").header.Get("Location")
			var headers []string
			if c.span != "" {
				headers = []string{"Content-Range", c.span}
			}
			a := s.do("PATCH", at, c.body, headers...)
			if c.status == 202 {
				a.want(202).has("Range", "0-7", "Content-Length", "0")
				s.do("PUT", a.header.Get("Location")+"&digest="+sum("01234567"), "").want(201)
				return
			}
			// A refusal says where the upload stands, and leaves it there.
			a.want(c.status, c.code).has("Range", "0-4")
			s.do("GET", a.header.Get("Location"), "").want(204).has("Range", "0-4")
			s.do("PUT", a.header.Get("Location")+"&digest="+sum("01234"), "").want(201)
		})
	}
}

func TestPatchOfAnOldLocation(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	at := s.begin("a")
	s.do("PATCH", at, "123").want(202)
	s.do("PATCH", at, "123").want(416, "BLOB_UPLOAD_INVALID").has("Range", "0-2")
	// With a right Content-Range nothing is in doubt, nor without a body.
	s.do("PATCH", at, "45", "Content-Range", "3-4").want(202)
	s.do("PUT", at+"&digest="+sum("12345"), "").want(201)
}

func TestPatchContentType(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	at := s.begin("a")
	s.do("PATCH", at, "a", "Content-Type", "text/plain").want(415, "BLOB_UPLOAD_INVALID")
	s.do("PATCH", at, "a", "Content-Type", "application/octet-stream; x=y").want(202)
}

func TestChunkedBodyAgainstContentRange(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	for body, status := range map[string]int{"abc": 202, "ab": 400, "abcd": 400} {
		// A reader of unknown length is sent by chunked coding.
		a := s.send("PATCH", s.begin("a"), io.MultiReader(strings.NewReader(body)), "Content-Range", "0-2").want(status)
		if kept := fmt.Sprintf("0-%d", min(len(body), 3)-1); a.header.Get("Range") != kept {
			t.Errorf("%q: Range %q, want %q", body, a.header.Get("Range"), kept)
		}
	}
}

// TestPut shows K-83.
func TestPut(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	for name, c := range map[string]struct {
		digest, body, span string
		status             int
		code               string
		lives              bool // the session afterwards
	}{
		"no body":       {sum("01234"), "", "", 201, "", false},
		"last chunk":    {sum("01234567"), "567", "5-7", 201, "", false},
		"no range":      {sum("01234567"), "567", "", 201, "", false},
		"gap":           {sum("01234567"), "567", "6-8", 416, "BLOB_UPLOAD_INVALID", true},
		"malformed":     {sum("01234567"), "567", "bytes 5-7/8", 416, "BLOB_UPLOAD_INVALID", true},
		"wrong length":  {sum("01234567"), "567", "5-8", 400, "SIZE_INVALID", true},
		"no digest":     {"", "567", "", 400, "DIGEST_INVALID", true},
		"bad digest":    {"sha256:1", "567", "", 400, "DIGEST_INVALID", true},
		"bad algorithm": {"sha257:" + strings.Repeat("a", 64), "", "", 400, "DIGEST_INVALID", true},
		"other digest":  {nowhere, "567", "", 400, "DIGEST_INVALID", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{t: t, url: s.url}
			name := "put/" + strings.ReplaceAll(name, " ", "-")
			at := s.do("PATCH", s.begin(name), "01234").want(202).header.Get("Location")
			var headers []string
			if c.span != "" {
				headers = []string{"Content-Range", c.span}
			}
			a := s.do("PUT", at+"&digest="+c.digest, c.body, headers...)
			if c.status == 201 {
				a.want(201).has("Docker-Content-Digest", c.digest, "Location", "/v2/"+name+"/blobs/"+c.digest, "Content-Length", "0", "Range", "")
				s.do("GET", a.header.Get("Location"), "").want(200)
			} else {
				a.want(c.status, c.code)
				if c.digest != "" && strings.HasPrefix(c.digest, "sha256:") && len(c.digest) > 20 {
					s.do("GET", "/v2/"+name+"/blobs/"+c.digest, "").want(404, "BLOB_UNKNOWN")
				}
			}
			if c.lives {
				a.has("Range", "0-4")
				s.do("GET", a.header.Get("Location"), "").want(204).has("Range", "0-4")
			} else {
				s.do("GET", at, "").want(404, "BLOB_UPLOAD_UNKNOWN")
			}
		})
	}
}

// TestCancelThatFails demands that its answer says where the upload stands.
func TestCancelThatFails(t *testing.T) {
	t.Parallel()
	d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), func(op faulty.Op, path string) error {
		if op == faulty.Delete && !strings.HasSuffix(path, "/hashstate") {
			return errors.New("the medium is at fault")
		}
		return nil
	})
	s := serve(t, server.New(storage.New(d, storage.Options{}), server.Options{}))
	at := s.do("PATCH", s.begin("a"), "01234").want(202).header.Get("Location")
	s.do("DELETE", at, "").want(500, "UNKNOWN").has("Range", "0-4")
}

func TestSessionsThatAreNot(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	live := s.begin("a")
	finished := s.begin("a")
	s.do("PUT", finished+"&digest="+sum("x"), "x").want(201)
	cancelled := s.begin("a")
	s.do("DELETE", cancelled, "").want(204).has("Content-Length", "")
	bare, _, _ := strings.Cut(live, "?")
	for name, path := range map[string]string{
		"finished":  finished,
		"cancelled": cancelled,
		"foreign":   strings.Replace(live, "/v2/a/", "/v2/b/", 1),
		"bare":      strings.Replace(bare, "/v2/a/", "/v2/b/", 1),
		"unknown":   "/v2/a/blobs/uploads/6f6e2c7e-1111-4222-8333-444455556666",
		"no uuid":   "/v2/a/blobs/uploads/nonsense",
	} {
		for _, method := range []string{"GET", "PATCH", "PUT", "DELETE"} {
			at := path
			if method == "PUT" {
				at += map[bool]string{true: "&", false: "?"}[strings.Contains(at, "?")] + "digest=" + sum("x")
			}
			a := s.do(method, at, "x")
			t.Run(name+" "+method, func(t *testing.T) {
				a.t = t
				a.want(404, "BLOB_UPLOAD_UNKNOWN")
			})
		}
	}
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		s.do(method, bare+"?_state=forged", "").want(400, "BLOB_UPLOAD_INVALID")
	}
	s.do("GET", bare, "").want(204)
	s.do("PATCH", bare, "x").want(202).has("Range", "0-0")
	s.do("PUT", bare+"?digest="+sum("x"), "").want(201)
}

// TestSinglePost shows K-88.
func TestSinglePost(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	s.do("POST", "/v2/a/blobs/uploads/?digest="+sum("whole"), "whole").want(201).
		has("Location", "/v2/a/blobs/"+sum("whole"), "Docker-Content-Digest", sum("whole"))
	s.do("POST", "/v2/a/blobs/uploads/?digest="+sum("whole"), "other").want(400, "DIGEST_INVALID")
	s.do("POST", "/v2/a/blobs/uploads/?digest=odd", "other").want(400, "DIGEST_INVALID")
	s.do("POST", "/v2/a/blobs/uploads/?digest="+sum(""), "").want(201)

	c := s.dial()
	fmt.Fprintf(c, "POST /v2/a/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nshort", sum("short"))
	_ = c.CloseWrite()
	if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
		res.Body.Close()
		if res.StatusCode != 400 {
			t.Errorf("status %d to a body that ended early", res.StatusCode)
		}
	}
	s.do("HEAD", "/v2/a/blobs/"+sum("short"), "").want(404)
}

func TestSha512(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	d := fmt.Sprintf("sha512:%x", sha512.Sum512([]byte("x")))
	s.do("PUT", s.begin("a")+"&digest="+d, "x").want(201).has("Docker-Content-Digest", d, "Location", "/v2/a/blobs/"+d)
	s.do("GET", "/v2/a/blobs/"+d, "").want(200).has("Docker-Content-Digest", d)
	s.do("POST", "/v2/b/blobs/uploads/?from=a&mount="+d, "").want(201).has("Docker-Content-Digest", d)
	s.do("GET", "/v2/b/blobs/"+d, "").want(200)
	m := s.image("a", "")
	md := fmt.Sprintf("sha512:%x", sha512.Sum512([]byte(m)))
	s.do("PUT", "/v2/a/manifests/"+md, m, "Content-Type", typeImage).want(201).has("Docker-Content-Digest", md, "Location", "/v2/a/manifests/"+md)
	s.do("GET", "/v2/a/manifests/"+md, "").want(200).has("Docker-Content-Digest", md)
}

// TestTarsum pushes an empty archive by its tarsum, as the first clients did
// (S-111, S-195, S-230), and answers with the digest of the push (S-068).
func TestTarsum(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	empty := make([]byte, 1024)
	const d = "tarsum.v1+sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	query := "&digest=" + url.QueryEscape(d)
	s.do("PUT", s.begin("a")+query, string(empty)).want(201).has("Docker-Content-Digest", d, "Location", "/v2/a/blobs/"+d)
	canonical := sum(string(empty))
	for _, dgst := range []string{d, canonical} {
		s.do("GET", "/v2/a/blobs/"+dgst, "").want(200).has("Docker-Content-Digest", dgst, "Content-Length", "1024")
	}
	s.do("PUT", s.begin("a")+query, "no archive").want(400, "DIGEST_INVALID")
	s.do("PUT", s.begin("a")+query, "").want(201)
	s.do("DELETE", "/v2/a/blobs/"+canonical, "").want(202)
	s.do("HEAD", "/v2/a/manifests/"+d, "").want(404)
	m := s.image("a", "")
	s.do("PUT", "/v2/a/manifests/"+d, m, "Content-Type", typeImage).want(400, "DIGEST_INVALID")
}

func TestMount(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	d := s.push("source", "mounted")
	s.do("POST", "/v2/one/blobs/uploads/?mount="+d+"&from=source", "").want(201).
		has("Location", "/v2/one/blobs/"+d, "Docker-Content-Digest", d, "Content-Length", "0")
	s.do("POST", "/v2/two/blobs/uploads/?mount="+d, "").want(201)
	for _, name := range []string{"one", "two"} {
		if got := s.do("GET", "/v2/"+name+"/blobs/"+d, "").want(200).body; got != "mounted" {
			t.Error(got)
		}
	}
	for _, q := range []string{
		"mount=" + nowhere + "&from=source", "mount=" + nowhere, "mount=" + d + "&from=nowhere",
		"mount=" + d + "&from=BAD", "mount=odd&from=source", "mount=",
	} {
		at := s.do("POST", "/v2/three/blobs/uploads/?"+q, "").want(202).has("Range", "0-0").header.Get("Location")
		s.do("PUT", at+"&digest="+sum(q), q).want(201)
	}
	s.do("GET", "/v2/three/blobs/"+d, "").want(404, "BLOB_UNKNOWN")

	off := open(t, server.Options{}, storage.Options{DisableMount: true})
	off.push("source", "mounted")
	off.do("POST", "/v2/one/blobs/uploads/?mount="+d+"&from=source", "").want(202)
}

func TestBlobPull(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	d := s.push("a", "0123456789")
	path := "/v2/a/blobs/" + d
	s.do("GET", path+"?ns=docker.io", "").want(200).has("ETag", `"`+d+`"`, "Content-Type", "application/octet-stream", "Accept-Ranges", "bytes")
	if got := s.do("GET", path, "", "Range", "bytes=2-4").want(206).has("Content-Range", "bytes 2-4/10").body; got != "234" {
		t.Error(got)
	}
	s.do("GET", path, "", "Range", "bytes=-3").want(206).has("Content-Range", "bytes 7-9/10")
	s.do("GET", path, "", "Range", "bytes=10-20").want(416, "SIZE_INVALID").has("Content-Range", "bytes */10", "ETag", "")
	s.do("GET", path, "", "If-None-Match", `"`+d+`"`).want(304)
	s.do("GET", path, "", "If-Match", `"other"`).want(412, "UNSUPPORTED")
	s.do("GET", "/v2/a/blobs/"+nowhere, "", "If-None-Match", `"`+nowhere+`"`).want(404, "BLOB_UNKNOWN")
	s.do("DELETE", path, "").want(202).has("Content-Length", "0")
	s.do("GET", path, "").want(404, "BLOB_UNKNOWN")
	s.do("DELETE", path, "").want(404, "BLOB_UNKNOWN")
	s.push("a", "0123456789")
	s.do("GET", path, "").want(200)
}

// TestUploadBySHA512IsNotReadBack: where the algorithm is told at the beginning, or
// comes before the first byte, the bytes of an upload are hashed as they come (S-030).
func TestUploadBySHA512IsNotReadBack(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789", 30_000)
	want := fmt.Sprintf("sha512:%x", sha512.Sum512([]byte(content)))
	var reads atomic.Int32
	d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), func(op faulty.Op, path string) error {
		if op == faulty.Reader && strings.Contains(path, "/_uploads/") {
			reads.Add(1)
		}
		return nil
	})
	s := serve(t, server.New(storage.New(d, storage.Options{}), server.Options{}))
	const begin = "/v2/a/b/blobs/uploads/"
	for name, c := range map[string]struct {
		query  string
		chunks int
		want   int32
	}{
		"told":                {"?digest-algorithm=sha512", 3, 0},
		"in one PUT":          {"", 0, 0},
		"in one POST":         {"?digest=" + want, 0, 0},
		"untold":              {"", 3, 1},
		"told another":        {"?digest-algorithm=sha384", 3, 1},
		"told, in one PUT":    {"?digest-algorithm=sha512", 0, 0},
		"another, in one PUT": {"?digest-algorithm=sha384", 0, 0},
	} {
		reads.Store(0)
		body, a := content, (*answer)(nil)
		if strings.HasPrefix(c.query, "?digest=") {
			s.do("POST", begin+c.query, body).want(201)
		} else {
			a = s.do("POST", begin+c.query, "").want(202)
			for range c.chunks {
				a = s.do("PATCH", a.header.Get("Location"), body[:90_000]).want(202)
				body = body[90_000:]
			}
			s.do("PUT", a.header.Get("Location")+"&digest="+want, body).want(201)
		}
		if got := reads.Load(); got != c.want {
			t.Errorf("%s: read back %d times, want %d", name, got, c.want)
		}
		if got := s.do("GET", "/v2/a/b/blobs/"+want, "").want(200); got.body != content {
			t.Errorf("%s: %d bytes came back", name, len(got.body))
		}
	}
}
