package drivertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

func registryRules() []rule {
	return []rule{
		{"REGI-01", Must, "A blob upload in three patches, with its state beside it, is committed, moved and cleaned up.", blobUpload, 0},
		{"REGI-02", Must, "Paging a catalog or tags, with pages of any size, gives every name once.", catalogPaging, 0},
		{"REGI-03", Must, "Many clients that push the same layer end with that layer.", samePush, 0},
		{"REGI-04", Must, "A purge of old uploads copes with empty and foreign entries.", purge, 0},
		{"REGI-05", Must, "A mark and sweep with deletes going on neither fails on what vanished nor misses what stays.", markAndSweep, 0},
		{"REGI-06", Must, "A layer mounted from another repository survives the end of that repository.", mounted, 0},
		{"REGI-07", Should, "While a tag is overwritten again and again, its link is always whole.", tagStorm, 0},
	}
}

func blobUpload(x *trial) {
	up := x.p("repositories/lib/app/_uploads/6b3c9a93-af5d-473f-a4e0-2f4bd0e1d0c7")
	blob := x.p("blobs/sha256/ab/abcdef/data")
	x.noErr(x.d.putBytes(x.ctx, up+"/startedat", []byte("2026-01-02T03:04:05Z")), "PutContent")
	u := x.start(up+"/data", 300000)
	for i, to := range []int64{100000, 200000, 300000} {
		if i > 0 {
			u.resume(x.another(), up+"/data")
		}
		u.write(to)
		x.put(fmt.Sprintf("%s/hashstates/sha256/%d", up, to), 100)
		if i < 2 {
			u.close()
		}
	}
	u.commit()
	u.close()
	x.isFile(up+"/data", 300000)
	x.move(up+"/data", blob)
	if x.ok() {
		x.noErr(x.d.del(x.ctx, up), "Delete of the upload's directory")
	}
	x.holds(blob, u.c)
	x.absent(up + "/data")
	x.absent(up + "/startedat")
	x.reads(blob, u.c, 123456)
}

var repositories = []string{
	"a", "a/b", "a-b", "a.b/c", "a/b/c", "ab", "a0", "lib/app", "lib/app-2", "lib/app/nested", "lib-app", "math", "math-voila", "math/x", "z/y/x/w",
}

func catalogPaging(x *trial) {
	if !x.needs(x.cfg.FilledBuffer != nil && x.cfg.SkipDir != nil, "Config.FilledBuffer and Config.SkipDir") {
		return
	}
	var tags []string
	for i := range 25 {
		tags = append(tags, fmt.Sprintf("0.1.%d", i))
	}
	for _, repo := range repositories {
		x.puts(repo+"/_layers/sha256/ab/link", repo+"/_manifests/revisions/sha256/cd/link", repo+"/_manifests/tags/latest/current/link")
	}
	for _, tag := range tags {
		x.puts("math/_manifests/tags/" + tag + "/current/link")
	}
	want := slices.Clone(repositories)
	slices.SortFunc(want, comparePaths)
	for _, size := range []int{1, 2, 4, 100} {
		got := x.catalog(size)
		if s := difference(got, want); x.ok() && s != "" {
			x.failf("a catalog in pages of %d: %s", size, s)
		}
	}
	x.lists(x.p("math/_manifests/tags"), append(tags, "latest")...)
	seen := x.skipping(x.p("math/_manifests/tags"), x.p("math/_manifests/tags/0.1.2"))
	if x.ok() && !slices.Contains(seen, x.p("math/_manifests/tags/0.1.20")) {
		x.failf("skipping the tag 0.1.2 loses the tag 0.1.20")
	}
}

// catalog lists the repositories a page at a time, as a registry does: a repository is a
// directory that holds _layers.
func (x *trial) catalog(size int) []string {
	var all []string
	last := ""
	compare := comparePaths
	if x.sem.ByteOrder {
		compare = strings.Compare
	}
	for range 3*len(repositories) + 3 {
		var page []string
		visit := func(e entry) error {
			repo, ok := strings.CutSuffix(strings.TrimPrefix(e.path, x.root+"/"), "/_layers")
			if ok && compare(repo, last) > 0 {
				page = append(page, repo)
				if len(page) == size && !x.sem.ByteOrder {
					return x.cfg.FilledBuffer
				}
			}
			if strings.HasPrefix(e.path[strings.LastIndexByte(e.path, '/')+1:], "_") {
				return x.cfg.SkipDir
			}
			return nil
		}
		hint := []string{}
		if last != "" {
			hint = []string{x.p(last + "/_layers")}
		}
		err := x.d.walk(x.ctx, x.root, visit, hint...)
		if errors.Is(err, errNoHint) {
			x.inconclusive("%v", errNoHint)
		}
		if !x.noErr(err, "Walk for a catalog") || len(page) == 0 {
			break
		}
		all = append(all, page...)
		last = slices.MaxFunc(page, compare)
	}
	return all
}

