//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A candidate is a server that is measured, with one kind of store.
type candidate struct {
	name  string
	store string // "disk", "memory", or "none"
	// synced tells what is on stable storage when content is acknowledged.
	synced  string
	program string
	// args returns the arguments for an address, and a store in dir.
	args func(host, dir string) ([]string, error)
	// without matches the loads that would take it minutes.
	without *regexp.Regexp
}

// tools are the programs of the candidates; without one its candidates are
// left out.
type tools struct{ self, conform, distribution, debian, crane string }

const never = "nothing"

func candidates(t tools) []candidate {
	fixed := func(args ...string) func(host, dir string) ([]string, error) {
		return func(host, dir string) ([]string, error) {
			out := slices.Clone(args)
			for i := range out {
				out[i] = strings.NewReplacer("HOST", host, "DIR", filepath.Join(dir, "store")).Replace(out[i])
			}
			return out, nil
		}
	}
	ours := func(args ...string) func(host, dir string) ([]string, error) {
		return fixed(append([]string{"serve", "--addr", "HOST"}, args...)...)
	}
	crane := func(args ...string) func(host, dir string) ([]string, error) {
		return fixed(append([]string{"registry", "serve", "--address", "HOST"}, args...)...)
	}
	const files, names = "files", "files and names"
	all := []candidate{
		{"ours", "disk", names, t.conform, ours("--storage", "DIR"), nil},
		{"distribution 3", "disk", files, t.distribution, distribution("filesystem:\n    rootdirectory: DIR"), nil},
		{"docker-registry 2.8", "disk", files, t.debian, distribution("filesystem:\n    rootdirectory: DIR"), nil},
		{"ours, relaxed", "disk", never, t.conform, ours("--storage", "DIR", "--durability", "relaxed", "--exclusive"), nil},
		{"crane", "disk", never, t.crane, crane("--disk", "DIR"), nil},
		{"ours", "memory", never, t.conform, ours("--memory-limit", "4GiB"), nil},
		{"crane", "memory", never, t.crane, crane(), nil},
		{"distribution 3", "memory", never, t.distribution, distribution("inmemory: {}"), regexp.MustCompile("^push of 64 MiB")},
		{"ceiling", "none", never, t.self, fixed("-null", "HOST"), nil},
	}
	return slices.DeleteFunc(all, func(c candidate) bool { return c.program == "" })
}

// distribution returns the arguments of versions 2 and 3, and writes the
// configuration, whose form they share.
func distribution(store string) func(host, dir string) ([]string, error) {
	return func(host, dir string) ([]string, error) {
		text := "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  " +
			strings.ReplaceAll(store, "DIR", strconv.Quote(filepath.Join(dir, "store"))) +
			"\n  maintenance:\n    uploadpurging:\n      enabled: false\nhttp:\n  addr: " + host + "\n  secret: conform\n"
		config := filepath.Join(dir, "config.yml")
		return []string{"serve", config}, os.WriteFile(config, []byte(text), 0o600)
	}
}

// A server is a candidate that runs.
type server struct {
	candidate
	command *exec.Cmd
	dir     string
	host    string
}

// start starts a candidate with an empty store below dir, and waits until it
// answers.
func start(ctx context.Context, c candidate, dir string) (*server, error) {
	host, err := freeHost()
	if err != nil {
		return nil, err
	}
	store, err := os.MkdirTemp(dir, "server-")
	if err == nil {
		err = os.Mkdir(filepath.Join(store, "store"), 0o777)
	}
	if err != nil {
		return nil, err
	}
	args, err := c.args(host, store)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(store, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &server{candidate: c, command: exec.Command(c.program, args...), dir: store, host: host}
	s.command.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	s.command.Stdout, s.command.Stderr = log, log
	// It is to end with us, whatever happens.
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	if err := s.wait(ctx); err != nil {
		text, _ := os.ReadFile(log.Name())
		s.stop()
		return nil, fmt.Errorf("%s (%s) does not answer: %w\n%s", c.name, c.store, err, text)
	}
	return s, nil
}

// freeHost returns an address that nobody listens on.
func freeHost() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// wait waits until the server takes a connection.
func (s *server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		c, err := net.Dial("tcp", s.host)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends the server and removes its store.
func (s *server) stop() {
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
	_ = os.RemoveAll(s.dir)
}

// cpu returns the processor time that the server has used.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		return 0
	}
	// The name in parentheses may hold blanks.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, _ := strconv.ParseInt(f, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100)
}

// peak returns the most memory that the server has had, in bytes.
func (s *server) peak() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}
