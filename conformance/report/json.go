package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
)

//go:embed schema.json
var schema string

// Schema returns the JSON schema (draft 2020-12) of results.json.
func Schema() []byte { return []byte(schema) }

// maxReport bounds what [Read] takes.
const maxReport = 512 << 20

// WriteJSON writes the report as results.json, in the form of [Schema].
func WriteJSON(w io.Writer, r *Report) error {
	c := *r
	c.Schema = SchemaVersion
	if c.Results == nil {
		c.Results = []Result{}
	}
	if c.Features == nil {
		c.Features = map[string]string{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&c); err != nil {
		return fmt.Errorf("results.json: %w", err)
	}
	return nil
}

// A SchemaError says that a report has another form than this package reads.
type SchemaError struct {
	Got string // what its schema field says
}

// Error implements error.
func (e *SchemaError) Error() string {
	if e.Got == "" {
		return "not a results.json: it has no schema field"
	}
	return fmt.Sprintf("results.json of schema %q: only %q can be read", e.Got, SchemaVersion)
}

// Read reads what [WriteJSON] wrote. Fields that this version doesn't know are ignored. It returns a *[SchemaError]
// for a document of another schema.
func Read(r io.Reader) (*Report, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return nil, fmt.Errorf("results.json: %w", err)
	}
	if len(data) > maxReport {
		return nil, fmt.Errorf("results.json: larger than %d bytes", maxReport)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("results.json: %w", err)
	}
	if head.Schema != SchemaVersion {
		return nil, &SchemaError{head.Schema}
	}
	var out Report
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("results.json: %w", err)
	}
	return &out, nil
}

// FailedSpecs returns the specs, as pairs of id and text, that a repeated run should judge again: those that
// failed, were blocked, broke the suite, or count for another reason.
func (r *Report) FailedSpecs() map[[2]string]bool {
	out := map[[2]string]bool{}
	for _, result := range r.Results {
		switch {
		case result.Counts, result.Outcome == Failed, result.Outcome == Blocked, result.Outcome == Error:
			out[[2]string{result.ID, result.Spec}] = true
		}
	}
	return out
}
