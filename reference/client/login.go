package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/registryconform/conform/reference/auth/challenge"
	"github.com/registryconform/conform/reference/registry"
)

// A Credential is how to log in; the zero value is nobody. It never prints what
// is secret.
type Credential struct {
	Username, Password string
	// RefreshToken, if set, is exchanged for tokens in the place of a password.
	RefreshToken string
}

// String returns the user's name alone.
func (c Credential) String() string { return fmt.Sprintf("credential of %q", c.Username) }

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// Credentials tell how to log in at the registry host, HOST[:PORT]. They must be
// safe for concurrent use.
type Credentials interface {
	Credential(ctx context.Context, host string) (Credential, error)
}

// Static are [Credentials] that are the same for every host.
func Static(c Credential) Credentials { return static{c} }

type static struct{ c Credential }

func (s static) Credential(context.Context, string) (Credential, error) { return s.c, nil }

const (
	maxTokenBytes = 1 << 20
	// defaultLife and minLife are how long a token lives that does not say, or
	// says too little (token specification, "expires_in").
	defaultLife = time.Minute
	maxTokens   = 1000
)

// A login knows what gave access so far.
type login struct {
	r      *Registry
	mu     sync.Mutex
	tokens map[string]token // by what a request is about
}

type token struct {
	authorization string
	expires       time.Time // zero: never
}

// key is what one token is good for: the repository, and reading or changing it.
func (q *request) key() string {
	class := "change"
	if q.method == http.MethodGet || q.method == http.MethodHead {
		class = "read"
	}
	if q.method == http.MethodDelete {
		class = "delete"
	}
	return class + " " + q.access + " " + q.url.Query().Get("from")
}

func (l *login) known(key string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.tokens[key]
	if ok && !t.expires.IsZero() && time.Now().After(t.expires) {
		delete(l.tokens, key)
		return ""
	}
	return t.authorization
}

func (l *login) remember(key string, t token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tokens) >= maxTokens {
		clear(l.tokens)
	}
	l.tokens[key] = t
}

// authorized makes the request with what gave access before, and once more with
// what the registry's challenge asks for.
func (r *Registry) authorized(ctx context.Context, q *request) (*http.Response, error) {
	used := ""
	if r.ours(q.url) {
		used = r.login.known(q.key())
	}
	a, err := r.follow(ctx, q, used)
	if err != nil || a.StatusCode != http.StatusUnauthorized || !r.ours(q.url) {
		return a, err
	}
	discard(a)
	answer, err := r.login.answer(ctx, a.Header.Values("WWW-Authenticate"))
	if err != nil {
		return nil, q.failed(err)
	}
	r.login.remember(q.key(), answer)
	return r.follow(ctx, q, answer.authorization)
}

// answer returns what meets the first challenge that can be met.
func (l *login) answer(ctx context.Context, fields []string) (token, error) {
	all, err := challenge.Parse(fields)
	why := []error{err}
	for _, c := range all {
		switch {
		case c.Is("Bearer"):
			t, err := l.token(ctx, c)
			if err == nil {
				return t, nil
			}
			why = append(why, err)
		case c.Is("Basic"):
			who, err := l.credential(ctx)
			if err == nil && who.Username != "" && who.Password != "" {
				return token{authorization: basic(who)}, nil
			}
			why = append(why, err)
		}
	}
	if err := errors.Join(why...); err != nil {
		return token{}, refuseLogin(err)
	}
	return token{}, refuseLogin(errors.New("there is no credential for what the registry asks"))
}

// refuseLogin is [registry.ErrUnauthorized], not to be tried again.
func refuseLogin(why error) error {
	return fmt.Errorf("%w: %w", errRefused, registry.ErrUnauthorized.Wrap(why))
}

func basic(c Credential) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
}

func (l *login) credential(ctx context.Context) (Credential, error) {
	if l.r.options.Credentials == nil {
		return Credential{}, nil
	}
	c, err := l.r.options.Credentials.Credential(ctx, l.r.base.Host)
	if err != nil {
		return c, fmt.Errorf("credentials for %s: %w", l.r.base.Host, err)
	}
	return c, nil
}

