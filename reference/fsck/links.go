package fsck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// errBroken says that a link has been found to be wrong already.
var errBroken = errors.New("the link is broken")

// read returns the digest that a link holds, errBroken if it holds none, or
// "" if it isn't there.
func (c *checker) read(ctx context.Context, path string) (string, error) {
	content, err := c.d.GetContent(ctx, path)
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	dgst := strings.TrimSpace(string(content))
	switch {
	case dgst == "":
		err = c.violation(NothingPartial, path, "the link is empty")
	case !valid(dgst):
		err = c.violation(LinksResolve, path, "the link holds %.100q, which is no digest", dgst)
	default:
		return dgst, nil
	}
	return "", errors.Join(err, errBroken)
}

// link checks a link whose path ends in algorithm, hex and "link", and
// returns what it holds. An alias is hashed.
func (c *checker) link(ctx context.Context, e entry) (string, error) {
	n := len(e.parts)
	c.sum.Links++
	target, err := c.read(ctx, e.path)
	if err != nil || target == "" {
		return "", err
	}
	own := e.parts[n-3] + ":" + e.parts[n-2]
	algorithm, _, _ := strings.Cut(target, ":")
	switch {
	case e.parts[1] == "tarsum":
	case !valid(own):
		return "", errors.Join(c.violation(LinksResolve, e.path, "the path names no digest"), errBroken)
	case algorithm == e.parts[n-3] && own != target:
		return "", errors.Join(c.violation(LinksResolve, e.path, "the link leads to other content, %s", target), errBroken)
	}
	there, err := c.exists(ctx, contentPath(target))
	if err != nil {
		return "", err
	}
	if !there {
		return "", errors.Join(c.violation(LinksResolve, e.path, "the content %s is missing", target), errBroken)
	}
	if own == target || e.parts[1] == "tarsum" {
		return target, nil
	}
	got, _, err := c.hash(ctx, contentPath(target), e.parts[n-3])
	if err == nil && got != own {
		err = errors.Join(c.violation(ContentMatches, e.path, "the alias leads to bytes that hash to %s", got), errBroken)
	}
	return target, err
}

// settled takes errBroken, of which the finding has been made, for no failure.
func settled(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if err == errBroken {
			return nil
		}
		return err
	}
	var rest []error
	for _, inner := range joined.Unwrap() {
		rest = append(rest, settled(inner))
	}
	return errors.Join(rest...)
}

func (c *checker) layer(ctx context.Context, e entry) error {
	n := len(e.parts)
	switch {
	case e.dir:
		return nil
	case n < 4 || e.parts[n-1] != "link" || n > 4 && e.parts[1] != "tarsum":
		return c.violation(NothingPartial, e.path, "the layout has no such file among the links to blobs")
	}
	_, err := c.link(ctx, e)
	return settled(err)
}

func (c *checker) manifests(ctx context.Context, e entry) error {
	n := len(e.parts)
	switch {
	case n == 3 && e.dir && e.parts[1] == "tags":
		return c.tag(ctx, e)
	case e.dir:
		return nil
	case n == 5 && e.parts[1] == "revisions" && e.parts[4] == "link":
		return c.revision(ctx, e)
	case n == 8 && e.parts[1] == "revisions" && e.parts[4] == "signatures" && e.parts[7] == "link":
		_, err := c.link(ctx, e)
		return settled(err)
	case n == 5 && e.parts[1] == "tags" && e.parts[3] == "current" && e.parts[4] == "link":
		return nil // the folder of the tag was checked for it
	case n == 7 && e.parts[1] == "tags" && e.parts[3] == "index" && e.parts[6] == "link":
		return c.history(ctx, e)
	}
	return c.violation(NothingPartial, e.path, "the layout has no such file among manifests")
}

// history checks a link to what a tag has named, which may be gone by now.
func (c *checker) history(ctx context.Context, e entry) error {
	c.sum.Links++
	target, err := c.read(ctx, e.path)
	if err == nil && target != "" && target != e.parts[4]+":"+e.parts[5] {
		err = c.violation(LinksResolve, e.path, "the link leads to other content, %s", target)
	}
	return settled(err)
}

// tag checks the folder of a tag.
func (c *checker) tag(ctx context.Context, e entry) error {
	c.sum.Tags++
	if !tagGrammar.MatchString(e.parts[2]) {
		return c.violation(ListsTrue, e.path, "%q is no tag, so that none lists it", e.parts[2])
	}
	current := e.path + "/current/link"
	c.sum.Links++
	target, err := c.read(ctx, current)
	if err != nil {
		return settled(err)
	}
	if target == "" {
		return c.violation(ListsTrue, e.path, "the tag is listed and names nothing")
	}
	revision := linkPath(repositories+"/"+e.name+"/_manifests/revisions", target)
	there, err := c.exists(ctx, revision)
	if err == nil && !there {
		err = c.violation(ManifestsClosed, current, "the tag names %s, which is no manifest of the repository", target)
	}
	return err
}

// upload checks a session by the time at which it began.
func (c *checker) upload(ctx context.Context, e entry) error {
	n := len(e.parts)
	if !e.dir || n != 2 {
		return nil
	}
	c.sum.Uploads++
	text, err := c.d.GetContent(ctx, e.path+"/startedat")
	if absent(err) {
		return c.leftover(UploadsEnd, e.path, "the upload has no start, so that none can go on with it")
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", e.path, err)
	}
	started, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text)))
	if err != nil {
		return c.violation(NothingPartial, e.path+"/startedat", "the start of the upload is no time")
	}
	if age := c.o.Now.Sub(started); age > c.o.UploadAge {
		return c.leftover(UploadsEnd, e.path, "the upload began %s ago", age.Round(time.Second))
	}
	return nil
}
