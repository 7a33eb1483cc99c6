package conformance

import (
	"fmt"
	"strings"

	"github.com/onsi/ginkgo/v2"

	"github.com/registryconform/conform/conformance/requirement"
)

// Covers returns the labels that say which requirement a Ginkgo node judges,
// with its level and feature, so that these cannot contradict the catalogue.
func Covers(r requirement.Requirement) ginkgo.Labels {
	return ginkgo.Labels{"req:" + r.ID, "level:" + string(r.Level), "feature:" + string(r.Feature)}
}

// A Spec tells of one spec: what it judges and how it says so.
type Spec struct {
	Chapter     string
	Requirement requirement.Requirement
	// Text is a sentence about the target, unique together with the
	// requirement.
	Text string
}

// Specs returns every spec for targets of the kind of t, in the order of the
// chapters.
func Specs(t Target) []Spec {
	var all []Spec
	for _, s := range collect(t) {
		all = append(all, s.Spec)
	}
	return all
}

// A spec is a Spec with the code that judges.
type spec struct {
	Spec
	name string      // unique, and a component of a repository name
	body func(*Case) // for registries
}

// A chapter registers the specs of one part of the specification.
type chapter struct {
	title string
	specs func(*registrar)
}

// A registrar takes the specs of a chapter.
type registrar struct {
	chapter string
	specs   []spec
	names   map[string]int
}

// It registers a spec that judges r. text is a sentence about the target; body
// judges, and returns if the target keeps the requirement.
func (g *registrar) It(text string, r requirement.Requirement, body func(*Case)) {
	g.names[r.ID]++
	name := r.ID
	if n := g.names[r.ID]; n > 1 {
		name = fmt.Sprintf("%s-%d", r.ID, n)
	}
	g.specs = append(g.specs, spec{
		Spec: Spec{Chapter: g.chapter, Requirement: r, Text: text},
		name: strings.ToLower(name), body: body,
	})
}

// collect returns the specs of all chapters for t.
func collect(t Target) []spec {
	g := &registrar{names: map[string]int{}}
	for _, c := range t.chapters() {
		g.chapter = c.title
		c.specs(g)
	}
	return g.specs
}
