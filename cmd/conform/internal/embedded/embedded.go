// Package embedded runs the reference registry inside the command: for
// "conform serve", and as the target of "conform run --embedded".
//
// It puts the parts of the reference together and owns the listener. What a
// registry does is the reference's business.
package embedded

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/registryconform/conform/cmd/conform/internal/nearest"
	"github.com/registryconform/conform/reference/cache"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/quirk"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// DefaultMemory bounds the content of a memory store, in bytes.
const DefaultMemory = 1 << 30

// grace is how long requests that are under way may go on at the end.
const grace = 5 * time.Second

// Options are the settings of a registry. The zero value is a memory store on
// any free loopback port.
type Options struct {
	// Addr is HOST:PORT; "" means a free port of 127.0.0.1.
	Addr string
	// DebugAddr, if set, is HOST:PORT of a second server: it tells how the
	// process and the cache are doing, and gives profiles, to whoever asks.
	DebugAddr string
	// Storage is a directory; "" means memory.
	Storage string
	// Driver, if set, has the content in the place of Storage and memory.
	Driver driver.Driver
	// Content are the settings of the store; its media types and its cache
	// come from the fields for them here.
	Content storage.Options
	// ReadOnly refuses what would change the content.
	ReadOnly bool
	// Exclusive says that no other process changes the storage, so that uploads
	// without content may be kept in memory and, of a directory, what is known
	// of small files. For a directory it is made sure that no other server and no
	// collector of ours does; otherwise it is taken for granted.
	Exclusive bool
	// Relaxed acknowledges what is not on stable storage yet: a crash of the
	// machine can lose it.
	Relaxed bool
	// MemoryLimit bounds a memory store, in bytes; 0 means [DefaultMemory].
	MemoryLimit int64
	// Cache remembers what was found out about blobs: "none", "memory", or
	// the URL of a Redis server. "" means none, since what others delete from
	// the store is known at once without one alone.
	Cache string
	// Schema1 takes the signed manifests of schema 1, too.
	Schema1 bool
	// Faults are names of quirks, the innermost first.
	Faults []string
	// Log gets a record for each request, unless NoAccess is set, and of what
	// goes wrong; nil logs nothing.
	Log      *slog.Logger
	NoAccess bool
	// Secret signs the state of uploads: replicas share it. An empty one is
	// replaced by a random one.
	Secret []byte
	// CatalogMax is how many repositories a page of the catalog holds at
	// most; 0 is the server's default.
	CatalogMax int
	// Headers are added to each answer.
	Headers http.Header
	// Maintenance is done to the store meanwhile; it is logged to Log.
	Maintenance garbage.Maintenance
	// CertFile and KeyFile, if set, make it https.
	CertFile, KeyFile string
}

// FaultError says that there is no quirk of a name.
type FaultError struct{ Name string }

// Error names what may have been meant.
func (e *FaultError) Error() string {
	var known []string
	for _, q := range Faults() {
		known = append(known, q.Name)
	}
	return fmt.Sprintf("unknown fault %q%s (conform serve --list-faults lists all)", e.Name, nearest.Hint(e.Name, known))
}

// Faults returns every quirk, the legal variations last.
func Faults() []quirk.Quirk { return slices.Concat(quirk.All(), quirk.Variations()) }

// A Registry is a registry that listens.
type Registry struct {
	listener net.Listener
	server   *http.Server
	debug    *debugServer // nil: none
	scheme   string
	done     chan error
	// held is closed at the end, the last first.
	held []io.Closer
}

// Start starts a registry; it answers once Start has returned. The errors are
// one line: a *[FaultError], or what is wrong with an address, the storage or
// the certificate.
func Start(ctx context.Context, o Options) (_ *Registry, err error) {
	r := &Registry{scheme: "http", done: make(chan error, 1)}
	defer func() {
		if err != nil {
			r.free()
		}
	}()
	d, err := r.open(&o)
	if err != nil {
		return nil, err
	}
	known, err := r.openCache(o.Cache)
	if err != nil {
		return nil, err
	}
	var counted *cache.Counted
	if known != nil && o.DebugAddr != "" {
		counted = cache.Count(known)
		known = counted
	}
	h, err := handler(o, d, known)
	if err != nil {
		return nil, err
	}
	var config *tls.Config
	if o.CertFile != "" || o.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("TLS certificate: %w", err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	}
	if o.DebugAddr != "" {
		if r.debug, err = startDebug(ctx, o.DebugAddr, counted, logger(o.Log)); err != nil {
			return nil, err
		}
		r.held = append(r.held, r.debug)
	}
	if r.listener, err = listen(ctx, cmp.Or(o.Addr, "127.0.0.1:0")); err != nil {
		return nil, fmt.Errorf("address %w", err)
	}
	r.server = server.NewHTTP(h)
	r.server.ErrorLog = slog.NewLogLogger(logger(o.Log).Handler(), slog.LevelWarn)
	serve := func() error { return r.server.Serve(r.listener) }
	if config != nil {
		r.scheme, r.server.TLSConfig = "https", config
		serve = func() error { return r.server.ServeTLS(r.listener, "", "") }
	}
	go func() { r.done <- serve() }()
	r.held = append(r.held, maintain(ctx, o, d, known))
	return r, nil
}

