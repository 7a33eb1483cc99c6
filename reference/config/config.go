// Package config reads the configuration of a registry: a YAML file in the shape
// of distribution's, version 0.1, and environment variables that override it,
// REGISTRY_HTTP_ADDR for addr below http. It opens nothing and reads neither
// files nor the environment itself.
//
// A key that nobody knows is an error that says where it stands. A key that
// distribution has and this registry has not is told apart: it is in
// [Config].Ignored if the registry can do without, and an error of
// [Config].Servable if it would not be what was asked for.
package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config is a configuration. Where nothing is said the fields are zero, but for
// the purging of uploads: once a day, of what is older than a week.
type Config struct {
	// Storage has no Driver if the file names none.
	Storage       Storage
	Log           Log
	HTTP          HTTP
	Redis         Redis
	Compatibility Compatibility
	Validation    Validation
	// CatalogMax is how many repositories a page of the catalog holds at
	// most; 0 if nothing is said.
	CatalogMax int

	// Ignored are keys and variables that do nothing, in the order that they
	// were found in.
	Ignored []Notice
	// refused are keys without which the registry would not be what was asked
	// for.
	refused []Notice
}

// A Notice says why a key, or a variable, does nothing.
type Notice struct {
	// File, Line and Column say where the key stands; they are zero for a
	// variable.
	File         string
	Line, Column int
	// Name is the path of the key, "http.debug", or the variable.
	Name   string
	Reason string
}

func (n Notice) String() string {
	if n.Line == 0 {
		return fmt.Sprintf("%s: %s", n.Name, n.Reason)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", n.File, n.Line, n.Column, n.Name, n.Reason)
}

// Storage says where content is kept.
type Storage struct {
	// Driver is the name of the driver: filesystem, inmemory, s3, azure.
	// Parameters are its own, as the driver's package reads them; values are
	// text, and maps of it.
	Driver     string
	Parameters map[string]any
	// Delete lets clients delete.
	Delete bool
	// NoRedirect serves blobs though the driver has URLs for them.
	NoRedirect bool
	// Cache is "", inmemory or redis; CacheSize is how many descriptors it
	// holds at most, 0 if nothing is said.
	Cache     string
	CacheSize int
	// Purging is that of uploads.
	Purging Purging
	// ReadOnly refuses what would change content.
	ReadOnly bool
}

// Purging says when uploads are purged that were given up.
type Purging struct {
	Enabled       bool
	Age, Interval time.Duration
	DryRun        bool
}

// Log says what is logged.
type Log struct {
	// Level is error, warn, info or debug, "" if nothing is said.
	Level string
	// JSON writes records as JSON.
	JSON bool
	// Fields are added to each record.
	Fields map[string]string
	// NoAccess leaves out the records of requests.
	NoAccess bool
}

// HTTP says how the registry is reached.
type HTTP struct {
	// Addr is HOST:PORT.
	Addr string
	// DebugAddr is HOST:PORT of the server that tells how the process is doing;
	// "" is none.
	DebugAddr string
	// Secret signs the state of uploads.
	Secret string
	// CertFile and KeyFile make it https.
	CertFile, KeyFile string
	// Headers are added to each answer.
	Headers map[string][]string
}

// Redis is the server of a cache.
type Redis struct {
	// Addrs are HOST:PORT, Username and Password log in to DB.
	Addrs              []string
	Username, Password string
	DB                 int
	// TLS encrypts the connection.
	TLS bool
	// The timeouts are zero if nothing is said, and so is PoolSize.
	DialTimeout, ReadTimeout, WriteTimeout time.Duration
	PoolSize                               int
}

// Compatibility says what else is taken.
type Compatibility struct {
	// Schema1 takes signed manifests of schema 1.
	Schema1 bool
}

// Validation says what of a manifest is checked when it is pushed.
type Validation struct {
	// Disabled leaves the rest of this out.
	Disabled bool
	// AllowURLs and DenyURLs are regular expressions.
	AllowURLs, DenyURLs []string
	// Platforms is all, none or list, "" if nothing is said; PlatformList
	// goes with list.
	Platforms    string
	PlatformList []Platform
}

// A Platform is one that an index is for.
type Platform struct{ Architecture, OS, Variant string }

// Parse reads a configuration. Name is that of the file, for errors. The text is
// YAML; environ holds variables as [os.Environ] has them, of which those count
// that begin with REGISTRY_ and aren't empty. The error is an *[Error].
func Parse(name string, text []byte, environ []string) (*Config, error) {
	c := &Config{Storage: Storage{Purging: Purging{Enabled: true, Age: 7 * 24 * time.Hour, Interval: 24 * time.Hour}}}
	p := &parser{file: name, text: text, c: c}
	if err := p.document(); err != nil {
		return nil, err
	}
	if err := p.environment(environ); err != nil {
		return nil, err
	}
	return c, nil
}

// Servable returns an error if the configuration asks for something without
// which a registry would do what it must not: one that asks for logins can't be
// served to all.
func (c *Config) Servable() error {
	if len(c.refused) == 0 {
		return nil
	}
	n := c.refused[0]
	return &Error{File: n.File, Line: n.Line, Column: n.Column, Name: n.Name, Reason: n.Reason}
}

// An Error says what is wrong, and where.
type Error struct {
	File         string
	Line, Column int
	// Name is the path of the key or the variable, "" if it is the syntax
	// that is wrong.
	Name   string
	Reason string
	// Excerpt is the part of the file, with a caret below what is wrong.
	Excerpt string
}

// Error returns FILE:LINE:COLUMN: NAME: REASON in one line; the excerpt is left
// out.
func (e *Error) Error() string {
	var parts []string
	if e.Line > 0 {
		parts = append(parts, fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column))
	} else if e.Name == "" {
		parts = append(parts, e.File)
	}
	parts = append(parts, e.Name, e.Reason)
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}
