package wire

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestNothingSecretIsKept(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Location", "/v2/x?_state=abc&token=CANARY1&x=1")
		h.Add("Link", `<https://u:CANARY2@h/v2/?n=1&X-Amz-Signature=CANARY3>; rel="next"`)
		h.Add("Link", `</v2/?access_token=CANARY4&n=2>; rel="next"`)
		h.Add("Set-Cookie", "session=CANARY5; Path=/")
		h.Set("X-Auth-Token", "CANARY6")
		h.Set("X-Debug", "see https://h/?%74oken=CANARY7")
		h.Set("Content-Location", "https://h:x/%zz?sig=CANARY8")
		h.Set("Refresh", "0; url=https://h/#access_token=CANARY9")
		io.WriteString(w, `{"token": "CANARY10", "access_token" :"CANARY11\"CANARY", "url":"https://u:CANARY12@h/?sig=CANARY13"}`)
	})
	rec := c.Recorder()
	x := rec.Do(t.Context(), Request{
		Method: "POST", URL: "/v2/?password=CANARY14", Body: []byte("grant_type=x&refresh_token=CANARY15"),
		Header: http.Header{"Authorization": {"Digest CANARY16"}, "Cookie": {"a=CANARY17; b=CANARY18"}, "X-Registry-Auth": {"CANARY19"}},
		Query:  map[string][]string{"signature": {"CANARY20"}},
	})
	noCanary(t, rec.Exchanges())
	noCanary(t, []string{
		x.String(), HaveHeader("Location", "x").FailureMessage(x), HaveNoHeader("Link").FailureMessage(x),
		HaveHeader("Location", "x").Judge(x),
	})
	if got := x.Response.Header.Get("Location"); got != "/v2/x?_state=abc&token=REDACTED&x=1" {
		t.Errorf("what is no secret is gone too: %s", got)
	}
	if !strings.Contains(x.Header().Get("Location"), "CANARY1") {
		t.Error("the spec itself cannot follow the Location")
	}
}

func TestBasicKeepsItsScheme(t *testing.T) {
	t.Parallel()
	got := redactor{}.header(http.Header{"Authorization": {"Bearer CANARY"}, "Proxy-Authorization": {"CANARY"}})
	if got.Get("Authorization") != "Bearer REDACTED" || got.Get("Proxy-Authorization") != "REDACTED" {
		t.Errorf("got %v", got)
	}
}

func TestSecretAcrossTheEndOfThePrefix(t *testing.T) {
	t.Parallel()
	r := newRedactor([]string{"CANARY-SECRET"})
	for keep := range 40 {
		for _, body := range []string{"0123456789 CANARY-SECRET end", "\x00\x01 CANARY-SECRET \x00", `{"token":"CANARY"}`} {
			if m := r.message(nil, []byte(body), keep); strings.Contains(string(m.Body), "CAN") {
				t.Errorf("keep %d: %q", keep, m.Body)
			}
		}
	}
}

func TestKeptTextEndsWithAWholeCharacter(t *testing.T) {
	t.Parallel()
	m := redactor{}.message(nil, []byte("ab€cd"), 4)
	if string(m.Body) != "ab" || !m.Truncated || m.Size != 7 {
		t.Errorf("got %+v", m)
	}
	if m := (redactor{}).message(nil, []byte("ab€"), 5); string(m.Body) != "ab€" || m.Truncated {
		t.Errorf("got %+v", m)
	}
	if m := (redactor{}).message(nil, []byte{0xff, 0xfe, 0xfd}, 2); len(m.Body) != 2 {
		t.Errorf("got %+v", m)
	}
}

func TestSecretsInOtherForms(t *testing.T) {
	t.Parallel()
	r := newRedactor([]string{`CANARY "&/é`, "short"})
	for _, s := range []string{`x CANARY "&/é y`, `?q=CANARY+%22%26%2F%C3%A9`, `{"p":"CANARY \"\u0026/é"}`, `/CANARY%20%22&%2F%C3%A9/`} {
		if got := r.text(s); strings.Contains(got, "CANARY") {
			t.Errorf("%s: %s", s, got)
		}
	}
	if got := r.text("a short text"); got != "a short text" {
		t.Errorf("got %s", got)
	}
}

// Every name of a parameter that is taken for a secret is found, however it is
// written.
func TestSecretParameters(t *testing.T) {
	t.Parallel()
	names := []string{"sig", "signature", "token", "password", "passwd", "client_secret", "secret", "assertion", "apikey", "api_key", "code"}
	for _, vendor := range []string{"", "x-amz-", "x-goog-"} {
		for _, what := range []string{"signature", "credential", "security-token"} {
			names = append(names, vendor+what)
		}
	}
	for _, kind := range []string{"access", "refresh", "identity", "id"} {
		names = append(names, kind+"_token")
	}
	for _, name := range append(names, "identitytoken", "registrytoken") {
		var escaped strings.Builder
		for _, b := range []byte(name) {
			fmt.Fprintf(&escaped, "%%%02x", b)
		}
		for _, written := range []string{name, strings.ToUpper(name), escaped.String(), strings.ToUpper(escaped.String())} {
			if got := (redactor{}).text("/v2/?a=b&" + written + "=CANARY"); got != "/v2/?a=b&"+written+"="+Redacted {
				t.Errorf("%s as %s: %s", name, written, got)
			}
		}
	}
}
