package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Why keys of distribution's do nothing here, or may not be left undone.
const (
	notHere  = "this registry does not do that; the key is ignored"
	noNeed   = "this registry has no need of it; the key is ignored"
	noLogin  = "this registry can't ask for logins yet, and would be open to all"
	noProxy  = "this registry can't pull through from another one yet"
	noAddr   = "this registry would be reached in another way than is asked for"
	notTaken = "this registry would take, or tell, what it is asked not to"
)

func ignored(reason string) *section { return &section{ignored: reason} }
func refused(reason string) *section { return &section{refused: reason} }

// keys returns the section of some keys.
func keys(below map[string]*section) *section { return &section{below: below} }

// sections returns the shape of a configuration.
func (p *parser) sections() *section {
	c := p.c
	return keys(map[string]*section{
		"version":  leaf(func(*node) error { return nil }),
		"log":      p.log(),
		"loglevel": choice(&c.Log.Level, "error", "warn", "info", "debug"),
		"storage":  p.storage(),
		"http":     p.http(),
		"redis":    p.redis(),
		"compatibility": keys(map[string]*section{
			"schema1": keys(map[string]*section{
				"enabled":               boolean(&c.Compatibility.Schema1),
				"signingkeyfile":        ignored(noNeed),
				"trustkey":              ignored(noNeed),
				"disablesignaturestore": ignored(noNeed),
			}),
		}),
		"validation":    p.validation(),
		"catalog":       keys(map[string]*section{"maxentries": count(&c.CatalogMax)}),
		"auth":          refused(noLogin),
		"proxy":         refused(noProxy),
		"policy":        refused(notTaken),
		"middleware":    ignored(notHere),
		"notifications": ignored(notHere),
		"reporting":     ignored(notHere),
		"health":        ignored(notHere),
		"tags":          ignored(notHere),
	})
}

func (p *parser) log() *section {
	l := &p.c.Log
	return keys(map[string]*section{
		"level": choice(&l.Level, "error", "warn", "info", "debug"),
		"formatter": scalar(func(s string) error {
			if !slices.Contains([]string{"text", "json", "logstash", "combined"}, s) {
				return fmt.Errorf("%q: want text or json", s)
			}
			l.JSON = s == "json" || s == "logstash"
			return nil
		}),
		"fields": {any: func(key string) *section {
			return scalar(func(s string) error {
				if l.Fields == nil {
					l.Fields = map[string]string{}
				}
				l.Fields[key] = s
				return nil
			})
		}},
		"accesslog":    keys(map[string]*section{"disabled": boolean(&l.NoAccess)}),
		"hooks":        ignored(notHere),
		"reportcaller": ignored(notHere),
	})
}

func (p *parser) http() *section {
	h := &p.c.HTTP
	return keys(map[string]*section{
		"addr":   text(&h.Addr),
		"secret": text(&h.Secret),
		"tls": keys(map[string]*section{
			"certificate":  text(&h.CertFile),
			"key":          text(&h.KeyFile),
			"clientcas":    refused(noLogin),
			"clientauth":   refused(noLogin),
			"letsencrypt":  refused(noAddr),
			"minimumtls":   ignored("at least TLS 1.2 is spoken in any case; the key is ignored"),
			"ciphersuites": ignored(notHere),
		}),
		"headers": {any: func(key string) *section {
			return leaf(func(n *node) error { return h.header(key, n) })
		}},
		"net": scalar(func(s string) error {
			if s != "tcp" && s != "" {
				return fmt.Errorf("%q: want tcp", s)
			}
			return nil
		}),
		"relativeurls": ignored("URLs are relative in any case; the key is ignored"),
		"host":         ignored("URLs are relative in any case; the key is ignored"),
		"prefix":       refused(noAddr),
		"draintimeout": ignored(notHere),
		"debug":        keys(map[string]*section{"addr": text(&h.DebugAddr), "prometheus": ignored(notHere)}),
		"http2":        ignored(notHere),
		"h2c":          ignored(notHere),
	})
}

func (h *HTTP) header(name string, n *node) error {
	list, err := n.texts()
	if err != nil {
		return err
	}
	if !regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$").MatchString(name) || strings.ContainsAny(strings.Join(list, ""), "\r\n\x00") {
		return fmt.Errorf("not a header")
	}
	if h.Headers == nil {
		h.Headers = map[string][]string{}
	}
	h.Headers[name] = list
	return nil
}

func (p *parser) redis() *section {
	r := &p.c.Redis
	return keys(map[string]*section{
		"addr":         texts(&r.Addrs, anything),
		"addrs":        texts(&r.Addrs, anything),
		"username":     text(&r.Username),
		"password":     text(&r.Password),
		"db":           count(&r.DB),
		"dialtimeout":  duration(&r.DialTimeout),
		"readtimeout":  duration(&r.ReadTimeout),
		"writetimeout": duration(&r.WriteTimeout),
		"poolsize":     count(&r.PoolSize),
		"tls":          {below: map[string]*section{"enabled": boolean(&r.TLS)}, any: func(string) *section { return refused(noAddr) }},
		"pool": keys(map[string]*section{
			"maxactive": count(&r.PoolSize), "maxidle": ignored(notHere), "idletimeout": ignored(notHere),
		}),
		"maxidleconns":    ignored(notHere),
		"connmaxidletime": ignored(notHere),
	})
}

func (p *parser) validation() *section {
	v := &p.c.Validation
	return keys(map[string]*section{
		"disabled": boolean(&v.Disabled),
		"enabled":  not(&v.Disabled),
		"manifests": keys(map[string]*section{
			"urls": keys(map[string]*section{"allow": texts(&v.AllowURLs, expression), "deny": texts(&v.DenyURLs, expression)}),
			"indexes": keys(map[string]*section{
				"platforms":    choice(&v.Platforms, "all", "none", "list"),
				"platformlist": leaf(v.platforms),
			}),
		}),
	})
}

// expression demands a regular expression.
func expression(s string) error {
	if _, err := regexp.Compile(s); err != nil {
		return fmt.Errorf("%q: not a regular expression", s)
	}
	return nil
}

func (v *Validation) platforms(n *node) error {
	if n.kind != isList && n.kind != isNull {
		return fmt.Errorf("want a list, not %s", n.kind)
	}
	v.PlatformList = nil
	for _, item := range n.items {
		var one Platform
		known := map[string]*string{"architecture": &one.Architecture, "os": &one.OS, "variant": &one.Variant}
		for _, e := range item.keys {
			to, ok := known[e.name]
			if !ok || e.value.kind != isText {
				return &tokenError{e.token, fmt.Sprintf("%s: want text for %s", e.name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))}
			}
			*to = e.value.text
		}
		v.PlatformList = append(v.PlatformList, one)
	}
	return nil
}
