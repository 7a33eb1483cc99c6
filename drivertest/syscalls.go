package drivertest

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// crashOrder and crashOrderMove run a worker under strace, where there is one, and read the order
// of its system calls.
func crashOrder(x *trial) { x.flushes("put", "write") }

func crashOrderMove(x *trial) { x.flushes("move") }

// phase is what happened between two reports of a worker.
type phase struct{ trouble []string }

func (x *trial) flushes(phases ...string) {
	location, ok := x.crashing()
	if !ok {
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		x.inconclusive("needs strace")
		return
	}
	job, err := json.Marshal(crashJob{"publish", location, x.root, 1})
	if !x.noErr(err, "marshalling a job") {
		return
	}
	trace := filepath.Join(location, "..", filepath.Base(location)+".strace")
	x.shared.open.add(&closer{func() { _ = os.Remove(trace) }})
	worker := x.cfg.Hooks.Worker(string(job))
	args := []string{
		"-f", "-y", "-s", "64", "-o", trace,
		"-e", "trace=write,pwrite64,copy_file_range,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,openat,unlink,unlinkat,rmdir,syncfs", "--",
	}
	cmd := exec.CommandContext(x.ctx, strace, append(append(args, worker.Path), worker.Args[1:]...)...)
	cmd.Env, cmd.Dir = worker.Env, worker.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			x.inconclusive("strace may not trace here: %s", excerpt(string(out), 200))
			return
		}
		x.failf("a worker under strace: %s: %s", brief(err), excerpt(string(out), 1000))
		return
	}
	b, err := os.ReadFile(trace)
	if !x.noErr(err, "reading the trace") {
		return
	}
	judged := readTrace(string(b), location)
	if judged["put"] == nil && judged["write"] == nil && judged["move"] == nil {
		x.inconclusive("the store keeps no files at its location")
		return
	}
	for _, name := range phases {
		if p := judged[name]; p != nil && len(p.trouble) > 0 {
			x.failf("%s: success was reported before everything was flushed: %s", name, strings.Join(p.trouble, "; "))
		}
	}
}

var (
	traceCall = regexp.MustCompile(`^\d+\s+(\w+)\((.*)$`)
	traceFile = regexp.MustCompile(`<(/[^>]*)>`)
	tracePath = regexp.MustCompile(`"(/?[^"]*)"`)
)

// readTrace follows what is not flushed below a location, and notes what is left of it whenever
// the worker reports. Phases that changed nothing at the location are left out.
func readTrace(trace, location string) map[string]*phase {
	f := unflushed{location: location, files: map[string]bool{}, entries: map[string]bool{}, written: map[string]bool{}}
	phases := map[string]*phase{}
	current, touched := "", false
	for _, line := range wholeCalls(trace) {
		m := traceCall.FindStringSubmatch(line)
		if m == nil || strings.Contains(line, ") = -1 ") {
			continue
		}
		if m[1] != "write" || !strings.Contains(m[2], ackMark) {
			touched = f.apply(m[1], m[2]) || touched
			continue
		}
		if touched && current != "" {
			phases[current] = &phase{f.trouble()}
		}
		_, rest, _ := strings.Cut(m[2], ackMark)
		current, _, _ = strings.Cut(rest, " ")
		touched = false
		f.forget()
	}
	return phases
}

// unflushed is what a power cut could lose below a location.
type unflushed struct {
	location string
	// files hold bytes that were not flushed; entries are names that their directories may not
	// hold for good; written are all files that were written or named.
	files, entries, written map[string]bool
}

func (f *unflushed) forget() {
	clear(f.files)
	clear(f.entries)
	clear(f.written)
}

// trouble names the written files that could be lost: by their bytes, by their name or by that of
// a directory above them.
func (f *unflushed) trouble() []string {
	var out []string
	for p := range f.files {
		out = append(out, "the bytes of "+strings.TrimPrefix(p, f.location))
	}
	for e := range f.entries {
		for p := range f.written {
			if p == e || strings.HasPrefix(p, e+"/") {
				out = append(out, "the name "+strings.TrimPrefix(e, f.location)+" in its directory")
				break
			}
		}
	}
	slices.Sort(out)
	return out
}

func (f *unflushed) inside(p string) bool { return strings.HasPrefix(p, f.location+"/") }

// apply takes account of a call and tells whether it changes anything below the location.
func (f *unflushed) apply(call, args string) bool {
	file := ""
	if m := traceFile.FindStringSubmatch(args); m != nil {
		file = m[1]
	}
	names := absolute(args)
	switch call {
	case "write", "pwrite64", "copy_file_range":
		if f.inside(file) {
			f.files[file], f.written[file] = true, true
			return true
		}
	case "fsync", "fdatasync":
		delete(f.files, file)
		for e := range f.entries {
			if filepath.Dir(e) == file {
				delete(f.entries, e)
			}
		}
	case "syncfs":
		clear(f.files)
		clear(f.entries)
	case "mkdir", "mkdirat":
		if len(names) == 1 && f.inside(names[0]) {
			f.entries[names[0]] = true
		}
	case "openat":
		if len(names) == 1 && f.inside(names[0]) && strings.Contains(args, "O_CREAT") {
			f.entries[names[0]] = true
		}
	case "unlink", "unlinkat", "rmdir":
		if len(names) == 1 {
			f.rename(names[0], "")
		}
	case "rename", "renameat", "renameat2", "link", "linkat":
		if len(names) == 2 && f.inside(names[1]) {
			f.rename(names[0], names[1])
			f.entries[names[1]], f.written[names[1]] = true, true
			return true
		}
	}
	return false
}

// rename gives everything at and below a path its new one; none means that it is gone.
func (f *unflushed) rename(from, to string) {
	for _, set := range []map[string]bool{f.files, f.entries, f.written} {
		for p := range maps.Clone(set) {
			if rest, ok := strings.CutPrefix(p, from); ok && (rest == "" || rest[0] == '/') {
				delete(set, p)
				if to != "" {
					set[to+rest] = true
				}
			}
		}
	}
}

// wholeCalls joins calls that strace had to write in two lines.
func wholeCalls(trace string) []string {
	var out []string
	unfinished := map[string]string{}
	for line := range strings.Lines(trace) {
		line = strings.TrimSpace(line)
		pid, _, _ := strings.Cut(line, " ")
		if head, ok := strings.CutSuffix(line, "<unfinished ...>"); ok {
			unfinished[pid] = head
			continue
		}
		if _, tail, ok := strings.Cut(line, "resumed>"); ok {
			line = unfinished[pid] + tail
		}
		out = append(out, line)
	}
	return out
}

// absolute returns the paths of a call; one that is relative to a descriptor is joined with it.
func absolute(args string) []string {
	files := traceFile.FindAllStringSubmatch(args, -1)
	var out []string
	for i, m := range tracePath.FindAllStringSubmatch(args, -1) {
		p := m[1]
		if !strings.HasPrefix(p, "/") && i < len(files) {
			p = filepath.Join(files[i][1], p)
		}
		out = append(out, filepath.Clean(p))
	}
	return out
}
