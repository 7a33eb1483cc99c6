package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

func desc(mediaType, dgst string, size int) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, dgst, size)
}

// A manifest is pushed with one request (S-212), by a tag or a digest; one that
// is too large is told so by its status (K-79).
func TestManifestPush(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{MaxManifestBytes: 4096}, storage.Options{})
	m := s.image("m", "")
	other := strings.Repeat("b", 64)
	missing := `{"schemaVersion":2,"config":` + desc("a/b", nowhere, 1) + `,"layers":[` + desc("a/b", "sha256:"+other, 1) + `]}`
	for name, c := range map[string]struct {
		reference, body, contentType string
		status                       int
		codes                        string
	}{
		"tag":               {"v1", m, typeImage, 201, ""},
		"digest":            {sum(m), m, typeImage, 201, ""},
		"parameters":        {"v2", m, typeImage + "; charset=utf-8", 201, ""},
		"no type":           {"v3", m, "", 201, ""},
		"other digest":      {nowhere, m, typeImage, 400, "DIGEST_INVALID"},
		"malformed digest":  {"sha256:1", m, typeImage, 400, "DIGEST_INVALID"},
		"bad tag":           {".v", m, typeImage, 400, "MANIFEST_INVALID"},
		"long tag":          {strings.Repeat("v", 129), m, typeImage, 400, "MANIFEST_INVALID"},
		"longest tag":       {strings.Repeat("v", 128), m, typeImage, 201, ""},
		"unknown type":      {"v4", m, "text/plain", 400, "MANIFEST_INVALID"},
		"type mismatch":     {"v5", m, typeIndex, 400, ""},
		"no JSON":           {"v6", "{", typeImage, 400, "MANIFEST_INVALID"},
		"no body":           {"v7", "", typeImage, 400, "MANIFEST_INVALID"},
		"no type, no JSON":  {"v8", "text", "", 400, "MANIFEST_INVALID"},
		"missing content":   {"v9", missing, typeImage, 400, "MANIFEST_BLOB_UNKNOWN MANIFEST_BLOB_UNKNOWN"},
		"too large":         {"v10", strings.Repeat(" ", 4097), typeImage, 413, "MANIFEST_INVALID"},
		"as large as can":   {"v11", m + strings.Repeat(" ", 4096-len(m)), typeImage, 201, ""},
		"wrong and missing": {nowhere, missing, typeImage, 400, "DIGEST_INVALID MANIFEST_BLOB_UNKNOWN MANIFEST_BLOB_UNKNOWN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{t: t, url: s.url}
			var headers []string
			if c.contentType != "" {
				headers = []string{"Content-Type", c.contentType}
			}
			a := s.do("PUT", "/v2/m/manifests/"+c.reference, c.body, headers...)
			a.want(c.status, strings.Fields(c.codes)...)
			if c.status == 201 {
				a.has("Location", "/v2/m/manifests/"+sum(c.body), "Docker-Content-Digest", sum(c.body), "Content-Length", "0", "OCI-Subject", "", "OCI-Tag", "")
				if got := s.do("GET", "/v2/m/manifests/"+c.reference, "").want(200).has("Content-Type", typeImage).body; got != c.body {
					t.Errorf("pulled %q", got)
				}
			}
		})
	}
}

func TestManifestTooLargeWithoutLength(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	body := struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", 6<<20))}
	s.send("PUT", "/v2/a/manifests/x", body, "Content-Type", typeImage).want(413, "MANIFEST_INVALID")
}

// A client that sends all of a body before it reads must get the answer, too.
func TestManifestTooLargeIsDrained(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	c := s.dial()
	const size = 12 << 20
	fmt.Fprintf(c, "PUT /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
	if n, err := c.Write(make([]byte, size)); err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", res.StatusCode)
	}
}

