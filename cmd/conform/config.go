package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/registryconform/conform/cmd/conform/internal/embedded"
	"github.com/registryconform/conform/reference/config"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/manifest"
)

// maxConfig bounds the size of a configuration, in bytes.
const maxConfig = 1 << 20

// readConfig reads a configuration, and the environment over it. What it asks
// for in vain is told on standard error.
func readConfig(path string, s streams) (*config.Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, unwrapPath(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = errors.New("too large")
	}
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, unwrapPath(err))
	}
	c, err := config.Parse(path, text, os.Environ())
	if wrong, ok := errors.AsType[*config.Error](err); ok && wrong.Excerpt != "" {
		fmt.Fprintln(s.err, wrong.Excerpt)
	}
	if err != nil {
		return nil, err
	}
	for _, n := range c.Ignored {
		fmt.Fprintln(s.err, "conform: warning: "+n.String())
	}
	return c, nil
}

// configure sets what a configuration says, where no flag says otherwise.
func (f *serveFlags) configure(path string, changed func(flag string) bool, s streams) error {
	c, err := readConfig(path, s)
	if err != nil {
		return err
	}
	if err := c.Servable(); err != nil {
		return err
	}
	o := &f.registry
	if !changed("addr") && c.HTTP.Addr != "" {
		o.Addr = c.HTTP.Addr
	}
	if !changed("debug-addr") {
		o.DebugAddr = c.HTTP.DebugAddr
	}
	if !changed("schema1") {
		o.Schema1 = c.Compatibility.Schema1
	}
	if !changed("tls-cert") {
		o.CertFile, o.KeyFile = c.HTTP.CertFile, c.HTTP.KeyFile
	}
	if !changed("log") {
		o.Log, o.NoAccess = configuredLog(c.Log, s.err), c.Log.NoAccess
	}
	o.Secret, o.CatalogMax, o.Headers, o.ReadOnly = []byte(c.HTTP.Secret), c.CatalogMax, c.HTTP.Headers, c.Storage.ReadOnly
	o.Content.DisableDelete, o.Content.DisableRedirect = !c.Storage.Delete, c.Storage.NoRedirect
	o.Content.References = policy(c.Validation)
	f.configurePurging(c.Storage.Purging, changed)
	if !changed("cache") {
		o.Cache = cacheOf(c)
	}
	if changed("storage") {
		return nil
	}
	return f.configureStorage(path, c.Storage)
}

// configureStorage sets where content is kept.
func (f *serveFlags) configureStorage(path string, st config.Storage) error {
	d, err := openConfigured(path, st)
	if err != nil {
		return err
	}
	// These two have flags of their own: --memory-limit and --durability.
	switch st.Driver {
	case "inmemory":
		f.storage = "memory"
	case "filesystem":
		f.storage = st.Parameters["rootdirectory"].(string)
	default:
		f.registry.Driver = d
	}
	return nil
}

// openConfigured opens the driver that a configuration names.
func openConfigured(path string, st config.Storage) (driver.Driver, error) {
	if st.Driver == "" {
		return nil, fmt.Errorf("%s: storage: no driver is given; want one of %s", path, strings.Join(embedded.Drivers(), ", "))
	}
	d, err := embedded.OpenDriver(st.Driver, st.Parameters)
	if err != nil {
		return nil, fmt.Errorf("%s: storage: %w", path, err)
	}
	return d, nil
}

func (f *serveFlags) configurePurging(p config.Purging, changed func(flag string) bool) {
	m := &f.registry.Maintenance
	if !changed("purge-interval") {
		m.PurgeEvery = p.Interval
		if !p.Enabled {
			m.PurgeEvery = 0
		}
	}
	if !changed("upload-age") {
		m.UploadAge = p.Age
	}
	if !changed("purge-dry-run") {
		m.PurgeDryRun = p.DryRun
	}
}

