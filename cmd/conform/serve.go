package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/registryconform/conform/cmd/conform/internal/embedded"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/quirk"
)

// serveFlags are the flags of the verb serve.
type serveFlags struct {
	registry    embedded.Options
	storage     string
	durability  string
	memoryLimit string
	log         bool
	listFaults  bool
}

func newServe(s streams) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve [flags] [CONFIG] [-- COMMAND ARGUMENTS...]",
		Short: "Serve the reference registry",
		Long: `Serve the reference registry: the whole API, in memory unless told otherwise.

With --storage DIR, uploads that were given up are purged once a day, and with
--gc-interval what no repository needs is removed as conform gc does it, while
pushes go on. Several servers may share a DIR; one of them collects at a time.

CONFIG is a YAML file in the shape of distribution's: where content is kept, also in
S3 or Azure Blob Storage, and how it is served. Variables REGISTRY_SECTION_KEY in the
environment override it, and flags override both. As there, deletes are off unless
it says otherwise, and requests are logged. What it asks for and is not here is
told; a registry that should ask for logins, or pull through, is not served.

It prints one line once it answers, "listening on URL", and nothing else. With a
command behind --, the command runs with REGISTRY=HOST:PORT in its environment,
and serve ends with its status.`,
		Example: `  conform serve --addr 127.0.0.1:0
  conform serve --storage ./data --log
  conform serve /etc/docker/registry/config.yml
  conform serve --fault put-digest-mismatch-201 -- ./client-tests`,
		RunE: func(c *cobra.Command, args []string) error {
			before := c.ArgsLenAtDash()
			if before < 0 {
				before = len(args)
			}
			if before > 1 {
				return fmt.Errorf("unexpected argument %q (a command to run stands behind --)", args[1])
			}
			if f.listFaults {
				return listFaults(s.out)
			}
			if before == 1 {
				if err := f.configure(args[0], c.Flags().Changed, s); err != nil {
					return err
				}
			}
			return f.serve(c.Context(), s, args[before:])
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.registry.Addr, "addr", "127.0.0.1:5000", "listen on `HOST:PORT`; port 0 is any that is free")
	flags.StringVar(&f.registry.DebugAddr, "debug-addr", "", "tell at `HOST:PORT` how the process and its cache are doing (/debug/vars), and give profiles (/debug/pprof/)")
	flags.StringVar(&f.storage, "storage", "memory", "keep content in `memory|DIR`")
	flags.StringVar(&f.durability, "durability", "strict", "acknowledge content when a crash of the machine, or of the process alone, can no longer lose it: `strict|relaxed`")
	flags.BoolVar(&f.registry.Exclusive, "exclusive", false, "be the only one that changes the storage, and keep uploads that have no content yet, and what is known of small files, in memory")
	flags.StringVar(&f.memoryLimit, "memory-limit", "1GiB", "bound a memory store to `SIZE`; beyond it pushes are answered 507")
	flags.StringVar(&f.registry.Cache, "cache", "none", "remember which blobs there are in `none|memory|redis://HOST:PORT`; with memory, what another process deletes from the storage is seen after five minutes at most")
	flags.BoolVar(&f.registry.Schema1, "schema1", false, "take signed manifests of schema 1, too, if name, tag and signatures are right")
	flags.StringArrayVar(&f.registry.Faults, "fault", nil, "misbehave as `NAME` says (repeatable)")
	flags.BoolVar(&f.listFaults, "list-faults", false, "list the names that --fault takes, and end")
	flags.BoolVar(&f.log, "log", false, "write a line for each request to standard error")
	f.maintenance(c)
	flags.StringVar(&f.registry.CertFile, "tls-cert", "", "serve https with the certificate of `FILE`")
	flags.StringVar(&f.registry.KeyFile, "tls-key", "", "the certificate's key, in `FILE`")
	c.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	return c
}

// maintenance adds the flags of what is done to the store meanwhile.
func (f *serveFlags) maintenance(c *cobra.Command) {
	flags := c.Flags()
	m := &f.registry.Maintenance
	m.Collect.Settle = settle
	flags.DurationVar(&m.CollectEvery, "gc-interval", 0, "remove what no repository needs so often; 0 is never")
	flags.DurationVar(&m.Collect.Grace, "gc-grace", time.Hour, "let a collection keep what is younger")
	flags.BoolVar(&m.Collect.Untagged, "gc-untagged", false, "let a collection remove manifests that no tag, index or subject leads to, too")
	flags.BoolVar(&m.Collect.DryRun, "gc-dry-run", false, "let a collection remove nothing, and log what it would remove")
	flags.DurationVar(&m.PurgeEvery, "purge-interval", 24*time.Hour, "purge uploads that were given up so often; 0 is never")
	flags.DurationVar(&m.UploadAge, "upload-age", 7*24*time.Hour, "take an upload for given up when nothing has happened for so long")
	flags.BoolVar(&m.PurgeDryRun, "purge-dry-run", false, "purge nothing, and log what would be purged")
}

