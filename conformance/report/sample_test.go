package report_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/wire"
)

// nasty is what a hostile target would answer to disturb the reports.
const nasty = "</script><script>document.title='owned'</script>\x00\x1b[31m\u009b31m'; touch owned #\n\"$(touch owned)`touch owned`]]>\xff"

// target is a registry of a few routes: an upload whose session is known by a secret state, and faults.
type target struct {
	sessions  int
	committed int
	bodies    []string
}

func (s *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.bodies = append(s.bodies, string(body))
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/v2/a/blobs/uploads/":
		s.sessions++
		w.Header().Set("Location", fmt.Sprintf("/v2/a/blobs/uploads/s%d?_state=x%%20%d", s.sessions, s.sessions))
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPatch && r.URL.Path == fmt.Sprintf("/v2/a/blobs/uploads/s%d", s.sessions):
		w.Header().Set("Location", fmt.Sprintf("../uploads/./t%d?_state=y%d", s.sessions, s.sessions))
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut && r.RequestURI == fmt.Sprintf("/v2/a/blobs/uploads/t%d?_state=y%d&digest=sha256%%3A00", s.sessions, s.sessions):
		s.committed++
		w.WriteHeader(http.StatusOK)
	case r.URL.Path == "/v2/nasty":
		w.Header().Set("X-Nasty", "<b>&'\"")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, nasty)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// chain uploads a blob in one chunk and returns the recorder; the last answer, 200, is the finding.
func chain(t *testing.T, rec *wire.Recorder, content []byte) *wire.Exchange {
	t.Helper()
	ctx := context.Background()
	start := rec.Do(ctx, wire.Request{Method: http.MethodPost, URL: "/v2/a/blobs/uploads/"})
	patch := rec.Do(ctx, wire.Request{
		Method: http.MethodPatch, URL: resolve(t, start), Body: content,
		Header: http.Header{"Content-Type": {"application/octet-stream"}, "Content-Range": {fmt.Sprintf("0-%d", len(content)-1)}},
	})
	return rec.Do(ctx, wire.Request{
		Method: http.MethodPut, URL: resolve(t, patch), Query: url.Values{"digest": {"sha256:00"}},
	})
}

func resolve(t *testing.T, x *wire.Exchange) string {
	t.Helper()
	base, err := url.Parse(x.URL)
	if err != nil {
		t.Fatal(err)
	}
	u, err := base.Parse(x.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}

// sample returns a report with every outcome, of exchanges with a real server, and that server.
func sample(t *testing.T) (*report.Report, *target, *httptest.Server) {
	t.Helper()
	handler := &target{}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := wire.NewClient(wire.Config{Base: base})
	t.Cleanup(client.Close)

	upload := client.Recorder()
	put := chain(t, upload, []byte("chunk\x00\xff%d-\\'\n"))
	odd := client.Recorder()
	strange := odd.Do(context.Background(), wire.Request{Method: http.MethodGet, URL: "/v2/nasty"})
	plain := client.Recorder()
	plain.Do(context.Background(), wire.Request{Method: http.MethodGet, URL: "/v2/"})

	started := time.Date(2026, 11, 21, 5, 0, 0, 0, time.UTC)
	r := &report.Report{
		Schema: report.SchemaVersion, Tool: report.Tool{Name: "conform", Version: "0.1.0"}, SpecVersion: "1.1.1",
		Seed: "s33d", Started: started, Ended: started.Add(11400 * time.Millisecond), Profile: "full",
		Target:  report.Target{Kind: "registry", Name: server.URL, Repositories: []string{"conform/7f3a"}},
		Options: map[string]report.Option{"level": {Value: "must", Origin: "default"}},
		Notes:   []string{"2 uploads could not be cancelled"},
		Results: []report.Result{
			result("push.blob.created", "MUST", "push", report.Failed, "answers the closing PUT with 201", func(r *report.Result) {
				r.Message = wire.Finding("201 Created", "200 OK", put)
				r.Exchanges = upload.Exchanges()
			}),
			result("pull.blob.unknown", "MUST", "pull", report.Failed, "is odd", func(r *report.Result) {
				r.Message = "reading a blob\n" + wire.Finding("404 Not Found", "418 "+nasty, strange)
				r.Exchanges = odd.Exchanges()
			}),
			result("pull.blob.unknown", "MUST", "pull", report.Passed, "is even", nil),
			result("pull.head.size", "SHOULD", "pull", report.Failed, "tells the size", nil),
			result("pull.known", "MUST", "pull", report.Failed, "is known to fail", nil),
			result("pull.stale", "MUST", "pull", report.Passed, "is thought to fail", nil),
			result("pull.next", "MUST", "pull", report.Failed, "is of the next revision", func(r *report.Result) { r.Provisional = true }),
			result("delete.blob", "MUST", "delete", report.Unsupported, "deletes a blob", func(r *report.Result) { r.Message = "405 Method Not Allowed" }),
			result("push.list", "MUST", "push", report.Blocked, "lists what was pushed", func(r *report.Result) { r.BlockedBy = "push.blob.created" }),
			result("errors.body", "MUST", "errors", report.Error, "panics", func(r *report.Result) { r.Message = "runtime error\nat spec.go:1" }),
			result("tags.last", "MUST", "tags", report.NotSelected, "pages", func(r *report.Result) { r.Message = "not in the profile pull" }),
			result("pull.ok", "MUST", "pull", report.Passed, "answers", func(r *report.Result) { r.Exchanges = plain.Exchanges() }),
		},
	}
	report.Judge(r, report.Policy{Baseline: report.Baseline{
		{ID: "pull.known", Reason: "ticket 42"}, {ID: "pull.stale", Reason: "ticket 43"},
	}})
	return r, handler, server
}

func result(id, level, feature string, outcome report.Outcome, spec string, change func(*report.Result)) report.Result {
	chapter, _, _ := strings.Cut(id, ".")
	r := report.Result{
		ID: id, Level: level, Basis: "text", Feature: feature, Section: "pulling-blobs", Chapter: chapter,
		Statement: "Does what " + id + " says.", Spec: spec, Outcome: outcome, Seconds: 0.0125,
	}
	if change != nil {
		change(&r)
	}
	return r
}
