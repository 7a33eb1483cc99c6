package report

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/registryconform/conform/conformance/wire"
)

// WriteHAR writes all exchanges as wire.har, an HTTP archive of version 1.2, with a page for each spec. Bodies are
// as far as they were recorded; a time of -1 is not known, as the format has it.
func WriteHAR(w io.Writer, r *Report) error {
	pages, entries := []any{}, []any{}
	for i := range r.Results {
		result := &r.Results[i]
		if len(result.Exchanges) == 0 {
			continue
		}
		page := fmt.Sprintf("spec-%d", i+1)
		pages = append(pages, map[string]any{
			"id": page, "title": result.ID + ": " + result.Spec, "startedDateTime": stamp(result.Exchanges[0].Started),
			"pageTimings": map[string]any{}, "comment": string(result.Outcome),
		})
		for _, x := range result.Exchanges {
			entries = append(entries, harEntry(page, x))
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	err := enc.Encode(map[string]any{"log": map[string]any{
		"version": "1.2",
		"creator": map[string]any{"name": r.Tool.Name, "version": r.Tool.Version},
		"pages":   pages, "entries": entries,
	}})
	if err != nil {
		return fmt.Errorf("wire.har: %w", err)
	}
	return nil
}

func harEntry(page string, x *wire.Exchange) map[string]any {
	proto := x.Proto
	if proto == "" {
		proto = "HTTP/1.1"
	}
	took := float64(x.Duration) / float64(time.Millisecond)
	request := map[string]any{
		"method": x.Method, "url": x.URL, "httpVersion": proto, "cookies": []any{},
		"headers": harHeaders(x.Request.Header), "queryString": harQuery(x.URL),
		"headersSize": -1, "bodySize": x.Request.Size,
	}
	if x.Request.Size > 0 {
		body := map[string]any{"mimeType": x.Request.Header.Get("Content-Type")}
		harText(body, x.Request)
		request["postData"] = body
	}
	content := map[string]any{"size": x.Response.Size, "mimeType": x.Response.Header.Get("Content-Type")}
	harText(content, x.Response)
	return map[string]any{
		"pageref": page, "startedDateTime": stamp(x.Started), "time": took, "request": request,
		"response": map[string]any{
			"status": x.Status, "statusText": http.StatusText(x.Status), "httpVersion": proto, "cookies": []any{},
			"headers": harHeaders(x.Response.Header), "content": content,
			"redirectURL": x.Response.Header.Get("Location"), "headersSize": -1, "bodySize": x.Response.Size,
		},
		"cache":   map[string]any{},
		"timings": map[string]any{"send": 0, "wait": took, "receive": 0},
		"comment": x.Error,
	}
}

func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

func harHeaders(h http.Header) []any {
	out := []any{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			out = append(out, map[string]string{"name": name, "value": value})
		}
	}
	return out
}

func harQuery(raw string) []any {
	out := []any{}
	u, err := url.Parse(raw)
	if err != nil {
		return out
	}
	q := u.Query()
	for _, name := range slices.Sorted(maps.Keys(q)) {
		for _, value := range q[name] {
			out = append(out, map[string]string{"name": name, "value": value})
		}
	}
	return out
}

func harText(into map[string]any, m wire.Message) {
	if m.Truncated {
		into["comment"] = fmt.Sprintf("the first %d of %d bytes", len(m.Body), m.Size)
	}
	if m.Body.IsText() {
		into["text"] = string(m.Body)
		return
	}
	into["text"], into["encoding"] = base64.StdEncoding.EncodeToString(m.Body), "base64"
}
