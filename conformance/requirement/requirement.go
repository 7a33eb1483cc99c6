package requirement

import (
	"fmt"
	"strings"
)

// A Requirement is one thing that a registry is judged by.
type Requirement struct {
	// ID is the permanent slug chapter.object.condition.
	ID string `json:"id"`
	// Level is the strength of the demand.
	Level Level `json:"level"`
	// Basis tells how the source states it.
	Basis Basis `json:"basis"`
	// Feature is what it belongs to and what --require names.
	Feature Feature `json:"feature"`
	// Profile is the smallest profile that holds it; see Profile.Includes.
	Profile Profile `json:"profile"`
	// Section is the anchor of the section in the source document; see Link.
	Section string `json:"section"`
	// Since is the revision that first states it.
	Since Since `json:"since"`
	// Row numbers the statement in its source, such as 35 or D9; empty for Docker's API and schema 1.
	Row string `json:"row,omitempty"`
	// Provisional is set for what is not released yet: judged and told, never counted.
	Provisional bool `json:"provisional,omitempty"`
	// Statement is one sentence about the registry, in our own words.
	Statement string `json:"statement"`
}

// Chapter returns the first part of the id.
func (r Requirement) Chapter() string {
	chapter, _, _ := strings.Cut(r.ID, ".")
	return chapter
}

// Counts tells whether a failure of r makes a registry fail when demands from the given
// level upward count: r is as strong, is stated in so many words or in a table, and is
// released.
func (r Requirement) Counts(least Level) bool {
	return !r.Provisional && r.Basis != Implied && r.Level.AtLeast(least)
}

// Link returns the address of the section that states r: at the pinned tag of its document,
// and on the main branch for a provisional requirement.
func (r Requirement) Link() string {
	const (
		oci    = "https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#"
		next   = "https://github.com/opencontainers/distribution-spec/blob/main/spec.md#"
		docker = "https://github.com/distribution/distribution/blob/v2.7.1/docs/spec/"
	)
	switch r.Since {
	case SinceDockerV2:
		return docker + "api.md#" + r.Section
	case SinceSchema1:
		return docker + "manifest-v2-1.md#" + r.Section
	case SinceNext:
		return next + r.Section
	default:
		return oci + r.Section
	}
}

// A Level is the strength of a demand, in the sense of RFC 2119.
type Level string

// The levels, from strong to weak. MUST NOT, SHALL and REQUIRED are Must, SHOULD NOT and
// RECOMMENDED are Should, OPTIONAL is May.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY"
)

// Levels returns every level, from strong to weak.
func Levels() []Level { return []Level{Must, Should, May} }

// AtLeast tells whether l is as strong as other or stronger. It is false if either is not
// one of Levels.
func (l Level) AtLeast(other Level) bool {
	mine, theirs := l.rank(), other.rank()
	return mine > 0 && theirs > 0 && mine >= theirs
}

func (l Level) rank() int {
	switch l {
	case Must:
		return 3
	case Should:
		return 2
	case May:
		return 1
	}
	return 0
}

// ParseLevel reads the least level whose failures count: must or should, in any case. A MAY
// can't be failed, so it is refused like any other text; the error lists the valid values.
func ParseLevel(s string) (Level, error) {
	switch l := Level(strings.ToUpper(s)); l {
	case Must, Should:
		return l, nil
	}
	return "", fmt.Errorf("unknown level %q: want must or should", s)
}

// A Basis tells how the source states a requirement.
type Basis string

// The bases.
const (
	// Text is a sentence with a key word.
	Text Basis = "text"
	// Table is an entry of a table or list of the answers of an endpoint.
	Table Basis = "table"
	// Implied is a statement of fact without a key word, or what a registry is
	// expected to do when a client breaks a rule that binds the client alone: it
	// warns and never fails.
	Implied Basis = "implied"
)

// A Since is the revision in which a requirement first appeared.
type Since string

// The revisions.
const (
	// Since10 is OCI distribution-spec 1.0 (read at 1.0.1).
	Since10 Since = "1.0"
	// Since11 is OCI distribution-spec 1.1 (read at 1.1.1).
	Since11 Since = "1.1"
	// SinceNext is the main branch after 1.1.1.
	SinceNext Since = "1.1.1-next"
	// SinceDockerV2 is the Docker Registry HTTP API V2.
	SinceDockerV2 Since = "docker-v2"
	// SinceSchema1 is the image manifest version 2, schema 1.
	SinceSchema1 Since = "schema1"
)
