package report

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/registryconform/conform/conformance/wire"
)

// ConsoleOptions say what the place that a [Console] writes to is like. The zero value suits a log file.
type ConsoleOptions struct {
	// Width is the number of columns; 0 is 100. Findings aren't made narrower than 40. Command lines that
	// someone will copy are never broken.
	Width int
	// Color allows ANSI colours. Whether it is a terminal, and NO_COLOR, are for the caller to look at.
	Color bool
	// Live rewrites a line of progress in place.
	Live bool
	// Brief leaves out failures that don't count.
	Brief bool
	// Files are the paths of the files that the run wrote, for the last line.
	Files []string
}

// A Console shows a run to people while it goes on and at its end. It is safe for concurrent use. After a write
// failed it writes no more, and [Console.Finish] returns the error.
type Console struct {
	mu       sync.Mutex
	w        io.Writer
	options  ConsoleOptions
	err      error
	total    int
	done     int
	chapters []*tally
	// repository is what the names of all repositories of the run begin with.
	repository string
	live       bool // a line of progress stands on the terminal
}

// tally counts the outcomes of a chapter as far as they are known while the run goes on.
type tally struct {
	name                                 string
	passed, failed, errors, blocked, not int
}

// NewConsole returns a console that writes to w.
func NewConsole(w io.Writer, options ConsoleOptions) *Console {
	if options.Width <= 0 {
		options.Width = 100
	}
	return &Console{w: w, options: options}
}

// WriteConsole writes the whole of a finished report.
func WriteConsole(w io.Writer, r *Report, options ConsoleOptions) error {
	options.Live = false
	c := NewConsole(w, options)
	c.Start(r, len(r.Results))
	for _, result := range r.Results {
		c.Result(result)
	}
	return c.Finish(r)
}

// Start writes the head. total is the number of specs that will run.
func (c *Console) Start(r *Report, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total = total
	if len(r.Target.Repositories) == 1 {
		c.repository = r.Target.Repositories[0]
	}
	parts := []string{strings.TrimSpace(r.Tool.Name + " " + r.Tool.Version)}
	for _, p := range []struct{ label, text string }{{"OCI ", r.SpecVersion}, {"profile ", r.Profile}} {
		if p.text != "" {
			parts = append(parts, p.label+p.text)
		}
	}
	target := r.Target.Name
	if len(r.Target.Repositories) > 0 {
		target += " (" + strings.Join(r.Target.Repositories, ", ") + ")"
	}
	parts = append(parts, number(total, "check"), target)
	c.print(c.paint(bold, printable(strings.Join(parts, " · "))) + "\n")
}

// Result takes the result of one spec.
func (c *Console) Result(result Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tally(cmp.Or(oneLine(printable(result.Chapter), 40), "checks"))
	c.done++
	switch result.Outcome {
	case Passed:
		t.passed++
	case Failed:
		t.failed++
	case Error:
		t.errors++
	case Blocked:
		t.blocked++
	default:
		t.not++
	}
	if c.options.Live {
		c.progress()
	}
}

func (c *Console) tally(name string) *tally {
	for _, t := range c.chapters {
		if t.name == name {
			return t
		}
	}
	c.chapters = append(c.chapters, &tally{name: name})
	return c.chapters[len(c.chapters)-1]
}

// progress rewrites the line of progress, cut to the terminal's width.
func (c *Console) progress() {
	line := fmt.Sprintf("%d/%d", c.done, max(c.total, c.done))
	width := utf8.RuneCountInString(line)
	for _, t := range c.chapters {
		plain := "  " + c.chapter(t, false)
		if width += utf8.RuneCountInString(plain); width > c.options.Width-1 {
			break
		}
		line += "  " + c.chapter(t, c.options.Color)
	}
	c.print("\r\x1b[2K" + line)
	c.live = true
}

func (c *Console) chapter(t *tally, color bool) string {
	s := t.name
	for _, p := range []struct {
		n           int
		sign, color string
	}{{t.failed, "✗", red}, {t.errors, "!", red}, {t.passed, "✓", green}, {t.blocked, "⊘", yellow}, {t.not, "–", faint}} {
		if p.n == 0 {
			continue
		}
		piece := fmt.Sprintf("%s%d", p.sign, p.n)
		if color {
			piece = p.color + piece + reset
		}
		s += " " + piece
	}
	return s
}

