package upstream

import (
	"os"
	"testing"

	"github.com/distribution/distribution/v3/registry/storage/driver/filesystem"

	"github.com/registryconform/conform/drivertest"
	ours "github.com/registryconform/conform/reference/driver/filesystem"
)

// shared is where Linux mounts a file system in memory.
const shared = "/dev/shm"

// BenchmarkFilesystem measures our filesystem driver, as it is and relaxed, where it flushes nothing,
// and distribution's, over the same file systems: that of temporary files, and one in memory, where
// flushing costs next to nothing. Pivot it by benchstat -col /driver.
func BenchmarkFilesystem(b *testing.B) {
	b.Run("medium=disk", func(b *testing.B) { allDrivers(b, "") })
	b.Run("medium=memory", func(b *testing.B) {
		if _, err := os.Stat(shared); err != nil {
			b.Skipf("there is no file system in memory: %v", err)
		}
		allDrivers(b, shared)
	})
}

// allDrivers measures all in new directories below dir ("": that of temporary files).
func allDrivers(b *testing.B, dir string) {
	root := func(tb testing.TB) string {
		tb.Helper()
		root, err := os.MkdirTemp(dir, "drivers")
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { os.RemoveAll(root) })
		return root
	}
	b.Run("driver=distribution", func(b *testing.B) {
		drivertest.Benchmark(b, func(tb testing.TB) *filesystem.Driver { return rootedAt(root(tb)) }, strict())
	})
	for _, kind := range []struct {
		name   string
		noSync bool
	}{{"ours", false}, {"relaxed", true}} {
		b.Run("driver="+kind.name, func(b *testing.B) {
			drivertest.Benchmark(b, func(tb testing.TB) *ours.Driver {
				d, err := ours.New(ours.Parameters{Root: root(tb), NoSync: kind.noSync})
				if err != nil {
					tb.Fatal(err)
				}
				return d
			}, strict())
		})
	}
}
