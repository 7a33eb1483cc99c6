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

// TestShorterReplacement: the connection of a reader breaks, and the blob is replaced by one that ends
// before: no reader may take the beginning for all.
func TestShorterReplacement(t *testing.T) {
	t.Parallel()
	server := start(t)
	p, proxied := behind(t, server)
	d, other := open(t, proxied, nil), open(t, server, nil)
	must(t, d.PutContent(t.Context(), "/object", pattern(mebi)))
	cut, n := nemesis.CutBodies(), 0
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		if n++; n > 1 {
			p.Pass(w, r)
			return
		}
		defer func() {
			failed := recover()
			if err := other.PutContent(t.Context(), "/object", []byte("short")); err != nil {
				t.Error(err)
			}
			panic(failed)
		}()
		cut(p, w, r)
	})
	got, err := d.GetContent(t.Context(), "/object")
	t.Log(p.Statuses(), len(got), err)
	if err == nil && len(got) != mebi && string(got) != "short" {
		t.Errorf("GetContent gives %d bytes of %d, and no error", len(got), mebi)
	}
}

// TestLateCommit: a commit that comes late, and whose writer has failed, drops blocks of the
// writer that went on. That one's commit must not succeed without them.
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
			body := new(keptBody)
			must(t, body.read(r))
			go func() {
				defer close(done)
				<-release
				r = r.Clone(context.Background())
				r.Body = body.again()
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
	t.Log(err, len(got))
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

// TestAnswersWithoutATag: an answer without an entity tag is an error, no panic.
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
	for name, call := range map[string]func() error{
		"Stat":       func() error { _, err := d.Stat(t.Context(), "/object"); return err },
		"GetContent": func() error { _, err := d.GetContent(t.Context(), "/object"); return err },
		"PutContent": func() error { return d.PutContent(t.Context(), "/object", nil) },
		"Writer":     func() error { _, err := d.Writer(t.Context(), "/object2", false); return err },
	} {
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("%s: panic: %v", name, r)
				}
			}()
			t.Log(name, call())
		}()
	}
	p.Use(func(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.Write([]byte(`<?xml version="1.0" encoding="utf-8"?><EnumerationResults><NextMarker/></EnumerationResults>`))
	})
	func() {
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("List of an answer without Blobs: panic: %v", r)
			}
		}()
		_, err := d.List(t.Context(), "/")
		t.Log("List", err)
	}()
}

type token struct{}

func (token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestRedirectWaitsNoLongerThanItsContext: who waits for a key that another has asked for waits no longer than its context.
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

// A keptBody can be sent again.
type keptBody struct{ b []byte }

func (k *keptBody) read(r *http.Request) (err error) { k.b, err = io.ReadAll(r.Body); return err }
func (k *keptBody) again() io.ReadCloser             { return io.NopCloser(bytes.NewReader(k.b)) }

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
