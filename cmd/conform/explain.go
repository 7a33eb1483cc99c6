package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/registryconform/conform/cmd/conform/internal/nearest"
	"github.com/registryconform/conform/conformance/requirement"
)

func newExplain(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain ID",
		Short: "Explain a requirement: what it says, where that stands, how it is judged",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("explain takes one id, not %d (conform list lists all)", len(args))
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return requirementIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return explain(s.out, args[0]) },
	}
}

func explain(w io.Writer, id string) error {
	r, ok := requirement.Lookup(id)
	if !ok {
		return unknownRequirement(id)
	}
	fmt.Fprintf(w, "%s\n\n  %s\n\n", r.ID, r.Statement)
	optional := ""
	if r.Feature.Optional() {
		optional = "; a registry may leave it out as a whole"
	}
	rows := [][2]string{
		{"level", string(r.Level) + basis(r)},
		{"feature", fmt.Sprintf("%s: %s%s", r.Feature, r.Feature.About(), optional)},
		{"profile", "the smallest is " + string(r.Profile)},
		{"since", string(r.Since)},
		{"text", r.Link()},
	}
	for _, row := range rows {
		fmt.Fprintf(w, "  %-8s  %s\n", row[0], row[1])
	}
	specs := specsByRequirement()[r.ID]
	if len(specs) == 0 {
		_, err := fmt.Fprintf(w, "\n  No spec judges it yet.\n")
		return err
	}
	fmt.Fprintf(w, "\n  judged by\n")
	for _, text := range specs {
		fmt.Fprintf(w, "    - %s\n", text)
	}
	_, err := fmt.Fprintf(w, "\n  try       conform run --profile %s --select %s URL\n", r.Profile, r.ID)
	return err
}

// basis says why a failure may not count.
func basis(r requirement.Requirement) string {
	switch {
	case r.Provisional:
		return ", of a revision that is not released: told, and never counted"
	case r.Basis == requirement.Implied:
		return ", stated without a key word: it warns and never fails"
	case r.Basis == requirement.Table:
		return ", from a table of the text"
	}
	return ""
}

// unknownRequirement tells a retired id from one that never was.
func unknownRequirement(id string) error {
	retired := requirement.Retired()
	if i := slices.IndexFunc(retired, func(t requirement.Tombstone) bool { return t.ID == id }); i >= 0 {
		t := retired[i]
		if len(t.ReplacedBy) > 0 {
			return fmt.Errorf("%s is retired: %s See %s", id, t.Reason, strings.Join(t.ReplacedBy, ", "))
		}
		return fmt.Errorf("%s is retired: %s", id, t.Reason)
	}
	return fmt.Errorf("unknown requirement %q%s (conform list lists all)", id, nearest.Hint(id, requirementIDs()))
}
