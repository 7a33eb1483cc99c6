package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// TestStateIsSigned: the state in an upload's URL is taken from any server with
// the secret (S-169, S-171), and refused if a byte of it was changed, or if
// another secret signed it, a random one included (S-170, K-85).
func TestStateIsSigned(t *testing.T) {
	t.Parallel()
	store := inmemory.New(inmemory.Parameters{})
	open := func(secret string) *site {
		return serve(t, server.New(storage.New(store, storage.Options{}), server.Options{Secret: []byte(secret)}))
	}
	a, b := open("shared"), open("shared")
	at := a.begin("r")
	b.do("GET", at, "").want(204)
	for _, secret := range []string{"other", "", ""} {
		stranger := open(secret)
		stranger.do("PATCH", at, "x").want(400, "BLOB_UPLOAD_INVALID")
		a.do("PATCH", stranger.begin("r"), "x").want(400, "BLOB_UPLOAD_INVALID")
	}
	path, state, _ := strings.Cut(at, "?_state=")
	state, err := url.QueryUnescape(state)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(state, "="))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		a.do("GET", path+"?_state="+base64.RawURLEncoding.EncodeToString(changed), "").want(400, "BLOB_UPLOAD_INVALID")
	}
	for _, cut := range []int{0, 1, 31, 32, len(raw) - 1} {
		if cut > 0 {
			a.do("GET", path+"?_state="+base64.RawURLEncoding.EncodeToString(raw[:cut]), "").want(400, "BLOB_UPLOAD_INVALID")
		}
	}
	a.do("PATCH", at, "x").want(202)
}

// TestLocationsAreTheServersOwn, whatever a request says of hosts (K-92).
func TestLocationsAreTheServersOwn(t *testing.T) {
	t.Parallel()
	s := open(t, server.Options{}, storage.Options{})
	for _, header := range []string{"Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded"} {
		got := s.do("POST", "/v2/a/blobs/uploads/", "", header, "evil.example").want(202).header.Get("Location")
		if !strings.HasPrefix(got, "/v2/a/blobs/uploads/") {
			t.Errorf("with %s: Location %s", header, got)
		}
	}
}

// TestLogHasOneLineForEachRequest at the level of info, with the id that the
// answer bears, which no two share (S-071, S-078).
func TestLogHasOneLineForEachRequest(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := server.New(storage.New(inmemory.New(inmemory.Parameters{}), storage.Options{}),
		server.Options{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	var ids []string
	for _, path := range []string{"/v2/", "/v2/a/tags/list", "/v2/_catalog"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		ids = append(ids, w.Header().Get("X-Request-Id"))
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != len(ids) {
		t.Fatalf("%d lines for %d requests: %s", len(lines), len(ids), log.String())
	}
	seen := map[string]bool{}
	for i, line := range lines {
		var entry struct{ ID string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.ID != ids[i] || entry.ID == "" || seen[entry.ID] {
			t.Errorf("line %s of the request %s, %v", line, ids[i], err)
		}
		seen[entry.ID] = true
	}
}
