package driver

import (
	"context"
	"errors"
	"strings"
)

// WalkByListing is a [Driver].Walk for drivers that have no faster way than
// List and Stat. No lock of the caller's may be held.
func WalkByListing(ctx context.Context, d Driver, path string, f WalkFunc, options ...func(*WalkOptions)) error {
	w := walk{d: d, f: f}
	for _, set := range options {
		set(&w.options)
	}
	children, err := d.List(ctx, path)
	if err != nil {
		return err
	}
	if err = w.visit(ctx, children); errors.Is(err, ErrFilledBuffer) {
		return nil
	}
	return err
}

type walk struct {
	d       Driver
	f       WalkFunc
	options WalkOptions
}

// seen reports whether the hint covers path and all below.
func (w *walk) seen(path string) bool {
	after := w.options.StartAfterHint
	return after != "" && ComparePaths(path, after) < 0 && !strings.HasPrefix(after, path+"/")
}

func (w *walk) visit(ctx context.Context, paths []string) error {
	for _, path := range paths {
		if w.seen(path) {
			continue
		}
		info, err := w.d.Stat(ctx, path)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		err = w.f(info)
		if err == nil && info.IsDir() {
			err = w.descend(ctx, path)
		}
		if err != nil && !errors.Is(err, ErrSkipDir) {
			return err
		}
	}
	return nil
}

func (w *walk) descend(ctx context.Context, path string) error {
	children, err := w.d.List(ctx, path)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.visit(ctx, children)
}

func isNotFound(err error) bool {
	_, ok := errors.AsType[PathNotFoundError](err)
	return ok
}
