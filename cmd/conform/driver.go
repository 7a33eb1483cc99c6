package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/registryconform/conform/cmd/conform/internal/container"
	"github.com/registryconform/conform/cmd/conform/internal/nearest"
	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/drivertest"
)

// driverFlags are the flags and arguments of the verb driver.
type driverFlags struct {
	changed func(flag string) bool

	name      string
	params    []string
	container container.Options
	budget    string
	level     string
	patterns  string
	baseline  string
	failed    string
	seed      string
	out       string
	list      bool
	component int
	worker    string
}

func newDriver(s streams) *cobra.Command {
	f := &driverFlags{}
	c := &cobra.Command{
		Use:   "driver [flags] NAME [-- ARGUMENTS...]",
		Short: "Test a storage driver over a store and report what it breaks",
		Long: `Test a storage driver over a store and report what it breaks, with the evidence.

NAME is ` + strings.Join(driverNames(), ", ") + `. What is written lies below /drivertest in the store,
and is removed again. With --image or --dockerfile the store of the drivers azure and
s3 is a server in a container; arguments behind -- are those of the container.

It ends with status 0 if the driver keeps the rules, 1 after a finding that counts,
2 after a mistake in the call, 3 if the store does not answer, 4 if the suite itself
broke, 130 if it was interrupted.`,
		Example: `  conform driver filesystem --param rootdirectory=/srv/test
  conform driver s3 --param bucket=test --param region=eu-west-1 --budget standard
  conform driver azure --param accountname=test --param accountkey=KEY --param container=test
  conform driver s3 --dockerfile ./server --port 7070 --param accesskey=a --param secretkey=b --param bucket=c`,
		RunE: func(c *cobra.Command, args []string) error {
			f.changed = c.Flags().Changed
			if n := c.ArgsLenAtDash(); n >= 0 {
				args, f.container.Args = args[:n], args[n:]
			}
			if f.list {
				return f.listRules(s)
			}
			if len(args) != 1 {
				return fmt.Errorf("one driver at a time: %d are given; want one of %s", len(args), strings.Join(driverNames(), ", "))
			}
			f.name = args[0]
			return f.run(c.Context(), s)
		},
	}
	f.register(c.Flags())
	return c
}

func (f *driverFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringArrayVar(&f.params, "param", nil, "set a parameter of the driver, `NAME=VALUE` (repeatable)")
	flags.StringVar(&f.budget, "budget", "quick", "spend the time of `BUDGET`: quick, standard or long")
	flags.StringVar(&f.level, "level", "must", "count failures of `LEVEL`: must, or should as well")
	flags.StringVar(&f.patterns, "select", "", "only rules whose ids match `PATTERNS`, globs with commas (--list-rules)")
	flags.StringVar(&f.baseline, "baseline", "", "don't count the known failures that `FILE` lists")
	flags.StringVar(&f.failed, "failed", "", "only the rules that failed in the results.json `FILE`")
	flags.StringVar(&f.seed, "seed", "", "do what `SEED` gives, as a report names it, rather than new things")
	flags.StringVar(&f.out, "out", "conform-results", "write the reports to `DIR`")
	flags.IntVar(&f.component, "max-component", 255, "the longest component of a path that the store takes is of `N` bytes")
	flags.BoolVar(&f.list, "list-rules", false, "list the rules, and end")
	flags.StringVar(&f.container.Image, "image", "", "store in a container of the image `REF`")
	flags.StringVar(&f.container.Dockerfile, "dockerfile", "", "store in a container of the image that the Dockerfile in `DIR` builds")
	flags.StringArrayVar(&f.container.Env, "env", nil, "set the variable `NAME=VALUE` in the container (repeatable)")
	flags.IntVar(&f.container.Port, "port", container.DefaultPort, "the server's `PORT` in the container")
	flags.StringArrayVar(&f.container.Files, "file", nil, "copy `HOST:CONTAINER` into the container (repeatable)")
	flags.DurationVar(&f.container.Wait, "wait", container.DefaultWait, "wait so long for the container to answer")
	// Rules about crashes kill a process of this command that uses the driver.
	flags.StringVar(&f.worker, "worker", "", "")
	flags.MarkHidden("worker")
}

