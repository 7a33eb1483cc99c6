package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"conform": main})
}

// TestScripts runs the scripts of testdata. Beside the commands of testscript
// they have:
//
//	exits STATUS PROGRAM ARGS...   the program ends with that status
//	within DURATION COMMAND...     COMMAND takes no longer than that
//	hostile KIND                   a server of that kind listens on $TARGET
//	interrupts STATUS PROGRAM ...  the program gets an interrupt after its
//	                               first request to $TARGET beyond /v2/
//	peak MIB                       the last line of stdout tells of less memory
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NO_PROXY", "*")
			env.Values[hostileKey{}] = new(*hostile)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"within":     within,
			"hostile":    startHostile,
			"interrupts": interrupts,
			"peak":       peak,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGS...")
	}
	checkStatus(ts, args[0], ts.Exec(args[1], args[2:]...))
}

func checkStatus(ts *testscript.TestScript, want string, err error) {
	got := "0"
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = strconv.Itoa(exit.ExitCode())
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %s, want %s", got, want)
	}
}

func within(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[1] != "exits" {
		ts.Fatalf("usage: within DURATION exits STATUS PROGRAM ARGS...")
	}
	most, err := time.ParseDuration(args[0])
	ts.Check(err)
	most *= timeFactor
	started := time.Now()
	exits(ts, neg, args[2:])
	if took := time.Since(started); took > most {
		ts.Fatalf("it took %v, want at most %v", took, most)
	}
}

func interrupts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupts STATUS PROGRAM ARGS...")
	}
	h := *ts.Value(hostileKey{}).(**hostile)
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("WORK"), "NO_PROXY=*")
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	ts.Check(cmd.Start())
	select {
	case <-h.beyond:
	case <-time.After(30 * time.Second):
		ts.Fatalf("no request beyond /v2/ came")
	}
	ts.Check(cmd.Process.Signal(syscall.SIGINT))
	checkStatus(ts, args[0], cmd.Wait())
}

var peakMiB = regexp.MustCompile(`(?m)peak memory (\d+) MiB\n\z`)

func peak(ts *testscript.TestScript, neg bool, args []string) {
	m := peakMiB.FindStringSubmatch(ts.ReadFile("stdout"))
	if neg || len(args) != 1 || m == nil {
		ts.Fatalf("usage: peak MIB, after a run that ends with its peak memory")
	}
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got, _ := strconv.Atoi(m[1]); got > most*memoryFactor {
		ts.Fatalf("peak memory %d MiB, want at most %d", got, most)
	}
}

// hostileKey is the key of the server that the script started last.
type hostileKey struct{}

func startHostile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hostile KIND")
	}
	h, err := newHostile(args[0])
	ts.Check(err)
	ts.Defer(h.close)
	ts.Setenv("TARGET", h.server.URL)
	*ts.Value(hostileKey{}).(**hostile) = h
	fmt.Fprintf(ts.Stdout(), "%s listens\n", args[0])
}
