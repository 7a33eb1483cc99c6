package drivertest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
		"-e", "trace=write,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,openat,syncfs", "--",
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

// readTrace follows which files and directories below a location hold changes that were not
// flushed, and notes what is left whenever the worker reports. Phases that changed nothing at the
// location are left out.
func readTrace(trace, location string) map[string]*phase {
	dirty := map[string]string{}
	phases := map[string]*phase{}
	current, touched := "", false
	for _, line := range wholeCalls(trace) {
		m := traceCall.FindStringSubmatch(line)
		if m == nil || strings.Contains(line, ") = -1 ") {
			continue
		}
		if m[1] != "write" || !strings.Contains(m[2], ackMark) {
			touched = applyCall(m[1], m[2], location, dirty) || touched
			continue
		}
		if touched && current != "" {
			phases[current] = &phase{}
			for _, why := range dirty {
				phases[current].trouble = append(phases[current].trouble, why)
			}
		}
		_, rest, _ := strings.Cut(m[2], ackMark)
		current, _, _ = strings.Cut(rest, " ")
		touched = false
		clear(dirty)
	}
	return phases
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

// applyCall updates what is dirty and tells whether the call concerns the location.
func applyCall(call, args, location string, dirty map[string]string) bool {
	inside := func(p string) bool { return strings.HasPrefix(p, location+"/") || p == location }
	file := ""
	if f := traceFile.FindStringSubmatch(args); f != nil {
		file = f[1]
	}
	names := absolute(args)
	switch call {
	case "write":
		if inside(file) {
			dirty[file] = "the content of " + strings.TrimPrefix(file, location)
			return true
		}
	case "fsync", "fdatasync":
		delete(dirty, file)
		return inside(file)
	case "syncfs":
		clear(dirty)
		return true
	case "mkdir", "mkdirat":
		if len(names) > 0 && inside(names[0]) {
			dirty[filepath.Dir(names[0])] = "the new entry " + strings.TrimPrefix(names[0], location) + " in its directory"
			return true
		}
	case "rename", "renameat", "renameat2", "link", "linkat":
		if len(names) < 2 || !inside(names[1]) {
			return false
		}
		if why, ok := dirty[names[0]]; ok {
			dirty["renamed "+names[0]] = why + ", which was renamed before it was flushed"
			delete(dirty, names[0])
		}
		dirty[filepath.Dir(names[1])] = "the new name " + strings.TrimPrefix(names[1], location) + " in its directory"
		return true
	}
	return false
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
