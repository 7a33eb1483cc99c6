package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/conformance/wire"
)

var (
	//go:embed page/page.html.tmpl
	pageTemplate string
	//go:embed page/page.css
	pageStyle string
	//go:embed page/page.js
	pageScript string
)

// WriteHTML writes report.html: one file that needs no other and no network. It can be read without its script,
// which filters. What came from the target is text in it: a content security policy lets nothing run but the
// report's own script, and nothing load.
func WriteHTML(w io.Writer, r *Report) error {
	t, err := template.New("report.html").Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	if err := t.Execute(w, newPage(r)); err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	return nil
}

type page struct {
	Report   *Report
	Title    string
	Policy   string
	Style    template.CSS
	Script   template.JS
	Totals   []pageCount
	Labels   []pageCount
	Levels   []pageCount
	Facts    []pageFact
	Features []pageFact
	Options  []pageFact
	Remarks  []string
	Findings []pageFinding
	Chapters []*pageChapter
}

type pageCount struct {
	Label, Class string
	Count        int
}

type pageFact struct{ Name, Value, Origin string }

// pageFinding is a line of the list of findings.
type pageFinding struct {
	Anchor, ID, Level, Label, Class, Sign, Text string
}

type pageChapter struct {
	Name  string
	Cases []pageCase
}

type pageCase struct {
	*Result
	Anchor, Label, Class, Sign string
	Link, Took, Curl           string
	Open                       bool
	Finding                    Finding
	Wire                       []pageExchange
}

type pageExchange struct {
	Seq                                           int
	Method, URL, Outcome, Took, Request, Response string
	Evidence                                      bool
}

