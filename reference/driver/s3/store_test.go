package s3_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/ci/backends/nemesis"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/s3"
)

// pattern is n bytes of which no two stretches are alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	state := uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

// upload writes content and leaves it uncommitted, unless commit is set.
func upload(t *testing.T, d *s3.Driver, path string, content []byte, commit bool) {
	t.Helper()
	w, err := d.Writer(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(content); err == nil && commit {
		err = w.Commit(t.Context())
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, d *s3.Driver, path string, want []byte) {
	t.Helper()
	got, err := d.GetContent(t.Context(), path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s holds %d bytes, %v; want %d", path, len(got), err, len(want))
	}
}

func isNotFound(err error) bool {
	_, ok := errors.AsType[driver.PathNotFoundError](err)
	return ok
}

// TestMoveInParts moves an object that is copied in parts, the last of them
// small, and leaves nothing behind.
func TestMoveInParts(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	d := open(t, server, map[string]any{
		"multipartcopythresholdsize": "5242880", "multipartcopychunksize": 5 * mebi, "multipartcopymaxconcurrency": "3",
	})
	content := pattern(16*mebi + 7)
	upload(t, d, "/from/object", content, true)
	if err := d.Move(t.Context(), "/from/object", "/to/object"); err != nil {
		t.Fatal(err)
	}
	holds(t, d, "/to/object", content)
	if _, err := d.Stat(t.Context(), "/from"); !isNotFound(err) {
		t.Errorf("Stat of where it was: %v", err)
	}
	if err := d.Move(t.Context(), "/to/object", "/to/object"); err != nil {
		t.Errorf("Move onto itself: %v", err)
	}
	holds(t, d, "/to/object", content)
	if n, err := d.AbortOrphans(t.Context(), time.Now().Add(time.Hour), nobody); n != 0 || err != nil {
		t.Errorf("%d uploads are left, %v", n, err)
	}
}

// TestMoveOfWhatIsReplaced replaces an object while it is copied in parts: what it
// moves are the bytes of one or of the other. If that happens all the time, the
// move fails.
func TestMoveOfWhatIsReplaced(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	b := bucket{server: server, client: raw(server)}
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	d := open(t, server, map[string]any{
		"regionendpoint": p.URL.String(), "rootdirectory": "replaced",
		"multipartcopythresholdsize": 1, "multipartcopychunksize": 5 * mebi, "multipartcopymaxconcurrency": 1,
	})
	for _, times := range []int{1, 1000} {
		upload(t, d, "/from", pattern(11*mebi), true)
		var after []byte
		left := times
		p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
			p.Pass(w, r)
			if r.URL.Query().Get("partNumber") == "1" && left > 0 {
				left--
				after = binary.BigEndian.AppendUint32(bytes.Repeat([]byte("2"), 11*mebi), uint32(left))
				if err := b.put("replaced/from", after); err != nil {
					t.Error(err)
				}
			}
		})
		err := d.Move(t.Context(), "/from", "/to")
		p.Use(nil)
		if times == 1 {
			if err != nil {
				t.Fatal(err)
			}
			holds(t, d, "/to", after)
			continue
		}
		if err == nil || left == times {
			t.Errorf("after %d replacements: %v", times-left, err)
		}
		holds(t, d, "/from", after)
	}
	if n, err := d.AbortOrphans(t.Context(), time.Now().Add(time.Hour), nobody); n != 0 || err != nil {
		t.Errorf("%d uploads are left, %v", n, err)
	}
}

// TestCopyIsNoUpload demands that a writer does not take a copy that never
// ended for an upload to go on with.
func TestCopyIsNoUpload(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	d := open(t, server, map[string]any{"regionendpoint": p.URL.String(), "multipartcopythresholdsize": 1, "multipartcopychunksize": 5 * mebi})
	upload(t, d, "/from", pattern(6*mebi), true)
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		// The upload can be neither completed nor aborted any more.
		if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") || r.Method == http.MethodDelete {
			nemesis.Refuse(w, r, http.StatusForbidden, "AccessDenied")
			return
		}
		p.Pass(w, r)
	})
	if err := d.Move(t.Context(), "/from", "/to"); err == nil {
		t.Fatal("Move succeeded")
	}
	p.Use(nil)
	w, err := d.Writer(t.Context(), "/to", true)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.Size(); n != 0 {
		t.Errorf("a writer goes on with %d bytes of a copy", n)
	}
	if err := errors.Join(w.Cancel(t.Context()), w.Close()); err != nil {
		t.Error(err)
	}
	if n, err := d.AbortOrphans(t.Context(), time.Now().Add(time.Hour), nobody); n != 1 || err != nil {
		t.Errorf("%d uploads were left, %v; want the copy", n, err)
	}
	holds(t, d, "/from", pattern(6*mebi))
}

