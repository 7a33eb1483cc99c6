package registrytest_test

import (
	"bufio"
	"crypto/sha512"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/quirk"
	"github.com/registryconform/conform/reference/registrytest"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

var (
	quirkName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	// What differs between two runs in any case.
	random = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|_state=[A-Za-z0-9_%-]+|127\.0\.0\.1:[0-9]+`)
)

func TestQuirksAreNamed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, q := range slices.Concat(quirk.All(), quirk.Variations()) {
		if !quirkName.MatchString(q.Name) || seen[q.Name] {
			t.Errorf("the name %q is malformed or taken", q.Name)
		}
		seen[q.Name] = true
		if !strings.HasSuffix(q.Doc, ".") && !strings.HasSuffix(q.Doc, "0") || q.Wrap == nil {
			t.Errorf("%s lacks a sentence or a decorator", q.Name)
		}
		if found, ok := quirk.Find(q.Name); !ok || found.Doc != q.Doc {
			t.Errorf("Find(%q) gave %+v", q.Name, found)
		}
	}
}

// A quirk that no request can notice breaks nothing: each must change the
// answers to a script that goes through the whole API.
func TestEachQuirkShows(t *testing.T) {
	t.Parallel()
	table := manifest.Default(manifest.WithSchema1(schema1.Options{}))
	limit := registrytest.WithServer(server.Options{MaxManifestBytes: manifestLimit, Manifests: table})
	kept := registrytest.WithStorage(storage.Options{Manifests: table})
	sound := play(t, registrytest.New(t, limit, kept))
	if again := play(t, registrytest.New(t, limit, kept)); strings.Join(again, "\n") != strings.Join(sound, "\n") {
		t.Fatalf("the script is not deterministic: %s", firstDifference(sound, again))
	}
	for _, q := range slices.Concat(quirk.All(), quirk.Variations()) {
		t.Run(q.Name, func(t *testing.T) {
			t.Parallel()
			r := registrytest.New(t, limit, kept, registrytest.WithQuirks(q.Name))
			if got := play(t, r); strings.Join(got, "\n") == strings.Join(sound, "\n") {
				t.Errorf("no answer of %d is another", len(sound))
			}
		})
	}
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + "\n" + b[i]
		}
	}
	return "one is longer"
}

// A player sends requests, and writes down what comes back.
type player struct {
	t      *testing.T
	r      *registrytest.Registry
	client *http.Transport
	lines  []string
}

func (p *player) do(method, target, body string, headers ...string) http.Header {
	p.t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = p.r.URL + target
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, target, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" || method == http.MethodPut {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "no-length" {
			req.ContentLength = -1
			continue
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := p.client.RoundTrip(req)
	if err != nil {
		p.note(fmt.Sprintf("%s %s: no answer", method, target))
		return http.Header{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		b = append(b, "CUT"...)
	}
	res.Header.Del("Date")
	res.Header.Del("X-Request-Id")
	if len(b) > 2000 {
		b = b[:2000]
	}
	p.note(fmt.Sprintf("%s %s: %d %d %v %v %s", method, target, res.StatusCode, res.ContentLength, res.TransferEncoding, res.Header, b))
	return res.Header
}

func (p *player) note(line string) { p.lines = append(p.lines, random.ReplaceAllString(line, "*")) }

// location returns the Location of h, with a digest if that is given.
func (p *player) location(h http.Header, dgst string) string {
	u, err := url.Parse(h.Get("Location"))
	if err != nil || h.Get("Location") == "" {
		return p.r.URL + "/v2/lost/blobs/uploads/none"
	}
	base, _ := url.Parse(p.r.URL)
	u = base.ResolveReference(u)
	if dgst != "" {
		q := u.Query()
		q.Set("digest", dgst)
		u.RawQuery = q.Encode()
	}
	return u.String()
}

func (p *player) push(name, content string) string {
	d := digest.FromString(content).String()
	p.do("PUT", p.location(p.do("POST", "/v2/"+name+"/blobs/uploads/", ""), d), content, "Content-Type", "application/octet-stream")
	return d
}

// manifestLimit lies above the limit that a quirk sets, and below what would
// make the script slow.
const manifestLimit = 256<<10 + 4096

const (
	octets    = "application/octet-stream"
	image     = "application/vnd.oci.image.manifest.v1+json"
	index     = "application/vnd.oci.image.index.v1+json"
	dockerImg = "application/vnd.docker.distribution.manifest.v2+json"
	dockerLst = "application/vnd.docker.distribution.manifest.list.v2+json"
	nowhere   = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

func play(t *testing.T, r *registrytest.Registry) []string {
	t.Helper()
	p := &player{t: t, r: r, client: &http.Transport{DisableCompression: true}}
	defer p.client.CloseIdleConnections()
	p.basics()
	p.blobs()
	p.sessions()
	p.broken()
	p.manifests()
	p.signed()
	p.lists()
	p.referrers()
	p.deletes()
	for range 50 {
		p.do("GET", "/v2/", "")
	}
	return p.lines
}

func (p *player) basics() {
	p.do("GET", "/v2/", "")
	p.do("BREW", "/v2/", "")
	p.do("POST", "/v2/", "")
	p.do("GET", "/v2/new/manifests/latest", "")
	p.do("HEAD", "/v2/new/manifests/latest", "")
	p.do("GET", "/v2/new/blobs/"+nowhere, "")
	p.do("GET", "/v2/UPPER/tags/list", "")
	p.do("POST", "/v2/UPPER/blobs/uploads/", "")
	p.do("POST", "/v2/a/b/c/d/e/f/g/blobs/uploads/", "")
	p.do("GET", "/v2/_catalog", "")
}

func (p *player) blobs() {
	d := p.push("a", "the content of a blob")
	zero := p.push("a", "zero\x00\x00")
	empty := p.push("a", "")
	for _, dgst := range []string{d, zero, empty, nowhere, "sha257:" + strings.Repeat("a", 64)} {
		p.do("GET", "/v2/a/blobs/"+dgst, "")
		p.do("HEAD", "/v2/a/blobs/"+dgst, "")
	}
	p.do("GET", "/v2/elsewhere/blobs/"+d, "")
	p.do("GET", "/v2/a/blobs/"+d+"?ns=docker.io", "")
	for _, span := range []string{"bytes=2-5", "bytes=-5", "bytes=100-200"} {
		p.do("GET", "/v2/a/blobs/"+d, "", "Range", span)
	}
	one, two := p.do("POST", "/v2/a/blobs/uploads/", ""), p.do("POST", "/v2/a/blobs/uploads/", "")
	p.note(fmt.Sprint(one.Get("Location") == two.Get("Location")))

	single := "pushed at once"
	p.do("POST", "/v2/a/blobs/uploads/?digest="+digest.FromString(single).String(), single, "Content-Type", octets)
	p.do("POST", "/v2/a/blobs/uploads/?digest="+nowhere, single, "Content-Type", octets)
	p.do("HEAD", "/v2/a/blobs/"+nowhere, "")
	p.do("POST", "/v2/a/blobs/uploads/?digest=nonsense", single, "Content-Type", octets)
	p.raw("POST /v2/a/blobs/uploads/?digest="+digest.FromString("short").String(), "short", 50)
	p.do("PUT", p.location(p.do("POST", "/v2/a/blobs/uploads/", ""), nowhere), "wrong")
	p.do("GET", "/v2/a/blobs/"+nowhere, "")

	long := fmt.Sprintf("sha512:%x", sha512.Sum512([]byte("long")))
	p.do("PUT", p.location(p.do("POST", "/v2/a/blobs/uploads/?digest-algorithm=sha512", ""), long), "long")
	p.do("GET", "/v2/a/blobs/"+long, "")

	p.do("POST", "/v2/b/blobs/uploads/?mount="+d+"&from=a", "")
	p.do("GET", "/v2/b/blobs/"+d, "")
	p.do("POST", "/v2/b/blobs/uploads/?mount="+nowhere+"&from=a", "")
	p.do("POST", "/v2/b/blobs/uploads/?mount="+nowhere, "")
	p.do("POST", "/v2/c/blobs/uploads/?mount="+zero, "")
}

func (p *player) patch(at, chunk, span string) http.Header {
	headers := []string{"Content-Type", octets}
	if span != "" {
		headers = append(headers, "Content-Range", span)
	}
	return p.do("PATCH", at, chunk, headers...)
}

func (p *player) sessions() {
	begin := func() string { return p.location(p.do("POST", "/v2/a/blobs/uploads/", ""), "") }
	both := digest.FromString("first second").String()

	at := begin()
	id := at
	p.patch(at, "late", "5-8")
	at = begin()
	p.patch(at, "bad", "bytes 0-2/3")
	at = begin()
	at = p.location(p.patch(at, "first ", "0-5"), "")
	p.do("GET", at, "")
	p.do("GET", "/v2/a/blobs/"+digest.FromString("first ").String(), "")
	p.patch(at, "gap", "10-12")
	p.do("GET", at, "")
	p.patch(at, "lap", "2-4")
	p.do("PUT", at, "")
	p.do("GET", at, "")
	h := p.patch(at, "second", "6-11")
	p.do("PUT", p.location(h, both), "")
	p.do("PUT", p.location(h, both), "")
	p.do("GET", at, "")
	p.patch(at, "more", "")

	h = p.patch(begin(), "first ", "0-5")
	p.do("PUT", p.location(h, both), "second", "Content-Range", "9-14")
	p.do("PUT", p.location(h, both), "second", "Content-Range", "6-11")

	at = begin()
	p.do("DELETE", at, "")
	p.do("GET", at, "")
	p.patch(at, "x", "")
	p.do("DELETE", at, "")
	p.do("PUT", p.location(http.Header{"Location": {at}}, both), "first second")
	p.do("GET", strings.Replace(id, "/v2/a/", "/v2/z/", 1), "")
	p.do("GET", "/v2/a/blobs/uploads/none", "")
	p.patch(p.r.URL+"/v2/a/blobs/uploads/none", "x", "")
	p.do("PUT", "/v2/a/blobs/uploads/none?digest="+both, "x")
}

// broken breaks off in the middle of a chunk, and asks how far it came.
func (p *player) broken() {
	at := p.location(p.do("POST", "/v2/a/blobs/uploads/", ""), "")
	u, _ := url.Parse(at)
	p.raw("PATCH "+u.RequestURI(), "ten bytes.", 20)
	p.do("GET", at, "")
}

// raw sends a body that is shorter than its length says, and waits for the end.
func (p *player) raw(line, body string, length int) {
	c, err := net.Dial("tcp", p.r.Host)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", line, octets, length, body)
	_ = c.(*net.TCPConn).CloseWrite()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		p.note(line + ": no answer")
		return
	}
	defer res.Body.Close()
	p.note(fmt.Sprint(line, res.StatusCode))
	_, _ = io.Copy(io.Discard, res.Body)
}

func descriptor(mediaType, dgst string, size int) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, dgst, size)
}

func imageOf(mediaType, config, extra string) string {
	c := descriptor("application/vnd.example.config", config, 2)
	return `{"schemaVersion":2,"mediaType":"` + mediaType + `","config":` + c + `,"layers":[` + c + `]` + extra + `}`
}

func (p *player) manifests() {
	config := p.push("m", "{}")
	m := imageOf(image, config, "")
	d := digest.FromString(m).String()
	put := func(reference, body, mediaType string, more ...string) {
		p.do("PUT", "/v2/m/manifests/"+reference, body, append([]string{"Content-Type", mediaType}, more...)...)
	}
	put("latest", m, image)
	put(d, m, image+"; charset=utf-8")
	put("latest", imageOf(image, config, `,"annotations":{"moved":"yes"}`), image)
	put("chunked", m, image, "no-length", "")
	for _, reference := range []string{"latest", d, "absent", nowhere, "sha256:odd", ".bad", strings.Repeat("x", 129), "bad~tag"} {
		p.do("GET", "/v2/m/manifests/"+reference, "")
		p.do("HEAD", "/v2/m/manifests/"+reference, "")
	}
	put(strings.Repeat("y", 129), m, image)
	put(".bad", m, image)
	put(nowhere, m, image)
	p.do("GET", "/v2/m/manifests/"+nowhere, "")
	put("missing", imageOf(image, nowhere, `,"subject":`+descriptor(image, nowhere, 3))+" ", image)
	two := `{"schemaVersion":2,"config":` + descriptor("a/b", nowhere, 1) + `,"layers":[` + descriptor("a/b", strings.Replace(nowhere, "aa", "bb", 1), 1) + `]}`
	put("two", two, image)
	put("garbage", "{", image)
	put("untold", strings.Replace(m, `"mediaType":"`+image+`",`, "", 1), image)
	p.do("GET", "/v2/m/manifests/untold", "")
	put("big", imageOf(image, config, `,"annotations":{"a":"`+strings.Repeat("a", 256<<10)+`"}`), image)
	put("huge", strings.Repeat(" ", manifestLimit+1), image)
	put("s", imageOf(image, config, `,"subject":`+descriptor(image, nowhere, 3)), image)
	params := "?tag=t1&tag=t2&tag=t3&tag=t4&tag=t5&tag=t6"
	put(d+params, m, image)
	put(d+params+"&tag=t7&tag=t8&tag=t9&tag=t10&tag=t11", m, image)
	p.do("GET", "/v2/m/manifests/t6", "")
	idx := `{"schemaVersion":2,"mediaType":"` + index + `","manifests":[]}`
	put("sha256-"+strings.Repeat("a", 64), idx, index)
	put("sha512-"+strings.Repeat("a", 64), idx, index)
	put(strings.Repeat("a", 32)+"-"+strings.Repeat("a", 64), idx, index)
	put("my-algorithm-"+strings.Repeat("b", 40), idx, index)

	docker := imageOf(dockerImg, config, "")
	put("docker", docker, dockerImg)
	put("list", `{"schemaVersion":2,"mediaType":"`+dockerLst+`","manifests":[{"mediaType":"`+dockerImg+`","digest":"`+digest.FromString(docker).String()+`","size":`+fmt.Sprint(len(docker))+`,"platform":{"architecture":"amd64","os":"linux"}}]}`, dockerLst)
	put("mistyped", docker, dockerLst)
	put("confused", strings.Replace(docker, "{", `{"manifests":[],`, 1), dockerImg)
	p.do("GET", "/v2/m/manifests/docker", "")
	p.do("GET", "/v2/m/manifests/list", "")
}

// A step is a request of the script; one without a method pushes a blob.
type step struct {
	method, target, body string
	headers              []string
}

// signed pushes manifests of schema 1, right and wrong in every way, and pulls
// them.
func (p *player) signed() {
	for _, s := range signedSteps() {
		if s.method == "" {
			p.push("m", s.body)
			continue
		}
		p.do(s.method, "/v2/m/manifests/"+s.target, s.body, s.headers...)
	}
}

// signedSteps are made once: keys of RSA take long to find.
var signedSteps = sync.OnceValue(func() []step {
	source := fixtures.New("player")
	one, two, rsa := source.Key(fixtures.ES256), source.Key(fixtures.ES256), source.Key(fixtures.RS256)
	signed := func(tag string, options ...fixtures.Option) fixtures.SignedManifest {
		return source.Signed("m", tag, []fixtures.Key{one}, append(options, fixtures.Layers(1))...)
	}
	m, other := signed("a"), signed("a")
	steps := []step{{body: string(m.Blobs[0].Content)}}
	put := func(reference string, content []byte, mediaType string) {
		steps = append(steps, step{"PUT", reference, string(content), []string{"Content-Type", mediaType}})
	}
	get := func(method, reference string, headers ...string) {
		steps = append(steps, step{method, reference, "", headers})
	}
	for _, again := range []fixtures.SignedManifest{m, m, m.Resign(two), m.Resign(rsa), m.ResignWithChain(two)} {
		put("a", again.Content, again.MediaType)
		get("GET", "a")
		get("GET", "a")
		get("HEAD", "a")
	}
	put("a", m.Content, "application/json")
	put(m.Digest.String(), m.Content, m.MediaType)
	put(digest.FromBytes(m.Content).String(), m.Content, m.MediaType)
	get("GET", "docker", "Accept", m.MediaType)
	for _, content := range spoiled(m, other, two, rsa) {
		put("a", []byte(content), m.MediaType)
	}
	put("refused", m.Content, m.MediaType)
	get("GET", "refused")
	for _, field := range [][2]string{{"history", "[]"}, {"layers", "[]"}, {"name", `"other"`}, {"name", `"Other"`}} {
		changed := signed("b", fixtures.Field(field[0], field[1]))
		steps = append(steps, step{body: string(changed.Blobs[0].Content)})
		put("b", changed.Content, changed.MediaType)
	}
	put("b", m.Content, dockerImg)
	missing := source.Signed("m", "c", []fixtures.Key{one})
	put("c", missing.Content, missing.MediaType)
	put("c", []byte(strings.Replace(string(missing.Content), "amd64", "arm64", 1)), missing.MediaType)
	put("c", []byte(strings.Repeat(" ", manifestLimit+1)), m.MediaType)
	return steps
})

// spoiled returns manifests whose signatures are wrong, each in another way.
func spoiled(m, other fixtures.SignedManifest, two, rsa fixtures.Key) []string {
	payload := strings.TrimSuffix(string(m.Payload), "\n}")
	edited := func(from, to string) string { return strings.Replace(string(m.Content), from, to, 1) }
	return []string{
		edited(`"amd64"`, `"arm64"`),
		string(m.WithSignatures(other.Signatures[0]).Content),
		string(m.Resign(rsa).WithSignatures(other.Resign(rsa).Signatures[0]).Content),
		string(m.WithSignatures(m.Signatures[0], other.Signatures[0]).Content),
		edited(`"kid": "`, `"kid": "X`),
		edited(`"kty": "EC"`, `"kty": "oct"`),
		edited(`"alg": "ES256"`, `"alg": "ES512"`),
		edited(`"protected": "`, `"protected": "eyJmb3JtYXRMZW5ndGgiOjEsImZvcm1hdFRhaWwiOiJDbjAifQ`),
		edited(",\n   \"signatures\"", ",\n   \"extra\": 1,\n   \"signatures\""),
		payload + "\n}",
		payload + ",\n   \"signatures\": []\n}",
	}
}

func (p *player) lists() {
	config := p.push("l", "{}")
	m := imageOf(image, config, "")
	for _, tag := range []string{"B", "a", "c", "A"} {
		p.do("PUT", "/v2/l/manifests/"+tag, m, "Content-Type", image)
	}
	for _, q := range []string{"", "?n=2", "?n=0", "?n=9", "?last=A", "?n=1&last=B", "?n=2&last=A"} {
		p.do("GET", "/v2/l/tags/list"+q, "")
	}
	p.do("PUT", "/v2/l/manifests/later", m, "Content-Type", image)
	p.do("GET", "/v2/l/tags/list", "")
	p.do("GET", "/v2/never/tags/list", "")
	for _, q := range []string{"", "?n=1", "?last=l", "?n=1&last=l"} {
		p.do("GET", "/v2/_catalog"+q, "")
	}
}

func (p *player) referrers() {
	config := p.push("r", "{}")
	subject := imageOf(image, config, "")
	s := digest.FromString(subject).String()
	p.do("PUT", "/v2/r/manifests/subject", subject, "Content-Type", image)
	p.do("GET", "/v2/r/referrers/"+s, "")
	to := `,"subject":` + descriptor(image, s, len(subject))
	for i, body := range []string{
		imageOf(image, config, to),
		imageOf(image, config, to+`,"artifactType":"application/vnd.example.a","annotations":{"one":"1","two":"2"}`),
		`{"schemaVersion":2,"mediaType":"` + index + `","manifests":[]` + to + `}`,
	} {
		mediaType := image
		if i == 2 {
			mediaType = index
		}
		p.do("PUT", "/v2/r/manifests/"+digest.FromString(body).String(), body, "Content-Type", mediaType)
	}
	for _, q := range []string{"", "?page=1", "?artifactType=application/vnd.example.a", "?artifactType=none/none"} {
		p.do("GET", "/v2/r/referrers/"+s+q, "")
	}
	p.do("GET", "/v2/r/referrers/sha256:odd", "")
	p.do("GET", "/v2/r/referrers/"+nowhere, "")
}

func (p *player) deletes() {
	config := p.push("d", "{}")
	m := imageOf(image, config, "")
	d := digest.FromString(m).String()
	for _, tag := range []string{"one", "two"} {
		p.do("PUT", "/v2/d/manifests/"+tag, m, "Content-Type", image)
	}
	for _, path := range []string{"manifests/one", "manifests/" + d, "blobs/" + config} {
		for range 2 {
			p.do("DELETE", "/v2/d/"+path, "")
			p.do("GET", "/v2/d/"+path, "")
		}
	}
	p.do("GET", "/v2/d/manifests/two", "")
	p.do("DELETE", "/v2/never/manifests/"+d, "")
	p.push("d", "{}")
	p.do("GET", "/v2/d/blobs/"+config, "")
}
