package drivertest_test

import (
	"os"
	"sync"
	"testing"

	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
)

// ours is the configuration of the reference's drivers, which keep every SHOULD too. The contract
// lets append start an upload.
// DRIVERTEST_BUDGET asks for more than the quick budget.
func ours() drivertest.Config {
	cfg := drivertest.Config{
		SkipDir: driver.ErrSkipDir, FilledBuffer: driver.ErrFilledBuffer,
		Strict:    true,
		Semantics: drivertest.Semantics{AppendCreates: true},
	}
	switch os.Getenv("DRIVERTEST_BUDGET") {
	case "standard":
		cfg.Budget = drivertest.Standard
	case "long":
		cfg.Budget = drivertest.Long
	}
	return cfg
}

// TestInMemory shows S-009, S-109, S-163, S-180, K-57.
func TestInMemory(t *testing.T) {
	drivertest.RunStore(t, func(testing.TB) func() *inmemory.Driver {
		d := inmemory.New(inmemory.Parameters{})
		return func() *inmemory.Driver { return d }
	}, ours())
}

// TestFilesystem shows S-010, K-58, K-64.
func TestFilesystem(t *testing.T) { judgeFilesystem(t, false) }

// TestFilesystemExclusive judges a driver that remembers what it knows.
func TestFilesystemExclusive(t *testing.T) { judgeFilesystem(t, true) }

// judgeFilesystem judges one driver for each opening of a store, or the only one.
func judgeFilesystem(t *testing.T, exclusive bool) {
	open := func(root string) (driver.Driver, error) {
		return filesystem.New(filesystem.Parameters{Root: root, Exclusive: exclusive})
	}
	cfg := ours()
	cfg.Hooks.Reopen = func(dir string) (drivertest.Target, error) {
		d, err := open(dir)
		return drivertest.Adapt(d), err
	}
	drivertest.RunStore(t, func(tb testing.TB) func() driver.Driver {
		root := tb.TempDir()
		next := func() driver.Driver {
			d, err := open(root)
			if err != nil {
				tb.Error(err)
			}
			return d
		}
		if exclusive {
			next = sync.OnceValue(next)
		}
		return next
	}, cfg)
}

func BenchmarkInMemory(b *testing.B) {
	drivertest.Benchmark(b, func(testing.TB) *inmemory.Driver { return inmemory.New(inmemory.Parameters{}) }, ours())
}

func BenchmarkFilesystem(b *testing.B) {
	drivertest.Benchmark(b, func(tb testing.TB) driver.Driver {
		d, err := filesystem.New(filesystem.Parameters{Root: tb.TempDir()})
		if err != nil {
			tb.Fatal(err)
		}
		return d
	}, ours())
}