// Lists, weak tags and the star are understood (K-90), what is unknown is never
// unchanged (K-97), and Accept plays no part (K-77).
func TestManifestConditions(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	d := s.tag("a", "v", s.image("a", ""))
	for value, status := range map[string]int{
		`"` + d + `"`:                     304,
		`W/"` + d + `"`:                   304,
		`"x", W/"y", "` + d + `"`:         304,
		`*`:                               304,
		d:                                 304,
		`"` + nowhere + `"`:               200,
		`"x", "y"`:                        200,
		`"` + d[:len(d)-1] + `"`:          200,
		`"prefix-` + d + `-and-suffix"  `: 200,
	} {
		for _, path := range []string{"/v2/a/manifests/v", "/v2/a/manifests/" + d} {
			a := s.do("GET", path, "", "If-None-Match", value).want(status).has("ETag", `"`+d+`"`, "Docker-Content-Digest", d)
			if status == 304 && a.body != "" {
				t.Errorf("304 has a body")
			}
		}
	}
	s.do("GET", "/v2/a/manifests/"+nowhere, "", "If-None-Match", `"`+nowhere+`"`).want(404, "MANIFEST_UNKNOWN")
	s.do("GET", "/v2/a/manifests/none", "", "If-None-Match", "*").want(404, "MANIFEST_UNKNOWN")
	// What the client accepts doesn't matter.
	s.do("GET", "/v2/a/manifests/v", "", "Accept", "text/html").want(200).has("Content-Type", typeImage)
}

// An index comes as itself, and not as a child, whoever asks by tag or digest
// and whatever they accept (K-77, K-78).
func TestIndexIsServedAsItself(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	child := s.image("a", "")
	s.do("PUT", "/v2/a/manifests/"+sum(child), child, "Content-Type", typeImage).want(201)
	index := `{"schemaVersion":2,"manifests":[` + strings.TrimSuffix(desc(typeImage, sum(child), len(child)), "}") + `,"platform":{"os":"linux","architecture":"amd64"}}]}`
	s.do("PUT", "/v2/a/manifests/v", index, "Content-Type", typeIndex).want(201)
	for _, accept := range []string{"", typeImage, "application/vnd.docker.distribution.manifest.v2+json", "*/*;q=0.1", typeIndex} {
		for _, reference := range []string{"v", sum(index)} {
			if got := s.do("GET", "/v2/a/manifests/"+reference, "", "Accept", accept).want(200).has("Content-Type", typeIndex).body; got != index {
				t.Errorf("%s accepting %q: %s", reference, accept, got)
			}
		}
	}
}

// A manifest can be pushed and pulled by a digest of another algorithm than
// the usual one (K-98); an algorithm that is unknown is refused everywhere,
// deletes included (K-80).
func TestManifestsByOtherAlgorithms(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	m := s.image("a", "")
	for _, d := range []digest.Digest{digest.SHA384.FromString(m), digest.SHA512.FromString(m)} {
		path := "/v2/a/manifests/" + d.String()
		s.do("PUT", path, m, "Content-Type", typeImage).want(201).has("Docker-Content-Digest", d.String())
		if got := s.do("GET", path, "").want(200).has("Docker-Content-Digest", d.String()).body; got != m {
			t.Errorf("%s: %s", d, got)
		}
		s.do("PUT", path, m+" ", "Content-Type", typeImage).want(400, "DIGEST_INVALID")
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		s.do(method, "/v2/a/manifests/sha257:"+strings.Repeat("a", 64), m, "Content-Type", typeImage).want(400, "DIGEST_INVALID")
	}
	s.do("GET", "/v2/a/manifests/"+digest.SHA384.FromString(m).String(), "").want(200)
}

func TestTagParameters(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{MaxTagParams: 12}, storage.Options{})
	m := s.image("a", "")
	var tags []string
	for i := range 12 {
		tags = append(tags, fmt.Sprint("t", i))
	}
	put := func(tags ...string) *answer {
		return s.do("PUT", "/v2/a/manifests/"+sum(m)+"?tag="+strings.Join(tags, "&tag="), m, "Content-Type", typeImage)
	}
	if got := put(tags...).want(201).header.Values("OCI-Tag"); !slices.Equal(got, tags) {
		t.Errorf("OCI-Tag %v", got)
	}
	s.do("GET", "/v2/a/manifests/t11", "").want(200).has("Docker-Content-Digest", sum(m))
	put(append(tags, "more")...).want(414, "MANIFEST_INVALID")
	put(".bad").want(400, "MANIFEST_INVALID")
}

func TestDeletes(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	m := s.image("a", "")
	d := s.tag("a", "one", m)
	s.tag("a", "two", m)
	s.tag("a", "three", m)
	s.do("DELETE", "/v2/a/manifests/one", "").want(202).has("Content-Length", "0")
	s.do("DELETE", "/v2/a/manifests/one", "").want(404, "MANIFEST_UNKNOWN")
	s.do("GET", "/v2/a/manifests/two", "").want(200)
	s.do("DELETE", "/v2/a/manifests/"+d, "").want(202)
	for _, ref := range []string{"two", "three", d} {
		s.do("GET", "/v2/a/manifests/"+ref, "").want(404, "MANIFEST_UNKNOWN")
	}
	s.do("DELETE", "/v2/a/manifests/"+d, "").want(404, "MANIFEST_UNKNOWN")
	s.do("DELETE", "/v2/a/manifests/.odd", "").want(404, "MANIFEST_UNKNOWN")
	s.do("DELETE", "/v2/a/manifests/sha256:1", "").want(400, "DIGEST_INVALID")
	s.do("DELETE", "/v2/never/manifests/"+d, "").want(404)
	s.tag("a", "one", m)
}

