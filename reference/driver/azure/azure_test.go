package azure_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/ci/backends/nemesis"
	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/azure"
)

const mebi = 1 << 20

// roots numbers the root directories of the tests.
var roots atomic.Int64

func newRoot() string { return fmt.Sprintf("root%d", roots.Add(1)) }

const bucket = "conform"

// start starts a server with a container.
func start(tb testing.TB) backends.Azure {
	tb.Helper()
	server := backends.StartAzure(tb)
	if err := open(tb, server, nil).CreateContainer(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return server
}

// open returns the driver of a server; settings come before those of the
// server.
func open(tb testing.TB, server backends.Azure, settings map[string]any) *azure.Driver {
	tb.Helper()
	d, err := driverOf(with(server, settings))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func with(server backends.Azure, settings map[string]any) map[string]any {
	all := server.Parameters(bucket)
	// Nobody is spared by waiting for a server that was told to fail.
	all["max_retries"], all["retry_delay"] = 3, "5ms"
	maps.Copy(all, settings)
	return all
}

func driverOf(settings map[string]any) (*azure.Driver, error) {
	p, err := azure.ParseParameters(settings)
	if err != nil {
		return nil, err
	}
	return azure.New(p)
}

// behind returns a proxy in front of the server, and the server as it is there.
func behind(tb testing.TB, server backends.Azure) (*nemesis.Proxy, backends.Azure) {
	tb.Helper()
	p := nemesis.NewAzure(tb, server.URL, server.Account, server.Key)
	server.URL = p.URL
	return p, server
}

// config is what is known of the driver and the server.
func config(server backends.Azure) drivertest.Config {
	cfg := drivertest.Config{
		SkipDir: driver.ErrSkipDir, FilledBuffer: driver.ErrFilledBuffer,
		Semantics: drivertest.Semantics{AppendCreates: true, Coexist: true, WeakMove: true},
		Limits:    drivertest.Limits{MaxPath: 900, MinPart: 1024},
	}
	switch os.Getenv("DRIVERTEST_BUDGET") {
	case "standard":
		cfg.Budget = drivertest.Standard
	case "long":
		cfg.Budget = drivertest.Long
	}
	// What takes time is the way to the server and back.
	cfg.Parallel = 8
	cfg.Hooks.Secrets = []string{server.Key}
	return cfg
}

// over judges the driver, each rule in a root directory of its own.
func over(t *testing.T, server backends.Azure, cfg drivertest.Config) {
	t.Helper()
	drivertest.RunStore(t, func(tb testing.TB) func() *azure.Driver {
		settings := map[string]any{"rootdirectory": newRoot()}
		return func() *azure.Driver { return open(tb, server, settings) }
	}, cfg)
}

// TestRules judges the driver over a server that does what it should, and,
// where a rule asks for it, one that fails. Its pages of 5000 would take the
// rules about paging minutes to fill: they are smaller here, but for the long
// budget.
// It shows S-012, K-62.
func TestRules(t *testing.T) {
	server := start(t)
	cfg := config(server)
	cfg.Limits.PageSize = map[drivertest.Budget]int{drivertest.Quick: 20, drivertest.Standard: 200, drivertest.Long: 5000}[cfg.Budget]
	if cfg.Budget != drivertest.Long {
		var p *nemesis.Proxy
		p, server = behind(t, server)
		p.Use(nemesis.SmallPages(cfg.Limits.PageSize))
	}
	cfg.Hooks.Fault = func(kind drivertest.Fault) (drivertest.Faulty, error) { return faulty(t, server, kind) }
	cfg.Hooks.Misplaced = func() (drivertest.Target, error) {
		return drivertest.Adapt(open(t, server, map[string]any{"container": "nobody-has-this"})), nil
	}
	cfg.Hooks.Rooted = rooted(t, server)
	cfg.Hooks.Chunked = func(size int64) (drivertest.Target, error) {
		d, err := driverOf(with(server, map[string]any{"rootdirectory": newRoot(), "chunksize": size}))
		return drivertest.Adapt(d), err
	}
	over(t, server, cfg)
}

// rooted opens drivers below one directory of the container at a time.
func rooted(tb testing.TB, server backends.Azure) func(root string, fresh bool) (drivertest.Target, error) {
	base := newRoot()
	return func(root string, fresh bool) (drivertest.Target, error) {
		if fresh {
			base = newRoot()
		}
		return drivertest.Adapt(open(tb, server, map[string]any{"rootdirectory": base + "/" + strings.Trim(root, "/")})), nil
	}
}

// faulty opens a store whose server can be told to fail.
func faulty(tb testing.TB, server backends.Azure, kind drivertest.Fault) (drivertest.Faulty, error) {
	p, server := behind(tb, server)
	f := drivertest.Faulty{Disarm: func() { p.Use(nil) }}
	f.Target = drivertest.Adapt(open(tb, server, map[string]any{"rootdirectory": newRoot()}))
	use := func(fault nemesis.Fault) func() { return func() { p.Use(fault) } }
	switch kind {
	case drivertest.NoSpace:
		f.Arm = use(nemesis.Writes(http.StatusInsufficientStorage, "InsufficientStorage"))
	case drivertest.Unavailable:
		f.Arm = use(nemesis.Always(http.StatusServiceUnavailable, "ServerBusy"))
	case drivertest.Flaky:
		f.Arm = use(nemesis.SlowDown())
	case drivertest.Truncated:
		f.Arm = use(nemesis.CutBodies())
	case drivertest.LostReply:
		f.Arm = use(nemesis.LoseAnswers())
	case drivertest.SecondPage:
		f.Arm = use(nemesis.FailLaterPages(10))
	case drivertest.Forbidden:
		f.Arm = use(nemesis.Always(http.StatusForbidden, "AuthorizationFailure"))
	case drivertest.ReadOnly:
		f.Arm = use(nemesis.Writes(http.StatusForbidden, "AuthorizationPermissionMismatch"))
	case drivertest.Stalled:
		f.Arm = func() { p.Delay(nemesis.Stall) }
	case drivertest.Slow:
		f.Arm = func() { p.Delay(nemesis.Drip) }
	default:
		return f, errors.ErrUnsupported
	}
	return f, nil
}

// TestDialects judges the driver over servers that are within their rights, or
// nearly so.
func TestDialects(t *testing.T) {
	server := start(t)
	for _, dialect := range []struct {
		name  string
		fault nemesis.Fault
		only  []string
		pages int
	}{
		{"three entries a page", nemesis.SmallPages(3), []string{"LIST-0[1-6]", "WALK-0*", "WALK-1[0-7]", "DELE-0[1-6]", "RESU-0*", "STAT-0*"}, 3},
		{"no ranges", nemesis.IgnoreRanges(), []string{"READ-*", "CONT-0*"}, 0},
		{"repeated puts", nemesis.ReplayPuts(), []string{"CONT-0*", "WRIT-*", "RESU-*", "MOVE-*"}, 0},
		// Not DELE-01 and -05: a delete that is repeated because its answer was lost, and then finds
		// nothing, can't tell whether there was something. The driver takes it for done.
		{"answers lost", nemesis.LoseAnswers(), []string{"CONT-0*", "WRIT-*", "RESU-*", "MOVE-*", "DELE-0[2346]"}, 0},
	} {
		t.Run(dialect.name, func(t *testing.T) {
			p, server := behind(t, server)
			p.Use(dialect.fault)
			cfg := config(server)
			cfg.Only, cfg.Limits.PageSize = dialect.only, dialect.pages
			over(t, server, cfg)
		})
	}
}