// configuredLog returns the log that a configuration asks for.
func configuredLog(l config.Log, to io.Writer) *slog.Logger {
	levels := map[string]slog.Level{"error": slog.LevelError, "warn": slog.LevelWarn, "debug": slog.LevelDebug}
	o := &slog.HandlerOptions{Level: levels[l.Level]} // info, if it is not there
	var h slog.Handler = slog.NewTextHandler(to, o)
	if l.JSON {
		h = slog.NewJSONHandler(to, o)
	}
	var fields []slog.Attr
	for name, value := range l.Fields {
		fields = append(fields, slog.String(name, value))
	}
	slices.SortFunc(fields, func(a, b slog.Attr) int { return cmp.Compare(a.Key, b.Key) })
	return slog.New(h.WithAttrs(fields))
}

// policy returns which references of a manifest are checked. The expressions are
// known to be right.
func policy(v config.Validation) manifest.Policy {
	var p manifest.Policy
	if v.Disabled {
		return p
	}
	for _, s := range v.AllowURLs {
		p.AllowURLs = append(p.AllowURLs, regexp.MustCompile(s))
	}
	for _, s := range v.DenyURLs {
		p.DenyURLs = append(p.DenyURLs, regexp.MustCompile(s))
	}
	p.Platforms.Only = v.Platforms == "none" || v.Platforms == "list"
	if v.Platforms == "list" {
		for _, one := range v.PlatformList {
			p.Platforms.List = append(p.Platforms.List, v1.Platform{Architecture: one.Architecture, OS: one.OS, Variant: one.Variant})
		}
	}
	return p
}

// cacheOf returns the cache as --cache takes it.
func cacheOf(c *config.Config) string {
	switch c.Storage.Cache {
	case "inmemory":
		return "memory"
	case "redis":
		u := &url.URL{Scheme: "redis", Host: "127.0.0.1:6379", Path: "/" + strconv.Itoa(c.Redis.DB)}
		if len(c.Redis.Addrs) > 0 {
			u.Host = c.Redis.Addrs[0]
		}
		if c.Redis.TLS {
			u.Scheme = "rediss"
		}
		if c.Redis.Username != "" || c.Redis.Password != "" {
			u.User = url.UserPassword(c.Redis.Username, c.Redis.Password)
		}
		return u.String()
	}
	return "none"
}

// openStore opens the store in the directory that place is, or the one that the
// configuration there names. It must be one, be it empty: a checker or collector
// of something else would say that all is well.
func openStore(ctx context.Context, place string, s streams) (driver.Driver, error) {
	there, err := os.Stat(place)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", place, unwrapPath(err))
	}
	if there.IsDir() {
		return openDirectory(place)
	}
	c, err := readConfig(place, s)
	if err != nil {
		return nil, err
	}
	if dir, ok := c.Storage.Parameters["rootdirectory"].(string); ok && c.Storage.Driver == "filesystem" {
		if _, err := openConfigured(place, c.Storage); err != nil {
			return nil, err
		}
		return openDirectory(dir)
	}
	d, err := openConfigured(place, c.Storage)
	if err != nil {
		return nil, err
	}
	top, err := d.List(ctx, "/")
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", place, err)
	}
	if _, err := d.Stat(ctx, "/docker/registry/v2"); err != nil && len(top) > 0 {
		return nil, fmt.Errorf("store %s: there is no docker/registry/v2 in it", place)
	}
	return d, nil
}

// openDirectory opens the store in a directory.
func openDirectory(dir string) (driver.Driver, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", dir, unwrapPath(err))
	}
	_, err = os.Stat(filepath.Join(dir, "docker", "registry", "v2"))
	// What is left of an emptied store is the folder of unfinished writes.
	visible := func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") && e.Name() != "~staging" }
	switch {
	case errors.Is(err, os.ErrNotExist) && slices.ContainsFunc(entries, visible):
		return nil, fmt.Errorf("store %s: there is no docker/registry/v2 in it", dir)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("store %s: %w", dir, unwrapPath(err))
	}
	return filesystem.New(filesystem.Parameters{Root: dir})
}
