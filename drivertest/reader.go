package drivertest

import (
	"bytes"
	"errors"
	"io"
	"testing/iotest"
)

func readerRules() []rule {
	return []rule{
		{"READ-01", Must, "A Reader delivers exactly what lies behind its offset.", readOffsets, 0},
		{"READ-02", Must, "A Reader at the size of the object delivers nothing and ends.", readAtEnd, 0},
		{"READ-03", Must, "A negative offset is an invalid-offset error with path and offset, and no reader.", readNegative, 0},
		{"READ-04", Must, "A Reader of a missing path is a path-not-found error, at the latest at the first read.", readMissing, 0},
		{"READ-05", Must, "A Reader keeps the contract of io.Reader for any size of buffer.", readerContract, 0},
		{"READ-06", Must, "A Reader beyond the size of the object delivers no data: end of file or an invalid-offset error.", readBeyond, 0},
		{"READ-07", Must, "A Reader may be closed early, any number of times over.", readEarlyClose, 0},
		{"READ-08", Should, "Closing a Reader twice does no harm, and a closed Reader does not read.", readClosed, 0},
		{"READ-09", Must, "Offsets around 2 GiB and 4 GiB work.", readFar, 0},
		{"READ-10", Should, "A Reader that is open during an overwrite gives the old content, the new one or an error; never a mix.", readOverwritten, 0},
		{"READ-11", Should, "A Reader that is open during a Delete gives the whole content or an error; never a short success.", readDeleted, 0},
		{"READ-12", Must, "A Reader of an empty object ends at once.", readEmpty, 0},
		{"READ-13", Must, "Random ranges read right.", readRanges, 0},
		{"READ-14", Should, "A Reader of a directory is an error.", readDirectory, 0},
	}
}

func readOffsets(x *trial) {
	for _, size := range []int64{1, 8, 100, 4096, 100003, 2<<20 + 5} {
		p := x.p("object")
		c := x.put(p, size)
		for _, off := range []int64{0, 1, size / 2, size - 1} {
			x.reads(p, c, off)
		}
	}
}

func readAtEnd(x *trial) {
	p := x.p("object")
	c := x.put(p, 5000)
	x.reads(p, c, c.size)
}

func readNegative(x *trial) {
	p := x.p("object")
	x.put(p, 50)
	for _, off := range []int64{-1, -50, -1 << 62} {
		r, err := x.d.reader(x.ctx, p, off)
		if !x.ok() {
			return
		}
		k := x.cfg.Errors.classify(err)
		switch {
		case r != nil:
			x.failf("Reader at %d returned a reader (error: %s)", off, brief(err))
		case k.name != invalidOffset:
			x.failf("Reader at %d: the error is not an invalid-offset error: %s", off, brief(err))
		case k.path != p || k.offset != off:
			x.failf("Reader of %q at %d: the invalid-offset error names %q and %d", p, off, k.path, k.offset)
		}
	}
}

func readMissing(x *trial) {
	x.puts("dir/file")
	for _, n := range []string{"none", "dir/none", "dir/fil"} {
		for _, off := range []int64{0, 64} {
			r, err := x.d.reader(x.ctx, x.p(n), off)
			if err == nil {
				_, err = io.ReadAll(r)
				_ = r.Close()
			}
			x.isNotFound(err, x.p(n), "Reader of "+quote(x.p(n)))
		}
	}
}

// dataWithError gives the last data together with the error. iotest.DataErrReader alone would lose
// what a reader gives in this way itself.
func dataWithError(r io.Reader) io.Reader { return iotest.DataErrReader(&dataThenError{r: r}) }

// dataThenError gives the last data before the error.
type dataThenError struct {
	r   io.Reader
	err error
}

func (d *dataThenError) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.r.Read(p)
	if n > 0 && err != nil {
		d.err, err = err, nil
	}
	return n, err
}

func readerContract(x *trial) {
	p := x.p("object")
	c := x.put(p, 1500)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte at a time": iotest.OneByteReader, "half buffers": iotest.HalfReader, "data with the error": dataWithError,
	} {
		r, err := x.d.reader(x.ctx, p, 3)
		if !x.noErr(err, "Reader") {
			return
		}
		if err := c.verify(wrap(r), 3); err != nil {
			x.failf("%s: %s", name, x.explain(err))
		}
		x.noErr(r.Close(), "Close")
	}
	r, err := x.d.reader(x.ctx, p, 0)
	if !x.noErr(err, "Reader") {
		return
	}
	if err := iotest.TestReader(plainReader{r}, c.bytes()); err != nil {
		x.failf("io.Reader's contract: %s", brief(err))
	}
	if n, err := r.Read(make([]byte, 8)); n != 0 || !errors.Is(err, io.EOF) {
		x.failf("Read after the end returned %d, %s", n, brief(err))
	}
	x.noErr(r.Close(), "Close")
}

// plainReader hides all methods but Read.
type plainReader struct{ io.Reader }

