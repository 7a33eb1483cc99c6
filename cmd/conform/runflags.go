package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/pflag"

	"github.com/registryconform/conform/cmd/conform/internal/container"
	"github.com/registryconform/conform/cmd/conform/internal/nearest"
	"github.com/registryconform/conform/cmd/conform/internal/settings"
	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/conformance/wire"
)

// runFlags are the flags and arguments of the verb run.
type runFlags struct {
	args    []string
	changed func(flag string) bool

	embedded      bool
	faults        []string
	container     container.Options
	profile       string
	level         string
	patterns      string
	require       string
	baseline      string
	failed        string
	dryRun        bool
	out           string
	also          []string
	repo, repo2   string
	content       []string
	username      string
	passwordStdin bool
	cacert        string
	insecure      bool
	timeout       time.Duration
	seed          string
}

func (f *runFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&f.profile, "profile", string(requirement.ProfileFull), "judge by the requirements of `PROFILE`: "+profileNames())
	flags.StringVar(&f.level, "level", "must", "count failures of `LEVEL`: must, or should as well")
	flags.StringVar(&f.patterns, "select", "", "only requirements whose ids match `PATTERNS`, globs with commas")
	flags.StringVar(&f.require, "require", "", "fail if one of these optional `FEATURES` is missing (conform list --features)")
	flags.StringVar(&f.baseline, "baseline", "", "don't count the known failures that `FILE` lists")
	flags.StringVar(&f.failed, "failed", "", "only the checks that failed in the results.json `FILE`")
	flags.StringVar(&f.seed, "seed", "", "push the content of `SEED`, as a report names it, rather than new")
	flags.DurationVar(&f.timeout, "timeout", wire.DefaultTimeout, "bound each request")
	flags.StringVar(&f.out, "out", "conform-results", "write the reports to `DIR`")
	flags.StringSliceVar(&f.also, "also", nil, "write these `FILES` as well: "+strings.Join(onRequest(), ", "))
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and where each setting comes from")
	flags.StringVar(&f.repo, "repo", "", "use the repository `NAME` rather than invented ones; needs --repo2")
	flags.StringVar(&f.repo2, "repo2", "", "the second repository, `NAME`")
	flags.StringSliceVar(&f.content, "content", nil, "push nothing: judge the pull of the manifests `REFS`, tags or digests with commas, that --repo holds")
	flags.StringVar(&f.username, "username", "", "log in as `USER`; needs --password-stdin")
	flags.BoolVar(&f.passwordStdin, "password-stdin", false, "read the password from standard input")
	flags.StringVar(&f.cacert, "cacert", "", "trust the authorities in the PEM `FILE` as well")
	flags.BoolVar(&f.insecure, "insecure", false, "trust any certificate")
	flags.BoolVar(&f.embedded, "embedded", false, "test the built-in reference registry")
	flags.StringArrayVar(&f.faults, "fault", nil, "make the built-in registry misbehave as `NAME` says (repeatable)")
	flags.StringVar(&f.container.Image, "image", "", "test a container of the image `REF`")
	flags.StringVar(&f.container.Dockerfile, "dockerfile", "", "test a container of the image that the Dockerfile in `DIR` builds")
	flags.StringArrayVar(&f.container.Env, "env", nil, "set the variable `NAME=VALUE` in the container (repeatable)")
	flags.IntVar(&f.container.Port, "port", container.DefaultPort, "the registry's `PORT` in the container")
	flags.StringArrayVar(&f.container.Files, "file", nil, "copy `HOST:CONTAINER` into the container (repeatable)")
	flags.DurationVar(&f.container.Wait, "wait", container.DefaultWait, "wait so long for the container to answer")
}

// onRequest returns the names of the files that --also takes.
func onRequest() []string {
	var names []string
	for _, format := range report.Formats() {
		if format.OnRequest {
			names = append(names, format.File)
		}
	}
	return names
}

// check refuses what does not fit together.
func (f *runFlags) check() error {
	kinds := 0
	for _, is := range []bool{len(f.args) > 0, f.embedded, f.container.Image != "" || f.changed("image"), f.container.Dockerfile != "" || f.changed("dockerfile")} {
		if is {
			kinds++
		}
	}
	inContainer := f.changed("image") || f.changed("dockerfile")
	switch {
	case kinds > 1:
		return errors.New("more than one target: want one of a URL, --embedded, --image and --dockerfile")
	case len(f.faults) > 0 && !f.embedded:
		return errors.New("--fault needs --embedded")
	case len(f.container.Args) > 0 && !inContainer:
		return errors.New("arguments behind -- need --image or --dockerfile")
	case f.changed("username") && !f.passwordStdin:
		return errors.New("--username needs --password-stdin")
	case f.passwordStdin && !f.changed("username"):
		return errors.New("--password-stdin needs --username")
	case f.timeout <= 0:
		return fmt.Errorf("timeout %v: not positive", f.timeout)
	case f.changed("out") && f.out == "":
		return errors.New("--out is empty")
	case f.changed("content") && len(f.content) == 0:
		return errors.New("--content is empty")
	}
	for _, name := range []string{"env", "port", "file", "wait"} {
		if f.changed(name) && !inContainer {
			return fmt.Errorf("--%s needs --image or --dockerfile", name)
		}
	}
	if inContainer {
		return f.container.Check()
	}
	return nil
}

