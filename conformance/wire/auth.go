package wire

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Credentials are what logs in at a target. The zero value logs in as nobody:
// tokens that are given to anyone are asked for all the same.
type Credentials struct {
	Username, Password string
	// IdentityToken is a refresh token of the token service, as Docker's
	// configuration has it; it goes before the password.
	IdentityToken string
	// RegistryToken is a bearer token that is sent as it is.
	RegistryToken string
}

// ErrLogin is what every [LoginError] is.
var ErrLogin = errors.New("login refused")

// A LoginError says who refused the login, and why.
type LoginError struct {
	// At is the address of the target or of its token service, redacted.
	At string
	// Status is the status that refused, or 0 if none came.
	Status int
	// Err is what else there is to say, or nil.
	Err error
}

// Error returns one line without secrets.
func (e *LoginError) Error() string {
	s := "login at " + e.At + " refused"
	if e.Status != 0 {
		s += ": " + StatusText(e.Status)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is makes every LoginError an [ErrLogin].
func (e *LoginError) Is(target error) bool { return target == ErrLogin }

// Unwrap returns the cause, or nil.
func (e *LoginError) Unwrap() error { return e.Err }

// maxTokens bounds the tokens that are kept.
const maxTokens = 4096

// auth answers the challenges of one target: Basic (RFC 7617), and Bearer with
// a token service, as the token authentication of the Docker registry has it.
type auth struct {
	target      *url.URL
	credentials Credentials
	secrets     []string
	tokens      tokenService

	mu     sync.Mutex
	scheme string // "basic" or "bearer" once the target has asked
	realm  bearerRealm
	cache  map[string]*tokenEntry
}

// A bearerRealm is what a Bearer challenge says of the token service.
type bearerRealm struct {
	url     *url.URL
	service string
}

// NewAuth returns an authorizer for the target of config, whose TLS, Proxy and
// Timeout hold for the token service as well. The credentials go to the target
// and to the token service that it names, to no other origin, and never from
// https to http.
func NewAuth(config Config, credentials Credentials) Authorizer {
	config.setDefaults()
	a := &auth{
		target: config.Base, credentials: credentials, cache: map[string]*tokenEntry{},
		tokens: newTokenService(config, credentials),
	}
	for _, s := range []string{credentials.Password, credentials.IdentityToken, credentials.RegistryToken} {
		if s != "" {
			a.secrets = append(a.secrets, s)
		}
	}
	if credentials.Password != "" {
		pair := credentials.Username + ":" + credentials.Password
		a.secrets = append(a.secrets, base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return a
}

// Secrets implements [Authorizer].
func (a *auth) Secrets() []string { return append([]string(nil), a.secrets...) }

// Authorize implements [Authorizer]. Before the first challenge it adds
// nothing. A token that the service refuses for scopes that nobody but the
// suite has named is done without: the target may ask for others.
func (a *auth) Authorize(ctx context.Context, r *http.Request, scopes []string) error {
	if !sameOrigin(r.URL, a.target) || r.Header.Get("Authorization") != "" {
		return nil
	}
	a.mu.Lock()
	scheme := a.scheme
	a.mu.Unlock()
	switch {
	case scheme == "basic":
		r.SetBasicAuth(a.credentials.Username, a.credentials.Password)
	case scheme == "bearer" && a.credentials.RegistryToken != "":
		r.Header.Set("Authorization", "Bearer "+a.credentials.RegistryToken)
	case scheme == "bearer":
		entry := a.entry(needed(r, scopes))
		token, err := entry.token(ctx, a)
		switch {
		case err == nil:
			r.Header.Set("Authorization", "Bearer "+token)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
	}
	return nil
}

// needed returns the scopes of a request.
func needed(r *http.Request, scopes []string) []string {
	if len(scopes) == 0 {
		return scopesOf(r)
	}
	return scopes
}

// Answer implements [Authorizer].
func (a *auth) Answer(ctx context.Context, r *http.Request, header http.Header, scopes []string) (bool, error) {
	if !sameOrigin(r.URL, a.target) {
		return false, nil
	}
	challenges := parseChallenges(header.Values("WWW-Authenticate"))
	for _, c := range challenges {
		if c.scheme == "bearer" && c.params["realm"] != "" {
			return a.answerBearer(ctx, r, c, scopes)
		}
	}
	for _, c := range challenges {
		if c.scheme == "basic" {
			return a.answerBasic(r)
		}
	}
	return false, nil
}

// answerBasic reports true if the credentials have not been sent yet.
func (a *auth) answerBasic(r *http.Request) (bool, error) {
	if a.credentials.Username == "" && a.credentials.Password == "" {
		return false, nil
	}
	if r.Header.Get("Authorization") != "" {
		return false, &LoginError{At: a.target.Host, Status: http.StatusUnauthorized}
	}
	a.mu.Lock()
	a.scheme = "basic"
	a.mu.Unlock()
	return true, nil
}

// answerBearer gets a token for what the challenge and the request need.
func (a *auth) answerBearer(ctx context.Context, r *http.Request, c challenge, scopes []string) (bool, error) {
	realm, err := a.parseRealm(c)
	if err != nil {
		return false, &LoginError{At: a.target.Host, Err: err}
	}
	sent := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if a.credentials.RegistryToken != "" && sent == a.credentials.RegistryToken {
		return false, &LoginError{At: a.target.Host, Status: http.StatusUnauthorized}
	}
	a.mu.Lock()
	if a.scheme != "bearer" || a.realm.service != realm.service || a.realm.url.String() != realm.url.String() {
		a.cache = map[string]*tokenEntry{}
	}
	a.scheme, a.realm = "bearer", realm
	a.mu.Unlock()
	if a.credentials.RegistryToken != "" {
		return true, nil
	}
	entry := a.entry(needed(r, scopes))
	entry.refuse(sent, strings.Fields(c.params["scope"]))
	if _, err := entry.token(ctx, a); err != nil {
		return false, err
	}
	return true, nil
}

// parseRealm returns the token service that c names.
func (a *auth) parseRealm(c challenge) (bearerRealm, error) {
	u, err := url.Parse(c.params["realm"])
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return bearerRealm{}, fmt.Errorf("the realm of its challenge is no http or https URL: %.100q", newRedactor(a.secrets).text(c.params["realm"]))
	case u.Scheme == "http" && a.target.Scheme == "https" && a.credentials != (Credentials{}):
		return bearerRealm{}, errors.New("its token service is not https, so no credentials are sent there")
	}
	u.User, u.Fragment = nil, ""
	return bearerRealm{url: u, service: c.params["service"]}, nil
}

// entry returns the entry for requests that need these scopes.
func (a *auth) entry(scopes []string) *tokenEntry {
	scopes = unionScopes(scopes, nil)
	key := strings.Join(scopes, " ")
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.cache[key]
	if e == nil {
		if len(a.cache) >= maxTokens {
			clear(a.cache)
		}
		e = &tokenEntry{realm: a.realm, scopes: scopes}
		a.cache[key] = e
	}
	return e
}
