package report

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/registryconform/conform/conformance/wire"
)

// Curl returns a shell command in one line that sends the exchange's request again. Credentials stand in it as
// the variables REGISTRY_USERNAME and REGISTRY_PASSWORD, or REGISTRY_TOKEN. A body that the record doesn't hold
// whole is read from the file "body".
func Curl(x *wire.Exchange) string {
	args := append([]string{"curl", "-sS"}, curlMethod(x)...)
	args = append(args, curlHeaders(x)...)
	switch auth := x.Request.Header.Get("Authorization"); {
	case strings.HasPrefix(auth, "Bearer"):
		args = append(args, "-H", `"Authorization: Bearer $REGISTRY_TOKEN"`)
	case auth != "":
		args = append(args, "-u", `"$REGISTRY_USERNAME:$REGISTRY_PASSWORD"`)
	}
	body := x.Request
	switch {
	case body.Size == 0 && !hasBody(x):
	case body.Truncated:
		args = append(args, "--data-binary", "@body")
	case body.Body.IsText():
		args = append(args, "--data-raw", quote(string(body.Body)))
	default:
		return "printf " + quote(octal(body.Body)) + " | " + strings.Join(append(args, "--data-binary", "@-", quote(x.URL)), " ")
	}
	return strings.Join(append(args, quote(x.URL)), " ")
}

// curlMethod returns the options that choose the method and how the answer is shown.
func curlMethod(x *wire.Exchange) []string {
	var out []string
	if x.Method == http.MethodHead {
		out = append(out, "-I")
	} else {
		out = append(out, "-i")
	}
	if strings.ContainsAny(x.URL, "[]{}") {
		out = append(out, "-g")
	}
	if strings.Contains(x.URL, "/.") {
		out = append(out, "--path-as-is")
	}
	if len(x.Redirect) > 0 {
		out = append(out, "-L")
	}
	if x.Method != http.MethodGet && x.Method != http.MethodHead {
		out = append(out, "-X", quote(x.Method))
	}
	return out
}

// hasBody reports whether the request has a body though it may be empty: curl must say Content-Length: 0 then.
func hasBody(x *wire.Exchange) bool {
	switch x.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return true
	}
	return false
}

// curlHeaders returns the options for the headers that curl doesn't make itself.
func curlHeaders(x *wire.Exchange) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(x.Request.Header)) {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "User-Agent", "Content-Length", "Connection":
			continue
		}
		for _, value := range x.Request.Header[name] {
			if value == "" {
				out = append(out, "-H", quote(name+";"))
				continue
			}
			out = append(out, "-H", quote(name+": "+value))
		}
	}
	if hasBody(x) && x.Request.Header.Get("Content-Type") == "" {
		out = append(out, "-H", "Content-Type:")
	}
	return out
}

// quote returns s as one word of the POSIX shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// octal returns a format of printf(1) that writes b.
func octal(b []byte) string {
	var s strings.Builder
	for i, c := range b {
		switch {
		case c == '-' && i == 0: // printf would take it for an option
			s.WriteString(`\055`)
		case c == '%':
			s.WriteString("%%")
		case c == '\\':
			s.WriteString(`\\`)
		case c >= ' ' && c < 0x7f && c != '\'':
			s.WriteByte(c)
		default:
			fmt.Fprintf(&s, `\%03o`, c)
		}
	}
	return s.String()
}
