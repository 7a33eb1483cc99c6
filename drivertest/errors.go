package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

func errorRules() []rule {
	return []rule{
		{"ERRS-01", Must, "A missing path is always a path-not-found error, for every method that reads.", missingEverywhere, 0},
		{"ERRS-02", Must, "A failure of the back-end or a refusal is never a path-not-found error.", failureIsNotAbsence, 0},
		{"ERRS-03", Must, "The text of every error names the driver.", errorsNameDriver, 0},
		{"ERRS-04", Should, "errors.Is and errors.As reach the cause: a context's error, the callback's.", errorsUnwrap, 0},
		{"ERRS-05", Should, "Errors turn into JSON without losing their text.", errorsMarshal, 0},
		{"ERRS-06", Should, "No error text holds a secret.", errorsHideSecrets, 0},
		{"ERRS-07", Should, "A failure while cleaning up hides neither the first error nor its kind.", errorsKeepFirst, 0},
	}
}

// readMethods are the methods that must find nothing at a missing path.
func readMethods() []method {
	return []method{
		{"GetContent", false, false, func(x *trial, p string) error { _, err := x.d.get(x.ctx, p); return err }},
		{"Reader", false, false, func(x *trial, p string) error { return x.tryRead(p) }},
		{"Stat", false, false, func(x *trial, p string) error { _, err := x.d.stat(x.ctx, p); return err }},
		{"List", false, false, func(x *trial, p string) error { _, err := x.d.list(x.ctx, p); return err }},
		{"Walk", false, false, func(x *trial, p string) error { return x.d.walk(x.ctx, p, func(entry) error { return nil }) }},
		{"Move", false, false, func(x *trial, p string) error { return x.d.move(x.ctx, p, x.p("to")) }},
		{"Delete", false, false, func(x *trial, p string) error { return x.d.del(x.ctx, p) }},
	}
}

// of returns the path that a method can succeed on: a directory for List and Walk, else an
// object in it.
func (m method) of(dir, file string) string {
	if m.name == "List" || m.name == "Walk" {
		return dir
	}
	return dir + "/" + file
}

func missingEverywhere(x *trial) {
	for _, n := range []string{"none", "dir/none", "none/far/below", "dir/fil", "dir/file-"} {
		x.each(n, func(x *trial) {
			x.puts("dir/file")
			for _, m := range readMethods() {
				x.isNotFound(m.call(x, x.p(n)), x.p(n), m.name+" of the missing "+quote(x.p(n)))
			}
		})
	}
}

func failureIsNotAbsence(x *trial) {
	judged := false
	for _, kind := range []Fault{Unavailable, Forbidden} {
		if x.cfg.Hooks.Fault == nil {
			break
		}
		x.each(string(kind), func(x *trial) {
			f, ok := x.faulty(kind)
			if !ok {
				x.reason = ""
				return
			}
			judged = true
			x.put(x.p("dir/file"), 5000)
			f.Arm()
			for _, m := range readMethods() {
				err := m.call(x, x.p(m.of("dir", "file")))
				x.harmless(err, m.name)
				if x.ok() && err != nil && x.missing(err) {
					x.failf("%s of an object that is there says path-not-found while the back-end is %s: %s", m.name, kind, brief(err))
				}
				if err == nil && m.name == "Delete" || m.name == "Move" && err == nil {
					break // it did what was asked: the fault does not reach it
				}
			}
			f.Disarm()
		})
	}
	if !judged {
		x.inconclusive("needs Hooks.Fault for %s or %s", Unavailable, Forbidden)
	}
}

func errorsNameDriver(x *trial) {
	name, _ := x.d.name()
	x.puts("file")
	say := func(what string, err error) {
		if x.anErr(err, what) && !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(name)) {
			x.failf("%s: the error doesn't name the driver %q: %s", what, name, brief(err))
		}
	}
	for _, m := range readMethods() {
		say(m.name+" of a missing path", m.call(x, x.p("none")))
	}
	for _, m := range methods() {
		say(m.name+" of a relative path", m.call(x, "relative"))
	}
	_, err := x.d.reader(x.ctx, x.p("file"), -1)
	say("Reader at -1", err)
}

