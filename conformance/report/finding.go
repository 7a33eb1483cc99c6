package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/conformance/wire"
)

// A Finding is a result's message taken apart: what [wire.Finding] put together, and the text around it.
type Finding struct {
	Want string
	Got  string
	// Exchange is the number of the exchange that the message names, or 0.
	Exchange int
	// Text is what the message says beside these, without the line that repeats the exchange.
	Text string
}

// ParseMessage takes a message apart. A message of another form has only Text.
func ParseMessage(message string) Finding {
	var f Finding
	var text []string
	into := (*string)(nil)
	for line := range strings.Lines(message) {
		line = strings.TrimRight(line, "\r\n")
		bare := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(bare, "want  ") && f.Want == "":
			f.Want, into = strings.TrimSpace(bare[4:]), &f.Want
		case strings.HasPrefix(bare, "got   ") && f.Got == "":
			f.Got, into = strings.TrimSpace(bare[3:]), &f.Got
		case strings.HasPrefix(bare, "wire  #") && f.Exchange == 0:
			_, _ = fmt.Sscanf(bare, "wire  #%d", &f.Exchange)
			into = nil
		case into != nil && bare != "":
			*into += "\n" + line
		case bare != "":
			text = append(text, line)
		}
	}
	f.Text = strings.Join(text, "\n")
	return f
}

// Evidence returns the exchange that the result's message names, else its last one, or nil.
func (r *Result) Evidence() *wire.Exchange {
	n := ParseMessage(r.Message).Exchange
	for _, x := range r.Exchanges {
		if x.Seq == n {
			return x
		}
	}
	if len(r.Exchanges) == 0 {
		return nil
	}
	return r.Exchanges[len(r.Exchanges)-1]
}

// A Group holds the results of one requirement that belong together in a list of findings.
type Group struct {
	// ID is the requirement.
	ID string
	// Results have the same requirement; those with the same cause follow each other.
	Results []*Result
	// Blocks are the ids of requirements that couldn't be judged because of this one.
	Blocks []string
}

// First is the result that the group is shown by.
func (g Group) First() *Result { return g.Results[0] }

// Counts reports whether one of the results does.
func (g Group) Counts() bool {
	return slices.ContainsFunc(g.Results, func(r *Result) bool { return r.Counts })
}

// Causes returns the results of the group that differ in what was wanted or got, with the number of results that
// are like each.
func (g Group) Causes() []Cause {
	var out []Cause
	for _, r := range g.Results {
		f := ParseMessage(r.Message)
		at := slices.IndexFunc(out, func(c Cause) bool {
			return c.Outcome == r.Outcome && c.Finding.Want == f.Want && c.Finding.Got == f.Got && c.Finding.Text == f.Text
		})
		if at < 0 {
			out = append(out, Cause{Result: r, Finding: f})
			continue
		}
		out[at].Alike = append(out[at].Alike, r)
	}
	return out
}

// A Cause is a result that stands for others of the same requirement that found the same.
type Cause struct {
	*Result
	Finding Finding
	Alike   []*Result
}

// Findings groups the results that failed, broke or otherwise count, in the order of the report but those that
// count first. A blocked result that doesn't count is named by the group that blocks it.
func (r *Report) Findings() []Group {
	var out []Group
	at := map[string]int{}
	for i := range r.Results {
		result := &r.Results[i]
		if !result.Counts && result.Outcome != Failed && result.Outcome != Error {
			continue
		}
		n, ok := at[result.ID]
		if !ok {
			n = len(out)
			at[result.ID] = n
			out = append(out, Group{ID: result.ID})
		}
		out[n].Results = append(out[n].Results, result)
	}
	for _, result := range r.Results {
		n, ok := at[result.BlockedBy]
		if ok && result.Outcome == Blocked && !slices.Contains(out[n].Blocks, result.ID) {
			out[n].Blocks = append(out[n].Blocks, result.ID)
		}
	}
	slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

func rank(g Group) int {
	if g.Counts() {
		return 0
	}
	return 1
}

// Label is the outcome in one word as people are told it: "known", "warned", "provisional" and "stale" are told
// apart from failures that count.
func (r *Result) Label() string {
	switch {
	case r.Outcome == Passed && r.Counts:
		return "stale"
	case r.Outcome == Unsupported && r.Counts:
		return "missing"
	case r.Outcome != Failed || r.Counts:
		return string(r.Outcome)
	case strings.HasPrefix(r.Because, "known failure"):
		return "known"
	case r.Provisional:
		return "provisional"
	}
	return "warned"
}

// link returns the address of the section that states the result's requirement, or what the result says of it.
func link(r *Result) string {
	if req, ok := requirement.Lookup(r.ID); ok {
		return req.Link()
	}
	return r.Section
}

// oneLine joins the lines of s and cuts it to at most n characters.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > n && n > 0 {
		return string(runes[:n-1]) + "…"
	}
	return s
}
