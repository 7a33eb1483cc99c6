package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/registryconform/conform/cmd/conform/internal/embedded"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/garbage"
	"github.com/registryconform/conform/reference/manifest"
	"github.com/registryconform/conform/reference/manifest/schema1"
	"github.com/registryconform/conform/reference/storage"
)

// settle is how long a collection lets pushes end that are under way when it
// begins.
const settle = 2 * time.Second

type gcFlags struct {
	collect   garbage.Options
	uploadAge time.Duration
	json      bool
}

func newGC(s streams) *cobra.Command {
	f := &gcFlags{collect: garbage.Options{Settle: settle}}
	c := &cobra.Command{
		Use:   "gc DIR|CONFIG",
		Short: "Remove from a store what no repository needs",
		Long: `Remove from a store what no repository needs: links to blobs that no manifest
of the repository refers to, content without a link, uploads that were given up
and, with --untagged, manifests to which no tag, index or subject leads.

DIR is the directory of a store, the one that holds docker/registry/v2. CONFIG is
the configuration of a registry, whose storage it is, as conform serve CONFIG
reads it. Servers of this program may go on with it, pushes and all: nothing goes
on which a push relies, nor what is younger than --grace. But one with --exclusive
must collect by itself (--gc-interval). Of others none may push meanwhile. A
repository with a manifest that can't be read is left alone, and named. Where
another registry has pushed manifests with a subject, it adds them to the index
of referrers.

Exit status: 0 it is done, 1 it broke off, as when another collection is under
way, 2 it could not begin.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.collect.Grace < 0:
				return fmt.Errorf("grace %s: must not be below 0", f.collect.Grace)
			case f.uploadAge < garbage.MinUploadAge:
				return fmt.Errorf("upload age %s: must be at least %s", f.uploadAge, garbage.MinUploadAge)
			}
			return f.run(c.Context(), s, args[0])
		},
	}
	c.Flags().BoolVar(&f.collect.DryRun, "dry-run", false, "remove nothing, print what would be removed")
	c.Flags().BoolVar(&f.collect.Untagged, "untagged", false, "remove manifests that no tag, index or subject leads to")
	c.Flags().DurationVar(&f.collect.Grace, "grace", time.Hour, "keep what is younger")
	c.Flags().DurationVar(&f.uploadAge, "upload-age", 7*24*time.Hour, "purge uploads at which nothing happened for so long")
	c.Flags().BoolVar(&f.json, "json", false, "print a JSON object in each line: what is removed, then the summary")
	return c
}

// collected counts what was removed.
type collected struct {
	Manifests int   `json:"manifests"`
	Layers    int   `json:"layers"`
	Contents  int   `json:"contents"`
	Bytes     int64 `json:"bytes"`
	Uploads   int   `json:"uploads"`
	Skipped   int   `json:"skipped"`
	Indexed   int   `json:"indexed,omitempty"`
	DryRun    bool  `json:"dryRun,omitempty"`
}

func (n *collected) add(i garbage.Item) {
	n.Bytes += i.Bytes
	switch i.Kind {
	case garbage.Manifest:
		n.Manifests++
	case garbage.Layer:
		n.Layers++
	case garbage.Content:
		n.Contents++
	case garbage.Upload:
		n.Uploads++
	case garbage.Indexed:
		n.Indexed++
	case garbage.Skipped:
		n.Skipped++
	}
}

func (f *gcFlags) run(ctx context.Context, s streams, dir string) error {
	d, err := openStore(ctx, dir, s)
	if err != nil {
		return err
	}
	if local, ok := d.(*filesystem.Driver); ok {
		lock, err := embedded.LockStorage(local.Root(), false)
		if err != nil {
			return fmt.Errorf("store %s: %w", dir, err)
		}
		defer lock.Close()
	}
	n := collected{DryRun: f.collect.DryRun}
	encoder := json.NewEncoder(s.out)
	report := func(i garbage.Item) error {
		n.add(i)
		if f.json {
			return encoder.Encode(i)
		}
		line := strings.Join(strings.Fields(fmt.Sprint(i.Kind, " ", i.Repository, " ", i.Name, " ", i.Reason)), " ")
		_, err := fmt.Fprintln(s.out, line)
		return err
	}
	r := storage.New(d, storage.Options{Manifests: manifest.Default(manifest.WithSchema1(schema1.Options{}))})
	err = garbage.PurgeUploads(ctx, d, time.Now().Add(-f.uploadAge), f.collect.DryRun, report)
	if err == nil {
		err = garbage.Collect(ctx, r, d, f.collect, report)
	}
	if err != nil {
		return &statusError{1, fmt.Errorf("store %s: %w", dir, err)}
	}
	if f.json {
		return encoder.Encode(map[string]collected{"summary": n})
	}
	verb := "removed"
	if n.DryRun {
		verb = "would remove"
	}
	_, err = fmt.Fprintf(s.out, "%s %d manifests, %d links, %d contents (%d bytes), %d uploads; %d repositories left alone\n",
		verb, n.Manifests, n.Layers, n.Contents, n.Bytes, n.Uploads, n.Skipped)
	return err
}
