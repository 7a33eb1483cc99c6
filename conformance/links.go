package conformance

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/registryconform/conform/conformance/wire"
)

var (
	linkTarget    = regexp.MustCompile(`^\s*,?\s*<([^>]*)>`)
	linkParameter = regexp.MustCompile(`^\s*;\s*([A-Za-z0-9!#$&+.^_|~-]+\*?)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]+))?`)
)

// A link is one element of a Link header (RFC 8288 §3).
type link struct {
	target    string
	relations []string // in lower case
}

// parseLinks returns the links in the header's values.
func parseLinks(values []string) ([]link, error) {
	var links []link
	for _, value := range values {
		for rest := value; strings.TrimSpace(rest) != ""; {
			m := linkTarget.FindStringSubmatch(rest)
			if m == nil {
				return nil, fmt.Errorf("a Link that is none: %.200q", value)
			}
			rest = rest[len(m[0]):]
			l := link{target: m[1]}
			for p := linkParameter.FindStringSubmatch(rest); p != nil; p = linkParameter.FindStringSubmatch(rest) {
				rest = rest[len(p[0]):]
				if strings.EqualFold(p[1], "rel") && l.relations == nil {
					l.relations = strings.Fields(strings.ToLower(strings.Trim(p[2], `"`)))
				}
			}
			if rest = strings.TrimSpace(rest); rest != "" && !strings.HasPrefix(rest, ",") {
				return nil, fmt.Errorf("a Link that is none: %.200q", value)
			}
			links = append(links, l)
		}
	}
	return links, nil
}

// otherRelations are relations that a list may have beside next.
var otherRelations = []string{
	"first", "last", "prev", "previous", "self", "start", "up", "collection", "alternate", "canonical",
	"describedby", "help", "license", "service-desc", "service-doc", "status",
}

// nextPage returns the absolute URL of the next page of a list, and whether
// there is one. A Link header that is malformed, or whose relation is neither
// next nor another that a list may have, is an error.
func nextPage(x *wire.Exchange) (next string, ok bool, err error) {
	links, err := parseLinks(x.Header().Values("Link"))
	if err != nil {
		return "", false, err
	}
	for _, l := range links {
		if slices.Contains(l.relations, "next") {
			base, err := url.Parse(x.FinalURL())
			if err != nil {
				return "", false, err
			}
			to, err := base.Parse(l.target)
			if err != nil {
				return "", false, fmt.Errorf("a Link to no URL: %.200q", l.target)
			}
			return to.String(), true, nil
		}
		for _, relation := range l.relations {
			if !slices.Contains(otherRelations, relation) && !strings.Contains(relation, ":") {
				return "", false, fmt.Errorf("a Link of relation %q", relation)
			}
		}
		if len(l.relations) == 0 {
			return "", false, fmt.Errorf("a Link without a relation")
		}
	}
	return "", false, nil
}
