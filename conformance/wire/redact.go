package wire

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Redacted stands where a secret was.
const Redacted = "REDACTED"

var (
	secretHeader = map[string]bool{
		"Authorization": true, "Proxy-Authorization": true, "Cookie": true, "Set-Cookie": true,
		"X-Registry-Auth": true, "X-Amz-Security-Token": true,
	}
	secretQuery = regexp.MustCompile(`(?i)^(sig|signature|x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature|x-goog-credential|token|access_token|refresh_token|password|client_secret)$`)
	urlInText   = regexp.MustCompile(`https?://[^\s"']+`)
)

func redactHeader(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		switch {
		case secretHeader[http.CanonicalHeaderKey(name)]:
			out[name] = []string{redactCredentials(values)}
		case name == "Location" || name == "Link":
			for _, v := range values {
				out.Add(name, redactText(v))
			}
		default:
			out[name] = append([]string(nil), values...)
		}
	}
	return out
}

// redactCredentials keeps the scheme ("Bearer"), which is no secret.
func redactCredentials(values []string) string {
	if len(values) == 1 {
		if scheme, _, ok := strings.Cut(values[0], " "); ok {
			return scheme + " " + Redacted
		}
	}
	return Redacted
}

func redactURL(u *url.URL) string {
	c := *u
	if c.User != nil {
		c.User = url.User(Redacted)
	}
	if c.RawQuery == "" {
		return c.String()
	}
	pairs := strings.Split(c.RawQuery, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if secretQuery.MatchString(name) {
			pairs[i] = name + "=" + Redacted
		}
	}
	c.RawQuery = strings.Join(pairs, "&")
	return c.String()
}

// redactText redacts every URL in s.
func redactText(s string) string {
	return urlInText.ReplaceAllStringFunc(s, func(raw string) string {
		u, err := url.Parse(raw)
		if err != nil {
			return raw
		}
		return redactURL(u)
	})
}