func samePush(x *trial) {
	const clients = 8
	blob := x.p("blobs/data")
	c := x.content(blob, 80000)
	x.parallel(clients, func(x *trial, i int) {
		up := x.p(fmt.Sprintf("uploads/%d", i))
		u := &upload{x: x, c: c}
		u.w, _ = x.openWriter(up+"/data", false)
		u.writeAll(30000)
		u.commit()
		u.close()
		if x.ok() {
			x.noErr(x.d.move(x.ctx, up+"/data", blob), "Move onto a blob that others push too")
			err := x.d.del(x.ctx, up)
			if err != nil && !x.missing(err) {
				x.noErr(err, "Delete of an upload's directory")
			}
		}
		x.holds(blob, c)
	})
	x.holds(blob, c)
	x.isFile(blob, c.size)
}

func purge(x *trial) {
	x.puts("r/_uploads/old/startedat", "r/_uploads/old/data", "r/_uploads/new/startedat", "r/_uploads/foreign", "r/_layers/x/link", "s/_uploads/only/data")
	u := x.start(x.p("r/_uploads/open/data"), 1000)
	u.write(500)
	u.close()
	if x.cfg.Hooks.Marker != nil {
		x.noErr(x.cfg.Hooks.Marker(x.p("r/_uploads/empty")), "Hooks.Marker")
		x.noErr(x.cfg.Hooks.Marker(x.p("r/_uploads")), "Hooks.Marker")
	}
	err := x.d.walk(x.ctx, x.root, func(e entry) error {
		name := e.path[strings.LastIndexByte(e.path, '/')+1:]
		if name == "" {
			return fmt.Errorf("Walk visits %q, which has no name", e.path)
		}
		if e.dir && (name == "old" || name == "only") {
			if err := x.d.del(x.ctx, e.path); err != nil && !x.missing(err) {
				return err
			}
		}
		return nil
	})
	x.noErr(err, "Walk that purges uploads")
	for _, n := range []string{"r/_uploads/old/data", "s/_uploads/only/data"} {
		x.absent(x.p(n))
	}
	for _, n := range []string{"r/_uploads/new/startedat", "r/_uploads/foreign", "r/_layers/x/link"} {
		x.isFile(x.p(n), 24)
	}
}

// markAndSweep has another goroutine delete repositories while a walk is at its fifth entry.
func markAndSweep(x *trial) {
	var live []string
	for i := range 12 {
		live = append(live, fmt.Sprintf("repos/live%d/_layers/link", i))
	}
	x.puts(live...)
	for range x.n(3, 20, 100) {
		for i := range 12 {
			x.puts(fmt.Sprintf("repos/gone%d/_layers/link", i))
		}
		begin, done := make(chan struct{}), make(chan struct{})
		x.parallel(2, func(x *trial, who int) {
			if who == 1 {
				defer close(done)
				<-begin
				for i := range 12 {
					if err := x.d.del(x.ctx, x.p(fmt.Sprintf("repos/gone%d", i))); err != nil && !x.missing(err) {
						x.noErr(err, "Delete during a mark")
					}
				}
				return
			}
			x.mark(live, begin, done)
		})
	}
}

// mark walks, lets the deletes begin at the fifth entry and waits for them at the tenth.
func (x *trial) mark(live []string, begin chan<- struct{}, done <-chan struct{}) {
	seen := map[string]bool{}
	err := x.d.walk(x.ctx, x.p("repos"), func(e entry) error {
		seen[e.path] = true
		switch len(seen) {
		case 5:
			close(begin)
		case 10:
			<-done
		}
		return nil
	})
	if len(seen) < 5 {
		close(begin)
	}
	x.noErr(err, "Walk during deletes")
	for _, n := range live {
		if x.ok() && !seen[x.p(n)] {
			x.failf("Walk during deletes misses %q, which stays", x.p(n))
		}
	}
}

func mounted(x *trial) {
	c := x.write(x.p("blobs/data"), 50000)
	x.puts("repos/a/_layers/link", "repos/b/_layers/link", "repos/ab/_layers/link")
	x.drop("repos/a")
	x.isFile(x.p("repos/b/_layers/link"), 24)
	x.isFile(x.p("repos/ab/_layers/link"), 24)
	x.absent(x.p("repos/a/_layers/link"))
	x.lists(x.p("repos"), "ab", "b")
	x.holds(x.p("blobs/data"), c)
}

func tagStorm(x *trial) {
	link := x.p("repo/_manifests/tags/latest/current/link")
	digest := func(i int) []byte { return []byte("sha256:" + strings.Repeat(fmt.Sprintf("%02x", i%256), 32)) }
	x.noErr(x.d.putBytes(x.ctx, link, digest(0)), "PutContent")
	x.parallel(6, func(x *trial, who int) {
		for i := range x.n(60, 300, 2000) {
			if !x.ok() {
				return
			}
			if who < 3 {
				x.noErr(x.d.putBytes(x.ctx, link, digest(i)), "PutContent of a link")
				continue
			}
			b, err := x.d.get(x.ctx, link)
			if !x.noErr(err, "GetContent of a link") {
				return
			}
			if len(b) != 71 || strings.Count(string(b[7:]), string(b[7:9])) != 32 && strings.Trim(string(b[7:]), string(b[7:9])) != "" {
				x.failf("a link that is being overwritten reads %q", excerpt(string(b), 80))
			}
		}
	})
}
