package report_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/wire"
)

// shell runs a script with the arguments and returns its output and exit status.
func shell(t *testing.T, dir string, script []byte, env []string, args ...string) (string, int) {
	t.Helper()
	need.Program(t, "curl", "curl")
	path := filepath.Join(dir, "repro.sh")
	if err := os.WriteFile(path, script, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", append([]string{path}, args...)...)
	cmd.Dir, cmd.Env = dir, append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}, env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestReproRepeatsAChain(t *testing.T) {
	t.Parallel()
	r, handler, _ := sample(t)
	script, dir := written(t, report.WriteRepro, r), t.TempDir()
	handler.bodies = nil
	out, status := shell(t, dir, script, nil, "push.blob.created")
	if status != 0 || !strings.Contains(out, "3 as recorded, 0 different, 0 left out") {
		t.Fatalf("status %d\n%s", status, out)
	}
	// A second session was opened, its own Location followed twice, and the same bytes were sent.
	if handler.sessions != 2 || handler.committed != 2 {
		t.Errorf("%d sessions, %d committed", handler.sessions, handler.committed)
	}
	if len(handler.bodies) != 3 || handler.bodies[1] != "chunk\x00\xff%d-\\'\n" {
		t.Errorf("bodies %q", handler.bodies)
	}
	for _, want := range []string{"want  201 Created", "got   200 OK", "< Location: /v2/a/blobs/uploads/s2?_state=x%202"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q isn't in\n%s", want, out)
		}
	}
}

func TestReproOfAllFindings(t *testing.T) {
	t.Parallel()
	r, handler, _ := sample(t)
	script, dir := written(t, report.WriteRepro, r), t.TempDir()
	out, status := shell(t, dir, script, nil, "all")
	// Four findings of the sample have no exchange.
	if status != 2 || !strings.Contains(out, "4 as recorded, 0 different, 5 left out") {
		t.Errorf("status %d\n%s", status, out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("the script left %v", left)
	}
	list, status := shell(t, dir, script, nil)
	if status != 0 || !strings.Contains(list, "push.blob.created") || strings.Contains(list, "pull.ok") {
		t.Errorf("status %d\n%s", status, list)
	}
	if out, status := shell(t, dir, script, nil, "no.such"); status != 2 || !strings.Contains(out, `no finding "no.such"`) {
		t.Errorf("status %d\n%s", status, out)
	}

	handler.sessions = 40 // the chain's statuses stay, the target below is another one
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	out, status = shell(t, dir, script, []string{"REGISTRY_URL=" + other.URL}, "push.blob.created")
	if status != 1 || !strings.Contains(out, "#1 404, recorded was 202") || !strings.Contains(out, "no Location to go on with") {
		t.Errorf("status %d\n%s", status, out)
	}
}

func TestReproLogsIn(t *testing.T) {
	t.Parallel()
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
	}))
	defer server.Close()
	base, _ := url.Parse(server.URL)
	client := wire.NewClient(wire.Config{Base: base})
	defer client.Close()
	rec := client.Recorder()
	rec.Do(context.Background(), wire.Request{Method: http.MethodHead, URL: "/v2/", Header: http.Header{"Authorization": {"Basic c2VjcmV0OnBhc3M="}}})
	r := &report.Report{Target: report.Target{Name: server.URL}, Results: []report.Result{
		result("a.b", "MUST", "pull", report.Failed, "s", func(r *report.Result) { r.Exchanges = rec.Exchanges() }),
	}}
	report.Judge(r, report.Policy{})
	script := written(t, report.WriteRepro, r)
	if strings.Contains(string(script), "c2VjcmV0") {
		t.Error("the script holds the credentials of the run")
	}
	dir := t.TempDir()
	for _, env := range [][]string{{"REGISTRY_USERNAME=u", `REGISTRY_PASSWORD=p"\$x`}, {"REGISTRY_TOKEN=tok"}, nil} {
		if out, status := shell(t, dir, script, env, "all"); status != 0 {
			t.Errorf("status %d\n%s", status, out)
		}
	}
	want := []string{"Basic c2VjcmV0OnBhc3M=", "Basic dTpwIlwkeA==", "Bearer tok", ""}
	if strings.Join(seen, "|") != strings.Join(want, "|") {
		t.Errorf("%q, want %q", seen, want)
	}
}

