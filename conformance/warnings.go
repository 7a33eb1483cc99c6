package conformance

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/registryconform/conform/conformance/requirement"
	. "github.com/registryconform/conform/conformance/wire"
)

// maxWarnings is how many bytes of warnings one answer may have.
const maxWarnings = 4096

// A warning is one element of a Warning header (RFC 7234 §5.5).
type warning struct {
	code, agent string
	date        string // with its quotes; "" if there is none
}

var warningValue = regexp.MustCompile(`^\s*,?\s*(\S+)\s+(\S+)\s+("(?:[^"\\]|\\.)*")(\s+"[^"]*")?`)

// parseWarnings returns the warnings in the header's values. Where a value is
// not of the form of a warning, its first words are taken for code and agent.
func parseWarnings(values []string) []warning {
	var all []warning
	for _, value := range values {
		for rest := strings.TrimSpace(value); rest != ""; rest = strings.TrimSpace(rest) {
			m := warningValue.FindStringSubmatch(rest)
			if m == nil {
				words := append(strings.Fields(rest), "", "")
				all = append(all, warning{code: words[0], agent: words[1]})
				break
			}
			all = append(all, warning{code: m[1], agent: m[2], date: strings.TrimSpace(m[4])})
			rest = rest[len(m[0]):]
		}
	}
	return all
}

// warned uses the API in ordinary ways and returns the answers that have
// warnings. If none has, the spec ends.
func (c *Case) warned() []*Exchange {
	ginkgo.GinkgoHelper()
	tag := c.Tag("warned")
	m := c.Repo().GivenImage(tag)
	b := c.Content.Blob(64)
	u := c.Repo().GivenUpload()
	answers := []*Exchange{
		u.Opened,
		u.Put(b.Digest, b.Content),
		c.Repo().PutManifest(tag, m),
		c.getBase(),
		c.Repo().Get(manifestPath(tag)),
		c.Repo().Head(manifestPath(tag)),
		c.Repo().Get(blobPath(b.Digest)),
		c.Repo().Head(blobPath(b.Digest)),
		c.Repo().Get(tagsPath),
		c.Repo().Get(referrersPath(m.Digest)),
		c.Repo().Get(manifestPath(c.Tag("absent"))),
		c.Repo().Get(blobPath(c.Content.Blob(64).Digest)),
		c.Repo().Delete(manifestPath(tag)),
		c.Repo().Delete(manifestPath(m.Digest.String())),
		c.Repo().Delete(blobPath(b.Digest)),
	}
	var with []*Exchange
	for _, x := range answers {
		if len(x.Header().Values("Warning")) > 0 {
			with = append(with, x)
		}
	}
	if len(with) == 0 {
		c.NothingToJudge(answers[len(answers)-1], fmt.Sprintf("none of %d answers has a Warning", len(answers)))
	}
	return with
}

// haveWarnings wants each warning of an answer to be free of fault, which
// returns "" or what is wrong.
func haveWarnings(want string, fault func(warning) string) Matcher {
	return NewMatcher(want, func(x *Exchange) string {
		for _, w := range parseWarnings(x.Header().Values("Warning")) {
			if got := fault(w); got != "" {
				return got
			}
		}
		return ""
	})
}

func tellingWarnings(g *registrar) {
	each := func(text string, r requirement.Requirement, m Matcher) {
		g.It(text, r, func(c *Case) {
			for _, x := range c.warned() {
				Expect(x).To(m)
			}
		})
	}
	each("sends warnings, or none", requirement.ErrorsWarningGiven, NewMatcher("an answer", func(*Exchange) string { return "" }))
	each("gives a warning the code 299", requirement.ErrorsWarningCode, haveWarnings("the warn-code 299", func(w warning) string {
		return unless(w.code == "299", "warn-code %.40q", w.code)
	}))
	each("gives a warning a hyphen as its agent", requirement.ErrorsWarningAgent, haveWarnings("the warn-agent -", func(w warning) string {
		return unless(w.agent == "-", "warn-agent %.40q", w.agent)
	}))
	each("gives a warning no date", requirement.ErrorsWarningDate, haveWarnings("no warn-date", func(w warning) string {
		return unless(w.date == "", "warn-date %.60s", w.date)
	}))
	each("sends at most 4096 bytes of warnings with an answer", requirement.ErrorsWarningSize, NewMatcher(
		fmt.Sprintf("at most %d bytes of warnings", maxWarnings), func(x *Exchange) string {
			size := len(strings.Join(x.Header().Values("Warning"), ""))
			return unless(size <= maxWarnings, "%d bytes", size)
		}))
}

func unless(ok bool, format string, args ...any) string {
	if ok {
		return ""
	}
	return fmt.Sprintf(format, args...)
}
