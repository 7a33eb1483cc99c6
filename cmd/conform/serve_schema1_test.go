package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/registryconform/conform/fixtures"
)

// TestServeSchema1 demands that the flag, and it alone, lets signed manifests
// in, and that they come back as they were.
func TestServeSchema1(t *testing.T) {
	t.Parallel()
	source := fixtures.New("serve")
	x := source.Signed("a/b", "latest", []fixtures.Key{source.Key(fixtures.ES384)})
	for _, c := range []struct {
		args   []string
		status int
	}{{nil, http.StatusBadRequest}, {[]string{"--schema1"}, http.StatusCreated}} {
		s := startServe(t, c.args...)
		for _, b := range x.Blobs {
			if status, _ := send(t, http.MethodPost, s.url+"/v2/a/b/blobs/uploads/?digest="+b.Digest.String(), "application/octet-stream", b.Content); status != http.StatusCreated {
				t.Errorf("blob: %d", status)
			}
		}
		if status, body := send(t, http.MethodPut, s.url+"/v2/a/b/manifests/latest", x.MediaType, x.Content); status != c.status {
			t.Errorf("%v: %d %s", c.args, status, body)
		}
		if _, body := send(t, http.MethodGet, s.url+"/v2/a/b/manifests/latest", "", nil); c.status == http.StatusCreated && !bytes.Equal(body, x.Content) {
			t.Errorf("%v: %s", c.args, body)
		}
		if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		s.end(t)
	}
}

func send(t *testing.T, method, url, contentType string, body []byte) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, content
}
