package driver

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A ParameterError says which parameter of a driver is wrong, and how. It never
// holds the value of a secret.
type ParameterError struct {
	DriverName string
	Name       string
	Reason     string
}

func (e *ParameterError) Error() string {
	return fmt.Sprintf("%s: parameter %s: %s", e.DriverName, e.Name, e.Reason)
}

// Setters hold for the name of each parameter what takes its value. A value is
// what a configuration has: text, a number, a boolean, or nil if it says nothing.
type Setters map[string]func(value any) error

// Names returns the names of all parameters, sorted.
func (s Setters) Names() []string { return slices.Sorted(maps.Keys(s)) }

// Set gives each setting to the one that takes it, in the order of their names.
// The error is a *[ParameterError] of the driver called name; that a parameter
// is not known is one.
func (s Setters) Set(name string, settings map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		set, ok := s[key]
		if !ok {
			return &ParameterError{name, key, "not known; the parameters are " + strings.Join(s.Names(), ", ")}
		}
		if err := set(settings[key]); err != nil {
			return &ParameterError{name, key, err.Error()}
		}
	}
	return nil
}

// Text takes text; a number or a boolean, such as an account's number without
// quotes, is text too.
func Text(to *string) func(any) error {
	return func(v any) error {
		switch v := v.(type) {
		case nil:
			*to = ""
		case string:
			*to = v
		case int, int64, uint64, float64, bool:
			*to = fmt.Sprint(v)
		default:
			return fmt.Errorf("want text, not %T", v)
		}
		return nil
	}
}

// Boolean takes a boolean, also as text, as environment variables are.
func Boolean(to *bool) func(any) error {
	return func(v any) error {
		switch v := v.(type) {
		case nil:
		case bool:
			*to = v
		case string:
			b, err := strconv.ParseBool(v)
			if err != nil {
				return fmt.Errorf("%q: want true or false", v)
			}
			*to = b
		default:
			return fmt.Errorf("want true or false, not %T", v)
		}
		return nil
	}
}

// Number takes a whole number, also as text.
func Number(to *int64) func(any) error {
	return func(v any) error {
		switch v := v.(type) {
		case nil:
		case int:
			*to = int64(v)
		case int32:
			*to = int64(v)
		case int64:
			*to = v
		case uint:
			return Number(to)(uint64(v))
		case uint32:
			*to = int64(v)
		case uint64:
			if v > math.MaxInt64 {
				return fmt.Errorf("%d: too large", v)
			}
			*to = int64(v)
		case float64:
			if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
				return fmt.Errorf("%v: want a whole number", v)
			}
			*to = int64(v)
		case string:
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return fmt.Errorf("%q: want a whole number", v)
			}
			*to = n
		default:
			return fmt.Errorf("want a whole number, not %T", v)
		}
		return nil
	}
}
