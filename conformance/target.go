package conformance

import (
	"context"
	"errors"
	"fmt"

	"github.com/registryconform/conform/conformance/report"
)

// A Target is what is judged: a [Registry] or a [Driver]. Only this package makes targets.
type Target interface {
	// describe returns what the report says of the target.
	describe() report.Target
	// terms returns what a run takes from the kind of target.
	terms(o Options) terms
	// open connects to the target and finds out whether it can be judged
	// at all; a *[TargetError] says why not.
	open(ctx context.Context, o Options) (session, error)
	// chapters returns the specs for targets of this kind.
	chapters() []chapter
}

// A TargetError says that a target cannot be judged: it does not answer, it
// refuses the login, or it is something else than what it was taken for.
type TargetError struct {
	Target string
	Reason string
	Err    error
}

// Error returns one line.
func (e *TargetError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Target, e.Reason, e.Err)
	}
	return e.Target + ": " + e.Reason
}

// Unwrap returns what caused the error, or nil.
func (e *TargetError) Unwrap() error { return e.Err }

// Probe finds out what [Run] finds out before the first spec: whether t can be
// judged, and what it says of itself. The error is a *[TargetError].
func Probe(ctx context.Context, t Target) (report.Target, error) {
	s, err := t.open(ctx, Options{Seed: "probe"})
	if err != nil {
		return t.describe(), err
	}
	defer s.close()
	return s.describe(), nil
}

// ErrNothingSelected says that no spec fits the options of a run.
var ErrNothingSelected = errors.New("no spec is selected")