// Finish writes the chapters, the findings, the totals and the verdict of the judged report.
func (c *Console) Finish(r *Report) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	c.summary(r)
	for _, group := range r.Findings() {
		if group.Counts() || !c.options.Brief {
			c.group(group)
		}
	}
	c.totals(r)
	return c.err
}

func (c *Console) clear() {
	if c.live {
		c.print("\r\x1b[2K")
		c.live = false
	}
}

// summary writes the chapters, as many to a line as fit, and the time that the run took.
func (c *Console) summary(r *Report) {
	line, width := "", 0
	for _, t := range c.chapters {
		n := utf8.RuneCountInString(c.chapter(t, false))
		if width > 0 && width+2+n > c.options.Width {
			c.print(line + "\n")
			line, width = "", 0
		}
		if width > 0 {
			line, width = line+"  ", width+2
		}
		line, width = line+c.chapter(t, c.options.Color), width+n
	}
	if took := r.Ended.Sub(r.Started); took > 0 {
		line += c.paint(faint, fmt.Sprintf("  %.1f s", took.Round(100*time.Millisecond).Seconds()))
	}
	c.print(line + "\n")
}

// group writes the findings of one requirement.
func (c *Console) group(g Group) {
	first := g.First()
	sign, color := "✗", red
	if !g.Counts() {
		sign, color = "△", yellow
	}
	head := sign + " " + g.ID + "  " + first.Level
	if label := first.Label(); label != string(Failed) {
		head += "  " + label
	}
	c.print("\n" + c.paint(bold+color, printable(head)) + "\n")
	c.field("rule", first.Statement)
	c.verbatim("spec", link(first))
	for i, cause := range g.Causes() {
		if i > 0 {
			c.print("\n")
		}
		c.cause(cause)
	}
	if len(g.Blocks) > 0 {
		c.field("blocks", strings.Join(g.Blocks, ", "))
	}
	if first.Because != "" {
		c.field("why", first.Because)
	}
}

// maxWire is the number of exchanges that the console shows of a finding; the files have them all.
const maxWire = 4

func (c *Console) cause(cause Cause) {
	test := cause.Spec
	if n := len(cause.Alike); n > 0 {
		test += fmt.Sprintf(" (and %s alike)", number(n, "more spec"))
	}
	if test != strings.TrimSuffix(cause.Statement, ".") {
		c.field("test", test)
	}
	c.field("want", cause.Finding.Want)
	c.field("got", cause.Finding.Got)
	if lines := strings.Split(cause.Finding.Text, "\n"); len(cause.Exchanges) == 0 && len(lines) > 1 {
		c.lines("note", lines)
	} else {
		c.field("note", oneLine(cause.Finding.Text, 600))
	}
	evidence := cause.Evidence()
	steps := upTo(cause.Exchanges, evidence)
	if left := len(steps) - maxWire; left > 0 {
		c.field("wire", number(left, "earlier exchange")+" in the report")
		steps = steps[left:]
	}
	for _, x := range steps {
		c.verbatim("wire", shorten(x, c.repository, max(c.options.Width, 60)-label))
	}
	if evidence != nil {
		c.verbatim("try", Curl(evidence))
	}
}

// shorten returns an exchange in a line for people: no host, no run's own name, and only the beginning of digests,
// sessions and states. The headers are those that ranges are about.
func shorten(x *wire.Exchange, repository string, width int) string {
	target := x.URL
	if u, err := url.Parse(x.URL); err == nil {
		target = u.RequestURI()
	}
	if before, rest, ok := strings.Cut(target, "/v2/"+repository+"/"); ok && repository != "" {
		if _, name, ok := strings.Cut(rest, "/"); ok {
			target = before + "/v2/…/" + name
		}
	}
	target = opaque.ReplaceAllString(strings.ReplaceAll(target, "%3A", ":"), "$1…")
	head, s := fmt.Sprintf("#%d %s ", x.Seq, x.Method), ""
	for _, name := range []string{"Range", "Content-Range"} {
		if v := x.Request.Header.Get(name); v != "" {
			s += " " + name + ": " + v
		}
	}
	s += " → " + oneLine(x.Outcome(), 0)
	for _, name := range []string{"Range", "Content-Range"} {
		if v := x.Response.Header.Get(name); v != "" {
			s += " " + name + ": " + v
		}
	}
	s = " " + oneLine(s, width/2)
	return head + oneLine(target, width-utf8.RuneCountInString(head+s)) + s
}