// A plan is a run whose settings are resolved.
type plan struct {
	options  conformance.Options
	base     *url.URL // of a target that is not started by the run
	settings settings.Settings
	repos    [2]string
	content  conformance.Content
	out      string
	formats  []report.Format
	origins  map[string]report.Option
}

// plan resolves flags, environment, file and defaults, in this order.
func (f *runFlags) plan(env settings.Settings) (*plan, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	p := &plan{settings: env, origins: map[string]report.Option{}}
	var err error
	if !f.embedded && !f.container.Set() {
		if p.base, err = f.address(p); err != nil {
			return nil, err
		}
	}
	if p.content, err = f.given(p); err != nil {
		return nil, err
	}
	if p.repos, err = f.repositories(p); err != nil {
		return nil, err
	}
	if p.formats, err = f.formats(); err != nil {
		return nil, err
	}
	p.out = p.pick("out", f.out, f.changed("out"), env.Out)
	if p.out == "" || p.out == "none" {
		p.out = f.out
	}
	if err := f.selection(p); err != nil {
		return nil, err
	}
	if err := f.policy(p); err != nil {
		return nil, err
	}
	p.options.Seed = f.seed
	p.options.Tool = report.Tool{Name: "conform", Version: version()}
	return p, nil
}

// pick returns the value of a flag if it was given, else that of the
// environment or file, else the flag's default, and notes where it came from.
func (p *plan) pick(name, flag string, given bool, other settings.Value) string {
	switch {
	case given:
		p.origins[name] = report.Option{Value: flag, Origin: "flag"}
		return flag
	case other.IsSet():
		p.origins[name] = report.Option{Value: other.Text, Origin: other.Origin}
		return other.Text
	}
	p.origins[name] = report.Option{Value: flag, Origin: "default"}
	return flag
}

func (f *runFlags) repositories(p *plan) ([2]string, error) {
	var repos [2]string
	if (f.changed("repo") || f.changed("repo2")) && !p.content.Given() {
		if f.repo == "" || f.repo2 == "" {
			return repos, errors.New("--repo and --repo2 go together: two repositories are needed")
		}
	}
	repos[0] = p.pick("repo", f.repo, f.changed("repo"), p.settings.Repo1)
	repos[1] = p.pick("repo2", f.repo2, f.changed("repo2"), p.settings.Repo2)
	switch {
	case repos[0] == "" && p.content.Given():
		return repos, errors.New("the content is that of a repository: --repo must name it")
	case repos[0] == "" && repos[1] == "":
		return repos, nil
	case repos[0] == repos[1]:
		return repos, fmt.Errorf("both repositories are %s: two are needed", repos[0])
	case repos[0] == "":
		return repos, fmt.Errorf("%s names a second repository, and nothing the first", p.settings.Repo2.Origin)
	case repos[1] == "":
		repos[1] = repos[0] + "-2"
		p.origins["repo2"] = report.Option{Value: repos[1], Origin: "default"}
	}
	return repos, nil
}

// given returns the content that is there already: what the flag names, or where
// the environment or the file forbid pushes, what they name.
func (f *runFlags) given(p *plan) (conformance.Content, error) {
	tags, manifests := p.settings.Tags, p.settings.Manifests
	all := append(strings.Fields(tags.Text), strings.Fields(manifests.Text)...)
	readOnly := p.settings.ReadOnly
	switch {
	case f.changed("content"):
		all = f.content
		p.pick("content", strings.Join(all, " "), true, settings.Value{})
	case !readOnly.IsSet():
		return conformance.Content{}, nil
	case len(all) == 0:
		return conformance.Content{}, fmt.Errorf("%s is false, and nothing names content that is there: want OCI_RO_DATA_TAGS or --content", readOnly.Origin)
	default:
		p.origins["content"] = report.Option{Value: strings.Join(all, " "), Origin: cmp.Or(tags.Origin, manifests.Origin)}
	}
	var c conformance.Content
	for _, ref := range all {
		if d, err := digest.Parse(ref); err == nil {
			c.Digests = append(c.Digests, d)
		} else if tagName.MatchString(ref) {
			c.Tags = append(c.Tags, ref)
		} else {
			return c, fmt.Errorf("the content %.200q: neither a tag nor a digest", ref)
		}
	}
	return c, nil
}

// tagName is what a tag can be (specification, "Pulling manifests").
var tagName = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

func (f *runFlags) formats() ([]report.Format, error) {
	for _, name := range f.also {
		if !slices.Contains(onRequest(), name) {
			return nil, fmt.Errorf("unknown file %q: want one of %s", name, strings.Join(onRequest(), ", "))
		}
	}
	return slices.DeleteFunc(report.Formats(), func(format report.Format) bool {
		return format.OnRequest && !slices.Contains(f.also, format.File)
	}), nil
}

