package drivertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Doer sends requests, as *http.Client does.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

func redirectRules() []rule {
	return []rule{
		{"REDR-01", Must, "A redirect is empty without error, or a URL that gives the content.", redirectGet, 0},
		{"REDR-02", Must, "For a HEAD request the URL answers HEAD with the right length.", redirectHead, 0},
		{"REDR-03", Should, "A range works through the URL.", redirectRange, 0},
		{"REDR-04", Should, "Of a missing object there is an error, no URL, or one that answers 404.", redirectMissing, 0},
		{"REDR-05", Should, "Any path of the grammar is signed right.", redirectNames, 0},
		{"REDR-06", Info, "What scheme and lifetime the URL has.", redirectInfo, 0},
		{"REDR-07", Must, "A redirect never changes anything, and a method that it does not know gives an error or no URL.", redirectWrites, 0},
	}
}

func request(method string) *http.Request {
	return &http.Request{Method: method, Host: "registry.test", URL: &url.URL{Path: "/"}, Header: http.Header{}, RemoteAddr: "192.0.2.1:1234"}
}

// redirectTo returns the URL for an object, "" where the driver has none.
func (x *trial) redirectTo(method, p string) string {
	if !x.ok() {
		return ""
	}
	u, err := x.d.redirect(request(method).WithContext(x.ctx), p)
	x.noErr(err, "RedirectURL for "+method)
	return u
}

// fetch requests a URL and returns the answer's head and at most a little more than limit bytes.
func (x *trial) fetch(method, u, rng string, limit int64) (*http.Response, []byte) {
	ctx, cancel := context.WithTimeout(x.ctx, x.cfg.CallTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, u, nil)
	if !x.noErr(err, "making a request for the redirect") {
		return nil, nil
	}
	if rng != "" {
		req.Header.Set("Range", rng)
	}
	client := x.cfg.Hooks.Fetch
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if !x.noErr(err, "following the redirect") {
		return nil, nil
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	x.noErr(err, "reading the answer to the redirect")
	return res, b
}

func redirectGet(x *trial) {
	c := x.put(x.p("dir/object"), 70000)
	u := x.redirectTo(http.MethodGet, x.p("dir/object"))
	if u == "" {
		return
	}
	res, b := x.fetch(http.MethodGet, u, "", c.size)
	if !x.ok() {
		return
	}
	if res.StatusCode != http.StatusOK {
		x.failf("GET through the redirect answers %s", res.Status)
		return
	}
	if err := c.verify(bytes.NewReader(b), 0); err != nil {
		x.failf("GET through the redirect: %s", x.explain(err))
	}
}

func redirectHead(x *trial) {
	c := x.put(x.p("dir/object"), 70000)
	u := x.redirectTo(http.MethodHead, x.p("dir/object"))
	if u == "" {
		return
	}
	res, _ := x.fetch(http.MethodHead, u, "", 0)
	if x.ok() && (res.StatusCode != http.StatusOK || res.ContentLength != c.size) {
		x.failf("HEAD through the redirect answers %s with length %d, not %d", res.Status, res.ContentLength, c.size)
	}
}

func redirectRange(x *trial) {
	c := x.put(x.p("object"), 70000)
	u := x.redirectTo(http.MethodGet, x.p("object"))
	if u == "" {
		return
	}
	res, b := x.fetch(http.MethodGet, u, "bytes=1000-1999", c.size)
	if x.ok() && (res.StatusCode != http.StatusPartialContent || !bytes.Equal(b, c.slice(1000, 2000))) {
		x.failf("a range of 1000 bytes answers %s with %d bytes: %s", res.Status, len(b), c.decode(b, 1000))
	}
}

func redirectMissing(x *trial) {
	x.puts("dir/object")
	u, err := x.d.redirect(request(http.MethodGet).WithContext(x.ctx), x.p("dir/none"))
	x.harmless(err, "RedirectURL of a missing path")
	if err != nil || u == "" {
		return
	}
	res, _ := x.fetch(http.MethodGet, u, "", 1000)
	if x.ok() && res.StatusCode != http.StatusNotFound {
		x.failf("the redirect to a missing object answers %s", res.Status)
	}
}

func redirectNames(x *trial) {
	for _, n := range []string{"a.b-c_d/e", "_x/.y", "-/--", "A0..z"} {
		c := x.put(x.p(n), 100)
		u := x.redirectTo(http.MethodGet, x.p(n))
		if u == "" {
			return
		}
		res, b := x.fetch(http.MethodGet, u, "", c.size)
		if x.ok() && (res.StatusCode != http.StatusOK || !bytes.Equal(b, c.bytes())) {
			x.failf("GET through the redirect of %q answers %s", n, res.Status)
		}
	}
}

func redirectInfo(x *trial) {
	x.puts("object")
	u := x.redirectTo(http.MethodGet, x.p("object"))
	if u == "" {
		x.notef("the driver does not redirect")
		return
	}
	parsed, err := url.Parse(u)
	if !x.noErr(err, "parsing the redirect") {
		return
	}
	life := "unknown"
	for k, v := range parsed.Query() {
		if k := strings.ToLower(k); strings.HasSuffix(k, "expires") || k == "se" {
			life = v[0]
		}
	}
	x.notef("scheme %s, expiry %s", parsed.Scheme, life)
}

func redirectWrites(x *trial) {
	c := x.put(x.p("dir/object"), 500)
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch, "ODD"} {
		u, err := x.d.redirect(request(m).WithContext(x.ctx), x.p("dir/object"))
		x.harmless(err, "RedirectURL for "+m)
		if x.ok() && err == nil && u != "" && m != http.MethodGet && m != http.MethodHead {
			x.failf("RedirectURL for %s returns a URL", m)
		}
		_, err = x.d.redirect(request(m).WithContext(x.ctx), x.p("dir/none"))
		x.harmless(err, fmt.Sprintf("RedirectURL for %s of a missing path", m))
	}
	x.holds(x.p("dir/object"), c)
	x.lists(x.p("dir"), "object")
}
