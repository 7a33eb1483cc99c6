package drivertest

import (
	"fmt"
	"sync"
)

func concurrencyRules() []rule {
	return []rule{
		{"CONC-01", Must, "While many put to one path, readers see whole versions only.", storm, 0},
		{"CONC-02", Must, "After many have put to one path, exactly one whole version is there.", afterStorm, 0},
		{"CONC-03", Must, "Many uploads to many paths at once keep their own content.", crossTalk, 0},
		{"CONC-04", Must, "Two Writers on one path end as one of the two, whole.", twoWriters, 0},
		{"CONC-05", Must, "All methods may be called at once; nothing deadlocks, panics or races.", everything, 0},
		{"CONC-06", Must, "Deletes that race end in success or path-not-found, and siblings stay.", racingDeletes, 0},
		{"CONC-07", Must, "Of two Moves to one destination the loser gets a clean error, and the destination is whole.", racingMoves, 0},
		{"CONC-08", Must, "If Commit returns nil although the parent was deleted meanwhile, the object is readable.", deleteUnderWriter, 0},
		{"CONC-09", Must, "PutContent and Delete of a path or of its parent may race: nothing but path-not-found goes wrong, and no ghost stays.", putDelete, 0},
		{"CONC-10", Must, "What one handle closed another resumes, at the same offset.", resumeAcross, 0},
		{"CONC-11", Must, "Ten thousand mixed calls under a concurrency limit of one or two never deadlock.", limited, 0},
		{"CONC-12", Should, "A large transfer that stalls does not hold up small calls elsewhere.", stalledTransfer, 0},
		{"CONC-13", Should, "Many readers of one object at random offsets read right.", manyReaders, 0},
	}
}

// sizeOf gives each version a size of its own, so that a cut is noticed.
func sizeOf(version uint64) int64 { return 20000 + int64(version)*8 }

// putStorm has writers put their own versions of one object while readers look on.
func putStorm(x *trial, p string, base content, rounds int) {
	const writers, readers = 4, 3
	var left sync.WaitGroup
	left.Add(writers)
	done := make(chan struct{})
	go func() {
		left.Wait()
		close(done)
	}()
	x.parallel(writers+readers, func(x *trial, i int) {
		if i < writers {
			defer left.Done()
			for r := range rounds {
				v := content{object: base.object, version: uint64(2 + (r*writers+i)%200)}
				v.size = sizeOf(v.version)
				x.putc(p, v)
			}
			return
		}
		for x.ok() {
			select {
			case <-done:
				return
			default:
			}
			b, err := x.d.get(x.ctx, p)
			if !x.noErr(err, "GetContent during puts") {
				return
			}
			x.wholeVersion(base, b, "GetContent during puts")
			x.sizeFits(b)
		}
	})
}

// sizeFits demands that a version has the size that only it has.
func (x *trial) sizeFits(b []byte) {
	if from, _, ok := identify(b); ok && x.ok() && int64(len(b)) != sizeOf(from.version) {
		x.failf("version %d has %d bytes, not %d", from.version, len(b), sizeOf(from.version))
	}
}

func storm(x *trial) {
	p := x.p("object")
	base := x.content(p, sizeOf(1))
	x.putc(p, base)
	putStorm(x, p, base, x.n(40, 300, 2000))
}

func afterStorm(x *trial) {
	for i := range x.n(8, 30, 100) {
		p := x.p(fmt.Sprint("object", i))
		base := x.content(p, sizeOf(1))
		x.parallel(6, func(x *trial, i int) {
			v := content{object: base.object, version: uint64(i + 2)}
			v.size = sizeOf(v.version)
			x.putc(p, v)
		})
		if !x.ok() {
			return
		}
		b, err := x.d.get(x.ctx, p)
		if x.noErr(err, "GetContent after puts") {
			x.wholeVersion(base, b, "GetContent after puts")
			x.sizeFits(b)
			x.isFile(p, int64(len(b)))
		}
	}
	x.gathered()
}

// gathered demands that List shows each name once.
func (x *trial) gathered() {
	l, err := x.d.list(x.ctx, x.root)
	if !x.noErr(err, "List") {
		return
	}
	seen := map[string]bool{}
	for _, p := range l {
		if seen[p] {
			x.failf("List shows %q twice", p)
			return
		}
		seen[p] = true
	}
}

func crossTalk(x *trial) {
	const n = 64
	var all [n]content
	x.parallel(n, func(x *trial, i int) {
		p := x.p(fmt.Sprintf("d%d/object%d", i%5, i))
		if i%2 == 0 {
			all[i] = x.write(p, 60000+int64(i))
			return
		}
		u := x.start(p, 60000+int64(i))
		u.writeAll(7000)
		u.close()
		u.resume(x.d, p)
		u.commit()
		u.close()
		all[i] = u.c
	})
	for i, c := range all {
		x.holds(x.p(fmt.Sprintf("d%d/object%d", i%5, i)), c)
	}
}

