package drivertest

import (
	"errors"
	"slices"
	"strings"
)

// hinted demands that a walk with a hint visits all that sorts after it, and nothing twice or
// from elsewhere.
func (x *trial) hinted(start, hint string, all []string) {
	if !x.ok() {
		return
	}
	got := paths(x.walked(start, hint))
	compare := comparePaths
	if x.sem.ByteOrder {
		compare = strings.Compare
	}
	for _, p := range all {
		if x.ok() && compare(p, hint) > 0 && !slices.Contains(got, p) {
			x.failf("Walk of %q with hint %q does not visit %q, which comes after the hint", start, hint, p)
		}
	}
	for i, p := range got {
		if x.ok() && (!slices.Contains(all, p) || slices.Contains(got[:i], p)) {
			x.failf("Walk of %q with hint %q visits %q, which is not there or was visited before", start, hint, p)
		}
	}
}

func walkHint(x *trial) {
	all := x.tree(adversarial)
	for _, hint := range all {
		x.hinted(x.root, hint, all)
	}
}

func walkHints(x *trial) {
	all := x.tree(adversarial)
	parent := x.root[:strings.LastIndexByte(x.root, '/')]
	for _, hint := range []string{
		"", x.root, parent, "/", x.p("a"), x.p("a/b"), x.p("a/bb"), x.p("a/none/below"), x.p("0"), x.p("zz"), x.p("z"), x.p("z/below"),
		x.p("c/c-c"), x.p("c/c-"), x.root + "-beside", x.root[:len(x.root)-1], "/zzzz", "/0",
	} {
		x.hinted(x.root, hint, all)
	}
}

func walkPaged(x *trial) {
	if !x.needs(x.cfg.FilledBuffer != nil, "Config.FilledBuffer") {
		return
	}
	want := x.tree(adversarial)
	for _, size := range []int{1, 2, 7, 100} {
		got := x.pages(size, len(want)+2)
		if s := difference(got, want); x.ok() && s != "" {
			x.failf("paging by %d: %s", size, s)
		}
	}
}

// pages collects the tree a page at a time, filtering as the hint asks callers to.
func (x *trial) pages(size, limit int) []string {
	var all []string
	compare := comparePaths
	if x.sem.ByteOrder {
		compare = strings.Compare
	}
	last := x.root
	for range limit {
		n := 0
		err := x.d.walk(x.ctx, x.root, func(e entry) error {
			if compare(e.path, last) <= 0 {
				return nil
			}
			all, last = append(all, e.path), e.path
			if n++; n == size {
				return x.cfg.FilledBuffer
			}
			return nil
		}, last)
		if errors.Is(err, errNoHint) {
			x.inconclusive("%v", errNoHint)
		}
		if !x.noErr(err, "Walk with a hint") || n == 0 {
			break
		}
	}
	return all
}
