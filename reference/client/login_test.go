package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/client"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
)

// A realm gives tokens to those who know the password.
type realm struct {
	ledger
	mu     sync.Mutex
	valid  map[string]string // token: scope
	answer func(w http.ResponseWriter, token string)
}

func (m *realm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	m.note(r)
	user, password, _ := r.BasicAuth()
	if (user != "me" || password != canary) && r.PostForm.Get("refresh_token") != canary {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	token := fmt.Sprintf("token-%d", len(m.valid))
	m.valid[token] = r.Form.Get("scope")
	if m.answer != nil {
		m.answer(w, token)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": 300})
}

func (m *realm) knows(token, scope string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	got, ok := m.valid[strings.TrimPrefix(token, "Bearer ")]
	return ok && got == scope
}

// expire makes all tokens invalid.
func (m *realm) expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for token := range m.valid {
		m.valid[token] = "expired"
	}
}

// behind is a sound registry that wants a token of the realm.
func behind(m *realm, at string) http.HandlerFunc {
	h := sound()
	return func(w http.ResponseWriter, r *http.Request) {
		scope := "repository:a/b:pull"
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			scope += ",push,delete"
		}
		if !m.knows(r.Header.Get("Authorization"), scope) {
			w.Header().Add("WWW-Authenticate", `Negotiate`)
			w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token?x=y",service="us",scope="%s"`, at, scope))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	}
}

func newRealm(t *testing.T) (*realm, string) {
	t.Helper()
	m := &realm{valid: map[string]string{}}
	return m, site(t, m.ServeHTTP)
}

func trusting(c client.Credential) client.Options {
	return client.Options{Credentials: client.Static(c), TrustRealm: func(*url.URL) bool { return true }}
}

// A token is asked for once for what it is good for, and again when it is no good
// any more; the password goes to the realm alone.
func TestToken(t *testing.T) {
	t.Parallel()
	for name, who := range map[string]client.Credential{
		"password":      {Username: "me", Password: canary},
		"refresh token": {RefreshToken: canary},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, at := newRealm(t)
			var here ledger
			h := behind(m, at)
			p := answering(t, func(w http.ResponseWriter, r *http.Request) { here.note(r); h(w, r) }, trusting(who))
			for i, content := range []string{"one", "two", "three"} {
				desc := contract.Push(t, p, []byte(content))
				if got, err := readAll(t, p, desc.Digest); err != nil || got != content {
					t.Fatal(err)
				}
				if n := len(m.all()); i < 2 && n != 2 {
					t.Errorf("%d tokens for a push and a pull", n)
				}
				if i == 1 {
					m.expire()
				}
			}
			for _, r := range m.all() {
				if r.Form.Get("service") != "us" || r.Method == http.MethodGet && (r.Form.Get("x") != "y" || r.Form.Get("account") != "me") {
					t.Errorf("%s %v", r.Method, r.Form)
				}
			}
			if n := len(m.all()); n != 4 || here.leaks(canary) || here.leaks("Basic ") {
				t.Errorf("%d tokens; the registry saw the password: %v", n, here.leaks("Basic "))
			}
		})
	}
}

// K3: a realm that is not the registry's gets nothing, not even a request.
func TestForeignRealm(t *testing.T) {
	t.Parallel()
	m, at := newRealm(t)
	p := answering(t, behind(m, at), client.Options{Credentials: login})
	_, err := p.Blobs().Stat(t.Context(), digest.FromString("x"))
	contract.WantError(t, err, registry.ErrUnauthorized)
	if len(m.all()) > 0 || strings.Contains(err.Error(), canary) {
		t.Errorf("%d requests at the realm, %v", len(m.all()), err)
	}
}

// transport answers without a network.
type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	a := f(r)
	a.Request = r
	if a.Body == nil {
		a.Body = io.NopCloser(strings.NewReader(`{"token":"t"}`))
	}
	return a, nil
}