// twoWriters accepts that one Writer, whichever, puts an end to the other.
func twoWriters(x *trial) {
	x.each("in turns", writersInTurns)
	x.each("at once", writersAtOnce)
}

func writersAtOnce(x *trial) {
	p := x.p("object")
	base := x.put(p, sizeOf(1))
	for round := range x.n(30, 200, 1000) {
		x.parallel(3, func(x *trial, i int) {
			v := content{object: base.object, version: uint64(2 + (round*3+i)%200)}
			v.size = sizeOf(v.version)
			x.harmless(x.writeUnder(x.ctx, p, v), "an upload beside another")
		})
		if !x.ok() {
			return
		}
		b, err := x.d.get(x.ctx, p)
		if err != nil && x.sem.EarlyVisible && x.missing(err) {
			x.putc(p, base)
			continue
		}
		if x.noErr(err, "GetContent after uploads to one path") {
			x.wholeVersion(base, b, "GetContent after uploads to one path")
			x.sizeFits(b)
		}
	}
}

func writersInTurns(x *trial) {
	for i := range x.n(6, 30, 100) {
		p := x.p(fmt.Sprint("object", i))
		us := [2]*upload{x.start(p, 300000), x.start(p, 200003)}
		if !x.ok() {
			return
		}
		var errs [2]error
		for part := int64(1); part <= 4; part++ {
			for n, u := range us {
				if errs[n] == nil {
					to := u.c.size * part / 4
					_, errs[n] = u.w.write(u.c, u.off, to)
					u.off = to
				}
			}
		}
		for n := range us {
			n := (n + i) % 2
			if errs[n] == nil {
				errs[n] = us[n].w.commit(x.ctx)
			}
			x.harmless(errs[n], "one of two Writers")
			us[n].closeAnyhow()
		}
		if errs[0] != nil && errs[1] != nil {
			x.failf("both of two Writers on one path failed: %s; %s", brief(errs[0]), brief(errs[1]))
			return
		}
		oa, ob := x.contentObjection(p, us[0].c), x.contentObjection(p, us[1].c)
		if x.ok() && oa != "" && ob != "" {
			x.failf("two Writers on one path left neither content: %s; %s", oa, ob)
		}
	}
}

func everything(x *trial) {
	names := []string{"a/1", "a/2", "b/1", "b/c/1", "d"}
	ms := append(methods()[:6], methods()[8:]...)
	x.parallel(32, func(x *trial, i int) {
		for range x.n(12, 100, 500) {
			if !x.ok() {
				return
			}
			p := x.p(names[x.rng.IntN(len(names))])
			m := ms[x.rng.IntN(len(ms))]
			x.harmless(m.call(x, p), m.name)
			if x.rng.IntN(4) == 0 {
				x.harmless(x.d.move(x.ctx, p, x.p(names[x.rng.IntN(len(names))])), "Move")
			}
		}
	})
	x.put(x.p("after/file"), 30)
	x.isFile(x.p("after/file"), 30)
}

func racingDeletes(x *trial) {
	for range x.n(15, 100, 500) {
		x.puts("dir/one", "dir/two", "dir/sub/three")
		keep := x.put(x.p("keep/file"), 20)
		x.parallel(6, func(x *trial, i int) {
			p := x.p([]string{"dir/one", "dir/one", "dir/two", "dir/sub", "dir/sub/three", "dir"}[i])
			if err := x.d.del(x.ctx, p); err != nil && x.ok() && !x.missing(err) {
				x.failf("Delete of %q, racing others: %s", p, brief(err))
			}
		})
		for _, n := range []string{"dir/one", "dir/two", "dir/sub/three"} {
			x.absent(x.p(n))
		}
		x.holds(x.p("keep/file"), keep)
	}
}

func racingMoves(x *trial) {
	for range x.n(15, 100, 500) {
		a, b := x.put(x.p("up/1/data"), 30000), x.put(x.p("up/2/data"), 20000)
		to := x.p("blobs/data")
		var errs [2]error
		x.parallel(2, func(x *trial, i int) {
			errs[i] = x.d.move(x.ctx, x.p(fmt.Sprintf("up/%d/data", i+1)), to)
			x.harmless(errs[i], "Move")
		})
		if !x.ok() {
			return
		}
		if errs[0] != nil && errs[1] != nil {
			x.failf("both Moves to one destination failed: %s; %s", brief(errs[0]), brief(errs[1]))
		}
		oa, ob := x.contentObjection(to, a), x.contentObjection(to, b)
		if oa != "" && ob != "" && x.ok() {
			x.failf("after two Moves to one destination it holds neither: %s; %s", oa, ob)
		}
		for i, c := range []content{a, b} {
			if errs[i] != nil {
				x.holds(x.p(fmt.Sprintf("up/%d/data", i+1)), c)
			}
		}
		x.drop("blobs")
	}
}

