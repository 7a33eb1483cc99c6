package inmemory

import (
	"context"
	"errors"
	"strings"

	"github.com/registryconform/conform/reference/driver"
)

// Walk implements [driver.Driver]. No lock is held while f runs.
func (d *Driver) Walk(ctx context.Context, path string, f driver.WalkFunc, options ...func(*driver.WalkOptions)) error {
	var o driver.WalkOptions
	for _, set := range options {
		set(&o)
	}
	children, err := d.List(ctx, path)
	if err != nil {
		return err
	}
	err = d.walk(ctx, children, o.StartAfterHint, f)
	if errors.Is(err, driver.ErrFilledBuffer) {
		return nil
	}
	return err
}

func (d *Driver) walk(ctx context.Context, paths []string, after string, f driver.WalkFunc) error {
	for _, path := range paths {
		if after != "" && driver.ComparePaths(path, after) < 0 && !strings.HasPrefix(after, path+"/") {
			continue
		}
		info, err := d.Stat(ctx, path)
		if _, gone := errors.AsType[driver.PathNotFoundError](err); gone {
			continue
		}
		if err != nil {
			return err
		}
		switch err := f(info); {
		case errors.Is(err, driver.ErrSkipDir):
			continue
		case err != nil:
			return err
		case !info.IsDir():
			continue
		}
		children, err := d.List(ctx, path)
		if _, gone := errors.AsType[driver.PathNotFoundError](err); gone {
			continue
		}
		if err != nil {
			return err
		}
		if err := d.walk(ctx, children, after, f); err != nil {
			return err
		}
	}
	return nil
}
