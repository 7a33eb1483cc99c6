package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/reference/registrytest"
)

func target(t *testing.T, address string) conformance.Registry {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return conformance.Registry{URL: u}
}

// repositories returns what "_catalog" lists.
func repositories(t *testing.T, address string) []string {
	t.Helper()
	response, err := http.Get(address + "/v2/_catalog?n=1000")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var doc struct{ Repositories []string }
	if err := json.NewDecoder(response.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc.Repositories
}

func TestRunLeavesNothingBehind(t *testing.T) {
	registry := registrytest.New(t)
	rep, err := conformance.Run(context.Background(), target(t, registry.URL), conformance.Options{Profile: requirement.ProfileAll})
	if err != nil {
		t.Fatal(err)
	}
	if left := repositories(t, registry.URL); len(left) > 0 || len(rep.Notes) > 0 {
		t.Errorf("left behind: %q; notes %q", left, rep.Notes)
	}
}

// TestInterruptedRun ends the run while a spec has content in the registry.
func TestInterruptedRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var manifests atomic.Int32
	registry := registrytest.New(t, registrytest.WithHandler(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") && manifests.Add(1) == 3 {
				cancel()
			}
		})
	}))
	rep, err := conformance.Run(ctx, target(t, registry.URL), conformance.Options{})
	if !errors.Is(err, context.Canceled) || rep == nil {
		t.Fatalf("error %v, report %v", err, rep)
	}
	if !rep.Interrupted || rep.Verdict.Exit != report.ExitInterrupted || rep.Totals.NotSelected == 0 || rep.Totals.Error > 0 || rep.Totals.Failed > 0 {
		t.Errorf("interrupted %v, verdict %+v, totals %+v", rep.Interrupted, rep.Verdict, rep.Totals)
	}
	if left := repositories(t, registry.URL); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestGivenRepositories runs in two repositories that hold content of others.
func TestGivenRepositories(t *testing.T) {
	registry := registrytest.New(t)
	to := target(t, registry.URL)
	to.Repositories = [2]string{"team/one", "team/two"}
	for range 2 {
		rep, err := conformance.Run(context.Background(), to, conformance.Options{Profile: requirement.ProfileAll})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rep.Results {
			if r.Outcome != report.Passed && r.Outcome != report.NotSelected && r.Outcome != report.Unsupported {
				t.Errorf("%s (%s): %s\n%s", r.ID, r.Spec, r.Outcome, r.Message)
			}
		}
		if rep.Totals.Passed < 3*rep.Totals.NotSelected {
			t.Errorf("most specs work with given repositories: %+v", rep.Totals)
		}
	}
	for _, name := range repositories(t, registry.URL) {
		if !strings.HasPrefix(name, "team/") {
			t.Errorf("the run invented %s", name)
		}
	}
}

func TestTargetGone(t *testing.T) {
	var server *httptest.Server
	var requests atomic.Int32
	registry := registrytest.New(t)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 40 {
			server.Listener.Close()
			conn, _, _ := http.NewResponseController(w).Hijack()
			conn.Close()
			server.CloseClientConnections()
			return
		}
		registry.Handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	rep, err := conformance.Run(context.Background(), target(t, server.URL), conformance.Options{})
	var gone *conformance.TargetError
	if !errors.As(err, &gone) || rep == nil || rep.Verdict.Exit != report.ExitUnreachable {
		t.Fatalf("error %v, report %+v", err, rep)
	}
	if rep.Totals.NotSelected == 0 || rep.Totals.Failed > 0 {
		t.Errorf("%+v", rep.Totals)
	}
}

// TestConnectionReset demands that a target which drops one request, and
// answers the next, is found at fault and judged on.
func TestConnectionReset(t *testing.T) {
	registry := registrytest.New(t, registrytest.WithHandler(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				conn, _, _ := http.NewResponseController(w).Hijack()
				conn.Close()
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	rep, err := conformance.Run(context.Background(), target(t, registry.URL), conformance.Options{Select: []string{"management.*", "pull.blob.*"}})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Totals.Failed == 0 || rep.Totals.Passed == 0 || rep.Totals.Error > 0 || rep.Verdict.Exit != report.ExitFailed {
		t.Errorf("%+v %+v", rep.Totals, rep.Verdict)
	}
}

func TestTargetRefused(t *testing.T) {
	answer := func(status int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hanging.Close)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	for _, c := range []struct{ name, url, want string }{
		{"nothing listens", "http://" + listener.Addr().String(), "no answer"},
		{"a web site", answer(200, "<html>"), "not a registry"},
		{"an empty site", answer(404, ""), "not a registry"},
		{"a refused login", answer(401, ""), "login"},
		{"a hanging server", hanging.URL, "no answer"},
		{"an unknown authority", secure.URL, "certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := time.Now()
			rep, err := conformance.Run(context.Background(), target(t, c.url), conformance.Options{
				Emit: func(report.Result) { t.Error("a spec ran") },
			})
			var refused *conformance.TargetError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || rep != nil {
				t.Errorf("error %v, want one line about %q", err, c.want)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("told after %v", took)
			}
		})
	}
}

// TestHangingTarget demands that a run against a target that answers "/v2/"
// and hangs elsewhere gives up after a few specs, and reports these.
func TestHangingTarget(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	to := target(t, server.URL)
	to.Client.Timeout = 50 * time.Millisecond
	rep, err := conformance.Run(context.Background(), to, conformance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Verdict.Exit != report.ExitFailed || rep.Totals.NotSelected < 100 || len(rep.Notes) == 0 {
		t.Errorf("verdict %+v, totals %+v, notes %q", rep.Verdict, rep.Totals, rep.Notes)
	}
}

// TestBrokenBaseIsJudged demands that a registry whose "/v2/" is wrong is run.
func TestBrokenBaseIsJudged(t *testing.T) {
	registry := registrytest.New(t, registrytest.WithHandler(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				http.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}))
	rep, err := conformance.Run(context.Background(), target(t, registry.URL), conformance.Options{Select: []string{"pull.blob.*"}})
	if err != nil || rep.Totals.Passed == 0 {
		t.Errorf("error %v, report %+v", err, rep)
	}
}
