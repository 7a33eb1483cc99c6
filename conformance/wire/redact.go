package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Redacted stands where a secret was.
const Redacted = "REDACTED"

// Bounds of what a record keeps of one header, and how far behind the kept
// prefix of a body a secret is looked for that the prefix may cut.
const (
	maxKeptHeader   = 16 << 10
	redactLookahead = 4 << 10
	// minSecret is the length from which a bare password is looked for in
	// text; a shorter one would blot out words that are no secret.
	minSecret = 6
)

// The forms of secrets in text: user information of a URL, parameters of a
// query or form, members of a JSON document.
var (
	userinfo   = regexp.MustCompile(`://[^/\s?#"'<>]*@`)
	parameter  = regexp.MustCompile(`([?&;#]|^)([^=?&;#\s"'<>]{1,64})=([^&;#\s"'<>]+)`)
	secretName = regexp.MustCompile(`(?i)^(sig|signature|(x-(amz|goog)-)?(signature|credential|security-token)|(access_|refresh_|identity|identity_|registry|id_)?token|password|passwd|client_secret|secret|assertion|api_?key|code)$`)
	jsonSecret = regexp.MustCompile(`(?i)("(?:(?:access_|refresh_|identity|identity_|registry|id_)?token|password|client_secret|secret)"\s*:\s*)"(?:[^"\\]|\\.)*("|$|\\$)`)
)

// secretWords are what the name of a header that holds a secret has in it.
var secretWords = []string{"authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "credential", "x-registry-auth", "x-registry-config"}

// parameterWords are what each name that secretName finds has in it, be it by the
// escape of a letter.
var parameterWords = []string{"sig", "credential", "token", "passw", "secret", "assertion", "key", "code", "%4", "%5", "%6", "%7"}

// jsonSecrets are what the name of each member that jsonSecret finds has in it.
var jsonSecrets = []string{"token", "password", "secret", "identity"}

// containsAny reports whether one of words, all in lower case, is in s, in any
// case.
func containsAny(s string, words []string) bool {
	s = strings.ToLower(s)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s, w) })
}

// A redactor removes secrets from what is kept. The zero value removes those
// that show by their form; the replacer those that are known.
type redactor struct {
	known *strings.Replacer
}

// newRedactor returns a redactor that also removes the given secrets wherever
// they stand, in plain text, in a URL, or in JSON.
func newRedactor(secrets []string) redactor {
	var pairs []string
	add := func(s string) { pairs = append(pairs, s, Redacted) }
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		add(s)
		if q := url.QueryEscape(s); q != s {
			add(q)
		}
		if p := url.PathEscape(s); p != s {
			add(p)
		}
		if j, err := json.Marshal(s); err == nil && string(j[1:len(j)-1]) != s {
			add(string(j[1 : len(j)-1]))
		}
	}
	if len(pairs) == 0 {
		return redactor{}
	}
	return redactor{known: strings.NewReplacer(pairs...)}
}

// text redacts what is in s, of whatever form s is.
func (r redactor) text(s string) string {
	if r.known != nil {
		s = r.known.Replace(s)
	}
	if strings.Contains(s, "://") && strings.Contains(s, "@") {
		s = userinfo.ReplaceAllString(s, "://"+Redacted+"@")
	}
	if strings.Contains(s, "=") && containsAny(s, parameterWords) {
		s = parameter.ReplaceAllStringFunc(s, redactParameter)
	}
	if strings.Contains(s, `"`) && containsAny(s, jsonSecrets) {
		s = jsonSecret.ReplaceAllString(s, `$1"`+Redacted+`"`)
	}
	return s
}

func redactParameter(s string) string {
	before, _, _ := strings.Cut(s, "=")
	name := strings.TrimLeft(before, "?&;#")
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	if !secretName.MatchString(name) {
		return s
	}
	return before + "=" + Redacted
}

// header returns a redacted copy of h that is no longer than a record keeps.
func (r redactor) header(h http.Header) http.Header {
	out := make(http.Header, len(h))
	room := maxKeptHeader
	for name, values := range h {
		secret := containsAny(name, secretWords)
		for _, v := range values {
			if secret {
				v = redactCredentials(name, v)
			} else {
				v = r.text(v)
			}
			if room -= len(name) + len(v); room < 0 {
				out.Set("X-Conform-Truncated", "the header is longer than what is kept of it")
				return out
			}
			out[name] = append(out[name], v)
		}
	}
	return out
}

// redactCredentials keeps the scheme ("Bearer") of an Authorization, which is
// no secret.
func redactCredentials(name, value string) string {
	if strings.HasSuffix(strings.ToLower(name), "authorization") {
		for _, scheme := range []string{"Basic", "Bearer"} {
			if strings.HasPrefix(value, scheme+" ") {
				return scheme + " " + Redacted
			}
		}
	}
	return Redacted
}

// message returns what is kept of one half of an exchange.
func (r redactor) message(h http.Header, body []byte, keep int) Message {
	m := Message{Header: r.header(h), Size: int64(len(body)), Truncated: len(body) > keep}
	part := Bytes(body[:min(len(body), keep+redactLookahead)])
	if trimmed := Bytes(trimRune(part)); trimmed.IsText() {
		part = Bytes(r.text(string(trimmed)))
	} else if r.known != nil {
		part = Bytes(r.known.Replace(string(part)))
	}
	if len(part) > keep {
		part = part[:keep]
		if trimmed := Bytes(trimRune(part)); trimmed.IsText() {
			part = trimmed
		}
	}
	m.Body = bytes.Clone(part)
	return m
}

// trimRune takes off a character that the end of b cuts in two.
func trimRune(b []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return b[:len(b)-n]
			}
			break
		}
	}
	return b
}
