package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/server/internal/route"
)

// maxErrors bounds the errors of one answer.
const maxErrors = 100

// statusGone is what the log shows for a client that has gone away.
const statusGone = 499

// withStatus returns e with another status, for an answer that HTTP has a
// status for and the specification no code.
func withStatus(e *registry.Error, status int, message string) *registry.Error {
	c := *e
	c.Status, c.Message = status, message
	return &c
}

var (
	errNoEndpoint       = withStatus(registry.ErrUnsupported, http.StatusNotFound, "no such endpoint")
	errTooManyTags      = withStatus(registry.ErrManifestInvalid, http.StatusRequestURITooLong, "too many tag parameters")
	errContentType      = withStatus(registry.ErrBlobUploadInvalid, http.StatusUnsupportedMediaType, "chunks are application/octet-stream")
	errBlobPrecondition = withStatus(registry.ErrUnsupported, http.StatusPreconditionFailed, "precondition failed")
	errStalled          = withStatus(registry.ErrBlobUploadInvalid, http.StatusRequestTimeout, "the body did not come in time")
)

// A panicError is a panic of what is served.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// A bodyError is a failure to read the request's body.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read the body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// errorDocument is the JSON of the specification's section "Error codes".
type errorDocument struct {
	Errors []errorEntry `json:"errors"`
}

type errorEntry struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

// fail writes err: the one place that does.
func (s *server) fail(w *response, r *http.Request, err error) {
	list := registry.Errors(err)
	var tooLarge *http.MaxBytesError
	var broken *bodyError
	switch {
	case errors.As(err, &tooLarge):
		list = []*registry.Error{registry.ErrManifestTooLarge.With(fmt.Sprintf("the limit is %d bytes", tooLarge.Limit))}
	case errors.Is(err, os.ErrDeadlineExceeded) && errors.As(err, &broken):
		list = []*registry.Error{errStalled}
	case errors.As(err, &broken):
		list = []*registry.Error{registry.ErrSizeInvalid.With("the body ended early")}
	case len(list) == 0:
		list = []*registry.Error{registry.ErrUnknown}
	}
	drain(r)
	status := list[0].Status
	h := w.Header()
	for _, key := range []string{"Etag", "Docker-Content-Digest", "Cache-Control", "Last-Modified", "Accept-Ranges", "Content-Encoding"} {
		h.Del(key)
	}
	if status == http.StatusMethodNotAllowed && h.Get("Allow") == "" {
		h.Set("Allow", s.allowedBut(r))
	}
	writeJSON(w, status, contentJSON, document(list))
}

// drain reads what the client is still sending, within bounds: many clients
// send all of a body before they read the answer, and a connection that is
// closed meanwhile loses them the answer.
func drain(r *http.Request) {
	const most, longest = 16 << 20, 5 * time.Second
	if r.Body == nil || r.Body == http.NoBody || r.Header.Get("Expect") != "" {
		return
	}
	if b, ok := r.Body.(*body); ok {
		if b.failed {
			return
		}
		b.stall = longest
	}
	end := time.Now().Add(longest)
	for total := int64(0); total < most && time.Now().Before(end); {
		n, err := io.CopyN(io.Discard, r.Body, 1<<20)
		if err != nil {
			return
		}
		total += n
	}
}

// gone reports whether the client left while it was being answered. One whose
// body broke off may still read what is wrong.
func gone(r *http.Request, err error) bool {
	return r.Context().Err() != nil && errors.Is(err, context.Canceled) && !errors.As(err, new(*bodyError))
}

// document says each error once, though it came from several places.
func document(list []*registry.Error) []byte {
	doc := errorDocument{}
	for _, e := range list[:min(len(list), maxErrors)] {
		entry := errorEntry{Code: e.Code, Message: e.Message}
		if e.Detail != nil {
			detail, err := json.Marshal(e.Detail)
			if err != nil {
				detail, _ = json.Marshal(fmt.Sprint(e.Detail))
			}
			entry.Detail = detail
		}
		if !slices.ContainsFunc(doc.Errors, func(said errorEntry) bool { return reflect.DeepEqual(said, entry) }) {
			doc.Errors = append(doc.Errors, entry)
		}
	}
	// Strings and valid raw messages can't fail.
	b, _ := json.Marshal(doc)
	return b
}

// allowedBut returns the methods of the endpoint, without the one refused.
func (s *server) allowedBut(r *http.Request) string {
	return s.endpoints[route.Parse(r.URL.EscapedPath()).Kind].allow(r.Method)
}
