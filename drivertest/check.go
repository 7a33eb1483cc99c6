package drivertest

import (
	"fmt"
	"path"
	"strings"
)

// Level says what breaking a rule means.
type Level string

const (
	// Must fails.
	Must Level = "MUST"
	// Should is reported, and fails where Config.Strict is set.
	Should Level = "SHOULD"
	// Perf is measured, most of it by Benchmark, and never counts.
	Perf Level = "PERF"
	// Info is reported and never counts.
	Info Level = "INFO"
)

// Rule is one thing that a driver must do. Its id is permanent.
type Rule struct {
	ID    string
	Level Level
	// Sentence is what a driver must do, in one sentence.
	Sentence string
	// Group is the subject: paths, walk, crash …
	Group string
	// Relaxed says that Semantics.EarlyVisible turns this MUST into a SHOULD.
	Relaxed bool
}

// rule is a Rule and the code that judges it.
type rule struct {
	id    string
	level Level
	says  string
	run   func(*trial)
	flags flags
}

type flags uint8

const (
	relaxed   flags = 1 << iota // SHOULD where early visibility is declared
	rootLevel                   // judges the root: needs a store of its own
	alone                       // measures the process: never beside another rule
)

type group struct {
	prefix string
	name   string
	rules  []rule
}

// groups is the order of a run.
func groups() []group {
	return []group{
		{"FAC", "factory", factoryRules()},
		{"PATH", "paths", pathRules()},
		{"CONT", "content", contentRules()},
		{"READ", "reader", readerRules()},
		{"WRIT", "writer", writerRules()},
		{"RESU", "resume", resumeRules()},
		{"CHNK", "parts", partRules()},
		{"STAT", "stat", statRules()},
		{"LIST", "list", listRules()},
		{"MOVE", "move", moveRules()},
		{"DELE", "delete", deleteRules()},
		{"WALK", "walk", walkRules()},
		{"REDR", "redirect", redirectRules()},
		{"ERRS", "errors", errorRules()},
		{"CTXT", "contexts", contextRules()},
		{"CONC", "concurrency", concurrencyRules()},
		{"CONS", "consistency", consistencyRules()},
		{"MODL", "model", modelRules()},
		{"LINZ", "linearizability", linearRules()},
		{"CRSH", "crash", crashRules()},
		{"FALT", "faults", faultRules()},
		{"LEAK", "leaks", leakRules()},
		{"LARG", "large", largeRules()},
		{"WRAP", "wrappers", wrapperRules()},
		{"REGI", "registry", registryRules()},
		{"PERF", "performance", performanceRules()},
	}
}

// Checks returns every rule in the order of a run.
func Checks() []Rule {
	var all []Rule
	for _, g := range groups() {
		for _, r := range g.rules {
			all = append(all, r.check(g.name))
		}
	}
	return all
}

func (r rule) check(group string) Rule {
	return Rule{ID: r.id, Level: r.level, Sentence: r.says, Group: group, Relaxed: r.flags&relaxed != 0}
}

// selected tells whether a rule is among the globs of Config.Only.
func selected(id string, only []string) bool {
	if len(only) == 0 {
		return true
	}
	for _, pattern := range only {
		if ok, _ := path.Match(pattern, id); ok {
			return true
		}
	}
	return false
}

// validate refuses a configuration that can only be a mistake.
func (c Config) validate() error {
	for _, pattern := range c.Only {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("drivertest: Only %q: %w", pattern, err)
		}
		if !anyRule(pattern) {
			return fmt.Errorf("drivertest: Only %q selects no rule", pattern)
		}
	}
	if c.Budget < Quick || c.Budget > Long {
		return fmt.Errorf("drivertest: budget %d is none of quick, standard, long", int(c.Budget))
	}
	if c.Prefix != "" && (!strings.HasPrefix(c.Prefix, "/") || strings.HasSuffix(c.Prefix, "/")) {
		return fmt.Errorf("drivertest: prefix %q must start and must not end with a slash", c.Prefix)
	}
	return nil
}

func anyRule(pattern string) bool {
	for _, c := range Checks() {
		if ok, _ := path.Match(pattern, c.ID); ok {
			return true
		}
	}
	return false
}