func newPage(r *Report) *page {
	p := &page{
		Report: r,
		Title:  strings.TrimSpace(r.Tool.Name + ": " + r.Target.Name),
		Policy: "default-src 'none'; style-src 'sha256-" + hash(pageStyle) + "'; script-src 'sha256-" + hash(pageScript) +
			"'; base-uri 'none'; form-action 'none'",
		Style: template.CSS(pageStyle), Script: template.JS(pageScript),
		Facts: facts(r), Remarks: remarks(r),
	}
	for _, name := range slices.Sorted(maps.Keys(r.Features)) {
		p.Features = append(p.Features, pageFact{Name: name, Value: r.Features[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Options)) {
		p.Options = append(p.Options, pageFact{name, r.Options[name].Value, r.Options[name].Origin})
	}
	anchors := p.addCases(r)
	p.addFindings(r, anchors)
	p.count(r)
	return p
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func facts(r *Report) []pageFact {
	var out []pageFact
	for _, f := range []pageFact{
		{Name: "specification", Value: r.SpecVersion},
		{Name: "profile", Value: r.Profile},
		{Name: "server", Value: r.Target.Server},
		{Name: "repositories", Value: strings.Join(r.Target.Repositories, ", ")},
		{Name: "started", Value: r.Started.Format(time.RFC3339)},
		{Name: "took", Value: r.Ended.Sub(r.Started).Round(time.Millisecond).String()},
	} {
		if f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}

func remarks(r *Report) []string {
	var out []string
	for _, id := range r.Verdict.Stale {
		out = append(out, "Stale baseline entry: "+id+" passes.")
	}
	for _, f := range r.Verdict.Missing {
		out = append(out, "Missing feature: "+f+".")
	}
	for _, id := range r.Verdict.Expired {
		out = append(out, "Expired baseline entry: "+id+".")
	}
	return append(out, r.Notes...)
}

// labels are the outcomes as [Result.Label] tells them, worst first, with how each is shown.
func labels() []struct{ name, class, sign string } {
	return []struct{ name, class, sign string }{
		{"failed", "failed", "✗"},
		{"missing", "failed", "✗"},
		{"stale", "failed", "✗"},
		{"error", "error", "!"},
		{"known", "warn", "△"},
		{"warned", "warn", "△"},
		{"provisional", "warn", "△"},
		{"blocked", "warn", "⊘"},
		{"unsupported", "quiet", "–"},
		{"not selected", "quiet", "–"},
		{"passed", "passed", "✓"},
	}
}

func (p *page) count(r *Report) {
	byLabel, byLevel := map[string]int{}, map[string]int{}
	for i := range r.Results {
		byLabel[r.Results[i].Label()]++
		byLevel[r.Results[i].Level]++
	}
	for _, l := range labels() {
		if n := byLabel[l.name]; n > 0 {
			p.Labels = append(p.Labels, pageCount{l.name, l.class, n})
		}
	}
	p.Totals = p.Labels
	for _, level := range requirement.Levels() {
		if n := byLevel[string(level)]; n > 0 {
			p.Levels = append(p.Levels, pageCount{Label: string(level), Count: n})
		}
	}
}

// addCases fills the chapters and returns where each result stands.
func (p *page) addCases(r *Report) map[*Result]string {
	chapters, seen, anchors := map[string]*pageChapter{}, map[string]bool{}, map[*Result]string{}
	for i := range r.Results {
		result := &r.Results[i]
		name := cmp.Or(result.Chapter, "checks")
		if chapters[name] == nil {
			chapters[name] = &pageChapter{Name: name}
			p.Chapters = append(p.Chapters, chapters[name])
		}
		c := newCase(result)
		c.Anchor = result.ID
		if seen[result.ID] {
			c.Anchor = fmt.Sprintf("%s.%d", result.ID, i)
		}
		seen[result.ID], anchors[result] = true, c.Anchor
		chapters[name].Cases = append(chapters[name].Cases, c)
	}
	return anchors
}

// addFindings fills the list that leads to the cases, a line for each cause.
func (p *page) addFindings(r *Report, anchors map[*Result]string) {
	for _, group := range r.Findings() {
		for _, cause := range group.Causes() {
			f := pageFinding{
				Anchor: anchors[cause.Result], ID: cause.ID, Level: cause.Level, Label: cause.Label(),
				Text: cmp.Or(cause.Finding.Text, cause.Because, cause.Statement),
			}
			if cause.Finding.Want != "" {
				f.Text = "want " + cause.Finding.Want + ", got " + cause.Finding.Got
			}
			f.Text = clean(oneLine(f.Text, 200))
			f.Class, f.Sign = look(f.Label)
			p.Findings = append(p.Findings, f)
		}
	}
}

func look(label string) (class, sign string) {
	for _, l := range labels() {
		if l.name == label {
			return l.class, l.sign
		}
	}
	return "", ""
}

func newCase(r *Result) pageCase {
	c := pageCase{
		Result: r, Label: r.Label(), Open: r.Counts, Finding: ParseMessage(r.Message),
		Took: time.Duration(r.Seconds * float64(time.Second)).Round(time.Millisecond / 10).String(),
	}
	c.Class, c.Sign = look(c.Label)
	if req, ok := requirement.Lookup(r.ID); ok {
		c.Link = req.Link()
	}
	var evidence *wire.Exchange
	if r.Outcome != Passed {
		evidence = r.Evidence()
	}
	if evidence != nil {
		c.Curl = clean(Curl(evidence))
	}
	for _, x := range r.Exchanges {
		c.Wire = append(c.Wire, pageExchange{
			Seq: x.Seq, Method: x.Method, URL: x.URL, Outcome: x.Outcome(),
			Took:     x.Duration.Round(time.Microsecond * 10).String(),
			Request:  x.Method + " " + x.URL + "\n" + messageText(x.Request),
			Response: x.Proto + " " + x.Outcome() + "\n" + messageText(x.Response),
			Evidence: x == evidence,
		})
	}
	return c
}

// maxDump is the number of bytes shown of a body that isn't text.
const maxDump = 256

func messageText(m wire.Message) string {
	var s strings.Builder
	for _, name := range slices.Sorted(maps.Keys(http.Header(m.Header))) {
		for _, value := range m.Header[name] {
			fmt.Fprintf(&s, "%s: %s\n", name, value)
		}
	}
	if m.Size == 0 {
		return clean(s.String())
	}
	s.WriteString("\n")
	if m.Body.IsText() {
		s.Write(m.Body)
	} else {
		s.WriteString(hex.Dump(m.Body[:min(len(m.Body), maxDump)]))
	}
	if m.Truncated || (!m.Body.IsText() && len(m.Body) > maxDump) {
		fmt.Fprintf(&s, "\n… (%d bytes in all)", m.Size)
	}
	return clean(s.String())
}
