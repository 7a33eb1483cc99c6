package drivertest

import "fmt"

func partRules() []rule {
	return []rule{
		{"CHNK-01", Must, "Sizes around every multiple of the part size come back whole.", partSizes, 0},
		{"CHNK-02", Must, "An exact multiple of the part size loses no byte, resumed or not.", partMultiples, 0},
		{"CHNK-03", Must, "A tiny piece after a resume never makes an inner part that is too small.", partTail, 0},
		{"CHNK-04", Should, "All parts but the last have the same size.", partEqual, 0},
		{"CHNK-05", Must, "More than ten parts are joined in order.", partOrder, 0},
		{"CHNK-06", Should, "Large writes in one call, cut into parts that may finish in any order, come back in order.", partParallel, 0},
	}
}

// partSizesOf are the part sizes to try, smallest first.
func (x *trial) partSizesOf() []int64 {
	least := x.cfg.Limits.MinPart
	if x.cfg.Hooks.Chunked == nil {
		if !x.needs(least > 0, "Limits.MinPart or Hooks.Chunked") {
			return nil
		}
		return []int64{least}
	}
	least = max(least, 1000)
	all := []int64{least, least + least/3, 1 << 13, 100000}
	if least > 1<<13 {
		all = []int64{least, least + least/3}
	}
	return all[:min(len(all), x.n(2, 4, 4))]
}

// chunked runs f for each part size, over a driver that uses it.
func (x *trial) chunked(f func(x *trial, part int64)) {
	for _, part := range x.partSizesOf() {
		x.each("parts of "+count(part, "byte"), func(x *trial) {
			if x.cfg.Hooks.Chunked != nil {
				t, err := x.cfg.Hooks.Chunked(part)
				if !x.noErr(err, "Hooks.Chunked") {
					return
				}
				x.d = x.handleTo(t)
			}
			f(x, part)
		})
	}
}

func partSizes(x *trial) {
	x.chunked(func(x *trial, cs int64) {
		for _, size := range []int64{cs - 1, cs, cs + 1, 2*cs - 1, 2 * cs, 2*cs + 1, 3*cs + 7} {
			for _, chunk := range x.chunkings(size, cs) {
				p := x.p("object")
				u := x.start(p, size)
				u.writeAll(chunk)
				u.commit()
				u.close()
				x.reads(p, u.c, 0)
				x.isFile(p, size)
			}
		}
	})
}

// chunkings are the sizes of the calls of Write that make an object. Of large ones the quick
// budget tries one.
func (x *trial) chunkings(size, cs int64) []int64 {
	all := []int64{size, cs, cs - 1, cs + 1}
	if size/777 <= 40 {
		all = append(all, 777)
	}
	if x.cfg.Budget == Quick && cs >= 1<<20 {
		i := x.rng.IntN(len(all))
		return all[i : i+1]
	}
	return all
}

func partMultiples(x *trial) {
	x.chunked(func(x *trial, cs int64) {
		x.pieces(x.p("a"), x.d, cs)
		x.pieces(x.p("b"), x.d, cs, 2*cs)
		x.pieces(x.p("c"), x.d, 2*cs, 3*cs, 4*cs)
	})
}

func partTail(x *trial) {
	x.chunked(func(x *trial, cs int64) {
		for _, ends := range [][]int64{{1, 2, 3}, {cs, cs + 1, 2*cs + 1}, {cs + 1, cs + 2, 2*cs + 5}, {cs - 1, cs, cs + 1, 3 * cs}, {2*cs + 1, 4*cs + 3}} {
			x.pieces(x.p("object"), x.d, ends...)
		}
	})
}

func partEqual(x *trial) {
	if !x.needs(x.cfg.Hooks.Parts != nil, "Hooks.Parts") {
		return
	}
	x.chunked(func(x *trial, cs int64) {
		size := 4*cs + 9
		x.pieces(x.p("object"), x.d, cs+3, 2*cs+5, size)
		if !x.ok() {
			return
		}
		parts, err := x.cfg.Hooks.Parts(x.p("object"))
		if !x.noErr(err, "Hooks.Parts") {
			return
		}
		total := int64(0)
		for i, part := range parts {
			total += part
			if i < len(parts)-1 && part != parts[0] {
				x.failf("the parts have sizes %v", parts)
				return
			}
		}
		if total != size {
			x.failf("the parts have sizes %v, and the object has %d", parts, size)
		}
	})
}

func partOrder(x *trial) {
	x.chunked(func(x *trial, cs int64) {
		p := x.p("object")
		u := x.start(p, 13*cs+5)
		u.writeAll(cs)
		u.commit()
		u.close()
		x.reads(p, u.c, 0)
	})
}

func partParallel(x *trial) {
	x.chunked(func(x *trial, cs int64) {
		for i := range 3 {
			p := x.p(fmt.Sprint("object", i))
			u := x.start(p, 9*cs+int64(i))
			u.write(u.c.size)
			u.commit()
			u.close()
			x.reads(p, u.c, 0)
			x.drop(fmt.Sprint("object", i))
		}
	})
}
