package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/ci/push"
	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/fsck"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// A faultSite is a site whose driver fails one call.
type faultSite struct {
	t *testing.T
	push.Client
	d     driver.Driver
	kept  fixtures.Manifest // was acknowledged before
	armed atomic.Bool
	calls atomic.Int64
	at    int64
	fault error
	op    atomic.Value // the [faulty.Op] that failed
}

// failed returns the call that failed, "" if none has.
func (f *faultSite) failed() faulty.Op {
	op, _ := f.op.Load().(faulty.Op)
	return op
}

const secretPart = "the-detail-of-the-fault"

func newFaultSite(t *testing.T, at int64, fault error) *faultSite {
	t.Helper()
	f := &faultSite{t: t, at: at, fault: fault, kept: fixtures.New("kept").Image().Manifest}
	f.d = inmemory.New(inmemory.Parameters{})
	_, full := errors.AsType[driver.FullError](fault)
	hooked := faulty.Wrap(f.d, func(op faulty.Op, _ string) error {
		if f.armed.Load() && (!full || isWrite(op)) && f.calls.Add(1) == f.at {
			f.op.Store(op)
			return f.fault
		}
		return nil
	})
	s := httptest.NewServer(server.New(storage.New(hooked, storage.Options{}), server.Options{Secret: []byte("secret")}))
	t.Cleanup(s.Close)
	f.Client = push.Client{URL: s.URL, HTTP: &http.Client{Transport: f}}
	if err := f.Image(t.Context(), "app", "kept", f.kept); err != nil {
		t.Fatal(err)
	}
	return f
}

var serverPath = regexp.MustCompile(`docker/registry|_uploads|_layers|_manifests|_referrers|_garbage|` + secretPart)

// RoundTrip implements [http.RoundTripper]: what is answered to a failure must
// tell of it, and the same request succeed the next time, but for one whose
// bytes may have been taken in part.
func (f *faultSite) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !f.armed.Load() || response.StatusCode < 400 {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	f.lint(r, response.StatusCode, body)
	if strings.Contains(r.URL.Path, "/blobs/uploads/") && r.Method != http.MethodPost {
		return response, nil
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(sent))
	second, err := http.DefaultTransport.RoundTrip(again)
	if err != nil {
		return nil, err
	}
	second.Body.Close()
	if second.StatusCode >= 300 && (r.Method != http.MethodDelete || second.StatusCode != http.StatusNotFound) {
		f.t.Errorf("call %d, %s: %s %s is answered %d again", f.at, f.failed(), r.Method, r.URL.Path, second.StatusCode)
	}
	return response, nil
}

// lint judges the answer to a request that failed.
func (f *faultSite) lint(r *http.Request, status int, body []byte) {
	where := func(what string) {
		f.t.Errorf("call %d, %s: %s %s is answered %d %s: %s", f.at, f.failed(), r.Method, r.URL.Path, status, body, what)
	}
	want := http.StatusInternalServerError
	if _, full := errors.AsType[driver.FullError](f.fault); full {
		want = http.StatusInsufficientStorage
	}
	var document struct{ Errors []struct{ Code string } }
	switch {
	case f.failed() == "":
		where("nothing failed")
	case status != want:
		where("the status is wrong")
	case r.Method != http.MethodHead && (json.Unmarshal(body, &document) != nil || len(document.Errors) == 0):
		where("the body is no document of errors")
	case serverPath.Match(body):
		where("it tells of the inside")
	}
	for _, e := range document.Errors {
		if e.Code != registry.ErrUnknown.Code && e.Code != registry.ErrUnavailable.Code {
			where("the code is wrong")
		}
	}
}

func isWrite(op faulty.Op) bool {
	return op == faulty.PutContent || op == faulty.Writer || op == faulty.Write || op == faulty.Commit || op == faulty.Move
}

