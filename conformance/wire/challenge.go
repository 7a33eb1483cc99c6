package wire

import "strings"

// A challenge is one element of WWW-Authenticate (RFC 9110 §11.6.1). Names of
// parameters are in lower case.
type challenge struct {
	scheme  string // in lower case
	token68 string
	params  map[string]string
}

// parseChallenges reads the values of the WWW-Authenticate headers of an
// answer: several challenges in one or several of them, known or not. It goes
// on after what is no challenge, and takes unquoted values of any characters
// but white space and commas, as registries in the field send them.
func parseChallenges(values []string) []challenge {
	var all []challenge
	for _, v := range values {
		p := challengeParser{rest: v}
		for p.next() {
		}
		all = append(all, p.found...)
	}
	return all
}

type challengeParser struct {
	rest  string
	found []challenge
	// unquoted is the name of the parameter before, if its value was not
	// quoted.
	unquoted string
}

// next reads one element of the list, and reports false at the end.
func (p *challengeParser) next() bool {
	p.rest = strings.TrimLeft(p.rest, " \t,")
	if p.rest == "" {
		return false
	}
	word := p.takeToken()
	switch {
	case word == "":
		p.skipElement()
	case p.isParameter():
		p.parameter(word)
	case p.unquoted == "scope" && isAction(word):
		p.last().params["scope"] += "," + word
	default:
		p.unquoted = ""
		p.found = append(p.found, challenge{scheme: strings.ToLower(word), params: map[string]string{}})
		p.token68()
	}
	return true
}

// isAction reports whether a bare word is rather the rest of an unquoted scope
// than a scheme.
func isAction(word string) bool {
	return word == "pull" || word == "push" || word == "delete" || word == "*"
}

func (p *challengeParser) last() *challenge {
	if len(p.found) == 0 {
		return nil
	}
	return &p.found[len(p.found)-1]
}

// takeToken takes a token (RFC 9110 §5.6.2).
func (p *challengeParser) takeToken() string {
	n := 0
	for n < len(p.rest) && isTokenChar(p.rest[n]) {
		n++
	}
	word := p.rest[:n]
	p.rest = p.rest[n:]
	return word
}

func isTokenChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isParameter reports whether "= value" comes next.
func (p *challengeParser) isParameter() bool {
	return strings.HasPrefix(strings.TrimLeft(p.rest, " \t"), "=")
}

// parameter takes the value of the parameter name. The first of two of one
// name counts.
func (p *challengeParser) parameter(name string) {
	name = strings.ToLower(name)
	p.rest = strings.TrimLeft(p.rest, " \t")[1:]
	p.rest = strings.TrimLeft(p.rest, " \t")
	var value string
	if strings.HasPrefix(p.rest, `"`) {
		value = p.takeQuoted()
		p.unquoted = ""
	} else {
		value = p.takeUntil(" \t,")
		p.unquoted = name
	}
	c := p.last()
	if c == nil {
		return
	}
	if _, twice := c.params[name]; !twice {
		c.params[name] = value
	}
}

// takeQuoted takes a quoted-string (RFC 9110 §5.6.4), or all that is left if
// it has no end.
func (p *challengeParser) takeQuoted() string {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String()
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	p.rest = ""
	return b.String()
}

func (p *challengeParser) takeUntil(ends string) string {
	n := strings.IndexAny(p.rest, ends)
	if n < 0 {
		n = len(p.rest)
	}
	value := p.rest[:n]
	p.rest = p.rest[n:]
	return value
}

// token68 takes the token68 after a scheme, if there is one: a single word
// that is no parameter.
func (p *challengeParser) token68() {
	trimmed := strings.TrimLeft(p.rest, " \t")
	if trimmed == p.rest {
		return
	}
	n := strings.IndexAny(trimmed, " \t,")
	if n < 0 {
		n = len(trimmed)
	}
	word := trimmed[:n]
	body := strings.TrimRight(word, "=")
	if word == "" || strings.ContainsAny(body, `="`) {
		return
	}
	// "name =value" and "name= value" are parameters, "name==" is not.
	after := strings.TrimLeft(trimmed[n:], " \t")
	padding := len(word) - len(body)
	if strings.HasPrefix(after, "=") || padding == 1 && after != "" && after[0] != ',' {
		return
	}
	p.last().token68 = word
	p.rest = trimmed[n:]
}

// skipElement goes on behind what cannot be read.
func (p *challengeParser) skipElement() {
	if strings.HasPrefix(p.rest, `"`) {
		p.takeQuoted()
		return
	}
	if n := strings.IndexByte(p.rest, ','); n >= 0 {
		p.rest = p.rest[n:]
		return
	}
	p.rest = ""
}
