package drivertest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func crashRules() []rule {
	return []rule{
		{"CRSH-01", Must, "A process killed during PutContent leaves the last acknowledged version or a later one, whole.", crashPut, 0},
		{"CRSH-02", Must, "A process killed during an upload leaves what was committed before.", crashWriter, relaxed},
		{"CRSH-03", Should, "After such a crash List and Walk show nothing that was never committed.", crashResidue, 0},
		{"CRSH-04", Must, "A process killed during Move leaves source or destination whole.", crashMove, 0},
		{"CRSH-05", Must, "Success is reported after the data, the rename and the directories have been flushed, in that order.", crashOrder, 0},
		{"CRSH-06", Should, "The same for Move, and for a Commit that a Move follows.", crashOrderMove, 0},
		{"CRSH-07", Must, "A Delete that was killed can be run again to the end, and siblings are whole.", crashDelete, 0},
		{"CRSH-08", Should, "Files and directories have the modes that the umask leaves.", crashModes, 0},
		{"CRSH-09", Should, "After a crash an upload resumes with a prefix of what was written.", crashResume, 0},
		{"CRSH-10", Should, "When unflushed data is lost, acknowledged objects are whole.", powerCuts, 0},
	}
}

// crashJob is what a worker process is asked to do until it is killed.
type crashJob struct {
	Verb     string
	Location string
	Root     string
	Rounds   int
}

const jobVariable = "DRIVERTEST_JOB"

// childJob is the job of this process, if it was started as a worker by Run.
func childJob() string { return os.Getenv(jobVariable) }

// testWorker returns a command that runs a job in this test binary, by the test of that name.
func testWorker(test string) func(job string) *exec.Cmd {
	return func(job string) *exec.Cmd {
		parts := strings.Split(test, "/")
		for i, p := range parts {
			parts[i] = "^" + p + "$"
		}
		cmd := exec.Command(os.Args[0], "-test.run="+strings.Join(parts, "/"), "-test.count=1")
		cmd.Env = append(os.Environ(), jobVariable+"="+job)
		return cmd
	}
}

const ackMark = "drivertest-ack "

// Work does a job of a crash rule in a process that will be killed. A program that sets
// Hooks.Worker calls it with the job that Worker was given; cfg needs Hooks.Reopen. It reports
// what it has done on standard output and ends early only on an error.
func Work(ctx context.Context, job string, cfg Config) error {
	var j crashJob
	if err := json.Unmarshal([]byte(job), &j); err != nil {
		return fmt.Errorf("drivertest: the job of a worker: %w", err)
	}
	if cfg.Hooks.Reopen == nil {
		return errors.New("drivertest: a worker needs Hooks.Reopen")
	}
	t, err := cfg.Hooks.Reopen(j.Location)
	if err != nil {
		return fmt.Errorf("drivertest: reopening the store in a worker: %w", err)
	}
	work, ok := workers()[j.Verb]
	if !ok {
		return fmt.Errorf("drivertest: a worker knows no job %q", j.Verb)
	}
	return work(ctx, t.open(), j)
}

// say reports progress; the parent reads it even after the kill.
func say(what string, n int) { fmt.Fprintf(os.Stdout, "\n%s%s %d\n", ackMark, what, n) }

func versionAt(n int) content {
	return content{object: 77, version: uint64(n), size: 30000 + int64(n%200)*16}
}

func workers() map[string]func(ctx context.Context, h handle, j crashJob) error {
	return map[string]func(ctx context.Context, h handle, j crashJob) error{
		"put": workPut, "write": workWrite, "move": workMove, "delete": workDelete, "resume": workResume, "publish": workPublish,
	}
}

func (j crashJob) each(f func(n int) error) error {
	for n := 1; n <= j.Rounds; n++ {
		say("begin", n)
		if err := f(n); err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
		say("done", n)
	}
	return nil
}