// listen listens on a TCP address, which an error names.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, opError(err))
	}
	return l, nil
}

// free lets go of what is held.
func (r *Registry) free() {
	for _, c := range slices.Backward(r.held) {
		c.Close()
	}
}

// A closer is a function that is an [io.Closer].
type closer func()

// Close calls the function.
func (f closer) Close() error { f(); return nil }

// maintain begins the maintenance, which ends with Close. It reads manifests of
// every type, whatever may be pushed, and tells the cache what it removes.
func maintain(ctx context.Context, o Options, d driver.Driver, known registry.DescriptorCache) io.Closer {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o.Maintenance.Log = o.Log
	r := storage.New(d, storage.Options{Manifests: manifest.Default(manifest.WithSchema1(schema1.Options{})), Cache: known})
	var done sync.WaitGroup
	done.Go(func() { garbage.Maintain(ctx, r, d, o.Maintenance) })
	return closer(func() { cancel(); done.Wait() })
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// opError takes the operation and the address, which the caller names, off an
// error of package net.
func opError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// handler puts the registry together.
func handler(o Options, d driver.Driver, known registry.DescriptorCache) (http.Handler, error) {
	var quirks []quirk.Quirk
	for _, name := range o.Faults {
		q, ok := quirk.Find(name)
		if !ok {
			return nil, &FaultError{Name: name}
		}
		quirks = append(quirks, q)
	}
	table := manifest.Default()
	if o.Schema1 {
		table = manifest.Default(manifest.WithSchema1(schema1.Options{}))
	}
	content := o.Content
	content.Manifests, content.Cache, content.Exclusive = table, known, o.Exclusive
	access := o.Log
	if o.NoAccess {
		access = nil
	}
	h := server.New(storage.New(d, content), server.Options{
		Manifests: table, Logger: access, Secret: o.Secret, CatalogMax: o.CatalogMax,
	})
	h = front(h, o)
	for _, q := range quirks {
		h = q.Wrap(h)
	}
	return h, nil
}

// open opens the storage. One that is in memory is exclusive in any case.
func (r *Registry) open(o *Options) (driver.Driver, error) {
	switch {
	case o.Driver != nil:
		return o.Driver, nil
	case o.Storage == "":
		o.Exclusive = true
		return inmemory.New(inmemory.Parameters{MaxBytes: cmp.Or(o.MemoryLimit, DefaultMemory)}), nil
	}
	d, err := filesystem.New(filesystem.Parameters{Root: o.Storage, NoSync: o.Relaxed, Exclusive: o.Exclusive})
	if err != nil {
		return nil, fmt.Errorf("storage %s: %w", o.Storage, err)
	}
	lock, err := LockStorage(o.Storage, o.Exclusive)
	if err != nil {
		return nil, fmt.Errorf("storage %s: %w", o.Storage, err)
	}
	r.held = append(r.held, lock)
	return d, nil
}

// DebugURL returns the address of the server at DebugAddr, nil if there is none.
func (r *Registry) DebugURL() *url.URL {
	if r.debug == nil {
		return nil
	}
	return &url.URL{Scheme: "http", Host: r.debug.host, Path: "/debug/vars"}
}

// URL returns the address with the scheme, to be printed: the host is as it
// was asked for.
func (r *Registry) URL() *url.URL {
	return &url.URL{Scheme: r.scheme, Host: r.listener.Addr().String()}
}

// Host returns HOST:PORT, by which this machine reaches the registry.
func (r *Registry) Host() string {
	host, port, err := net.SplitHostPort(r.listener.Addr().String())
	if err != nil {
		return r.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// Wait waits until ctx ends or the server fails, which is the error.
func (r *Registry) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-r.done:
		r.done <- err
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	}
}

// Close takes no more requests, lets those under way end for up to five
// seconds, ends the maintenance, and frees the ports.
func (r *Registry) Close() error {
	defer r.free()
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		return r.server.Close()
	}
	return nil
}
