package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/client"
	"github.com/registryconform/conform/reference/internal/contract"
	"github.com/registryconform/conform/reference/registry"
)

// refusing answers every request so.
func refusing(t *testing.T, status int, body string) registry.Repository {
	return answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}, client.Options{Attempts: 1})
}

// Every error of the registry comes through the wire as what it was.
func TestErrorsFromTheWire(t *testing.T) {
	t.Parallel()
	for _, e := range []*registry.Error{
		registry.ErrBlobUnknown, registry.ErrBlobUploadInvalid, registry.ErrBlobUploadUnknown, registry.ErrDigestInvalid,
		registry.ErrManifestBlobUnknown, registry.ErrManifestInvalid, registry.ErrManifestTooLarge, registry.ErrManifestUnknown,
		registry.ErrNameInvalid, registry.ErrNameUnknown, registry.ErrRangeInvalid, registry.ErrRangeUnsatisfiable, registry.ErrSizeInvalid,
		registry.ErrDenied, registry.ErrUnsupported, registry.ErrPaginationInvalid, registry.ErrTooManyRequests,
		registry.ErrTagInvalid, registry.ErrManifestUnverified, registry.ErrUnavailable, registry.ErrStorageFull, registry.ErrUnknown,
	} {
		body, err := json.Marshal(map[string]any{"errors": []any{map[string]any{"code": e.Code, "message": "m", "detail": map[string]string{"d": "x"}}}})
		contract.Must(t, err)
		_, err = refusing(t, e.Status, string(body)).Blobs().Create(t.Context())
		contract.WantError(t, err, e)
		if got := registry.Errors(err); len(got) != 1 || got[0].Message != "m" || fmt.Sprint(got[0].Detail) != "map[d:x]" {
			t.Errorf("%s: %+v", e.Code, got)
		}
	}
}

func TestErrorsOfOtherRegistries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		want   []*registry.Error
	}{
		{416, `{"errors":[{"code":"RANGE_INVALID"}]}`, []*registry.Error{registry.ErrRangeInvalid}},
		{400, `{"errors":[{"code":"PAGINATION_NUMBER_INVALID"}]}`, []*registry.Error{registry.ErrPaginationInvalid}},
		{404, `{"errors":[{"code":"BLOB_UPLOAD_INVALID"}]}`, []*registry.Error{registry.ErrBlobUploadInvalid}},
		{400, `{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"},{"code":"DIGEST_INVALID"},{"code":"TAG_INVALID"}]}`, []*registry.Error{registry.ErrManifestBlobUnknown, registry.ErrDigestInvalid, registry.ErrTagInvalid}},
		{405, `no`, []*registry.Error{registry.ErrUnsupported}},
		{403, ``, []*registry.Error{registry.ErrDenied}},
		{429, `<html>`, []*registry.Error{registry.ErrTooManyRequests}},
		{507, `{}`, []*registry.Error{registry.ErrStorageFull}},
		{418, `{"errors":[]}`, nil},
		{404, `{"errors":{}}`, nil},
		{502, `null`, nil},
		{400, strings.Repeat("x", 1<<20), nil},
		{418, `{"errors":[{"code":"ODD_ONE"}]}`, []*registry.Error{{Code: "ODD_ONE", Status: 418}}},
		{418, `{"errors":[{"code":"` + strings.Repeat("x", 999) + `"}]}`, []*registry.Error{{Code: "UNKNOWN", Status: 418}}},
	} {
		_, err := refusing(t, c.status, c.body).Blobs().Create(t.Context())
		if err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), fmt.Sprint(c.status)) && len(c.want) == 0 {
			t.Errorf("%d %.80s: %.200v", c.status, c.body, err)
		}
		got := registry.Errors(err)
		if len(got) != len(c.want) {
			t.Errorf("%d %.80s: %v", c.status, c.body, got)
			continue
		}
		for i, e := range c.want {
			if !errors.Is(got[i], e) {
				t.Errorf("%d %.80s: %v, want %v", c.status, c.body, got[i], e)
			}
		}
	}
}

// A failure of the registry is never taken for absence, whatever the code; a 404
// is, whatever the body.
func TestAbsenceIsNotFailure(t *testing.T) {
	t.Parallel()
	d, tag := digest.FromString("x"), contract.Tag("x")
	look := map[*registry.Error]func(registry.Repository) error{
		registry.ErrBlobUnknown: func(p registry.Repository) error {
			_, err := p.Blobs().Stat(t.Context(), d)
			_, other := p.Blobs().Open(t.Context(), d)
			if errors.Is(err, registry.ErrBlobUnknown) != errors.Is(other, registry.ErrBlobUnknown) {
				t.Errorf("stat: %v, open: %v", err, other)
			}
			return err
		},
		registry.ErrManifestUnknown: func(p registry.Repository) error { _, err := p.Tags().Get(t.Context(), tag); return err },
		registry.ErrBlobUploadUnknown: func(p registry.Repository) error {
			_, err := p.Blobs().Upload(t.Context(), "some-id")
			return err
		},
		registry.ErrNameUnknown: func(p registry.Repository) error {
			for _, err := range p.Tags().All(t.Context(), registry.Tag{}) {
				return err
			}
			return nil
		},
	}
	for absent, f := range look {
		for _, body := range []string{``, `x`, `{"errors":[{"code":"` + absent.Code + `"}]}`, `{"errors":[{"code":"NAME_UNKNOWN"}]}`} {
			for _, status := range []int{404, 500, 502, 503, 400, 403, 200, 301, 307} {
				err := f(refusing(t, status, body))
				if is := errors.Is(err, absent); is != (status == 404) {
					t.Errorf("%d %s: %v", status, body, err)
				}
			}
		}
	}
}

func FuzzErrors(f *testing.F) {
	f.Add(400, []byte(`{"errors":[{"code":"UNKNOWN","message":"m","detail":{"a":[1]}}]}`))
	f.Add(404, []byte(`{"errors":[{"code":"BLOB_UNKNOWN"},{"code":""},{}]}`))
	f.Add(500, []byte(`{"errors":[null]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := client.Decode(status, body)
		all := registry.Errors(err)
		if (err == nil) != (len(all) == 0) || len(all) > 100 {
			t.Fatalf("%v: %v", err, all)
		}
		for _, e := range all {
			if e.Code == "" || len(e.Message) > 500 || status >= 500 && e.Status < 500 {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func FuzzLink(f *testing.F) {
	for _, s := range []string{`</v2/a?n=1>; rel="next"`, `<a>; rel=prev, <b>; rel="x next"`, `<a>; title="a, <b>; rel=next"; rel="next"`, `<`, `>`, `<>;rel=next`, `<a>;rel="next`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if target := client.Next([]string{s}); target != "" && !strings.Contains(s, "<"+target+">") {
			t.Fatalf("%q: %q", s, target)
		}
	})
}

func TestLink(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		`</v2/a?n=1>; rel="next"`:                     "/v2/a?n=1",
		`<a>; rel=prev, <b>; rel="x NEXT"`:            "b",
		`<a>; title="x, <b>; rel=next"; rel="prev"`:   "",
		`<a?b=1,2>;rel=next`:                          "a?b=1,2",
		`<a>; REL = "next"`:                           "a",
		`<a>; rel="nextish"`:                          "",
		`a; rel=next`:                                 "",
		`<a>; anchor="#x"; rel="next", <b>; rel=next`: "a",
	} {
		if got := client.Next([]string{s}); got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
	if got := client.Next([]string{`<a>; rel=first`, `<b>; rel=next`}); got != "b" {
		t.Errorf("second field: %q", got)
	}
}
