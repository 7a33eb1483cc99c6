package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/registryconform/conform/cmd/conform/internal/nearest"
	"github.com/registryconform/conform/conformance/report"
)

// streams are what the command reads from and writes to.
type streams struct {
	in  *os.File
	out io.Writer
	err io.Writer
}

// A statusError ends the command with a status. Without an error in it nothing
// is printed.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// execute runs the command line and returns the exit status. An error without
// a status is one of usage.
func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	status := report.ExitUsage
	var withStatus *statusError
	if errors.As(err, &withStatus) {
		status = withStatus.status
		if withStatus.err == nil {
			return status
		}
	}
	fmt.Fprintln(s.err, "conform: "+oneLine(err))
	return status
}

// oneLine returns the text of err in a line.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "conform",
		Short:         "Tell whether a container registry keeps its promises, and show the evidence",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return unknownCommand(c, args[0])
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newRun(s), newDriver(s), newServe(s), newList(s), newExplain(s), newBaseline(s), newFsck(s), newGC(s), newVersion(s))
	return root
}

func unknownCommand(c *cobra.Command, name string) error {
	var known []string
	for _, sub := range c.Commands() {
		known = append(known, sub.Name())
	}
	return fmt.Errorf("unknown command %q%s (conform --help lists all)", name, nearest.Hint(name, known))
}

// flagError names the verb whose help lists its flags.
func flagError(c *cobra.Command, err error) error {
	return fmt.Errorf("%w (%s --help lists all flags)", err, c.CommandPath())
}
