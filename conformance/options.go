package conformance

import (
	"fmt"
	"strings"
	"time"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
)

// SpecVersion is the version of the distribution specification that the suite
// judges by; requirements of its later revision are provisional.
const SpecVersion = "1.1.1"

// Options say what to run and what counts. The zero value runs the full
// profile at level MUST.
type Options struct {
	// Profile selects requirements; "" means full.
	Profile requirement.Profile
	// Select are globs over ids of requirements in lower case; none means
	// all.
	Select []string
	// Only, if not nil, are the (id, text) pairs of the specs to run.
	Only map[[2]string]bool
	// Policy says what counts.
	Policy report.Policy
	// Seed makes the content that is pushed; "" means a random one. The
	// same seed pushes the same bytes.
	Seed string
	// Tool is named in the report.
	Tool report.Tool
	// Begin, if set, is called once the target is known to answer, with
	// the number of selected specs, and Emit after each spec. Both are
	// called from one goroutine at a time.
	Begin func(specs int)
	Emit  func(report.Result)
	// SpecTimeout bounds one spec; 0 means a minute, or half an hour for a
	// rule of a driver.
	SpecTimeout time.Duration
}

// profile returns the profile, full by default.
func (o *Options) profile() requirement.Profile {
	if o.Profile == "" {
		return requirement.ProfileFull
	}
	return o.Profile
}

// Selected returns the specs that [Run] would run, or its error if there are
// none. It asks the target nothing.
func Selected(t Target, o Options) ([]Spec, error) {
	chosen, err := o.selected(collect(t))
	specs := make([]Spec, len(chosen))
	for i, s := range chosen {
		specs[i] = s.Spec
	}
	return specs, err
}

// selected returns those of specs that o selects.
func (o *Options) selected(specs []spec) ([]spec, error) {
	var chosen []spec
	for _, s := range specs {
		ok, err := o.selects(s.Spec)
		if err != nil {
			return nil, err
		}
		if ok {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%w by profile %s and patterns %q", ErrNothingSelected, o.profile(), o.Select)
	}
	return chosen, nil
}

func (o *Options) selects(s Spec) (bool, error) {
	matched := true
	if len(o.Select) > 0 {
		var err error
		if matched, err = requirement.Match(o.Select, strings.ToLower(s.Requirement.ID)); err != nil {
			return false, err
		}
	}
	return matched && o.profile().Includes(s.Requirement) &&
		(o.Only == nil || o.Only[[2]string{s.Requirement.ID, s.Text}]), nil
}