// nobody wants to keep anything.
func nobody(string) (bool, error) { return false, nil }

// TestAbortOrphans aborts what is old, its tail too, and nothing else.
func TestAbortOrphans(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	d, other := open(t, server, map[string]any{"rootdirectory": "a"}), open(t, server, map[string]any{"rootdirectory": "ab"})
	upload(t, d, "/u/data", pattern(100), false)
	upload(t, other, "/u/data", pattern(200), false)
	if n, err := d.AbortOrphans(t.Context(), time.Now().Add(-time.Hour), nobody); n != 0 || err != nil {
		t.Fatalf("%d young uploads are aborted, %v", n, err)
	}
	upload(t, d, "/kept/data", pattern(300), false)
	kept := func(path string) (bool, error) { return path == "/kept/data", nil }
	if n, err := d.AbortOrphans(t.Context(), time.Now().Add(time.Hour), kept); n != 1 || err != nil {
		t.Fatalf("%d uploads are aborted, %v; want 1", n, err)
	}
	for _, c := range []struct {
		d    *s3.Driver
		path string
		size int64
	}{{d, "/u/data", 0}, {other, "/u/data", 200}, {d, "/kept/data", 300}} {
		w, err := c.d.Writer(t.Context(), c.path, true)
		if err != nil {
			t.Fatal(err)
		}
		if w.Size() != c.size {
			t.Errorf("an upload has %d bytes; want %d", w.Size(), c.size)
		}
		w.Close()
	}
	root := open(t, server, nil)
	seen := 0
	if err := root.Walk(t.Context(), "/", func(i driver.FileInfo) error { seen++; return nil }); err != nil || seen != 0 {
		t.Errorf("a walk from above sees %d entries, %v", seen, err)
	}
}

// TestListingCutShort demands an error where a server leaves the rest out.
func TestListingCutShort(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	d := open(t, server, map[string]any{"regionendpoint": p.URL.String()})
	for _, path := range []string{"/d/a", "/d/b", "/d/c", "/d/d", "/d/e"} {
		if err := d.PutContent(t.Context(), path, []byte(path)); err != nil {
			t.Fatal(err)
		}
	}
	p.Use(nemesis.ForgetTokens(3))
	if l, err := d.List(t.Context(), "/d"); err == nil {
		t.Errorf("List gives %v", l)
	}
	seen := 0
	if err := d.Walk(t.Context(), "/d", func(driver.FileInfo) error { seen++; return nil }); err == nil {
		t.Errorf("Walk ends after %d entries without an error", seen)
	}
	if err := d.Delete(t.Context(), "/d"); err == nil || isNotFound(err) {
		t.Errorf("Delete: %v", err)
	}
}

// TestReaderGoesOn reads through connections that break, as long as the object
// is the same.
func TestReaderGoesOn(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	d := open(t, server, map[string]any{"regionendpoint": p.URL.String()})
	content := pattern(mebi)
	if err := d.PutContent(t.Context(), "/object", content); err != nil {
		t.Fatal(err)
	}
	cut := nemesis.CutBodies()
	broken := 0
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if broken++; broken <= 3 {
			cut(p, w, r)
			return
		}
		p.Pass(w, r)
	})
	r, err := d.Reader(t.Context(), "/object", 5)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, content[5:]) || broken != 4 {
		t.Errorf("%d bytes, %v, after %d requests", len(got), err, broken)
	}
	broken = 0
	r, err = d.Reader(t.Context(), "/object", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := open(t, server, nil).PutContent(t.Context(), "/object", pattern(2 * mebi)[mebi:]); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("%d bytes of two versions, %v", len(got), err)
	}
}

// TestLastAnswerLost commits although the answer to the commit is lost and
// repeated requests find no upload.
func TestLastAnswerLost(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	d := open(t, server, map[string]any{"regionendpoint": p.URL.String()})
	lost := 0
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") {
			if lost++; lost == 1 {
				answer, err := p.Send(r)
				if err == nil {
					io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
				}
				panic(http.ErrAbortHandler)
			}
			nemesis.Refuse(w, r, http.StatusNotFound, "NoSuchUpload")
			return
		}
		p.Pass(w, r)
	})
	upload(t, d, "/object", pattern(11*mebi), true)
	holds(t, d, "/object", pattern(11*mebi))
	if lost < 2 {
		t.Errorf("the commit was sent %d times", lost)
	}
	// Where the upload is really gone, the commit fails.
	w, err := d.Writer(t.Context(), "/other", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(t.Context(), "/other"); !isNotFound(err) {
		t.Errorf("Delete of what is uncommitted: %v", err)
	}
	if err := w.Commit(context.Background()); !errors.Is(err, driver.DiscardedError{DriverName: "s3"}) {
		t.Errorf("Commit of what was deleted: %v", err)
	}
	w.Close()
}
