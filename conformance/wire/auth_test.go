package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestParseChallenges(t *testing.T) {
	t.Parallel()
	bearer := challenge{scheme: "bearer", params: map[string]string{"realm": "https://a/token", "service": "r"}}
	basic := challenge{scheme: "basic", params: map[string]string{"realm": "x"}}
	for name, tc := range map[string]struct {
		values []string
		want   []challenge
	}{
		"none":                {nil, nil},
		"empty":               {[]string{"", " , ,"}, nil},
		"one":                 {[]string{`Basic realm="x"`}, []challenge{basic}},
		"two in one header":   {[]string{`Bearer realm="https://a/token",service="r", Basic realm="x"`}, []challenge{bearer, basic}},
		"two headers":         {[]string{`Basic realm="x"`, `Bearer realm="https://a/token",service="r"`}, []challenge{basic, bearer}},
		"any case":            {[]string{`bEARER REALM="https://a/token" , Service="r"`}, []challenge{bearer}},
		"unquoted":            {[]string{`Bearer realm=https://a/token,service=r`}, []challenge{bearer}},
		"spaces around =":     {[]string{`Bearer realm = "https://a/token" , service= r`}, []challenge{bearer}},
		"empty elements":      {[]string{`,Bearer ,realm="https://a/token",,service="r",`}, []challenge{bearer}},
		"separated by spaces": {[]string{`Bearer realm="https://a/token" service="r"`}, []challenge{bearer}},
		"unknown before": {[]string{`Negotiate, Bearer realm="https://a/token",service="r"`}, []challenge{
			{scheme: "negotiate", params: map[string]string{}}, bearer,
		}},
		"token68": {[]string{`Negotiate YWJjZA==, Basic realm="x"`}, []challenge{
			{scheme: "negotiate", token68: "YWJjZA==", params: map[string]string{}}, basic,
		}},
		"token68 without padding": {[]string{`NTLM TlRMTVNTUAAC/+`}, []challenge{
			{scheme: "ntlm", token68: "TlRMTVNTUAAC/+", params: map[string]string{}},
		}},
		"token68 with one =": {[]string{`Negotiate YWJj=`}, []challenge{
			{scheme: "negotiate", token68: "YWJj=", params: map[string]string{}},
		}},
		"escapes and commas in quotes": {[]string{`Basic realm="a \"b\", Bearer realm=c"`}, []challenge{
			{scheme: "basic", params: map[string]string{"realm": `a "b", Bearer realm=c`}},
		}},
		"the first of two counts": {[]string{`Basic realm="x",realm="y"`}, []challenge{basic}},
		"quoted scope": {[]string{`Bearer scope="repository:a/b:pull,push"`}, []challenge{
			{scheme: "bearer", params: map[string]string{"scope": "repository:a/b:pull,push"}},
		}},
		"unquoted scope": {[]string{`Bearer scope=repository:a/b:pull,push,service=r`}, []challenge{
			{scheme: "bearer", params: map[string]string{"scope": "repository:a/b:pull,push", "service": "r"}},
		}},
		"no end of quotes":       {[]string{`Basic realm="x`}, []challenge{basic}},
		"parameter with no name": {[]string{`="y", Basic realm="x"`}, []challenge{basic}},
		"parameter of nothing":   {[]string{`a=b, Basic realm="x"`}, []challenge{basic}},
		"noise":                  {[]string{`"noise", (), Basic realm="x"`}, []challenge{basic}},
	} {
		if got := parseChallenges(tc.values); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %q:\ngot  %+v\nwant %+v", name, tc.values, got, tc.want)
		}
	}
}

