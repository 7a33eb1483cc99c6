package s3_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/ci/backends/nemesis"
	"github.com/registryconform/conform/reference/driver"
)

// TestListingThatStandsStill: a listing that stands still is cut short.
func TestListingThatStandsStill(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	d := open(t, server, map[string]any{"regionendpoint": p.URL.String()})
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Query().Has("uploads") {
			w.Header().Set("Content-Type", "application/xml")
			io.WriteString(w, `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>`)
			return
		}
		p.Pass(w, r)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := d.Delete(ctx, "/a"); err == nil || errors.Is(err, context.DeadlineExceeded) {
		calls, _ := p.Count()
		t.Errorf("after %d requests: %v", calls, err)
	}
}

// TestHintTellsNothingTwice: the same over a real server with pages of one key: a walk with a hint tells nothing twice.
func TestHintTellsNothingTwice(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	d := open(t, server, map[string]any{"regionendpoint": p.URL.String()})
	for _, path := range []string{"/a/x", "/b/m", "/c"} {
		if err := d.PutContent(t.Context(), path, nil); err != nil {
			t.Fatal(err)
		}
	}
	p.Use(nemesis.SmallPages(1))
	n := map[string]int{}
	err := d.Walk(t.Context(), "/", func(i driver.FileInfo) error { n[i.Path()]++; return nil }, driver.WithStartAfterHint("/b/c"))
	if err != nil || n["/b/m"] != 1 || n["/c"] != 1 {
		t.Errorf("%v, %v", n, err)
	}
}
