package drivertest

import (
	"fmt"
	"io"
	"os"
	"strings"
)

func largeRules() []rule {
	return []rule{
		{"LARG-01", Must, "A stream of 100 MiB comes back whole.", largeStream, alone},
		{"LARG-02", Must, "A stream of 5 GiB and a byte comes back whole.", hugeStream, alone},
		{"LARG-03", Should, "A stream of 10 GiB, or of more than a thousand parts, comes back whole.", hugerStream, alone},
		{"LARG-04", Must, "An object of 5 GiB and a byte moves.", hugeMove, alone},
		{"LARG-05", Must, "Thousands of entries are listed, walked and deleted.", manyEntries, alone},
		{"LARG-06", Should, "Directories two hundred deep, and ten thousand of one object each, work.", manyDirectories, alone},
		{"LARG-07", Should, "A sparse object of 6 GiB is read and moved without being copied.", sparseObject, alone},
		{"LARG-08", Info, "The largest PutContent that is accepted.", largestPut, alone},
	}
}

// stream stores new content by a Writer, however large.
func (x *trial) stream(p string, size int64) content {
	x.patience(20)
	return x.write(p, size)
}

// fits makes the rule inconclusive where such an object can't be stored.
func (x *trial) fits(size int64) bool {
	if limit := x.cfg.Limits.MaxObject; limit > 0 && size > limit {
		x.inconclusive("an object of %d bytes is above Limits.MaxObject", size)
		return false
	}
	if size > 1<<30 && x.inMemory() {
		x.inconclusive("the store keeps objects in the memory of this process")
	}
	return x.ok()
}

func largeStream(x *trial) {
	size := int64(100 << 20)
	if x.cfg.Budget == Quick {
		size = 24<<20 + 5
		x.notef("the quick budget streams 24 MiB; the standard one 100 MiB")
	}
	if !x.fits(size) {
		return
	}
	p := x.p("dir/object")
	c := x.stream(p, size)
	x.isFile(p, size)
	x.reads(p, c, 0)
	x.drop("dir")
}

func hugeStream(x *trial) { huge(x, 5<<30+1) }

func hugerStream(x *trial) { huge(x, 10<<30) }

func huge(x *trial, size int64) {
	if !x.long() || !x.fits(size) {
		return
	}
	p := x.p("object")
	c := x.stream(p, size)
	x.isFile(p, size)
	x.reads(p, c, size-100)
	for range 64 {
		x.readsRange(p, c, x.rng.Int64N(size), 100000)
	}
	x.reads(p, c, 0)
	x.drop("object")
}

func hugeMove(x *trial) {
	const size = 5<<30 + 1
	if !x.long() || !x.fits(size) {
		return
	}
	c := x.stream(x.p("a/from"), size)
	x.patience(120)
	x.move(x.p("a/from"), x.p("b/to"))
	x.isFile(x.p("b/to"), size)
	for range 64 {
		x.readsRange(x.p("b/to"), c, x.rng.Int64N(size), 100000)
	}
	x.reads(x.p("b/to"), c, size-10)
	x.absent(x.p("a/from"))
	x.drop("b")
}

func manyEntries(x *trial) {
	x.patience(20)
	n := x.n(1500, 1500, 20000)
	names := x.fillDir(x.p("dir"), n, numbered)
	x.lists(x.p("dir"), names...)
	want := make([]string, n)
	for i := range want {
		want[i] = x.p("dir/" + names[i])
	}
	x.visits(x.p("dir"), want)
	x.drop("dir")
	x.absent(x.p("dir"))
	x.absent(x.p("dir/" + names[n-1]))
}

func manyDirectories(x *trial) {
	x.patience(20)
	deep := strings.Repeat("/d", 200)
	if len(x.root)+len(deep)+5 <= x.cfg.Limits.MaxPath {
		c := x.put(x.root+deep+"/file", 30)
		x.holds(x.root+deep+"/file", c)
		x.lists(x.root+deep, "file")
		x.drop("d")
	}
	if !x.long() {
		return
	}
	names := x.fillDir(x.p("many"), 10000, func(i int) string { return numbered(i) + "/file" })
	for i := range names {
		names[i] = numbered(i)
	}
	x.lists(x.p("many"), names...)
	x.drop("many")
	x.absent(x.p("many"))
}

func sparseObject(x *trial) {
	if !x.needs(x.cfg.Hooks.Sparse != nil, "Hooks.Sparse") {
		return
	}
	const size = 6 << 30
	if !x.noErr(x.cfg.Hooks.Sparse(x.p("from"), size), "Hooks.Sparse") {
		return
	}
	x.isFile(x.p("from"), size)
	for _, off := range []int64{0, 1 << 31, 1<<32 - 5, size - 8} {
		x.readsZeros(x.p("from"), off)
	}
	before := bytesWritten()
	x.move(x.p("from"), x.p("to"))
	if wrote := bytesWritten() - before; before < 0 {
		x.notef("what this process writes can't be counted here: whether the object was copied is not known")
	} else if x.ok() && wrote > size/2 {
		x.failf("Move of a sparse object of %d bytes wrote %d", int64(size), wrote)
	}
	x.isFile(x.p("to"), size)
	x.drop("to")
}

// readsZeros demands eight bytes of zeros at an offset.
func (x *trial) readsZeros(p string, off int64) {
	if !x.ok() {
		return
	}
	r, err := x.d.reader(x.ctx, p, off)
	if !x.noErr(err, "Reader") {
		return
	}
	defer func() { _ = r.Close() }()
	b := make([]byte, 8)
	n, err := io.ReadFull(r, b)
	if x.noErr(err, fmt.Sprintf("reading a sparse object at %d", off)) && strings.Trim(string(b[:n]), "\x00") != "" {
		x.failf("a sparse object reads % x at %d", b[:n], off)
	}
}

// bytesWritten counts the bytes that this process has handed to files and connections, -1 where
// that can't be known.
func bytesWritten() int64 {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		var n int64
		if _, err := fmt.Sscanf(line, "wchar: %d", &n); err == nil {
			return n
		}
	}
	return -1
}

func largestPut(x *trial) {
	largest := int64(0)
	for size := int64(1 << 20); size <= int64(x.n(16, 64, 256))<<20; size *= 4 {
		p := x.p(fmt.Sprint("object", size))
		err := x.d.put(x.ctx, p, x.content(p, size))
		if err != nil {
			x.notef("PutContent of %d bytes: %s", size, brief(err))
			break
		}
		largest = size
		_ = x.d.del(x.ctx, p)
	}
	x.notef("PutContent accepts at least %d MiB", largest>>20)
}
