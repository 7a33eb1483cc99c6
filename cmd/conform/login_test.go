package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryconform/conform/reference/quirk"
	"github.com/registryconform/conform/reference/registrytest"
)

// The secrets of the tests: none may ever be shown.
const (
	password = "CANARY-PASSWORD"
	token    = "CANARY-TOKEN"
)

// guard puts a login before h: Basic, or Bearer with a token service at /token.
func guard(h http.Handler, bearer bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, given, basic := r.BasicAuth()
		in := basic && user == "someone" && given == password
		switch {
		case r.URL.Path == "/token" && bearer:
			if !in {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			json.NewEncoder(w).Encode(map[string]string{"token": token + strings.Join(r.URL.Query()["scope"], "+")})
			return
		case bearer:
			in = strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "+token)
		}
		if in {
			h.ServeHTTP(w, r)
			return
		}
		challenge := `Basic realm="registry"`
		if bearer {
			challenge = fmt.Sprintf(`Negotiate, Bearer realm=http://%s/token,service=here`, r.Host)
		}
		w.Header().Set("WWW-Authenticate", challenge)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"errors":[{"code":"UNAUTHORIZED","message":%q}]}`, r.Header.Get("Authorization"))
	})
}

// TestLogin judges a registry that demands a login, with a fault, so that the
// reports are full of exchanges; no file and no output may hold a secret.
func TestLogin(t *testing.T) {
	t.Parallel()
	q, ok := quirk.Find("put-digest-mismatch-201")
	if !ok {
		t.Fatal("the fault is gone")
	}
	for name, bearer := range map[string]bool{"basic": false, "bearer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := httptest.NewServer(guard(q.Wrap(registrytest.New(t).Handler), bearer))
			t.Cleanup(registry.Close)
			run := func(stdin string, args ...string) (string, int) {
				cmd := exec.Command("conform", append([]string{"run", "--profile", "all", "--also", "wire.har,results.yaml", "--select", "push.*,tags.*", registry.URL}, args...)...)
				cmd.Dir = t.TempDir()
				cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "DOCKER_CONFIG="+cmd.Dir)
				cmd.Stdin = strings.NewReader(stdin)
				out, _ := cmd.CombinedOutput()
				noSecret(t, "output", out)
				noSecretBelow(t, cmd.Dir)
				return string(out), cmd.ProcessState.ExitCode()
			}
			out, status := run(password+"\n", "--username", "someone", "--password-stdin")
			if status != 1 || !strings.Contains(out, "201 Created") {
				t.Errorf("status %d\n%s", status, out)
			}
			for _, args := range [][]string{{}, {"--username", "someone", "--password-stdin"}} {
				out, status := run("CANARY-WRONG", args...)
				if status != 3 || strings.Count(out, "\n") != 1 || !strings.Contains(out, "refused") {
					t.Errorf("%s: status %d\n%s", args, status, out)
				}
			}
		})
	}
}

func noSecretBelow(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		noSecret(t, path, content)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func noSecret(t *testing.T, where string, content []byte) {
	t.Helper()
	if i := strings.Index(string(content), "CANARY"); i >= 0 {
		t.Errorf("%s: a secret: …%s…", where, content[max(0, i-60):min(len(content), i+40)])
	}
	// The base64 of "someone:CANARY-PASSWORD" has this in it.
	if strings.Contains(string(content), "c29tZW9uZTpDQU5BUlk") {
		t.Errorf("%s: the credentials in base64", where)
	}
}
