package drivertest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

func pathRules() []rule {
	return []rule{
		{"PATH-01", Must, "Every path of the grammar (components of letters, digits, '.', '_' and '-') works in every method.", grammar, 0},
		{"PATH-02", Must, "A malformed path is an invalid-path error in every method, and nothing is created.", malformed, 0},
		{"PATH-03", Must, "'.' and '..' as components reach nothing: neither outside the root nor another path by a second name.", dots, 0},
		{"PATH-04", Must, "An invalid-path error carries the path as it was given and the driver's name.", invalidCarries, 0},
		{"PATH-05", Must, "Components up to the longest one allowed work in PutContent, Writer and Move.", longComponents, 0},
		{"PATH-06", Should, "A component or path that is too long is an error; nothing is cut off, nothing half-made stays.", tooLong, 0},
		{"PATH-07", Must, "Paths of up to 32 components work.", depth, 0},
		{"PATH-08", Must, "A component may be repeated within a path, and each level can be addressed.", repeated, 0},
		{"PATH-09", Must, "Paths that differ in case alone are two paths, unless declared otherwise.", caseMatters, 0},
		{"PATH-10", Must, "No string of bytes as a path makes any method panic or hang.", fuzzPaths, 0},
		{"PATH-11", Should, "Paths that come back are absolute, clean, below the path asked for, and usable.", returned, 0},
		{"PATH-12", Should, "The paths that a registry uses work.", registryPaths, 0},
		{"PATH-13", Must, "An object where a directory is, or below an object, is refused or kept beside it as declared; what was there is never lost.", conflict, 0},
	}
}

var grammarNames = []string{
	"a", "A", "0", "_", "-", "a.b", ".a", "a.", "..a", "...", "a..b", "_x", "-x", "x-", "x_", "a-b_c.d", "0123456789", "abc.tar.gz",
	"ABCxyz", "--", "__", "a--b", "1.0", "latest", "_manifests", ".hidden", "con", "aux.txt", "tmp", "a.tmp", "index.json",
}

func grammar(x *trial) {
	for _, n := range grammarNames {
		x.each(n, func(x *trial) {
			throughAll(x, x.p(n))
			throughAll(x, x.p("d/"+n+"/e"))
		})
	}
	const letters = "abcXYZ019._-"
	for range x.n(8, 60, 300) {
		x.each("generated", func(x *trial) {
			var name strings.Builder
			for range 1 + x.rng.IntN(4) {
				name.WriteString("/q")
				for range x.rng.IntN(9) {
					name.WriteByte(letters[x.rng.IntN(len(letters))])
				}
			}
			throughAll(x, x.root+name.String())
		})
	}
}

// throughAll takes a path through every method.
func throughAll(x *trial, p string) {
	c := x.put(p, 33)
	x.holds(p, c)
	x.reads(p, c, 5)
	x.isFile(p, c.size)
	dir, name := p[:strings.LastIndexByte(p, '/')], p[strings.LastIndexByte(p, '/')+1:]
	x.lists(dir, name)
	if x.ok() && len(x.walked(dir)) != 1 {
		x.failf("Walk of %q does not visit exactly the one entry", dir)
	}
	_, err := x.d.redirect(request(http.MethodGet).WithContext(x.ctx), p)
	x.harmless(err, "RedirectURL")
	c = x.write(p, 50)
	x.holds(p, c)
	to := dir + "-moved/" + name
	if x.ok() {
		x.noErr(x.d.move(x.ctx, p, to), fmt.Sprintf("Move of %q to %q", p, to))
	}
	x.holds(to, c)
	if x.ok() {
		x.noErr(x.d.move(x.ctx, to, p), fmt.Sprintf("Move of %q to %q", to, p))
		x.noErr(x.d.del(x.ctx, p), "Delete of "+quote(p))
	}
	x.absent(p)
}

// method is a method of the driver as a function of a path.
type method struct {
	name   string
	writes bool
	rootOK bool
	call   func(x *trial, p string) error
}

