package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/conformance/wire"
	"github.com/registryconform/conform/fixtures"
)

// A Case is one spec at work on a target: its repositories, its content, what
// it has sent. Its methods end the spec when they must, and are for the spec's
// own goroutine; [Case.Do] and the requests of [Repo] and [Upload] are safe for
// concurrent use.
type Case struct {
	// Content makes what the spec pushes: the same for the same seed, and
	// of its own for each spec.
	Content *fixtures.Source

	spec      spec
	ctx       context.Context
	access    *access
	recorder  *wire.Recorder
	outcome   report.Outcome
	blockedBy string
	repos     [2]*Repo
	pushed    pushed

	keys       int            // how many keys it has signed with
	signedTags int            // how many manifests of schema 1 have a tag
	also       *wire.Exchange // evidence of another spec
}

// newCase returns the case of s, which ends with either context.
func newCase(run context.Context, sc context.Context, a *access, s spec) (*Case, context.CancelFunc) {
	ctx, cancel := context.WithCancel(sc)
	stop := context.AfterFunc(run, cancel)
	content := fixtures.New(a.seed).Child(s.name)
	if a.registry.fixed() {
		content = content.Child(a.run)
	}
	c := &Case{Content: content, spec: s, ctx: ctx, access: a, recorder: a.client.Recorder()}
	return c, func() { stop(); cancel() }
}

// Context returns the context of the spec.
func (c *Case) Context() context.Context { return c.ctx }

// Root returns the path of the API, "/v2/", with what stands before it.
func (c *Case) Root() string { return c.access.root }

// Do sends r and returns the exchange, whatever came of it.
func (c *Case) Do(r wire.Request) *wire.Exchange {
	c.mayDo(r.Method)
	return c.recorder.Do(c.ctx, r)
}

// Raw sends r as it is and returns the exchange.
func (c *Case) Raw(r wire.RawRequest) *wire.Exchange {
	c.mayDo(r.Method)
	return c.recorder.Raw(c.ctx, r)
}

// Repo returns the repository of the spec: an invented one of its own, or the
// first of the two that the run was given.
func (c *Case) Repo() *Repo { return c.repo(0, "") }

// Other returns a second repository.
func (c *Case) Other() *Repo { return c.repo(1, "-other") }

func (c *Case) repo(i int, suffix string) *Repo {
	if c.repos[i] == nil {
		name := c.access.registry.Repositories[i]
		if name == "" {
			name = c.invent(suffix)
		}
		c.repos[i] = &Repo{c: c, Name: name}
	}
	return c.repos[i]
}

func (c *Case) invent(suffix string) string {
	return c.access.registry.prefix() + "/" + c.access.run + "/" + c.spec.name + suffix
}

// Empty returns a repository that nothing was ever pushed to, distinct for
// each suffix (a valid end of a name component, "-x"). Where names cannot be
// invented the spec is not run.
func (c *Case) Empty(suffix string) *Repo {
	c.NeedInventedNames()
	return &Repo{c: c, Name: c.invent("-empty" + suffix)}
}

// NeedInventedNames ends the spec where it cannot use names of its own.
func (c *Case) NeedInventedNames() {
	if c.access.registry.fixed() {
		c.end(report.NotSelected, "the spec needs a repository name of its own, and the run has two given ones")
	}
}

// Tag returns a tag that no other spec uses in the same repository; name is
// kept as its beginning, so that order can be judged.
func (c *Case) Tag(name string) string {
	if !c.access.registry.fixed() {
		return name
	}
	return name + "-" + fixtures.New(c.access.run+c.spec.name).Token()
}

// Given blocks the spec unless x is as m wants: the target breaks r before the
// spec comes to what it judges. If r is what the spec judges, that is its
// failure.
func (c *Case) Given(r requirement.Requirement, x *wire.Exchange, m wire.Matcher) {
	ginkgo.GinkgoHelper()
	if m.Judge(x) == "" {
		return
	}
	message := m.FailureMessage(x)
	if r.ID == c.spec.Requirement.ID {
		ginkgo.Fail(message)
	}
	c.blockedBy = r.ID
	c.end(report.Blocked, "blocked by "+r.ID+"\n"+message)
}

