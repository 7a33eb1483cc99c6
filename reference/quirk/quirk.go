// Package quirk is a set of named deviations of a registry, each a small
// decorator of an [http.Handler]: what real registries get wrong, one promise
// at a time. It serves to test clients of registries, and judges of them.
//
// [All] are faults; [Variations] are behaviour that the OCI specification lets
// a registry choose, whatever it recommends or the older API of Docker had, and
// that clients tend not to expect.
//
// A decorator works in front of any handler of the registry API and knows
// nothing of what is behind it. It holds the answers that it changes in memory
// whole, and some remember what passed; none is meant for production.
package quirk

import (
	"net/http"
	"slices"
)

// A Quirk is one deviation.
type Quirk struct {
	// Name is its permanent name, in lower case with hyphens.
	Name string
	// Doc says in one sentence what the registry does.
	Doc string
	// Wrap puts the deviation before a registry. What it remembers belongs
	// to the handler that it returns, which is safe for concurrent use.
	Wrap func(http.Handler) http.Handler
}

// All returns every fault, by chapters of the specification.
func All() []Quirk {
	return slices.Concat(api(), pull(), heads(), push(), chunks(), sessions(), mounts(),
		manifests(), subjects(), tags(), referrers(), management(), errorBodies(), docker(), schema1())
}

// Variations returns every legal variation.
func Variations() []Quirk { return variations() }

// Find returns the fault or variation called name, and whether there is one.
func Find(name string) (Quirk, bool) {
	for _, q := range slices.Concat(All(), Variations()) {
		if q.Name == name {
			return q, true
		}
	}
	return Quirk{}, false
}