func workPut(ctx context.Context, h handle, j crashJob) error {
	return j.each(func(n int) error { return h.put(ctx, j.Root+"/dir/object", versionAt(n).bytes()) })
}

func upTo(ctx context.Context, h handle, p string, c content) error {
	w, err := h.writer(ctx, p, false)
	if err != nil {
		return err
	}
	for off := int64(0); off < c.size; off += 4000 {
		if _, err := w.Write(c.slice(off, min(off+4000, c.size))); err != nil {
			return err
		}
		// So that a kill comes during the upload more often than during the commit.
		time.Sleep(200 * time.Microsecond)
	}
	if err := w.Commit(ctx); err != nil {
		return err
	}
	return w.Close()
}

func workWrite(ctx context.Context, h handle, j crashJob) error {
	return j.each(func(n int) error { return upTo(ctx, h, j.Root+"/dir/object", versionAt(n)) })
}

func workMove(ctx context.Context, h handle, j crashJob) error {
	return j.each(func(n int) error {
		names := [2]string{j.Root + "/a/object", j.Root + "/b/object"}
		return h.move(ctx, names[(n+1)%2], names[n%2])
	})
}

func workDelete(ctx context.Context, h handle, j crashJob) error {
	return j.each(func(n int) error { return h.del(ctx, fmt.Sprintf("%s/dir%d", j.Root, n)) })
}

func workResume(ctx context.Context, h handle, j crashJob) error {
	c := content{object: 78, version: 1, size: 1 << 40}
	w, err := h.writer(ctx, j.Root+"/dir/object", false)
	if err != nil {
		return err
	}
	off := int64(0)
	return j.each(func(n int) error {
		if _, err := w.Write(c.slice(off, off+5000)); err != nil {
			return err
		}
		off += 5000
		if n%closing != 0 {
			return nil
		}
		if err := w.Close(); err != nil {
			return err
		}
		w, err = h.writer(ctx, j.Root+"/dir/object", true)
		return err
	})
}

// workPublish does each kind of write once, for a trace of its system calls.
func workPublish(ctx context.Context, h handle, j crashJob) error {
	say("put", 0)
	if err := h.put(ctx, j.Root+"/new/put/object", versionAt(1).bytes()); err != nil {
		return err
	}
	say("write", 0)
	if err := upTo(ctx, h, j.Root+"/new/write/object", versionAt(2)); err != nil {
		return err
	}
	say("move", 0)
	if err := h.move(ctx, j.Root+"/new/write/object", j.Root+"/new/move/object"); err != nil {
		return err
	}
	say("end", 0)
	return nil
}

// progress is what a worker has said.
type progress struct {
	begun, done int
	trouble     string
}

// closing is how many writes of an upload lie between two times that it is closed.
const closing = 5

// underWay is how many rounds a worker must have done before it is worth a kill: an
// upload that is to be resumed must have been closed.
func (j crashJob) underWay() int {
	if j.Verb == "resume" {
		return closing + 1
	}
	return 1
}

// readProgress reads what a worker says until it ends, and closes ready once so many rounds
// are done, or it has ended.
func readProgress(r io.Reader, rounds int, ready chan<- struct{}) progress {
	var p progress
	told := false
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), ackMark)
		if !ok {
			if len(p.trouble) < 2000 && strings.TrimSpace(lines.Text()) != "" {
				p.trouble += lines.Text() + "\n"
			}
			continue
		}
		what, number, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(number)
		switch {
		case err != nil:
		case what == "begin":
			p.begun = n
		case what == "done":
			p.done = n
			if !told && n >= rounds {
				told = true
				close(ready)
			}
		}
	}
	if !told {
		close(ready)
	}
	return p
}

