package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/requirement"
)

func newList(s streams) *cobra.Command {
	var profile, patterns string
	var asJSON, features bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the requirements that a run judges by",
		Long: `List the requirements that a run judges by, in the order of the chapters: id, level
and statement. A requirement without a spec, which no run can judge yet, is marked "-".`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if features {
				return listFeatures(s.out)
			}
			rows, err := selected(profile, patterns)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(s.out, rows)
			}
			return printRequirements(s.out, rows)
		},
	}
	c.Flags().StringVar(&profile, "profile", string(requirement.ProfileFull), "those of `PROFILE`: "+profileNames())
	c.Flags().StringVar(&patterns, "select", "", "those whose ids match `PATTERNS`, globs with commas")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&features, "features", false, "list the features that --require takes instead")
	return c
}

func profileNames() string {
	var names []string
	for _, p := range requirement.Profiles() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

// selected returns the requirements of a profile that match the patterns, if
// there are any.
func selected(profile, patterns string) ([]requirement.Requirement, error) {
	p, err := requirement.ParseProfile(profile)
	if err != nil {
		return nil, err
	}
	var rows []requirement.Requirement
	for _, r := range requirement.All() {
		matches := true
		if patterns != "" {
			if matches, err = requirement.Match([]string{patterns}, r.ID); err != nil {
				return nil, err
			}
		}
		if matches && p.Includes(r) {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("no requirement of profile %s matches %q", p, patterns)
	}
	return rows, nil
}

func printRequirements(w io.Writer, rows []requirement.Requirement) error {
	judged := specsByRequirement()
	width := 0
	for _, r := range rows {
		width = max(width, len(r.ID))
	}
	for _, r := range rows {
		mark := " "
		if len(judged[r.ID]) == 0 {
			mark = "-"
		}
		if _, err := fmt.Fprintf(w, "%s %-*s  %-6s  %s\n", mark, width, r.ID, r.Level, r.Statement); err != nil {
			return err
		}
	}
	return nil
}

// specsByRequirement returns the texts of the specs of each requirement.
func specsByRequirement() map[string][]string {
	all := map[string][]string{}
	for _, s := range conformance.Specs(conformance.Registry{}) {
		all[s.Requirement.ID] = append(all[s.Requirement.ID], s.Text)
	}
	return all
}

func listFeatures(w io.Writer) error {
	for _, f := range requirement.Features() {
		optional := "        "
		if f.Optional() {
			optional = "optional"
		}
		if _, err := fmt.Fprintf(w, "%-20s %s  %s\n", f, optional, f.About()); err != nil {
			return err
		}
	}
	for _, g := range requirement.FeatureGroups() {
		names := make([]string, 0, len(g.Features))
		for _, f := range g.Features {
			names = append(names, string(f))
		}
		if _, err := fmt.Fprintf(w, "%-20s group     %s\n", g.Name, strings.Join(names, ", ")); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// requirementIDs returns every id, sorted.
func requirementIDs() []string {
	var ids []string
	for _, r := range requirement.All() {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}