// check refuses what does not fit together.
func (f *driverFlags) check() error {
	inContainer := f.changed("image") || f.changed("dockerfile")
	if f.out == "" {
		return errors.New("--out is empty")
	}
	if f.component < 128 {
		return fmt.Errorf("--max-component %d: a registry's paths need 128", f.component)
	}
	if !slices.Contains(driverNames(), f.name) {
		return fmt.Errorf("unknown driver %q%s: want one of %s", f.name, nearest.Hint(f.name, driverNames()), strings.Join(driverNames(), ", "))
	}
	if !inContainer {
		for _, name := range []string{"env", "port", "file", "wait"} {
			if f.changed(name) {
				return fmt.Errorf("--%s needs --image or --dockerfile", name)
			}
		}
		if len(f.container.Args) > 0 {
			return errors.New("arguments behind -- need --image or --dockerfile")
		}
		return nil
	}
	if servers()[f.name] == "" {
		return fmt.Errorf("--image and --dockerfile: the store of the driver %s is no server", f.name)
	}
	return f.container.Check()
}

// parameters reads the settings of --param.
func (f *driverFlags) parameters() (map[string]any, error) {
	all := map[string]any{}
	for _, p := range f.params {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, errors.New("--param: not of the form NAME=VALUE")
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("--param %s is given twice", name)
		}
		all[name] = value
	}
	return all, nil
}

// budgets are the values of --budget.
func budgets() map[string]drivertest.Budget {
	return map[string]drivertest.Budget{"quick": drivertest.Quick, "standard": drivertest.Standard, "long": drivertest.Long}
}

// options resolves what to judge, and what counts.
func (f *driverFlags) options() (conformance.Options, error) {
	o := conformance.Options{Seed: f.seed, Tool: report.Tool{Name: "conform", Version: version()}}
	var err error
	if o.Policy.Level, err = requirement.ParseLevel(f.level); err != nil {
		return o, err
	}
	o.Policy.Today = time.Now()
	if f.changed("baseline") {
		if o.Policy.Baseline, err = readBaseline(f.baseline); err != nil {
			return o, err
		}
	}
	if f.changed("failed") {
		if o.Only, err = failedSpecs(f.failed); err != nil {
			return o, err
		}
	}
	if f.changed("select") {
		o.Select = []string{strings.ToLower(f.patterns)}
	}
	_, err = conformance.Selected(conformance.Driver{}, o)
	if errors.Is(err, conformance.ErrNothingSelected) && f.changed("select") {
		return o, fmt.Errorf("no rule is selected by %q%s (conform driver --list-rules lists all)", f.patterns, nearest.Hint(strings.ToUpper(f.patterns), ruleIDs()))
	}
	return o, err
}

// run does all that the verb does.
func (f *driverFlags) run(ctx context.Context, s streams) error {
	started := time.Now()
	if err := f.check(); err != nil {
		return err
	}
	budget, ok := budgets()[f.budget]
	if !ok {
		return fmt.Errorf("unknown budget %q: want quick, standard or long", f.budget)
	}
	o, err := f.options()
	if err != nil {
		return err
	}
	params, err := f.parameters()
	if err != nil {
		return err
	}
	store, err := f.store(params, budget)
	if err != nil {
		return err
	}
	if f.worker != "" {
		return store.work(ctx, f.worker)
	}
	stop, err := f.start(ctx, s, store)
	if err != nil {
		return ended(ctx, err)
	}
	defer stop()
	console := report.NewConsole(s.out, consoleOptions(s))
	o.Begin = func(rules int) {
		console.Start(&report.Report{Tool: o.Tool, Target: report.Target{Kind: "driver", Name: store.title()}}, rules)
	}
	o.Emit = console.Result
	rep, err := conformance.Run(ctx, store.target(), o)
	if rep == nil {
		return ended(ctx, err)
	}
	rep.Options = f.origins(store)
	return f.finish(s, console, rep, started)
}