func TestDeletesOff(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{DisableDelete: true})
	d := s.tag("a", "one", s.image("a", ""))
	for path, allow := range map[string]string{
		"manifests/one": "GET, HEAD, PUT", "manifests/" + d: "GET, HEAD, PUT", "blobs/" + sum("{}"): "GET, HEAD",
	} {
		s.do("DELETE", "/v2/a/"+path, "").want(405, "UNSUPPORTED").has("Allow", allow)
		s.do("GET", "/v2/a/"+path, "").want(200)
	}
}

func TestTagList(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{TagsMax: 4}, storage.Options{})
	m := s.image("l", "")
	for _, tag := range []string{"c", "B", "a", "_", "10", "9"} {
		s.tag("l", tag, m)
	}
	for query, c := range map[string]struct {
		status int
		tags   string
		next   string
	}{
		"":                         {200, "10 9 B _", "?last=_&n=4"},
		"?n=":                      {200, "10 9 B _", "?last=_&n=4"},
		"?n=&last=":                {200, "10 9 B _", "?last=_&n=4"},
		"?n=2":                     {200, "10 9", "?last=9&n=2"},
		"?n=2&last=9":              {200, "B _", "?last=_&n=2"},
		"?n=2&last=_":              {200, "a c", ""},
		"?n=3&last=B":              {200, "_ a c", ""},
		"?last=B":                  {200, "_ a c", ""},
		"?last=A":                  {200, "B _ a c", ""},
		"?last=~":                  {200, "", ""},
		"?last=%21":                {200, "10 9 B _", "?last=_&n=4"},
		"?last=zzz":                {200, "", ""},
		"?n=0":                     {200, "", ""},
		"?n=1000000":               {200, "10 9 B _", "?last=_&n=4"},
		"?n=999999999999999999999": {200, "10 9 B _", "?last=_&n=4"},
		"?n=-1":                    {400, "", ""},
		"?n=foo":                   {400, "", ""},
		"?n=1.5":                   {400, "", ""},
		"?n=%2B1":                  {400, "", ""},
	} {
		t.Run(query, func(t *testing.T) {
			s := &site{t: t, url: s.url}
			a := s.do("GET", "/v2/l/tags/list"+query, "")
			if c.status != 200 {
				a.want(c.status, "UNSUPPORTED")
				return
			}
			a.want(200).has("Content-Type", "application/json")
			var list struct {
				Name string
				Tags []string
			}
			if err := json.Unmarshal([]byte(a.body), &list); err != nil || list.Name != "l" || list.Tags == nil {
				t.Errorf("list %s: %v", a.body, err)
			}
			if got := strings.Join(list.Tags, " "); got != c.tags {
				t.Errorf("tags %q, want %q", got, c.tags)
			}
			link := ""
			if c.next != "" {
				link = "</v2/l/tags/list" + c.next + `>; rel="next"`
			}
			a.has("Link", link)
		})
	}
	s.do("GET", "/v2/none/tags/list?n=0", "").want(404, "NAME_UNKNOWN")
	s.do("PUT", "/v2/untagged/manifests/"+sum(s.image("untagged", "")), m, "Content-Type", typeImage).want(201)
	if got := s.do("GET", "/v2/untagged/tags/list", "").want(200).body; got != `{"name":"untagged","tags":[]}` {
		t.Error(got)
	}
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{CatalogPage: 2, CatalogMax: 3}, storage.Options{})
	get := func(query string) *answer { return s.do("GET", "/v2/_catalog"+query, "") }
	if got := get("").want(200).has("Link", "").body; got != `{"repositories":[]}` {
		t.Error(got)
	}
	for _, name := range []string{"a", "a-b", "a/b", "c"} {
		s.tag(name, "v", s.image(name, ""))
	}
	for query, c := range map[string][2]string{
		"":             {"a a/b", "?last=a%2Fb&n=2"},
		"?n=9":         {"a a/b a-b", "?last=a-b&n=3"},
		"?n=2&last=a":  {"a/b a-b", "?last=a-b&n=2"},
		"?last=a%2Fb":  {"a-b c", ""},
		"?n=1&last=b":  {"c", ""},
		"?n=3&last=!":  {"a a/b a-b", "?last=a-b&n=3"},
		"?n=0":         {"", ""},
		"?last=zzz":    {"", ""},
		"?last=%7E%7E": {"", ""},
	} {
		a := get(query).want(200)
		var list struct{ Repositories []string }
		if err := json.Unmarshal([]byte(a.body), &list); err != nil || list.Repositories == nil {
			t.Errorf("%s: %s", query, a.body)
		}
		if got := strings.Join(list.Repositories, " "); got != c[0] {
			t.Errorf("%s: %q, want %q", query, got, c[0])
		}
		link := ""
		if c[1] != "" {
			link = "</v2/_catalog" + c[1] + `>; rel="next"`
		}
		a.has("Link", link)
	}
	get("?n=x").want(400, "UNSUPPORTED")
}

