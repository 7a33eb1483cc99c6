package upstream

import (
	"testing"

	"github.com/registryconform/conform/ci/backends/disk"
	"github.com/registryconform/conform/drivertest"
)

// TestFilesystemOnFullDisk judges the filesystem driver on a disk of a mebibyte.
func TestFilesystemOnFullDisk(t *testing.T) {
	if !disk.Inside(t) {
		return
	}
	cfg := strict()
	cfg.Only = []string{"FALT-01", "FALT-02", "ERRS-07"}
	cfg.Hooks = disk.Failing(func(root string) (drivertest.Target, error) {
		return drivertest.Adapt(rootedAt(root)), nil
	}, drivertest.NoSpace, disk.Tmpfs("size=1m"), disk.Nothing)
	compare(t, goldenFullDisk(), cfg, func(tb testing.TB) drivertest.Target { return drivertest.Adapt(rootedAt(tb.TempDir())) })
}