// K-125: which realms are the registry's: its own origin, and what is encrypted below the
// same registrable domain.
func TestTrustedRealms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		base, realm string
		trusted     bool
	}{
		{"https://registry.example.com", "https://registry.example.com/token", true},
		{"https://registry.example.com:443", "https://REGISTRY.example.com/token", true},
		{"https://registry.example.com", "https://auth.example.com/token", true},
		{"https://registry.example.com", "https://registry.example.com:8443/token", true},
		{"https://registry.example.com", "https://example.com.evil.org/token", false},
		{"https://registry.example.com", "https://evil.com/token", false},
		{"https://registry.example.com", "http://registry.example.com/token", false},
		{"http://registry.example.com", "http://auth.example.com/token", false},
		{"http://registry.example.com", "http://registry.example.com/token", true},
		{"https://a.github.io", "https://b.github.io/token", false},
		{"https://10.0.0.1", "https://10.0.0.2/token", false},
		{"https://10.0.0.1", "https://10.0.0.1:444/token", false},
		{"https://localhost:1", "https://localhost:2/token", false},
		{"https://registry.example.com", "file:///etc/passwd", false},
		{"https://registry.example.com", "https://u:p@registry.example.com/", false},
		{"https://registry.example.com", "", false},
		{"https://registry.example.com", "/token", false},
	} {
		asked := false
		o := client.Options{Credentials: login, Wait: hasty, Transport: transport(func(r *http.Request) *http.Response {
			if strings.HasPrefix(r.URL.Path, "/v2/") {
				if r.Header.Get("Authorization") == "Bearer t" {
					return &http.Response{StatusCode: http.StatusOK, ContentLength: 1}
				}
				return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {`Bearer realm="` + c.realm + `"`}}}
			}
			asked = true
			return &http.Response{StatusCode: http.StatusOK}
		})}
		_, err := contract.Repository(t, dial(t, c.base, o), "a/b").Blobs().Stat(t.Context(), digest.FromString("x"))
		if asked != c.trusted || (err == nil) != c.trusted {
			t.Errorf("%s of %s: asked %v, %v", c.realm, c.base, asked, err)
		}
	}
}

// What a realm answers is bounded, and never shown.
func TestOddTokens(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, token string)
		works  bool
	}{
		"access_token": {func(w http.ResponseWriter, s string) { fmt.Fprintf(w, `{"access_token":%q}`, s) }, true},
		"short life":   {func(w http.ResponseWriter, s string) { fmt.Fprintf(w, `{"token":%q,"expires_in":-5}`, s) }, true},
		"odd life": {func(w http.ResponseWriter, s string) {
			fmt.Fprintf(w, `{"token":%q,"expires_in":9223372036854775807}`, s)
		}, true},
		"none":     {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{}`) }, false},
		"line":     {func(w http.ResponseWriter, s string) { fmt.Fprintf(w, `{"token":"%s\r\nX: y"}`, s) }, false},
		"garbage":  {func(w http.ResponseWriter, s string) { fmt.Fprint(w, s+canary) }, false},
		"endless":  {func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, strings.Repeat(" ", 2<<20)) }, false},
		"redirect": {func(w http.ResponseWriter, _ string) { w.Header().Set("Location", "/"); w.WriteHeader(307) }, false},
		"500":      {func(w http.ResponseWriter, _ string) { w.WriteHeader(500); fmt.Fprint(w, canary) }, false},
	} {
		m, at := newRealm(t)
		m.answer = c.answer
		p := answering(t, behind(m, at), trusting(client.Credential{Username: "me", Password: canary}))
		_, err := p.Blobs().Stat(t.Context(), digest.FromString("x"))
		if c.works {
			contract.WantError(t, err, registry.ErrBlobUnknown)
			continue
		}
		if !errors.Is(err, registry.ErrUnauthorized) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{}

func (failing) Credential(context.Context, string) (client.Credential, error) {
	return client.Credential{}, errors.New("the helper is broken")
}

// Without a credential, or with a wrong one, it is the login that failed; a
// credential is never printed.
func TestLoginFails(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{`Basic realm="x"`, `Digest realm="x"`, ``, `Bearer`, `"`} {
		for _, credentials := range []client.Credentials{nil, login, failing{}} {
			n := 0
			p := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				n++
				w.Header().Set("WWW-Authenticate", scheme)
				w.WriteHeader(http.StatusUnauthorized)
			}, client.Options{Credentials: credentials})
			_, err := p.Blobs().Stat(t.Context(), digest.FromString("x"))
			if !errors.Is(err, registry.ErrUnauthorized) || strings.Contains(err.Error(), canary) || n > 2 {
				t.Errorf("%q: %v after %d requests", scheme, err, n)
			}
		}
	}
	who := client.Credential{Username: "me", Password: canary, RefreshToken: canary}
	if s := fmt.Sprintf("%v %+v %#v %s %v", who, who, who, who, &who); strings.Contains(s, canary) {
		t.Error(s)
	}
}