// crash runs a job in a worker, kills it at a random moment once it is under way and
// returns how far it had come.
func (x *trial) crash(j crashJob) (progress, bool) {
	job, err := json.Marshal(j)
	if !x.noErr(err, "marshalling a job") {
		return progress{}, false
	}
	cmd := x.cfg.Hooks.Worker(string(job))
	cmd.Stderr = cmd.Stdout
	out, err := cmd.StdoutPipe()
	if !x.noErr(err, "a worker's output") || !x.noErr(cmd.Start(), "starting a worker") {
		return progress{}, false
	}
	ready, all := make(chan struct{}), make(chan progress, 1)
	go func() { all <- readProgress(out, j.underWay(), ready) }()
	select {
	case <-ready:
		sleep(x.ctx, time.Duration(x.rng.IntN(12000))*time.Microsecond)
	case <-time.After(x.cfg.CallTimeout):
		x.inconclusive("a worker was not under way after %s", x.cfg.CallTimeout)
	case <-x.ctx.Done():
	}
	_ = cmd.Process.Kill()
	p := <-all
	_ = cmd.Wait()
	if p.done == 0 {
		x.failf("a worker ended before it had done anything: %s", excerpt(p.trouble, 1500))
	}
	return p, x.ok()
}

// crashing prepares a location; without the hooks the rule is inconclusive.
func (x *trial) crashing() (location string, ok bool) {
	h := x.cfg.Hooks
	if !x.needs(h.Reopen != nil && h.Worker != nil, "Hooks.Reopen and Hooks.Worker (Run sets the latter)") {
		return "", false
	}
	dir, err := os.MkdirTemp("", "drivertest-")
	if !x.noErr(err, "making a directory") {
		return "", false
	}
	x.shared.open.add(&closer{func() { _ = os.RemoveAll(dir) }})
	return dir, true
}

// reopen opens the store at a location anew.
func (x *trial) reopen(location string) {
	t, err := x.cfg.Hooks.Reopen(location)
	if x.noErr(err, "Hooks.Reopen") {
		x.d = x.handleTo(t)
	}
}

func (x *trial) kills() int { return x.n(4, 20, 60) }

const endless = 1 << 20

// afterCrash demands a whole version, at least the last acknowledged.
func (x *trial) afterCrash(p string, got progress) {
	b, err := x.d.get(x.ctx, p)
	if !x.noErr(err, fmt.Sprintf("GetContent after a crash (%d acknowledged)", got.done)) {
		return
	}
	for n := got.done; n <= got.begun; n++ {
		c := versionAt(n)
		if int64(len(b)) == c.size && c.compare(b, make([]byte, len(b)), 0) == nil {
			return
		}
	}
	c := versionAt(got.done)
	m := c.compare(b, make([]byte, len(b)), 0)
	if m == nil {
		m = &mismatch{want: c, off: int64(len(b)), verdict: count(int64(len(b)), "byte")}
	}
	x.failf("after a crash the object is neither version %d, which was acknowledged, nor a later one: %s", got.done, brief(m))
}

func crashPut(x *trial) { crashLoop(x, "put") }

func crashWriter(x *trial) { crashLoop(x, "write") }

func crashLoop(x *trial, verb string) {
	for range x.kills() {
		location, ok := x.crashing()
		if !ok {
			return
		}
		got, ok := x.crash(crashJob{verb, location, x.root, endless})
		if !ok {
			return
		}
		x.reopen(location)
		x.afterCrash(x.p("dir/object"), got)
	}
}

func crashResidue(x *trial) {
	for _, verb := range []string{"put", "write", "resume"} {
		location, ok := x.crashing()
		if !ok {
			return
		}
		if _, ok := x.crash(crashJob{verb, location, x.root, endless}); !ok {
			return
		}
		x.reopen(location)
		_ = x.d.walk(x.ctx, "/", func(e entry) error {
			if !e.dir && e.path != x.p("dir/object") {
				x.failf("after a crash during %s Walk visits %q", verb, e.path)
			}
			return nil
		})
		l, err := x.d.list(x.ctx, x.p("dir"))
		if err != nil && !x.missing(err) {
			x.noErr(err, "List after a crash")
		}
		for _, p := range l {
			if x.ok() && p != x.p("dir/object") {
				x.failf("after a crash during %s List shows %q", verb, p)
			}
		}
	}
}

