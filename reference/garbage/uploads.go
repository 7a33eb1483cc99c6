package garbage

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

// MinUploadAge is the least age of an upload that may be purged. One at which
// something happens tells so at least every minute.
const MinUploadAge = 5 * time.Minute

// PurgeUploads removes the upload sessions of the store at which nothing
// happened since before, and reports each; with dryRun it only reports. A
// session began at its startedat, and was at work when any other of its files
// changed; one whose startedat holds no time is as old as that file. One that
// tells no time at all stays. None that is in progress goes if before
// lies [MinUploadAge] back, whichever process writes to it.
// What else writers left before that goes, too, if no session leads to it; nothing
// tells of it.
func PurgeUploads(ctx context.Context, d driver.Driver, before time.Time, dryRun bool, report func(Item) error) error {
	err := purgeSessions(ctx, d, before, dryRun, report)
	if o, ok := d.(driver.OrphanAborter); ok && err == nil && !dryRun {
		if _, err = o.AbortOrphans(ctx, before, func(p string) (bool, error) { return isWanted(ctx, d, p) }); err != nil {
			return fmt.Errorf("abort what uploads left: %w", err)
		}
	}
	return err
}

// isWanted reports whether what is written to a path is to be kept: it is that of an
// upload session that is there, or of another program.
func isWanted(ctx context.Context, d driver.Driver, p string) (bool, error) {
	if !strings.HasPrefix(p, layout.Blobs+"/") && !strings.HasPrefix(p, layout.Repositories+"/") {
		return true, nil
	}
	session := path.Dir(p)
	if path.Base(path.Dir(session)) != "_uploads" {
		return false, nil
	}
	_, err := d.Stat(ctx, session+"/startedat")
	return err == nil, ignoreAbsent(err)
}

func purgeSessions(ctx context.Context, d driver.Driver, before time.Time, dryRun bool, report func(Item) error) error {
	return names(ctx, d, func(name registry.Name) error {
		sessions, err := d.List(ctx, layout.Uploads(name))
		if err = ignoreAbsent(err); err != nil {
			return fmt.Errorf("list uploads of %s: %w", name, err)
		}
		for _, session := range sessions {
			latest, err := lastActive(ctx, d, session)
			if err != nil {
				return fmt.Errorf("upload %s of %s: %w", path.Base(session), name, err)
			}
			if latest.IsZero() || !latest.Before(before) {
				continue
			}
			if !dryRun {
				if err := ignoreAbsent(d.Delete(ctx, session)); err != nil {
					return fmt.Errorf("purge upload %s of %s: %w", path.Base(session), name, err)
				}
			}
			if err := report(Item{Kind: Upload, Repository: name.String(), Name: path.Base(session)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// lastActive returns when the session began, or changed last.
func lastActive(ctx context.Context, d driver.Driver, session string) (time.Time, error) {
	var latest time.Time
	err := d.Walk(ctx, session, func(info driver.FileInfo) error {
		at := info.ModTime()
		if path.Base(info.Path()) == "startedat" {
			text, err := d.GetContent(ctx, info.Path())
			if err != nil {
				return ignoreAbsent(err)
			}
			if began, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text))); err == nil {
				at = began
			}
		}
		if !info.IsDir() && at.After(latest) {
			latest = at
		}
		return nil
	})
	return latest, ignoreAbsent(err)
}