// selection says which specs run.
func (f *runFlags) selection(p *plan) error {
	var err error
	if p.options.Profile, err = requirement.ParseProfile(p.pick("profile", f.profile, f.changed("profile"), settings.Value{})); err != nil {
		return err
	}
	if p.content.Given() {
		if f.changed("profile") && p.options.Profile != requirement.ProfilePull {
			return fmt.Errorf("the profile %s needs pushes: content that is there already goes with --profile pull", p.options.Profile)
		}
		p.options.Profile = requirement.ProfilePull
		p.origins["profile"] = report.Option{Value: string(requirement.ProfilePull), Origin: cmp.Or(p.origins["content"].Origin, "flag")}
	}
	if f.changed("select") {
		p.options.Select = []string{p.pick("select", f.patterns, true, settings.Value{})}
	}
	if f.changed("failed") {
		if p.options.Only, err = failedSpecs(f.failed); err != nil {
			return err
		}
		p.pick("failed", f.failed, true, settings.Value{})
	}
	if len(p.settings.Excluded) > 0 {
		p.exclude()
	}
	_, err = conformance.Selected(conformance.Registry{}, p.options)
	if errors.Is(err, conformance.ErrNothingSelected) && f.changed("select") {
		return fmt.Errorf("%w%s (conform list lists all)", err, nearest.Hint(f.patterns, requirementIDs()))
	}
	return err
}

// exclude leaves out the specs of the features that the environment switches
// off.
func (p *plan) exclude() {
	only := map[[2]string]bool{}
	for _, s := range conformance.Specs(conformance.Registry{}) {
		key := [2]string{s.Requirement.ID, s.Text}
		if _, excluded := p.settings.Excluded[s.Requirement.Feature]; !excluded && (p.options.Only == nil || p.options.Only[key]) {
			only[key] = true
		}
	}
	p.options.Only = only
	for feature, v := range p.settings.Excluded {
		p.origins["without "+string(feature)] = report.Option{Value: "true", Origin: v.Origin}
	}
}

// failedSpecs returns the specs that did not end well in a report.
func failedSpecs(path string) (map[[2]string]bool, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--failed: %w", err)
	}
	defer in.Close()
	rep, err := report.Read(in)
	if err != nil {
		return nil, fmt.Errorf("--failed: %s: %w", path, err)
	}
	only := map[[2]string]bool{}
	for _, r := range rep.Results {
		if r.Outcome == report.Failed || r.Outcome == report.Error || r.Outcome == report.Blocked {
			only[[2]string{r.ID, r.Spec}] = true
		}
	}
	if len(only) == 0 {
		return nil, fmt.Errorf("--failed: nothing failed in %s", path)
	}
	return only, nil
}

// policy says what counts.
func (f *runFlags) policy(p *plan) error {
	var err error
	if p.options.Policy.Level, err = requirement.ParseLevel(p.pick("level", f.level, f.changed("level"), settings.Value{})); err != nil {
		return err
	}
	p.options.Policy.Today = time.Now()
	if f.changed("require") {
		if p.options.Policy.Require, err = requirement.ParseFeatures(p.pick("require", f.require, true, settings.Value{})); err != nil {
			return err
		}
	}
	if f.changed("baseline") {
		p.options.Policy.Baseline, err = readBaseline(p.pick("baseline", f.baseline, true, settings.Value{}))
	}
	return err
}

// readBaseline reads the known failures in a file.
func readBaseline(path string) (report.Baseline, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	baseline, err := report.ParseBaseline(path, data, report.Vocabulary{
		Requirement: func(id string) bool {
			_, ok := requirement.Lookup(id)
			return ok || slices.Contains(ruleIDs(), id)
		},
		Feature: func(name string) bool {
			return slices.Contains(requirement.Features(), requirement.Feature(name)) || slices.Contains(ruleGroups(), name)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	return baseline, nil
}

// head returns what is known of the report before the run.
func (p *plan) head(t conformance.Registry) *report.Report {
	head := &report.Report{Tool: p.options.Tool, SpecVersion: conformance.SpecVersion, Profile: string(p.options.Profile)}
	head.Target = report.Target{Kind: "registry", Name: t.URL.Redacted(), Repositories: []string{conformance.DefaultPrefix}}
	if p.repos[0] != "" {
		head.Target.Repositories = p.repos[:]
	}
	return head
}

// reportFile is the file that people open.
func (p *plan) reportFile() string { return filepath.Join(p.out, "report.html") }

// printOrigins prints each setting with where it came from.
func (p *plan) printOrigins(w io.Writer) {
	names := make([]string, 0, len(p.origins))
	for name := range p.origins {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := p.origins[name].Value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(w, "%-12s %s (%s)\n", name, value, p.origins[name].Origin)
	}
}
