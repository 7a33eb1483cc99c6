package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/registryconform/conform/reference/registry"
)

const (
	maxErrorBytes = 64 << 10
	maxErrors     = 100
	maxMessage    = 500
)

// sentinels are the errors that a code can mean, the one with its usual status
// first.
func sentinels() []*registry.Error {
	return []*registry.Error{
		registry.ErrBlobUnknown, registry.ErrBlobUploadInvalid, registry.ErrBlobUploadUnknown, registry.ErrDigestInvalid,
		registry.ErrManifestBlobUnknown, registry.ErrManifestInvalid, registry.ErrManifestTooLarge, registry.ErrManifestUnknown,
		registry.ErrNameInvalid, registry.ErrNameUnknown, registry.ErrRangeInvalid, registry.ErrSizeInvalid, registry.ErrRangeUnsatisfiable,
		registry.ErrUnauthorized, registry.ErrDenied, registry.ErrUnsupported, registry.ErrPaginationInvalid, registry.ErrTooManyRequests,
		registry.ErrTagInvalid, registry.ErrManifestUnverified, registry.ErrUnavailable, registry.ErrStorageFull, registry.ErrUnknown,
	}
}

// legacy maps codes of older registries.
func legacy(code string) *registry.Error {
	switch code {
	case "RANGE_INVALID":
		return registry.ErrRangeInvalid
	case "PAGINATION_NUMBER_INVALID":
		return registry.ErrPaginationInvalid
	}
	return nil
}

// byStatus is what an answer means that has no code. That something is absent
// only the caller knows.
func byStatus(status int) *registry.Error {
	for _, e := range []*registry.Error{
		registry.ErrUnauthorized, registry.ErrDenied, registry.ErrUnsupported, registry.ErrRangeUnsatisfiable,
		registry.ErrTooManyRequests, registry.ErrUnavailable, registry.ErrStorageFull,
	} {
		if e.Status == status {
			return e
		}
	}
	return nil
}

// answered returns the error that an answer is. With 404 it is absent, whatever
// the code: registries tell in several ways that something is not there.
func (q *request) answered(a *http.Response, absent error) error {
	status := fmt.Errorf("%s %s%s: %d %s", q.method, q.url.Host, q.url.EscapedPath(), a.StatusCode, http.StatusText(a.StatusCode))
	body, err := readAll(a, maxErrorBytes)
	if err != nil {
		body = nil
	}
	var told error
	if a.StatusCode >= 400 {
		told = decode(a.StatusCode, body)
	}
	switch {
	case a.StatusCode == http.StatusNotFound && absent != nil:
		if told == nil || errors.Is(told, absent) {
			return errors.Join(absent)
		}
		return fmt.Errorf("%w (%s)", absent, strings.ReplaceAll(told.Error(), "\n", "; "))
	case told != nil:
		return fmt.Errorf("%w", told)
	case byStatus(a.StatusCode) != nil:
		return byStatus(a.StatusCode).Wrap(status)
	}
	return status
}

// decode returns the errors of a body (specification, "Error codes"), joined, or
// nil if it has none. A code without a sentinel keeps its name.
func decode(status int, body []byte) error {
	var doc struct {
		Errors []struct {
			Code    string          `json:"code"`
			Message string          `json:"message"`
			Detail  json.RawMessage `json:"detail"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	var all []error
	for _, e := range doc.Errors[:min(len(doc.Errors), maxErrors)] {
		found := find(e.Code, status)
		if e.Message != "" {
			found.Message = strings.ToValidUTF8(e.Message[:min(len(e.Message), maxMessage)], "?")
		}
		var detail any
		if json.Unmarshal(e.Detail, &detail) == nil && detail != nil {
			found.Detail = detail
		}
		all = append(all, found)
	}
	return errors.Join(all...)
}

// find returns a copy of the sentinel of the code: the one of the status, or
// else the first, since registries differ in the status of one code. The status
// counts more where it tells of a failure of the registry, and where the code
// alone tells that something is absent.
func find(code string, status int) *registry.Error {
	var other *registry.Error
	for _, e := range sentinels() {
		switch {
		case e.Code != code:
		case e.Status == status:
			return e.With(nil)
		case other == nil:
			other = e
		}
	}
	if other == nil {
		other = legacy(code)
	}
	found := registry.ErrUnknown.With(nil)
	if other != nil {
		found = other.With(nil)
	} else if isCode(code) {
		found.Code = code
	}
	if other == nil || status >= 500 || other.Status == http.StatusNotFound {
		found.Status = status
	}
	return found
}

func isCode(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}
