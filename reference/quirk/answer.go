package quirk

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// A wrap is the form of [Quirk].Wrap.
type wrap = func(http.Handler) http.Handler

// An exchange is a request with the answer to it, before that is sent.
type exchange struct {
	r      *http.Request
	next   http.Handler
	status int
	header http.Header
	body   []byte
	// cut sends all but the last byte of the body and breaks off.
	cut bool
}

// A condition tells by the answer whether an edit is due.
type condition func(*exchange) bool

// An edit changes an answer.
type edit func(*exchange)

// do asks next, and holds the answer back.
func do(next http.Handler, r *http.Request) *exchange {
	x := &exchange{r: r, next: next, header: http.Header{}}
	next.ServeHTTP(x, r)
	if x.status == 0 {
		x.status = http.StatusOK
	}
	return x
}

// Header, WriteHeader and Write implement [http.ResponseWriter].
func (x *exchange) Header() http.Header { return x.header }

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
}

func (x *exchange) Write(p []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	x.body = append(x.body, p...)
	return len(p), nil
}

// send writes the answer.
func (x *exchange) send(w http.ResponseWriter) {
	h := w.Header()
	for key, values := range x.header {
		h[key] = values
	}
	w.WriteHeader(x.status)
	if !x.cut {
		_, _ = w.Write(x.body)
		return
	}
	_, _ = w.Write(x.body[:max(len(x.body)-1, 0)])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// replace sets the body and what tells its length.
func (x *exchange) replace(body []byte) {
	x.body = body
	x.header.Set("Content-Length", strconv.Itoa(len(body)))
}

// answers edits the answers to requests that match, if the condition holds.
func answers(m match, due condition, edits ...edit) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !m(r) {
				next.ServeHTTP(w, r)
				return
			}
			x := do(next, r)
			if due(x) {
				for _, e := range edits {
					e(x)
				}
			}
			x.send(w)
		})
	}
}

// requests changes a copy of each request that matches, before it is answered.
func requests(m match, change func(*http.Request)) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m(r) {
				r = r.Clone(r.Context())
				change(r)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// instead answers requests that match without asking. Headers are pairs.
func instead(m match, status int, body string, headers ...string) wrap {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !m(r) {
				next.ServeHTTP(w, r)
				return
			}
			x := &exchange{r: r, next: next, header: http.Header{}, status: status}
			for i := 0; i < len(headers); i += 2 {
				x.header.Set(headers[i], headers[i+1])
			}
			if status != http.StatusNoContent && status != http.StatusNotModified {
				x.replace([]byte(body))
			}
			x.send(w)
		})
	}
}

// refuse answers requests that match with an errors document.
func refuse(m match, status int, code string) wrap {
	return instead(m, status, errorBody(code), "Content-Type", "application/json")
}

func errorBody(code string) string {
	return `{"errors":[{"code":"` + code + `","message":"refused"}]}`
}

// both applies the second decorator around the first.
func both(inner, outer wrap) wrap {
	return func(next http.Handler) http.Handler { return outer(inner(next)) }
}

// ask sends a request of the quirk's own. Headers are pairs; the credentials
// are those of r.
func ask(next http.Handler, r *http.Request, method, target string, body []byte, headers ...string) *exchange {
	u, err := url.Parse(target)
	if err != nil {
		return &exchange{status: http.StatusBadRequest, header: http.Header{}}
	}
	q := r.Clone(r.Context())
	q.Method, q.URL = method, u
	q.Header = http.Header{"Authorization": r.Header["Authorization"]}
	q.Body, q.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	return do(next, q)
}

// Conditions.

func any2xx(x *exchange) bool { return x.status >= 200 && x.status < 300 }
func any4xx(x *exchange) bool { return x.status >= 400 && x.status < 500 }
func every(*exchange) bool    { return true }

func is(status int) condition { return func(x *exchange) bool { return x.status == status } }

// whether adds a condition on the answer to another.
func whether(a condition, b func(*exchange) bool) condition {
	return func(x *exchange) bool { return a(x) && b(x) }
}

// Edits.

func setStatus(status int) edit { return func(x *exchange) { x.status = status } }

func drop(keys ...string) edit {
	return func(x *exchange) {
		for _, key := range keys {
			x.header.Del(key)
		}
	}
}

func set(key, value string) edit { return func(x *exchange) { x.header.Set(key, value) } }
func add(key, value string) edit { return func(x *exchange) { x.header.Add(key, value) } }

// untyped sends no Content-Type at all; without an entry one would be guessed.
func untyped(x *exchange) { x.header["Content-Type"] = nil }

func setBody(body string) edit { return func(x *exchange) { x.replace([]byte(body)) } }

// editHeader changes the value of a header that is there.
func editHeader(key string, change func(string) string) edit {
	return func(x *exchange) {
		if v := x.header.Get(key); v != "" {
			x.header.Set(key, change(v))
		}
	}
}

// editBody changes a body that has bytes; the length follows.
func editBody(change func([]byte) []byte) edit {
	return func(x *exchange) {
		if len(x.body) > 0 {
			x.replace(change(bytes.Clone(x.body)))
		}
	}
}

// editJSON changes a body that is a JSON object; others stay.
func editJSON(change func(map[string]any)) edit {
	return func(x *exchange) {
		var doc map[string]any
		if json.Unmarshal(x.body, &doc) != nil || doc == nil {
			return
		}
		change(doc)
		x.replace(marshal(doc))
	}
}

// editErrors changes each entry of an errors document.
func editErrors(change func(map[string]any)) edit {
	return editJSON(func(doc map[string]any) {
		list, _ := doc["errors"].([]any)
		for _, e := range list {
			if entry, ok := e.(map[string]any); ok {
				change(entry)
			}
		}
	})
}

// setCode gives each error another code.
func setCode(code string) edit {
	return editErrors(func(e map[string]any) { e["code"] = code })
}

// coded is the condition that the errors document has the code.
func coded(code string) condition {
	return func(x *exchange) bool { return strings.Contains(string(x.body), `"`+code+`"`) }
}

// list returns the entries of a list in a JSON object, of which there may be none.
func list(doc map[string]any, key string) []any {
	entries, _ := doc[key].([]any)
	return entries
}

// marshal can't fail for what was made of JSON.
func marshal(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

// A memo remembers what passed, for quirks that need to.
type memo struct {
	mu     sync.Mutex
	values map[string]string
}

func newMemo() *memo { return &memo{values: map[string]string{}} }

func (m *memo) put(key, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value
}

func (m *memo) get(key string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	return v, ok
}

func (m *memo) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
}

// remembering makes a decorator of a function that gets a memory of its own.
func remembering(serve func(m *memo, next http.Handler, w http.ResponseWriter, r *http.Request)) wrap {
	return func(next http.Handler) http.Handler {
		m := newMemo()
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(m, next, w, r) })
	}
}

// digestOf returns the digest of content by the algorithm that want names.
func digestOf(want string, content []byte) string {
	if strings.HasPrefix(want, "sha512:") {
		return fmt.Sprintf("sha512:%x", sha512.Sum512(content))
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(content))
}

// readBody returns the body of r whole, with what came before it broke off.
func readBody(r *http.Request) []byte {
	b, _ := io.ReadAll(r.Body)
	return b
}

// setRequestBody gives r, which must be a copy, another body.
func setRequestBody(r *http.Request, b []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	r.TransferEncoding = nil
}
