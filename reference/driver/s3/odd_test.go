package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/ci/backends/nemesis"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/s3"
)

// behind returns a proxy before the server, and a driver behind it.
func behind(t *testing.T, server backends.S3, settings map[string]any) (*nemesis.Proxy, *s3.Driver) {
	t.Helper()
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	return p, open(t, server, merged(map[string]any{"regionendpoint": p.URL.String()}, settings))
}

// TestShorterReplacement: the connection of a reader breaks, and the object is
// replaced by one that ends before. No reader may take the beginning for all.
func TestShorterReplacement(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p, d := behind(t, server, nil)
	other := open(t, server, nil)
	if err := d.PutContent(t.Context(), "/object", pattern(mebi)); err != nil {
		t.Fatal(err)
	}
	p.Use(nemesis.CutOnce(func() {
		if err := other.PutContent(t.Context(), "/object", []byte("short")); err != nil {
			t.Error(err)
		}
	}, (*nemesis.Proxy).Pass))
	got, err := d.GetContent(t.Context(), "/object")
	if err == nil && len(got) != mebi && string(got) != "short" {
		t.Errorf("GetContent gives %d bytes of %d, and no error", len(got), mebi)
	}
}

// TestGoesOnAfterFailedCommit: a commit that fails leaves an upload that another
// writer can go on with.
func TestGoesOnAfterFailedCommit(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p, d := behind(t, server, nil)
	for name, first := range map[string]string{"/empty": "", "/some": "abc"} {
		w, err := d.Writer(t.Context(), name, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, first); err != nil {
			t.Fatal(err)
		}
		p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") {
				nemesis.Refuse(w, r, http.StatusServiceUnavailable, "SlowDown")
				return
			}
			p.Pass(w, r)
		})
		if err := w.Commit(t.Context()); err == nil {
			t.Fatal("Commit succeeded")
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		p.Use(nil)
		w, err = d.Writer(t.Context(), name, true)
		if err != nil {
			t.Fatal(err)
		}
		if w.Size() != int64(len(first)) {
			t.Errorf("%d bytes", w.Size())
		}
		if _, err := io.WriteString(w, "def"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Commit(t.Context()), w.Close()); err != nil {
			t.Errorf("%s: the next Commit: %v", name, err)
			continue
		}
		holds(t, d, name, []byte(first+"def"))
	}
}

// TestMoveLosesNoPut: what is put to the source while it is moved is in one place or
// the other.
func TestMoveLosesNoPut(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p, d := behind(t, server, nil)
	other := open(t, server, nil)
	if err := d.PutContent(t.Context(), "/from", []byte("first")); err != nil {
		t.Fatal(err)
	}
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		p.Pass(w, r)
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			if err := other.PutContent(t.Context(), "/from", []byte("second")); err != nil {
				t.Error(err)
			}
		}
	})
	if err := d.Move(t.Context(), "/from", "/to"); err != nil {
		t.Fatal(err)
	}
	from, ferr := d.GetContent(t.Context(), "/from")
	to, terr := d.GetContent(t.Context(), "/to")
	if string(from) != "second" && string(to) != "second" {
		t.Errorf("/from holds %q, %v; /to holds %q, %v: what was put is lost", from, ferr, to, terr)
	}
}

// TestCopyPartWithoutBody: an answer without a body is no part.
func TestCopyPartWithoutBody(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p, d := behind(t, server, map[string]any{"multipartcopythresholdsize": 1, "multipartcopychunksize": 5 * mebi})
	upload(t, d, "/from", pattern(6*mebi), true)
	for _, body := range []string{"<CopyPartResult></CopyPartResult>", "<Other></Other>", ""} {
		p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Amz-Copy-Source") != "" {
				w.Header().Set("Content-Type", "application/xml")
				io.Copy(w, bytes.NewReader([]byte(body)))
				return
			}
			p.Pass(w, r)
		})
		if err := d.Move(t.Context(), "/from", "/to"); err == nil {
			t.Errorf("%q: Move succeeded", body)
		}
	}
}

// TestMoveWithoutBucket: no bucket is not the same as no object.
func TestMoveWithoutBucket(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	d := open(t, server, map[string]any{"bucket": "nobody-has-this"})
	if err := d.Move(t.Context(), "/a", "/b"); err == nil || isNotFound(err) {
		t.Errorf("Move: %v", err)
	}
	if err := d.Move(t.Context(), "/a", "/a"); err == nil || isNotFound(err) {
		t.Errorf("Move: %v", err)
	}
	if _, err := d.Reader(t.Context(), "/a", 0); err == nil || isNotFound(err) {
		t.Errorf("Reader: %v", err)
	}
}

// TestWeakConditions: over a server that looks at the range first, or at no condition,
// a reader gives no part of one version for all of another, nor bytes of two.
func TestWeakConditions(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	for name, weak := range map[string]nemesis.Fault{
		"range first": func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
			nemesis.Refuse(w, r, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		},
		"no conditions": func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Match")
			if p.Sign(r) != nil {
				panic(http.ErrAbortHandler)
			}
			p.Pass(w, r)
		},
	} {
		p, d := behind(t, server, nil)
		other := open(t, server, nil)
		old, new := pattern(mebi), pattern(2 * mebi)[mebi:]
		if err := d.PutContent(t.Context(), "/object", old); err != nil {
			t.Fatal(err)
		}
		p.Use(nemesis.CutOnce(func() {
			if err := other.PutContent(t.Context(), "/object", new); err != nil {
				t.Error(err)
			}
		}, weak))
		got, err := d.GetContent(t.Context(), "/object")
		if err == nil && !bytes.Equal(got, old) && !bytes.Equal(got, new) {
			t.Errorf("%s: GetContent gives %d bytes of neither version, and no error", name, len(got))
		}
	}
}

// TestMoveWithoutConditions: a server that takes no condition for a delete is asked
// without.
func TestMoveWithoutConditions(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p, d := behind(t, server, nil)
	upload(t, d, "/from", pattern(100), true)
	refused := 0
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete && r.Header.Get("If-Match") != "" {
			refused++
			nemesis.Refuse(w, r, http.StatusNotImplemented, "NotImplemented")
			return
		}
		p.Pass(w, r)
	})
	if err := d.Move(t.Context(), "/from", "/to"); err != nil || refused == 0 {
		t.Fatalf("Move: %v; %d deletes were refused", err, refused)
	}
	holds(t, d, "/to", pattern(100))
	if _, err := d.Stat(t.Context(), "/from"); !isNotFound(err) {
		t.Errorf("Stat of where it was: %v", err)
	}
}

// TestListingThatStandsStill: a listing that stands still is cut short.
func TestListingThatStandsStill(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p, d := behind(t, server, nil)
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

// TestHintTellsNothingTwice: a walk with a hint tells nothing twice, over pages of one
// key.
func TestHintTellsNothingTwice(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p, d := behind(t, server, nil)
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
