package drivertest

// Generator hands the suite's content to stores that keep vast objects as a few numbers.
type Generator struct{}

// Identify says which stream begins with b.
func (Generator) Identify(b []byte) (object, version uint64, ok bool) {
	from, off, ok := identify(b)
	return from.object, from.version, ok && off == 0
}

// Fill writes the bytes of a stream at an offset.
func (Generator) Fill(object, version uint64, p []byte, off int64) {
	content{object: object, version: version}.fill(p, off)
}
