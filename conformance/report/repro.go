package report

import (
	_ "embed"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/registryconform/conform/conformance/wire"
)

//go:embed repro_head.sh
var reproHead string

// WriteRepro writes repro.sh: a script for the POSIX shell and curl, with a function for each finding, which sends
// the finding's exchanges again, up to the one that shows it, and compares the statuses. The script takes the
// ids of findings, or "all". What an answer says in its Location is read from the answer when the script runs.
//
// The script holds no credentials: it reads REGISTRY_USERNAME and REGISTRY_PASSWORD, or REGISTRY_TOKEN, and
// REGISTRY_URL for another target. Its exit status is 0 if every status was as recorded, 1 if one wasn't, 2 if a
// step couldn't be repeated or the arguments are wrong.
func WriteRepro(w io.Writer, r *Report) error {
	s := &script{base: strings.TrimSuffix(r.Target.Name, "/"), names: map[string]int{}}
	if len(r.Target.Repositories) == 1 {
		s.repository = r.Target.Repositories[0]
	}
	s.line("#!/bin/sh")
	s.line("# Repeats what a run of %s found on %s.", comment(r.Tool.Name+" "+r.Tool.Version), comment(r.Target.Name))
	s.line("#   sh repro.sh            list the findings")
	s.line("#   sh repro.sh ID|all     repeat one, or all; VERBOSE=1 shows the bodies of answers")
	s.line("# What it pushes stays there.")
	s.line("# Variables: REGISTRY_URL; REGISTRY_USERNAME and REGISTRY_PASSWORD, or REGISTRY_TOKEN.")
	s.line(": \"${REGISTRY_URL:=%s}\"", strings.ReplaceAll(strings.ReplaceAll(quoteDouble(s.base), "}", `\}`), "\n", ""))
	s.WriteString(reproHead)
	for _, group := range r.Findings() {
		for _, cause := range group.Causes() {
			s.finding(cause)
		}
	}
	s.dispatch()
	if _, err := io.WriteString(w, s.String()); err != nil {
		return fmt.Errorf("repro.sh: %w", err)
	}
	return nil
}

type script struct {
	strings.Builder
	base string
	// repository is what the names of all repositories of the run begin with.
	repository string
	names      map[string]int
	entries    []scriptEntry
}

type scriptEntry struct{ id, function, title string }

func (s *script) line(format string, args ...any) {
	fmt.Fprintf(s, format+"\n", args...)
}

var notName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// finding writes the function of a cause.
func (s *script) finding(c Cause) {
	name := "finding_" + notName.ReplaceAllString(c.ID, "_")
	if s.names[name]++; s.names[name] > 1 {
		name = fmt.Sprintf("%s_%d", name, s.names[name])
	}
	s.entries = append(s.entries, scriptEntry{c.ID, name, c.Level + " " + c.Statement})
	s.line("")
	s.line("# %s: %s", comment(c.ID), comment(c.Spec))
	s.line("%s() {", name)
	s.say(c.ID + " " + c.Level + " " + c.Statement)
	for _, l := range []struct{ label, text string }{{"want  ", c.Finding.Want}, {"got   ", c.Finding.Got}, {"", c.Finding.Text}} {
		if l.text != "" {
			s.say("  " + l.label + oneLine(l.text, 300))
		}
	}
	steps := upTo(c.Exchanges, c.Evidence())
	for i, x := range steps {
		s.step(steps, i, x)
	}
	if len(steps) == 0 {
		s.line("\tlost %s", quote("no exchange is on record"))
	}
	s.line("}")
}

func (s *script) say(text string) {
	s.line("\tprintf '%%s\\n' %s", quote(clean(text)))
}

func upTo(all []*wire.Exchange, last *wire.Exchange) []*wire.Exchange {
	return all[:slices.Index(all, last)+1]
}

// step writes the command that sends the i-th exchange again.
func (s *script) step(steps []*wire.Exchange, i int, x *wire.Exchange) {
	target, needs := s.target(steps[:i], x)
	if needs != "" {
		s.line("\tif [ -z \"$%s\" ]; then lost %s; return; fi", needs, quote("no Location to go on with"))
	}
	data := s.body(x)
	s.say("  > " + shorten(x, s.repository, 120))
	args := slices.DeleteFunc(curlMethod(x), func(a string) bool { return a == "-i" || a == "-g" })
	args = append(append(args, curlHeaders(x)...), data...)
	s.line("\tsend %d %03d %s", x.Seq, x.Status, strings.Join(append(args, target), " "))
	for _, later := range steps[i+1:] {
		if _, ok := continues(x, later); ok {
			s.line("\tlocation_%d=$(resolve \"$location\")", x.Seq)
			break
		}
	}
}