// finish writes the reports and returns what the run ends with.
func (f *driverFlags) finish(s streams, console *report.Console, rep *report.Report, started time.Time) error {
	if _, err := report.WriteFiles(f.out, rep, driverFormats()...); err != nil {
		return &statusError{report.ExitBroken, err}
	}
	if err := console.Finish(rep); err != nil {
		return &statusError{report.ExitBroken, fmt.Errorf("standard output: %w", err)}
	}
	if findings := rep.Findings(); len(findings) > 0 {
		fmt.Fprintf(s.out, "to repeat a finding: --select %s --seed %s\n", findings[0].ID, rep.Seed)
	}
	fmt.Fprintf(s.out, "report in %s · %.1f s · %s\n", filepath.Join(f.out, "report.html"), time.Since(started).Seconds(), peakMemory())
	if rep.Verdict.Exit == report.ExitConformant {
		return nil
	}
	return &statusError{rep.Verdict.Exit, nil}
}

// driverFormats are the files that a report of a driver is written as: those
// that tell of requests are left out.
func driverFormats() []report.Format {
	return slices.DeleteFunc(report.Formats(), func(format report.Format) bool {
		return format.OnRequest || format.File == "repro.sh"
	})
}

// origins returns the settings of the run. Values of parameters that are
// secrets are left out.
func (f *driverFlags) origins(store *store) map[string]report.Option {
	all := map[string]report.Option{}
	for name, value := range map[string]string{"budget": f.budget, "level": f.level, "select": f.patterns, "baseline": f.baseline} {
		origin := "default"
		if f.changed(name) {
			origin = "flag"
		}
		if value != "" {
			all[name] = report.Option{Value: value, Origin: origin}
		}
	}
	for name, value := range store.shown() {
		all["param "+name] = report.Option{Value: value, Origin: "flag"}
	}
	return all
}

// ruleIDs returns the ids of all rules that are judged.
func ruleIDs() []string {
	var ids []string
	for _, s := range conformance.Specs(conformance.Driver{}) {
		ids = append(ids, s.Requirement.ID)
	}
	return ids
}

// ruleGroups returns the groups of the rules, which are the features of drivers.
func ruleGroups() []string {
	var groups []string
	for _, s := range conformance.Specs(conformance.Driver{}) {
		groups = append(groups, string(s.Requirement.Feature))
	}
	return slices.Compact(groups)
}

func (f *driverFlags) listRules(s streams) error {
	for _, spec := range conformance.Specs(conformance.Driver{}) {
		if _, err := fmt.Fprintf(s.out, "%-8s %-6s %s\n", spec.Requirement.ID, spec.Requirement.Level, spec.Requirement.Statement); err != nil {
			return &statusError{report.ExitBroken, fmt.Errorf("standard output: %w", err)}
		}
	}
	return nil
}

// start starts the container, if one is asked for, and points the store at it.
func (f *driverFlags) start(ctx context.Context, s streams, store *store) (stop func(), err error) {
	if !f.container.Set() {
		return func() {}, nil
	}
	base, stop, err := container.Start(ctx, f.container, s.err)
	if err != nil {
		return nil, &statusError{report.ExitUnreachable, err}
	}
	if err := store.serve(ctx, base); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// workerArgs are the arguments of the process that does a job of a crash rule.
func (f *driverFlags) workerArgs(job string) []string {
	args := []string{"driver", f.name, "--worker", job}
	for _, p := range f.params {
		args = append(args, "--param", p)
	}
	return args
}

// executable is what the workers run.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}
