package drivertest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// kind is what an error says, as far as the contract types it.
type kind struct {
	name   string // "", PathNotFoundError, InvalidPathError, InvalidOffsetError
	path   string
	offset int64
	driver string
}

const (
	notFound      = "PathNotFoundError"
	invalidPath   = "InvalidPathError"
	invalidOffset = "InvalidOffsetError"
)

// classify finds the outermost typed error in err's chain.
func (e Errors) classify(err error) kind {
	k := byShape(err)
	if e.NotFound != nil {
		if p, ok := e.NotFound(err); ok {
			return kind{name: notFound, path: p, driver: k.driver}
		}
	}
	if e.InvalidPath != nil {
		if p, ok := e.InvalidPath(err); ok {
			return kind{name: invalidPath, path: p, driver: k.driver}
		}
	}
	if e.InvalidOffset != nil {
		if p, off, ok := e.InvalidOffset(err); ok {
			return kind{name: invalidOffset, path: p, offset: off, driver: k.driver}
		}
	}
	if k.name == notFound && e.NotFound != nil || k.name == invalidPath && e.InvalidPath != nil ||
		k.name == invalidOffset && e.InvalidOffset != nil {
		return kind{driver: k.driver}
	}
	return k
}

// byShape recognises a typed error by the name of its type and reads its fields.
func byShape(err error) (k kind) {
	for err := range chain(err) {
		v := reflect.ValueOf(err)
		if v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			continue
		}
		if k.driver == "" {
			k.driver = stringField(v, "DriverName", "Driver")
		}
		switch name := v.Type().Name(); name {
		case notFound, invalidPath, invalidOffset:
			k.name, k.path = name, stringField(v, "Path")
			if f := v.FieldByName("Offset"); f.IsValid() && f.CanInt() {
				k.offset = f.Int()
			}
			return k
		}
	}
	return k
}

func stringField(v reflect.Value, names ...string) string {
	for _, n := range names {
		if f := v.FieldByName(n); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}

// chain visits err and everything it wraps, outermost first.
func chain(err error) func(yield func(error) bool) {
	var visit func(err error, yield func(error) bool) bool
	visit = func(err error, yield func(error) bool) bool {
		if err == nil {
			return true
		}
		if !yield(err) {
			return false
		}
		switch w := err.(type) {
		case interface{ Unwrap() error }:
			return visit(w.Unwrap(), yield)
		case interface{ Unwrap() []error }:
			for _, e := range w.Unwrap() {
				if !visit(e, yield) {
					return false
				}
			}
		}
		return true
	}
	return func(yield func(error) bool) { visit(err, yield) }
}

// panicked is a panic of the driver, caught at the call.
type panicked struct {
	value any
	stack string
}

func (p *panicked) Error() string {
	return fmt.Sprintf("the driver panicked: %v\n%s", p.value, p.stack)
}

func isPanic(err error) bool {
	var p *panicked
	return errors.As(err, &p)
}

// brief keeps an error's text within bounds.
func brief(err error) string {
	if err == nil {
		return "nil"
	}
	s := strings.TrimSpace(err.Error())
	if len(s) > 600 {
		s = s[:600] + "…"
	}
	return s
}