// opaque finds words that nobody reads to the end.
var opaque = regexp.MustCompile(`([A-Za-z0-9_-]{8})[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]{15,}(%3D|=)*`)

// label is the width of the column of labels.
const label = 9

// field writes a labelled text, folded to the width.
func (c *Console) field(name, text string) {
	if text == "" {
		return
	}
	width := max(c.options.Width-label, 31)
	for i, line := range fold(printable(text), width) {
		if i > 0 {
			name = ""
		}
		c.print("  " + c.paint(faint, fmt.Sprintf("%-*s", label-2, name)) + line + "\n")
	}
}

// maxLines is the number of lines that the console shows of a text that is its
// own evidence: its beginning and its end. The files have it all.
const maxLines = 20

// lines writes a labelled text as it is, but for what is too long.
func (c *Console) lines(name string, all []string) {
	if left := len(all) - maxLines; left > 0 {
		more := fmt.Sprintf("… %s in the report", number(left, "more line"))
		all = slices.Concat(all[:maxLines/4], []string{more}, all[len(all)-maxLines*3/4:])
	}
	for i, line := range all {
		if i > 0 {
			name = ""
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		c.verbatim(name, indent+oneLine(line, max(c.options.Width, 160)-label))
	}
}

// verbatim writes a labelled text without folding it.
func (c *Console) verbatim(name, text string) {
	if text == "" {
		return
	}
	c.print("  " + c.paint(faint, fmt.Sprintf("%-*s", label-2, name)) + printable(text) + "\n")
}

// totals writes what comes after the findings.
func (c *Console) totals(r *Report) {
	c.print("\n")
	for _, list := range []struct {
		names []string
		text  string
	}{
		{r.Verdict.Stale, "stale in the baseline (it passes, remove it): "},
		{r.Verdict.Missing, "missing feature: "},
		{r.Verdict.Expired, "expired in the baseline: "},
		{r.Notes, "note: "},
	} {
		for _, name := range list.names {
			c.print(c.paint(yellow, printable(list.text+name)) + "\n")
		}
	}
	color := green
	if !r.Verdict.Conformant {
		color = red
	}
	c.print(c.paint(bold+color, printable(r.Verdict.Summary)) + "\n")
	if len(c.options.Files) > 0 {
		c.print(c.paint(faint, "report: "+printable(strings.Join(c.options.Files, " "))) + "\n")
	}
}

// Colours, as ANSI sequences.
const (
	reset  = "\x1b[0m"
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
)

func (c *Console) paint(color, s string) string {
	if !c.options.Color || s == "" {
		return s
	}
	return color + s + reset
}

func (c *Console) print(s string) {
	if c.err == nil {
		_, c.err = io.WriteString(c.w, s)
	}
}

func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// printable returns s without anything that a terminal would obey.
func printable(s string) string {
	var out strings.Builder
	for _, c := range clean(s) {
		if c == '\r' || c >= 0x7f && c < 0xa0 {
			fmt.Fprintf(&out, `\u%04x`, c)
			continue
		}
		out.WriteRune(c)
	}
	return out.String()
}

// fold breaks text into lines of at most width characters, between words where it can.
func fold(text string, width int) []string {
	var out []string
	for line := range strings.Lines(text) {
		rest := []rune(strings.TrimRight(line, "\n"))
		for len(rest) > width {
			at := width
			for i := width; i > width/2; i-- {
				if rest[i] == ' ' {
					at = i
					break
				}
			}
			out = append(out, strings.TrimRight(string(rest[:at]), " "))
			rest = []rune(strings.TrimLeft(string(rest[at:]), " "))
		}
		out = append(out, string(rest))
	}
	return out
}
