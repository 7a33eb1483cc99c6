package drivertest

func deleteRules() []rule {
	return []rule{
		{"DELE-01", Must, "A deleted object is gone for every method.", deleteFile, 0},
		{"DELE-02", Must, "Delete of a directory removes all that is below it.", deleteDirectory, 0},
		{"DELE-03", Must, "Siblings that begin with the same name survive.", deleteSiblings, 0},
		{"DELE-04", Must, "Siblings that sort before the slash don't keep a directory from being deleted.", deleteBeforeSlash, 0},
		{"DELE-05", Must, "Delete of a missing path is a path-not-found error, whatever siblings begin with its name.", deleteMissing, 0},
		{"DELE-06", Must, "Delete of an object leaves everything else at and around its name.", deleteLookAlike, 0},
		{"DELE-07", Must, "Delete removes more entries than fit on a page.", deletePages, 0},
		{"DELE-08", Should, "Delete of a hundred thousand entries needs no more memory than that of a thousand.", deleteMany, alone},
		{"DELE-09", Must, "Delete of the root is refused or empties exactly the store.", deleteRoot, rootLevel},
		{"DELE-10", Must, "Unfinished uploads below a deleted directory don't come back.", deleteUploads, 0},
		{"DELE-11", Should, "A Delete that fails partway says so, and a second one finishes.", deletePartial, 0},
	}
}

func deleteFile(x *trial) {
	x.puts("dir/keep")
	for _, store := range []func(string, int64) content{x.put, x.write} {
		store(x.p("dir/object"), 5000)
		x.drop("dir/object")
		x.gone(x.p("dir/object"))
		x.lists(x.p("dir"), "keep")
	}
	x.isNotFound(x.d.del(x.ctx, x.p("dir/object")), x.p("dir/object"), "a second Delete")
}

func deleteDirectory(x *trial) {
	all := x.puts("dir/a", "dir/b/c", "dir/b/d/e", "dir/b/d/f/g", "dir/dir/dir")
	keep := x.put(x.p("other"), 50)
	x.drop("dir/b")
	for _, n := range []string{"dir/b/c", "dir/b/d/e", "dir/b/d/f/g", "dir/b"} {
		x.absent(x.p(n))
	}
	x.holds(x.p("dir/a"), all[x.p("dir/a")])
	x.holds(x.p("dir/dir/dir"), all[x.p("dir/dir/dir")])
	x.lists(x.p("dir"), "a", "dir")
	x.drop("dir")
	x.gone(x.p("dir"))
	x.holds(x.p("other"), keep)
	x.lists(x.root, "other")
}

func deleteSiblings(x *trial) {
	for _, s := range siblings {
		for _, n := range []string{"a", "a/file"} {
			x.each(n+" beside a"+s, func(x *trial) {
				c := x.put(x.p(n), 20)
				_ = c
				kept := x.puts("a" + s)
				x.drop("a")
				for p, c := range kept {
					x.holds(p, c)
				}
				x.absent(x.p("a"))
			})
		}
	}
}

func deleteBeforeSlash(x *trial) {
	kept := x.puts("a-", "a-b/x", "a.", "a.b", "a.c/a/file")
	x.puts("a/one", "a/two/three")
	x.drop("a")
	x.absent(x.p("a"))
	x.absent(x.p("a/one"))
	x.absent(x.p("a/two/three"))
	for p, c := range kept {
		x.holds(p, c)
	}
}

func deleteMissing(x *trial) {
	kept := x.puts("dir/ab", "dir/a-b", "dir/a.b/x", "dir/a0")
	for _, n := range []string{"dir/a", "dir/a-", "none", "none/none"} {
		err := x.d.del(x.ctx, x.p(n))
		x.isNotFound(err, x.p(n), "Delete of the missing "+quote(x.p(n)))
	}
	for p, c := range kept {
		x.holds(p, c)
	}
}

