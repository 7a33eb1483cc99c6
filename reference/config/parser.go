package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A parser puts the values of a document, and then those of variables, into a
// configuration.
type parser struct {
	file string
	text []byte
	c    *Config
	// variable is the name of the variable that is being read, "" while it is
	// the file.
	variable string
	// named says that the cache was chosen under its present name.
	named bool
}

// A section is what a path in a configuration takes: one of its own functions,
// or others below it.
type section struct {
	// set takes a value as a whole.
	set func(*node) error
	// below are sections by their keys.
	below map[string]*section
	// any takes a key that is not in below, item the item of a list.
	any  func(key string) *section
	item func(i int) *section
	// plain says that a variable is taken as it is, and not for YAML.
	plain bool
	// ignored and refused say why the section does nothing, and why it may
	// not be left undone.
	ignored, refused string
}

// document reads the file.
func (p *parser) document() error {
	root, err := read(p.text)
	if err == nil && root.kind != isMap {
		err = &tokenError{root.token, "want a configuration: version and storage"}
	}
	if err == nil {
		err = p.version(root)
	}
	if err == nil {
		err = p.apply("", root, p.sections())
	}
	return p.located("", err)
}

// version demands the one version that there is.
func (p *parser) version(root *node) error {
	i := slices.IndexFunc(root.keys, func(e entry) bool { return e.name == "version" })
	if i < 0 {
		return &nodeError{"version", &tokenError{root.token, "not given; want 0.1"}}
	}
	if v := root.keys[i].value; v.text != "0.1" {
		return &nodeError{"version", &tokenError{v.token, fmt.Sprintf("%q: want 0.1", v.text)}}
	}
	return nil
}

// A nodeError is an error with the path of the key.
type nodeError struct {
	path string
	err  error
}

func (e *nodeError) Error() string { return e.path + ": " + e.err.Error() }

// located makes an *[Error] of an error.
func (p *parser) located(path string, err error) error {
	switch e := err.(type) {
	case nil, *Error:
		return err
	case *nodeError:
		return p.located(e.path, e.err)
	case *tokenError:
		out := &Error{Name: path, Reason: e.reason}
		if p.variable != "" {
			out.Name = p.variable
			return out
		}
		out.File = p.file
		if e.token != nil && e.token.Position != nil {
			out.Line, out.Column, out.Excerpt = e.token.Position.Line, e.token.Position.Column, excerpt(e.token)
		}
		return out
	}
	return &Error{File: p.file, Name: path, Reason: err.Error()}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// apply gives a value to the section at path.
func (p *parser) apply(path string, n *node, s *section) error {
	switch {
	case s.set != nil:
		return wrongAt(path, n, s.set(n))
	case n.kind == isNull:
		return nil
	case n.kind != isMap:
		return &nodeError{path, &tokenError{n.token, "want keys, not " + n.kind.String()}}
	}
	for _, e := range n.keys {
		child, at := s.child(e.name), join(path, e.name)
		switch {
		case child == nil:
			return &nodeError{at, &tokenError{e.token, "not known" + s.known()}}
		case child.ignored != "" || child.refused != "":
			p.notice(child, Notice{File: p.file, Line: e.token.Position.Line, Column: e.token.Position.Column, Name: at}, e.value)
		default:
			if err := p.apply(at, e.value, child); err != nil {
				return err
			}
		}
	}
	return nil
}

// wrongAt says where a value is wrong, unless err does.
func wrongAt(path string, n *node, err error) error {
	switch err.(type) {
	case nil, *nodeError:
		return err
	case *tokenError:
		return &nodeError{path, err}
	}
	return &nodeError{path, &tokenError{n.token, err.Error()}}
}

// notice keeps that a key does nothing. One without a value asks for nothing.
func (p *parser) notice(s *section, n Notice, value *node) {
	if value.kind == isNull {
		return
	}
	if p.variable != "" {
		n = Notice{Name: p.variable}
	}
	if n.Reason = s.ignored; s.refused != "" {
		n.Reason = s.refused
		p.c.refused = append(p.c.refused, n)
		return
	}
	p.c.Ignored = append(p.c.Ignored, n)
}

// child returns the section of a key, or nil.
func (s *section) child(key string) *section {
	if child, ok := s.below[key]; ok {
		return child
	}
	if s.any != nil {
		return s.any(key)
	}
	return nil
}

// known names the keys of a section.
func (s *section) known() string {
	var names []string
	for name, child := range s.below {
		if child.ignored == "" && child.refused == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return ""
	}
	return "; the keys are " + strings.Join(names, ", ")
}

// leaf returns the section of one value.
func leaf(set func(*node) error) *section { return &section{set: set} }

// scalar demands text, and takes nothing for nothing said.
func scalar(take func(string) error) *section {
	return &section{plain: true, set: func(n *node) error {
		switch n.kind {
		case isNull:
			return nil
		case isText:
			return take(n.text)
		}
		return fmt.Errorf("want one value, not %s", n.kind)
	}}
}

func text(to *string) *section {
	return scalar(func(s string) error { *to = s; return nil })
}

// choice takes one of some words.
func choice(to *string, words ...string) *section {
	return scalar(func(s string) error {
		if !slices.Contains(words, s) {
			return fmt.Errorf("%q: want %s", s, strings.Join(words, " or "))
		}
		*to = s
		return nil
	})
}

func boolean(to *bool) *section {
	return scalar(func(s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q: want true or false", s)
		}
		*to = b
		return nil
	})
}

// not takes the opposite of a boolean.
func not(to *bool) *section {
	return scalar(func(s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q: want true or false", s)
		}
		*to = !b
		return nil
	})
}

// count takes a whole number that is not negative.
func count(to *int) *section {
	return scalar(func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return fmt.Errorf("%q: want a whole number", s)
		}
		*to = n
		return nil
	})
}

// duration takes a time; a number alone is one of nanoseconds, as it is for
// distribution.
func duration(to *time.Duration) *section {
	return scalar(func(s string) error {
		d, err := time.ParseDuration(s)
		if n, failed := strconv.ParseInt(s, 10, 64); failed == nil {
			d, err = time.Duration(n), nil
		}
		if err != nil || d < 0 {
			return fmt.Errorf("%q: want a time, such as 24h", s)
		}
		*to = d
		return nil
	})
}

// texts takes a list of text, or one, of which check may refuse some.
func texts(to *[]string, check func(string) error) *section {
	set := func(n *node) error {
		list, err := n.texts()
		for _, s := range list {
			if err == nil {
				err = check(s)
			}
		}
		if err == nil && n.kind != isNull {
			*to = list
		}
		return err
	}
	item := func(i int) *section {
		if i > len(*to) {
			return nil
		}
		return scalar(func(s string) error {
			*to = append(slices.Clone((*to)[:i]), append([]string{s}, (*to)[min(i+1, len(*to)):]...)...)
			return check(s)
		})
	}
	return &section{set: set, item: item}
}

func anything(string) error { return nil }

func (n *node) texts() ([]string, error) {
	switch n.kind {
	case isNull:
		return nil, nil
	case isText:
		return []string{n.text}, nil
	case isMap:
		return nil, &tokenError{n.token, "want a list, not keys"}
	}
	var list []string
	for _, item := range n.items {
		if item.kind != isText {
			return nil, &tokenError{item.token, "want text, not " + item.kind.String()}
		}
		list = append(list, item.text)
	}
	return list, nil
}