// workloads are what users do.
func workloads() map[string]func(context.Context, *faultSite) error {
	s := fixtures.New("faults")
	long, short := bytes.Repeat([]byte("long"), 40<<10), []byte("short")
	image := s.Image(fixtures.LayerSize(70 << 10)).Manifest
	index := s.Index([]fixtures.Manifest{s.Image().Manifest, s.Image().Manifest})
	subject := s.Image().Manifest
	signature := s.Artifact("application/vnd.example", fixtures.Subject(subject.Descriptor()))
	do := func(ctx context.Context, f *faultSite, method, path string, want ...int) error {
		_, _, err := f.Do(ctx, method, path, nil, nil, want...)
		return err
	}
	return map[string]func(context.Context, *faultSite) error{
		"blob": func(ctx context.Context, f *faultSite) error {
			_, err := f.Blob(ctx, "app", short, 0)
			return err
		},
		"large blob": func(ctx context.Context, f *faultSite) error {
			_, err := f.Blob(ctx, "app", long, 0)
			return err
		},
		"chunks": func(ctx context.Context, f *faultSite) error {
			_, err := f.Blob(ctx, "app", long, 3)
			return err
		},
		"mount": func(ctx context.Context, f *faultSite) error {
			return f.Mount(ctx, "other", "app", f.kept.Blobs[0].Digest)
		},
		"image": func(ctx context.Context, f *faultSite) error {
			if err := f.Image(ctx, "app", "latest", image); err != nil {
				return err
			}
			return f.Whole(ctx, "app", "latest", image)
		},
		"index": func(ctx context.Context, f *faultSite) error {
			if err := f.Image(ctx, "app", "all", index); err != nil {
				return err
			}
			return f.Whole(ctx, "app", "all", index)
		},
		"tag over another": func(ctx context.Context, f *faultSite) error {
			if err := f.Image(ctx, "app", "moved", f.kept); err != nil {
				return err
			}
			return f.Image(ctx, "app", "moved", image)
		},
		"referrers": func(ctx context.Context, f *faultSite) error {
			if err := f.Image(ctx, "app", signature.Digest.String(), signature); err != nil {
				return err
			}
			_, body, err := f.Do(ctx, http.MethodGet, "/v2/app/referrers/"+subject.Digest.String(), nil, nil, http.StatusOK)
			var list v1.Index
			if err == nil && (json.Unmarshal(body, &list) != nil || len(list.Manifests) != 1) {
				err = errors.New("the referrer is not listed: " + string(body))
			}
			return err
		},
		"delete": func(ctx context.Context, f *faultSite) error {
			if err := f.Image(ctx, "app", "gone", image); err != nil {
				return err
			}
			return errors.Join(
				do(ctx, f, http.MethodDelete, "/v2/app/manifests/gone", http.StatusAccepted),
				do(ctx, f, http.MethodDelete, "/v2/app/manifests/"+image.Digest.String(), http.StatusAccepted),
				do(ctx, f, http.MethodDelete, "/v2/app/blobs/"+image.Blobs[0].Digest.String(), http.StatusAccepted))
		},
		"lists": func(ctx context.Context, f *faultSite) error {
			return errors.Join(
				do(ctx, f, http.MethodGet, "/v2/_catalog", http.StatusOK),
				do(ctx, f, http.MethodGet, "/v2/app/tags/list?n=1", http.StatusOK),
				do(ctx, f, http.MethodHead, "/v2/app/manifests/kept", http.StatusOK))
		},
	}
}

// TestAnyFailingCall fails the N-th call of the driver, for every N of each
// workload, by an error of the medium and for want of room: the answer says so
// and nothing of the inside, what was acknowledged is there, and the next try
// succeeds.
func TestAnyFailingCall(t *testing.T) {
	t.Parallel()
	detail := errors.New(secretPart + " /srv/docker/registry/v2")
	for kind, fault := range map[string]error{
		"EIO":    driver.Error{DriverName: "test", Detail: detail},
		"ENOSPC": driver.FullError{DriverName: "test", Detail: detail},
	} {
		for name, work := range workloads() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				for at := int64(1); !t.Failed(); at++ {
					f := newFaultSite(t, at, fault)
					f.armed.Store(true)
					err := work(t.Context(), f)
					f.armed.Store(false)
					if f.failed() == "" {
						reads := kind == "ENOSPC" && name == "lists"
						if err != nil || at == 1 && !reads {
							t.Errorf("without a failure, after %d: %v", at-1, err)
						}
						return
					}
					if err := work(t.Context(), f); err != nil {
						t.Errorf("after call %d, %s, failed: %v", at, f.failed(), err)
					}
					f.intact()
				}
			})
		}
	}
}

// intact demands what was acknowledged at first, and a sound store.
func (f *faultSite) intact() {
	if err := f.Whole(f.t.Context(), "app", "kept", f.kept); err != nil {
		f.t.Errorf("after call %d, %s: %v", f.at, f.failed(), err)
	}
	_, err := fsck.Check(f.t.Context(), f.d, fsck.Options{}, func(found fsck.Finding) error {
		if !found.Leftover {
			f.t.Errorf("after call %d, %s: %+v", f.at, f.failed(), found)
		}
		return nil
	})
	if err != nil {
		f.t.Error(err)
	}
}
