package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteJUnit writes the report as junit.xml: a suite for each chapter and feature, a case for each spec. A result
// that counts is a <failure>, an error of the suite an <error>, all else that didn't pass is <skipped> with the
// reason. A run that ended early has a case that says so in a suite named "run".
func WriteJUnit(w io.Writer, r *Report) error {
	doc := junitDocument(r)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("junit.xml: %w", err)
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", " ")
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("junit.xml: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type junitCounts struct {
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Skipped  int    `xml:"skipped,attr"`
	Time     string `xml:"time,attr"`
	seconds  float64
}

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	junitCounts
	Suites []*junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string `xml:"name,attr"`
	Timestamp string `xml:"timestamp,attr"`
	junitCounts
	Cases []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name       string          `xml:"name,attr"`
	Classname  string          `xml:"classname,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property,omitempty"`
	Failure    *junitText      `xml:"failure"`
	Error      *junitText      `xml:"error"`
	Skipped    *junitText      `xml:"skipped"`
	SystemOut  string          `xml:"system-out,omitempty"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func junitDocument(r *Report) *junitSuites {
	doc := &junitSuites{Name: clean("conform " + r.Target.Name)}
	suites, names := map[string]*junitSuite{}, map[string]int{}
	suite := func(name string) *junitSuite {
		if suites[name] == nil {
			suites[name] = &junitSuite{Name: clean(name), Timestamp: r.Started.UTC().Format(time.RFC3339)}
			doc.Suites = append(doc.Suites, suites[name])
		}
		return suites[name]
	}
	for i := range r.Results {
		result := &r.Results[i]
		s := suite(strings.Trim(result.Chapter+"/"+result.Feature, "/"))
		c := junitResult(result)
		if names[c.Name]++; names[c.Name] > 1 {
			c.Name = fmt.Sprintf("%s (%d)", c.Name, names[c.Name])
		}
		s.add(c, result.Seconds)
	}
	for _, c := range runCases(r) {
		suite("run").add(c, 0)
	}
	for _, s := range doc.Suites {
		doc.Tests, doc.Failures, doc.Errors, doc.Skipped = doc.Tests+s.Tests, doc.Failures+s.Failures, doc.Errors+s.Errors, doc.Skipped+s.Skipped
		doc.seconds += s.seconds
		s.Time = seconds(s.seconds)
	}
	doc.Time = seconds(doc.seconds)
	return doc
}

func (s *junitSuite) add(c junitCase, took float64) {
	s.Tests++
	s.seconds += took
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func junitResult(r *Result) junitCase {
	c := junitCase{
		Name:      clean(r.ID + ": " + r.Spec),
		Classname: clean(strings.Trim("conform."+r.Chapter+"."+r.Feature, ".")),
		Time:      seconds(r.Seconds),
		Properties: []junitProperty{
			{"requirement", clean(r.ID)},
			{"level", clean(r.Level)},
			{"section", clean(r.Section)},
			{"outcome", r.Label()},
		},
	}
	text := &junitText{Message: clean(junitMessage(r)), Type: r.Label(), Text: clean(junitBody(r))}
	switch {
	case r.Outcome == Error:
		c.Error = text
	case r.Counts:
		c.Failure = text
	case r.Outcome != Passed:
		text.Type = ""
		c.Skipped = text
	}
	if r.Counts || r.Outcome == Failed {
		c.SystemOut = clean(transcript(r))
	}
	return c
}

func junitMessage(r *Result) string {
	f := ParseMessage(r.Message)
	switch {
	case r.Counts && f.Want != "":
		return oneLine("want "+f.Want+"; got "+f.Got, 200)
	case r.Counts:
		return oneLine(cmp.Or(r.Because, f.Text, r.Statement), 200)
	}
	return oneLine(r.Label()+": "+cmp.Or(r.Because, r.Message, "no reason given"), 200)
}

func junitBody(r *Result) string {
	parts := []string{r.Level + " " + r.Statement}
	if r.Section != "" {
		parts = append(parts, link(r))
	}
	for _, s := range []string{r.Message, r.Because} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

// maxTranscript bounds the exchanges in a case, since readers of JUnit files bound the files.
const maxTranscript = 20

// transcript returns the last exchanges up to the one that shows the finding, each with its command line.
func transcript(r *Result) string {
	var s strings.Builder
	steps := upTo(r.Exchanges, r.Evidence())
	for _, x := range steps[max(0, len(steps)-maxTranscript):] {
		fmt.Fprintf(&s, "%s\n  %s\n", x, Curl(x))
	}
	return s.String()
}

// runCases returns the cases of what no result stands for.
func runCases(r *Report) []junitCase {
	var out []junitCase
	if r.Interrupted {
		out = append(out, runCase("run to the end", "the run was interrupted"))
	}
	if r.Unreachable {
		out = append(out, runCase("target stays reachable", "the target went away"))
	}
	return out
}

func runCase(name, message string) junitCase {
	return junitCase{
		Name: clean(name), Classname: "conform.run", Time: seconds(0),
		Failure: &junitText{Message: clean(message), Type: string(Failed)},
	}
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// clean replaces what XML 1.0 §2.2 doesn't allow in a document, and invalid UTF-8, by what shows it.
func clean(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case c == '\t', c == '\n', c == '\r', c >= ' ' && c <= 0xD7FF, c >= 0xE000 && c <= 0xFFFD, c >= 0x10000:
			out.WriteRune(c)
		default:
			fmt.Fprintf(&out, `\u%04x`, c)
		}
		i += size
	}
	return out.String()
}