func errorsUnwrap(x *trial) {
	x.puts("dir/file")
	want := callbackError{7}
	err := x.d.walk(x.ctx, x.p("dir"), func(entry) error { return want })
	var got callbackError
	if x.ok() && (!errors.Is(err, want) || !errors.As(err, &got)) {
		x.failf("the callback's error can't be found in %q", brief(err))
	}
	err = x.d.walk(x.ended(), x.p("dir"), func(entry) error { return nil })
	if x.ok() && err != nil && !errors.Is(err, context.Canceled) {
		x.failf("context.Canceled can't be found in %q", brief(err))
	}
}

func errorsMarshal(x *trial) {
	x.puts("file")
	for _, m := range readMethods() {
		err := m.call(x, x.p("none"))
		if !x.anErr(err, m.name+" of a missing path") {
			return
		}
		b, jerr := json.Marshal(err)
		if !x.noErr(jerr, "json.Marshal of an error") {
			return
		}
		if s := string(b); s == "{}" || s == "null" || s == `""` {
			x.failf("the error %q of %s turns into the JSON %s", brief(err), m.name, s)
		}
	}
	err := x.d.walk(x.ctx, x.root, func(entry) error { return callbackError{3} })
	if err != nil && x.ok() {
		if b, jerr := json.Marshal(err); jerr != nil || string(b) == "{}" {
			x.notef("a callback's error turns into the JSON %s (%s)", b, brief(jerr))
		}
	}
}

func errorsHideSecrets(x *trial) {
	if !x.needs(len(x.cfg.Hooks.Secrets) > 0, "Hooks.Secrets") {
		return
	}
	look := func(what string, err error) {
		for _, s := range x.cfg.Hooks.Secrets {
			if err != nil && s != "" && strings.Contains(fmt.Sprintf("%v %+v", err, err), s) {
				x.failf("the error of %s holds a secret", what)
			}
		}
	}
	for _, m := range methods() {
		look(m.name+" of a relative path", m.call(x, "relative"))
	}
	for _, m := range readMethods() {
		look(m.name+" of a missing path", m.call(x, x.p("none")))
	}
	if x.cfg.Hooks.Fault == nil {
		return
	}
	x.each("unavailable", func(x *trial) {
		f, ok := x.faulty(Unavailable)
		if !ok {
			return
		}
		f.Arm()
		defer f.Disarm()
		for _, m := range readMethods() {
			look(m.name, m.call(x, x.p("none")))
		}
	})
}

func errorsKeepFirst(x *trial) {
	f, ok := x.faulty(NoSpace)
	if !ok {
		return
	}
	f.Arm()
	defer f.Disarm()
	for i := range 200 {
		p := x.p(fmt.Sprintf("dir/large%d", i))
		err := x.d.put(x.ctx, p, x.content(p, 1<<20))
		if err == nil {
			continue
		}
		for _, e := range inside(err) {
			if k := x.cfg.Errors.classify(e); k.name == notFound {
				x.failf("the error of a PutContent that ran out of space holds a path-not-found error: %s", brief(err))
				return
			}
		}
		return
	}
	x.inconclusive("200 MiB of PutContent did not fail under the armed fault")
}

// inside returns an error and all that it holds: what it wraps, and the errors in its exported
// fields.
func inside(err error) []error {
	var all []error
	for e := range chain(err) {
		all = append(all, e)
		v := reflect.Indirect(reflect.ValueOf(e))
		if v.Kind() != reflect.Struct {
			continue
		}
		for i := range v.NumField() {
			if f := v.Field(i); v.Type().Field(i).IsExported() && f.Kind() == reflect.Interface {
				if held, ok := f.Interface().(error); ok {
					all = append(all, inside(held)...)
				}
			}
		}
	}
	return all
}
