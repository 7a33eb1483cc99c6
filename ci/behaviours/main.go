package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	c, err := check(os.DirFS("."))
	if err != nil {
		fmt.Fprintln(os.Stderr, "behaviours:", err)
		os.Exit(2)
	}
	c.print(os.Stdout)
	if len(c.faults) > 0 {
		os.Exit(1)
	}
}

// print writes what shows each id, what nothing shows, the totals, and what is
// wrong with the lists.
func (c *coverage) print(w io.Writer) {
	for _, l := range lists() {
		for _, id := range l.ids() {
			r := c.rows[id]
			fmt.Fprintf(w, "%s %s  %s\n         %s\n", id, r.kind, r.statement, strings.Join(r.shown, "\n         "))
		}
	}
	fmt.Fprintf(w, "\nnot shown yet: %d\n", len(c.missing))
	for _, id := range c.missing {
		fmt.Fprintf(w, "%s %s  %s\n", id, c.rows[id].kind, c.rows[id].statement)
	}
	c.printTotals(w)
	for _, fault := range c.faults {
		fmt.Fprintln(w, "WRONG:", fault)
	}
}

func (c *coverage) printTotals(w io.Writer) {
	fmt.Fprintf(w, "\n%-20s %5s %6s %6s %10s\n", "part", "all", "shown", "later", "not shown")
	for _, l := range lists() {
		for _, p := range l.parts {
			shown, later, missing := 0, 0, 0
			for _, id := range p.ids() {
				switch {
				case slices.Contains(c.missing, id):
					missing++
				case c.isLater(id):
					later++
				default:
					shown++
				}
			}
			fmt.Fprintf(w, "%-20s %5d %6d %6d %10d\n", p.name, len(p.ids()), shown, later, missing)
		}
	}
	fmt.Fprintln(w, "\nlater:")
	for _, name := range slices.Sorted(maps.Keys(areas())) {
		fmt.Fprintf(w, "%-10s %s\n", name, areas()[name].reason)
	}
}

// isLater reports whether what shows the id is not built yet.
func (c *coverage) isLater(id string) bool {
	return slices.ContainsFunc(c.rows[id].shown, func(s string) bool { return strings.HasPrefix(s, "later:") })
}