func (f *serveFlags) checkMaintenance() error {
	m := f.registry.Maintenance
	for name, value := range map[string]time.Duration{"gc interval": m.CollectEvery, "gc grace": m.Collect.Grace, "purge interval": m.PurgeEvery} {
		if value < 0 {
			return fmt.Errorf("%s %s: must not be below 0", name, value)
		}
	}
	if m.UploadAge < garbage.MinUploadAge {
		return fmt.Errorf("upload age %s: must be at least %s", m.UploadAge, garbage.MinUploadAge)
	}
	return nil
}

func listFaults(w io.Writer) error {
	fmt.Fprintln(w, "Faults, each of which breaks one promise:")
	printQuirks(w, quirk.All())
	fmt.Fprintln(w, "\nVariations, which the specification allows and clients tend not to expect:")
	return printQuirks(w, quirk.Variations())
}

func printQuirks(w io.Writer, all []quirk.Quirk) error {
	for _, q := range all {
		if _, err := fmt.Fprintf(w, "  %-34s %s\n", q.Name, q.Doc); err != nil {
			return err
		}
	}
	return nil
}

// options returns the options of the registry, checked.
func (f *serveFlags) options(s streams) (embedded.Options, error) {
	o := f.registry
	if err := f.checkMaintenance(); err != nil {
		return o, err
	}
	limit, err := units.RAMInBytes(f.memoryLimit)
	if err != nil || limit <= 0 {
		return o, fmt.Errorf("memory limit %q: not a size such as 512MiB", f.memoryLimit)
	}
	o.MemoryLimit = limit
	switch f.storage {
	case "memory":
	case "":
		return o, errors.New("storage is empty: want memory or a directory")
	default:
		o.Storage, o.Driver = f.storage, nil
	}
	switch f.durability {
	case "strict":
	case "relaxed":
		o.Relaxed = true
	default:
		return o, fmt.Errorf("durability %q: want strict or relaxed", f.durability)
	}
	if f.log && o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(s.err, nil))
	}
	return o, nil
}

// serve serves until ctx ends or the command does.
func (f *serveFlags) serve(ctx context.Context, s streams, command []string) error {
	o, err := f.options(s)
	if err != nil {
		return err
	}
	if o.Storage == "" && o.Driver == nil {
		adviseHugePages(o.MemoryLimit)
	}
	r, err := embedded.Start(ctx, o)
	if err != nil {
		return err
	}
	defer r.Close()
	ready := s.out
	if len(command) > 0 {
		ready = s.err
	}
	if _, err := fmt.Fprintf(ready, "listening on %s\n", r.URL()); err != nil {
		return &statusError{1, err}
	}
	if debug := r.DebugURL(); debug != nil {
		fmt.Fprintf(s.err, "debugging on %s\n", debug)
	}
	if len(command) > 0 {
		return runChild(s, command, r.Host())
	}
	if err := r.Wait(ctx); err != nil {
		return &statusError{1, err}
	}
	return nil
}

// runChild runs the command to its end and returns its status as an error. The
// signals that would end us go to the child: its end is ours. From a terminal
// it has had an interrupt already.
func runChild(s streams, command []string, host string) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	child := exec.Command(command[0], command[1:]...)
	child.Env = append(os.Environ(), "REGISTRY="+host)
	child.Stdin, child.Stdout, child.Stderr = s.in, s.out, s.err
	if err := child.Start(); err != nil {
		return fmt.Errorf("command %s: %w", command[0], startError(err))
	}
	done := make(chan error, 1)
	go func() { done <- child.Wait() }()
	for {
		select {
		case sig := <-signals:
			if sig != os.Interrupt || s.in == nil || !term.IsTerminal(int(s.in.Fd())) {
				child.Process.Signal(sig)
			}
		case err := <-done:
			return childStatus(err)
		}
	}
}

func startError(err error) error {
	var e *exec.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// childStatus returns what makes us end as the child did: as shells have it,
// 128 and the signal for one that a signal ended.
func childStatus(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &statusError{128 + int(status.Signal()), fmt.Errorf("the command was ended by a signal: %s", strings.TrimSpace(status.Signal().String()))}
	}
	return &statusError{exit.ExitCode(), nil}
}