func deleteLookAlike(x *trial) {
	kept := x.puts("dir/sub/file", "dir/sub/file.d/file", "dir/fil", "dir/sub2/file", "file")
	x.puts("dir/file")
	x.drop("dir/file")
	for p, c := range kept {
		x.holds(p, c)
	}
	x.lists(x.p("dir"), "fil", "sub", "sub2")
}

func deletePages(x *trial) {
	x.patience(4)
	counts := []int{x.cfg.Limits.PageSize + 1}
	if x.cfg.Budget > Quick {
		counts = append(counts, 2*x.cfg.Limits.PageSize+x.cfg.Limits.PageSize/2)
	}
	keep := x.put(x.p("dir2/file"), 10)
	for _, n := range counts {
		x.fillDir(x.root, n, func(i int) string {
			if i%3 == 0 {
				return "dir/sub/" + numbered(i)
			}
			return "dir/" + numbered(i)
		})
		x.drop("dir")
		x.absent(x.p("dir"))
		x.absent(x.p("dir/" + numbered(n-1)))
		x.absent(x.p("dir/sub/" + numbered(0)))
		x.lists(x.root, "dir2")
	}
	x.holds(x.p("dir2/file"), keep)
}

func deleteMany(x *trial) {
	if !x.long() {
		return
	}
	x.patience(60)
	x.fillDir(x.root, 1000, func(i int) string { return "few/" + numbered(i) })
	x.fillDir(x.root, 100000, func(i int) string { return "many/" + numbered(i) })
	few := x.heapDuring(func() { x.drop("few") })
	many := x.heapDuring(func() { x.drop("many") })
	x.absent(x.p("many"))
	x.notef("heap during Delete: %d KiB for 1000 entries, %d KiB for 100000", few>>10, many>>10)
	if x.ok() && many > few+32<<20 {
		x.failf("Delete of 100000 entries used %d MiB of heap, of 1000 entries %d MiB", many>>20, few>>20)
	}
}

func deleteRoot(x *trial) {
	kept := x.puts("a/b", "c")
	err := x.d.del(x.ctx, "/")
	x.harmless(err, "Delete of the root")
	if err != nil {
		for p, c := range kept {
			x.holds(p, c)
		}
		return
	}
	for p := range kept {
		x.absent(p)
	}
	l, err := x.d.list(x.ctx, "/")
	if err != nil {
		x.isNotFound(err, "/", "List of the emptied root")
	} else if len(l) > 0 && x.ok() {
		x.failf("Delete of the root returned nil, and left %s", some(l))
	}
	c := x.put(x.p("again"), 10)
	x.holds(x.p("again"), c)
}

func deleteUploads(x *trial) {
	p := x.p("dir/uploads/1/data")
	x.puts("dir/uploads/1/startedat")
	u := x.start(p, 70000)
	u.write(60000)
	u.close()
	x.drop("dir/uploads/1")
	x.absent(p)
	x.vanished(x.p("dir/uploads/1"))
	x.puts("dir/uploads/1/startedat")
	x.lists(x.p("dir/uploads/1"), "startedat")
	x.absent(p)
	w, err := x.d.writer(x.ctx, p, true)
	if err == nil && x.ok() {
		if n := w.size(); n != 0 {
			x.failf("append resumes %d bytes of an upload whose directory was deleted", n)
		}
		_ = w.cancel(x.ctx)
		_ = w.Close()
	}
}

func deletePartial(x *trial) {
	f, ok := x.faulty(SecondPage)
	if !ok {
		return
	}
	n := x.cfg.Limits.PageSize + 50
	x.fillDir(x.p("dir"), n, numbered)
	f.Arm()
	err := x.d.del(x.ctx, x.p("dir"))
	f.Disarm()
	if err == nil {
		x.absent(x.p("dir"))
		x.vanished(x.p("dir"))
		return
	}
	if x.missing(err) {
		x.failf("a Delete that failed partway says path-not-found: %s", brief(err))
	}
	if err := x.d.del(x.ctx, x.p("dir")); err != nil && !x.missing(err) {
		x.noErr(err, "a second Delete")
	}
	x.vanished(x.p("dir"))
}
