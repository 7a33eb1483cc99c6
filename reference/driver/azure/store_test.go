package azure_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/appendblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/ci/backends/nemesis"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/azure"
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

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// begin opens a writer and writes.
func begin(t *testing.T, d *azure.Driver, path string, append bool, content []byte) driver.FileWriter {
	t.Helper()
	w, err := d.Writer(t.Context(), path, append)
	must(t, err)
	_, err = w.Write(content)
	must(t, err)
	return w
}

func holds(t *testing.T, d *azure.Driver, path string, want []byte) {
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

// TestStore does what no rule for all drivers can ask for. The server is one for
// all; each part has a root directory of its own.
func TestStore(t *testing.T) {
	server := start(t)
	for name, test := range map[string]func(*testing.T, backends.Azure, string){
		"a commit whose answer is lost":           commitAnswerLost,
		"a delete whose answer is lost":           deleteAnswerLost,
		"a crash between a commit and its record": crashAfterCommit,
		"a writer that was left behind":           writerLeftBehind,
		"a write that takes away the blocks":      blocksTakenAway,
		"blobs of another type":                   otherTypes,
		"a reader whose connection breaks":        readerGoesOn,
		"a copy that is not at once":              slowCopy,
		"a copy that fails":                       failedCopy,
		"a source replaced during a move":         sourceReplaced,
		"no name of its own in view":              recordsUnseen,
		"errors in one line":                      oneLine,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server, newRoot())
		})
	}
}

// loseOnce gives no answer to the first request that is meant, and passes on all
// else.
func loseOnce(meant func(*http.Request) bool) (nemesis.Fault, *int) {
	sent := new(int)
	return func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if !meant(r) {
			p.Pass(w, r)
			return
		}
		if *sent++; *sent > 1 {
			p.Pass(w, r)
			return
		}
		if answer, err := p.Send(r); err == nil {
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		panic(http.ErrAbortHandler)
	}, sent
}

func isCommit(r *http.Request) bool {
	return r.URL.Query().Get("comp") == "blocklist" && r.Method == http.MethodPut
}

func commitAnswerLost(t *testing.T, server backends.Azure, root string) {
	p, server := behind(t, server)
	d := open(t, server, map[string]any{"rootdirectory": root, "chunksize": mebi})
	fault, sent := loseOnce(isCommit)
	p.Use(fault)
	w := begin(t, d, "/object", false, pattern(3*mebi+1))
	must(t, w.Commit(t.Context()), w.Close())
	holds(t, d, "/object", pattern(3*mebi+1))
	if *sent != 2 {
		t.Errorf("the commit was sent %d times", *sent)
	}
}

func deleteAnswerLost(t *testing.T, server backends.Azure, root string) {
	p, server := behind(t, server)
	d := open(t, server, map[string]any{"rootdirectory": root})
	must(t, d.PutContent(t.Context(), "/object", nil))
	fault, sent := loseOnce(func(r *http.Request) bool { return r.Method == http.MethodDelete })
	p.Use(fault)
	if err := d.Delete(t.Context(), "/object"); err != nil || *sent != 2 {
		t.Errorf("Delete, sent %d times: %v", *sent, err)
	}
	if err := d.Delete(t.Context(), "/object"); !isNotFound(err) {
		t.Errorf("a second Delete: %v", err)
	}
}

// crashAfterCommit leaves the record of an upload that is committed: nothing is
// resumed from it.
func crashAfterCommit(t *testing.T, server backends.Azure, root string) {
	p, behind := behind(t, server)
	d := open(t, behind, map[string]any{"rootdirectory": root, "max_retries": 0})
	for name, content := range map[string][]byte{"/blocks": pattern(5 * mebi), "/put": pattern(10)} {
		w := begin(t, d, name, false, content)
		p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				nemesis.Refuse(w, r, http.StatusForbidden, "AuthorizationFailure")
				return
			}
			p.Pass(w, r)
		})
		must(t, w.Commit(t.Context()), w.Close())
		p.Use(nil)
		_, err := d.Writer(t.Context(), name, true)
		if _, ok := errors.AsType[driver.CommittedError](err); !ok {
			t.Errorf("%s: append to committed content: %v", name, err)
		}
		holds(t, d, name, content)
	}
}

