package conformance

import (
	"slices"
	"testing"
)

func TestParseLinks(t *testing.T) {
	for _, c := range []struct {
		values    []string
		target    string
		relations []string
		fails     bool
	}{
		{values: []string{`</v2/a/tags/list?n=1&last=a>; rel="next"`}, target: "/v2/a/tags/list?n=1&last=a", relations: []string{"next"}},
		{values: []string{`<https://r/x>;rel=next`}, target: "https://r/x", relations: []string{"next"}},
		{values: []string{`<x>; title="a, <b>; c"; rel="prev Next"`}, target: "x", relations: []string{"prev", "next"}},
		{values: []string{`<x>; rel="prev", <y>; rel="next"`}, target: "x", relations: []string{"prev"}},
		{values: []string{`<x>; rel="prev"`, `<y>; rel="next"`}, target: "x", relations: []string{"prev"}},
		{values: []string{`<x>`}, target: "x"},
		{values: []string{`/v2/x; rel="next"`}, fails: true},
		{values: []string{`<x> rel="next"`}, fails: true},
		{values: []string{`<x; rel="next"`}, fails: true},
	} {
		links, err := parseLinks(c.values)
		switch {
		case (err != nil) != c.fails:
			t.Errorf("%q: error %v", c.values, err)
		case err == nil && (links[0].target != c.target || !slices.Equal(links[0].relations, c.relations)):
			t.Errorf("%q: %+v", c.values, links[0])
		}
	}
}
