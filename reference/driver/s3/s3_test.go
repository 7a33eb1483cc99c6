package s3_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/ci/backends/nemesis"
	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/s3"
)

const mebi = 1 << 20

// roots numbers the root directories of the tests.
var roots atomic.Int64

func newRoot() string { return fmt.Sprintf("root%d", roots.Add(1)) }

// open returns the driver of a server; settings come before those of the
// server.
func open(tb testing.TB, server backends.S3, settings map[string]any) *s3.Driver {
	tb.Helper()
	all := server.Parameters()
	maps.Copy(all, settings)
	d, err := driverOf(all)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func driverOf(settings map[string]any) (*s3.Driver, error) {
	p, err := s3.ParseParameters(settings)
	if err != nil {
		return nil, err
	}
	// The waits of a real server would be most of the time of a test.
	p.MaxBackoff = 20 * time.Millisecond
	return s3.New(p)
}

// config is what is known of the driver and the server. DRIVERTEST_BUDGET asks
// for more than the quick budget.
func config(server backends.S3) drivertest.Config {
	cfg := drivertest.Config{
		SkipDir: driver.ErrSkipDir, FilledBuffer: driver.ErrFilledBuffer, Strict: true,
		Semantics: drivertest.Semantics{AppendCreates: true, WeakDelete: true, WeakMove: true},
		// The server appends to the names of files.
		Limits: drivertest.Limits{MaxComponent: 220, MaxPath: 800},
	}
	races := slices.Collect(maps.Keys(serverRaces()))
	switch os.Getenv("DRIVERTEST_BUDGET") {
	case "standard":
		cfg.Budget = drivertest.Standard
	case "long":
		cfg.Budget = drivertest.Long
	default:
		races = append(races, pageRules()...)
	}
	cfg.Only = without(races)
	// What takes time is the way to the server and back.
	cfg.Parallel = 8
	cfg.Hooks.Secrets = []string{server.SecretKey}
	return cfg
}

// serverRaces are the rules that the server breaks by itself. TestServerRaces
// shows the server's part in them without our driver, and judges them where a
// proxy mends it.
func serverRaces() map[string]string {
	return map[string]string{
		"CONC-09": "a PUT is refused as onto a directory while its parent is being removed",
		"LIST-12": "the name under which the server replaces an object shows in listings, and looks like any other",
		"LINZ-02": "an upload that was aborted is completed with success, and without effect",
	}
}

// without returns the ids of all rules but some.
func without(some []string) []string {
	var ids []string
	for _, rule := range drivertest.Checks() {
		if !slices.Contains(some, rule.ID) {
			ids = append(ids, rule.ID)
		}
	}
	return ids
}

// over judges the driver, each rule in a root directory of its own.
func over(t *testing.T, server backends.S3, cfg drivertest.Config) {
	t.Helper()
	drivertest.RunStore(t, func(tb testing.TB) func() *s3.Driver {
		settings := map[string]any{"rootdirectory": newRoot()}
		return func() *s3.Driver { return open(tb, server, settings) }
	}, cfg)
}

// TestRules judges the driver over a server that does what it should, and,
// where a rule asks for it, one that fails.
// It shows S-011, K-62.
func TestRules(t *testing.T) {
	server := backends.StartS3(t)
	cfg := config(server)
	cfg.Hooks.Fault = func(kind drivertest.Fault) (drivertest.Faulty, error) { return faulty(t, server, kind) }
	cfg.Hooks.Misplaced = func() (drivertest.Target, error) {
		return drivertest.Adapt(open(t, server, map[string]any{"bucket": "nobody-has-this"})), nil
	}
	cfg.Hooks.Rooted = rooted(t, server)
	cfg.Hooks.Chunked = func(size int64) (drivertest.Target, error) {
		d, err := driverOf(with(server, map[string]any{"rootdirectory": newRoot(), "chunksize": size}))
		return drivertest.Adapt(d), err
	}
	cfg.Limits.MinPart = 5 * mebi
	cfg.Hooks.Reopen = func(location string) (drivertest.Target, error) { return reopen(server.Parameters(), location) }
	cfg.Hooks.Worker = func(job string) *exec.Cmd { return worker(server, job) }
	over(t, server, cfg)
}

func with(server backends.S3, settings map[string]any) map[string]any {
	all := server.Parameters()
	maps.Copy(all, settings)
	return all
}

// rooted opens drivers below one directory of the bucket at a time.
func rooted(tb testing.TB, server backends.S3) func(root string, fresh bool) (drivertest.Target, error) {
	base := newRoot()
	return func(root string, fresh bool) (drivertest.Target, error) {
		if fresh {
			base = newRoot()
		}
		return drivertest.Adapt(open(tb, server, map[string]any{"rootdirectory": base + "/" + strings.Trim(root, "/")})), nil
	}
}

// faulty opens a store whose server can be told to fail.
func faulty(tb testing.TB, server backends.S3, kind drivertest.Fault) (drivertest.Faulty, error) {
	p := nemesis.New(tb, server.URL, server.AccessKey, server.SecretKey)
	f := drivertest.Faulty{Disarm: func() { p.Use(nil) }}
	f.Target = drivertest.Adapt(open(tb, server, map[string]any{"regionendpoint": p.URL.String(), "rootdirectory": newRoot()}))
	use := func(fault nemesis.Fault) func() { return func() { p.Use(fault) } }
	switch kind {
	case drivertest.NoSpace:
		f.Arm = use(nemesis.Writes(http.StatusInsufficientStorage, "QuotaExceeded"))
	case drivertest.Unavailable:
		f.Arm = use(nemesis.Always(http.StatusServiceUnavailable, "SlowDown"))
	case drivertest.Flaky:
		f.Arm = use(nemesis.SlowDown())
	case drivertest.Truncated:
		f.Arm = use(nemesis.CutBodies())
	case drivertest.LostReply:
		f.Arm = use(nemesis.LoseAnswers())
	case drivertest.SecondPage:
		f.Arm = use(nemesis.FailLaterPages(10))
	case drivertest.Forbidden:
		f.Arm = use(nemesis.Always(http.StatusForbidden, "AccessDenied"))
	case drivertest.ReadOnly:
		f.Arm = use(nemesis.Writes(http.StatusForbidden, "AccessDenied"))
	case drivertest.Stalled:
		f.Arm = func() { p.Delay(nemesis.Stall) }
	case drivertest.Slow:
		f.Arm = func() { p.Delay(nemesis.Drip) }
	default:
		return f, errors.ErrUnsupported
	}
	return f, nil
}

// pageRules take more entries than a page holds.
func pageRules() []string {
	return []string{"LIST-07", "LIST-08", "LIST-09", "WALK-18", "DELE-07", "DELE-11", "CTXT-04", "FALT-08"}
}

// TestPages judges what takes many pages over a server with small ones, where
// TestRules leaves it out.
func TestPages(t *testing.T) {
	t.Parallel()
	const size = 100
	server := backends.StartS3(t)
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	p.Use(nemesis.SmallPages(size))
	behind := server
	behind.URL = p.URL
	cfg := config(behind)
	cfg.Only, cfg.Limits.PageSize = pageRules(), size
	cfg.Hooks.Fault = func(kind drivertest.Fault) (drivertest.Faulty, error) { return faulty(t, server, kind) }
	over(t, behind, cfg)
}

// TestDialects judges the driver over servers that are within their rights, or
// nearly so.
func TestDialects(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	lists := []string{"LIST-0[1-6]", "WALK-0*", "WALK-1[0-7]", "WALK-2[13]", "DELE-0[1-6]", "STAT-0*", "REGI-02"}
	writes := []string{"CONT-0*", "WRIT-0*", "RESU-0*", "MOVE-01"}
	for _, dialect := range []struct {
		name  string
		fault nemesis.Fault
		only  []string
	}{
		{"three entries a page", nemesis.SmallPages(3), []string{"LIST-0*", "WALK-0*", "WALK-1*", "WALK-2[13]", "DELE-0[1-7]", "STAT-0[1-8]", "REGI-02", "RESU-0*"}},
		{"listings backwards", nemesis.ReversedPages(), lists},
		{"no count of keys", nemesis.NoKeyCount(), lists},
		{"a directory lists itself", nemesis.OwnPrefix(), []string{"LIST-0[1-6]", "WALK-0*", "WALK-1[0-7]", "WALK-2[13]", "STAT-0[1-8]", "REGI-02"}},
		{"blind to ancestors", nemesis.BlindToAncestors(), lists},
		{"connections reset while sending", nemesis.ResetUploads(), writes},
		{"repeated puts", nemesis.ReplayPuts(), append(writes, "MOVE-0[1-6]")},
		{"equal parts", nemesis.EqualParts(), []string{"RESU-0*", "WRIT-0*", "CHNK-03"}},
		{"answers shorter than announced", nemesis.WrongLength(), []string{"CONT-0*", "READ-0*", "READ-1*"}},
		{"no ranges", nemesis.IgnoreRanges(), []string{"READ-*", "CONT-0*"}},
		{"slow down", nemesis.SlowDown(), []string{"CONT-0[2-4]", "STAT-0[1-5]", "LIST-01", "WALK-01", "MOVE-01", "DELE-0[125]", "RESU-0[12]"}},
	} {
		t.Run(dialect.name, func(t *testing.T) {
			p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
			p.Use(dialect.fault)
			behind := server
			behind.URL = p.URL
			cfg := config(behind)
			cfg.Only, cfg.Limits.PageSize = dialect.only, 3
			over(t, behind, cfg)
		})
	}
}
