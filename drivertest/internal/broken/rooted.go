package broken

import (
	"context"
	"errors"
	"io"
	"strings"
)

// Rooted is the sound driver below a root directory of a store.
func Rooted(m Driver, root string) Driver { return rooted(m, "/"+strings.Trim(root, "/")) }

func rooted(m Driver, root string) Driver {
	root = strings.TrimSuffix(root, "/")
	in := func(p string) (string, error) {
		if err := validPath(p, true); err != nil {
			return p, err
		}
		return strings.TrimSuffix(root+p, "/"), nil
	}
	if root == "" {
		return m
	}
	o := through(m, in)
	out := func(err error) error {
		var e PathNotFoundError
		if errors.As(err, &e) {
			return PathNotFoundError{strings.TrimPrefix(e.Path, root), Name}
		}
		return err
	}
	return rootedDriver{o, root, in, out}
}

type rootedDriver struct {
	override
	root string
	in   func(string) (string, error)
	out  func(error) error
}

func (r rootedDriver) GetContent(ctx context.Context, p string) ([]byte, error) {
	b, err := r.override.GetContent(ctx, p)
	return b, r.out(err)
}

func (r rootedDriver) PutContent(ctx context.Context, p string, b []byte) error {
	return r.out(r.override.PutContent(ctx, p, b))
}

func (r rootedDriver) Reader(ctx context.Context, p string, off int64) (io.ReadCloser, error) {
	rd, err := r.override.Reader(ctx, p, off)
	return rd, r.out(err)
}

func (r rootedDriver) Stat(ctx context.Context, p string) (Info, error) {
	i, err := r.override.Stat(ctx, p)
	if err != nil {
		return nil, r.out(err)
	}
	return info{p, i.Size(), i.ModTime(), i.IsDir()}, nil
}

func (r rootedDriver) List(ctx context.Context, p string) ([]string, error) {
	l, err := r.override.List(ctx, p)
	for i := range l {
		l[i] = strings.TrimPrefix(l[i], r.root)
	}
	return l, r.out(err)
}

func (r rootedDriver) Move(ctx context.Context, a, b string) error {
	return r.out(r.override.Move(ctx, a, b))
}

func (r rootedDriver) Delete(ctx context.Context, p string) error {
	return r.out(r.override.Delete(ctx, p))
}

func (r rootedDriver) Walk(ctx context.Context, p string, v WalkFunc, options ...func(*WalkOptions)) error {
	q, err := r.in(p)
	if err != nil {
		return err
	}
	var o WalkOptions
	for _, set := range options {
		set(&o)
	}
	hint := o.StartAfterHint
	if hint != "" {
		hint = strings.TrimSuffix(r.root+hint, "/")
	}
	return r.out(r.Driver.Walk(ctx, q, func(i Info) error {
		return v(info{strings.TrimPrefix(i.Path(), r.root), i.Size(), i.ModTime(), i.IsDir()})
	}, hinted(hint)))
}
