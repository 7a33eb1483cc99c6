package nemesis

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// NewAzure starts a proxy in front of a server of Azure Blob Storage, which ends
// with the test. The key, in base64, signs what a fault has changed. The URL of
// the account goes on from the proxy's as it does from the server's.
func NewAzure(tb testing.TB, account *url.URL, name, key string) *Proxy {
	tb.Helper()
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		tb.Fatal(err)
	}
	p := start(tb, account, func(r *http.Request) error {
		r.Header.Set("Authorization", "SharedKey "+name+":"+sharedKey(secret, name, r))
		return nil
	})
	p.URL.Path = account.Path
	return p
}

// sharedKey returns the signature of a request by the scheme Shared Key.
func sharedKey(secret []byte, account string, r *http.Request) string {
	length := ""
	if r.ContentLength > 0 {
		length = fmt.Sprint(r.ContentLength)
	}
	lines := []string{r.Method, r.Header.Get("Content-Encoding"), r.Header.Get("Content-Language"), length}
	for _, name := range []string{
		"Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
	} {
		lines = append(lines, r.Header.Get(name))
	}
	var own []string
	for name, values := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-ms-") {
			own = append(own, lower+":"+strings.Join(values, ","))
		}
	}
	slices.Sort(own)
	lines = append(lines, own...)
	resource := "/" + account + r.URL.EscapedPath()
	var query []string
	for name, values := range r.URL.Query() {
		slices.Sort(values)
		query = append(query, strings.ToLower(name)+":"+strings.Join(values, ","))
	}
	slices.Sort(query)
	lines = append(lines, strings.Join(append([]string{resource}, query...), "\n"))
	sum := hmac.New(sha256.New, secret)
	sum.Write([]byte(strings.Join(lines, "\n")))
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}
