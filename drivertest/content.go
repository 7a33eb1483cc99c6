package drivertest

import (
	"bytes"
)

func contentRules() []rule {
	return []rule{
		{"CONT-01", Must, "PutContent and GetContent give back what was put, at every size around a boundary.", roundTrip, 0},
		{"CONT-02", Must, "Overwriting, be it larger, smaller or empty, leaves exactly the last content.", overwrite, 0},
		{"CONT-03", Must, "An empty object exists and reads as empty.", emptyContent, 0},
		{"CONT-04", Must, "GetContent of a missing path is a path-not-found error that names it.", getMissing, 0},
		{"CONT-05", Must, "Objects of random sizes keep their own content.", randomSizes, 0},
		{"CONT-06", Must, "What PutContent has accepted is stored in full, as another handle sees it.", putIsStored, 0},
		{"CONT-07", Must, "Bytes are never changed: all values, line ends, byte-order marks, magic numbers.", arbitraryBytes, 0},
		{"CONT-08", Must, "The caller may change the slice it has put, and the slice it was given.", sliceOwnership, 0},
		{"CONT-09", Should, "GetContent of a directory is a path-not-found error, not a raw system error.", getDirectory, 0},
		{"CONT-10", Should, "Putting the same content again changes nothing.", idempotent, 0},
		{"CONT-11", Must, "PutContent creates the parents, which then show as directories.", parents, 0},
	}
}

func boundarySizes() []int64 {
	return []int64{
		0, 1, 2, 7, 8, 9, 511, 512, 513, 4095, 4096, 4097, 64<<10 - 1, 64 << 10, 64<<10 + 1,
		1<<20 - 1, 1 << 20, 1<<20 + 1, 5<<20 - 1, 5 << 20, 5<<20 + 1,
	}
}

func roundTrip(x *trial) {
	for _, size := range boundarySizes() {
		x.each(count(size, "byte"), func(x *trial) {
			x.holds(x.p("object"), x.put(x.p("object"), size))
			x.drop("object")
		})
	}
}

// drop deletes what a case no longer needs.
func (x *trial) drop(name string) {
	if x.ok() {
		x.noErr(x.d.del(x.ctx, x.p(name)), "Delete of "+quote(x.p(name)))
	}
}

func overwrite(x *trial) {
	p := x.p("object")
	c := x.content(p, 0)
	for _, size := range []int64{100, 70000, 4096, 4097, 1, 1 << 20, 0, 17, 0, 200000, 199999} {
		c = c.next(size)
		x.putc(p, c)
		x.holds(p, c)
		x.isFile(p, size)
	}
}

func emptyContent(x *trial) {
	p := x.p("dir/empty")
	for _, b := range [][]byte{nil, {}} {
		x.noErr(x.d.putBytes(x.ctx, p, b), "PutContent of nothing")
		got, err := x.d.get(x.ctx, p)
		if x.noErr(err, "GetContent of an empty object") && len(got) != 0 {
			x.failf("GetContent of an empty object gives %d bytes", len(got))
		}
		x.isFile(p, 0)
		x.lists(x.p("dir"), "empty")
	}
}

func getMissing(x *trial) {
	x.puts("dir/file", "other")
	for _, n := range []string{"none", "dir/none", "none/none", "dir/fil", "dir/file2", "dir/fi.le"} {
		_, err := x.d.get(x.ctx, x.p(n))
		x.isNotFound(err, x.p(n), "GetContent of "+quote(x.p(n)))
	}
}

func randomSizes(x *trial) {
	type object struct {
		p string
		c content
	}
	var all []object
	for i := range x.n(60, 200, 200) {
		p := x.p(string(rune('a'+i%7)) + "/" + string(rune('a'+i%26)) + string(rune('A'+i/26)))
		all = append(all, object{p, x.put(p, x.rng.Int64N(20000))})
	}
	for _, i := range x.rng.Perm(len(all)) {
		x.holds(all[i].p, all[i].c)
		x.isFile(all[i].p, all[i].c.size)
	}
}

func putIsStored(x *trial) {
	for _, size := range []int64{0, 1, 5000, 1 << 20} {
		p := x.p("object")
		c := x.put(p, size)
		x.with(x.another(), func(x *trial) {
			x.holds(p, c)
			x.isFile(p, size)
			x.reads(p, c, size/2)
		})
	}
}

func arbitraryBytes(x *trial) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, b := range map[string][]byte{
		"every value": every, "CR LF": []byte("a\r\nb\nc\rd\r\n"), "byte-order mark": []byte("\xef\xbb\xbfx"), "gzip magic": []byte("\x1f\x8b\x08\x00zip"),
		"not UTF-8": {0xc0, 0x80, 0xfe, 0xff}, "NULs": make([]byte, 100), "end of file": {0x1a, 0x04}, "JSON": []byte(`{"a":1}` + "\n"), "quotes": []byte(`"'\`),
		"trailing NUL": []byte("abc\x00"), "spaces": []byte("  \t "), "UTF-16": {0xff, 0xfe, 'a', 0},
	} {
		x.each(name, func(x *trial) {
			x.noErr(x.d.putBytes(x.ctx, x.p("put"), b), "PutContent")
			if w, ok := x.openWriter(x.p("written"), false); ok {
				_, err := w.Write(b)
				x.noErr(err, "Write")
				x.noErr(w.commit(x.ctx), "Commit")
				x.noErr(w.Close(), "Close")
			}
			for _, n := range []string{"put", "written"} {
				got, err := x.d.get(x.ctx, x.p(n))
				if x.noErr(err, "GetContent") && !bytes.Equal(got, b) {
					x.failf("%s: %q came back as %q", n, excerpt(string(b), 60), excerpt(string(got), 60))
				}
			}
		})
	}
}

func sliceOwnership(x *trial) {
	p := x.p("object")
	c := x.content(p, 5000)
	b := c.bytes()
	x.noErr(x.d.putBytes(x.ctx, p, b), "PutContent")
	clear(b)
	x.holds(p, c)
	got, err := x.d.get(x.ctx, p)
	if x.noErr(err, "GetContent") {
		clear(got)
		_ = append(got, 1)
	}
	x.holds(p, c)
	if !x.ok() {
		x.failures[0].Message = "after the caller changed a slice: " + x.failures[0].Message
	}
}

func getDirectory(x *trial) {
	x.puts("dir/sub/file")
	for _, n := range []string{"dir", "dir/sub"} {
		_, err := x.d.get(x.ctx, x.p(n))
		x.isNotFound(err, x.p(n), "GetContent of the directory "+quote(x.p(n)))
	}
}

func idempotent(x *trial) {
	p := x.p("dir/object")
	c := x.content(p, 3000)
	for range 10 {
		x.putc(p, c)
	}
	x.holds(p, c)
	x.isFile(p, c.size)
	x.lists(x.p("dir"), "object")
}

func parents(x *trial) {
	c := x.put(x.p("a/b/c/file"), 10)
	for _, n := range []string{"a", "a/b", "a/b/c"} {
		x.isDir(x.p(n))
	}
	x.lists(x.p("a"), "b")
	x.lists(x.p("a/b"), "c")
	x.lists(x.p("a/b/c"), "file")
	x.holds(x.p("a/b/c/file"), c)
}
