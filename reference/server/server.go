package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/server/internal/route"
)

// Options are the settings of [New]. The zero value works: every bound has a
// default, which stands with it, and nothing is logged.
type Options struct {
	// Manifests are the media types that can be pushed; nil is
	// [manifest.Default].
	Manifests *manifest.Table
	// Secret signs the state of upload sessions. Replicas that share a
	// store must share it; an empty one is replaced by a random one, with
	// which sessions end with the process.
	Secret []byte
	// Logger gets one record for each request; nil logs nothing.
	Logger *slog.Logger
	// ChunkMinLength, if not 0, is announced in OCI-Chunk-Min-Length to
	// who begins an upload. In bytes.
	ChunkMinLength int64
	// MaxManifestBytes is the size of the largest manifest taken. 4 MiB.
	MaxManifestBytes int64
	// MaxTagParams is how many tag parameters a push may have. 50.
	MaxTagParams int
	// CatalogPage and CatalogMax are how many repositories a page holds by
	// default and at most. 100 and 1000.
	CatalogPage, CatalogMax int
	// TagsMax is how many tags a page holds, by default and at most. 10000.
	TagsMax int
	// ReferrersMax is how many referrers a page holds at most; fewer if
	// they would have more than 4 MiB. 1000.
	ReferrersMax int
	// AllowUnknownReferences takes manifests that refer to unknown content.
	AllowUnknownReferences bool
	// StallTimeout is how long a client may neither send nor take a byte in
	// the middle of a message. One minute.
	StallTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Manifests == nil {
		o.Manifests = manifest.Default()
	}
	if len(o.Secret) == 0 {
		o.Secret = []byte(rand.Text())
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxManifestBytes <= 0 {
		o.MaxManifestBytes = 4 << 20
	}
	for value, fallback := range map[*int]int{
		&o.MaxTagParams: 50, &o.CatalogPage: 100, &o.CatalogMax: 1000, &o.TagsMax: 10000, &o.ReferrersMax: 1000,
	} {
		if *value <= 0 {
			*value = fallback
		}
	}
	o.CatalogPage = min(o.CatalogPage, o.CatalogMax)
	if o.StallTimeout <= 0 {
		o.StallTimeout = time.Minute
	}
	return o
}

// New returns a handler that serves reg. It is safe for concurrent use, and
// does not change what opts holds.
func New(reg registry.Registry, opts Options) http.Handler {
	s := &server{registry: reg, options: opts.withDefaults(), endpoints: endpoints()}
	s.buffers.New = func() any { return new(make([]byte, receivePiece)) }
	return s
}

// NewHTTP returns a server of h whose limits suit a registry: headers must
// come within ten seconds and 64 KiB, and an idle connection lives for two
// minutes. Messages have no time limit as a whole, since a blob has no greatest
// size; a handler of [New] ends those that stall.
func NewHTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

type server struct {
	registry  registry.Registry
	options   Options
	endpoints map[route.Kind]methods
	buffers   sync.Pool // of *[]byte, for bodies
}

// A handler answers one call. What it returns is written by [server.fail],
// unless it has written something itself.
type handler func(*call) error

type methods map[string]handler

// allow returns the value of Allow, without the methods of except.
func (m methods) allow(except ...string) string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(s string) bool { return slices.Contains(except, s) })
	return strings.Join(names, ", ")
}

func endpoints() map[route.Kind]methods {
	pull := func(h handler) methods { return methods{http.MethodGet: h, http.MethodHead: h} }
	return map[route.Kind]methods{
		route.Root:      pull((*call).base),
		route.Base:      pull((*call).base),
		route.Catalog:   pull((*call).catalog),
		route.Tags:      pull((*call).listTags),
		route.Referrers: pull((*call).listReferrers),
		route.Manifest: {
			http.MethodGet: (*call).getManifest, http.MethodHead: (*call).getManifest,
			http.MethodPut: (*call).putManifest, http.MethodDelete: (*call).deleteManifest,
		},
		route.Blob: {
			http.MethodGet: (*call).getBlob, http.MethodHead: (*call).getBlob,
			http.MethodDelete: (*call).deleteBlob,
		},
		route.Uploads: {http.MethodPost: (*call).beginUpload},
		route.Upload: {
			http.MethodGet: (*call).uploadStatus, http.MethodHead: (*call).uploadStatus,
			http.MethodPatch: (*call).patchUpload, http.MethodPut: (*call).putUpload,
			http.MethodDelete: (*call).cancelUpload,
		},
	}
}

