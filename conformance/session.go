package conformance

import (
	"context"
	"time"

	"github.com/registryconform/conform/conformance/report"
)

// A session is an open target: what all specs of a run share. It is safe for
// concurrent use.
type session interface {
	// describe returns what the report says of the target.
	describe() report.Target
	// begin puts a spec to work. It ends with either context, that of the
	// run or that of the spec; the function ends it anyhow.
	begin(run, sc context.Context, s spec) (attempt, context.CancelFunc)
	// gone returns why the target is no longer there, or nil.
	gone() error
	// note keeps a remark for the report, and notes returns all.
	note(format string, args ...any)
	notes() []string
	close()
}

// An attempt is one spec at work on a target. A [Case] is one on a registry.
type attempt interface {
	// judge returns if the target keeps the requirement; else it ends the
	// spec, as Ginkgo's specs end.
	judge()
	// cleanUp removes what the spec left on the target.
	cleanUp()
	// skipped returns the outcome of a spec that skipped itself, "" if it
	// has none.
	skipped() report.Outcome
	// targetGone reports whether the spec failed since the target is not
	// there any more, and timedOut whether it waited for it in vain.
	targetGone() bool
	timedOut() bool
	// cutOff reports whether an interruption of the run, if there was one,
	// is what the spec saw.
	cutOff() bool
	// evidence adds to the result, whose outcome stands, what the spec saw.
	evidence(result *report.Result)
}

// terms are what a run takes from the kind of its target.
type terms struct {
	specVersion string
	profile     string
	specTimeout time.Duration // unless the options have one
}