func FuzzParseChallenges(f *testing.F) {
	for _, s := range []string{`Bearer realm="a",scope="b:c:d,e"`, "Negotiate ==", `"`, `\`, "a = b", "=,=,="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { parseChallenges([]string{s}) })
}

func TestScopesOf(t *testing.T) {
	t.Parallel()
	for request, want := range map[string][]string{
		"GET /v2/":                                          nil,
		"GET /":                                             nil,
		"GET /v2/_catalog":                                  {"registry:catalog:*"},
		"GET /v2/a/b/manifests/latest":                      {"repository:a/b:pull"},
		"HEAD /v2/a/blobs/sha256:0":                         {"repository:a:pull"},
		"POST /v2/a/blobs/uploads/":                         {"repository:a:pull,push"},
		"PUT /v2/blobs/blobs/uploads/x":                     {"repository:blobs:pull,push"},
		"DELETE /v2/a/manifests/x":                          {"repository:a:delete"},
		"GET /p/v2/a/tags/list":                             {"repository:a:pull"},
		"GET /v2/a/referrers/sha256:0":                      {"repository:a:pull"},
		"POST /v2/a/blobs/uploads/?mount=sha256:0&from=c/d": {"repository:a:pull,push", "repository:c/d:pull"},
	} {
		method, path, _ := strings.Cut(request, " ")
		u, _ := url.Parse("http://h" + path)
		if got := scopesOf(&http.Request{Method: method, URL: u}); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", request, got, want)
		}
	}
}

func TestUnionScopes(t *testing.T) {
	t.Parallel()
	got := unionScopes([]string{"repository:b:push,pull", "repository:h:5/a:pull"}, []string{"repository:b:pull repository:a:*", "odd"})
	want := []string{"odd", "repository:a:*", "repository:b:pull,push", "repository:h:5/a:pull"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A tokenRegistry is a registry with its token service, which notes what it is
// asked for.
type tokenRegistry struct {
	mu     sync.Mutex
	asked  []string // "METHOD scope,scope user" or the form
	issued int

	registry, service *httptest.Server
	challenge         string // for the registry, "%s" is the service's URL
	refuse            func(*http.Request) int
	answer            string // of the service; "%d" is the number of the token
	accepts           func(r *http.Request, token string) bool
}

func newTokenRegistry(t *testing.T, edit func(*tokenRegistry)) *tokenRegistry {
	t.Helper()
	s := &tokenRegistry{
		challenge: `Negotiate, Bearer realm="%s/token",service="reg",scope="repository:a/b:pull"`,
		answer:    `{"token":"CANARY-TOKEN-%d"}`,
		refuse:    func(*http.Request) int { return 0 },
		accepts:   func(_ *http.Request, token string) bool { return strings.HasPrefix(token, "CANARY-TOKEN") },
	}
	s.service = httptest.NewServer(http.HandlerFunc(s.serveToken))
	t.Cleanup(s.service.Close)
	s.registry = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !s.accepts(r, token) {
			c := s.challenge
			if strings.Contains(c, "%s") {
				c = fmt.Sprintf(c, s.service.URL)
			}
			w.Header().Set("WWW-Authenticate", c)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "welcome "+r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.registry.Close)
	if edit != nil {
		edit(s)
	}
	return s
}

func (s *tokenRegistry) serveToken(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.ParseForm()
	user, password, _ := r.BasicAuth()
	s.asked = append(s.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", r.Method, strings.Join(r.Form["scope"], " "), user, password, r.Form.Get("refresh_token"))))
	if status := s.refuse(r); status != 0 {
		w.WriteHeader(status)
		return
	}
	s.issued++
	if strings.Contains(s.answer, "%d") {
		fmt.Fprintf(w, s.answer, s.issued)
		return
	}
	io.WriteString(w, s.answer)
}

func (s *tokenRegistry) client(t *testing.T, credentials Credentials) *Client {
	return clientFor(t, s.registry.URL, func(c *Config) { c.Auth = NewAuth(*c, credentials) })
}

func get(path string) Request { return Request{Method: "GET", URL: path} }

func TestBearerFlow(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		credentials Credentials
		answer      string
		asked       string
	}{
		"anonymous":      {Credentials{}, "", "GET repository:a/b:pull"},
		"password":       {Credentials{Username: "u", Password: "CANARY-PASS"}, "", "GET repository:a/b:pull u CANARY-PASS"},
		"access_token":   {Credentials{}, `{"access_token":"CANARY-TOKEN-%d","expires_in":300}`, "GET repository:a/b:pull"},
		"identity token": {Credentials{Username: "u", IdentityToken: "CANARY-IDENTITY"}, "", "POST repository:a/b:pull   CANARY-IDENTITY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTokenRegistry(t, func(s *tokenRegistry) {
				if tc.answer != "" {
					s.answer = tc.answer
				}
			})
			rec := s.client(t, tc.credentials).Recorder()
			for range 3 {
				if x := rec.Do(t.Context(), get("/v2/a/b/tags/list")); x.Status != 200 {
					t.Fatalf("got %s", x)
				}
			}
			if !slices.Equal(s.asked, []string{tc.asked}) {
				t.Errorf("the service was asked %q, want %q once", s.asked, tc.asked)
			}
			noCanary(t, rec.Exchanges())
		})
	}
}

func TestBearerScopesAreUnited(t *testing.T) {
	t.Parallel()
	s := newTokenRegistry(t, nil)
	rec := s.client(t, Credentials{}).Recorder()
	rec.Do(t.Context(), get("/v2/a/b/tags/list"))
	rec.Do(t.Context(), Request{Method: "POST", URL: "/v2/a/b/blobs/uploads/?mount=x&from=c"})
	rec.Do(t.Context(), Request{Method: "GET", URL: "/v2/a/b/tags/list", Scopes: []string{"repository:z:pull"}})
	want := []string{"GET repository:a/b:pull", "GET repository:a/b:pull,push repository:c:pull", "GET repository:z:pull"}
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked %q, want %q", s.asked, want)
	}
}

func TestBearerChallengeOfMoreThanTheRequestSays(t *testing.T) {
	t.Parallel()
	s := newTokenRegistry(t, func(s *tokenRegistry) {
		s.challenge = `Bearer realm="%s/token",scope="repository:a/b:pull,push other:x:y"`
	})
	rec := s.client(t, Credentials{}).Recorder()
	for range 2 {
		if x := rec.Do(t.Context(), get("/v2/a/b/tags/list")); x.Status != 200 {
			t.Fatalf("got %s", x)
		}
	}
	if want := []string{"GET other:x:y repository:a/b:pull,push"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked %q, want %q", s.asked, want)
	}
}

func TestBearerTokenIsRenewed(t *testing.T) {
	t.Parallel()
	s := newTokenRegistry(t, func(s *tokenRegistry) {
		var last atomic.Value
		last.Store("")
		// Each token is good for one request.
		s.accepts = func(_ *http.Request, token string) bool { return token != "" && last.Swap(token) != token }
	})
	rec := s.client(t, Credentials{}).Recorder()
	for range 3 {
		if x := rec.Do(t.Context(), get("/v2/a/b/tags/list")); x.Status != 200 {
			t.Fatalf("got %s", x)
		}
	}
	if s.issued != 3 {
		t.Errorf("%d tokens", s.issued)
	}
}

func TestTokenIsGotOnceForAll(t *testing.T) {
	t.Parallel()
	s := newTokenRegistry(t, nil)
	c := s.client(t, Credentials{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if x := c.Recorder().Do(t.Context(), get("/v2/a/b/tags/list")); x.Status != 200 {
				t.Errorf("got %s", x)
			}
		})
	}
	wg.Wait()
	if s.issued != 1 {
		t.Errorf("%d tokens for one scope", s.issued)
	}
}

func TestLoginErrors(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a request for a token, with %q, goes to another host", r.Header)
	}))
	t.Cleanup(other.Close)
	for name, tc := range map[string]struct {
		edit func(*tokenRegistry)
		want string
	}{
		"refused":   {func(s *tokenRegistry) { s.refuse = func(*http.Request) int { return 401 } }, "/token refused: 401 Unauthorized"},
		"broken":    {func(s *tokenRegistry) { s.answer = `CANARY-TOKEN` }, "not the JSON of a token"},
		"no token":  {func(s *tokenRegistry) { s.answer = `{}` }, "holds no token"},
		"bad token": {func(s *tokenRegistry) { s.answer = `{"token":"CANARY\r\nX: y"}` }, "characters that no token has"},
		"bad realm": {func(s *tokenRegistry) { s.challenge = `Bearer realm="file:///etc/passwd"` }, "no http or https URL"},
		"gone":      {func(s *tokenRegistry) { s.service.Close() }, "refused"},
		"redirected": {func(s *tokenRegistry) {
			s.service.Config.Handler = http.RedirectHandler(other.URL, http.StatusTemporaryRedirect)
		}, "redirects to another host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTokenRegistry(t, tc.edit)
			rec := s.client(t, Credentials{Username: "u", Password: "CANARY-PASS"}).Recorder()
			x := rec.Do(t.Context(), get("/v2/"))
			var login *LoginError
			if x.Status != 401 || !errors.As(x.Err(), &login) || !errors.Is(x.Err(), ErrLogin) || !strings.Contains(x.Error, tc.want) {
				t.Errorf("got %s, want %s", x, tc.want)
			}
			noCanary(t, rec.Exchanges())
		})
	}
}

func TestCredentialsStayOffPlainTokenServices(t *testing.T) {
	t.Parallel()
	base, _ := url.Parse("https://registry.example")
	header := http.Header{"Www-Authenticate": {`Bearer realm="http://auth.example/token"`}}
	a := NewAuth(Config{Base: base}, Credentials{Username: "u", Password: "p"})
	r := httptest.NewRequest("GET", "https://registry.example/v2/", nil)
	if again, err := a.Answer(t.Context(), r, header, nil); again || !errors.Is(err, ErrLogin) {
		t.Errorf("got %v, %v", again, err)
	}
}

func TestBasic(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	handler := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if u, p, _ := r.BasicAuth(); u != "u" || p != "CANARY-PASS" {
			w.Header().Set("WWW-Authenticate", `Basic realm=registry`)
			w.WriteHeader(401)
			return
		}
		// A debugging registry that shows what it got.
		w.Header().Set("X-Debug", r.Header.Get("Authorization")+" CANARY-PASS")
		fmt.Fprintf(w, "%v CANARY-PASS", r.Header)
	}
	login := func(cr Credentials) func(*Config) { return func(c *Config) { c.Auth = NewAuth(*c, cr) } }
	rec := serve(t, handler, login(Credentials{Username: "u", Password: "CANARY-PASS"})).Recorder()
	for range 2 {
		if x := rec.Do(t.Context(), get("/v2/")); x.Status != 200 || !strings.Contains(string(x.Body()), "CANARY") {
			t.Errorf("got %s %s", x, x.Body())
		}
	}
	if asked.Load() != 3 {
		t.Errorf("%d requests, want 3: credentials are not kept", asked.Load())
	}
	if x := rec.Raw(t.Context(), RawRequest{Request: get("/v2/"), ContentLength: -1}); x.Status != 200 {
		t.Errorf("raw: got %s", x)
	}
	noCanary(t, rec.Exchanges())
	if x := serve(t, handler, login(Credentials{})).Recorder().Do(t.Context(), get("/v2/")); x.Status != 401 || x.Err() != nil {
		t.Errorf("anonymous: got %s", x)
	}
	wrong := serve(t, handler, login(Credentials{Username: "u", Password: "CANARY-WRONG"})).Recorder()
	for range 2 {
		if x := wrong.Do(t.Context(), get("/v2/")); x.Status != 401 {
			t.Errorf("wrong: got %s", x)
		}
	}
	if x := wrong.Last(); !errors.Is(x.Err(), ErrLogin) {
		t.Errorf("wrong: err %v", x.Err())
	}
}

func TestCredentialsGoToNoOtherOrigin(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			t.Errorf("%s has Authorization: %s", r.URL, a)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="phishing"`)
		w.WriteHeader(401)
	}))
	t.Cleanup(other.Close)
	s := newTokenRegistry(t, func(s *tokenRegistry) { s.challenge = `Basic realm="x"` })
	rec := s.client(t, Credentials{Username: "u", Password: "CANARY-PASS"}).Recorder()
	rec.Do(t.Context(), get("/v2/"))
	for range 2 {
		if x := rec.Do(t.Context(), get(other.URL+"/v2/a/blobs/uploads/1")); x.Status != 401 {
			t.Errorf("got %s", x)
		}
	}
}

func TestTokenLife(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for body, want := range map[string]time.Duration{
		`{"token":"t"}`:                    60 * time.Second,
		`{"token":"t","expires_in":300}`:   300 * time.Second,
		`{"token":"t","expires_in":1e300}`: 24 * time.Hour,
		`{"token":"t","expires_in":-5}`:    60 * time.Second,

		`{"token":"t","expires_in":300,"issued_at":"2026-01-02T03:03:05Z"}`:          240 * time.Second,
		`{"token":"t","expires_in":300,"issued_at":"2020-01-02T03:03:05Z"}`:          300 * time.Second,
		`{"token":"t","expires_in":300,"issued_at":"yesterday","refresh_token":"r"}`: 300 * time.Second,
	} {
		if token, life, err := parseToken([]byte(body), now); token != "t" || life != want || err != nil {
			t.Errorf("%s: got %q, %v, %v", body, token, life, err)
		}
	}
}

// noCanary fails the test if a secret stands in what would be kept.
func noCanary(t *testing.T, kept any) {
	t.Helper()
	data, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	if i := strings.Index(string(data), "CANARY"); i >= 0 {
		t.Errorf("a secret is kept: …%s…", data[max(0, i-80):min(len(data), i+40)])
	}
}