// target returns the shell's word for the URL of x, and the variable that it needs, if any.
func (s *script) target(before []*wire.Exchange, x *wire.Exchange) (word, needs string) {
	for _, earlier := range slices.Backward(before) {
		rest, ok := continues(earlier, x)
		if !ok {
			continue
		}
		needs = fmt.Sprintf("location_%d", earlier.Seq)
		if rest == "" {
			return `"$` + needs + `"`, needs
		}
		return fmt.Sprintf(`"$(query "$%s" %s)"`, needs, quote(rest)), needs
	}
	if rest, ok := strings.CutPrefix(x.URL, s.base); ok && s.base != "" {
		return `"$REGISTRY_URL"` + quote(rest), ""
	}
	return quote(x.URL), ""
}

// continues reports whether the URL of x is the Location that earlier was answered with, as that of an upload
// session is, and returns what x added to its query.
func continues(earlier, x *wire.Exchange) (added string, ok bool) {
	location := earlier.Response.Header.Get("Location")
	if location == "" || earlier.Status != 202 && !strings.Contains(x.URL, "/uploads/") {
		return "", false
	}
	base, err := url.Parse(earlier.URL)
	if err != nil {
		return "", false
	}
	want, err := base.Parse(location)
	if err != nil {
		return "", false
	}
	got, err := url.Parse(x.URL)
	if err != nil || got.Host != want.Host || got.EscapedPath() != want.EscapedPath() {
		return "", false
	}
	rest := pairs(got.RawQuery)
	for _, pair := range pairs(want.RawQuery) {
		i := slices.IndexFunc(rest, func(p string) bool { return samePair(p, pair) })
		if i < 0 {
			return "", false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return strings.Join(rest, "&"), true
}

func pairs(query string) []string {
	return slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool { return p == "" })
}

// samePair compares two pairs of a query, one of which may be redacted.
func samePair(a, b string) bool {
	nameA, valueA, _ := strings.Cut(a, "=")
	nameB, valueB, _ := strings.Cut(b, "=")
	if nameA != nameB {
		return false
	}
	unescapedA, errA := url.QueryUnescape(valueA)
	unescapedB, errB := url.QueryUnescape(valueB)
	return valueA == wire.Redacted || valueB == wire.Redacted ||
		valueA == valueB || errA == nil && errB == nil && unescapedA == unescapedB
}

// body writes what puts the request's body into a file, where that is needed, and returns curl's options for it.
func (s *script) body(x *wire.Exchange) []string {
	body := x.Request
	switch {
	case body.Size == 0 && !hasBody(x):
		return nil
	case body.Truncated:
		variable := fmt.Sprintf("BODY_%d", x.Seq)
		s.line("\tif [ -z \"${%s:-}\" ]; then lost %s; return; fi", variable,
			quote(fmt.Sprintf("#%d has a body of %d bytes that isn't on record (name a file that holds it in %s)", x.Seq, body.Size, variable)))
		return []string{"--data-binary", `@"$` + variable + `"`}
	case body.Body.IsText():
		return []string{"--data-raw", quote(string(body.Body))}
	}
	s.line("\tprintf %s >\"$tmp/body\"", quote(octal(body.Body)))
	return []string{"--data-binary", `@"$tmp/body"`}
}

// dispatch writes the part that reads the script's arguments.
func (s *script) dispatch() {
	s.line("\nlist() {")
	for _, e := range s.entries {
		s.say(fmt.Sprintf("%-40s %s", e.id, e.title))
	}
	if len(s.entries) == 0 {
		s.say("no findings")
	}
	s.line("}\n\n[ $# -gt 0 ] || { list; exit 0; }")
	s.line("for id in \"$@\"; do\n\tknown=")
	for _, e := range s.entries {
		s.line("\tcase $id in %s | all) known=1; %s ;; esac", quote(e.id), e.function)
	}
	s.line("\t[ \"$known\" ] || { printf 'repro.sh: no finding \"%%s\"\\n' \"$id\" >&2; exit 2; }\ndone")
	s.line("echo \"$same as recorded, $differ different, $incomplete left out\"")
	s.line("[ \"$differ\" -eq 0 ] || exit 1\n[ \"$incomplete\" -eq 0 ] || exit 2")
}

// comment returns s in one line.
func comment(s string) string { return oneLine(clean(s), 0) }

// quoteDouble escapes s for the inside of double quotes.
func quoteDouble(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(s)
}
