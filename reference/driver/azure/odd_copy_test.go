package azure_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/registryconform/conform/ci/backends/nemesis"
)

// TestMoveLosesNothingThatWasThere: a move to a path that has content, given up
// while the server copies, leaves neither the new nor the old content there.
func TestMoveLosesNothingThatWasThere(t *testing.T) {
	t.Parallel()
	server := start(t)
	p, proxied := behind(t, server)
	d := open(t, proxied, map[string]any{"rootdirectory": "finding"})
	must(t, d.PutContent(t.Context(), "/to", []byte("content")))   // a blob, acknowledged long ago
	must(t, d.PutContent(t.Context(), "/from", []byte("content"))) // it is pushed again
	ctx, cancel := context.WithCancel(t.Context())
	aborted, looks := false, 0
	last := "pending"
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("comp") == "copy" {
			aborted, last = true, "aborted"
		}
		status(last, func() bool {
			if looks++; looks > 1 {
				cancel() // the client goes
			}
			return false
		})(p, w, r)
	})
	if err := d.Move(ctx, "/from", "/to"); !errors.Is(err, context.Canceled) || aborted {
		t.Fatalf("Move: %v; the copy was aborted: %v", err, aborted)
	}
	last = "success"
	holds(t, d, "/to", []byte("content"))
}
