package conformance

import "flag"

// allowRepeatedRuns lets Ginkgo run under "go test -count=N", which it refuses
// by looking at the flag. It returns what puts the flag back.
func allowRepeatedRuns() func() {
	f := flag.Lookup("test.count")
	if f == nil {
		return func() {}
	}
	value := f.Value.String()
	f.Value.Set("1")
	return func() { f.Value.Set(value) }
}