func crashMove(x *trial) {
	for range x.kills() {
		location, ok := x.crashing()
		if !ok {
			return
		}
		x.reopen(location)
		c := x.put(x.p("a/object"), 60000)
		if _, ok := x.crash(crashJob{"move", location, x.root, endless}); !ok {
			return
		}
		x.reopen(location)
		a, b := x.contentObjection(x.p("a/object"), c), x.contentObjection(x.p("b/object"), c)
		if x.ok() && a != "" && b != "" {
			x.failf("after a crash during Move neither path holds the object: %s; %s", a, b)
		}
	}
}

func crashDelete(x *trial) {
	for range max(x.kills()/2, 2) {
		location, ok := x.crashing()
		if !ok {
			return
		}
		x.reopen(location)
		const dirs = 40
		for i := 1; i <= dirs; i++ {
			x.puts(fmt.Sprintf("dir%d/a", i), fmt.Sprintf("dir%d/sub/b", i), fmt.Sprintf("dir%d/sub/c", i))
		}
		kept := x.puts("dir", "dirs/a", "keep/a")
		got, ok := x.crash(crashJob{"delete", location, x.root, dirs})
		if !ok {
			return
		}
		x.reopen(location)
		for p, c := range kept {
			x.holds(p, c)
		}
		for i := 1; i <= dirs; i++ {
			p := x.p(fmt.Sprintf("dir%d", i))
			if i <= got.done {
				x.absent(p + "/sub/b")
				continue
			}
			if err := x.d.del(x.ctx, p); err != nil && !x.missing(err) {
				x.noErr(err, "Delete, run again after a crash")
			}
			x.absent(p + "/a")
			x.absent(p + "/sub/b")
		}
	}
}

// crashModes looks at the files that a store keeps at its location, where it keeps any.
func crashModes(x *trial) {
	location, ok := x.crashing()
	if !ok {
		return
	}
	x.reopen(location)
	x.put(x.p("dir/object"), 100)
	x.write(x.p("dir/other"), 100)
	probe := filepath.Join(location, "drivertest-probe")
	if !x.noErr(os.Mkdir(probe, 0o777), "making a directory") {
		return
	}
	info, err := os.Stat(probe)
	if !x.noErr(err, "looking at a directory") {
		return
	}
	want := info.Mode().Perm()
	_ = os.Remove(probe)
	files := 0
	err = filepath.WalkDir(location, func(p string, d os.DirEntry, err error) error {
		if err != nil || p == location {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files++
		group := want & 0o070
		if !d.IsDir() {
			group &= 0o040
		}
		if mode := info.Mode().Perm(); mode&group&0o050 != group&0o050 && x.ok() {
			x.failf("%s has mode %s; the umask leaves %s", strings.TrimPrefix(p, location), mode, want)
		}
		return nil
	})
	x.noErr(err, "looking at the files")
	if files == 0 {
		x.inconclusive("the store keeps no files at its location")
	}
}

func crashResume(x *trial) {
	for range max(x.kills()/2, 2) {
		location, ok := x.crashing()
		if !ok {
			return
		}
		if _, ok := x.crash(crashJob{"resume", location, x.root, endless}); !ok {
			return
		}
		x.reopen(location)
		p := x.p("dir/object")
		w, err := x.d.writer(x.ctx, p, true)
		if err != nil {
			if !x.missing(err) {
				x.failf("append after a crash: %s", brief(err))
			}
			continue
		}
		size := w.size()
		x.noErr(w.commit(x.ctx), "Commit")
		_ = w.Close()
		c := content{object: 78, version: 1, size: size}
		x.reads(p, c, 0)
	}
}
