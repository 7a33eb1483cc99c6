package need

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout bounds the time until a server says that it is ready.
const startTimeout = 30 * time.Second

// Server starts command and returns what the first group of ready matches in
// its output, the port or the address that it listens on. The server is ended
// with the test, by a SIGTERM to its process and, if it lingers, by a SIGKILL;
// it does not outlive a test binary that is killed. Its output is logged where
// the test fails.
func Server(tb testing.TB, command *exec.Cmd, ready *regexp.Regexp) string {
	tb.Helper()
	log := &output{ready: ready, found: make(chan string, 1)}
	command.Stdout, command.Stderr = log, log
	dieWithParent(command)
	if err := command.Start(); err != nil {
		tb.Fatalf("start %s: %v", command.Path, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	tb.Cleanup(func() {
		end(command, ended)
		if tb.Failed() {
			tb.Logf("output of %s, the end:\n%s", command.Path, log.tail(4<<10))
		}
	})
	ctx, cancel := context.WithTimeout(tb.Context(), startTimeout)
	defer cancel()
	select {
	case address := <-log.found:
		return address
	case err := <-ended:
		ended <- err
		tb.Fatalf("%s ended before it was ready: %v", command.Path, err)
	case <-ctx.Done():
		tb.Fatalf("%s was not ready after %v", command.Path, startTimeout)
	}
	return ""
}

func end(command *exec.Cmd, ended <-chan error) {
	command.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		command.Process.Signal(os.Kill)
		<-ended
	}
}

// output keeps the newest part of what a server prints, and looks in it for
// the line that says that it is ready.
type output struct {
	ready *regexp.Regexp
	found chan string

	mu   sync.Mutex
	text []byte
	done bool
}

const maxOutput = 1 << 20

// Write never fails.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	if !o.done {
		// A match that ends where the text does may still grow.
		if m := o.ready.FindSubmatchIndex(o.text); m != nil && m[1] < len(o.text) {
			o.done = true
			o.found <- string(o.text[m[2]:m[3]])
		}
	}
	if len(o.text) > maxOutput {
		o.text = bytes.Clone(o.text[len(o.text)-maxOutput/2:])
	}
	return len(p), nil
}

func (o *output) tail(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text[max(0, len(o.text)-n):])
}
