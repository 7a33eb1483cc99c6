package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/registryconform/conform/conformance/report"
)

func newBaseline(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "baseline",
		Short: "Keep the list of known failures",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return unknownCommand(c, args[0])
		},
	}
	c.AddCommand(newBaselineUpdate(s))
	return c
}

func newBaselineUpdate(s streams) *cobra.Command {
	var results string
	c := &cobra.Command{
		Use:   "update FILE",
		Short: "Bring a baseline up to date with what a run found",
		Long: `Bring a baseline up to date with what a run found: new failures are added with
what they were, entries that pass now are removed, the reasons of the others stay.
The file is made if it is not there.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("baseline update takes one file, not %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return updateBaseline(s, args[0], results) },
	}
	c.Flags().StringVar(&results, "results", filepath.Join("conform-results", "results.json"), "what the run found, `FILE`")
	return c
}

func updateBaseline(s streams, path, results string) error {
	in, err := os.Open(results)
	if err != nil {
		return fmt.Errorf("--results: %w", err)
	}
	defer in.Close()
	rep, err := report.Read(in)
	if err != nil {
		return fmt.Errorf("--results: %s: %w", results, err)
	}
	before, err := readBaseline(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	after := before.Update(rep)
	format := report.Format{File: filepath.Base(path), Write: func(w io.Writer, _ *report.Report) error { return after.Write(w) }}
	if _, err := report.WriteFiles(filepath.Dir(path), rep, format); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s: %d entries, %d before\n", path, len(after), len(before))
	return err
}
