package wire

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Bounds of tokens: how long one holds that does not say, how long before its
// end it is renewed, and how long the service's answer may be.
const (
	defaultTokenLife = 60 * time.Second
	tokenMargin      = 5 * time.Second
	maxTokenAnswer   = 1 << 20
	clientID         = "conform"
)

// A tokenEntry holds the token for one set of scopes. Who needs it first gets
// it, while others who need it wait. It is safe for concurrent use.
type tokenEntry struct {
	realm bearerRealm

	mu      sync.Mutex
	scopes  []string
	value   string
	expires time.Time
	// failed is why the service gave none for these scopes.
	failed error
}

// refuse forgets the token, if it is the one that the target refused, and adds
// what the target wants besides.
func (e *tokenEntry) refuse(sent string, scopes []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := strings.Join(e.scopes, " ")
	e.scopes = unionScopes(e.scopes, scopes)
	if e.value == sent || before != strings.Join(e.scopes, " ") {
		e.value = ""
	}
	e.failed = nil
}

// token returns a token that still holds.
func (e *tokenEntry) token(ctx context.Context, a *auth) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.value != "" && time.Now().Before(e.expires) {
		return e.value, nil
	}
	if e.failed != nil {
		return "", e.failed
	}
	value, life, err := a.tokens.get(ctx, e.realm, e.scopes)
	if err != nil {
		if ctx.Err() == nil {
			e.failed = err
		}
		return "", err
	}
	e.value, e.expires = value, time.Now().Add(life-min(tokenMargin, life/2))
	return value, nil
}

// A tokenService gets tokens from the service of a realm.
type tokenService struct {
	http        *http.Client
	timeout     time.Duration
	userAgent   string
	credentials Credentials
}

func newTokenService(c Config, credentials Credentials) tokenService {
	client := &http.Client{Transport: c.transport(), CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return errTooManyRedirects
		}
		if !sameOrigin(r.URL, via[0].URL) {
			return errors.New("it redirects to another host")
		}
		return nil
	}}
	return tokenService{http: client, timeout: c.Timeout, userAgent: c.UserAgent, credentials: credentials}
}

// get returns a token for scopes and how long it holds. The errors are a
// *[LoginError], or that of ctx.
func (s tokenService) get(ctx context.Context, realm bearerRealm, scopes []string) (string, time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, &TimeoutError{After: s.timeout})
	defer cancel()
	request, err := s.request(ctx, realm, scopes)
	if err != nil {
		return "", 0, err
	}
	at := realm.url.Scheme + "://" + realm.url.Host + realm.url.Path
	response, err := s.http.Do(request)
	if err != nil {
		return "", 0, &LoginError{At: at, Err: reason(ctx, err)}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTokenAnswer))
	switch {
	case err != nil:
		return "", 0, &LoginError{At: at, Err: reason(ctx, err)}
	case response.StatusCode != http.StatusOK:
		return "", 0, &LoginError{At: at, Status: response.StatusCode}
	}
	token, life, err := parseToken(body, time.Now())
	if err != nil {
		return "", 0, &LoginError{At: at, Err: err}
	}
	return token, life, nil
}

// request returns the request for a token: a POST with the identity token if
// there is one, else a GET, with Basic credentials if there are any.
func (s tokenService) request(ctx context.Context, realm bearerRealm, scopes []string) (*http.Request, error) {
	u := *realm.url
	var request *http.Request
	var err error
	if s.credentials.IdentityToken != "" {
		form := url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {s.credentials.IdentityToken},
			"service": {realm.service}, "client_id": {clientID}, "scope": {strings.Join(scopes, " ")},
		}
		request, err = http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	} else {
		q := u.Query()
		if realm.service != "" {
			q.Set("service", realm.service)
		}
		for _, scope := range scopes {
			q.Add("scope", scope)
		}
		if s.credentials.Username != "" {
			q.Set("account", s.credentials.Username)
		}
		u.RawQuery = q.Encode()
		request, err = http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	}
	if err != nil {
		return nil, &LoginError{At: realm.url.Host, Err: err}
	}
	if s.credentials.IdentityToken != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else if s.credentials.Username != "" {
		request.SetBasicAuth(s.credentials.Username, s.credentials.Password)
	}
	if s.userAgent != "" {
		request.Header.Set("User-Agent", s.userAgent)
	}
	return request, nil
}

// parseToken reads the answer of a token service.
func parseToken(body []byte, now time.Time) (string, time.Duration, error) {
	var doc struct {
		Token       string  `json:"token"`
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
		IssuedAt    string  `json:"issued_at"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		// The error of the decoder could hold a piece of the token.
		return "", 0, errors.New("its answer is not the JSON of a token")
	}
	token := doc.Token
	if token == "" {
		token = doc.AccessToken
	}
	switch {
	case token == "":
		return "", 0, errors.New("its answer holds no token")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", 0, errors.New("its token has characters that no token has")
	}
	life := defaultTokenLife
	if doc.ExpiresIn > 0 {
		life = time.Duration(min(doc.ExpiresIn, 24*3600) * float64(time.Second))
	}
	if issued, err := time.Parse(time.RFC3339, doc.IssuedAt); err == nil {
		if age := now.Sub(issued); age > 0 && age < life {
			life -= age
		}
	}
	return token, life, nil
}
