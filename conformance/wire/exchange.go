package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// An Exchange is one request and the answer to it, as recorded. Header values
// and URLs are redacted; bodies are prefixes of bounded length.
type Exchange struct {
	Seq      int           `json:"seq"` // from 1, in the order of sending within a spec
	Method   string        `json:"method"`
	URL      string        `json:"url"`
	Request  Message       `json:"request"`
	Status   int           `json:"status,omitempty"` // 0: no answer came
	Proto    string        `json:"proto,omitempty"`
	Response Message       `json:"response"`
	Error    string        `json:"error,omitempty"` // why no answer, or no whole answer, came
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"nanoseconds"`
	Attempts int           `json:"attempts,omitempty"` // more than 1 after retries
	Redirect []string      `json:"redirects,omitempty"`

	sent   http.Header // of the request; not redacted
	final  string      // URL that answered, after redirects; not redacted
	header http.Header
	body   []byte
	cut    bool // there was more of the body than the client reads
	err    error
	redact redactor
}

// A Message is one half of an exchange.
type Message struct {
	Header http.Header `json:"header,omitempty"`
	// Size is the number of body bytes that were sent or read.
	Size int64 `json:"size"`
	// Body is a prefix of the body; Truncated says that there was more.
	Body      Bytes `json:"body,omitempty"`
	Truncated bool  `json:"truncated,omitempty"`
}

// Bytes are bytes that stand in JSON as text where they are valid UTF-8
// without control characters other than white space, else as
// {"base64": "…"}.
type Bytes []byte

// MarshalJSON implements [json.Marshaler].
func (b Bytes) MarshalJSON() ([]byte, error) {
	if b.IsText() {
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string][]byte{"base64": b})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*b = Bytes(s)
		return nil
	}
	var m struct{ Base64 []byte }
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	*b = m.Base64
	return nil
}

// IsText reports whether b can be shown to people as it is.
func (b Bytes) IsText() bool {
	return strings.IndexFunc(string(b), func(r rune) bool {
		return r == '\uFFFD' || (r < ' ' && r != '\n' && r != '\t' && r != '\r') || r == 0x7f
	}) < 0
}

// Header returns the answer's header as it came, nothing redacted. It is
// empty, never nil, if no answer came. Like [Exchange.Body] and
// [Exchange.FinalURL] it is there for the caller of [Recorder.Do] only, not in
// what [Recorder.Exchanges] returns.
func (x *Exchange) Header() http.Header {
	if x.header == nil {
		return http.Header{}
	}
	return x.header
}

// Body returns what was read of the answer's body: all of it unless
// [Exchange.Whole] says otherwise.
func (x *Exchange) Body() []byte { return x.body }

// Whole reports whether an answer came and its body was read to the end.
func (x *Exchange) Whole() bool { return x.Status != 0 && x.err == nil && !x.cut }

// Err returns why no answer, or no whole answer, came, or nil. A body that is
// longer than the client reads is no error.
func (x *Exchange) Err() error { return x.err }

// FinalURL returns the URL that answered, after redirects, not redacted.
func (x *Exchange) FinalURL() string { return x.final }

// Equal reports whether the whole body of x is want.
func (x *Exchange) Equal(want []byte) bool { return x.Whole() && bytes.Equal(x.body, want) }

// fail records why no answer, or no whole answer, came.
func (x *Exchange) fail(err error) {
	x.err = err
	x.Error = x.redact.text(err.Error())
}

// record returns a copy with nothing but what is kept of the exchange.
func (x *Exchange) record() *Exchange {
	c := *x
	c.sent, c.final, c.header, c.body, c.redact = nil, "", nil, nil, redactor{}
	return &c
}

// String returns the exchange in one line.
func (x *Exchange) String() string {
	return fmt.Sprintf("#%d %s %s -> %s", x.Seq, x.Method, x.URL, x.Outcome())
}

// Outcome returns the status with its text, or why there is none.
func (x *Exchange) Outcome() string {
	switch {
	case x.Status == 0:
		return "no answer: " + x.Error
	case x.Error != "":
		return StatusText(x.Status) + ", then " + x.Error
	}
	return StatusText(x.Status)
}

// StatusText returns "404 Not Found" for 404.
func StatusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}
