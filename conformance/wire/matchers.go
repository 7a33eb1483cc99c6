package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strings"
)

// A Matcher judges one [Exchange]. It has the methods of a Gomega matcher, and
// fails for an exchange without a whole answer, whatever it looks for.
type Matcher struct {
	want string
	// got returns what the exchange has instead of what is wanted, or "" if
	// it has what is wanted.
	got func(*Exchange) string
	// partial accepts an answer whose body is not whole.
	partial bool
}

// NewMatcher returns a matcher that wants what the text says; got returns what
// an exchange has instead, or "".
func NewMatcher(want string, got func(*Exchange) string) Matcher {
	return Matcher{want: want, got: got}
}

// Partial returns m for answers whose body need not have come whole, since m
// does not look at it.
func (m Matcher) Partial() Matcher {
	m.partial = true
	return m
}

// Judge returns "" if x is as wanted, else what it is instead.
func (m Matcher) Judge(x *Exchange) string {
	switch {
	case x.Status == 0:
		return x.Outcome()
	case !m.partial && x.err != nil:
		return x.Outcome()
	}
	return x.redact.text(m.got(x))
}

// Match implements the matcher of Gomega. actual is an *[Exchange].
func (m Matcher) Match(actual any) (bool, error) {
	x, ok := actual.(*Exchange)
	if !ok {
		return false, fmt.Errorf("a wire matcher judges an *Exchange, not a %T", actual)
	}
	return m.Judge(x) == "", nil
}

// FailureMessage implements the matcher of Gomega: three lines that begin with
// "want", "got" and "wire".
func (m Matcher) FailureMessage(actual any) string {
	x := actual.(*Exchange)
	return Finding(m.want, m.Judge(x), x)
}

// NegatedFailureMessage implements the matcher of Gomega.
func (m Matcher) NegatedFailureMessage(actual any) string {
	x := actual.(*Exchange)
	return Finding("not "+m.want, StatusText(x.Status), x)
}

// Finding returns the text of a failure, in the form that the reports read: a
// line each for what was wanted, what came, and the exchange, if there is one.
// It holds no secret of the exchange.
func Finding(want, got string, x *Exchange) string {
	if x != nil {
		want, got = x.redact.text(want), x.redact.text(got)
	}
	s := "want  " + want + "\ngot   " + got
	if x != nil {
		s += "\nwire  " + x.String()
	}
	return s
}

// HaveStatus wants one of the given statuses.
func HaveStatus(statuses ...int) Matcher {
	texts := make([]string, len(statuses))
	for i, s := range statuses {
		texts[i] = StatusText(s)
	}
	return Matcher{want: strings.Join(texts, " or "), partial: true, got: func(x *Exchange) string {
		if slices.Contains(statuses, x.Status) {
			return ""
		}
		return StatusText(x.Status) + errorCodes(x)
	}}
}

// HaveSuccess wants a 2xx status.
func HaveSuccess() Matcher {
	return Matcher{want: "a 2xx status", partial: true, got: func(x *Exchange) string {
		if x.Status/100 == 2 {
			return ""
		}
		return StatusText(x.Status) + errorCodes(x)
	}}
}

// HaveHeader wants the header to have exactly this value.
func HaveHeader(name, value string) Matcher {
	return Matcher{want: fmt.Sprintf("%s: %s", name, value), partial: true, got: func(x *Exchange) string {
		switch values := x.Header().Values(name); {
		case len(values) == 0:
			return "no " + name + " header"
		case len(values) == 1 && values[0] == value:
			return ""
		default:
			return fmt.Sprintf("%s: %s", name, strings.Join(values, ", "))
		}
	}}
}

// HaveSomeHeader wants the header to be there with any value but the empty one.
func HaveSomeHeader(name string) Matcher {
	return Matcher{want: "a " + name + " header", partial: true, got: func(x *Exchange) string {
		if x.Header().Get(name) == "" {
			return "no " + name + " header"
		}
		return ""
	}}
}

// HaveNoHeader wants the header to be absent.
func HaveNoHeader(name string) Matcher {
	return Matcher{want: "no " + name + " header", partial: true, got: func(x *Exchange) string {
		if values := x.Header().Values(name); len(values) > 0 {
			return fmt.Sprintf("%s: %s", name, strings.Join(values, ", "))
		}
		return ""
	}}
}

// HaveMediaType wants this Content-Type; parameters are not looked at.
func HaveMediaType(mediaType string) Matcher {
	return Matcher{want: "Content-Type: " + mediaType, partial: true, got: func(x *Exchange) string {
		value := x.Header().Get("Content-Type")
		if t, _, err := mime.ParseMediaType(value); err == nil && strings.EqualFold(t, mediaType) {
			return ""
		}
		if value == "" {
			return "no Content-Type header"
		}
		return "Content-Type: " + value
	}}
}

// HaveBody wants exactly these bytes.
func HaveBody(content []byte) Matcher {
	return Matcher{want: fmt.Sprintf("the %d bytes that were pushed", len(content)), got: func(x *Exchange) string {
		switch {
		case x.cut:
			return fmt.Sprintf("more than %d bytes", len(x.body))
		case bytes.Equal(x.body, content):
			return ""
		case len(x.body) != len(content):
			return fmt.Sprintf("%d bytes", len(x.body))
		}
		at := 0
		for x.body[at] == content[at] {
			at++
		}
		return fmt.Sprintf("as many bytes, but other ones from offset %d on", at)
	}}
}

// HaveNoBody wants an empty body.
func HaveNoBody() Matcher {
	return Matcher{want: "an empty body", got: func(x *Exchange) string {
		if x.Response.Size == 0 {
			return ""
		}
		return fmt.Sprintf("a body of %d bytes", x.Response.Size)
	}}
}

// HaveErrorCode wants the errors document of the specification with one of
// the given codes first.
func HaveErrorCode(codes ...string) Matcher {
	return Matcher{want: "error code " + strings.Join(codes, " or "), got: func(x *Exchange) string {
		doc, err := x.Errors()
		switch {
		case err != nil:
			return err.Error()
		case len(doc) == 0:
			return "no error in the body"
		case slices.Contains(codes, doc[0].Code):
			return ""
		}
		return "error code " + doc[0].Code
	}}
}

// A WireError is one element of the errors document ("Error codes").
type WireError struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Detail  json.RawMessage `json:"detail"`
}

// Errors returns the elements of the errors document that the body holds.
func (x *Exchange) Errors() ([]WireError, error) {
	var doc struct{ Errors []WireError }
	if err := x.JSON(&doc); err != nil {
		return nil, err
	}
	return doc.Errors, nil
}

// JSON decodes the body into v.
func (x *Exchange) JSON(v any) error {
	if !x.Whole() && x.Error != "" {
		return fmt.Errorf("a body that broke off: %s", x.Error)
	}
	if err := json.Unmarshal(x.body, v); err != nil {
		return fmt.Errorf("a body that is not the JSON wanted: %w", err)
	}
	return nil
}

func errorCodes(x *Exchange) string {
	doc, err := x.Errors()
	if err != nil || len(doc) == 0 || doc[0].Code == "" {
		return ""
	}
	return fmt.Sprintf(" (%.60s)", doc[0].Code)
}
