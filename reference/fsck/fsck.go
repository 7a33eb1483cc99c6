// Package fsck checks a store by the documented layout alone. It shares no
// code with the registry that wrote the store: it knows paths, links and
// manifests by itself, and hashes every byte again.
//
// It judges a store at rest. On one that a server works on, what is half done
// at the moment may be found.
package fsck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/registryconform/conform/reference/driver"
)

// An Invariant is what must hold of every store.
type Invariant string

// The invariants.
const (
	// ContentMatches: every content hashes to the digest in its path, and
	// to that of every alias that leads to it.
	ContentMatches Invariant = "content-matches"
	// LinksResolve: every link holds a digest, that of its path unless it
	// is an alias, and the content is there.
	LinksResolve Invariant = "links-resolve"
	// ManifestsClosed: every tag names a manifest of its repository, and
	// every manifest finds its config, layers and children there. Foreign
	// layers and subjects are exempt. A client breaks it by deleting a
	// blob that a manifest needs.
	ManifestsClosed Invariant = "manifests-closed"
	// NothingPartial: no file is empty or foreign under a final name.
	NothingPartial Invariant = "nothing-partial"
	// UploadsEnd: no upload session is older than the age given.
	UploadsEnd Invariant = "uploads-end"
	// ReferrersComplete: the index of referrers, once it says that it is
	// complete, has every manifest under its subject, and none under another.
	ReferrersComplete Invariant = "referrers-complete"
	// ListsTrue: each repository and tag that has a folder can be listed
	// and resolved.
	ListsTrue Invariant = "lists-true"
)

// A Finding is one violation, or something left over.
type Finding struct {
	Invariant Invariant `json:"invariant"`
	// Path is the driver's path of what is wrong.
	Path string `json:"path"`
	// Message says in a sentence what is wrong with it.
	Message string `json:"message"`
	// Leftover tells that it harms nothing: a crash may leave it, and no
	// answer of a registry shows it.
	Leftover bool `json:"leftover,omitempty"`
}

// A Summary counts what was looked at and found.
type Summary struct {
	Contents   int   `json:"contents"`
	Bytes      int64 `json:"bytes"`
	Links      int   `json:"links"`
	Manifests  int   `json:"manifests"`
	Tags       int   `json:"tags"`
	Uploads    int   `json:"uploads"`
	Violations int   `json:"violations"`
	Leftovers  int   `json:"leftovers"`
}

// Options are the settings of [Check].
type Options struct {
	// UploadAge is how old an upload session may be; 0 is a week.
	UploadAge time.Duration
	// Now is the time that ages count from; the zero time is the present.
	Now time.Time
}

const (
	root         = "/docker/registry/v2"
	blobs        = root + "/blobs"
	repositories = root + "/repositories"

	// manifestBound is the greatest length of content read as a manifest.
	manifestBound = 32 << 20
)

// Check walks the store and calls found for each finding, in the order of
// paths. An error of found ends the check and is returned, as is a failure of
// the driver: what could not be read is not judged. Memory does not grow with
// the store beyond what the driver takes to list one folder. A store without
// any content is sound.
func Check(ctx context.Context, d driver.Driver, o Options, found func(Finding) error) (Summary, error) {
	if o.UploadAge == 0 {
		o.UploadAge = 7 * 24 * time.Hour
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	c := &checker{d: d, o: o, found: found}
	if err := c.walk(ctx, blobs, c.content); err != nil {
		return c.sum, err
	}
	return c.sum, c.walk(ctx, repositories, c.inRepository)
}

type checker struct {
	d     driver.Driver
	o     Options
	found func(Finding) error
	sum   Summary
}

func (c *checker) walk(ctx context.Context, folder string, f func(context.Context, driver.FileInfo) error) error {
	err := c.d.Walk(ctx, folder, func(info driver.FileInfo) error { return f(ctx, info) })
	if err != nil && !absent(err) {
		return fmt.Errorf("check %s: %w", folder, err)
	}
	return nil
}

func (c *checker) violation(i Invariant, path, format string, args ...any) error {
	c.sum.Violations++
	return c.found(Finding{Invariant: i, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) leftover(i Invariant, path, format string, args ...any) error {
	c.sum.Leftovers++
	return c.found(Finding{Invariant: i, Path: path, Message: fmt.Sprintf(format, args...), Leftover: true})
}

// content checks what lies below the folder of all content.
func (c *checker) content(ctx context.Context, info driver.FileInfo) error {
	if info.IsDir() {
		return nil
	}
	path := info.Path()
	parts := strings.Split(strings.TrimPrefix(path, blobs+"/"), "/")
	if parts[0] == "tarsum" && parts[len(parts)-1] == "data" {
		return nil // a sum over the entries of an archive, not over the bytes
	}
	if len(parts) != 4 || parts[3] != "data" || !valid(parts[0]+":"+parts[2]) || parts[1] != parts[2][:2] {
		return c.violation(NothingPartial, path, "the layout has no such file among content")
	}
	want := parts[0] + ":" + parts[2]
	got, n, err := c.hash(ctx, path, parts[0])
	if err != nil {
		return err
	}
	c.sum.Contents++
	c.sum.Bytes += n
	switch {
	case got == want:
		return nil
	case n == 0:
		return c.violation(NothingPartial, path, "the file is empty, its digest is not that of nothing")
	}
	return c.violation(ContentMatches, path, "the %d bytes hash to %s", n, got)
}

// inRepository checks what lies below the folder of all repositories.
func (c *checker) inRepository(ctx context.Context, info driver.FileInfo) error {
	name, rest, ok := split(info.Path())
	switch {
	case !ok && info.IsDir():
		return nil
	case !ok:
		return c.violation(NothingPartial, info.Path(), "the layout has no file beside the folders of a repository")
	}
	e := entry{name: name, path: info.Path(), parts: rest, dir: info.IsDir()}
	if len(rest) == 1 && e.dir && !validName(name) {
		return c.violation(ListsTrue, e.path, "%q is no name of a repository, so that none lists it", name)
	}
	switch rest[0] {
	case "_layers":
		return c.layer(ctx, e)
	case "_manifests":
		return c.manifests(ctx, e)
	case "_uploads":
		return c.upload(ctx, e)
	case "_referrers":
		return c.referrer(ctx, e)
	}
	if e.dir {
		return nil
	}
	return c.violation(NothingPartial, e.path, "the layout has no such file in a repository")
}

// An entry is a file or folder within a repository.
type entry struct {
	name  string   // of the repository
	path  string   // whole
	parts []string // of the path below the repository
	dir   bool
}

// split parts a path into repository and what is below it: control folders
// begin with an underscore, components of names never do.
func split(path string) (name string, rest []string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(path, repositories+"/"), "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "_") {
			return strings.Join(parts[:i], "/"), parts[i:], i > 0
		}
	}
	return "", nil, false
}

func absent(err error) bool {
	_, ok := errors.AsType[driver.PathNotFoundError](err)
	return ok
}

// exists reports whether there is a file at path.
func (c *checker) exists(ctx context.Context, path string) (bool, error) {
	info, err := c.d.Stat(ctx, path)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("stat %s: %w", path, err)
	}
	return !info.IsDir(), nil
}