// trusts reports whether a realm may learn who asks: it is on the registry's
// host, or below the same registrable domain, or is trusted by option.
func (l *login) trusts(realm *url.URL) bool {
	if l.r.ours(realm) || l.r.options.TrustRealm != nil && l.r.options.TrustRealm(realm) {
		return true
	}
	x, y := realm.Hostname(), l.r.base.Hostname()
	if realm.Scheme != "https" || net.ParseIP(x) != nil || net.ParseIP(y) != nil {
		return false
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(x))
	other, otherErr := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(y))
	return err == nil && otherErr == nil && domain == other
}

// token asks the realm of the challenge for a token (token specification).
func (l *login) token(ctx context.Context, c challenge.Challenge) (token, error) {
	realm, err := url.Parse(c.Params["realm"])
	if err != nil || c.Params["realm"] == "" {
		return token{}, errors.New("the realm is no URL")
	}
	if err := l.r.mayLead(realm); err != nil {
		return token{}, err
	}
	if !l.trusts(realm) {
		return token{}, fmt.Errorf("the realm %s is not the registry's", realm.Host)
	}
	who, err := l.credential(ctx)
	if err != nil {
		return token{}, err
	}
	h, err := tokenRequest(ctx, realm, c, who)
	if err != nil {
		return token{}, errors.New("the realm can't be asked")
	}
	h.Header.Set("User-Agent", l.r.options.UserAgent)
	a, err := l.r.options.Transport.RoundTrip(h)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return token{}, fmt.Errorf("ask %s for a token: %w", realm.Host, err)
	}
	defer discard(a)
	if a.StatusCode != http.StatusOK {
		return token{}, fmt.Errorf("ask %s for a token: %d %s", realm.Host, a.StatusCode, http.StatusText(a.StatusCode))
	}
	return readToken(a)
}

// tokenRequest is a GET with a password or with nothing, and with a refresh token
// the POST of OAuth 2.
func tokenRequest(ctx context.Context, realm *url.URL, c challenge.Challenge, who Credential) (*http.Request, error) {
	q := url.Values{}
	for _, key := range []string{"service", "scope"} {
		if c.Params[key] != "" {
			q.Set(key, c.Params[key])
		}
	}
	if who.RefreshToken != "" {
		q.Set("grant_type", "refresh_token")
		q.Set("refresh_token", who.RefreshToken)
		q.Set("client_id", "conform")
		h, err := http.NewRequestWithContext(ctx, http.MethodPost, realm.String(), strings.NewReader(q.Encode()))
		if err == nil {
			h.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return h, err
	}
	u := *realm
	for key, values := range realm.Query() {
		q[key] = append(values, q[key]...)
	}
	if who.Username != "" {
		q.Set("account", who.Username)
	}
	// Several scopes come in one parameter, with spaces, and go as several.
	if scopes := strings.Fields(q.Get("scope")); len(scopes) > 1 {
		q["scope"] = scopes
	}
	u.RawQuery = q.Encode()
	h, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err == nil && who.Username != "" {
		h.SetBasicAuth(who.Username, who.Password)
	}
	return h, err
}

func readToken(a *http.Response) (token, error) {
	body, err := readAll(a, maxTokenBytes)
	if err != nil {
		return token{}, fmt.Errorf("token: %w", err)
	}
	var doc struct {
		Token       string    `json:"token"`
		AccessToken string    `json:"access_token"`
		ExpiresIn   int64     `json:"expires_in"`
		IssuedAt    time.Time `json:"issued_at"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return token{}, errors.New("the answer with the token can't be read")
	}
	if doc.Token == "" {
		doc.Token = doc.AccessToken
	}
	if doc.Token == "" || strings.ContainsFunc(doc.Token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return token{}, errors.New("the answer has no token")
	}
	life := defaultLife
	if n := time.Duration(doc.ExpiresIn); n > 60 && n < 1<<31 {
		life = n * time.Second
	}
	// Our clock and theirs differ: a token is taken for as old as it came.
	return token{authorization: "Bearer " + doc.Token, expires: time.Now().Add(life * 9 / 10)}, nil
}