func writerLeftBehind(t *testing.T, server backends.Azure, root string) {
	d := open(t, server, map[string]any{"rootdirectory": root})
	ctx := t.Context()
	old := begin(t, d, "/object", false, []byte("old"))
	must(t, old.Close())
	left := begin(t, d, "/object", true, []byte(" and left"))
	next := begin(t, d, "/object", true, []byte(" and new"))
	for name, err := range map[string]error{"Cancel after Close": old.Cancel(ctx), "Commit": left.Commit(ctx), "Close": left.Close()} {
		if err == nil || !strings.Contains(err.Error(), "another writer") {
			t.Errorf("%s of a writer that was left behind: %v", name, err)
		}
	}
	must(t, next.Commit(ctx), next.Close())
	holds(t, d, "/object", []byte("old and new"))

	// Where all was deleted there is nothing left to cancel.
	gone := begin(t, d, "/gone", false, []byte("x"))
	if err := d.Delete(ctx, "/gone"); !isNotFound(err) {
		t.Errorf("Delete of what is uncommitted: %v", err)
	}
	if err := gone.Commit(ctx); !errors.Is(err, driver.DiscardedError{DriverName: "azure"}) {
		t.Errorf("Commit of what was deleted: %v", err)
	}
	must(t, gone.Cancel(ctx), gone.Close())
}

// blocksTakenAway demands an error where the server has dropped what was
// acknowledged: never less than that.
func blocksTakenAway(t *testing.T, server backends.Azure, root string) {
	d := open(t, server, map[string]any{"rootdirectory": root, "chunksize": 1024})
	ctx := t.Context()
	w := begin(t, d, "/object", false, pattern(5000))
	// The server of these tests keeps blocks after a put. Microsoft's doesn't.
	_, err := blockBlob(t, server, root+"/object").CommitBlockList(ctx, nil, nil)
	must(t, err)
	if err := w.Commit(ctx); err == nil || !strings.Contains(err.Error(), "discarded") || strings.Contains(err.Error(), "RESPONSE") {
		t.Errorf("Commit: %v", err)
	}
	must(t, w.Close())
	if w, err := d.Writer(ctx, "/object", true); err == nil || !strings.Contains(err.Error(), "bytes are missing") {
		t.Errorf("Writer: %v, %v", w, err)
	}
	holds(t, d, "/object", nil)
	w = begin(t, d, "/object", false, pattern(6000))
	must(t, w.Commit(ctx), w.Close())
	holds(t, d, "/object", pattern(6000))
}

// otherTypes reads append blobs, as other software makes them, and replaces
// them.
func otherTypes(t *testing.T, server backends.Azure, root string) {
	d := open(t, server, map[string]any{"rootdirectory": root})
	ctx := t.Context()
	for _, name := range []string{"put", "written", "moved"} {
		makeAppendBlob(t, server, root+"/"+name, []byte("append blob"))
		holds(t, d, "/"+name, []byte("append blob"))
	}
	must(t, d.PutContent(ctx, "/put", []byte("new")))
	holds(t, d, "/put", []byte("new"))
	w := begin(t, d, "/written", false, []byte("new"))
	must(t, w.Commit(ctx), w.Close())
	holds(t, d, "/written", []byte("new"))
	must(t, d.Move(ctx, "/put", "/moved"))
	holds(t, d, "/moved", []byte("new"))
	makeAppendBlob(t, server, root+"/put", []byte("append blob"))
	must(t, d.Move(ctx, "/put", "/elsewhere"))
	holds(t, d, "/elsewhere", []byte("append blob"))
}

// place returns the URL of a blob, and what signs requests for it.
func place(t *testing.T, server backends.Azure, key string) (string, *blob.SharedKeyCredential) {
	t.Helper()
	cred, err := blob.NewSharedKeyCredential(server.Account, server.Key)
	must(t, err)
	return server.URL.String() + "/" + bucket + "/" + key, cred
}

func blockBlob(t *testing.T, server backends.Azure, key string) *blockblob.Client {
	t.Helper()
	where, cred := place(t, server, key)
	c, err := blockblob.NewClientWithSharedKeyCredential(where, cred, nil)
	must(t, err)
	return c
}

func makeAppendBlob(t *testing.T, server backends.Azure, key string, content []byte) {
	t.Helper()
	where, cred := place(t, server, key)
	c, err := appendblob.NewClientWithSharedKeyCredential(where, cred, nil)
	must(t, err)
	_, err = c.Create(t.Context(), nil)
	must(t, err)
	_, err = c.AppendBlock(t.Context(), streaming.NopCloser(bytes.NewReader(content)), nil)
	must(t, err)
}

// readerGoesOn reads through connections that break, as long as the blob is the
// same.
func readerGoesOn(t *testing.T, server backends.Azure, root string) {
	p, proxied := behind(t, server)
	d := open(t, proxied, map[string]any{"rootdirectory": root})
	content := pattern(mebi)
	must(t, d.PutContent(t.Context(), "/object", content))
	cut, requests := nemesis.CutBodies(), 0
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if requests++; requests <= 3 {
			cut(p, w, r)
			return
		}
		p.Pass(w, r)
	})
	r, err := d.Reader(t.Context(), "/object", 5)
	must(t, err)
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content[5:]) || requests != 4 {
		t.Errorf("%d bytes, %v, after %d requests", len(got), err, requests)
	}
	requests = 0
	r, err = d.Reader(t.Context(), "/object", 0)
	must(t, err)
	defer r.Close()
	must(t, open(t, server, map[string]any{"rootdirectory": root}).PutContent(t.Context(), "/object", pattern(2 * mebi)[mebi:]))
	if got, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("%d bytes of two versions, %v", len(got), err)
	}
}

