package drivertest_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/driver/inmemory"
)

// A driver author writes one test. Each rule gets a fresh store.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestDriver(t *testing.T)
		drivertest.Run(t, func(tb testing.TB) driver.Driver {
			d, err := filesystem.New(filesystem.Parameters{Root: tb.TempDir()})
			if err != nil {
				tb.Fatal(err)
			}
			return d
		}, drivertest.Config{
			SkipDir:      driver.ErrSkipDir,
			FilledBuffer: driver.ErrFilledBuffer,
			Semantics:    drivertest.Semantics{AppendCreates: true},
		})
	}
}

// With several handles to one store, and a way to open it again in another process, the rules
// about a second process and about crashes are judged, too. A rule that is known to be broken is
// waived, with a reason and an end.
func ExampleRunStore() {
	open := func(dir string) driver.Driver {
		d, err := filesystem.New(filesystem.Parameters{Root: dir})
		if err != nil {
			panic(err)
		}
		return d
	}
	_ = func(t *testing.T) { // func TestDriver(t *testing.T)
		drivertest.RunStore(t, func(tb testing.TB) func() driver.Driver {
			dir := tb.TempDir()
			return func() driver.Driver { return open(dir) }
		}, drivertest.Config{
			SkipDir:      driver.ErrSkipDir,
			FilledBuffer: driver.ErrFilledBuffer,
			Budget:       drivertest.Standard,
			Waivers: []drivertest.Waiver{{
				ID: "RESU-06", Reason: "append starts an upload; a fix is on its way",
				Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
			}},
			Hooks: drivertest.Hooks{Reopen: func(location string) (drivertest.Target, error) {
				return drivertest.Adapt(open(location)), nil
			}},
		})
	}
}

// Check is the same suite without package testing: for a command, or another test framework.
func ExampleCheck() {
	d := inmemory.New(inmemory.Parameters{})
	report := drivertest.Check(context.Background(), drivertest.Adapt(d), drivertest.Config{
		Only:    []string{"CONT-*", "STAT-05"},
		SkipDir: driver.ErrSkipDir, FilledBuffer: driver.ErrFilledBuffer,
	})
	fmt.Println(report.Driver, report.Err(), report.Totals()[drivertest.Passed])
	// Output: inmemory <nil> 12
}

// Every rule is data.
func ExampleChecks() {
	for _, c := range drivertest.Checks() {
		if c.ID == "DELE-03" {
			fmt.Println(c.Level, c.Group, c.Sentence)
		}
	}
	// Output: MUST delete Siblings that begin with the same name survive.
}

// A failure names the content that was written. Data makes it again.
func ExampleData() {
	fmt.Fprintf(os.Stdout, "%x\n", drivertest.Data(1, 1, 4))
	// Output: 588c9d72
}
