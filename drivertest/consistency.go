package drivertest

import "fmt"

func consistencyRules() []rule {
	return []rule{
		{"CONS-01", Must, "Content and Stat show a write at once, or within the declared window.", readAfterWrite, 0},
		{"CONS-02", Must, "List and Walk show a write at once, or within the declared window.", listAfterWrite, 0},
		{"CONS-03", Must, "Stat and List show a delete at once, or within the declared window.", listAfterDelete, 0},
		{"CONS-04", Should, "Once new content was seen, the old does not come back.", monotonic, 0},
		{"CONS-05", Must, "All of this holds through a second handle.", acrossHandles, 0},
	}
}

func readAfterWrite(x *trial) {
	p := x.p("dir/object")
	for i := range x.n(30, 100, 300) {
		c := x.put(p, int64(50+i))
		if i%2 == 1 {
			c = x.write(p, int64(90+i))
		}
		x.isFile(p, c.size)
		x.holds(p, c)
		x.reads(p, c, 10)
	}
}

func listAfterWrite(x *trial) {
	var names []string
	for i := range x.n(20, 60, 200) {
		n := numbered(i)
		names = append(names, n)
		if i%2 == 0 {
			x.put(x.p("dir/"+n), 10)
		} else {
			x.write(x.p("dir/"+n), 10)
		}
		x.lists(x.p("dir"), names...)
	}
	want := []string{x.p("dir")}
	for _, n := range names {
		want = append(want, x.p("dir/"+n))
	}
	x.visits(x.root, want)
}

func listAfterDelete(x *trial) {
	var names []string
	for i := range 20 {
		names = append(names, numbered(i))
		x.put(x.p("dir/"+numbered(i)), 10)
	}
	for len(names) > 1 && x.ok() {
		x.drop("dir/" + names[0])
		x.absent(x.p("dir/" + names[0]))
		names = names[1:]
		x.settle(x.cfg.Consistency.Delete, func() string { return x.listObjection(x.p("dir"), names) })
	}
}

func monotonic(x *trial) {
	p := x.p("object")
	old := x.put(p, 100)
	for range x.n(10, 50, 200) {
		now := old.next(100)
		x.putc(p, now)
		x.holds(p, now)
		for range 5 {
			if s := x.contentObjection(p, now); s != "" && x.ok() {
				x.failf("the new content was seen, and then: %s", s)
			}
		}
		old = now
	}
}

func acrossHandles(x *trial) {
	b := x.second()
	for i := range x.n(15, 60, 200) {
		p := x.p(fmt.Sprintf("dir/o%d", i))
		c := x.put(p, 70)
		x.with(b, func(x *trial) {
			x.holds(p, c)
			x.isFile(p, c.size)
			if x.ok() && !x.childOf(p) && x.cfg.Consistency.List == 0 {
				x.failf("List through the second handle doesn't show %q", p)
			}
			x.noErr(x.d.del(x.ctx, p), "Delete")
		})
		x.absent(p)
	}
}