func isCopy(r *http.Request) bool { return r.Header.Get("X-Ms-Copy-Source") != "" }

// status has the server tell another state of a copy, until it ends.
func status(told string, until func() bool) nemesis.Fault {
	return func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		answer, err := p.Send(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		if answer.Header.Get("X-Ms-Copy-Status") != "" && !until() {
			answer.Header.Set("X-Ms-Copy-Status", told)
		}
		p.Answer(w, r, answer, answer.Body)
	}
}

func slowCopy(t *testing.T, server backends.Azure, root string) {
	p, proxied := behind(t, server)
	d := open(t, proxied, map[string]any{"rootdirectory": root})
	must(t, d.PutContent(t.Context(), "/from", []byte("content")))
	looked := 0
	p.Use(status("pending", func() bool { looked++; return looked > 3 }))
	must(t, d.Move(t.Context(), "/from", "/to"))
	if looked != 4 {
		t.Errorf("the copy was looked at %d times", looked)
	}
	p.Use(nil)
	holds(t, d, "/to", []byte("content"))

	// Whoever doesn't wait any more has the source, and ends the copy.
	must(t, d.PutContent(t.Context(), "/from", []byte("content")))
	ctx, cancel := context.WithCancel(t.Context())
	aborted, looks := false, 0
	pending := status("pending", func() bool {
		if looks++; looks > 1 {
			cancel()
		}
		return false
	})
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		aborted = aborted || r.URL.Query().Get("comp") == "copy"
		pending(p, w, r)
	})
	if err := d.Move(ctx, "/from", "/new"); !errors.Is(err, context.Canceled) || !aborted {
		t.Errorf("Move: %v; the copy was aborted: %v", err, aborted)
	}
	holds(t, d, "/from", []byte("content"))
}

// failedCopy demands that the shell of a copy is no content.
func failedCopy(t *testing.T, server backends.Azure, root string) {
	p, proxied := behind(t, server)
	d := open(t, proxied, map[string]any{"rootdirectory": root})
	must(t, d.PutContent(t.Context(), "/from", []byte("content")))
	p.Use(status("failed", func() bool { return false }))
	if err := d.Move(t.Context(), "/from", "/to"); err == nil || !strings.Contains(err.Error(), "failed") {
		t.Errorf("Move: %v", err)
	}
	holds(t, d, "/from", []byte("content"))
	if _, err := d.Stat(t.Context(), "/to"); !isNotFound(err) {
		t.Errorf("Stat of a failed copy: %v", err)
	}
	if _, err := d.GetContent(t.Context(), "/to"); !isNotFound(err) {
		t.Errorf("GetContent of a failed copy: %v", err)
	}
}

// sourceReplaced puts content to the source once it is copied: it stays.
func sourceReplaced(t *testing.T, server backends.Azure, root string) {
	p, proxied := behind(t, server)
	d, other := open(t, proxied, map[string]any{"rootdirectory": root}), open(t, server, map[string]any{"rootdirectory": root})
	must(t, d.PutContent(t.Context(), "/from", []byte("first")))
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		p.Pass(w, r)
		if isCopy(r) {
			must(t, other.PutContent(t.Context(), "/from", []byte("second")))
		}
	})
	must(t, d.Move(t.Context(), "/from", "/to"))
	holds(t, d, "/to", []byte("first"))
	holds(t, d, "/from", []byte("second"))
}

// recordsUnseen looks from above at a root directory with an upload.
func recordsUnseen(t *testing.T, server backends.Azure, root string) {
	d, above := open(t, server, map[string]any{"rootdirectory": root + "/below"}), open(t, server, map[string]any{"rootdirectory": root})
	must(t, begin(t, d, "/a/b", false, pattern(10)).Close())
	seen := 0
	must(t, above.Walk(t.Context(), "/", func(driver.FileInfo) error { seen++; return nil }))
	if list, err := d.List(t.Context(), "/"); err != nil || len(list) != 0 || seen != 0 {
		t.Errorf("List: %v, %v; a walk from above sees %d", list, err, seen)
	}
}

func oneLine(t *testing.T, server backends.Azure, root string) {
	d := open(t, server, map[string]any{"rootdirectory": root, "accountkey": "d3Jvbmc=", "max_retries": 0})
	_, err := d.GetContent(t.Context(), "/object")
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "403 AuthorizationFailure") {
		t.Errorf("the error is %v", err)
	}
}
