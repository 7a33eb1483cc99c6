package config

import (
	"slices"
	"strconv"
	"strings"
)

// prefix is what the names of variables begin with.
const prefix = "REGISTRY_"

// environment applies variables, in the order of their names, so that those of a
// section come before those of its parts. One that is empty says nothing.
func (p *parser) environment(environ []string) error {
	own := slices.DeleteFunc(slices.Clone(environ), func(v string) bool { return !strings.HasPrefix(v, prefix) })
	slices.Sort(own)
	for _, v := range own {
		name, value, _ := strings.Cut(v, "=")
		if value == "" {
			continue
		}
		p.variable = name
		if err := p.located("", p.override(strings.TrimPrefix(name, prefix), value)); err != nil {
			return err
		}
	}
	return nil
}

// override applies the value of one variable.
func (p *parser) override(name, value string) error {
	path, s := find("", name, p.sections())
	switch {
	case s == nil:
		// An orchestrator has variables of the same kind for a service that
		// is called registry.
		p.c.Ignored = append(p.c.Ignored, Notice{Name: p.variable, Reason: "names no key of a configuration; it is ignored"})
		return nil
	case s.ignored != "" || s.refused != "":
		p.notice(s, Notice{}, &node{kind: isText})
		return nil
	}
	n := &node{kind: isText, text: value}
	if !s.plain {
		if read, err := read([]byte(value)); err == nil && (read.kind == isList || read.kind == isMap) {
			n = read
		}
	}
	return p.apply(path, n, s)
}

// find returns the section that the rest of the name of a variable leads to, and
// its path.
func find(path, rest string, s *section) (string, *section) {
	if rest == "" {
		return path, s
	}
	for key, child := range s.below {
		upper := strings.ToUpper(key)
		if rest == upper {
			return join(path, key), child
		}
		if below, ok := strings.CutPrefix(rest, upper+"_"); ok {
			if child.ignored != "" || child.refused != "" {
				return join(path, key), child
			}
			if path, found := find(join(path, key), below, child); found != nil {
				return path, found
			}
		}
	}
	if i, err := strconv.Atoi(rest); err == nil && i >= 0 && s.item != nil {
		return join(path, rest), s.item(i)
	}
	if s.any == nil {
		return "", nil
	}
	key := strings.ToLower(rest)
	// The one parameter of a driver with parameters of its own.
	if below, ok := strings.CutPrefix(key, "credentials_"); ok {
		key = "credentials." + below
	}
	return join(path, key), s.any(key)
}
