// Package challenge reads and writes WWW-Authenticate (RFC 9110 §11): what a
// server wants to know before it answers. It imports nothing of this module.
package challenge

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// maxLength and maxCount bound what is read of one answer.
const (
	maxLength = 16 << 10
	maxCount  = 32
)

// A Challenge is one scheme by which to authenticate.
type Challenge struct {
	// Scheme is as it came; schemes are compared without case.
	Scheme string
	// Token68 is the one value of a scheme that has no parameters.
	Token68 string
	// Params are the parameters, their names in lower case.
	Params map[string]string
}

// Is reports whether the challenge is of the scheme.
func (c Challenge) Is(scheme string) bool { return strings.EqualFold(c.Scheme, scheme) }

// ErrMalformed says that a field does not have the grammar of RFC 9110.
var ErrMalformed = errors.New("malformed WWW-Authenticate")

// Parse returns the challenges of all fields of an answer, in order. With
// [ErrMalformed] it returns those before the fault.
func Parse(fields []string) ([]Challenge, error) {
	var all []Challenge
	for _, field := range fields {
		if len(field) > maxLength {
			return all, ErrMalformed
		}
		s := scanner{field}
		for s.skip(" \t,"); s.rest != ""; s.skip(" \t,") {
			c, ok := s.challenge()
			if !ok || len(all) == maxCount {
				return all, ErrMalformed
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// String returns the challenge as it stands in a field: realm first, then the
// other parameters by name.
func (c Challenge) String() string {
	var b strings.Builder
	b.WriteString(c.Scheme)
	if c.Token68 != "" {
		b.WriteString(" " + c.Token68)
	}
	names := slices.SortedFunc(maps.Keys(c.Params), func(x, y string) int {
		switch {
		case x == y:
			return 0
		case x == "realm":
			return -1
		case y == "realm":
			return 1
		}
		return strings.Compare(x, y)
	})
	for i, name := range names {
		b.WriteString([]string{" ", ","}[min(i, 1)])
		b.WriteString(name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(c.Params[name]) + `"`)
	}
	return b.String()
}

// A scanner holds what of a field has not been read.
type scanner struct{ rest string }

func (s *scanner) skip(set string) { s.rest = strings.TrimLeft(s.rest, set) }

// run takes the longest prefix whose bytes are in.
func (s *scanner) run(in func(byte) bool) string {
	n := 0
	for n < len(s.rest) && in(s.rest[n]) {
		n++
	}
	taken := s.rest[:n]
	s.rest = s.rest[n:]
	return taken
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isToken(c byte) bool { return alphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 }

func is68(c byte) bool { return alphanumeric(c) || strings.IndexByte("-._~+/", c) >= 0 }

// challenge reads a scheme, and either a token68 or parameters.
func (s *scanner) challenge() (Challenge, bool) {
	c := Challenge{Scheme: s.run(isToken)}
	if c.Scheme == "" {
		return c, false
	}
	if s.rest != "" && s.rest[0] != ' ' && s.rest[0] != '\t' && s.rest[0] != ',' {
		return c, false
	}
	s.skip(" \t")
	if c.Token68 = s.token68(); c.Token68 != "" {
		return c, true
	}
	for {
		before := s.rest
		name, ok := s.name()
		if !ok {
			s.rest = before // the scheme of another challenge, or the end
			return c, true
		}
		value, ok := s.value()
		if _, twice := c.Params[name]; !ok || twice {
			return c, false
		}
		if c.Params == nil {
			c.Params = map[string]string{}
		}
		c.Params[name] = value
		s.skip(" \t")
		if s.rest != "" && s.rest[0] != ',' {
			return c, false
		}
		s.skip(" \t,")
	}
}

// token68 takes a value that is followed by the end of the challenge.
func (s *scanner) token68() string {
	before := s.rest
	value := s.run(is68)
	if value == "" {
		return ""
	}
	value += s.run(func(c byte) bool { return c == '=' })
	s.skip(" \t")
	if s.rest == "" || s.rest[0] == ',' {
		return value
	}
	s.rest = before
	return ""
}

// name takes the name of a parameter and the sign of equality.
func (s *scanner) name() (string, bool) {
	name := s.run(isToken)
	s.skip(" \t")
	if name == "" || s.rest == "" || s.rest[0] != '=' {
		return "", false
	}
	s.rest = s.rest[1:]
	s.skip(" \t")
	return strings.ToLower(name), true
}

// value takes a token or a quoted string.
func (s *scanner) value() (string, bool) {
	if s.rest == "" || s.rest[0] != '"' {
		v := s.run(isToken)
		return v, v != ""
	}
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(s.rest):
			i++
			b.WriteByte(s.rest[i])
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
