package conformance

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/wire"
)

// DefaultPrefix is the namespace under which a run invents its repositories.
const DefaultPrefix = "conform"

// probeTimeout bounds each request that finds out whether there is a registry.
const probeTimeout = 4 * time.Second

// preflightTimeout bounds all of them together, with logins and retries.
const preflightTimeout = 4500 * time.Millisecond

// A Registry is the target at a URL.
type Registry struct {
	// URL is scheme, host and, where the API is not at the root, the path
	// before "/v2/".
	URL *url.URL
	// Client says how to connect; its Base is taken from URL.
	Client wire.Config
	// Prefix is the namespace of the repositories that the run invents;
	// "" means [DefaultPrefix].
	Prefix string
	// Repositories, if not empty, are two names that the whole run uses,
	// for registries where names cannot be invented.
	Repositories [2]string
	// Content, if any is given, is what the first of Repositories holds; the
	// run pushes nothing then.
	Content Content
}

func (t Registry) describe() report.Target {
	target := report.Target{Kind: "registry", Name: t.URL.Redacted(), Repositories: []string{t.prefix()}}
	if t.fixed() {
		target.Repositories = t.Repositories[:]
	}
	return target
}

func (t Registry) fixed() bool { return t.Repositories[0] != "" }

func (t Registry) prefix() string {
	if t.Prefix == "" {
		return DefaultPrefix
	}
	return strings.Trim(t.Prefix, "/")
}

func (t Registry) chapters() []chapter { return registryChapters() }

func (t Registry) terms(o Options) terms {
	return terms{specVersion: SpecVersion, profile: string(o.profile()), specTimeout: time.Minute}
}

// open connects to the registry, and says in a [TargetError] if there is none.
func (t Registry) open(ctx context.Context, o Options) (session, error) {
	config := t.Client
	config.Base = t.URL
	a := &access{
		registry: t, seed: o.Seed, run: runName(o.Seed, time.Now()), target: t.describe(),
		root: strings.TrimSuffix(t.URL.Path, "/") + "/v2/", client: wire.NewClient(config),
		refused: map[string]bool{},
	}
	err := a.preflight(ctx)
	if err == nil && t.Content.Given() {
		err = a.find(ctx, t.Content)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// runName returns the name that tells the repositories of this run from those
// of others: two runs with one seed differ.
func runName(seed string, now time.Time) string {
	h := fnv.New32a()
	fmt.Fprint(h, seed, now.UnixNano())
	return fmt.Sprintf("%08x", h.Sum32())
}

// An access is the session of a registry: what all cases of a run share.
type access struct {
	registry Registry
	seed     string
	run      string
	root     string // path of the API: "/v2/"
	target   report.Target
	client   *wire.Client

	mu      sync.Mutex
	lost    error
	noted   []string
	refused map[string]bool // kinds of deletion that the target refuses
	schema1 *schema1Support // nil until a spec has found out

	held *content // nil if the run pushes its own
}

func (a *access) close() { a.client.Close() }

func (a *access) describe() report.Target { return a.target }

func (a *access) begin(run, sc context.Context, s spec) (attempt, context.CancelFunc) {
	return newCase(run, sc, a, s)
}

// gone returns why the target is no longer there, or nil.
func (a *access) gone() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lost
}

func (a *access) setGone(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost == nil {
		a.lost = err
	}
}

func (a *access) note(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noted = append(a.noted, fmt.Sprintf(format, args...))
}

func (a *access) notes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.noted...)
}

// preflight finds out whether a registry answers and lets us in. A registry
// whose "/v2/" is wrong is still one if it lists tags like one.
func (a *access) preflight(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, preflightTimeout, &wire.TimeoutError{After: preflightTimeout})
	defer cancel()
	base := a.probe(ctx, a.root)
	if err := a.reachable(base); err != nil {
		return err
	}
	a.target.Server = serverName(base)
	if baseLikeRegistry(base) {
		return nil
	}
	name := a.registry.prefix() + "/probe"
	if a.registry.fixed() {
		name = a.registry.Repositories[0]
	}
	tags := a.probe(ctx, a.root+name+"/tags/list")
	if err := a.reachable(tags); err != nil {
		return err
	}
	if tagsLikeRegistry(tags) {
		return nil
	}
	return a.refuse(fmt.Sprintf("not a registry: %s answered %s, and a tag list %s", a.root, base.Outcome(), tags.Outcome()), nil)
}

func (a *access) probe(ctx context.Context, path string) *wire.Exchange {
	return a.client.Recorder().Do(ctx, wire.Request{Method: http.MethodGet, URL: path, Timeout: probeTimeout})
}

// reachable tells from the answer to a probe whether the target is there and
// lets us in.
func (a *access) reachable(x *wire.Exchange) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(x.Err(), &untrusted):
		return a.refuse("the certificate is not trusted (--cacert names an authority, --insecure trusts any)", x.Err())
	case x.Status == http.StatusUnauthorized || x.Status == http.StatusForbidden:
		return a.refuse("the login is refused: "+x.Outcome(), nil)
	case x.Status == 0:
		return a.refuse("no answer", x.Err())
	}
	return nil
}

func (a *access) refuse(reason string, err error) error {
	return &TargetError{Target: a.registry.URL.Redacted(), Reason: reason, Err: err}
}

// baseLikeRegistry reports whether x looks like a registry's answer to "/v2/".
func baseLikeRegistry(x *wire.Exchange) bool {
	if strings.HasPrefix(x.Header().Get("Docker-Distribution-Api-Version"), "registry/2") {
		return true
	}
	body := strings.TrimSpace(string(x.Body()))
	return x.Status == http.StatusOK && (body == "" || json.Valid([]byte(body)))
}

// tagsLikeRegistry reports whether x looks like a registry's tag list, or like
// its refusal to list the tags of an unknown repository.
func tagsLikeRegistry(x *wire.Exchange) bool {
	var doc struct {
		Name   *string
		Tags   *[]string
		Errors []wire.WireError
	}
	if x.JSON(&doc) != nil {
		return false
	}
	return (x.Status == http.StatusOK && doc.Name != nil) || (x.Status/100 == 4 && len(doc.Errors) > 0 && doc.Errors[0].Code != "")
}

func serverName(x *wire.Exchange) string {
	if s := x.Header().Get("Server"); s != "" {
		return s
	}
	return x.Header().Get("Docker-Distribution-Api-Version")
}

// checkGone asks whether the target still answers at all, and remembers if it
// does not.
func (a *access) checkGone(ctx context.Context) bool {
	if a.gone() != nil {
		return true
	}
	for range 2 {
		if x := a.probe(ctx, a.root); x.Status != 0 || ctx.Err() != nil {
			return false
		}
	}
	a.setGone(&TargetError{Target: a.registry.URL.Redacted(), Reason: "the target stopped answering during the run"})
	return true
}
