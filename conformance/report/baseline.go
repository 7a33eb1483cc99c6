package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A Baseline lists what is known of a target: failures that don't count, and features that it supports. Its
// file is a YAML list of entries:
//
//	# failures that are known, until fixed or for ever
//	- {id: pull.blob.unknown, reason: "answers 500, ticket 42", until: 2027-01-31}
//	# a feature that the target has: a run without it fails
//	- {feature: referrers, reason: "since 3.0"}
type Baseline []Entry

// An Entry of a [Baseline] names either a requirement or a feature.
type Entry struct {
	// ID is the requirement whose failures are known.
	ID string
	// Feature is a feature that is known to be supported.
	Feature string
	// Reason says why, for the readers of the reports.
	Reason string
	// Until is the last day (UTC) on which the entry applies; zero is for ever.
	Until time.Time
}

// Name is the entry's id, or its feature.
func (e Entry) Name() string { return cmp.Or(e.ID, e.Feature) }

// Expired reports whether the entry no longer applies on the day of now; never if now is zero.
func (e Entry) Expired(now time.Time) bool {
	return !e.Until.IsZero() && !now.IsZero() && !now.UTC().Before(e.Until.AddDate(0, 0, 1))
}

// Lookup returns the entry of a requirement.
func (b Baseline) Lookup(id string) (Entry, bool) {
	i := slices.IndexFunc(b, func(e Entry) bool { return id != "" && e.ID == id })
	if i < 0 {
		return Entry{}, false
	}
	return b[i], true
}

// A BaselineError is a fault of a baseline file, at a place counted from 1.
type BaselineError struct {
	File         string
	Line, Column int
	Message      string
}

// Error implements error: "FILE:LINE:COLUMN: MESSAGE".
func (e *BaselineError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Vocabulary says which names a baseline may use; a nil function accepts every name.
type Vocabulary struct {
	Requirement func(id string) bool
	Feature     func(name string) bool
}

// ParseBaseline reads a baseline; file is its name, for errors. It is strict: unknown keys and names, entries
// without a reason or that stand twice, and wrong dates are errors, all of which are returned, joined, as
// *[BaselineError]. An empty file is an empty baseline.
func ParseBaseline(file string, data []byte, known Vocabulary) (Baseline, error) {
	raw, tree, err := decodeBaseline(data)
	if err != nil {
		return nil, syntaxError(file, err)
	}
	if len(tree.Docs) > 1 {
		e := &BaselineError{File: file, Message: "a second document: a baseline is one list"}
		e.Line, e.Column = position(func() ast.Node { return tree.Docs[1] })
		return nil, e
	}
	p := baselineParser{file: file, known: known}
	for i, r := range raw {
		p.add(r, func(key string) (line, column int) {
			return position(func() ast.Node { return place(tree, i, key) })
		})
	}
	return p.entries, errors.Join(p.errs...)
}

type rawEntry struct {
	ID      string `yaml:"id"`
	Feature string `yaml:"feature"`
	Reason  string `yaml:"reason"`
	Until   string `yaml:"until"`
}

// decodeBaseline reads the YAML. The parser is known to panic on some malformed documents; that is an error like
// others.
func decodeBaseline(data []byte) (raw []rawEntry, tree *ast.File, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("malformed YAML")
		}
	}()
	tree, err = parser.ParseBytes(data, 0)
	if err != nil || blank(tree) || len(tree.Docs) > 1 {
		return nil, tree, err
	}
	err = yaml.UnmarshalWithOptions(data, &raw, yaml.Strict())
	return raw, tree, err
}

func blank(tree *ast.File) bool {
	for _, doc := range tree.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			return false
		}
	}
	return true
}

func syntaxError(file string, err error) error {
	out := &BaselineError{File: file, Line: 1, Column: 1, Message: err.Error()}
	var y yaml.Error
	if errors.As(err, &y) {
		out.Message = y.GetMessage()
		if t := y.GetToken(); t != nil && t.Position != nil {
			out.Line, out.Column = t.Position.Line, t.Position.Column
		}
	}
	return out
}

// position returns where a node begins, or the file's beginning: nodes without content panic when asked.
func position(find func() ast.Node) (line, column int) {
	line, column = 1, 1
	defer func() { _ = recover() }()
	if t := find().GetToken(); t != nil && t.Position != nil {
		line, column = t.Position.Line, t.Position.Column
	}
	return line, column
}

// place returns the node of an entry's key, or of the entry where it has no such key.
func place(tree *ast.File, i int, key string) ast.Node {
	for _, path := range []string{fmt.Sprintf("$[%d].%s", i, key), fmt.Sprintf("$[%d]", i)} {
		p, err := yaml.PathString(path)
		if err != nil {
			continue
		}
		if node, err := p.FilterFile(tree); err == nil && node != nil {
			return node
		}
	}
	return tree.Docs[0].Body
}