func readBeyond(x *trial) {
	p := x.p("object")
	c := x.put(p, 5000)
	for _, off := range []int64{c.size + 1, c.size + 4096, 1 << 40} {
		r, err := x.d.reader(x.ctx, p, off)
		var got []byte
		if err == nil {
			got, err = io.ReadAll(r)
			_ = r.Close()
		}
		if !x.ok() {
			return
		}
		switch {
		case len(got) > 0:
			x.failf("a Reader at %d of %d bytes delivered %d bytes: %s", off, c.size, len(got), c.decode(got, off))
		case err != nil && x.cfg.Errors.classify(err).name != invalidOffset:
			x.failf("a Reader at %d of %d bytes: neither end of file nor an invalid-offset error: %s", off, c.size, brief(err))
		}
	}
}

func readEarlyClose(x *trial) {
	p := x.p("object")
	c := x.put(p, 300000)
	for i := range 100 {
		r, err := x.d.reader(x.ctx, p, int64(i))
		if !x.noErr(err, "Reader") {
			return
		}
		if i%2 == 0 {
			b := make([]byte, 100)
			n, err := io.ReadFull(r, b)
			if err != nil || !bytes.Equal(b[:n], c.slice(int64(i), int64(i+100))) {
				x.failf("the first 100 bytes from offset %d are wrong (%d read, %s)", i, n, brief(err))
			}
		}
		x.noErr(r.Close(), "Close before the end")
	}
	x.reads(p, c, 0)
}

func readClosed(x *trial) {
	p := x.p("object")
	x.put(p, 300000)
	r, err := x.d.reader(x.ctx, p, 0)
	if !x.noErr(err, "Reader") {
		return
	}
	x.noErr(r.Close(), "Close")
	x.harmless(r.Close(), "a second Close")
	n, err := r.Read(make([]byte, 10))
	if x.ok() && (n != 0 || err == nil) {
		x.failf("Read after Close returned %d, %s", n, brief(err))
	}
	x.harmless(err, "Read after Close")
}

func readFar(x *trial) {
	const size = 4<<30 + 4096
	if !x.long() || !x.fits(size) {
		return
	}
	p := x.p("object")
	c := x.stream(p, size)
	for _, off := range []int64{1<<31 - 5, 1 << 31, 1<<31 + 1, 1<<32 - 5, 1 << 32, 1<<32 + 1, size - 1} {
		x.readsRange(p, c, off, 4096)
	}
}

// readsRange verifies at most n bytes from off on.
func (x *trial) readsRange(p string, c content, off, n int64) {
	if !x.ok() {
		return
	}
	r, err := x.d.reader(x.ctx, p, off)
	if !x.noErr(err, "Reader") {
		return
	}
	n = min(n, c.size-off)
	part := content{object: c.object, version: c.version, size: off + n}
	if err := part.verify(io.LimitReader(r, n), off); err != nil {
		x.failf("Reader of %q from %d: %s", p, off, x.explain(err))
	}
	x.noErr(r.Close(), "Close")
}

func readOverwritten(x *trial) {
	const size = 1 << 20
	p := x.p("object")
	for round := range 4 {
		old := x.put(p, size)
		r, err := x.d.reader(x.ctx, p, 0)
		if !x.noErr(err, "Reader") {
			return
		}
		head := make([]byte, 1000)
		if _, err := io.ReadFull(r, head); err != nil {
			x.failf("reading the first bytes: %s", brief(err))
		}
		now := old.next(size - int64(round)*1000)
		if round%2 == 0 {
			x.putc(p, now)
		} else {
			now = x.write(p, size)
		}
		rest, err := io.ReadAll(r)
		_ = r.Close()
		if err != nil || !x.ok() {
			continue
		}
		all := append(head, rest...)
		if e := old.verify(bytes.NewReader(all), 0); e != nil && now.verify(bytes.NewReader(all), 0) != nil {
			x.failf("a Reader that was open during an overwrite gave neither content: %s", x.explain(e))
		}
	}
}

func readDeleted(x *trial) {
	p := x.p("object")
	c := x.put(p, 1<<20)
	r, err := x.d.reader(x.ctx, p, 0)
	if !x.noErr(err, "Reader") {
		return
	}
	head := make([]byte, 1000)
	_, err = io.ReadFull(r, head)
	x.noErr(err, "Read")
	x.noErr(x.d.del(x.ctx, p), "Delete")
	rest, err := io.ReadAll(r)
	_ = r.Close()
	if err == nil && x.ok() {
		if e := c.verify(bytes.NewReader(append(head, rest...)), 0); e != nil {
			x.failf("a Reader that was open during a Delete ended without an error: %s", x.explain(e))
		}
	}
}

func readEmpty(x *trial) {
	p := x.p("empty")
	c := x.put(p, 0)
	x.reads(p, c, 0)
	c = x.write(p, 0)
	x.reads(p, c, 0)
}

func readRanges(x *trial) {
	p := x.p("object")
	c := x.put(p, 3<<20+77)
	for range x.n(150, 500, 500) {
		x.readsRange(p, c, x.rng.Int64N(c.size), x.rng.Int64N(20000))
	}
}

func readDirectory(x *trial) {
	x.puts("dir/file")
	x.anErr(x.tryRead(x.p("dir")), "reading a directory")
}
