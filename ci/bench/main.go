//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	if err := bench(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(args []string, stdout *os.File) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var t tools
	flags.StringVar(&t.conform, "conform", "bin/conform", "our program")
	flags.StringVar(&t.distribution, "distribution", "", "the program registry of CNCF distribution 3")
	flags.StringVar(&t.crane, "crane", "", "the program crane")
	flags.StringVar(&t.debian, "docker-registry", "", "Debian's program docker-registry")
	rounds := flags.Int("rounds", 5, "how often each load is put on each server")
	each := flags.Duration("time", 400*time.Millisecond, "for how long")
	dir := flags.String("dir", "", "where the stores are made (default: the folder of temporary files)")
	only := flags.String("loads", "", "the pattern of the loads to put (default: all)")
	servers := flags.String("servers", "", "the pattern of the servers, NAME (STORE), to measure (default: all)")
	out := flags.String("out", "", "the document to put the tables into (default: standard output alone)")
	largest := flags.Int("largest", 128*miB, "the bytes of the largest blob to pull")
	null := flags.String("null", "", "be the server that is the ceiling of the loads, at this address")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c := newContent(*largest)
	if *null != "" {
		return serveNull(c, *null)
	}
	var err error
	if t.self, err = os.Executable(); err != nil {
		return err
	}
	stores, err := os.MkdirTemp(*dir, "conform-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stores)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &run{content: c, rounds: *rounds, time: *each, dir: stores, settle: true, progress: os.Stderr}
	if err := r.choose(t, *servers, *only); err != nil {
		return err
	}
	res, err := r.measure(ctx)
	if err != nil {
		return err
	}
	text := machine(r, t) + "\n\n" + tables(r, res)
	fmt.Fprint(stdout, text)
	if *out != "" {
		return update(*out, text)
	}
	return nil
}

// choose takes the candidates that are there, and the loads, that match.
func (r *run) choose(t tools, servers, only string) error {
	for _, program := range []string{t.conform, t.distribution, t.crane, t.debian} {
		if _, err := exec.LookPath(program); program != "" && err != nil {
			return err
		}
	}
	server, err := regexp.Compile(servers)
	if err != nil {
		return err
	}
	load, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	for _, c := range candidates(t) {
		if server.MatchString(c.name + " (" + c.store + ")") {
			r.candidates = append(r.candidates, c)
		}
	}
	for _, l := range loads(r.content) {
		if load.MatchString(l.name) {
			r.loads = append(r.loads, l)
		}
	}
	if len(r.candidates) == 0 || len(r.loads) == 0 {
		return fmt.Errorf("no server matches %q, or no load %q", servers, only)
	}
	return nil
}