type baselineParser struct {
	file    string
	known   Vocabulary
	entries Baseline
	errs    []error
}

func (p *baselineParser) add(r rawEntry, at func(key string) (line, column int)) {
	fail := func(key, format string, args ...any) {
		e := &BaselineError{File: p.file, Message: fmt.Sprintf(format, args...)}
		e.Line, e.Column = at(key)
		p.errs = append(p.errs, e)
	}
	before := len(p.errs)
	e := Entry{ID: r.ID, Feature: r.Feature, Reason: strings.TrimSpace(r.Reason)}
	switch {
	case (e.ID == "") == (e.Feature == ""):
		fail("id", "an entry names either an id or a feature")
	case e.ID != "" && p.known.Requirement != nil && !p.known.Requirement(e.ID):
		fail("id", "unknown requirement %q", e.ID)
	case e.Feature != "" && p.known.Feature != nil && !p.known.Feature(e.Feature):
		fail("feature", "unknown feature %q", e.Feature)
	}
	if e.Reason == "" {
		fail("reason", "an entry needs a reason")
	}
	if r.Until != "" {
		var err error
		if e.Until, err = time.Parse(time.DateOnly, r.Until); err != nil {
			fail("until", "%q is not a date of the form 2027-01-31", r.Until)
		}
	}
	if len(p.errs) > before {
		return
	}
	if slices.ContainsFunc(p.entries, func(o Entry) bool { return o.ID == e.ID && o.Feature == e.Feature }) {
		fail("id", "%q stands twice", e.Name())
		return
	}
	p.entries = append(p.entries, e)
}

// Update returns the baseline that makes r conformant: known failures and features that r has no finding on stay,
// entries of requirements that pass go, failures that count and supported features come. A new entry's reason is
// what the target did. An entry that expired and whose requirement still fails loses its date.
func (b Baseline) Update(r *Report) Baseline {
	var out Baseline
	for _, e := range b {
		switch {
		case slices.Contains(r.Verdict.Stale, e.ID):
		case e.Feature != "" && r.Features[e.Feature] == FeatureUnsupported:
		case slices.Contains(r.Verdict.Expired, e.Name()) && !stillFails(r, e.ID):
		case slices.Contains(r.Verdict.Expired, e.Name()):
			e.Until = time.Time{}
			out = append(out, e)
		default:
			out = append(out, e)
		}
	}
	for _, result := range r.Results {
		_, listed := out.Lookup(result.ID)
		if result.Outcome == Failed && result.Counts && !listed {
			out = append(out, Entry{ID: result.ID, Reason: reasonOf(result)})
		}
	}
	for feature, state := range r.Features {
		has := slices.ContainsFunc(out, func(e Entry) bool { return e.Feature == feature })
		if state == FeatureSupported && !has {
			out = append(out, Entry{Feature: feature, Reason: "supported on " + r.Started.UTC().Format(time.DateOnly)})
		}
	}
	slices.SortStableFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func stillFails(r *Report, id string) bool {
	return slices.ContainsFunc(r.Results, func(o Result) bool { return o.ID == id && o.Outcome == Failed })
}

func reasonOf(r Result) string {
	f := ParseMessage(r.Message)
	if f.Got != "" {
		return "got " + oneLine(f.Got, 100)
	}
	return cmp.Or(oneLine(f.Text, 100), "fails")
}

// Write writes the baseline as a file that [ParseBaseline] reads.
func (b Baseline) Write(w io.Writer) error {
	var s strings.Builder
	if len(b) == 0 {
		s.WriteString("[]\n")
	}
	for _, e := range b {
		if e.ID != "" {
			fmt.Fprintf(&s, "- id: %s\n", quoteYAML(e.ID))
		} else {
			fmt.Fprintf(&s, "- feature: %s\n", quoteYAML(e.Feature))
		}
		fmt.Fprintf(&s, "  reason: %s\n", quoteYAML(e.Reason))
		if !e.Until.IsZero() {
			fmt.Fprintf(&s, "  until: %s\n", e.Until.Format(time.DateOnly))
		}
	}
	_, err := io.WriteString(w, s.String())
	return err
}

// quoteYAML leaves slugs as they are and writes all else as a JSON string, which YAML reads.
func quoteYAML(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.'
	}
	if strings.Contains(s, ".") && s[0] >= 'a' && s[0] <= 'z' && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	out, _ := json.Marshal(s)
	return string(out)
}
