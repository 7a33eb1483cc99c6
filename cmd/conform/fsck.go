package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/reference/fsck"
)

func newFsck(s streams) *cobra.Command {
	var asJSON bool
	var age time.Duration
	c := &cobra.Command{
		Use:   "fsck DIR|CONFIG",
		Short: "Check the store of a registry: every byte, link, tag and reference",
		Long: `Check the store of a registry: every byte, link, tag and reference.

DIR is the directory of a store at rest, as conform serve --storage DIR and the
distribution registry write it: the one that holds docker/registry/v2. CONFIG is the
configuration of a registry, whose storage it is, as conform serve CONFIG reads it.

Exit status: 0 the store is sound (leftovers harm nothing), 1 something is
wrong with it, 2 it could not be checked.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if age <= 0 {
				return fmt.Errorf("upload age %s: must be above 0", age)
			}
			return checkStore(c.Context(), s, args[0], asJSON, fsck.Options{UploadAge: age})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object in each line: the findings, then the summary")
	c.Flags().DurationVar(&age, "upload-age", 7*24*time.Hour, "how old an upload may be before it is left over")
	return c
}

// unwrapPath returns the reason of err without the path, which is said already.
func unwrapPath(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func checkStore(ctx context.Context, s streams, dir string, asJSON bool, o fsck.Options) error {
	d, err := openStore(ctx, dir, s)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(s.out)
	sum, err := fsck.Check(ctx, d, o, func(f fsck.Finding) error {
		if asJSON {
			return encoder.Encode(f)
		}
		kind := "violation"
		if f.Leftover {
			kind = "leftover"
		}
		_, err := fmt.Fprintf(s.out, "%s %s %s: %s\n", kind, f.Invariant, f.Path, f.Message)
		return err
	})
	if err != nil {
		return &statusError{report.ExitUsage, fmt.Errorf("store %s: %w", dir, err)}
	}
	if asJSON {
		err = encoder.Encode(map[string]fsck.Summary{"summary": sum})
	} else {
		_, err = fmt.Fprintf(s.out, "%d contents (%d bytes), %d links, %d manifests, %d tags, %d uploads: %d violations, %d leftovers\n",
			sum.Contents, sum.Bytes, sum.Links, sum.Manifests, sum.Tags, sum.Uploads, sum.Violations, sum.Leftovers)
	}
	if err == nil && sum.Violations > 0 {
		return &statusError{status: 1}
	}
	return err
}
