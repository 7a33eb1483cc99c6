package azure_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/registryconform/conform/ci/backends/nemesis"
	"github.com/registryconform/conform/reference/driver/azure"
)

// TestShorterReplacement: the connection of a reader breaks, and the blob is replaced
// by one that ends before. No reader may take the beginning for all.
func TestShorterReplacement(t *testing.T) {
	t.Parallel()
	server := start(t)
	p, proxied := behind(t, server)
	d, other := open(t, proxied, nil), open(t, server, nil)
	must(t, d.PutContent(t.Context(), "/object", pattern(mebi)))
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

// TestLateCommit: a commit that comes late, and whose writer has failed, drops blocks
// of the writer that went on. That one's commit must not succeed without them.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	server := start(t)
	p, proxied := behind(t, server)
	d := open(t, proxied, map[string]any{"chunksize": 1024})
	first := begin(t, d, "/object", false, pattern(2048))
	ctx, cancel := context.WithCancel(t.Context())
	held, release, done := make(chan bool), make(chan bool), make(chan bool)
	late := false
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if isCommit(r) && !late {
			late = true
			// The request is under way, and reaches the server much later.
			body, err := io.ReadAll(r.Body)
			must(t, err)
			go func() {
				defer close(done)
				<-release
				r = r.Clone(context.Background())
				r.Body = io.NopCloser(bytes.NewReader(body))
				answer, err := p.Send(r)
				if err != nil || answer.StatusCode != http.StatusCreated {
					t.Error(answer, err)
				}
				answer.Body.Close()
			}()
			close(held)
			panic(http.ErrAbortHandler)
		}
		p.Pass(w, r)
	})
	go func() { <-held; cancel() }()
	if err := first.Commit(ctx); err == nil {
		t.Fatal("Commit succeeded")
	}
	must(t, first.Close())
	next, err := d.Writer(t.Context(), "/object", true)
	must(t, err)
	if next.Size() != 2048 {
		t.Fatal(next.Size())
	}
	_, err = next.Write(pattern(5000)[2048:])
	must(t, err)
	close(release)
	<-done
	err = next.Commit(t.Context())
	got, gerr := d.GetContent(t.Context(), "/object")
	must(t, gerr)
	if err == nil && len(got) != 5000 {
		t.Errorf("Commit of 5000 bytes succeeds, and the content has %d", len(got))
	}
}

// TestDeleteRefusedOnce: a delete that the server refused to do deleted nothing.
func TestDeleteRefusedOnce(t *testing.T) {
	t.Parallel()
	server := start(t)
	p, proxied := behind(t, server)
	d := open(t, proxied, nil)
	n := 0
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 && r.Method == http.MethodDelete {
			nemesis.Refuse(w, r, http.StatusServiceUnavailable, "ServerBusy")
			return
		}
		p.Pass(w, r)
	})
	if err := d.Delete(t.Context(), "/nothing"); !isNotFound(err) {
		t.Errorf("Delete of nothing: %v", err)
	}
}

// TestAnswersWithoutATag: an answer without an entity tag is an error where that tells
// versions apart, and one without a list is no empty list.
func TestAnswersWithoutATag(t *testing.T) {
	t.Parallel()
	server := start(t)
	p, proxied := behind(t, server)
	d := open(t, proxied, map[string]any{"max_retries": 0})
	must(t, d.PutContent(t.Context(), "/object", []byte("x")))
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		answer, err := p.Send(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		answer.Header.Del("ETag")
		p.Answer(w, r, answer, answer.Body)
	})
	content, err := d.GetContent(t.Context(), "/object")
	if string(content) != "x" || err != nil {
		t.Errorf("GetContent: %q, %v", content, err)
	}
	for name, call := range map[string]func() error{
		"Stat":       func() error { _, err := d.Stat(t.Context(), "/object"); return err },
		"PutContent": func() error { return d.PutContent(t.Context(), "/object", nil) },
		"Writer":     func() error { _, err := d.Writer(t.Context(), "/object2", false); return err },
		"Move":       func() error { return d.Move(t.Context(), "/object", "/to") },
	} {
		if err := call(); err == nil || isNotFound(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		io.WriteString(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><NextMarker/></EnumerationResults>`)
	})
	if names, err := d.List(t.Context(), "/"); err == nil {
		t.Errorf("an answer without a list is one of %v", names)
	}
}

// A token is a credential that any server takes.
type token struct{}

func (token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestRedirectWaitsNoLongerThanItsContext: nor does who waits for a key that another
// has asked for.
func TestRedirectWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	asked, end := make(chan bool, 10), make(chan bool)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(end)
	d, err := azure.New(azure.Parameters{
		AccountName: "account", Container: "conform", ServiceURL: server.URL, SkipVerify: true, Credential: token{}, MaxRetries: -1,
	})
	must(t, err)
	first, cancel := context.WithCancel(t.Context())
	defer cancel()
	go d.RedirectURL(httptest.NewRequestWithContext(first, "GET", "/", nil), "/object")
	<-asked
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	done := make(chan error, 1)
	go func() {
		_, err := d.RedirectURL(httptest.NewRequestWithContext(ctx, "GET", "/", nil), "/object")
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("a call waits 5 s with a context of 100 ms")
	}
}

// TestMoveLosesNothingThatWasThere: a move to a path that has content, which is given
// up while the server copies, lets the copy go on.
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