// Unsupported ends the spec: the target leaves out what is optional, in a way
// that the text allows, as x shows. Where the feature of the requirement is not
// an optional one, this tells nothing about the feature: as [Case.NothingToJudge].
func (c *Case) Unsupported(x *wire.Exchange, why string) {
	ginkgo.GinkgoHelper()
	if !c.spec.Requirement.Feature.Optional() {
		c.NothingToJudge(x, why)
	}
	c.end(report.Unsupported, fmt.Sprintf("%s\nwire  %s", why, x))
}

// NothingToJudge ends the spec as passed: the target does nothing that the
// requirement is about, as x shows. Where what it leaves out is an optional
// feature, that is [Case.Unsupported].
func (c *Case) NothingToJudge(x *wire.Exchange, why string) {
	ginkgo.GinkgoHelper()
	c.end(report.Passed, fmt.Sprintf("%s\nwire  %s", why, x))
}

// Failf ends the spec as failed. x is the evidence; it may be nil.
func (c *Case) Failf(x *wire.Exchange, want, got string, args ...any) {
	ginkgo.GinkgoHelper()
	ginkgo.Fail(wire.Finding(want, fmt.Sprintf(got, args...), x))
}

func (c *Case) end(o report.Outcome, message string) {
	ginkgo.GinkgoHelper()
	c.outcome = o
	ginkgo.Skip(message)
}

func (c *Case) judge() { c.spec.body(c) }

func (c *Case) skipped() report.Outcome { return c.outcome }

func (c *Case) evidence(result *report.Result) {
	if result.Outcome == report.Blocked {
		result.BlockedBy = c.blockedBy
	}
	if result.Outcome != report.Passed {
		result.Exchanges = c.recorder.Exchanges()
		if c.also != nil && !slices.Contains(result.Exchanges, c.also) {
			result.Exchanges = append(result.Exchanges, c.also)
		}
	}
}

// cutOff reports whether the last request of the spec got no whole answer.
func (c *Case) cutOff() bool {
	last := c.recorder.Last()
	return last != nil && last.Err() != nil
}

// timedOut reports whether the spec waited for an answer in vain.
func (c *Case) timedOut() bool {
	var late *wire.TimeoutError
	x := c.recorder.Last()
	return x != nil && errors.As(x.Err(), &late)
}

// targetGone reports whether the spec failed since the target is not there any
// more, rather than by something that it did.
func (c *Case) targetGone() bool {
	for _, x := range c.recorder.Exchanges() {
		if x.Status == 0 && x.Err() != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), 2*probeTimeout)
			defer cancel()
			return c.access.checkGone(ctx)
		}
	}
	return false
}

// cleanUpTimeout bounds the removal of what one spec pushed.
const cleanUpTimeout = 5 * time.Second

// cleanUp removes what the spec pushed, as far as the target allows. It is no
// part of the spec: a target that forbids it is not judged by that.
func (c *Case) cleanUp() {
	if c.access.held != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), cleanUpTimeout)
	defer cancel()
	recorder := c.access.client.Recorder()
	for _, p := range c.pushed.inOrder() {
		if ctx.Err() != nil || c.access.gone() != nil {
			c.access.note("%s: some content could not be removed in time", c.spec.name)
			return
		}
		if c.access.refusesDelete(p.kind) {
			continue
		}
		x := recorder.Do(ctx, wire.Request{Method: http.MethodDelete, URL: p.url, Scopes: p.scopes})
		if x.Status == http.StatusMethodNotAllowed || x.Status == http.StatusBadRequest && p.kind != kindUpload {
			c.access.refuseDelete(p.kind)
		}
	}
}

func (a *access) refusesDelete(kind string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refused[kind]
}

// refuseDelete remembers that the target does not delete what is of this kind,
// so that it is asked once only.
func (a *access) refuseDelete(kind string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.refused[kind] {
		a.refused[kind] = true
		a.noted = append(a.noted, "the target does not delete a "+kind+": what the run pushed stays there")
	}
}