func TestReproNeedsABodyThatIsntOnRecord(t *testing.T) {
	t.Parallel()
	var got int
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = int(r.ContentLength) }))
	defer server.Close()
	base, _ := url.Parse(server.URL)
	client := wire.NewClient(wire.Config{Base: base, KeepBody: 8})
	defer client.Close()
	rec := client.Recorder()
	rec.Do(context.Background(), wire.Request{Method: http.MethodPut, URL: "/v2/x", Body: []byte("0123456789")})
	r := &report.Report{Target: report.Target{Name: server.URL}, Results: []report.Result{
		result("a.b", "MUST", "pull", report.Failed, "s", func(r *report.Result) { r.Exchanges = rec.Exchanges() }),
	}}
	report.Judge(r, report.Policy{})
	script, dir := written(t, report.WriteRepro, r), t.TempDir()
	if out, status := shell(t, dir, script, nil, "all"); status != 2 || !strings.Contains(out, "BODY_1") {
		t.Errorf("status %d\n%s", status, out)
	}
	got = 0
	if err := os.WriteFile(filepath.Join(dir, "b"), []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, status := shell(t, dir, script, []string{"BODY_1=b"}, "all"); status != 0 || got != 10 {
		t.Errorf("status %d, %d bytes\n%s", status, got, out)
	}
}

// TestCurl runs the one-line commands in a shell and compares what arrives with what the client sent.
func TestCurl(t *testing.T) {
	t.Parallel()
	type arrived struct{ method, target, body, kind, accept, custom string }
	var seen arrived
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(r.ContentLength, 0))
		_, _ = r.Body.Read(body)
		seen = arrived{r.Method, r.RequestURI, string(body), r.Header.Get("Content-Type"), r.Header.Get("Accept"), r.Header.Get("X-Custom")}
	}))
	defer server.Close()
	base, _ := url.Parse(server.URL)
	client := wire.NewClient(wire.Config{Base: base})
	defer client.Close()
	for name, c := range map[string]wire.Request{
		"get":     {Method: http.MethodGet, URL: "/v2/a/tags/list?n=1&last=x%20y", Header: http.Header{"Accept": {"a/b, c/d"}}},
		"head":    {Method: http.MethodHead, URL: "/v2/a/manifests/x", Header: http.Header{"Accept": {"a/b"}}},
		"delete":  {Method: http.MethodDelete, URL: "/v2/a/manifests/x", Header: http.Header{"Accept": {"a/b"}}},
		"post":    {Method: http.MethodPost, URL: "/v2/a/blobs/uploads/", Header: http.Header{"Accept": {"a/b"}}},
		"json":    {Method: http.MethodPut, URL: "/v2/a/manifests/x", Body: []byte(`{"it's":"@x"}` + "\n"), Header: http.Header{"Content-Type": {"a/b+json"}, "Accept": {"a/b"}}},
		"at sign": {Method: http.MethodPut, URL: "/v2/a", Body: []byte("@/etc/passwd"), Header: http.Header{"Content-Type": {"t/p"}, "Accept": {"a/b"}}},
		"binary":  {Method: http.MethodPatch, URL: "/v2/a", Body: []byte("-%s\x00\x80\\n'\n\x01"), Header: http.Header{"Content-Type": {"t/p"}, "Accept": {"a/b"}, "X-Custom": {"$(id) `id` 'x'"}}},
		"globs":   {Method: http.MethodGet, URL: "/v2/a?x=[1-3]{a,b}", Header: http.Header{"Accept": {"a/b"}}},
	} {
		x := client.Recorder().Do(context.Background(), c)
		want := seen
		seen = arrived{}
		out, status := shell(t, t.TempDir(), []byte(report.Curl(x)), nil)
		if status != 0 || seen != want {
			t.Errorf("%s: status %d\n%s\n got %q\nwant %q\n%s", name, status, report.Curl(x), seen, want, out)
		}
	}
	dots := &wire.Exchange{Method: http.MethodGet, URL: server.URL + "/v2/a/../b/./c"}
	if out, status := shell(t, t.TempDir(), []byte(report.Curl(dots)), nil); status != 0 || seen.target != "/v2/a/../b/./c" {
		t.Errorf("dots: status %d, %q\n%s", status, seen.target, out)
	}
}
