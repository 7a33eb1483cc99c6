package garbage

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/internal/layout"
)

// mark returns the digests that any link of blobs, manifests or signatures
// leads to. A link that can't be read keeps what its path names.
func (c *collector) mark() (map[digest.Digest]struct{}, error) {
	marked := map[digest.Digest]struct{}{}
	err := c.d.Walk(c.ctx, layout.Repositories, func(info driver.FileInfo) error {
		p := info.Path()
		if info.IsDir() {
			if c.gone[p] {
				return driver.ErrSkipDir
			}
			if base := path.Base(p); base == "_uploads" || base == "_referrers" || strings.HasSuffix(p, "/_manifests/tags") {
				return driver.ErrSkipDir
			}
			return nil
		}
		if path.Base(p) != layout.LinkFile {
			return nil
		}
		if dgst, ok := layout.DigestOf(p); ok {
			marked[dgst] = struct{}{}
		}
		content, err := c.d.GetContent(c.ctx, p)
		if absent(err) {
			return nil
		}
		if dgst, parseErr := digest.Parse(strings.TrimSpace(string(content))); parseErr == nil {
			marked[dgst] = struct{}{}
		}
		return err
	})
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("mark content: %w", err)
	}
	return marked, nil
}

// sweep removes the content that is neither marked, nor used, nor young.
func (c *collector) sweep(marked map[digest.Digest]struct{}) error {
	var garbage []digest.Digest
	err := c.d.Walk(c.ctx, layout.Blobs, func(info driver.FileInfo) error {
		if info.IsDir() || path.Base(info.Path()) != "data" {
			return nil
		}
		dgst, ok := layout.DigestOf(path.Dir(path.Dir(path.Dir(info.Path()))) + "/" + path.Base(path.Dir(info.Path())))
		if _, live := marked[dgst]; ok && !live && !c.young(info) {
			garbage = append(garbage, dgst)
		}
		return nil
	})
	if err != nil && !absent(err) {
		return fmt.Errorf("list content: %w", err)
	}
	for digests := range slices.Chunk(garbage, batch) {
		if err := c.removeContents(digests); err != nil {
			return err
		}
	}
	return nil
}

// removeContents removes those of the contents on which no push relies.
func (c *collector) removeContents(digests []digest.Digest) error {
	var removed []Item
	err := c.removing(digests, func() error {
		for _, dgst := range digests {
			if c.used(dgst) {
				continue
			}
			info, err := c.d.Stat(c.ctx, layout.Blob(dgst))
			if err == nil && !c.young(info) {
				if err = c.remove(path.Dir(layout.Blob(dgst))); err == nil {
					removed = append(removed, Item{Kind: Content, Name: dgst.String(), Bytes: info.Size()})
				}
			}
			if err != nil && !absent(err) {
				return fmt.Errorf("remove content %s: %w", dgst, err)
			}
		}
		return nil
	})
	return c.tell(removed, err)
}

// tell reports what was removed, though err came after it.
func (c *collector) tell(removed []Item, err error) error {
	for _, i := range removed {
		if reportErr := c.report(i); reportErr != nil {
			return errors.Join(err, reportErr)
		}
	}
	return err
}

// young reports whether the file is younger than the grace period. One whose
// age is not known is, if there is such a period.
func (c *collector) young(info driver.FileInfo) bool {
	return c.o.Grace > 0 && (info.ModTime().IsZero() || time.Since(info.ModTime()) < c.o.Grace)
}