func methods() []method {
	return []method{
		{"GetContent", false, false, func(x *trial, p string) error { _, err := x.d.get(x.ctx, p); return err }},
		{"PutContent", true, false, func(x *trial, p string) error { return x.d.putBytes(x.ctx, p, []byte("strayed")) }},
		{"Reader", false, false, func(x *trial, p string) error { return x.tryRead(p) }},
		{"Writer", true, false, func(x *trial, p string) error { return x.strayWriter(p) }},
		{"Stat", false, true, func(x *trial, p string) error { _, err := x.d.stat(x.ctx, p); return err }},
		{"List", false, true, func(x *trial, p string) error { _, err := x.d.list(x.ctx, p); return err }},
		{"Move from", true, false, func(x *trial, p string) error { return x.d.move(x.ctx, p, x.p("moved")) }},
		{"Move to", true, false, func(x *trial, p string) error { return x.d.move(x.ctx, x.p("keep"), p) }},
		{"Delete", true, false, func(x *trial, p string) error { return x.d.del(x.ctx, p) }},
		{"Walk", false, true, func(x *trial, p string) error {
			return x.d.walk(x.ctx, p, func(entry) error { return nil })
		}},
	}
}

// strayWriter writes through a Writer to the end; an error anywhere will do.
func (x *trial) strayWriter(p string) error {
	w, err := x.d.writer(x.ctx, p, false)
	if err != nil {
		return err
	}
	_, err = w.Write([]byte("strayed"))
	if err == nil {
		err = w.commit(x.ctx)
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	return err
}

func malformedPaths(x *trial) []string {
	return []string{
		"", "relative", "./relative", "a/b", "//double", x.root + "//double", x.root + "/trailing/", x.root + "/sp ace",
		x.root + "/nul\x00byte", x.root + "/bell\a", x.root + "/new\nline", x.root + "/del\x7f", x.root + "/ümlaut", x.root + "/\xff\xfe",
		x.root + "/per%2fcent", x.root + `/back\slash`, x.root + "/que?ry", x.root + "/ha#sh", x.root + "/st*r", x.root + "/co:lon", x.root + "/til~de",
		x.root + "/",
	}
}

func malformed(x *trial) {
	keep := x.put(x.p("keep"), 60)
	for _, p := range malformedPaths(x) {
		for _, m := range methods() {
			if !x.ok() {
				return
			}
			x.isInvalidPath(m.call(x, p), p, fmt.Sprintf("%s(%q)", m.name, p))
		}
	}
	x.holds(x.p("keep"), keep)
	x.lists(x.root, "keep")
}

func dottedPaths(x *trial) []string {
	up := strings.Repeat("/..", strings.Count(x.root, "/")+2)
	return []string{
		x.root + "/./keep", x.root + "/in/../keep", x.root + "/..", x.root + "/.", x.root + "/in/.", x.root + up + "/drivertest-escaped",
		"/../drivertest-escaped", "/..", "/.", "/./drivertest-escaped",
	}
}

func dots(x *trial) {
	keep := x.put(x.p("keep"), 60)
	in := x.put(x.p("in/file"), 61)
	for _, p := range dottedPaths(x) {
		for _, m := range methods() {
			if !x.ok() {
				return
			}
			x.anErr(m.call(x, p), fmt.Sprintf("%s(%q)", m.name, p))
		}
	}
	x.holds(x.p("keep"), keep)
	x.holds(x.p("in/file"), in)
	x.lists(x.root, "in", "keep")
	if _, err := x.d.stat(x.ctx, "/drivertest-escaped"); x.ok() && err == nil {
		x.failf("a path with dots became /drivertest-escaped")
	}
}

func invalidCarries(x *trial) {
	name, _ := x.d.name()
	x.put(x.p("keep"), 3)
	for _, m := range methods() {
		for _, p := range []string{"relative", x.root + "/sp ace", ""} {
			if !x.ok() {
				return
			}
			err := m.call(x, p)
			k := x.cfg.Errors.classify(err)
			what := fmt.Sprintf("%s(%q)", m.name, p)
			switch {
			case k.name != invalidPath:
				x.isInvalidPath(err, p, what)
			case k.path != p:
				x.failf("%s: the invalid-path error names %q", what, k.path)
			case k.driver != name && !strings.Contains(err.Error(), name):
				x.failf("%s: the invalid-path error names the driver %q, which is %q: %s", what, k.driver, name, brief(err))
			}
		}
	}
}

func longComponents(x *trial) {
	for _, n := range []int{1, 127, 128, 254, 255, x.cfg.Limits.MaxComponent} {
		if n > x.cfg.Limits.MaxComponent || len(x.root)+2*n+16 > x.cfg.Limits.MaxPath {
			continue
		}
		x.each(count(int64(n), "byte"), func(x *trial) {
			a, b := x.p(strings.Repeat("a", n)), x.p("d/"+strings.Repeat("b", n))
			x.holds(a, x.put(a, 20))
			c := x.write(a, 30)
			x.holds(a, c)
			x.noErr(x.d.move(x.ctx, a, b), "Move")
			x.holds(b, c)
			x.lists(x.p("d"), strings.Repeat("b", n))
			c = x.write(b, 31)
			x.holds(b, c)
		})
	}
}

func tooLong(x *trial) {
	x.put(x.p("keep"), 5)
	long := []string{x.p(strings.Repeat("a", x.cfg.Limits.MaxComponent+1)), x.root + strings.Repeat("/abcdefg", 8192)}
	for _, p := range long {
		err := x.d.putBytes(x.ctx, p, []byte("x"))
		x.harmless(err, "PutContent of a path of "+count(int64(len(p)), "byte"))
		if err == nil {
			b, err := x.d.get(x.ctx, p)
			if x.noErr(err, "GetContent of a long path that PutContent accepted") && string(b) != "x" {
				x.failf("a long path was accepted, and holds %q", b)
			}
			first, _, _ := strings.Cut(strings.TrimPrefix(p, x.root+"/"), "/")
			x.lists(x.root, "keep", first)
			x.noErr(x.d.del(x.ctx, p), "Delete of a long path that PutContent accepted")
		}
		x.harmless(x.strayWriter(p), "Writer on a long path")
		_ = x.d.del(x.ctx, p)
	}
	l, err := x.d.list(x.ctx, x.root)
	if !x.noErr(err, "List") {
		return
	}
	for _, got := range l {
		e, err := x.d.stat(x.ctx, got)
		if x.noErr(err, "Stat of a listed path") && !e.dir && got != x.p("keep") {
			x.failf("a path that was too long left %q behind", got)
		}
	}
}

func depth(x *trial) {
	p := x.root
	for n := 1; n <= 32 && x.ok(); n++ {
		p += "/d" + fmt.Sprint(n)
		f := p + "/file"
		x.holds(f, x.put(f, int64(n)))
	}
	if x.ok() {
		x.isDir(p)
		x.lists(p, "file")
	}
}

func repeated(x *trial) {
	a := x.put(x.p("n/n/n/leaf"), 21)
	b := x.put(x.p("m/m"), 22)
	x.holds(x.p("n/n/n/leaf"), a)
	x.holds(x.p("m/m"), b)
	x.isDir(x.p("n"))
	x.isDir(x.p("n/n"))
	x.isDir(x.p("m"))
	x.lists(x.p("n"), "n")
	x.lists(x.p("n/n"), "n")
	x.lists(x.p("m"), "m")
	if got := paths(x.walked(x.p("n"))); x.ok() {
		want := []string{x.p("n/n"), x.p("n/n/n"), x.p("n/n/n/leaf")}
		if s := difference(got, want); s != "" {
			x.failf("Walk of %q: %s", x.p("n"), s)
		}
	}
	if x.ok() {
		x.noErr(x.d.del(x.ctx, x.p("m/m")), "Delete of "+quote(x.p("m/m")))
	}
	x.absent(x.p("m/m"))
	x.holds(x.p("n/n/n/leaf"), a)
}

func caseMatters(x *trial) {
	if x.cfg.Semantics.FoldsCase {
		x.inconclusive("the driver is declared to fold case")
		return
	}
	lower, upper := x.put(x.p("name/a"), 40), x.put(x.p("Name/a"), 41)
	sub := x.put(x.p("name/A"), 42)
	x.holds(x.p("name/a"), lower)
	x.holds(x.p("Name/a"), upper)
	x.holds(x.p("name/A"), sub)
	x.lists(x.p("name"), "A", "a")
	x.lists(x.root, "Name", "name")
}

func fuzzPaths(x *trial) {
	x.put(x.p("keep"), 5)
	for range x.n(150, 2000, 20000) {
		if !x.ok() {
			return
		}
		p := randomPath(x)
		m := methods()[x.rng.IntN(10)]
		if m.writes && strings.HasPrefix(p, "/") && !strings.HasPrefix(p, x.root+"/") {
			continue // whatever it is, it is not ours to change
		}
		ctx, cancel := context.WithTimeout(x.ctx, x.cfg.CallTimeout)
		sub := x.over(x.d)
		sub.ctx = ctx
		x.harmless(m.call(sub, p), fmt.Sprintf("%s(%q)", m.name, p))
		cancel()
	}
}

// randomPath is a path of random bytes, or a good one with a few bytes changed.
func randomPath(x *trial) string {
	b := []byte(x.p("keep/a.b/c-d"))
	if x.rng.IntN(3) == 0 {
		b = make([]byte, x.rng.IntN(40))
		for i := range b {
			b[i] = byte(x.rng.Uint32())
		}
		return string(b)
	}
	const nasty = "/./..//\x00\\%~\xff "
	for range 1 + x.rng.IntN(3) {
		b[len(x.root)+x.rng.IntN(len(b)-len(x.root))] = nasty[x.rng.IntN(len(nasty))]
	}
	return string(b)
}

func returned(x *trial) {
	x.puts("a/b/c", "a/b.c", "a-b/c", "d")
	var all []string
	for _, dir := range []string{x.root, x.p("a"), x.p("a/b")} {
		l, err := x.d.list(x.ctx, dir)
		x.noErr(err, "List")
		all = append(all, l...)
	}
	all = append(all, paths(x.walked(x.root))...)
	for _, p := range all {
		if !x.ok() {
			return
		}
		bad := !strings.HasPrefix(p, x.root+"/") || strings.HasSuffix(p, "/") || strings.Contains(p, "//") || strings.Contains(p, `\`)
		if bad {
			x.failf("a returned path is not absolute, clean and below the rule's directory: %q", p)
			return
		}
		e, err := x.d.stat(x.ctx, p)
		if x.noErr(err, "Stat of a returned path") && e.path != p {
			x.failf("Stat of the returned path %q names %q", p, e.path)
		}
	}
}

func registryPaths(x *trial) {
	hex := strings.Repeat("0123456789abcdef", 4)
	repo := "docker/registry/v2/repositories/lib-rary/my_image.v2/"
	for _, n := range []string{
		repo + "_uploads/6b3c9a93-af5d-473f-a4e0-2f4bd0e1d0c7/data",
		repo + "_uploads/6b3c9a93-af5d-473f-a4e0-2f4bd0e1d0c7/startedat",
		repo + "_uploads/6b3c9a93-af5d-473f-a4e0-2f4bd0e1d0c7/hashstates/sha256/0",
		repo + "_layers/sha256/" + hex + "/link",
		repo + "_manifests/revisions/sha256/" + hex + "/link",
		repo + "_manifests/tags/1.0.0-rc.1/index/sha256/" + hex + "/link",
		repo + "_manifests/tags/1.0.0-rc.1/current/link",
		"docker/registry/v2/blobs/sha256/01/" + hex + "/data",
	} {
		x.each(n, func(x *trial) { throughAll(x, x.p(n)) })
	}
}

func conflict(x *trial) {
	if x.sem.Coexist && !x.cfg.Semantics.Coexist {
		x.failf("an object and a directory share a path; that is not declared (Semantics.Coexist)")
		return
	}
	conflictCases(x)
}

func conflictCases(x *trial) {
	below := func(x *trial, store func(p string) error) {
		c := x.put(x.p("file"), 30)
		x.judgeConflict(store(x.p("file/below")), x.p("file/below"), x.p("file"), c)
	}
	above := func(x *trial, store func(p string) error) {
		c := x.put(x.p("dir/deep/file"), 30)
		x.judgeConflict(store(x.p("dir")), x.p("dir"), x.p("dir/deep/file"), c)
	}
	for name, f := range map[string]func(*trial, func(string) error){"below an object": below, "onto a directory": above} {
		x.each("PutContent "+name, func(x *trial) {
			f(x, func(p string) error { return x.d.putBytes(x.ctx, p, []byte("strayed")) })
		})
		x.each("Writer "+name, func(x *trial) { f(x, x.strayWriter) })
	}
}

// judgeConflict accepts a refusal, or both kept; what was there is kept always.
func (x *trial) judgeConflict(err error, at, old string, c content) {
	x.harmless(err, "a write to "+quote(at))
	x.holds(old, c)
	if !x.ok() {
		return
	}
	b, gerr := x.d.get(x.ctx, at)
	switch {
	case err == nil && !x.sem.Coexist:
		x.failf("a write to %q, which conflicts with %q, succeeded", at, old)
	case err == nil && (gerr != nil || string(b) != "strayed"):
		x.failf("a write to %q succeeded, but reads %q, %s", at, b, brief(gerr))
	case err != nil && gerr == nil:
		x.failf("a write to %q was refused (%s), but can be read: %q", at, brief(err), excerpt(string(b), 40))
	}
}
