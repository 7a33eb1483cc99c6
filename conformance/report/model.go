package report

import (
	"time"

	"github.com/registryconform/conform/conformance/wire"
)

// SchemaVersion is the version of the JSON form of [Report]. It changes when a
// reader of the former version could misread the new one.
const SchemaVersion = "conform.results/1"

// An Outcome is how one spec ended.
type Outcome string

// The outcomes, from best to worst.
const (
	// NotSelected: the spec was not run.
	NotSelected Outcome = "not selected"
	// Passed: the target keeps the requirement, as far as the spec sees.
	Passed Outcome = "passed"
	// Unsupported: an optional feature, refused as the text allows.
	Unsupported Outcome = "unsupported"
	// Blocked: a step that the spec needs failed in another requirement.
	Blocked Outcome = "blocked"
	// Failed: the target breaks the requirement.
	Failed Outcome = "failed"
	// Error: the suite itself broke.
	Error Outcome = "error"
)

// Outcomes returns all outcomes, from best to worst.
func Outcomes() []Outcome {
	return []Outcome{NotSelected, Passed, Unsupported, Blocked, Failed, Error}
}

// A Report is what a run found.
type Report struct {
	Schema      string            `json:"schema"`
	Tool        Tool              `json:"tool"`
	SpecVersion string            `json:"specVersion"`
	Seed        string            `json:"seed"`
	Started     time.Time         `json:"started"`
	Ended       time.Time         `json:"ended"`
	Target      Target            `json:"target"`
	Profile     string            `json:"profile"`
	Options     map[string]Option `json:"options,omitempty"`
	// Features maps each feature that a selected spec belongs to, to
	// "supported", "unsupported" or "unknown".
	Features map[string]string `json:"features"`
	Totals   Totals            `json:"totals"`
	Verdict  Verdict           `json:"verdict"`
	Results  []Result          `json:"results"`
	// Notes tell what happened beside the specs: content that could not be
	// removed, say.
	Notes []string `json:"notes,omitempty"`
	// Interrupted says that the run was ended before its last spec.
	Interrupted bool `json:"interrupted,omitempty"`
	// Unreachable says that the target went away during the run.
	Unreachable bool `json:"unreachable,omitempty"`
}

// A Tool is the program that ran.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// A Target is what was tested.
type Target struct {
	Kind string `json:"kind"` // "registry" or "driver"
	Name string `json:"name"` // URL without credentials, or the driver's name
	// Repositories are the prefix or the two repositories that were used.
	Repositories []string `json:"repositories,omitempty"`
	// Server is what the target says of itself, if anything.
	Server string `json:"server,omitempty"`
}

// An Option is a setting of the run and where it came from: "flag",
// "environment", "file" or "default".
type Option struct {
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// A Result is how one spec ended, with the evidence.
type Result struct {
	ID          string  `json:"id"`    // of the requirement
	Level       string  `json:"level"` // MUST, SHOULD, MAY
	Basis       string  `json:"basis"`
	Feature     string  `json:"feature"`
	Section     string  `json:"section"`
	Statement   string  `json:"statement"`
	Provisional bool    `json:"provisional,omitempty"`
	Chapter     string  `json:"chapter"`
	Spec        string  `json:"spec"` // the spec's text, unique with ID
	Outcome     Outcome `json:"outcome"`
	// Counts says that the outcome makes the run fail; Because says why,
	// or why a failure does not.
	Counts    bool             `json:"counts"`
	Because   string           `json:"because,omitempty"`
	BlockedBy string           `json:"blockedBy,omitempty"` // id of a requirement
	Message   string           `json:"message,omitempty"`
	Seconds   float64          `json:"seconds"`
	Exchanges []*wire.Exchange `json:"exchanges,omitempty"`
}

// Totals count specs, but for Stale, which counts entries of the baseline.
type Totals struct {
	Passed      int `json:"passed"`
	Failed      int `json:"failed"` // failures that count
	Unsupported int `json:"unsupported"`
	Blocked     int `json:"blocked"`
	Error       int `json:"error"`
	Known       int `json:"known"` // failures that the baseline names
	Stale       int `json:"stale"`
	Provisional int `json:"provisional"` // failures of provisional requirements
	Warned      int `json:"warned"`      // failures below the level asked for
	NotSelected int `json:"notSelected"`
}

// A Verdict is what the run comes to.
type Verdict struct {
	Conformant bool `json:"conformant"`
	// Exit is the exit status that says the same.
	Exit    int    `json:"exit"`
	Summary string `json:"summary"` // one sentence
	// Stale are the ids of baseline entries whose requirement passes.
	Stale []string `json:"stale,omitempty"`
	// Missing are features that were required and are unsupported.
	Missing []string `json:"missing,omitempty"`
	// Expired are the ids and features of baseline entries that no longer
	// apply since their date is past.
	Expired []string `json:"expired,omitempty"`
}

// Exit statuses of a run.
const (
	ExitConformant  = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitUnreachable = 3
	ExitBroken      = 4
	ExitInterrupted = 130
)