// Values of headers that every answer has. They are not to be changed.
var (
	apiVersion = []string{"registry/2.0"}
	nosniff    = []string{"nosniff"}
)

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := requestID(r)
	ctx := registry.WithRequestID(r.Context(), id)
	out := newResponse(w, r, s.options.StallTimeout)
	if r.Body != nil && r.Body != http.NoBody {
		r = r.WithContext(ctx) // for that of the caller is not to be changed
		r.Body = &body{ReadCloser: r.Body, control: out.control, stall: s.options.StallTimeout}
		// It counts even if nobody reads the body but the HTTP server.
		_ = out.control.SetReadDeadline(time.Now().Add(s.options.StallTimeout))
	}
	h := out.Header()
	h["Docker-Distribution-Api-Version"] = apiVersion
	h["X-Content-Type-Options"] = nosniff
	h.Set("X-Request-Id", id)

	err := s.serve(ctx, out, r)
	broken := err != nil && (out.status != 0 || gone(r, err))
	switch {
	case broken && out.status == 0:
		out.status = statusGone
	case err != nil && !broken:
		s.fail(out, r, err)
	}
	s.log(ctx, out, r, err, time.Since(start))
	if broken {
		// The only honest end of an answer that can't be finished.
		panic(http.ErrAbortHandler)
	}
}

// serve answers the request, or returns why it can't be answered so. A panic
// of what is served is such a reason.
func (s *server) serve(ctx context.Context, w *response, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	at := route.Parse(r.URL.EscapedPath())
	allowed, ok := s.endpoints[at.Kind]
	if !ok {
		return errNoEndpoint
	}
	handle, ok := allowed[r.Method]
	if !ok {
		w.Header().Set("Allow", allowed.allow())
		return registry.ErrUnsupported.With("the method " + r.Method + " is not one of this endpoint")
	}
	c := &call{server: s, w: w, r: r, ctx: ctx, arg: at.Arg}
	if at.Name != "" {
		if c.name, err = registry.ParseName(at.Name); err != nil {
			return err
		}
		if c.repo, err = s.registry.Repository(c.ctx, c.name); err != nil {
			return err
		}
	}
	return handle(c)
}

// A call is one request to an endpoint, and what its handler needs.
type call struct {
	server *server
	w      *response
	r      *http.Request
	ctx    context.Context
	arg    string
	name   registry.Name       // zero for an endpoint without one
	repo   registry.Repository // nil for an endpoint without a name
	// algorithm is what the client named at the start of its upload, if it did.
	algorithm digest.Algorithm
	parsed    url.Values // by query
}

// query returns the parameters of the URL.
func (c *call) query() url.Values {
	if c.parsed == nil {
		c.parsed = c.r.URL.Query()
	}
	return c.parsed
}

func (c *call) base() error { return c.json(contentJSON, []byte("{}")) }

func (s *server) log(ctx context.Context, w *response, r *http.Request, err error, took time.Duration) {
	level := slog.LevelInfo
	if w.status >= 500 || w.status == 0 {
		level = slog.LevelError
	}
	if !s.options.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("id", registry.RequestID(ctx)),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.String("remote", r.RemoteAddr),
		slog.Int("status", w.status),
		slog.Int64("bytes", w.written),
		slog.Duration("took", took),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	var p *panicError
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	s.options.Logger.LogAttrs(ctx, level, "request", attrs...)
}

// requestID returns the id that a proxy gave the request, if that is harmless
// to repeat, or a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	if id != "" && len(id) <= 64 && strings.IndexFunc(id, func(c rune) bool { return !plain(c) }) < 0 {
		return id
	}
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
