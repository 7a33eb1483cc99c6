package drivertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"time"
)

// Target is a store to judge, with the types of its driver erased. Make one with [Adapt] or
// [AdaptStore].
type Target struct {
	open    func() handle
	handles bool
}

// Adapt erases the types of a driver. Rules that need a second handle to the same store are
// inconclusive; use [AdaptStore] for them.
func Adapt[D Driver[FI, FW, WF, WO], FI FileInfo, FW FileWriter, WF ~func(FI) error, WO any](d D) Target {
	h := erased[D, FI, FW, WF, WO]{d: d}
	return Target{open: func() handle { return h }}
}

// AdaptStore erases the types of a store that can be opened more than once. Each call of open
// returns a handle to the same store: for a local driver another instance over the same
// directory, for a cloud driver another client of the same bucket. It must be safe for
// concurrent use.
func AdaptStore[D Driver[FI, FW, WF, WO], FI FileInfo, FW FileWriter, WF ~func(FI) error, WO any](open func() D) Target {
	return Target{handles: true, open: func() handle { return erased[D, FI, FW, WF, WO]{d: open()} }}
}

// handle is a driver whose types are the suite's own. Nil results are judged here, where the
// driver's own types are still known.
type handle interface {
	name() string
	get(ctx context.Context, path string) ([]byte, error)
	put(ctx context.Context, path string, content []byte) error
	reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error)
	writer(ctx context.Context, path string, app bool) (FileWriter, error)
	stat(ctx context.Context, path string) (*entry, error)
	list(ctx context.Context, path string) ([]string, error)
	move(ctx context.Context, from, to string) error
	del(ctx context.Context, path string) error
	redirect(r *http.Request, path string) (string, error)
	walk(ctx context.Context, path string, fn func(entry) error, hint ...string) error
	unwrap() any
}

// entry is a FileInfo taken apart at once, so that a lazy one can't change its mind.
type entry struct {
	path string
	size int64
	mod  time.Time
	dir  bool
}

var (
	errNilInfo   = errors.New("drivertest: the FileInfo is nil and so is the error")
	errNilReader = errors.New("drivertest: the reader is nil and so is the error")
	errNilWriter = errors.New("drivertest: the FileWriter is nil and so is the error")
	errNoHint    = errors.New("drivertest: the walk options have no string field StartAfterHint")
)

type erased[D Driver[FI, FW, WF, WO], FI FileInfo, FW FileWriter, WF ~func(FI) error, WO any] struct{ d D }

func (e erased[D, FI, FW, WF, WO]) unwrap() any  { return e.d }
func (e erased[D, FI, FW, WF, WO]) name() string { return e.d.Name() }

func (e erased[D, FI, FW, WF, WO]) get(ctx context.Context, path string) ([]byte, error) {
	return e.d.GetContent(ctx, path)
}

func (e erased[D, FI, FW, WF, WO]) put(ctx context.Context, path string, content []byte) error {
	return e.d.PutContent(ctx, path, content)
}

func (e erased[D, FI, FW, WF, WO]) reader(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	r, err := e.d.Reader(ctx, path, offset)
	if isNil(r) {
		if err == nil {
			err = errNilReader
		}
		return nil, err
	}
	return r, err
}

func (e erased[D, FI, FW, WF, WO]) writer(ctx context.Context, path string, app bool) (FileWriter, error) {
	w, err := e.d.Writer(ctx, path, app)
	if isNil(w) {
		if err == nil {
			err = errNilWriter
		}
		return nil, err
	}
	return w, err
}

func (e erased[D, FI, FW, WF, WO]) stat(ctx context.Context, path string) (*entry, error) {
	fi, err := e.d.Stat(ctx, path)
	if isNil(fi) {
		if err == nil {
			err = errNilInfo
		}
		return nil, err
	}
	if err != nil {
		return &entry{}, err
	}
	en := takeApart(fi)
	return &en, nil
}

func (e erased[D, FI, FW, WF, WO]) list(ctx context.Context, path string) ([]string, error) {
	return e.d.List(ctx, path)
}

func (e erased[D, FI, FW, WF, WO]) move(ctx context.Context, from, to string) error {
	return e.d.Move(ctx, from, to)
}

func (e erased[D, FI, FW, WF, WO]) del(ctx context.Context, path string) error {
	return e.d.Delete(ctx, path)
}

func (e erased[D, FI, FW, WF, WO]) redirect(r *http.Request, path string) (string, error) {
	return e.d.RedirectURL(r, path)
}

func (e erased[D, FI, FW, WF, WO]) walk(ctx context.Context, path string, fn func(entry) error, hint ...string) error {
	f := WF(func(fi FI) error {
		if isNil(fi) {
			return errNilInfo
		}
		return fn(takeApart(fi))
	})
	if len(hint) == 0 {
		return e.d.Walk(ctx, path, f)
	}
	field := reflect.ValueOf(new(WO)).Elem()
	if field.Kind() != reflect.Struct || field.FieldByName("StartAfterHint").Kind() != reflect.String {
		return errNoHint
	}
	return e.d.Walk(ctx, path, f, func(o *WO) {
		reflect.ValueOf(o).Elem().FieldByName("StartAfterHint").SetString(hint[0])
	})
}

func takeApart(fi FileInfo) entry {
	return entry{path: fi.Path(), size: fi.Size(), mod: fi.ModTime(), dir: fi.IsDir()}
}

// isNil sees through an interface that holds a nil pointer.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Interface, reflect.Chan:
		return r.IsNil()
	default:
		return false
	}
}
