package frontdoor

import (
	"testing"

	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
)

func testLocalDriver(t *testing.T) {
	drivertest.Run(t, func(tb testing.TB) *filesystem.Driver {
		d, err := filesystem.New(filesystem.Parameters{Root: tb.TempDir()})
		if err != nil {
			tb.Fatal(err)
		}
		return d
	}, drivertest.Config{
		SkipDir:      driver.ErrSkipDir,
		FilledBuffer: driver.ErrFilledBuffer,
		Semantics:    drivertest.Semantics{AppendCreates: true},
		Only:         few(), // not in the README
	})
}