type indexDoc struct {
	SchemaVersion int
	MediaType     string
	Manifests     []struct {
		MediaType, Digest, ArtifactType string
		Annotations                     map[string]string
	}
}

func (s *site) referrers(path string) (*answer, indexDoc) {
	s.t.Helper()
	a := s.do("GET", path, "").want(200).has("Content-Type", typeIndex)
	var doc indexDoc
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil || doc.Manifests == nil || doc.SchemaVersion != 2 || doc.MediaType != typeIndex {
		s.t.Errorf("%s: %v", a.body, err)
	}
	return a, doc
}

func TestReferrers(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{ReferrersMax: 2}, storage.Options{})
	subject := s.image("r", "")
	d := sum(subject)
	want := map[string]bool{}
	for i := range 5 {
		kind := []string{"a/even", "a/odd"}[i%2]
		m := s.image("r", fmt.Sprintf(`,"artifactType":%q,"annotations":{"i":"<%d>"},"subject":%s`, kind, i, desc(typeImage, d, len(subject))))
		// The subject need not be there.
		s.do("PUT", "/v2/r/manifests/"+sum(m), m, "Content-Type", typeImage).want(201).has("OCI-Subject", d)
		want[sum(m)] = true
	}
	s.tag("r", "subject", subject)
	for query, n := range map[string]int{"": 5, "?artifactType=a/odd": 2, "?artifactType=a/none": 0, "?artifactType=": 5} {
		path, pages, seen := "/v2/r/referrers/"+d+query, 0, map[string]bool{}
		for ; path != ""; pages++ {
			a, doc := s.referrers(path)
			filter := ""
			if strings.Contains(query, "a/") {
				filter = "artifactType"
			}
			a.has("OCI-Filters-Applied", filter)
			for _, e := range doc.Manifests {
				if seen[e.Digest] || !want[e.Digest] || e.Annotations["i"] == "" || e.MediaType != typeImage {
					t.Errorf("%s: entry %+v", path, e)
				}
				seen[e.Digest] = true
			}
			path, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
		}
		if len(seen) != n || pages != max((n+1)/2, 1) {
			t.Errorf("%q: %d referrers on %d pages", query, len(seen), pages)
		}
	}
	for _, path := range []string{"/v2/r/referrers/" + nowhere, "/v2/never/referrers/" + d} {
		if _, doc := s.referrers(path); len(doc.Manifests) > 0 {
			t.Errorf("%s: %+v", path, doc)
		}
	}
	s.do("GET", "/v2/r/referrers/"+d+"?last=odd", "").want(400, "UNSUPPORTED")
}

func TestReferrersPageHasFewBytes(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	for i := range 3 {
		m := s.image("r", fmt.Sprintf(`,"annotations":{"i":"%d%s"},"subject":%s`, i, strings.Repeat("x", 3<<20), desc(typeImage, nowhere, 1)))
		s.do("PUT", "/v2/r/manifests/"+sum(m), m, "Content-Type", typeImage).want(201)
	}
	path, n := "/v2/r/referrers/"+nowhere, 0
	for path != "" {
		a, doc := s.referrers(path)
		if len(a.body) > 4<<20 || len(doc.Manifests) != 1 {
			t.Errorf("a page of %d bytes, %d entries", len(a.body), len(doc.Manifests))
		}
		n += len(doc.Manifests)
		path, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
	}
	if n != 3 {
		t.Errorf("%d referrers", n)
	}
}
