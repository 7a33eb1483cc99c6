package config

import (
	"fmt"
	"slices"
	"strings"
)

// drivers returns the names of the drivers that can be configured.
func drivers() []string { return []string{"azure", "filesystem", "inmemory", "s3", "s3aws"} }

func (p *parser) storage() *section {
	s := &p.c.Storage
	below := map[string]*section{
		"delete":   keys(map[string]*section{"enabled": boolean(&s.Delete)}),
		"redirect": keys(map[string]*section{"disable": boolean(&s.NoRedirect)}),
		"cache":    p.cache(),
		"maintenance": keys(map[string]*section{
			"uploadpurging": keys(map[string]*section{
				"enabled":  boolean(&s.Purging.Enabled),
				"age":      duration(&s.Purging.Age),
				"interval": duration(&s.Purging.Interval),
				"dryrun":   boolean(&s.Purging.DryRun),
			}),
			"readonly": keys(map[string]*section{"enabled": boolean(&s.ReadOnly)}),
		}),
		"tag":        ignored(noNeed),
		"middleware": ignored(notHere),
	}
	for _, name := range drivers() {
		below[name] = p.driver(name)
	}
	whole := &section{below: below}
	// REGISTRY_STORAGE=s3 takes another driver, whatever the file has.
	whole.set = func(n *node) error {
		if n.kind == isText && p.variable != "" {
			if !slices.Contains(drivers(), n.text) {
				return fmt.Errorf("%q: want one of %s", n.text, strings.Join(drivers(), ", "))
			}
			s.Driver, s.Parameters = driverName(n.text), map[string]any{}
			return nil
		}
		return p.apply("storage", n, &section{below: below})
	}
	return whole
}

// driverName returns the name of a driver that may have been called by another.
func driverName(name string) string {
	if name == "s3aws" {
		return "s3"
	}
	return name
}

// driver takes the parameters of a driver. There can be one; a variable may
// change it.
func (p *parser) driver(name string) *section {
	s := &p.c.Storage
	begin := func() error {
		switch own := driverName(name); {
		case s.Driver == own:
		case s.Driver != "":
			return fmt.Errorf("a second driver, after %s", s.Driver)
		default:
			s.Driver, s.Parameters = own, map[string]any{}
		}
		return nil
	}
	parameter := func(key string) *section {
		return &section{plain: true, set: func(n *node) error {
			if err := begin(); err != nil {
				return err
			}
			value, err := n.parameter()
			if err == nil {
				s.Parameters[key] = value
			}
			return err
		}}
	}
	out := &section{any: parameter}
	if name == "filesystem" {
		out.below = map[string]*section{"maxthreads": ignored(noNeed)}
	}
	inner := *out
	out.set = func(n *node) error {
		if err := begin(); err != nil {
			return err
		}
		return p.apply("storage."+name, n, &inner)
	}
	return out
}

// parameter returns the value of a driver's parameter: text, or a map of it.
func (n *node) parameter() (any, error) {
	switch n.kind {
	case isNull:
		return nil, nil
	case isText:
		return n.text, nil
	case isList:
		return nil, &tokenError{n.token, "want a value, not a list"}
	}
	all := map[string]any{}
	for _, e := range n.keys {
		value, err := e.value.parameter()
		if err != nil {
			return nil, err
		}
		all[e.name] = value
	}
	return all, nil
}

// cache takes the kind of the cache under its name, and under the one that it
// had once; the new one wins.
func (p *parser) cache() *section {
	s := &p.c.Storage
	kind := func(old bool) *section {
		return scalar(func(v string) error {
			if v != "inmemory" && v != "redis" && v != "" {
				return fmt.Errorf("%q: want inmemory or redis", v)
			}
			if !old || !p.named {
				s.Cache = v
			}
			p.named = p.named || !old
			return nil
		})
	}
	older := kind(true)
	take := older.set
	older.set = func(n *node) error {
		notice := Notice{File: p.file, Name: "storage.cache.layerinfo", Reason: "deprecated; the key is blobdescriptor now"}
		if n.token != nil {
			notice.Line, notice.Column = n.token.Position.Line, n.token.Position.Column
		}
		if p.variable != "" {
			notice = Notice{Name: p.variable, Reason: notice.Reason}
		}
		p.c.Ignored = append(p.c.Ignored, notice)
		return take(n)
	}
	return keys(map[string]*section{
		"blobdescriptor": kind(false), "layerinfo": older, "blobdescriptorsize": count(&s.CacheSize),
	})
}