func deleteUnderWriter(x *trial) {
	for _, name := range []string{"dir", "dir/object"} {
		x.each("Delete of "+name, func(x *trial) {
			p := x.p("dir/object")
			x.puts("dir/sibling")
			u := x.start(p, 50000)
			u.write(30000)
			if !x.ok() {
				return
			}
			x.harmless(x.d.del(x.ctx, x.p(name)), "Delete")
			_, werr := u.w.write(u.c, 30000, 50000)
			var err error
			if werr == nil {
				err = u.w.commit(x.ctx)
			}
			x.harmless(err, "Commit")
			u.closeAnyhow()
			if werr == nil && err == nil {
				x.holds(p, u.c)
			}
		})
	}
}

func putDelete(x *trial) {
	p := x.p("dir/object")
	base := x.content(p, sizeOf(1))
	x.parallel(4, func(x *trial, i int) {
		for r := range x.n(30, 200, 1000) {
			switch i {
			case 0, 1:
				v := content{object: base.object, version: uint64(2 + r%200)}
				v.size = sizeOf(v.version)
				if err := x.d.put(x.ctx, p, v); err != nil {
					x.noErr(err, "PutContent, racing Delete")
				}
			case 2:
				if err := x.d.del(x.ctx, x.p([]string{"dir/object", "dir"}[r%2])); err != nil && !x.missing(err) {
					x.noErr(err, "Delete, racing PutContent")
				}
			default:
				b, err := x.d.get(x.ctx, p)
				if err != nil && !x.missing(err) {
					x.noErr(err, "GetContent, racing PutContent and Delete")
				} else if err == nil {
					x.wholeVersion(base, b, "GetContent, racing PutContent and Delete")
				}
			}
		}
	})
	c := base.next(100)
	x.putc(p, c)
	x.holds(p, c)
	x.lists(x.p("dir"), "object")
	x.drop("dir")
	x.gone(p)
	x.vanished(x.p("dir"))
}

func resumeAcross(x *trial) {
	p := x.p("object")
	handles := []*traced{x.d, x.second(), x.second()}
	u := x.start(p, 90000)
	for i := 1; i <= 9; i++ {
		if i > 1 {
			u.resume(handles[i%3], p)
		}
		u.write(int64(i) * 10000)
		u.close()
	}
	u.resume(handles[1], p)
	u.commit()
	u.close()
	for _, d := range handles {
		x.with(d, func(x *trial) { x.holds(p, u.c) })
	}
}

func limited(x *trial) {
	if !x.needs(x.cfg.Hooks.Limited != nil, "Hooks.Limited") {
		return
	}
	for _, limit := range []int{1, 2} {
		t, err := x.cfg.Hooks.Limited(limit)
		if err != nil {
			x.notef("a limit of %d is refused: %s", limit, brief(err))
			continue
		}
		x.with(x.handleTo(t), func(x *trial) {
			x.parallel(16, func(x *trial, _ int) {
				ms := append(methods()[:6], methods()[8:]...)
				for range x.n(30, 300, 300) {
					m := ms[x.rng.IntN(len(ms))]
					x.harmless(m.call(x, x.p(fmt.Sprintf("d/%d", x.rng.IntN(6)))), m.name)
				}
			})
		})
	}
}

func stalledTransfer(x *trial) {
	x.puts("small")
	u := x.start(x.p("large"), 9<<20)
	u.write(8<<20 + 1)
	x.put(x.p("blob"), 4<<20)
	r, err := x.d.reader(x.ctx, x.p("blob"), 0)
	if !x.noErr(err, "Reader") {
		return
	}
	_, err = r.Read(make([]byte, 100))
	x.noErr(err, "Read")
	x.parallel(8, func(x *trial, i int) {
		x.holds(x.p(fmt.Sprint("other", i)), x.put(x.p(fmt.Sprint("other", i)), 100))
	})
	x.noErr(r.Close(), "Close")
	u.cancel()
	u.closeAnyhow()
}

func manyReaders(x *trial) {
	p := x.p("object")
	c := x.put(p, 4<<20)
	x.parallel(10, func(x *trial, _ int) {
		for range x.n(10, 50, 200) {
			x.readsRange(p, c, x.rng.Int64N(c.size), 50000)
		}
	})
}
