package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/registryconform/conform/cmd/conform/internal/settings"
	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
)

func newRun(s streams) *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use:   "run [flags] [URL] [-- ARGUMENTS...]",
		Short: "Test a registry and report what it breaks, with the evidence",
		Long: `Test a registry and report what it breaks, with the evidence.

The target is the URL, or what --embedded, --image or --dockerfile start, or else
what OCI_REGISTRY, oci-conformance.yaml, OCI_ROOT_URL or REGISTRY name, the first
of them. Without a scheme a loopback address is http, any other https. Arguments
behind -- are those of the container.

It ends with status 0 if the registry conforms, 1 after a finding that counts,
2 after a mistake in the call, 3 if there is no registry to test, 4 if the suite
itself broke, 130 if it was interrupted.`,
		Example: `  conform run https://registry.example.com --repo team/a --repo2 team/b
  conform run --image vendor/registry:1.2 --profile all
  conform run --embedded --select 'pull.*' --fault put-digest-mismatch-201`,
		RunE: func(c *cobra.Command, args []string) error {
			f.changed = c.Flags().Changed
			if n := c.ArgsLenAtDash(); n >= 0 {
				args, f.container.Args = args[:n], args[n:]
			}
			if len(args) > 1 {
				return fmt.Errorf("one target at a time: %d are given", len(args))
			}
			f.args = args
			return f.run(c.Context(), s)
		},
	}
	f.register(c.Flags())
	return c
}

// run does all that the verb does.
func (f *runFlags) run(ctx context.Context, s streams) error {
	started := time.Now()
	boundMemory()
	env, err := settings.Read(os.LookupEnv)
	if err != nil {
		return err
	}
	p, err := f.plan(env)
	if err != nil {
		return err
	}
	for _, w := range env.Warnings {
		fmt.Fprintln(s.err, "conform: "+w)
	}
	target, stop, err := f.target(ctx, s, p)
	if err != nil {
		return ended(ctx, err)
	}
	defer stop()
	if f.dryRun {
		return f.describe(ctx, s, p, target)
	}
	console := report.NewConsole(s.out, consoleOptions(s))
	o := p.options
	head := p.head(target)
	o.Begin = func(specs int) { console.Start(head, specs) }
	o.Emit = console.Result
	rep, err := conformance.Run(ctx, target, o)
	if rep == nil {
		return ended(ctx, err)
	}
	rep.Options = p.origins
	if _, writeErr := report.WriteFiles(p.out, rep, p.formats...); writeErr != nil {
		return &statusError{report.ExitBroken, writeErr}
	}
	if err := console.Finish(rep); err != nil {
		return &statusError{report.ExitBroken, fmt.Errorf("standard output: %w", err)}
	}
	fmt.Fprintf(s.out, "report in %s · %.1f s · %s\n", p.reportFile(), time.Since(started).Seconds(), peakMemory())
	if rep.Verdict.Exit == report.ExitConformant {
		return nil
	}
	var gone *conformance.TargetError
	if errors.As(err, &gone) {
		return &statusError{report.ExitUnreachable, err}
	}
	return &statusError{rep.Verdict.Exit, nil}
}

// ended gives an error that came before the first spec its status.
func ended(ctx context.Context, err error) error {
	var target *conformance.TargetError
	var withStatus *statusError
	switch {
	case ctx.Err() != nil:
		return &statusError{report.ExitInterrupted, errors.New("interrupted before the first check")}
	case errors.As(err, &withStatus):
		return err
	case errors.As(err, &target):
		return &statusError{report.ExitUnreachable, err}
	}
	return err
}

// describe tells what a run would do, and whether the target is there.
func (f *runFlags) describe(ctx context.Context, s streams, p *plan, target conformance.Registry) error {
	specs, err := conformance.Selected(target, p.options)
	if err != nil {
		return err
	}
	found, err := conformance.Probe(ctx, target)
	fmt.Fprintf(s.out, "%-12s %s\n", "target", found.Name)
	if found.Server != "" {
		fmt.Fprintf(s.out, "%-12s %s\n", "server", found.Server)
	}
	for _, repository := range found.Repositories {
		fmt.Fprintf(s.out, "%-12s %s\n", "repository", repository)
	}
	fmt.Fprintf(s.out, "%-12s %d\n", "checks", len(specs))
	p.printOrigins(s.out)
	if err != nil {
		return ended(ctx, err)
	}
	return nil
}
