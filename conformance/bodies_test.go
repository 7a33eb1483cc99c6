package conformance

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// answer returns the exchange of a server that answers with this.
func answer(t *testing.T, header http.Header, body string) *wire.Exchange {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		io.WriteString(w, body)
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := wire.NewClient(wire.Config{Base: u})
	defer client.Close()
	return client.Recorder().Do(context.Background(), wire.Request{Method: http.MethodGet, URL: "/v2/"})
}

func TestParseWarnings(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]warning{
		`299 - "be careful"`:                        {{"299", "-", ""}},
		`299 - "a, \"b\"", 199 host:1 "c"`:          {{"299", "-", ""}, {"199", "host:1", ""}},
		`299 - "a" "Sat, 25 Aug 2012 23:34:45 GMT"`: {{"299", "-", `"Sat, 25 Aug 2012 23:34:45 GMT"`}},
		`299 - not quoted`:                          {{"299", "-", ""}},
		`299`:                                       {{"299", "", ""}},
		`299 - "a", 299 - "b" "Sat, 25 Aug 2012 23:34:45"`: {{"299", "-", ""}, {"299", "-", `"Sat, 25 Aug 2012 23:34:45"`}},
	} {
		if got := parseWarnings([]string{value}); !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", value, got, want)
		}
	}
}

func TestDisorder(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"":            "",
		"a b c":       "",
		"A b C":       "",
		"A C b":       "",
		"1 x10 x2":    "",
		"1 x2 x10":    "x2 before x10",
		"b a":         "b before a",
		"a B A2 C b2": "B before A2",
	} {
		if got := disorder(strings.Fields(list), lexicalOrders()...); got != want {
			t.Errorf("%s: %q, want %q", list, got, want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	for body, ok := range map[string]bool{
		"":                                   true,
		`{"errors":[]}`:                      true,
		`{"errors":[{"code":"DENIED"}]}`:     true,
		`{"errors":[{"code":1}],"more":2}`:   true,
		`{"errors":null}`:                    false,
		`{"errors":{"code":"DENIED"}}`:       false,
		`{"errors":["DENIED"]}`:              false,
		`{"errors":[{"message":"no code"}]}`: false,
		`{"message":"x"}`:                    false,
		`[{"code":"DENIED"}]`:                false,
		`{"errors":[`:                        false,
	} {
		if _, err := readErrors(answer(t, nil, body)); (err == nil) != ok {
			t.Errorf("%s: error %v", body, err)
		}
	}
}

func TestHaveParts(t *testing.T) {
	t.Parallel()
	blob := fixtures.New("parts").Blob(rangedSize)
	part := func(contentRange string, from, to int) string {
		return "--B\r\nContent-Type: application/octet-stream\r\nContent-Range: " + contentRange + "\r\n\r\n" + string(blob.Content[from:to]) + "\r\n"
	}
	multi := http.Header{"Content-Type": {"multipart/byteranges; boundary=B"}}
	single := func(contentRange string) http.Header { return http.Header{"Content-Range": {contentRange}} }
	both := [][2]int{{0, 9}, {1000, 1019}}
	for name, c := range map[string]struct {
		header http.Header
		body   string
		parts  [][2]int
		ok     bool
	}{
		"both":             {multi, part("bytes 0-9/2048", 0, 10) + part("bytes 1000-1019/2048", 1000, 1020) + "--B--\r\n", both, true},
		"one in multipart": {multi, part("bytes 0-9/2048", 0, 10) + "--B--\r\n", both, true},
		"joined":           {single("bytes 0-1019/*"), string(blob.Content[:1020]), both, true},
		"wrong bytes":      {multi, part("bytes 0-9/2048", 1, 11) + "--B--\r\n", both, false},
		"not asked for":    {single("bytes 20-29/2048"), string(blob.Content[20:30]), both, false},
		"wrong length":     {single("bytes 0-9/99"), string(blob.Content[:10]), both, false},
		"no end":           {multi, part("bytes 0-9/2048", 0, 10), both, false},
		"no parts":         {multi, "--B--\r\n", both, false},
		"one asked for":    {multi, part("bytes 0-9/2048", 0, 10) + "--B--\r\n", both[:1], false},
	} {
		got := haveParts(blob, c.parts...).Judge(answer(t, c.header, c.body))
		if (got == "") != c.ok {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestCheckDigest(t *testing.T) {
	t.Parallel()
	b := fixtures.New("digest").Blob(10)
	for value, ok := range map[string]bool{
		b.SHA256().String():                      true,
		b.SHA512().String():                      true,
		"blake3:" + b.SHA256().Encoded():         true,
		"sha256:" + b.SHA256().Encoded()[1:]:     false,
		fixtures.EmptyBlob().Digest.String():     false,
		strings.ToUpper(b.SHA256().String()):     false,
		"W/" + b.SHA256().String():               false,
		`"` + b.SHA256().String() + `"`:          false,
		b.SHA256().String() + "," + "sha512:abc": false,
	} {
		if got := checkDigest(value, b.Content); (got == "") != ok {
			t.Errorf("%s: %q", value, got)
		}
	}
}
