package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os/exec"
	"slices"
	"strings"

	"github.com/registryconform/conform/cmd/conform/internal/embedded"
	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/inmemory"
)

// driverNames returns the names of the drivers that can be judged.
func driverNames() []string { return embedded.Drivers() }

// A store is a driver with its parameters.
type store struct {
	name   string
	params map[string]any
	config drivertest.Config
	open   func(params map[string]any) (driver.Driver, error)
	driver driver.Driver // once it is open
	served bool          // by a container
}

// store returns the store of the driver. Its parameters are known to be right,
// but for the address of a server that is still to be started.
func (f *driverFlags) store(params map[string]any, budget drivertest.Budget) (*store, error) {
	st := &store{name: f.name, params: params, served: f.container.Set()}
	st.config = drivertest.Config{
		SkipDir: driver.ErrSkipDir, FilledBuffer: driver.ErrFilledBuffer, Budget: budget,
		Limits:    drivertest.Limits{MaxComponent: f.component},
		Semantics: drivertest.Semantics{AppendCreates: true},
	}
	switch f.name {
	case "azure":
		st.open = opener("azure")
		st.config.Semantics.Coexist, st.config.Semantics.WeakMove = true, true
	case "inmemory":
		d := inmemory.New(inmemory.Parameters{})
		st.open = func(params map[string]any) (driver.Driver, error) {
			_, err := embedded.OpenDriver("inmemory", params)
			return d, err
		}
	case "filesystem":
		st.open = opener("filesystem")
		st.config.Hooks.Reopen = func(dir string) (drivertest.Target, error) {
			d, err := embedded.OpenDriver("filesystem", map[string]any{"rootdirectory": dir})
			return drivertest.Adapt(d), err
		}
		st.config.Hooks.Worker = func(job string) *exec.Cmd { return exec.Command(executable(), f.workerArgs(job)...) }
	case "s3":
		st.open = opener("s3")
		st.config.Semantics.WeakDelete, st.config.Semantics.WeakMove = true, true
	}
	st.config.Hooks.Secrets = st.secrets()
	probe := params
	if st.served {
		probe = st.at(&url.URL{Scheme: "http", Host: "127.0.0.1"})
	}
	d, err := st.open(probe)
	if err != nil {
		return nil, err
	}
	if !st.served {
		st.driver = d
	}
	return st, nil
}

// secretNames returns the names of parameters that no report and no error may
// show.
func secretNames() []string {
	return []string{"secretkey", "sessiontoken", "accountkey", "credentials.secret"}
}

// secrets returns the values of such parameters.
func (st *store) secrets() []string {
	var all []string
	for _, name := range secretNames() {
		if secret, ok := st.params[name].(string); ok && secret != "" {
			all = append(all, secret)
		}
	}
	return all
}

// servers returns for each driver of a server the parameter that says where that
// is.
func servers() map[string]string {
	return map[string]string{"azure": "serviceurl", "s3": "regionendpoint"}
}

// at returns the parameters with the address of a server, unless one is given.
func (st *store) at(base *url.URL) map[string]any {
	params := maps.Clone(st.params)
	where := servers()[st.name]
	if _, given := params[where]; given {
		return params
	}
	if account, ok := params["accountname"].(string); ok && st.name == "azure" {
		// Servers other than Microsoft's have the account in the path.
		base = base.JoinPath(account)
	}
	params[where] = base.String()
	return params
}

// opener opens stores of the driver called name.
func opener(name string) func(map[string]any) (driver.Driver, error) {
	return func(params map[string]any) (driver.Driver, error) { return embedded.OpenDriver(name, params) }
}

// serve points the store at the server in a container, and makes its bucket.
func (st *store) serve(ctx context.Context, base *url.URL) error {
	st.params = st.at(base)
	d, err := st.open(st.params)
	if err != nil {
		return err
	}
	switch d := d.(type) {
	case interface{ CreateBucket(context.Context) error }:
		err = d.CreateBucket(ctx)
	case interface{ CreateContainer(context.Context) error }:
		err = d.CreateContainer(ctx)
	}
	if err != nil {
		return &statusError{report.ExitUnreachable, err}
	}
	st.driver = d
	return nil
}

// title tells people which store it is.
func (st *store) title() string {
	switch st.name {
	case "filesystem":
		return fmt.Sprintf("filesystem %s", st.params["rootdirectory"])
	case "azure", "s3":
		where, _ := st.params[servers()[st.name]].(string)
		if u, err := url.Parse(where); err == nil {
			where = u.Redacted()
		}
		for _, name := range []string{"region", "accountname"} {
			if where == "" {
				where, _ = st.params[name].(string)
			}
		}
		within := map[string]string{"azure": "container", "s3": "bucket"}[st.name]
		return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", st.name, where, st.params[within])), " ")
	}
	return st.name
}

// shown returns the parameters that are no secrets.
func (st *store) shown() map[string]string {
	all := map[string]string{}
	for name, value := range st.params {
		if name == "accesskey" || slices.Contains(secretNames(), name) {
			value = "(given)"
		}
		all[name] = fmt.Sprint(value)
	}
	return all
}

// target returns the store as a target.
func (st *store) target() conformance.Driver {
	exclusive := false
	return conformance.Driver{
		Name: st.title(),
		Probe: func(ctx context.Context) error {
			there, err := st.driver.List(ctx, "/")
			exclusive = err == nil && len(there) == 0
			return err
		},
		Check: func(ctx context.Context, c drivertest.Config) drivertest.Report {
			all := st.config
			all.Only, all.Seed, all.Exclusive = c.Only, c.Seed, exclusive
			return drivertest.Check(ctx, st.handles(), all)
		},
	}
}

// handles returns the driver, and opens it again for each further handle, where
// the store is not in the driver itself.
func (st *store) handles() drivertest.Target {
	return drivertest.AdaptStore(func() driver.Driver {
		if again, err := st.open(st.params); err == nil {
			return again
		}
		return st.driver
	})
}

// work does a job of a crash rule, until this process is killed.
func (st *store) work(ctx context.Context, job string) error {
	if err := drivertest.Work(ctx, job, st.config); err != nil {
		return &statusError{report.ExitBroken, err}
	}
	return nil
}
